//! What the rule pages need from the rule engine and from stored history. The composition root fills it in; the
//! desk itself knows neither engine nor store.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use streife_cases::rulebook::{Kind, PublishedFile};
use streife_cases::tenant::{SourceScope, Tenant};
use streife_domain::{PostId, PseudonymousPost, Span, Timestamp};

use crate::reader::ReadError;

/// A text with what it is compiled together with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleText {
    /// Whose it is.
    pub tenant: Tenant,
    /// What it is.
    pub kind: Kind,
    /// Its name; where it cannot be read, empty.
    pub id: String,
    /// The YAML.
    pub source: String,
    /// What is published that this tenant may know, the house's and its own: these lists count for this text.
    pub book: Vec<PublishedFile>,
    /// `YYYY-MM-DD`.
    pub today: String,
}

/// What is wrong with a rule text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to write instead; may be empty.
    pub hint: String,
    /// The line; may be empty.
    pub excerpt: String,
    /// Keeps the rule from working.
    pub error: bool,
}

impl RuleProblem {
    /// The line with a caret under the column.
    pub fn pointed(&self) -> String {
        let before = self.excerpt.chars().take(self.column.saturating_sub(1) as usize);
        let pad: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
        format!("{}\n{pad}^", self.excerpt)
    }
}

/// One test of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TestLine {
    /// Counted from 1.
    pub number: usize,
    /// The rule, where it is another than the text that was checked (a list's rules are tested with it).
    pub rule: String,
    /// Must it hit?
    pub expect_hit: bool,
    /// Did it?
    pub hit: bool,
    /// The invented text.
    pub text: String,
}

impl TestLine {
    /// Did it come out as expected?
    pub fn ok(&self) -> bool {
        self.expect_hit == self.hit
    }
}

/// What the engine says of a sound rule.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct About {
    /// Purpose.
    pub purpose: String,
    /// Legal basis.
    pub legal_basis: String,
    /// Hits a day after which it counts only.
    pub quota: Option<u32>,
    /// `narrow`, `medium` or `broad`.
    pub cost: &'static str,
    /// The terms by which posts are found for it.
    pub witness: Vec<String>,
    /// Lists it uses.
    pub lists: Vec<String>,
}

/// The outcome of a check.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleReport {
    /// Errors and warnings, in the order of the text.
    pub problems: Vec<RuleProblem>,
    /// Tests; empty when the text does not compile.
    pub tests: Vec<TestLine>,
    /// What the engine says of it; `None` when it does not compile or is no rule.
    pub about: Option<About>,
}

impl RuleReport {
    /// No errors, and all tests pass.
    pub fn sound(&self) -> bool {
        self.problems.iter().all(|problem| !problem.error) && self.tests.iter().all(TestLine::ok)
    }
}

/// A rule, list or suppression of the installation's rule folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Installed {
    /// What it is.
    pub kind: Kind,
    /// Name.
    pub id: String,
    /// Title.
    pub title: String,
    /// Who answers for it.
    pub owner: String,
    /// Day of review, or of expiry.
    pub review_by: String,
    /// `draft`, `shadow`, `live`, `paused`, `retired`; `broken` when it does not compile.
    pub state: &'static str,
    /// The YAML document.
    pub source: String,
}

/// The rule engine.
pub trait RuleCheck: Send + Sync {
    /// Compiles a text and runs its tests; for a list, the tests of the rules that use it.
    fn check(&self, text: &RuleText, german: bool) -> RuleReport;
    /// Why `approver` may not switch the rule live, by the name of the reason; `None` when nothing is in the way.
    fn not_live(&self, text: &RuleText, approver: &str, has_backtest: bool) -> Option<NotLive>;
    /// What the installation brings along.
    fn installed(&self) -> Vec<Installed>;
}

streife_cases::listed! {
    /// Why a text does not go live.
    #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
    pub enum NotLive {
        /// One of its tests fails, or it does not compile.
        #[default]
        TestFails = "test_fails",
        /// It names the approver as its owner.
        SamePerson = "same_person",
        /// No second person approves.
        Nobody = "nobody",
        /// No backtest.
        NoBacktest = "no_backtest",
        /// It was ended.
        Retired = "retired",
    }
}

/// A post that a draft hits.
#[derive(Debug, Clone, PartialEq)]
pub struct PreviewHit {
    /// The post, without its author.
    pub post: PseudonymousPost,
    /// Language code.
    pub language: String,
    /// What matched.
    pub spans: Vec<Span>,
}

/// What a draft hits among recent posts.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Preview {
    /// Posts seen in the time.
    pub posts: u64,
    /// Hits among them.
    pub hits: u64,
    /// Were all posts looked at? Otherwise the preview stopped at its bound.
    pub complete: bool,
    /// Hits per hour, oldest first.
    pub per_hour: Vec<u64>,
    /// Some of the hits, the newest first.
    pub shown: Vec<PreviewHit>,
}

/// The report of a backtest, as it lies in the rule book.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct BacktestFigures {
    /// When it ended, microseconds since 1970.
    pub at: i64,
    /// Days looked back.
    pub days: i64,
    /// The rule set it ran with.
    pub set: String,
    /// Posts of the time.
    pub posts: u64,
    /// Posts evaluated exactly.
    pub candidates: u64,
    /// Hits.
    pub hits: u64,
    /// Hits by day.
    pub per_day: BTreeMap<String, u64>,
    /// Hits that another rule has too.
    pub overlap: BTreeMap<String, u64>,
    /// Days on which the quota would have been exceeded.
    pub days_over_quota: u32,
    /// Hits drawn at random, for people to label.
    pub sample: Vec<String>,
    /// What people said of the sample: does the rule mean this post?
    #[serde(default)]
    pub labels: BTreeMap<String, bool>,
}

impl BacktestFigures {
    /// Labelled as meant, and labelled at all.
    pub fn labelled(&self) -> (u64, u64) {
        let meant = self.labels.values().filter(|meant| **meant).count();
        (meant as u64, self.labels.len() as u64)
    }
}

/// How far a backtest has come: parts of a thousand, and hits so far.
pub type Progress<'a> = &'a (dyn Fn(u32, u64) + Send + Sync);

/// Stored posts. Handlers reach it only through [`crate::audited::Audited`].
#[async_trait]
pub trait History: Send + Sync {
    /// What a sound rule hits among posts of these sources seen at or after `since`, showing at most `limit`.
    async fn preview(
        &self,
        text: &RuleText,
        sources: &SourceScope,
        since: Timestamp,
        limit: usize,
    ) -> Result<Preview, ReadError>;
    /// Runs a sound rule over the posts of these sources seen at or after `since`.
    async fn backtest(
        &self,
        text: &RuleText,
        sources: &SourceScope,
        since: Timestamp,
        progress: Progress<'_>,
    ) -> Result<BacktestFigures, ReadError>;
    /// Stored posts by id; those that have expired are missing.
    async fn posts(&self, ids: &[PostId]) -> Result<Vec<PseudonymousPost>, ReadError>;
}
