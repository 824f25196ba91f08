//! How each source is doing: for `streife sources`, the desk and `/health`.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use serde::Serialize;
use streife_domain::Timestamp;

/// The state of one source.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct Health {
    /// Which connector.
    pub kind: String,
    /// The last fetch that worked.
    pub last_success: Option<Timestamp>,
    /// Seconds from the newest thing at the source to when we saw it.
    pub lag_seconds: Option<i64>,
    /// The class of the last error; absent after a success.
    pub error_class: Option<&'static str>,
    /// The last error, for people.
    pub error: Option<String>,
    /// Errors in a row.
    pub failures: u32,
    /// When it is tried next; absent while running or when finished.
    pub next_try: Option<Timestamp>,
    /// Events published since the start.
    pub events: u64,
    /// Problems since the start.
    pub problems: u64,
    /// Read to its end.
    pub finished: bool,
}

/// The states of all sources of this process, by name. Cheap to clone.
#[derive(Debug, Clone, Default)]
pub struct HealthBoard(Arc<Mutex<BTreeMap<String, Health>>>);

impl HealthBoard {
    /// Changes one source's state.
    pub fn update(&self, name: &str, change: impl FnOnce(&mut Health)) {
        let mut board = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        change(board.entry(name.to_owned()).or_default());
    }

    /// All states now.
    pub fn snapshot(&self) -> BTreeMap<String, Health> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}
