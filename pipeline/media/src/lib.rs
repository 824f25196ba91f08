//! What can be said of a picture without showing it to anybody: a perceptual hash, whether a hash bank knows it, the text
//! in it. Pictures come from strangers: everything is bounded, and what breaks a bound is refused with a reason.
//!
//! No picture is written to disk here, and none leaves this crate: only what was found in it. There is no recognition of
//! faces or persons, and none is to be added (docs/security.md).

mod bank;
mod decode;
mod index;
mod look;
mod ocr;
mod pdq;
#[cfg(feature = "test-support")]
pub mod testing;

pub use bank::{Bank, BankBuilder, BankError, Treatment};
pub use decode::{DecodeError, Luminance, MAX_EDGE, MAX_PIXELS, MIN_EDGE, decode};
pub use index::{HashIndex, Near, linear};
pub use look::{Looker, Seen};
pub use ocr::{Isolation, MAX_TEXT_BYTES, Ocr, OcrError, Tesseract, TesseractConfig};
pub use pdq::{MATCH_DISTANCE, MIN_QUALITY, Pdq, pdq};
