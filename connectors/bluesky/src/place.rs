//! Where a Jetstream source stands, and which events it has had. Pure.
//!
//! Servers that number their events are exact: what has a number up to ours is known. Others know only times, and send
//! events out of order: in a recording of the public service every second event is older than one before it. There, a
//! reconnect goes back some seconds and what comes again is recognised by its hash.

use std::cmp::Ordering;
use std::collections::VecDeque;
use std::fmt::Write;

use serde::{Deserialize, Deserializer, Serialize, Serializer};
use sha2::{Digest, Sha256};

use crate::jetstream::Position;

/// So many events are recognised when they come again; of more, some come twice and the pipeline drops them.
const MAX_RECENT: usize = 2_000;

/// The state between two fetches: the cursor.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Place {
    pub(crate) endpoint: String,
    /// Number of the last event the log has, where the server numbers them.
    #[serde(default)]
    pub(crate) seq: Option<i64>,
    /// The time of that event: a server that was set up anew has another event under the number.
    #[serde(default)]
    seq_time_us: Option<i64>,
    /// The latest time of an event the log has, in microseconds.
    #[serde(default)]
    pub(crate) time_us: Option<i64>,
    /// Events without number, as far back as a reconnect goes.
    #[serde(default)]
    recent: Recent,
}

/// What an event is to a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Noted {
    /// Not seen before; it is part of the place from now on.
    New,
    /// Seen already.
    Known,
    /// The server counts anew: numbers say nothing, times do.
    Renumbered,
}

impl Place {
    /// The same moment at another server, whose numbers are others.
    pub(crate) fn at(self, endpoint: String) -> Self {
        let seq = self.seq.filter(|_| self.endpoint == endpoint);
        Self { endpoint, seq, ..self }
    }

    /// Notes an event. `rewind_us` is how far a reconnect goes back.
    pub(crate) fn note(&mut self, position: Position, event: &[u8], rewind_us: i64) -> Noted {
        if let Some(seq) = position.seq {
            // A server sends its events in the order of their numbers, from the cursor on, that one included.
            match self.seq.map(|last| seq.cmp(&last)) {
                Some(Ordering::Equal) if position.time_us == self.seq_time_us => return Noted::Known,
                Some(Ordering::Equal | Ordering::Less) => return Noted::Renumbered,
                Some(Ordering::Greater) | None => {}
            }
            (self.seq, self.seq_time_us) = (Some(seq), position.time_us);
            // Numbers tell exactly; hashes from before the server numbered its events are not needed any more.
            self.recent.0.clear();
        } else if let Some(time) = position.time_us {
            let hash = short_hash(event);
            if self.recent.0.iter().any(|(_, known)| *known == hash) {
                return Noted::Known;
            }
            self.recent.push(time, hash, rewind_us);
        }
        self.time_us = self.time_us.max(position.time_us);
        Noted::New
    }
}

fn short_hash(event: &[u8]) -> u64 {
    Sha256::digest(event).iter().take(8).fold(0, |hash, byte| (hash << 8) | u64::from(*byte))
}

/// Times and hashes of events, as they came; written as one hexadecimal text.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
struct Recent(VecDeque<(i64, u64)>);

impl Recent {
    fn push(&mut self, time: i64, hash: u64, rewind_us: i64) {
        self.0.push_back((time, hash));
        let newest = self.0.iter().map(|(time, _)| *time).max().unwrap_or(time);
        // The order of arrival is nearly that of time: what is too old stands in front.
        while self.0.len() > MAX_RECENT || self.0.front().is_some_and(|(time, _)| *time < newest - rewind_us)
        {
            self.0.pop_front();
        }
    }
}

impl Serialize for Recent {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut text = String::with_capacity(self.0.len() * 32);
        for (time, hash) in &self.0 {
            // Writing to a String does not fail.
            let _ = write!(text, "{time:016x}{hash:016x}");
        }
        serializer.serialize_str(&text)
    }
}

impl<'de> Deserialize<'de> for Recent {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        let mut recent = VecDeque::new();
        for pair in text.as_bytes().chunks_exact(32).take(MAX_RECENT) {
            let number = |half: &[u8]| {
                std::str::from_utf8(half).ok().and_then(|text| u64::from_str_radix(text, 16).ok())
            };
            let (time, hash) = pair.split_at(16);
            // A hash that cannot be read is one event that comes twice.
            if let (Some(time), Some(hash)) = (number(time), number(hash)) {
                recent.push_back((time.cast_signed(), hash));
            }
        }
        Ok(Self(recent))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const REWIND: i64 = 5_000_000;

    fn timed(time_us: i64) -> Position {
        Position { seq: None, time_us: Some(time_us) }
    }

    fn numbered(seq: i64) -> Position {
        Position { seq: Some(seq), time_us: Some(1) }
    }

    #[test]
    fn an_event_older_than_the_last_is_new() {
        let mut place = Place::default();
        assert_eq!(place.note(timed(2_000), b"a", REWIND), Noted::New);
        assert_eq!(place.note(timed(1_000), b"b", REWIND), Noted::New, "disorder is no repetition");
        assert_eq!(
            place.note(timed(2_000), b"c", REWIND),
            Noted::New,
            "two events of one microsecond are two"
        );
        assert_eq!(place.note(timed(1_000), b"b", REWIND), Noted::Known);
        assert_eq!(place.time_us, Some(2_000));
    }

    #[test]
    fn what_was_had_is_known_after_a_restart() {
        let mut place = Place::default();
        place.note(timed(1), b"a", REWIND);
        let text = serde_json::to_string(&place).unwrap();
        let mut back: Place = serde_json::from_str(&text).unwrap();
        assert_eq!(back, place);
        assert_eq!(back.note(timed(1), b"a", REWIND), Noted::Known);
        // What a reconnect cannot bring again is forgotten.
        back.note(timed(10_000_000), b"z", REWIND);
        assert_eq!(back.recent.0.len(), 1);
    }

    #[test]
    fn the_memory_is_bounded() {
        let mut place = Place::default();
        for n in 0..10_000i64 {
            assert_eq!(place.note(timed(n), &n.to_le_bytes(), REWIND), Noted::New);
        }
        assert_eq!(place.recent.0.len(), MAX_RECENT);
    }

    #[test]
    fn numbers_are_exact_and_belong_to_one_server() {
        let mut place = Place::default().at("a".to_owned());
        assert_eq!(place.note(numbered(7), b"a", REWIND), Noted::New);
        assert_eq!(place.note(numbered(7), b"a", REWIND), Noted::Known, "a cursor is inclusive");
        assert_eq!(place.note(numbered(8), b"b", REWIND), Noted::New);
        assert_eq!(place.clone().at("a".to_owned()).seq, Some(8));
        assert_eq!(place.at("b".to_owned()).note(numbered(3), b"a", REWIND), Noted::New);
    }

    #[test]
    fn a_server_that_counts_anew_is_noticed() {
        let mut place = Place::default().at("a".to_owned());
        place.note(numbered(700), b"a", REWIND);
        assert_eq!(place.note(numbered(3), b"c", REWIND), Noted::Renumbered);
        let other = Position { seq: Some(700), time_us: Some(99) };
        assert_eq!(place.note(other, b"d", REWIND), Noted::Renumbered, "another event under the number");
        place.seq = None;
        assert_eq!(place.note(numbered(3), b"c", REWIND), Noted::New);
    }
}
