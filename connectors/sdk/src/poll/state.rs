//! What is kept of a target between fetches.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::Seen;

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct State {
    /// By target.
    pub(super) targets: BTreeMap<String, TargetState>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub(super) struct TargetState {
    /// Validators of the page asked first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) last_modified: Option<String>,
    #[serde(default)]
    pub(super) seen: Seen,
    /// Walks that stopped before they met what was known.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) unread: Vec<Unread>,
    /// The newest page as last read, newest first: who stood there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub(super) newest_page: Vec<String>,
    /// How far a walk forward has come.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) onward: Option<String>,
}

/// Pages that are still to be read.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Unread {
    pub(super) from: Step,
    /// So many more at most.
    pub(super) pages: usize,
    /// Attempts at this page that brought nothing readable.
    #[serde(default)]
    pub(super) tries: u8,
}

/// How another page is asked for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Step {
    Url(String),
    Body(String),
}
