//! The gate and the encoder behind one handle. It never changes: who exchanges models shares a new handle, and texts that are being
//! scored finish with the one they began with.

use std::path::Path;

use streife_domain::{Head, Heads, Language, Span};

use crate::encoder::Encoder;
use crate::gate::Gate;
use crate::manifest::{Kind, Manifest, Role};
use crate::{Device, ScoringError, explain, library, metrics};

/// The written form of a version where a model is off.
const OFF: &str = "none";

/// What to open, and from where.
#[derive(Debug, Clone, Copy)]
pub struct OpenOptions<'a> {
    /// The folder with one folder for each model.
    pub models: &'a Path,
    /// The folder with the native parts (`onnxruntime-<version>/libonnxruntime.so`).
    pub parts: &'a Path,
    /// Open the encoder too; without it only the gate scores.
    pub encoder: bool,
    /// Where the encoder runs.
    pub device: Device,
    /// How many sessions, each with a thread of its own; at least 1.
    pub sessions: usize,
}

/// What the cheap model says.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct GateScore {
    /// Probability that the encoder would flag the text, 0 to 1.
    pub score: f32,
    /// Is the text worth the encoder's time?
    pub passes: bool,
    /// Calibrated cheap scores; heads that say nothing for the language are absent.
    pub heads: Heads<f32>,
}

/// What a shadow model says of a text: recorded, never used.
#[derive(Debug)]
pub struct ShadowScore {
    /// Version of the shadow model.
    pub version: String,
    /// Its calibrated scores.
    pub scores: Result<Heads<f32>, ScoringError>,
}

/// The models in use, shared between threads by reference. The metric `streife_scoring_model` counts them until they are dropped.
#[derive(Debug, Default)]
pub struct Models {
    gate: Option<Gate>,
    encoder: Option<Encoder>,
    shadows: Vec<Encoder>,
}

impl Drop for Models {
    fn drop(&mut self) {
        self.announce(-1);
    }
}

impl Models {
    /// Adds `change` to the number of uses of each model.
    fn announce(&self, change: i64) {
        let gate = self.gate.iter().map(|gate| ("active", gate.manifest()));
        let encoder = self.encoder.iter().map(|encoder| ("active", encoder.manifest()));
        let shadows = self.shadows.iter().map(|encoder| ("shadow", encoder.manifest()));
        for (role, manifest) in gate.chain(encoder).chain(shadows) {
            let labels = [manifest.header.kind.as_str(), role, &manifest.version()];
            metrics::MODEL.with_label_values(&labels).add(change);
        }
    }

    /// Lets the shadow models score what the active one has scored, and counts where their labels differ.
    fn compare_shadows(
        &self,
        active: &Encoder,
        texts: &[(&str, &Language)],
        scores: &[Result<Heads<f32>, ScoringError>],
    ) {
        for shadow in &self.shadows {
            for (((_, language), active_scores), shadow_scores) in
                texts.iter().zip(scores).zip(shadow.encode(texts))
            {
                if let (Ok(ours), Ok(theirs)) = (active_scores, shadow_scores) {
                    let ours = labels(Some(active.manifest()), ours, language);
                    let theirs = labels(Some(shadow.manifest()), &theirs, language);
                    metrics::shadow(shadow.manifest(), &ours, &theirs);
                }
            }
        }
    }

    /// Opens the models of a folder: the active gate, and with `encoder` the active encoder and all shadow encoders. Checks
    /// sizes, hashes, inputs and golden scores.
    ///
    /// # Errors
    /// [`ScoringError`] when a model is missing, broken or not the released one.
    pub fn open(options: &OpenOptions<'_>) -> Result<Self, ScoringError> {
        let gate = Gate::open(Manifest::read(&library::active(options.models, Kind::Gate)?)?)?;
        let (mut encoder, mut shadows) = (None, Vec::new());
        if options.encoder {
            let folder = library::active(options.models, Kind::Encoder)?;
            encoder = Some(Encoder::open(Manifest::read(&folder)?, options)?);
            for folder in library::with_role(options.models, Kind::Encoder, Role::Shadow)? {
                let one_session = OpenOptions { sessions: 1, ..*options };
                shadows.push(Encoder::open(Manifest::read(&folder)?, &one_session)?);
            }
        }
        // Complete or not there: dropping takes back what is announced here.
        let opened = Self { gate: Some(gate), encoder, shadows };
        opened.announce(1);
        Ok(opened)
    }

