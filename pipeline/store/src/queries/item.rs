//! One flagged post with all that belongs to it, and rules over time.

use std::collections::HashMap;

use bytes::Bytes;
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use streife_domain::{
    EventKind, Identity, LegalLabel, Media, Position, PostChange, PostId, PseudonymousPost, Reach, Timestamp,
    Verdict,
};

use crate::rows::event_name;
use crate::{FlaggedPostRow, IdentityRow, PostChangeRow, Store, StoreError};

/// Posts asked for in one statement: their ids travel in its address, which the server bounds.
const MAX_IDS: usize = 500;

#[derive(Row, Serialize, Deserialize)]
struct ErasedRow {
    post_id: u128,
    erased_at: i64,
}

/// A flagged post as reviewers see it: without its author.
#[derive(Debug, Clone, PartialEq)]
pub struct FlaggedItem {
    /// Where the observation lies in `posts.raw`.
    pub position: Position,
    /// The post.
    pub post: PseudonymousPost,
    /// What was computed.
    pub verdict: Verdict,
    /// Pictures, videos and files referred to.
    pub media: Vec<Media>,
    /// How far it had spread.
    pub reach: Option<Reach>,
    /// Purpose and legal basis of the source.
    pub legal: Option<LegalLabel>,
}

/// Who published a flagged post. Reading it is an act with a reason and a log entry: that is the caller's part.
#[derive(Clone, PartialEq)]
pub struct IdentityItem {
    /// Native id, address, account.
    pub identity: Identity,
    /// Native id of the post it answers.
    pub reply_to: Option<String>,
    /// Native id of the post it quotes.
    pub quote_of: Option<String>,
    /// The bytes that were observed.
    pub raw: Bytes,
    /// Their SHA-256, hex.
    pub raw_sha256: Option<String>,
}

impl std::fmt::Debug for IdentityItem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IdentityItem").field("raw_bytes", &self.raw.len()).finish_non_exhaustive()
    }
}

/// Posts that a rule matched on one day.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct RuleDay {
    /// Rule.
    pub rule: String,
    /// Day (UTC), days since 1970.
    pub day: u16,
    /// Posts.
    pub posts: u64,
}

impl Store {
    /// A flagged post; `None` when there is none or it was erased.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn item(&self, post: PostId) -> Result<Option<FlaggedItem>, StoreError> {
        Ok(self.items(&[post]).await?.pop())
    }

    /// These flagged posts in this order; those that are not there or were erased are left out.
    ///
    /// Without `FINAL`: that would read every column of whole granules, where the filter on the key alone finds the
    /// few rows first.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn items(&self, posts: &[PostId]) -> Result<Vec<FlaggedItem>, StoreError> {
        let ids: Vec<u128> = posts.iter().map(|post| post.0).collect();
        let mut found: HashMap<u128, FlaggedItem> = HashMap::new();
        for chunk in ids.chunks(MAX_IDS) {
            let rows = self
                .look_up(
                    "SELECT ?fields FROM flagged_posts PREWHERE post_id IN {ids:Array(UInt128)} \
                     ORDER BY version DESC LIMIT 1 BY post_id",
                )
                .param("ids", chunk)
                .fetch_all::<FlaggedPostRow>();
            let erased = self
                .look_up(
                    "SELECT post_id, toUnixTimestamp64Micro(max(erased_at)) AS erased_at FROM erasures \
                     WHERE post_id IN {ids:Array(UInt128)} GROUP BY post_id",
                )
                .param("ids", chunk)
                .fetch_all::<ErasedRow>();
            let (rows, erased) = tokio::try_join!(rows, erased)?;
            let erased: HashMap<u128, i64> =
                erased.into_iter().map(|row| (row.post_id, row.erased_at)).collect();
            for row in rows {
                // What was erased stays erased, unless it was published and seen anew.
                if erased.get(&row.post_id).is_none_or(|at| row.observed_at > *at) {
                    found.insert(row.post_id, FlaggedItem::try_from(row)?);
                }
            }
        }
        Ok(ids.iter().filter_map(|id| found.remove(id)).collect())
    }

    /// The author, address and raw bytes of a flagged post.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn identity(&self, post: PostId) -> Result<Option<IdentityItem>, StoreError> {
        let row: Option<IdentityRow> = self
            .look_up(
                "SELECT ?fields FROM flagged_identities FINAL WHERE post_id = {post:UInt128} \
                 AND post_id IN (SELECT post_id FROM flagged WHERE post_id = {post:UInt128})",
            )
            .param("post", post.0)
            .fetch_optional()
            .await?;
        Ok(row.map(IdentityItem::from))
    }

    /// What happened to a post since, oldest first.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn changes(&self, post: PostId) -> Result<Vec<PostChange>, StoreError> {
        let rows: Vec<PostChangeRow> = self
            .look_up("SELECT ?fields FROM post_changes FINAL WHERE post_id = {post:UInt128} ORDER BY observed_at, event")
            .param("post", post.0)
            .fetch_all()
            .await?;
        rows.into_iter()
            .map(|row| {
                Ok(PostChange {
                    post_id: PostId(row.post_id),
                    event: event_kind(&row.event)?,
                    observed_at: Timestamp::from_micros(row.observed_at),
                })
            })
            .collect()
    }

    /// Posts that each rule (or the one named) matched, by day since `since`. Rules in shadow are among them, as far
    /// back as recent posts are kept.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn rule_hits(&self, rule: Option<&str>, since: Timestamp) -> Result<Vec<RuleDay>, StoreError> {
        let days = since.as_secs().div_euclid(86_400).max(0);
        Ok(self
            .client()
            .query(
                "SELECT rule, day, uniqExact(post_id) AS posts FROM \
                 (SELECT rule, day, post_id FROM hits FINAL WHERE day >= toDate({since:UInt16}) \
                  UNION ALL \
                  SELECT arrayJoin(shadow_rules) AS rule, toDate(observed_at) AS day, post_id FROM recent_posts FINAL \
                  WHERE observed_at >= toDate({since:UInt16}) AND notEmpty(shadow_rules)) \
                 WHERE {rule:String} = '' OR rule = {rule:String} \
                 GROUP BY rule, day ORDER BY rule, day",
            )
            .param("since", u16::try_from(days).unwrap_or(u16::MAX))
            .param("rule", rule.unwrap_or_default())
            .fetch_all()
            .await?)
    }
}

fn event_kind(name: &str) -> Result<EventKind, StoreError> {
    use EventKind::{Account, Delete, Edit, Gone, Post};
    [Post, Edit, Delete, Gone, Account]
        .into_iter()
        .find(|kind| event_name(*kind) == name)
        .ok_or_else(|| StoreError::Corrupt(format!("event {name:?} in post_changes")))
}
