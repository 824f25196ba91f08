//! Why a machine gave nothing. No message holds post text.

/// What went wrong between the desk and the machine.
#[derive(Debug, thiserror::Error)]
pub enum AssistError {
    /// Nothing to translate or to transcribe.
    #[error("there is nothing to translate or transcribe")]
    Empty,
    /// Over a bound of this crate.
    #[error("{found} {unit}; at most {limit} are sent: shorten it")]
    TooLong {
        /// How much there is.
        found: usize,
        /// The bound.
        limit: usize,
        /// Of what.
        unit: &'static str,
    },
    /// No language code.
    #[error("{0:?} is no language code; write ISO 639-1, such as de or ar")]
    Language(String),
    /// The address cannot be used.
    #[error("{url}: {message}")]
    Address {
        /// As configured.
        url: String,
        /// What is wrong and what to do.
        message: String,
    },
    /// The server cannot be reached in time.
    #[error("{host}: {message}; is the server running, and does its address in [assist] hold?")]
    Unreachable {
        /// Whom we asked.
        host: String,
        /// What happened.
        message: String,
    },
    /// The server refused.
    #[error(
        "{host} answers with status {status}; check model name, key and language pair in [assist] and the server's own log"
    )]
    Refused {
        /// Whom we asked.
        host: String,
        /// HTTP status.
        status: u16,
    },
    /// The answer cannot be used.
    #[error("{host}: the answer cannot be used: {message}")]
    Answer {
        /// Whom we asked.
        host: String,
        /// What is wrong with it.
        message: String,
    },
    /// The configuration contradicts itself.
    #[error("[assist]: {0}")]
    Config(String),
}

impl AssistError {
    /// May the same request succeed later?
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unreachable { .. } | Self::Refused { status: 429 | 500..=599, .. })
    }
}
