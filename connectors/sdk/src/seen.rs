//! Tells new from changed from known content, in bounded memory that travels in the cursor.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How many items a source remembers unless it says otherwise.
const DEFAULT_CAPACITY: usize = 1_000;

/// What is known of an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Change {
    /// Not seen before.
    New,
    /// Seen with other content.
    Changed,
    /// Seen like this.
    Known,
}

/// The items of a source that were last seen, with a hash of their content. The oldest go first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    capacity: usize,
    /// Key hash and content hash, oldest first.
    items: VecDeque<(u64, u64)>,
}

impl Default for Seen {
    fn default() -> Self {
        Self::with_capacity(DEFAULT_CAPACITY)
    }
}

impl Seen {
    /// Remembers at most `capacity` items.
    pub fn with_capacity(capacity: usize) -> Self {
        Self { capacity: capacity.max(1), items: VecDeque::new() }
    }

    /// What is known of `key`, and from now on its `content` is.
    pub fn note(&mut self, key: &str, content: &[u8]) -> Change {
        let (key, content) = (short_hash(key.as_bytes()), short_hash(content));
        if let Some(known) = self.items.iter_mut().find(|(k, _)| *k == key) {
            let change = if known.1 == content { Change::Known } else { Change::Changed };
            known.1 = content;
            return change;
        }
        while self.items.len() >= self.capacity {
            self.items.pop_front();
        }
        self.items.push_back((key, content));
        Change::New
    }
}

/// 8 bytes of SHA-256: stable over versions and machines, short enough for a cursor.
fn short_hash(bytes: &[u8]) -> u64 {
    Sha256::digest(bytes).iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn new_known_changed_and_forgotten() {
        let mut seen = Seen::with_capacity(2);
        assert_eq!(seen.note("a", b"1"), Change::New);
        assert_eq!(seen.note("a", b"1"), Change::Known);
        assert_eq!(seen.note("a", b"2"), Change::Changed);
        seen.note("b", b"");
        seen.note("c", b"");
        assert_eq!(seen.note("a", b"2"), Change::New);
        let back: Seen = serde_json::from_str(&serde_json::to_string(&seen).unwrap()).unwrap();
        assert_eq!(back, seen);
    }
}
