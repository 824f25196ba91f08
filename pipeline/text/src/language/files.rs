//! The files of the language models: read, checked against the manifest, or refused with the reason.

use std::path::{Path, PathBuf};

use serde::Deserialize;
use sha2::{Digest, Sha256};

use super::linear::Linear;
use super::second::Second;

/// Largest file read; the linear model has 2 MB, lid.176.ftz one.
const MAX_FILE_BYTES: u64 = 16 << 20;
/// The manifest's name where only its folder is given.
const MANIFEST: &str = "manifest.toml";

/// Why the language models cannot be opened.
#[derive(Debug, thiserror::Error)]
pub enum LanguageError {
    /// A file could not be read.
    #[error("cannot read {path}: is the language model installed?", path = path.display())]
    Read {
        /// The file.
        path: PathBuf,
        /// What the system said.
        #[source]
        source: std::io::Error,
    },
    /// The manifest does not have the form it must have.
    #[error("{path} is not a manifest of a language model", path = path.display())]
    Manifest {
        /// The file.
        path: PathBuf,
        /// Where and why.
        #[source]
        source: Box<toml::de::Error>,
    },
    /// A file is not as long as it must be.
    #[error(
        "{path} has {found} bytes, not {expected}: fetch it again, or rebuild it with models/lid/train.py",
        path = path.display()
    )]
    Size {
        /// The file.
        path: PathBuf,
        /// The size in the manifest, or the largest accepted.
        expected: u64,
        /// Its size.
        found: u64,
    },
    /// A file is not the one that was released.
    #[error("{path} has SHA-256 {found}, not {expected}: it is damaged or another version", path = path.display())]
    Hash {
        /// The file.
        path: PathBuf,
        /// As in the manifest.
        expected: String,
        /// As computed.
        found: String,
    },
    /// A file has the right hash but no language model in it.
    #[error("{path} is no language model: {reason}", path = path.display())]
    Format {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
}

/// What `manifest.toml` says; what only people read is not repeated here.
#[derive(Debug, Deserialize)]
struct Manifest {
    file: String,
    size_bytes: u64,
    sha256: String,
    fasttext: Pinned,
}

#[derive(Debug, Deserialize)]
struct Pinned {
    sha256: String,
}

/// The models that were opened, and the hashes of their files.
pub(super) struct Opened {
    pub(super) linear: Linear,
    pub(super) fasttext: Option<Second>,
    pub(super) hashes: Vec<String>,
}

/// Opens the linear model by its manifest (or the folder that holds it), and fastText's where given.
pub(super) fn open(linear: &Path, fasttext: Option<&Path>) -> Result<Opened, LanguageError> {
    let path = if linear.is_dir() { linear.join(MANIFEST) } else { linear.to_owned() };
    let text = String::from_utf8_lossy(&read(&path)?).into_owned();
    let manifest: Manifest = toml::from_str(&text)
        .map_err(|source| LanguageError::Manifest { path: path.clone(), source: Box::new(source) })?;

    let weights = path.with_file_name(&manifest.file);
    let content = read(&weights)?;
    let found = content.len() as u64;
    if found != manifest.size_bytes {
        return Err(LanguageError::Size { path: weights, expected: manifest.size_bytes, found });
    }
    check_hash(&weights, &content, &manifest.sha256)?;
    let linear = Linear::parse(&content)
        .map_err(|reason| LanguageError::Format { path: weights, reason: reason.to_owned() })?;
    let mut hashes = vec![manifest.sha256];

    let fasttext = match fasttext {
        None => None,
        Some(path) => {
            let content = read(path)?;
            check_hash(path, &content, &manifest.fasttext.sha256)?;
            hashes.push(manifest.fasttext.sha256);
            let model = Second::parse(&content)
                .map_err(|reason| LanguageError::Format { path: path.to_owned(), reason })?;
            Some(model)
        }
    };
    Ok(Opened { linear, fasttext, hashes })
}

fn read(path: &Path) -> Result<Vec<u8>, LanguageError> {
    let failed = |source| LanguageError::Read { path: path.to_owned(), source };
    let found = std::fs::metadata(path).map_err(failed)?.len();
    if found > MAX_FILE_BYTES {
        return Err(LanguageError::Size { path: path.to_owned(), expected: MAX_FILE_BYTES, found });
    }
    std::fs::read(path).map_err(failed)
}

fn check_hash(path: &Path, content: &[u8], expected: &str) -> Result<(), LanguageError> {
    let found = hex::encode(Sha256::digest(content));
    if found.eq_ignore_ascii_case(expected) {
        return Ok(());
    }
    Err(LanguageError::Hash { path: path.to_owned(), expected: expected.to_owned(), found })
}
