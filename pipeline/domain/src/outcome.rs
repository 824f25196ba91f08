//! Every accepted record ends in exactly one outcome: `accepted = stored + dropped + dead`.

use serde::{Deserialize, Serialize};

/// Where a record lies in the log: the identity of an accepted record, whatever is in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Position {
    /// Partition of `posts.raw`.
    pub partition: i32,
    /// Offset in the partition.
    pub offset: i64,
}

/// Why a sound record is not stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DropReason {
    /// The same post with the same content was seen before.
    Duplicate,
    /// Nothing to read: pictures or an attachment without text.
    NoText,
    /// Passed on unchanged; the original is what counts.
    Repost,
}

impl DropReason {
    /// All reasons.
    pub const ALL: [Self; 3] = [Self::Duplicate, Self::NoText, Self::Repost];

    /// The written form; a metric label and a key of the summary.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Duplicate => "duplicate",
            Self::NoText => "no_text",
            Self::Repost => "repost",
        }
    }
}

/// Why a record cannot be processed. The code is for machines; [`Rejected::message`] is for people.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RejectCode {
    /// Not JSON, or JSON of another shape.
    BadJson,
    /// Not UTF-8.
    BadUtf8,
    /// Over the size limit.
    TooLarge,
    /// A schema version this build does not know.
    UnknownSchema,
    /// A post with neither text nor media.
    EmptyText,
    /// A time no post can have.
    TimeOutOfRange,
    /// A required field is empty or malformed.
    BadField,
    /// The record makes the processor fail again and again.
    Poison,
}

impl RejectCode {
    /// All codes.
    pub const ALL: [Self; 8] = [
        Self::BadJson,
        Self::BadUtf8,
        Self::TooLarge,
        Self::UnknownSchema,
        Self::EmptyText,
        Self::TimeOutOfRange,
        Self::BadField,
        Self::Poison,
    ];

    /// The written form; a metric label.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::BadJson => "bad_json",
            Self::BadUtf8 => "bad_utf8",
            Self::TooLarge => "too_large",
            Self::UnknownSchema => "unknown_schema",
            Self::EmptyText => "empty_text",
            Self::TimeOutOfRange => "time_out_of_range",
            Self::BadField => "bad_field",
            Self::Poison => "poison",
        }
    }
}

/// A record that goes to `posts.dead` with its raw bytes.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {message}", code.as_str())]
pub struct Rejected {
    /// What is wrong, for machines.
    pub code: RejectCode,
    /// What is wrong and where, for people. Never holds post text.
    pub message: String,
}

impl Rejected {
    /// A reject with its explanation.
    pub fn new(code: RejectCode, message: impl Into<String>) -> Self {
        Self { code, message: message.into() }
    }
}

/// The end of an accepted record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(tag = "outcome", content = "reason", rename_all = "snake_case")]
pub enum Outcome {
    /// Written to ClickHouse as a recent or flagged post, or as a change of one.
    Stored,
    /// Not stored, for a counted reason.
    Dropped(DropReason),
    /// In the dead-letter topic.
    Dead(RejectCode),
}
