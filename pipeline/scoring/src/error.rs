//! What can go wrong, where, and what to do about it. No message holds post text.

use std::path::PathBuf;

use streife_domain::Head;

/// Why a model cannot be opened or a text cannot be scored.
#[derive(Debug, thiserror::Error)]
pub enum ScoringError {
    /// A file cannot be read.
    #[error("{}: cannot be read; check that it exists and that this user may read it", path.display())]
    Read {
        /// The file or folder.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A manifest is not TOML, or not of the shape of [`crate::Manifest`], or contradicts itself.
    #[error("{}: {message}", path.display())]
    Manifest {
        /// The manifest.
        path: PathBuf,
        /// What is wrong and what to do.
        message: String,
    },
    /// There is no model of the kind that is asked for.
    #[error("{}: no {kind} model with role \"active\"; restore the folder from the release or switch this model off", folder.display())]
    NoModel {
        /// The folder that was searched.
        folder: PathBuf,
        /// `gate` or `encoder`.
        kind: &'static str,
    },
    /// A manifest names a file that is not there.
    #[error("model {model}: {} is missing; restore it from the release (its SHA-256 stands in the manifest)", path.display())]
    MissingFile {
        /// The model's name.
        model: String,
        /// The file.
        path: PathBuf,
    },
    /// A file is not the one that the manifest was written for.
    #[error(
        "model {model}: {} has {found}, the manifest says {expected}; restore the file from the release, or release the model anew with `streife models verify`",
        path.display()
    )]
    WrongFile {
        /// The model's name.
        model: String,
        /// The file.
        path: PathBuf,
        /// Size or hash according to the manifest.
        expected: String,
        /// Size or hash of the file.
        found: String,
    },
    /// The file is no tokeniser or no gate that this build can run.
    #[error("model {model}: {}: {message}", path.display())]
    Unsupported {
        /// The model's name.
        model: String,
        /// The file.
        path: PathBuf,
        /// What is not supported.
        message: String,
    },
    /// The ONNX graph wants other inputs or gives other outputs than the manifest says.
    #[error(
        "model {model}: the graph has {found}, the manifest says {expected}; correct the manifest or take the graph it belongs to"
    )]
    WrongGraph {
        /// The model's name.
        model: String,
        /// Inputs and outputs according to the manifest.
        expected: String,
        /// Inputs and outputs of the graph.
        found: String,
    },
    /// A model no longer gives the scores it was released with.
    #[error(
        "model {model}: golden text {number}, head {head}: {found:?} instead of {expected:?} (tolerance {tolerance}); do not use this machine's scores before the cause is known: compare the version of ONNX Runtime with config/parts.toml and run `streife models verify`"
    )]
    Golden {
        /// The model's name.
        model: String,
        /// Which golden text, from 1.
        number: usize,
        /// Which head.
        head: Head,
        /// The score in the manifest; absent where the head says nothing.
        expected: Option<f32>,
        /// The score computed now.
        found: Option<f32>,
        /// How far they may differ.
        tolerance: f32,
    },
    /// ONNX Runtime cannot be loaded.
    #[error("{}: ONNX Runtime cannot be loaded: {message}; run `streife setup`, or set STREIFE_PARTS to the folder with the native parts", path.display())]
    Runtime {
        /// The library.
        path: PathBuf,
        /// What the loader says.
        message: String,
    },
    /// The device cannot be used.
    #[error("device {device}: {message}")]
    Device {
        /// As written on the command line.
        device: String,
        /// What is missing.
        message: String,
    },
    /// ONNX Runtime cannot make a session from the model.
    #[error("model {model}: ONNX Runtime cannot open the graph: {message}")]
    Session {
        /// The model's name.
        model: String,
        /// What ONNX Runtime says.
        message: String,
    },
    /// The encoder was not opened ([`crate::OpenOptions::encoder`] is false, or models are off).
    #[error("the encoder is off; open the models with the encoder to score with it")]
    EncoderOff,
    /// The encoder fails on this one text; others are not affected.
    #[error("the encoder cannot score this text: {0}")]
    Inference(String),
    /// The thread that owns the session is gone.
    #[error("the encoder has stopped; restart the process")]
    Stopped,
    /// A line of an evaluation file is not of the shape of [`crate::LabelledText`].
    #[error("line {line}: {message}")]
    Labelled {
        /// From 1.
        line: usize,
        /// What is wrong.
        message: String,
    },
}

impl ScoringError {
    /// Concerns this text alone: retrying fails again, other texts are fine.
    pub const fn is_about_one_text(&self) -> bool {
        matches!(self, Self::Inference(_) | Self::Labelled { .. })
    }
}
