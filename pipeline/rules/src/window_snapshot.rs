//! A window state on disk or in a topic, together with the offsets it belongs to: whoever restores it goes on reading
//! exactly there, so that no post counts twice or not at all.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::WindowState;

/// Raised whenever an older reader would misread the bytes.
const FORMAT: u32 = 1;
/// Largest snapshot that is read.
pub const MAX_SNAPSHOT_BYTES: usize = 256 << 20;

/// What windows remember once all records before `offsets` were observed, and none after.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowSnapshot {
    format: u32,
    /// By topic and partition: the offset of the next record to read.
    pub offsets: BTreeMap<String, BTreeMap<i32, i64>>,
    /// What was remembered.
    pub state: WindowState,
}

/// Why a snapshot cannot be used. Start with an empty state then, from the offsets that are committed.
#[derive(Debug, thiserror::Error)]
pub enum SnapshotError {
    /// Too large to be one.
    #[error("the snapshot has {0} bytes; at most {MAX_SNAPSHOT_BYTES} are read")]
    TooLarge(usize),
    /// Written by a later version.
    #[error("the snapshot has format {0}, this version reads {FORMAT}")]
    Format(u32),
    /// No snapshot.
    #[error("the snapshot cannot be read")]
    Unreadable(#[from] serde_json::Error),
}

impl WindowSnapshot {
    /// Of a state and the offsets up to which it observed.
    pub fn new(state: WindowState, offsets: BTreeMap<String, BTreeMap<i32, i64>>) -> Self {
        Self { format: FORMAT, offsets, state }
    }

    /// As bytes.
    ///
    /// # Errors
    /// None in practice: everything in it can be written.
    pub fn encode(&self) -> Result<Vec<u8>, SnapshotError> {
        Ok(serde_json::to_vec(self)?)
    }

    /// From bytes.
    ///
    /// # Errors
    /// [`SnapshotError`] says why not; damaged bytes never panic.
    pub fn decode(bytes: &[u8]) -> Result<Self, SnapshotError> {
        if bytes.len() > MAX_SNAPSHOT_BYTES {
            return Err(SnapshotError::TooLarge(bytes.len()));
        }
        let snapshot: Self = serde_json::from_slice(bytes)?;
        if snapshot.format != FORMAT {
            return Err(SnapshotError::Format(snapshot.format));
        }
        Ok(snapshot)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::WindowKeys;
    use crate::syntax::{Group, parse_window};

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(200))]
        #[test]
        fn a_restart_at_any_place_changes_nothing(
            posts in prop::collection::vec((0i64..300, 0u64..5, 0u64..3), 1..80),
            restart in 0usize..80,
            burst in any::<bool>(),
        ) {
            let text = if burst { "burst(cluster) > 2 sigma over 1m" } else { "count(distinct author) over 2m by cluster >= 3" };
            let window = parse_window(text).window.unwrap();
            let keys = |at: usize| {
                let (at_secs, author, cluster) = posts[at];
                WindowKeys { at_secs, post: at as u64, values: vec![(Group::Author, author), (Group::Cluster, cluster)] }
            };
            let mut whole = WindowState::default();
            let expected: Vec<bool> = (0..posts.len()).map(|at| whole.observe("r", 1, &window, &keys(at))).collect();
            let restart = restart.min(posts.len());
            let mut before = WindowState::default();
            let mut got: Vec<bool> = (0..restart).map(|at| before.observe("r", 1, &window, &keys(at))).collect();
            let offsets = BTreeMap::from([("posts.raw".to_owned(), BTreeMap::from([(0, restart as i64)]))]);
            let bytes = WindowSnapshot::new(before, offsets).encode().unwrap();
            let WindowSnapshot { offsets, state: mut after, .. } = WindowSnapshot::decode(&bytes).unwrap();
            let from = offsets["posts.raw"][&0] as usize;
            got.extend((from..posts.len()).map(|at| after.observe("r", 1, &window, &keys(at))));
            prop_assert_eq!(got, expected);
            prop_assert_eq!(after, whole);
        }

        #[test]
        fn damaged_bytes_are_refused(bytes in prop::collection::vec(any::<u8>(), 0..60)) {
            prop_assert!(WindowSnapshot::decode(&bytes).is_err());
        }
    }

    #[test]
    fn a_later_format_is_named() {
        let text = r#"{"format": 9, "offsets": {}, "state": {"rules": {}}}"#;
        assert!(matches!(WindowSnapshot::decode(text.as_bytes()), Err(SnapshotError::Format(9))));
    }
}
