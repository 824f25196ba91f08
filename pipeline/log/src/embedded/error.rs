//! Which of the log's error classes an error of the database is.

use std::io::ErrorKind;

use fjall::{Error, LsmError};

use crate::LogError;

/// `doing` says what was tried, for the message.
pub(super) fn class_of(doing: &str, error: &Error) -> LogError {
    let message = format!("{doing}: {error}");
    match error {
        Error::Locked => {
            LogError::Refused(format!("{doing}: another process has it open; stop that one first"))
        }
        Error::Io(io) | Error::Storage(LsmError::Io(io)) => class_of_io(doing, io),
        Error::Poisoned => LogError::Corrupt(format!(
            "{doing}: an earlier write to disk failed, so what is on disk is uncertain; restart to recover"
        )),
        _ => LogError::Corrupt(message),
    }
}

pub(super) fn class_of_io(doing: &str, error: &std::io::Error) -> LogError {
    let message = format!("{doing}: {error}");
    match error.kind() {
        ErrorKind::PermissionDenied | ErrorKind::ReadOnlyFilesystem | ErrorKind::NotADirectory => {
            LogError::Refused(message)
        }
        // Parts that must be there are not, or are not what they should be.
        ErrorKind::NotFound | ErrorKind::UnexpectedEof | ErrorKind::InvalidData => LogError::Corrupt(message),
        _ => LogError::Unavailable(message),
    }
}
