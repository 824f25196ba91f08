//! The values every part of Streife speaks of.
//!
//! Nothing here does IO, spawns, or knows a wire protocol. Types that leave the process carry their JSON
//! shape in `schemas/`; a change there comes before a change here.
//!
//! * [`Event`]: what a connector saw (a post, an edit, a deletion), the record of `posts.raw`.
//! * [`Verdict`]: what the pipeline computed for a text, the record of `posts.flagged` and of `streife scan`.
//! * [`Outcome`]: every accepted record ends in exactly one of stored, dropped (why) or dead (why).

mod clock;
mod event;
mod head;
mod ids;
mod label;
mod language;
mod outcome;
mod record;
mod timestamp;
mod verdict;

pub use clock::{Clock, ManualClock, SystemClock};
pub use event::{Author, BankMatch, EVENT_SCHEMA, Event, EventKind, Media, MediaPolicy, PostKind, Reach};
pub use head::{Head, Heads, UnknownHead};
pub use ids::{PostId, Pseudonym, PseudonymKey};
pub use label::{LegalLabel, Purpose};
pub use language::{Language, Script};
pub use outcome::{DropReason, Outcome, Position, RejectCode, Rejected};
pub use record::{
    FlaggedRecord, FoldedWords, Identity, PostChange, PseudonymousPost, RECORD_SCHEMA, ScoredRecord,
    WindowedRecord,
};
pub use timestamp::{Timestamp, TimestampError};
pub use verdict::{CampaignKey, Hit, ModelVersions, Priority, Reason, Span, Verdict};
