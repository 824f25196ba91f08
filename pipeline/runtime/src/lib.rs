//! Chains the stages of the pipeline: a functional core (`decode`, `analyse`, `decide`, `score_batch`) in an
//! async shell (`score`, `store`, `collect`) that awaits, retries and commits.
//!
//! One post's way: `posts.raw` -> [`decode`] -> seen before? -> [`Analyser`] (language, rules, gate, encoder) ->
//! [`decide`] -> `posts.scored` and, when flagged, `posts.flagged` -> offsets committed -> [`store`] writes
//! ClickHouse -> offsets committed. What cannot be processed goes to `posts.dead` ([`dead`]).
//!
//! Nothing outside this crate spawns long-lived tasks.

mod analyse;
pub mod collect;
pub mod dead;
mod decide;
mod decode;
mod fields;
mod metrics;
mod picture_facts;
pub mod pictures;
mod retry;
mod rule_files;
pub mod score;
mod score_batch;
mod seen;
pub mod store;
mod topics;
mod trace;
pub mod windows;
mod workers;

pub use analyse::{Analyser, Analysis, Encode, Passage};
pub use decide::decide;
pub use decode::{Incoming, MAX_TEXT_BYTES, decode};
pub use fields::{Fields, fields};
pub use metrics::descriptions as metric_descriptions;
pub use picture_facts::{BANK_HIT_PREFIX, PictureFacts};
pub use retry::{Backoff, Stopped};
pub use rule_files::{RuleFiles, RuleFollower, publish_rules};
pub use score_batch::{BatchOutput, ScoreContext, ScoreState, score_batch};
pub use seen::SeenWindow;
pub use topics::{TopicsError, names, parse_topics};
pub use trace::follow_with;
pub use workers::Workers;
