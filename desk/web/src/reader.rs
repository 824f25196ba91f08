//! What the desk reads: flagged posts (content) and figures (never content).

use async_trait::async_trait;
use streife_domain::{
    Head, Identity, LegalLabel, Media, PostChange, PostId, Priority, PseudonymousPost, Reach, Span,
    Timestamp, Verdict,
};

/// Reading failed. Never holds post text.
#[derive(Debug, thiserror::Error)]
#[error("reading from the store: {0}")]
pub struct ReadError(pub String);

/// Which flagged posts; everything absent means all.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueFilter {
    /// Only this level.
    pub level: Option<Priority>,
    /// Only this language code.
    pub language: Option<String>,
    /// Only this source.
    pub source: Option<String>,
    /// Only this head among the labels.
    pub head: Option<Head>,
    /// Only hits of this rule.
    pub rule: Option<String>,
    /// Only this campaign.
    pub campaign: Option<u64>,
}

/// A part of a text that moved a model's score.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ModelMark {
    /// Where.
    pub span: Span,
    /// For which head.
    pub head: Head,
    /// How much, -1 to 1.
    pub weight: f32,
}

/// A flagged post as the desk shows it, without its author.
#[derive(Debug, Clone, PartialEq)]
pub struct FlaggedItem {
    /// The post.
    pub post: PseudonymousPost,
    /// What the pipeline computed.
    pub verdict: Verdict,
    /// What it refers to; described, never loaded.
    pub media: Vec<Media>,
    /// How far it had spread.
    pub reach: Option<Reach>,
    /// Purpose and legal basis.
    pub legal: Option<LegalLabel>,
    /// Posts of the same campaign, this one included.
    pub copies: u64,
    /// Platforms the campaign was seen on.
    pub platforms: Vec<String>,
    /// Edits, deletions, disappearance.
    pub changes: Vec<PostChange>,
    /// What moved the model.
    pub marks: Vec<ModelMark>,
    /// Neighbours in the thread, oldest first: text and whether it stands above the item.
    pub thread: Vec<ThreadPost>,
}

/// A neighbour in a thread.
#[derive(Debug, Clone, PartialEq)]
pub struct ThreadPost {
    /// Stands above (is answered by) the item.
    pub above: bool,
    /// Text.
    pub text: String,
    /// When.
    pub posted_at: Option<Timestamp>,
}

/// A campaign in figures.
#[derive(Debug, Clone, PartialEq)]
pub struct CampaignFigures {
    /// Key.
    pub key: u64,
    /// Posts.
    pub posts: u64,
    /// Distinct author pseudonyms.
    pub accounts: u64,
    /// Platforms.
    pub platforms: Vec<String>,
    /// First seen.
    pub first_seen: Timestamp,
    /// Last seen.
    pub last_seen: Timestamp,
    /// Highest level.
    pub level: Priority,
    /// Labels seen.
    pub labels: Vec<Head>,
    /// Posts per hour, oldest first, at most 48.
    pub per_hour: Vec<u64>,
}

/// Name and number.
pub type Count = (String, u64);

/// Trends of the last 48 hours.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Trends {
    /// Flagged posts per hour, oldest first.
    pub flagged_per_hour: Vec<u64>,
    /// All posts per hour, oldest first.
    pub posts_per_hour: Vec<u64>,
    /// Flagged by source.
    pub by_source: Vec<Count>,
    /// Flagged by language.
    pub by_language: Vec<Count>,
    /// Flagged by head.
    pub by_head: Vec<Count>,
    /// Hits by rule.
    pub by_rule: Vec<Count>,
}

/// One stage of the pipeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StageFigures {
    /// Name.
    pub name: String,
    /// Records in.
    pub input: u64,
    /// Records out.
    pub output: u64,
    /// Dropped.
    pub dropped: u64,
    /// Dead letters.
    pub dead: u64,
    /// Records waiting.
    pub lag: u64,
    /// Works?
    pub healthy: bool,
}

/// One source.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SourceFigures {
    /// Name.
    pub name: String,
    /// Posts in the last hour.
    pub last_hour: u64,
    /// Last observation.
    pub last_seen: Option<Timestamp>,
    /// `on`, `off`, `failing` or `not_licensed`.
    pub state: &'static str,
    /// Legal basis, when configured.
    pub legal_basis: String,
}

/// State of the pipeline.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct SystemFigures {
    /// Stages in order.
    pub stages: Vec<StageFigures>,
    /// Sources.
    pub sources: Vec<SourceFigures>,
    /// Dead letters by reason.
    pub dead: Vec<Count>,
    /// Models and rule sets in use.
    pub versions: Vec<(String, String)>,
}

/// Flagged posts. Handlers reach it only through [`crate::audited::Audited`].
#[async_trait]
pub trait FlaggedReader: Send + Sync {
    /// Flagged posts, the most urgent first as far as the store can tell, at most `limit`.
    async fn flagged(&self, filter: &QueueFilter, limit: usize) -> Result<Vec<FlaggedItem>, ReadError>;
    /// One post.
    async fn item(&self, id: PostId) -> Result<Option<FlaggedItem>, ReadError>;
    /// Who published it.
    async fn identity(&self, id: PostId) -> Result<Option<Identity>, ReadError>;
}

/// Figures without content.
#[async_trait]
pub trait Figures: Send + Sync {
    /// Campaigns, the largest first.
    async fn campaigns(&self) -> Result<Vec<CampaignFigures>, ReadError>;
    /// Trends.
    async fn trends(&self) -> Result<Trends, ReadError>;
    /// State of the pipeline.
    async fn system(&self) -> Result<SystemFigures, ReadError>;
}
