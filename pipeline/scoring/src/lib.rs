//! Model manifests, the gate, the tokeniser and the ONNX encoder.
//!
//! Two models look at a text: the *gate*, a linear model over hashed n-grams that sees every post in microseconds, and the
//! *encoder*, a transformer that sees what passes the gate. Both give calibrated probabilities per [`Head`]; a head that was
//! not measured good enough in a language says nothing there. The only crate that knows ONNX Runtime.
//!
//! [`Head`]: streife_domain::Head

mod device;
mod error;
mod models;
mod tokenizer;

pub use device::{Device, UnknownDevice};
pub use error::ScoringError;
pub use models::{GateScore, Models, OpenOptions};
pub use tokenizer::Tokenizer;
