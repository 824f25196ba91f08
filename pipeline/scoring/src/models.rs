//! The gate and the encoder behind one handle.

use std::path::Path;

use streife_domain::{Head, Heads, Language, Span};

use crate::{Device, ScoringError};

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

/// The models in use. Shared between threads by reference.
#[derive(Debug)]
pub struct Models {}

impl Models {
    /// Opens the models of a folder and checks hashes and golden scores.
    ///
    /// # Errors
    /// [`ScoringError`] when a model is missing, broken or not the released one.
    pub fn open(options: &OpenOptions<'_>) -> Result<Self, ScoringError> {
        Err(ScoringError::NoModel { folder: options.models.to_owned(), kind: "gate" })
    }

    /// No models at all: every text goes without scores.
    pub fn off() -> Self {
        Self {}
    }

    /// The versions of gate and encoder: `name@` and 12 hex digits, `none` where off.
    pub fn versions(&self) -> (String, String) {
        ("none".to_owned(), "none".to_owned())
    }

    /// What the cheap model says; nothing when models are off. Microseconds.
    pub fn gate(&self, _text: &str, _language: &Language) -> Option<GateScore> {
        None
    }

    /// Calibrated scores of the encoder for one text. Blocks; waits when all sessions are busy.
    ///
    /// # Errors
    /// [`ScoringError`] when the encoder is off or fails on this text.
    pub fn encode(&self, _text: &str, _language: &Language) -> Result<Heads<f32>, ScoringError> {
        Err(ScoringError::EncoderOff)
    }

    /// [`Models::encode`] for many texts, spread over the sessions; the same scores bit for bit.
    pub fn encode_many(&self, texts: &[(&str, &Language)]) -> Vec<Result<Heads<f32>, ScoringError>> {
        texts.iter().map(|(text, language)| self.encode(text, language)).collect()
    }

    /// The heads over their threshold for this language, in order.
    pub fn labels(&self, _scores: &Heads<f32>, _language: &Language) -> Vec<Head> {
        Vec::new()
    }

    /// Which parts of the text carried the score of `head`: spans in `text` with their weights, heaviest first.
    ///
    /// # Errors
    /// As [`Models::encode`].
    pub fn explain(
        &self,
        _text: &str,
        _language: &Language,
        _head: Head,
    ) -> Result<Vec<(Span, f32)>, ScoringError> {
        Err(ScoringError::EncoderOff)
    }
}
