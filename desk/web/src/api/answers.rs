//! What the API answers with. Facts and assessments stand apart, as everywhere.

use serde::Serialize;
use serde_json::Value;
use streife_cases::ledger::Entry;
use streife_cases::store::CaseRow;
use streife_domain::Timestamp;
use utoipa::ToSchema;

use crate::priority::Parts;
use crate::reader::FlaggedItem;

/// A flagged post without its author.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Item {
    /// 32 hex digits.
    id: String,
    /// The text as published.
    text: String,
    /// Name of the source.
    source: String,
    /// Platform.
    platform: String,
    /// The author's pseudonym.
    author: Option<String>,
    /// RFC 3339.
    posted_at: Option<String>,
    /// RFC 3339.
    observed_at: String,
    /// Near-identical posts share it; 16 hex digits.
    campaign: String,
    /// Purpose that the source was configured with.
    purpose: Option<String>,
    /// Legal basis that the source was configured with.
    legal_basis: Option<String>,
    /// What machines think of it; no fact.
    assessment: Assessment,
}

/// What machines think of a post, with their versions.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Assessment {
    /// `low`, `medium` or `high`.
    level: String,
    /// Language code.
    language: String,
    /// Heads over their threshold.
    labels: Vec<String>,
    /// Rules that matched.
    rules: Vec<String>,
    /// Place in the queue as parts, each 0 to 1.
    place: Place,
    /// Version of the encoder.
    encoder: String,
    /// Version of the rule set.
    rule_set: String,
}

/// Parts of a place in the queue.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Place {
    severity: f64,
    confidence: f64,
    reach: f64,
    decay: f64,
}

/// A page of flagged posts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Items {
    /// In the order of the queue.
    pub(crate) items: Vec<Item>,
    /// How many wait in all.
    pub(crate) waiting: u64,
}

/// A case without content and persons.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct CaseLine {
    /// Case number.
    id: String,
    /// Where it stands.
    state: String,
    /// Norms considered.
    norms: Vec<String>,
    /// RFC 3339; last change.
    updated_at: String,
    /// RFC 3339; when it is reviewed for erasure.
    review_at: String,
    /// RFC 3339.
    sent_at: Option<String>,
    /// SHA-256 of the sealed manifest.
    manifest_sha256: Option<String>,
    /// How it ended.
    outcome: Option<String>,
}

/// Cases, latest change first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Cases {
    pub(crate) cases: Vec<CaseLine>,
}

/// Counts.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct FiguresNow {
    /// Posts that wait.
    pub(crate) waiting: u64,
    /// Decisions of this day (UTC).
    pub(crate) decided_today: u64,
    /// Cases by state.
    pub(crate) states: std::collections::BTreeMap<String, u64>,
}

/// A ledger entry.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct LedgerLine {
    ledger: String,
    seq: u64,
    at: String,
    actor: String,
    role: String,
    action: String,
    subject: String,
    reason: String,
    #[schema(value_type = Object)]
    details: Value,
    prev: String,
    hash: String,
}

/// Entries of a ledger, newest first.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Ledger {
    pub(crate) entries: Vec<LedgerLine>,
}

impl Item {
    pub(crate) fn of(item: FlaggedItem, now: Timestamp) -> Self {
        let parts = Parts::of(&item, now);
        let (post, verdict) = (item.post, item.verdict);
        Self {
            id: post.post_id.to_string(),
            text: post.text,
            source: post.source,
            platform: post.platform,
            author: post.author.map(|author| author.to_string()),
            posted_at: post.posted_at.map(|at| at.to_string()),
            observed_at: post.observed_at.to_string(),
            campaign: post.campaign.to_string(),
            purpose: item
                .legal
                .as_ref()
                .and_then(|legal| Some(serde_json::to_value(legal.purpose).ok()?.as_str()?.to_owned())),
            legal_basis: item.legal.map(|legal| legal.legal_basis),
            assessment: Assessment {
                level: verdict.priority.as_str().to_owned(),
                language: verdict.language.code,
                labels: verdict.labels.iter().map(ToString::to_string).collect(),
                rules: verdict.hits.into_iter().map(|hit| hit.rule).collect(),
                place: Place {
                    severity: parts.severity,
                    confidence: parts.confidence,
                    reach: parts.reach,
                    decay: parts.decay,
                },
                encoder: verdict.models.encoder,
                rule_set: verdict.models.rules,
            },
        }
    }
}

impl From<CaseRow> for CaseLine {
    fn from(row: CaseRow) -> Self {
        let case = row.case;
        Self {
            id: case.id,
            state: case.state.as_str().to_owned(),
            norms: case.norms,
            updated_at: row.updated_at.to_string(),
            review_at: case.review_at.to_string(),
            sent_at: case.sent_at.map(|at| at.to_string()),
            manifest_sha256: case.seal.map(|seal| seal.manifest_sha256),
            outcome: case.outcome.map(|outcome| outcome.as_str().to_owned()),
        }
    }
}

impl From<Entry> for LedgerLine {
    fn from(entry: Entry) -> Self {
        Self {
            ledger: entry.ledger,
            seq: entry.seq,
            at: entry.at.to_string(),
            actor: entry.actor,
            role: entry.role,
            action: entry.action,
            subject: entry.subject,
            reason: entry.reason,
            details: entry.details,
            prev: entry.prev,
            hash: entry.hash,
        }
    }
}
