//! Watch rules: a language that analysts can write, an engine that carries a hundred thousand of them.
//!
//! A rule is a YAML envelope round a boolean text ([`syntax`]). [`RuleSet::compile`] reads files, names what is
//! wrong with line, column and what to write instead, and builds a reverse index over the *witnesses* of the
//! rules: words of which at least one must stand in every post a rule matches. [`RuleSet::evaluate`] looks a
//! post's words up there and evaluates only the candidates exactly, so cost follows candidates, not rules.
//!
//! No IO, no clock, no threads: files, time and posts are passed in.

mod backtest;
pub mod baseline;
mod build;
mod compile;
mod date;
mod evaluate;
mod exchange;
mod format;
mod history;
mod lifecycle;
pub mod limits;
pub mod mix;
mod post;
mod problem;
mod rule;
mod set;
mod source;
mod space;
pub mod syntax;
mod trial;
mod window_snapshot;
mod window_state;
mod yaml;

pub use backtest::{Backtest, BacktestReport, SAMPLE_SIZE};
pub use exchange::{Exchanged, LeftOut, export_keywords, export_sigma, import_keywords, import_sigma};
pub use format::format;
pub use history::{HistoryColumns, history_prefilter};
pub use lifecycle::{
    ALARM_CHANCE, ALARM_MIN_POSTS, DayCount, Filing, NotLive, Rate, chance_of, is_odd, may_go_live,
};
pub use post::{ClusterView, PostView};
pub use problem::{Finding, Problem, Severity, Tongue, Wording};
pub use rule::{Cost, Expect, ListInfo, Rule, State, Trial, TrialPost};
pub use set::{Compiled, ENGINE_VERSION, Evaluation, Explanation, RuleSet, Scratch, SourceFile};
pub use trial::{TestResult, run_tests};
pub use window_snapshot::{MAX_SNAPSHOT_BYTES, SnapshotError, WindowSnapshot};
pub use window_state::{WindowKeys, WindowState};

/// The examples of the README are tests.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
