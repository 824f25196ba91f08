//! The encoder's graph without our serving: what a plain loop over ONNX Runtime gives. Only the benchmark uses it, as the peer.

use std::path::Path;

use ort::session::Session;
use streife_domain::Heads;

use crate::encoder::TOKENIZER_FILE;
use crate::manifest::{Graph, Kind, Manifest};
use crate::run::{run, run_together};
use crate::{Device, OpenOptions, ScoringError, Tokenizer, library, onnx};

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
        run(&mut self.session, &self.graph, ids)
    }

    /// Raw outputs of several texts in one run, all padded to the longest.
    ///
    /// # Errors
    /// [`ScoringError::Inference`].
    pub fn together(&mut self, texts: &[Vec<i64>]) -> Result<Vec<Vec<f32>>, ScoringError> {
        run_together(&mut self.session, &self.graph, texts)
    }
}
