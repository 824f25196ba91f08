//! Errors of the engine as values with ClickHouse's own codes, so that clients treat it like a server.

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;

/// Why the engine could not be started.
#[derive(Debug, thiserror::Error)]
pub enum EngineError {
    /// The library is missing, damaged or of another version.
    #[error("cannot load the embedded ClickHouse {path}: {reason}; run `streife setup`")]
    Library {
        /// Where it was looked for.
        path: PathBuf,
        /// What the loader said.
        reason: String,
    },
    /// Another process has the data folder open.
    #[error(
        "the data folder {0} is in use by another process; stop it, or connect to it by its URL instead of starting a second engine"
    )]
    DataLocked(PathBuf),
    /// The engine would not open the data folder.
    #[error("the embedded ClickHouse cannot open its data folder; its own message is on stderr")]
    Connect,
    /// A setting cannot work.
    #[error("engine: {0}")]
    Config(String),
    /// The address cannot be listened on.
    #[error("cannot listen on {address}: {source}")]
    Listen {
        /// The address.
        address: SocketAddr,
        /// Why.
        source: io::Error,
    },
    /// The data folder cannot be written.
    #[error("cannot prepare {path}: {source}")]
    Folder {
        /// What was touched.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// A start-up statement failed.
    #[error("the embedded ClickHouse refused a start-up statement: {0}")]
    Startup(String),
    /// The server loop ended.
    #[error("the engine's HTTP front ended: {0}")]
    Serve(io::Error),
}

/// ClickHouse error codes that the front itself raises.
pub(super) mod code {
    pub(in crate::engine) const BAD_ARGUMENTS: u32 = 36;
    pub(in crate::engine) const CHECKSUM_DOESNT_MATCH: u32 = 40;
    pub(in crate::engine) const UNKNOWN_SETTING: u32 = 115;
    pub(in crate::engine) const TOO_LARGE_SIZE_COMPRESSED: u32 = 131;
    pub(in crate::engine) const SOCKET_TIMEOUT: u32 = 209;
    pub(in crate::engine) const NETWORK_ERROR: u32 = 210;
    pub(in crate::engine) const TOO_MANY_QUERIES: u32 = 202;
    pub(in crate::engine) const CANNOT_DECOMPRESS: u32 = 271;
    pub(in crate::engine) const AUTHENTICATION_FAILED: u32 = 516;
    pub(in crate::engine) const UNKNOWN_EXCEPTION: u32 = 1001;
}

/// A failed statement: ClickHouse's code and its message.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub(super) struct DbError {
    pub(super) code: u32,
    pub(super) message: String,
}

impl DbError {
    /// From the engine's own text, which begins with `Code: N.`.
    pub(super) fn from_engine(message: String) -> Self {
        Self { code: code_of(&message).unwrap_or(code::UNKNOWN_EXCEPTION), message }
    }

    /// An error of the front, written the way ClickHouse writes its own.
    pub(super) fn new(code: u32, what: impl std::fmt::Display) -> Self {
        Self { code, message: format!("Code: {code}. DB::Exception: {what}") }
    }

    pub(super) fn internal(what: &str) -> Self {
        Self::new(code::UNKNOWN_EXCEPTION, what)
    }

    /// The HTTP status a ClickHouse server sends for this code, as far as clients tell them apart.
    pub(super) const fn http_status(&self) -> u16 {
        match self.code {
            code::AUTHENTICATION_FAILED | 497 => 403,
            60 | 81 => 404,
            6 | 26 | 27 | 36 | 38 | 40 | 41 | 42 | 43 | 44 | 46 | 47 | 53 | 62 | 69 | 70 | 72 | 115 | 271
            | 456 | 457 => 400,
            code::TOO_LARGE_SIZE_COMPRESSED => 413,
            code::SOCKET_TIMEOUT => 408,
            code::TOO_MANY_QUERIES => 503,
            _ => 500,
        }
    }
}

/// The number after the first `Code: `.
pub(crate) fn code_of(message: &str) -> Option<u32> {
    let digits = message.split_once("Code: ")?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits.get(..end)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_code_is_read_from_the_text() {
        assert_eq!(code_of("Code: 62. DB::Exception: Syntax error"), Some(62));
        assert_eq!(code_of("x Code: 60"), Some(60));
        assert_eq!(code_of("Code: . nothing"), None);
        assert_eq!(DbError::from_engine("odd".to_owned()).code, code::UNKNOWN_EXCEPTION);
    }
}
