//! What the pipeline computed for a text. An assessment by machine: it orders work, it decides nothing.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer, de};

use crate::{Head, Heads, Language};

/// A byte range `[start, end)` in the original text, on character borders. Written as `[start, end]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Span(pub u32, pub u32);

/// One node of the explanation of a hit: which part of the rule held, and where.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The sub-expression as written in the rule.
    pub part: String,
    /// Did it hold?
    pub holds: bool,
    /// Where it matched.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub spans: Vec<Span>,
    /// The sub-expressions beneath it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub parts: Vec<Reason>,
}

/// A watch rule that matched.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hit {
    /// The rule's id.
    pub rule: String,
    /// The version it was matched with.
    pub version: u32,
    /// The places in the original text that made it true, sorted, without doubles.
    pub spans: Vec<Span>,
    /// The tree of sub-expressions.
    pub because: Vec<Reason>,
}

/// The place in the queue, in three steps a person can reason about; `none` is not queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Priority {
    /// Not flagged.
    #[default]
    None,
    /// Look at it when there is time.
    Low,
    /// Look at it today.
    Medium,
    /// Look at it now.
    High,
}

impl Priority {
    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::None => "none",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
        }
    }
}

/// Which versions computed a verdict: `name@` and the first 12 hex digits of the SHA-256 over the parts used;
/// `none` where a stage was off.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct ModelVersions {
    /// Language identification.
    pub lid: String,
    /// The gate.
    pub gate: String,
    /// The encoder.
    pub encoder: String,
    /// The rule set.
    pub rules: String,
}

/// Near-identical texts share a campaign key; see `streife_text::duplicate`. Written as 16 hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct CampaignKey(pub u64);

impl fmt::Display for CampaignKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl FromStr for CampaignKey {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl Serialize for CampaignKey {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for CampaignKey {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// Everything the pipeline says of one text. Same text, scope, rules and models: same verdict, bit for bit.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Verdict {
    /// The language told.
    pub language: Language,
    /// Recall-tuned score of the cheap model, 0 to 1; absent when models are off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gate: Option<f32>,
    /// Did the encoder see it?
    pub encoded: bool,
    /// Calibrated probabilities; heads that say nothing for this language are absent.
    pub scores: Heads<f32>,
    /// Heads over their threshold for this language, in order.
    pub labels: Vec<Head>,
    /// Watch rules that matched, by rule id.
    pub hits: Vec<Hit>,
    /// The place in the queue.
    pub priority: Priority,
    /// What computed this.
    pub models: ModelVersions,
}

impl Verdict {
    /// Goes in front of people: something matched or a head is over its threshold.
    pub fn is_flagged(&self) -> bool {
        self.priority != Priority::None
    }
}
