//! One picture: what it is, who knows it, what it says.

use std::sync::Arc;

use sha2::{Digest, Sha256};
use streife_domain::BankMatch;

use crate::{Bank, DecodeError, MIN_QUALITY, Ocr, OcrError, Pdq, decode, pdq};

/// What was found in a picture.
#[derive(Debug)]
pub struct Seen {
    /// SHA-256 of the file, in hexadecimal.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// The perceptual hash; absent for pictures with too little structure, and for pictures that may not be stored: from a
    /// perceptual hash a blurred copy can be made.
    pub pdq: Option<Pdq>,
    /// The lists that know it.
    pub banks: Vec<BankMatch>,
    /// The text in it; absent where nothing looked for it, empty where there is none.
    pub text: Option<String>,
    /// Why the text could not be read.
    pub ocr_problem: Option<OcrError>,
    /// Why nothing could be said of the picture but its hash and length.
    pub decode_problem: Option<DecodeError>,
}

impl Seen {
    /// May not be kept, read or shown.
    pub fn is_barred(&self) -> bool {
        self.banks.iter().any(|known| known.never_store)
    }
}

/// Looks at pictures.
#[derive(Clone, Default)]
pub struct Looker {
    /// Known pictures.
    pub bank: Option<Arc<Bank>>,
    /// Reads text; `None`: nobody does.
    pub ocr: Option<Arc<dyn Ocr>>,
}

impl Looker {
    /// Looks at one file. Takes as long as decoding and reading do: not for a thread that others wait on.
    pub fn look(&self, file: &[u8]) -> Seen {
        let mut seen = Seen {
            sha256: hex::encode(Sha256::digest(file)),
            bytes: file.len() as u64,
            pdq: None,
            banks: Vec::new(),
            text: None,
            ocr_problem: None,
            decode_problem: None,
        };
        let picture = match decode(file) {
            Ok(picture) => picture,
            Err(problem) => {
                seen.decode_problem = Some(problem);
                return seen;
            }
        };
        let (hash, quality) = pdq(&picture);
        if quality >= MIN_QUALITY {
            seen.banks = self.bank.as_ref().map(|bank| bank.matches(&hash)).unwrap_or_default();
            if seen.is_barred() {
                return seen;
            }
            seen.pdq = Some(hash);
        }
        match self.ocr.as_ref().map(|ocr| ocr.read(&picture)) {
            Some(Ok(text)) => seen.text = Some(text),
            Some(Err(problem)) => seen.ocr_problem = Some(problem),
            None => {}
        }
        seen
    }
}
