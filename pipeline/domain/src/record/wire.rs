//! The written form of a [`ScoredRecord`], read field by field.
//!
//! serde's `flatten` would gather all fields in a buffer first and read them from there: twice the work for a record that
//! every post has.

use serde::Deserialize;
use serde::de::IntoDeserializer;
use serde::de::value::{Error, StringDeserializer};

use super::{FoldedWords, PostChange, PseudonymousPost, ScoredRecord};
use crate::{Outcome, Position, Timestamp, Verdict};

/// Like [`ScoredRecord`], with the outcome as the two fields that it is written as.
#[derive(Deserialize)]
pub(super) struct ScoredWire {
    schema: u16,
    position: Position,
    outcome: Kind,
    #[serde(default)]
    reason: Option<String>,
    source: String,
    observed_at: Timestamp,
    #[serde(default)]
    post: Option<PseudonymousPost>,
    #[serde(default)]
    verdict: Option<Verdict>,
    #[serde(default)]
    words: Option<FoldedWords>,
    #[serde(default)]
    shadow_rules: Vec<String>,
    #[serde(default)]
    change: Option<PostChange>,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Stored,
    Dropped,
    Dead,
}

impl TryFrom<ScoredWire> for ScoredRecord {
    type Error = Error;

    fn try_from(wire: ScoredWire) -> Result<Self, Error> {
        let reason = || -> StringDeserializer<Error> { wire.reason.unwrap_or_default().into_deserializer() };
        let outcome = match wire.outcome {
            Kind::Stored => Outcome::Stored,
            Kind::Dropped => Outcome::Dropped(Deserialize::deserialize(reason())?),
            Kind::Dead => Outcome::Dead(Deserialize::deserialize(reason())?),
        };
        Ok(Self {
            schema: wire.schema,
            position: wire.position,
            outcome,
            source: wire.source,
            observed_at: wire.observed_at,
            post: wire.post,
            verdict: wire.verdict,
            words: wire.words,
            shadow_rules: wire.shadow_rules,
            change: wire.change,
        })
    }
}
