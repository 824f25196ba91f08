//! Model manifests, the gate, the tokeniser and the ONNX encoder.
//!
//! Two models look at a text: the *gate*, a linear model over hashed n-grams that sees every post in microseconds, and the
//! *encoder*, a transformer that sees what passes the gate. Both give calibrated probabilities per [`Head`]; a head that was
//! not measured good enough in a language says nothing there. The only crate that knows ONNX Runtime.
//!
//! [`Head`]: streife_domain::Head

mod bare;
mod calibration;
mod device;
mod encoder;
mod error;
mod eval;
mod explain;
mod gate;
mod golden;
mod library;
mod manifest;
mod metrics;
mod models;
mod onnx;
mod run;
mod together;
mod tokenizer;

pub use bare::Bare;
pub use calibration::Calibration;
pub use device::{Device, UnknownDevice};
pub use encoder::{MAX_SESSIONS, QUEUE_PER_SESSION};
pub use error::ScoringError;
pub use eval::{LabelledText, Measured, Metrics, eval};
pub use explain::{MAX_PARTS, MAX_SPANS};
pub use gate::features::{MAX_CODE_POINTS, each as each_feature};
pub use library::{Check, Installed, card, list, released, verify};
pub use manifest::{
    Golden, Graph, Header, Kind, MANIFEST_FILE, Manifest, ModelFile, Pass, Role, Undetermined,
};
pub use metrics::{descriptions as metric_descriptions, encoder_tokens};
pub use models::{GateScore, Models, OpenOptions, ShadowScore};
pub use onnx::LIBRARY;
pub use tokenizer::Tokenizer;
