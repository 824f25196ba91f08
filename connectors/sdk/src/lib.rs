//! The connector contract: fetch, parse, cursor, politeness.
//!
//! A connector reads one public source. It does two things and nothing else:
//!
//! * `parse` is pure: an [`Observation`] (bytes as received) becomes [`Parsed`] (events, problems). Every kind has
//!   it as a plain function, so `streife sources parse KIND FILE` and the live pipeline see the same result.
//! * [`Connector::fetch`] does IO: it asks the source for what came after the [`Cursor`], through the one polite
//!   [`Http`] client of the process.
//!
//! [`run_source`] joins them: fetch, publish, and only when the log has the events save the cursor; it is the
//! only place that retries. What a connector MUST do is written at [`Connector`] and checked by
//! `conformance` (feature `test-support`).

mod config;
#[cfg(feature = "test-support")]
pub mod conformance;
mod connector;
pub mod dates;
mod driver;
mod error;
mod fragment;
mod health;
pub mod html;
pub mod http;
pub mod json;
pub mod listing;
mod media;
mod metrics;
pub mod net;
mod observation;
mod parsed;
pub mod poll;
pub mod recorded;
mod seen;
#[cfg(feature = "test-support")]
pub mod testing;
pub mod websub;
pub mod ws;

pub use config::{ConfigError, LegalGate, Secret, SecretSource, SourceConfig, settings};
pub use connector::{Connect, Connector, Cursor, Deps, Fetched, Kind, Pace};
pub use driver::{CursorStore, RunOptions, Sink, SinkError, run_source};
pub use error::{FetchClass, FetchError};
pub use health::{Health, HealthBoard};
pub use http::{Guard, Http, HttpConfig, Request, Response};
pub use media::MediaSettings;
pub use metrics::descriptions as metric_descriptions;
pub use observation::Observation;
pub use parsed::{ParseContext, ParseProblem, Parsed, ParsedEvent};
pub use seen::{Change, Seen};
