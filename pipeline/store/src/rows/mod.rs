//! Rows as they lie in ClickHouse (`schemas/clickhouse/`). Building them is pure: see [`build`].

mod build;
mod read;

pub(crate) use build::{event_name, micros, priority_value};
pub(crate) use read::priority;

use clickhouse::Row;
use serde::{Deserialize, Serialize};

pub use build::DeadNotice;

/// A post without its author, flagged or not.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
#[expect(missing_docs, reason = "columns are described in schemas/clickhouse")]
pub struct RecentPostRow {
    pub post_id: u128,
    pub source: String,
    pub platform: String,
    pub author: Option<u64>,
    pub kind: String,
    pub text: String,
    pub words: String,
    pub normaliser: u32,
    pub posted_at: Option<i64>,
    pub edited_at: Option<i64>,
    pub observed_at: i64,
    pub campaign: u64,
    pub tags: Vec<String>,
    pub links: Vec<String>,
    pub language: String,
    pub language_confidence: f32,
    pub script: String,
    pub gate: Option<f32>,
    pub encoded: bool,
    pub scores: Vec<(String, f32)>,
    pub labels: Vec<String>,
    pub rules: Vec<String>,
    pub shadow_rules: Vec<String>,
    pub priority: i8,
    pub version: u64,
}

/// A flagged post without its author.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
#[expect(missing_docs, reason = "columns are described in schemas/clickhouse")]
pub struct FlaggedPostRow {
    pub post_id: u128,
    pub source: String,
    pub platform: String,
    pub author: Option<u64>,
    pub kind: String,
    pub text: String,
    pub posted_at: Option<i64>,
    pub edited_at: Option<i64>,
    pub observed_at: i64,
    pub campaign: u64,
    pub language: String,
    pub language_confidence: f32,
    pub script: String,
    pub gate: Option<f32>,
    pub encoded: bool,
    pub scores: Vec<(String, f32)>,
    pub labels: Vec<String>,
    pub rules: Vec<String>,
    pub hits: String,
    pub priority: i8,
    pub model_lid: String,
    pub model_gate: String,
    pub model_encoder: String,
    pub model_rules: String,
    pub media: String,
    pub tags: Vec<String>,
    pub links: Vec<String>,
    pub views: Option<u64>,
    pub likes: Option<u64>,
    pub shares: Option<u64>,
    pub replies: Option<u64>,
    pub followers: Option<u64>,
    pub purpose: String,
    pub legal_basis: String,
    pub review_by: String,
    pub partition: i32,
    pub offset: i64,
    pub version: u64,
}

/// Who published a flagged post, and the bytes that were observed.
#[derive(Clone, PartialEq, Row, Serialize, Deserialize)]
#[expect(missing_docs, reason = "columns are described in schemas/clickhouse")]
pub struct IdentityRow {
    pub post_id: u128,
    pub native_id: String,
    pub url: Option<String>,
    pub author_id: Option<String>,
    pub author_handle: Option<String>,
    pub author_name: Option<String>,
    pub reply_to: Option<String>,
    pub quote_of: Option<String>,
    pub raw: bytes::Bytes,
    pub raw_sha256: String,
    pub version: u64,
}

impl std::fmt::Debug for IdentityRow {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityRow").field("raw_bytes", &self.raw.len()).finish_non_exhaustive()
    }
}

/// A rule that matched a post.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[expect(missing_docs, reason = "columns are described in schemas/clickhouse")]
pub struct HitRow {
    pub rule: String,
    pub rule_version: u32,
    pub post_id: u128,
    pub day: u16,
    pub source: String,
    pub language: String,
    pub priority: i8,
    pub version: u64,
}

/// What a model said of a flagged post.
#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
#[expect(missing_docs, reason = "columns are described in schemas/clickhouse")]
pub struct ScoreRow {
    pub head: String,
    pub day: u16,
    pub post_id: u128,
    pub value: f32,
    pub labelled: bool,
    pub model: String,
    pub language: String,
    pub source: String,
    pub version: u64,
}

/// An edit, deletion or disappearance that was seen.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[expect(missing_docs, reason = "columns are described in schemas/clickhouse")]
pub struct PostChangeRow {
    pub post_id: u128,
    pub event: String,
    pub observed_at: i64,
}

/// How one accepted record ended.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
#[expect(missing_docs, reason = "columns are described in schemas/clickhouse")]
pub struct OutcomeRow {
    pub partition: i32,
    pub offset: i64,
    pub outcome: String,
    pub reason: String,
    pub source: String,
    pub flagged: bool,
    pub hour: u32,
}

/// The tables that the pipeline writes, in the order of writing: what others point to comes first, the ledger
/// comes last, so that a record counts as stored only when all of it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[expect(missing_docs, reason = "the table's name says it")]
pub enum Table {
    RecentPosts,
    FlaggedIdentities,
    Hits,
    Scores,
    PostChanges,
    FlaggedPosts,
    Outcomes,
}

impl Table {
    /// All, in the order of writing.
    pub const ALL: [Self; 7] = [
        Self::RecentPosts,
        Self::FlaggedIdentities,
        Self::Hits,
        Self::Scores,
        Self::PostChanges,
        Self::FlaggedPosts,
        Self::Outcomes,
    ];

    /// Those that hold something of a post, and from which an erasure takes it.
    pub const WITH_POSTS: [Self; 6] = [
        Self::RecentPosts,
        Self::FlaggedIdentities,
        Self::Hits,
        Self::Scores,
        Self::PostChanges,
        Self::FlaggedPosts,
    ];

    /// The table's name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::RecentPosts => "recent_posts",
            Self::FlaggedIdentities => "flagged_identities",
            Self::Hits => "hits",
            Self::Scores => "scores",
            Self::PostChanges => "post_changes",
            Self::FlaggedPosts => "flagged_posts",
            Self::Outcomes => "outcomes",
        }
    }
}

/// Rows for all tables, of one record or of many.
#[derive(Debug, Clone, Default, PartialEq)]
#[expect(missing_docs, reason = "one field for each table")]
pub struct Rows {
    pub recent_posts: Vec<RecentPostRow>,
    pub flagged_identities: Vec<IdentityRow>,
    pub hits: Vec<HitRow>,
    pub scores: Vec<ScoreRow>,
    pub post_changes: Vec<PostChangeRow>,
    pub flagged_posts: Vec<FlaggedPostRow>,
    pub outcomes: Vec<OutcomeRow>,
}

impl Rows {
    /// Appends `other`.
    pub fn extend(&mut self, other: Self) {
        self.recent_posts.extend(other.recent_posts);
        self.flagged_identities.extend(other.flagged_identities);
        self.hits.extend(other.hits);
        self.scores.extend(other.scores);
        self.post_changes.extend(other.post_changes);
        self.flagged_posts.extend(other.flagged_posts);
        self.outcomes.extend(other.outcomes);
    }

    /// Rows for `table`.
    pub fn count(&self, table: Table) -> usize {
        match table {
            Table::RecentPosts => self.recent_posts.len(),
            Table::FlaggedIdentities => self.flagged_identities.len(),
            Table::Hits => self.hits.len(),
            Table::Scores => self.scores.len(),
            Table::PostChanges => self.post_changes.len(),
            Table::FlaggedPosts => self.flagged_posts.len(),
            Table::Outcomes => self.outcomes.len(),
        }
    }

    /// Rows for all tables together.
    pub fn total(&self) -> usize {
        Table::ALL.into_iter().map(|table| self.count(table)).sum()
    }
}
