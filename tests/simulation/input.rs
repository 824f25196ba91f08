//! What goes in, and what the oracle says must come out. It knows the input by construction.

use bytes::Bytes;
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use streife_domain::{Event, EventKind, PostId, Timestamp};
use streife_log::Record;
use streife_runtime::collect::{event_record, rejected_record};

/// How one accepted record must end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Expected {
    /// Stored, and in the flagged view under this id.
    Flagged(PostId),
    /// Stored.
    Stored,
    /// Dropped as a repetition; or stored once more under the same id by a worker that was started anew and no longer
    /// remembers the first (`docs/gotchas.md`).
    Duplicate,
    /// In the dead-letter topic.
    Dead,
}

impl Expected {
    pub fn allows(self, outcome: &str) -> bool {
        match self {
            Self::Flagged(_) | Self::Stored => outcome == "stored",
            Self::Duplicate => outcome == "dropped" || outcome == "stored",
            Self::Dead => outcome == "dead",
        }
    }
}

/// The word that the simulation's one rule watches.
pub const WATCHED: &str = "gartenzwerg";

/// Makes `count` records.
pub fn make(rng: &mut ChaCha8Rng, count: usize, now: Timestamp) -> Vec<(Record, Expected)> {
    let mut made = Vec::new();
    let mut sent: Vec<(String, String)> = Vec::new();
    for number in 0..count {
        let (record, expected) = match rng.random_range(0..100) {
            0..6 => (garbage(rng), Expected::Dead),
            6..9 => (
                rejected_record(
                    "sim",
                    Bytes::from_static(b"\xff"),
                    streife_domain::RejectCode::BadUtf8,
                    "line 1",
                ),
                Expected::Dead,
            ),
            9..12 => (change(number, now), Expected::Stored),
            12..20 if !sent.is_empty() => {
                let (id, text) = sent[rng.random_range(0..sent.len())].clone();
                (post(&id, &text, now), Expected::Duplicate)
            }
            roll => {
                // A fifth of the posts repeats an id with other words: a new revision, stored under the same id.
                let id = if roll > 90 && !sent.is_empty() {
                    sent[rng.random_range(0..sent.len())].0.clone()
                } else {
                    format!("p{number}")
                };
                let watched = roll % 4 == 0;
                let text = format!("Meldung {number} {}", if watched { WATCHED } else { "Blumenbeet" });
                sent.push((id.clone(), text.clone()));
                let expected =
                    if watched { Expected::Flagged(PostId::of("sim", &id)) } else { Expected::Stored };
                (post(&id, &text, now), expected)
            }
        };
        made.push((record, expected));
    }
    made
}

fn post(id: &str, text: &str, now: Timestamp) -> Record {
    let mut event = Event::new(EventKind::Post, "sim", "sim", id, now);
    event.text = text.to_owned();
    event_record(&event, &Bytes::from_static(b"raw"))
}

fn change(number: usize, now: Timestamp) -> Record {
    event_record(&Event::new(EventKind::Delete, "sim", "sim", &format!("gone{number}"), now), &Bytes::new())
}

fn garbage(rng: &mut ChaCha8Rng) -> Record {
    let length = rng.random_range(1..40);
    let value: Vec<u8> = (0..length).map(|_| rng.random_range(0x80..=0xff)).collect();
    Record { key: Bytes::from(value.clone()), value: value.into(), headers: Vec::new() }
}
