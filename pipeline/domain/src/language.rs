//! Languages and scripts as told by the pipeline, not by the author.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// A script by its ISO 15924 code (`Latn`, `Arab`, `Cyrl`); `Zyyy` when a text has no letters.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Script([u8; 4]);

impl Script {
    /// Latin.
    pub const LATIN: Self = Self(*b"Latn");
    /// Arabic.
    pub const ARABIC: Self = Self(*b"Arab");
    /// Cyrillic.
    pub const CYRILLIC: Self = Self(*b"Cyrl");
    /// No letters of any script: digits, emoji, punctuation.
    pub const COMMON: Self = Self(*b"Zyyy");

    /// From an ISO 15924 code of four ASCII letters; anything else is [`Script::COMMON`].
    pub const fn from_code(code: &str) -> Self {
        let bytes = code.as_bytes();
        if bytes.len() == 4 && code.is_ascii() {
            Self([bytes[0], bytes[1], bytes[2], bytes[3]])
        } else {
            Self::COMMON
        }
    }

    /// The ISO 15924 code.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(&self.0).unwrap_or("Zyyy")
    }
}

impl fmt::Debug for Script {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Serialize for Script {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

impl<'de> Deserialize<'de> for Script {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Self::from_code(&String::deserialize(deserializer)?))
    }
}

/// The language of a text: ISO 639-1 code where there is one, else 639-3; `und` when it cannot be told.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Language {
    /// `de`, `en`, ..., or `und`.
    pub code: String,
    /// How sure, 0 to 1; 0 for `und`.
    pub confidence: f32,
    /// The script most letters are written in.
    pub script: Script,
}

impl Language {
    /// Cannot be told.
    pub fn undetermined(script: Script) -> Self {
        Self { code: "und".to_owned(), confidence: 0.0, script }
    }

    /// Cannot it be told?
    pub fn is_undetermined(&self) -> bool {
        self.code == "und"
    }
}
