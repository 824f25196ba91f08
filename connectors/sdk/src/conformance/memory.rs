//! The log and the cursor store of a test: in memory, over any number of kills.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use streife_domain::{Event, RejectCode};

use crate::{Cursor, CursorStore, ParseProblem, ParsedEvent, Sink, SinkError};

/// Events and cursors in memory.
#[derive(Default)]
pub struct Memory {
    events: Mutex<Vec<Event>>,
    rejects: Mutex<Vec<(RejectCode, Bytes)>>,
    cursors: Mutex<HashMap<String, Cursor>>,
}

impl Memory {
    /// What was published so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was rejected so far.
    pub fn rejects(&self) -> Vec<(RejectCode, Bytes)> {
        self.rejects.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Sink for Memory {
    async fn publish(&self, events: &[ParsedEvent]) -> Result<(), SinkError> {
        // A log takes its time: a kill can fall before and after it has the events.
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        let mut all = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(events.iter().map(|e| e.event.clone()));
        Ok(())
    }

    async fn reject(&self, _: &str, problems: &[ParseProblem]) -> Result<(), SinkError> {
        let mut all = self.rejects.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(problems.iter().map(|p| (p.code, p.raw.clone())));
        Ok(())
    }
}

#[async_trait]
impl CursorStore for Memory {
    async fn load(&self, source: &str) -> Result<Option<Cursor>, SinkError> {
        Ok(self.cursors.lock().unwrap_or_else(PoisonError::into_inner).get(source).cloned())
    }

    async fn save(&self, source: &str, cursor: &Cursor) -> Result<(), SinkError> {
        tokio::time::sleep(std::time::Duration::from_millis(1)).await;
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner).insert(source.to_owned(), cursor.clone());
        Ok(())
    }
}
