//! Machine translation and transcription for the people at the desk, by servers of the house; off by default.
//!
//! Streife ships no translation model. A site that runs one (`LibreTranslate`, or anything with an OpenAI-compatible API such as
//! vLLM, llama.cpp or a Whisper server) names its address; then the desk can show a machine's reading *beside* the original.
//! What comes back is an aid and never evidence: every result says which machine made it, and nothing here changes the post.
//!
//! Post text leaves the process, so an address outside the own network is refused unless the configuration allows it by name.
//! Answers are bounded in time and size. No message of this crate holds post text.

mod config;
mod endpoint;
mod error;
mod libre;
mod openai;

use async_trait::async_trait;
use serde::Serialize;

pub use config::{AssistConfig, Assistants, Service, ServiceKind};
pub use endpoint::{Endpoint, MAX_ANSWER_BYTES, TIMEOUT};
pub use error::AssistError;
pub use libre::LibreTranslate;
pub use openai::OpenAi;

/// Longer texts are refused; a post is far shorter.
pub const MAX_TEXT_CHARS: usize = 20_000;
/// Larger recordings are refused (the limit of the common transcription API).
pub const MAX_AUDIO_BYTES: usize = 25 * 1024 * 1024;

/// A text in another language, by a machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Translation {
    /// The text in the language asked for.
    pub text: String,
    /// The language it was in, as the caller said or the machine thinks; ISO 639-1.
    pub from: Option<String>,
    /// The language asked for; ISO 639-1.
    pub to: String,
    /// Which machine: adapter, model and host. Shown beside the text, with the word "machine translation".
    pub by: String,
}

/// A recording on its way to be transcribed.
#[derive(Debug, Clone, Copy)]
pub struct Recording<'a> {
    /// The bytes of the file.
    pub bytes: &'a [u8],
    /// Its media type, such as `audio/ogg`.
    pub media_type: &'a str,
    /// The language spoken, where it is known; ISO 639-1.
    pub language: Option<&'a str>,
}

/// A stretch of speech.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Segment {
    /// Seconds from the start of the recording.
    pub start: f64,
    /// Seconds from the start of the recording.
    pub end: f64,
    /// What a machine heard.
    pub text: String,
}

/// What a machine heard in a recording.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Transcript {
    /// The whole text.
    pub text: String,
    /// The language the machine thinks it is.
    pub language: Option<String>,
    /// The text with its times; empty where the server gives none.
    pub segments: Vec<Segment>,
    /// Which machine: adapter, model and host.
    pub by: String,
}

/// Translates. Implementations are real servers; tests bring their own.
#[async_trait]
pub trait Translator: Send + Sync + std::fmt::Debug {
    /// Which machine translates, as it stands in [`Translation::by`].
    fn name(&self) -> String;

    /// Translates `text` into `to`; `from` is the language it is in, where it is known.
    ///
    /// # Errors
    /// [`AssistError`], also for a text that is empty or longer than [`MAX_TEXT_CHARS`].
    async fn translate(&self, text: &str, from: Option<&str>, to: &str) -> Result<Translation, AssistError>;
}

/// Writes down what is said in a recording.
#[async_trait]
pub trait Transcriber: Send + Sync + std::fmt::Debug {
    /// Which machine transcribes, as it stands in [`Transcript::by`].
    fn name(&self) -> String;

    /// Transcribes a recording.
    ///
    /// # Errors
    /// [`AssistError`], also for a recording that is empty or larger than [`MAX_AUDIO_BYTES`].
    async fn transcribe(&self, recording: Recording<'_>) -> Result<Transcript, AssistError>;
}

/// Refuses what no server should be asked.
fn check_text(text: &str) -> Result<(), AssistError> {
    if text.trim().is_empty() {
        return Err(AssistError::Empty);
    }
    let characters = text.chars().count();
    if characters > MAX_TEXT_CHARS {
        return Err(AssistError::TooLong { found: characters, limit: MAX_TEXT_CHARS, unit: "characters" });
    }
    Ok(())
}

/// A language code that may stand in a request: two or three small letters, with a script or region at most.
fn check_language(code: &str) -> Result<&str, AssistError> {
    let mut parts = code.split('-');
    let primary = parts.next().unwrap_or_default();
    let fine = matches!(primary.len(), 2 | 3)
        && primary.bytes().all(|byte| byte.is_ascii_lowercase())
        && parts
            .all(|part| matches!(part.len(), 2..=4) && part.bytes().all(|byte| byte.is_ascii_alphanumeric()));
    if fine { Ok(code) } else { Err(AssistError::Language(code.chars().take(16).collect())) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn language_codes_are_checked() {
        for code in ["de", "ar", "ckb", "sr-Latn", "pt-BR"] {
            assert!(check_language(code).is_ok(), "{code}");
        }
        for code in ["", "d", "DE", "german", "de\"}", "de-", "de-x"] {
            assert!(check_language(code).is_err(), "{code}");
        }
    }

    #[test]
    fn texts_are_bounded() {
        assert!(matches!(check_text(" \n"), Err(AssistError::Empty)));
        assert!(check_text(&"ä".repeat(MAX_TEXT_CHARS)).is_ok());
        assert!(matches!(check_text(&"ä".repeat(MAX_TEXT_CHARS + 1)), Err(AssistError::TooLong { .. })));
    }
}
