//! From rows back to the values of the domain, for the desk.

use streife_domain::{
    Author, CampaignKey, Head, Hit, Identity, Language, LegalLabel, ModelVersions, Position, PostId,
    PostKind, Priority, Pseudonym, PseudonymousPost, Purpose, Reach, Script, Timestamp, Verdict,
};

use super::{FlaggedPostRow, IdentityRow, RecentPostRow};
use crate::StoreError;
use crate::queries::{FlaggedItem, IdentityItem, RecentPost};

impl TryFrom<FlaggedPostRow> for FlaggedItem {
    type Error = StoreError;

    fn try_from(row: FlaggedPostRow) -> Result<Self, StoreError> {
        let reach = Reach {
            views: row.views,
            likes: row.likes,
            shares: row.shares,
            replies: row.replies,
            followers: row.followers,
        };
        let hits: Vec<Hit> = from_json(&row.hits)?;
        Ok(Self {
            position: Position { partition: row.partition, offset: row.offset },
            post: PseudonymousPost {
                post_id: PostId(row.post_id),
                source: row.source,
                platform: row.platform,
                author: row.author.map(Pseudonym),
                kind: post_kind(&row.kind)?,
                text: row.text,
                posted_at: row.posted_at.map(Timestamp::from_micros),
                edited_at: row.edited_at.map(Timestamp::from_micros),
                observed_at: Timestamp::from_micros(row.observed_at),
                campaign: CampaignKey(row.campaign),
                tags: row.tags,
                links: row.links,
            },
            verdict: Verdict {
                language: language(row.language, row.language_confidence, &row.script),
                gate: row.gate,
                encoded: row.encoded,
                scores: scores(&row.scores)?,
                labels: labels(&row.labels)?,
                hits,
                priority: priority(row.priority)?,
                models: ModelVersions {
                    lid: row.model_lid,
                    gate: row.model_gate,
                    encoder: row.model_encoder,
                    rules: row.model_rules,
                },
            },
            media: from_json(&row.media)?,
            reach: (reach != Reach::default()).then_some(reach),
            legal: legal(&row.purpose, row.legal_basis, row.review_by)?,
        })
    }
}

impl TryFrom<RecentPostRow> for RecentPost {
    type Error = StoreError;

    fn try_from(row: RecentPostRow) -> Result<Self, StoreError> {
        Ok(Self {
            post: PseudonymousPost {
                post_id: PostId(row.post_id),
                source: row.source,
                platform: row.platform,
                author: row.author.map(Pseudonym),
                kind: post_kind(&row.kind)?,
                text: row.text,
                posted_at: row.posted_at.map(Timestamp::from_micros),
                edited_at: row.edited_at.map(Timestamp::from_micros),
                observed_at: Timestamp::from_micros(row.observed_at),
                campaign: CampaignKey(row.campaign),
                tags: row.tags,
                links: row.links,
            },
            language: language(row.language, row.language_confidence, &row.script),
            gate: row.gate,
            encoded: row.encoded,
            scores: scores(&row.scores)?,
            labels: labels(&row.labels)?,
            rules: row.rules,
            priority: priority(row.priority)?,
        })
    }
}

impl From<IdentityRow> for IdentityItem {
    fn from(row: IdentityRow) -> Self {
        let author = row.author_id.map(|id| Author { id, handle: row.author_handle, name: row.author_name });
        Self {
            identity: Identity { native_id: row.native_id, url: row.url, author },
            reply_to: row.reply_to,
            quote_of: row.quote_of,
            raw: row.raw,
            raw_sha256: Some(row.raw_sha256).filter(|hash| !hash.is_empty()),
        }
    }
}

fn corrupt(column: &str, value: &str) -> StoreError {
    let value: String = value.chars().take(40).collect();
    StoreError::Corrupt(format!("column {column} holds {value:?}"))
}

fn from_json<T: serde::de::DeserializeOwned>(text: &str) -> Result<T, StoreError> {
    serde_json::from_str(text).map_err(|e| StoreError::Corrupt(format!("JSON in a column: {e}")))
}

fn language(code: String, confidence: f32, script: &str) -> Language {
    Language { code, confidence, script: Script::from_code(script) }
}

fn scores(pairs: &[(String, f32)]) -> Result<streife_domain::Heads<f32>, StoreError> {
    pairs.iter().map(|(name, value)| Ok((head(name)?, *value))).collect()
}

fn labels(names: &[String]) -> Result<Vec<Head>, StoreError> {
    names.iter().map(|name| head(name)).collect()
}

fn head(name: &str) -> Result<Head, StoreError> {
    name.parse().map_err(|_| corrupt("scores or labels", name))
}

fn post_kind(name: &str) -> Result<PostKind, StoreError> {
    use PostKind::{Article, Comment, Post, Quote, Reply, Repost};
    [Post, Reply, Quote, Repost, Article, Comment]
        .into_iter()
        .find(|kind| kind.as_str() == name)
        .ok_or_else(|| corrupt("kind", name))
}

pub(crate) fn priority(value: i8) -> Result<Priority, StoreError> {
    use Priority::{High, Low, Medium, None};
    [None, Low, Medium, High]
        .into_iter()
        .find(|p| super::build::priority_value(*p) == value)
        .ok_or_else(|| corrupt("priority", &value.to_string()))
}

fn legal(purpose: &str, legal_basis: String, review_by: String) -> Result<Option<LegalLabel>, StoreError> {
    if purpose.is_empty() {
        return Ok(None);
    }
    let purpose: Purpose = serde_json::from_value(serde_json::Value::String(purpose.to_owned()))
        .map_err(|_| corrupt("purpose", purpose))?;
    Ok(Some(LegalLabel { purpose, legal_basis, review_by }))
}
