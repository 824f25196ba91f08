//! Tells new from changed from known content, in bounded memory that travels in the cursor.

use std::collections::VecDeque;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// How many items a source remembers unless it shows more.
const DEFAULT_CAPACITY: usize = 1_000;
/// The most that is remembered: some 400 KB of cursor.
const MAX_CAPACITY: usize = 10_000;

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

/// The items of a source that were last seen, with a hash of their content. What was not seen for longest goes first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seen {
    capacity: usize,
    /// Key hash and content hash, seen longest ago first.
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
        Self { capacity: capacity.clamp(1, MAX_CAPACITY), items: VecDeque::new() }
    }

    /// Makes room for a source that shows `shown` items at a time: were fewer remembered, those at its end would look
    /// new on every visit.
    pub fn make_room(&mut self, shown: usize) {
        self.capacity = self.capacity.max(shown.saturating_mul(2).min(MAX_CAPACITY));
    }

    /// Has nothing been seen yet?
    pub fn is_empty(&self) -> bool {
        self.items.is_empty()
    }

    /// What is known of `key`, and from now on its `content` is.
    pub fn note(&mut self, key: &str, content: &[u8]) -> Change {
        let (key, content) = (short_hash(key.as_bytes()), short_hash(content));
        if let Some(at) = self.items.iter().position(|(k, _)| *k == key) {
            let known = self.items.remove(at).map(|(_, content)| content);
            self.items.push_back((key, content));
            return if known == Some(content) { Change::Known } else { Change::Changed };
        }
        while self.items.len() >= self.capacity {
            self.items.pop_front();
        }
        self.items.push_back((key, content));
        Change::New
    }
}

/// 8 bytes of SHA-256: stable over versions and machines, short enough for a cursor.
pub(crate) fn short_hash(bytes: &[u8]) -> u64 {
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
        seen.note("a", b"2");
        seen.note("c", b"");
        assert_eq!(seen.note("a", b"2"), Change::Known, "what is still shown is not forgotten");
        assert_eq!(seen.note("b", b""), Change::New);
        let back: Seen = serde_json::from_str(&serde_json::to_string(&seen).unwrap()).unwrap();
        assert_eq!(back, seen);
    }

    #[test]
    fn a_long_list_gets_the_room_it_needs() {
        let mut seen = Seen::with_capacity(10);
        seen.make_room(50);
        for _ in 0..2 {
            (0..50).for_each(|i| _ = seen.note(&i.to_string(), b""));
        }
        assert_eq!(seen.note("0", b""), Change::Known);
        seen.make_room(usize::MAX);
        assert_eq!(seen.capacity, MAX_CAPACITY);
    }
}
