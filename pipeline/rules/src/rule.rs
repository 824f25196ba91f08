//! A rule's envelope: everything about it but its meaning.

use std::sync::Arc;

use serde::{Deserialize, Serialize};
use streife_domain::{Priority, Purpose};

/// How far a rule has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Being written; not evaluated.
    Draft,
    /// Evaluated, hits are recorded and file nothing.
    Shadow,
    /// Evaluated, hits go in front of people.
    #[default]
    Live,
    /// Switched off for a while.
    Paused,
    /// Switched off for good; kept for the record.
    Retired,
}

impl State {
    /// All states in the order of a rule's life.
    pub const ALL: [Self; 5] = [Self::Draft, Self::Shadow, Self::Live, Self::Paused, Self::Retired];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Shadow => "shadow",
            Self::Live => "live",
            Self::Paused => "paused",
            Self::Retired => "retired",
        }
    }
}

/// What a rule's evaluation costs, told by how common its witness is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Cost {
    /// Looked at for few posts.
    #[default]
    Narrow,
    /// Looked at for some posts.
    Medium,
    /// Looked at for many posts: keep such rules few.
    Broad,
}

impl Cost {
    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Narrow => "narrow",
            Self::Medium => "medium",
            Self::Broad => "broad",
        }
    }
}

/// What a test expects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Expect {
    /// The rule matches.
    Hit,
    /// The rule does not match.
    Miss,
}

impl Expect {
    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Hit => "hit",
            Self::Miss => "miss",
        }
    }
}

/// A post that a rule must hit or miss; stored inside the rule.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Trial {
    /// What must come out.
    pub expect: Option<Expect>,
    /// Its text.
    pub text: String,
    /// The rest of the post; most tests are a text alone.
    pub others: Option<Box<TrialPost>>,
}

/// What a test's post has besides its text.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct TrialPost {
    /// Text in pictures.
    pub ocr: String,
    /// Text in sound.
    pub asr: String,
    /// Quoted text.
    pub quote: String,
    /// Hashtags.
    pub tags: Vec<String>,
    /// Addresses.
    pub urls: Vec<String>,
    /// Mentions.
    pub mentions: Vec<String>,
    /// Language code.
    pub lang: String,
    /// Platform.
    pub platform: String,
    /// Source.
    pub source: String,
    /// Kind of post.
    pub kind: String,
    /// Post answered.
    pub reply_to: String,
    /// Scores by head.
    pub scores: Vec<(streife_domain::Head, f32)>,
    /// Labels.
    pub labels: Vec<streife_domain::Head>,
    /// Cluster: size, accounts, platforms.
    pub cluster: Option<(u32, u32, u32)>,
    /// Symbols in pictures.
    pub symbols: Vec<(String, f32)>,
    /// Perceptual hashes of pictures.
    pub hashes: Vec<[u8; 32]>,
}

/// A list or bank of a set, without its entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ListInfo {
    /// Name, without `$`.
    pub name: String,
    /// Raised with each change.
    pub version: u32,
    /// Who keeps it.
    pub owner: String,
    /// Day by which a person looks again.
    pub review_by: String,
    /// Number of entries.
    pub entries: usize,
}

/// A watch rule's envelope. Its meaning lies in the set that compiled it. What many rules say alike (`Arc<str>`) is held once in a set.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rule {
    /// Name, unique in a set.
    pub id: String,
    /// Raised with each change.
    pub version: u32,
    /// One line for people.
    pub title: String,
    /// Who wrote it.
    pub owner: Arc<str>,
    /// Who switched it live; never the owner.
    pub approved_by: Option<String>,
    /// Why posts are matched.
    pub purpose: Purpose,
    /// On what ground.
    pub legal_basis: Arc<str>,
    /// What gave rise to it.
    pub occasion: Arc<str>,
    /// Norms such as `StGB-86a`.
    pub norms: Vec<String>,
    /// What the norms protect.
    pub protected_interest: Arc<str>,
    /// Day (`YYYY-MM-DD`) by which a person looks again.
    pub review_by: Arc<str>,
    /// How long hits are kept, as text such as `90d`.
    pub retention: Arc<str>,
    /// Place in the queue of its hits.
    pub severity: Priority,
    /// Queue.
    pub queue: Arc<str>,
    /// Hits a day after which it counts and files no more; `None`: no limit.
    pub quota_per_day: Option<u32>,
    /// Its place in life.
    pub state: State,
    /// `when` as written.
    pub when: String,
    /// `unless` as written; may be empty.
    pub unless: String,
    /// `window` as written; may be empty.
    pub window: String,
    /// Text for reviewers, with `{match}` and `{near}`.
    pub explain: String,
    /// Where its terms come from.
    pub sources: Vec<String>,
    /// Its tests.
    pub tests: Vec<Trial>,
    /// Lists it uses, as `name@version`.
    pub lists: Vec<String>,
    /// What it costs.
    pub cost: Cost,
    /// The terms by which posts are found for it, as written.
    pub witness: Vec<String>,
    /// The file it came from.
    pub file: Arc<str>,
}
