//! Why the store could not do what was asked.

use clickhouse::error::Error as ClientError;

use crate::engine::code_of;

/// A message of the server is cut here: it may quote data.
const MAX_MESSAGE_CHARS: usize = 300;

/// Why the store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Out of reach, overloaded or too slow; the same call may succeed later.
    #[error("ClickHouse is out of reach or overloaded: {0}")]
    Unavailable(String),
    /// The server refused; the same call would be refused again.
    #[error("ClickHouse refused (code {code}): {message}")]
    Refused {
        /// ClickHouse's error code; 0 when it named none.
        code: u32,
        /// Its message, cut.
        message: String,
    },
    /// Rows and tables do not fit together: the database is of another version.
    #[error("the database does not fit this version of Streife ({0}); run `streife migrate`")]
    Schema(String),
    /// A migration that was applied is not the one this version knows.
    #[error(
        "migration {name} was applied with another content (sha256 {recorded}, this version has {known}); the database belongs to another version of Streife"
    )]
    MigrationChanged {
        /// Its name.
        name: String,
        /// As recorded.
        recorded: String,
        /// As known.
        known: String,
    },
    /// Somebody else is migrating.
    #[error("another process is migrating the database; wait for it to end")]
    MigrationRunning,
    /// A setting cannot work.
    #[error("store: {0}")]
    Config(String),
    /// What came back cannot be read: our own data are damaged.
    #[error("stored data cannot be read: {0}")]
    Corrupt(String),
    /// After an erasure something was still there.
    #[error("erasure not complete: {0}")]
    NotErased(String),
}

impl StoreError {
    /// May the same call succeed later?
    pub const fn is_transient(&self) -> bool {
        matches!(self, Self::Unavailable(_) | Self::MigrationRunning)
    }

    /// ClickHouse's error code, when the server refused.
    pub const fn code(&self) -> Option<u32> {
        match self {
            Self::Refused { code, .. } => Some(*code),
            _ => None,
        }
    }
}

impl From<ClientError> for StoreError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Network(_) | ClientError::TimedOut => Self::Unavailable(chain(&error)),
            ClientError::BadResponse(message) => refused(&message),
            ClientError::InvalidParams(_) | ClientError::Unsupported(_) => Self::Config(chain(&error)),
            ClientError::SchemaMismatch(what) => Self::Schema(cut(&what)),
            other => Self::Corrupt(cut(&chain(&other))),
        }
    }
}

fn refused(message: &str) -> StoreError {
    // Codes that say nothing about the statement: timeout, too many queries or parts, memory, network, read-only
    // table, server shutting down, keeper trouble, a file that cannot be written, no space.
    const TRANSIENT: [u32; 17] =
        [75, 159, 160, 164, 198, 202, 203, 209, 210, 236, 241, 242, 243, 252, 279, 319, 999];
    match code_of(message) {
        // A full disk shows under several codes.
        Some(code) if TRANSIENT.contains(&code) || message.contains("No space left on device") => {
            StoreError::Unavailable(cut(message))
        }
        Some(code) => StoreError::Refused { code, message: cut(message) },
        // A proxy in between, or a server that is starting.
        None if message.starts_with("50") => StoreError::Unavailable(cut(message)),
        None => StoreError::Refused { code: 0, message: cut(message) },
    }
}

fn cut(message: &str) -> String {
    message.chars().take(MAX_MESSAGE_CHARS).collect()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.contains(&cause_text) {
            text.push_str(": ");
            text.push_str(&cause_text);
        }
        source = cause.source();
    }
    cut(&text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn overload_is_transient_and_a_wrong_statement_is_not() {
        let of = |text: &str| StoreError::from(ClientError::BadResponse(text.to_owned()));
        assert!(of("Code: 252. DB::Exception: Too many parts").is_transient());
        assert!(of("Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space").is_transient());
        assert!(of("Code: 1001. DB::Exception: filesystem error: No space left on device").is_transient());
        assert!(of("503 Service Unavailable").is_transient());
        assert!(of("Code: 62. DB::Exception: Syntax error").code() == Some(62));
        assert!(!of("Code: 516. DB::Exception: wrong password").is_transient());
        assert!(StoreError::from(ClientError::TimedOut).is_transient());
    }

    #[test]
    fn messages_are_cut() {
        let long = "Code: 62. ".to_owned() + &"x".repeat(5_000);
        assert!(StoreError::from(ClientError::BadResponse(long)).to_string().len() < 400);
    }
}