    /// No models at all: every text goes without scores.
    pub fn off() -> Self {
        Self::default()
    }

    /// Counts that models in use gave way to newer ones; for who exchanges them.
    pub fn count_exchange() {
        metrics::EXCHANGES.inc();
    }

    /// The versions of gate and encoder: `name@` and 12 hex digits, `none` where off.
    pub fn versions(&self) -> (String, String) {
        let version =
            |manifest: Option<&Manifest>| manifest.map_or_else(|| OFF.to_owned(), Manifest::version);
        (
            version(self.gate.as_ref().map(Gate::manifest)),
            version(self.encoder.as_ref().map(Encoder::manifest)),
        )
    }

    /// What the cheap model says; nothing when models are off. Microseconds.
    pub fn gate(&self, text: &str, language: &Language) -> Option<GateScore> {
        self.gate.as_ref().map(|gate| gate.score(text, language))
    }

    /// Calibrated scores of the encoder for one text. Blocks; waits when all sessions are busy. A text without words, or in a
    /// language without usable heads, gets no scores.
    ///
    /// # Errors
    /// [`ScoringError`] when the encoder is off or fails on this text.
    pub fn encode(&self, text: &str, language: &Language) -> Result<Heads<f32>, ScoringError> {
        self.encode_many(&[(text, language)]).pop().unwrap_or(Err(ScoringError::EncoderOff))
    }

    /// [`Models::encode`] for many texts, spread over the sessions; the same scores bit for bit, in order. Shadow models score
    /// the same texts afterwards; where their labels differ is counted (`streife_scoring_shadow_labels_total`), nothing else.
    pub fn encode_many(&self, texts: &[(&str, &Language)]) -> Vec<Result<Heads<f32>, ScoringError>> {
        match &self.encoder {
            Some(encoder) => {
                let scores = encoder.encode(texts);
                self.compare_shadows(encoder, texts, &scores);
                scores
            }
            None => texts.iter().map(|_| Err(ScoringError::EncoderOff)).collect(),
        }
    }

    /// What each shadow model says of a text.
    pub fn shadow(&self, text: &str, language: &Language) -> Vec<ShadowScore> {
        let one = |encoder: &Encoder| ShadowScore {
            version: encoder.manifest().version(),
            scores: encoder.encode(&[(text, language)]).pop().unwrap_or(Err(ScoringError::EncoderOff)),
        };
        self.shadows.iter().map(one).collect()
    }

    /// The heads over their threshold for this language, in order: by the encoder's thresholds, or the gate's where the encoder
    /// is off. For scores of the gate while the encoder is on, use [`Models::gate_labels`].
    pub fn labels(&self, scores: &Heads<f32>, language: &Language) -> Vec<Head> {
        let gate = || self.gate.as_ref().map(Gate::manifest);
        labels(self.encoder.as_ref().map(Encoder::manifest).or_else(gate), scores, language)
    }

    /// The heads over the gate's thresholds, for scores of [`GateScore::heads`].
    pub fn gate_labels(&self, scores: &Heads<f32>, language: &Language) -> Vec<Head> {
        labels(self.gate.as_ref().map(Gate::manifest), scores, language)
    }

    /// Which words of the text carried the encoder's score of `head`: spans in `text` with the loss of score without them,
    /// heaviest first. An assessment, not a fact.
    ///
    /// # Errors
    /// As [`Models::encode`].
    pub fn explain(
        &self,
        text: &str,
        language: &Language,
        head: Head,
    ) -> Result<Vec<(Span, f32)>, ScoringError> {
        explain::occlusion(text, head, |texts| {
            let texts: Vec<_> = texts.iter().map(|text| (text.as_str(), language)).collect();
            let encoder = self.encoder.as_ref().ok_or(ScoringError::EncoderOff)?;
            encoder.encode(&texts).into_iter().collect()
        })
    }

    /// Which words carried the gate's output for `head`, or its decision to pass where `head` is nothing: spans in `text` with
    /// the weight of their n-grams. Nothing when models are off.
    pub fn explain_gate(&self, text: &str, head: Option<Head>) -> Vec<(Span, f32)> {
        self.gate.as_ref().map_or_else(Vec::new, |gate| explain::gate(gate, text, head))
    }
}

fn labels(manifest: Option<&Manifest>, scores: &Heads<f32>, language: &Language) -> Vec<Head> {
    manifest.map_or_else(Vec::new, |manifest| {
        manifest.language_for(language).map_or_else(Vec::new, |language| manifest.labels(language, scores))
    })
}
