//! What the desk reads: flagged posts (content) and figures (never content).

use async_trait::async_trait;
use streife_cases::calibration::Score;
use streife_cases::tenant::SourceScope;
use streife_domain::{
    CampaignKey, Head, Identity, LegalLabel, Media, PostChange, PostId, Priority, PseudonymousPost, Reach,
    Span, Timestamp, Verdict,
};

use crate::priority::{Order, Parts, rank};

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
    /// Words that all occur.
    pub words: Option<String>,
    /// The sources of the tenant that asks. Set by [`crate::audited`], never by a page.
    pub sources: SourceScope,
    /// The tenant that asks, as written; empty for the house. Rules of others are not named to it. Set likewise.
    pub space: String,
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
    /// Where it was seen.
    pub source: String,
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

/// By what flagged posts are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum By {
    /// Source.
    Source,
    /// Platform.
    Platform,
    /// Language code.
    Language,
    /// Head over its threshold.
    Head,
    /// Rule.
    Rule,
}

impl By {
    /// All.
    pub const ALL: [Self; 5] = [Self::Head, Self::Source, Self::Platform, Self::Language, Self::Rule];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Platform => "platform",
            Self::Language => "language",
            Self::Head => "head",
            Self::Rule => "rule",
        }
    }

    /// From the written form; anything else is by head.
    pub fn parse(name: &str) -> Self {
        Self::ALL.into_iter().find(|by| by.as_str() == name).unwrap_or(Self::Head)
    }
}

/// Flagged posts of one name over time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Series {
    /// Source, language, head, rule.
    pub name: String,
    /// Oldest first; the last hour is the present one.
    pub per_hour: Vec<u64>,
}

impl Series {
    /// Posts in all.
    pub fn total(&self) -> u64 {
        self.per_hour.iter().sum()
    }
}

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Comma separated values with a header.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
}

impl ExportFormat {
    /// All.
    pub const ALL: [Self; 3] = [Self::Csv, Self::JsonLines, Self::Parquet];

    /// The written form, which is the ending of the file too.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Csv => "csv",
            Self::JsonLines => "jsonl",
            Self::Parquet => "parquet",
        }
    }

    /// From the written form.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.as_str() == name)
    }

    /// The media type.
    pub const fn media_type(self) -> &'static str {
        match self {
            Self::Csv => "text/csv; charset=utf-8",
            Self::JsonLines => "application/jsonl",
            Self::Parquet => "application/vnd.apache.parquet",
        }
    }
}

/// What stands on every exported record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportLabel {
    /// What the export is for.
    pub purpose: String,
    /// On what ground.
    pub legal_basis: String,
    /// The day by which the copy is looked at again or destroyed.
    pub review_by: String,
    /// The hash of the audit entry that tells of this export.
    pub audit_entry: String,
}

/// A day of a rule.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleDayFigures {
    /// `YYYY-MM-DD`, UTC.
    pub day: String,
    /// Hits.
    pub hits: u64,
}

/// A rule over the last days.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RuleFigures {
    /// Oldest first; the last day is today.
    pub days: Vec<RuleDayFigures>,
    /// Is today's hit rate far above that of its past?
    pub odd: bool,
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

/// A place in the ranked queue: which post, without content.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Place {
    /// The post.
    pub id: PostId,
    /// Grows with every change of the stored post; 0 when the store cannot tell.
    pub version: u64,
    /// When it was seen.
    pub observed_at: Timestamp,
}

/// How many flagged posts a filter shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct QueueSize {
    /// All.
    pub total: u64,
    /// Those of the highest level.
    pub high: u64,
}

/// Flagged posts. Handlers reach it only through [`crate::audited::Audited`].
#[async_trait]
pub trait FlaggedReader: Send + Sync {
    /// Flagged posts, the most urgent first as far as the store can tell, at most `limit`.
    async fn flagged(&self, filter: &QueueFilter, limit: usize) -> Result<Vec<FlaggedItem>, ReadError>;
    /// One post.
    async fn item(&self, id: PostId) -> Result<Option<FlaggedItem>, ReadError>;
    /// The first `limit` places in `order`; narrow and fast where the store can.
    async fn head(&self, filter: &QueueFilter, order: Order, limit: usize) -> Result<Vec<Place>, ReadError> {
        let items = self.flagged(filter, usize::MAX).await?;
        let now = items.iter().map(|item| item.post.observed_at).max().unwrap_or_default();
        let mut items: Vec<_> = items.into_iter().map(|item| (Parts::of(&item, now), item)).collect();
        rank(&mut items, order);
        let place = |item: FlaggedItem| Place {
            id: item.post.post_id,
            version: 0,
            observed_at: item.post.observed_at,
        };
        Ok(items.into_iter().take(limit).map(|(_, item)| place(item)).collect())
    }
    /// These posts in this order; what is gone is left out.
    async fn items(&self, ids: &[PostId]) -> Result<Vec<FlaggedItem>, ReadError> {
        let mut items = Vec::new();
        for id in ids {
            items.extend(self.item(*id).await?);
        }
        Ok(items)
    }
    /// How many posts a filter shows.
    async fn size(&self, filter: &QueueFilter) -> Result<QueueSize, ReadError> {
        let items = self.flagged(filter, usize::MAX).await?;
        let high = items.iter().filter(|item| item.verdict.priority == Priority::High).count();
        Ok(QueueSize { total: items.len() as u64, high: high as u64 })
    }
    /// Which words moved the model's scores of this post: an assessment, computed when asked for.
    async fn marks(&self, item: &FlaggedItem) -> Result<Vec<ModelMark>, ReadError> {
        Ok(item.marks.clone())
    }
    /// How a campaign spread over time, accounts and platforms, as far as these sources show; `None` for a single post.
    async fn campaign(
        &self,
        _key: CampaignKey,
        _sources: &SourceScope,
    ) -> Result<Option<CampaignFigures>, ReadError> {
        Ok(None)
    }
    /// Flagged posts of a filter as a file, without authors' identities.
    async fn export(
        &self,
        _filter: &QueueFilter,
        _format: ExportFormat,
        _label: &ExportLabel,
        _with_text: bool,
    ) -> Result<Vec<u8>, ReadError> {
        Err(ReadError("this store exports nothing".to_owned()))
    }
    /// Who published it.
    async fn identity(&self, id: PostId) -> Result<Option<Identity>, ReadError>;
}

/// Figures without content.
#[async_trait]
pub trait Figures: Send + Sync {
    /// Campaigns, the largest first.
    async fn campaigns(&self, sources: &SourceScope) -> Result<Vec<CampaignFigures>, ReadError>;
    /// Trends of these sources.
    async fn trends(&self, sources: &SourceScope) -> Result<Trends, ReadError>;
    /// Flagged posts of a filter by hour over the last `hours`, told apart by one of their sides.
    async fn series(&self, filter: &QueueFilter, hours: u32, by: By) -> Result<Vec<Series>, ReadError>;
    /// One rule over the last fourteen days.
    async fn rule(&self, id: &str) -> Result<RuleFigures, ReadError>;
    /// What the models said of these posts, each by name and version.
    async fn scores(&self, posts: &[PostId]) -> Result<Vec<Score>, ReadError>;
    /// The kind of connector that reads a source; `None` when it is not configured here (any more).
    fn connector(&self, _source: &str) -> Option<String> {
        None
    }
    /// State of the pipeline.
    async fn system(&self) -> Result<SystemFigures, ReadError>;
}
