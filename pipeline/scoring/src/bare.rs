//! The encoder's graph without our serving: what a plain loop over ONNX Runtime gives. Only the benchmark uses it, as the peer.

use std::path::Path;

use ort::session::Session;
use ort::value::TensorRef;
use streife_domain::Heads;

use crate::encoder::{self, TOKENIZER_FILE};
use crate::manifest::{Graph, Kind, Manifest};
use crate::{Device, OpenOptions, ScoringError, Tokenizer, library, onnx};

/// The padding token of the vocabulary.
const PADDING: i64 = 1;

/// One session on the caller's thread.
#[derive(Debug)]
pub struct Bare {
    session: Session,
    graph: Graph,
    tokenizer: Tokenizer,
    manifest: Manifest,
}

impl Bare {
    /// Opens the active encoder of a folder.
    ///
    /// # Errors
    /// [`ScoringError`] when a part is missing or wrong.
    pub fn open(models: &Path, parts: &Path) -> Result<Self, ScoringError> {
        let manifest = Manifest::read(&library::active(models, Kind::Encoder)?)?;
        let options = OpenOptions { models, parts, encoder: true, device: Device::Cpu, sessions: 1 };
        let graph = manifest
            .graph
            .clone()
            .ok_or_else(|| manifest.unsupported("manifest.toml", "no [graph]".to_owned()))?;
        let tokenizer = Tokenizer::from_json(&manifest.file(TOKENIZER_FILE)?, graph.max_tokens)
            .map_err(|message| manifest.unsupported(TOKENIZER_FILE, message))?;
        let model = manifest.file(&format!("model-{}.onnx", graph.precision))?;
        let session = onnx::session(options.parts, options.device, &manifest, &graph, &model)?;
        Ok(Self { session, graph, tokenizer, manifest })
    }

    /// The token ids of a text, cleaned and with the model's prefix.
    pub fn ids(&self, text: &str) -> Vec<i64> {
        self.tokenised(&self.prepared(text))
    }

    /// A text cleaned and with the model's prefix.
    pub fn prepared(&self, text: &str) -> String {
        format!("{}{}", self.graph.prefix, streife_text::clean_for_models(text))
    }

    /// The token ids of a prepared text.
    pub fn tokenised(&self, prepared: &str) -> Vec<i64> {
        self.tokenizer.encode(prepared)
    }

    /// What the product makes of raw outputs.
    pub fn calibrated(&self, language: &str, logits: &[f32]) -> Heads<f32> {
        self.manifest.calibrated(language, logits)
    }

    /// Raw outputs of one text at its exact length.
    ///
    /// # Errors
    /// [`ScoringError::Inference`].
    pub fn one(&mut self, ids: &[i64]) -> Result<Vec<f32>, ScoringError> {
        encoder::run(&mut self.session, &self.graph, ids)
    }

    /// Raw outputs of several texts in one run, all padded to the longest.
    ///
    /// # Errors
    /// [`ScoringError::Inference`].
    pub fn together(&mut self, texts: &[Vec<i64>]) -> Result<Vec<Vec<f32>>, ScoringError> {
        let failed = |error: ort::Error| ScoringError::Inference(error.to_string());
        let length = texts.iter().map(Vec::len).max().unwrap_or_default();
        let mut ids = Vec::with_capacity(texts.len() * length);
        let mut mask = Vec::with_capacity(texts.len() * length);
        for text in texts {
            let padding = length - text.len();
            ids.extend(text.iter().copied().chain(std::iter::repeat_n(PADDING, padding)));
            mask.extend(std::iter::repeat_n(1, text.len()).chain(std::iter::repeat_n(0_i64, padding)));
        }
        let shape = [texts.len(), length];
        let ids = TensorRef::from_array_view((shape, ids.as_slice())).map_err(failed)?;
        let mask = TensorRef::from_array_view((shape, mask.as_slice())).map_err(failed)?;
        let [ids_name, mask_name] = &self.graph.inputs;
        let inputs = ort::inputs![ids_name.as_str() => ids, mask_name.as_str() => mask];
        let outputs = self.session.run(inputs).map_err(failed)?;
        let output = outputs
            .get(&self.graph.output)
            .ok_or_else(|| ScoringError::Inference("the output is missing".to_owned()))?;
        let (_, logits) = output.try_extract_tensor::<f32>().map_err(failed)?;
        Ok(logits.chunks(self.manifest.heads.len()).map(<[f32]>::to_vec).collect())
    }
}
