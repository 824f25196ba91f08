//! What has reached its deadline, what it was kept for, and everything about one author: for `streife retention`.

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use streife_domain::{PostId, Pseudonym, Timestamp};

use crate::{Retention, Store, StoreError, Table};

/// Bytes of one answer about an author; an author with more is asked about by day.
const MAX_SUBJECT_BYTES: usize = 256 << 20;

/// How many posts are kept for a purpose.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct PurposeCount {
    /// The purpose of their label; empty for posts without one.
    pub purpose: String,
    /// Posts.
    pub posts: u64,
}

/// Rows of one table past their deadline, before and after they were deleted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Expired {
    /// The table.
    pub table: &'static str,
    /// Rows past their deadline that were found.
    pub due: u64,
    /// Such rows that are there afterwards.
    pub left: u64,
}

impl Store {
    /// Deletes every row past the deadline of its table. The tables' TTLs do the same with their merges; this does it now
    /// and proves it.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn erase_expired(&self, retention: Retention) -> Result<Vec<Expired>, StoreError> {
        let recent = format!("stored_at < now() - INTERVAL {} HOUR", retention.recent_hours);
        let flagged = format!("stored_at < now() - INTERVAL {} DAY", retention.flagged_days);
        let outcomes = format!("stored_at < now() - INTERVAL {} DAY", retention.outcome_days);
        let changes = format!("((kept = 0 AND {recent}) OR {flagged})");
        let mut all = Vec::new();
        for (table, stale) in [
            (Table::RecentPosts, &recent),
            (Table::FlaggedPosts, &flagged),
            (Table::FlaggedIdentities, &flagged),
            (Table::Hits, &flagged),
            (Table::Scores, &flagged),
            (Table::PostChanges, &changes),
            (Table::Outcomes, &outcomes),
        ] {
            let name = table.as_str();
            let count = format!("SELECT count() FROM {name} WHERE {stale}");
            let due: u64 = self.client().query_raw(&count).fetch_one().await?;
            let mut left = 0;
            if due > 0 {
                self.execute(&format!("DELETE FROM {name} WHERE {stale}")).await?;
                left = self.client().query_raw(&count).fetch_one().await?;
            }
            all.push(Expired { table: name, due, left });
        }
        Ok(all)
    }

    /// Flagged posts of a purpose written before `before`, oldest first.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn flagged_before(
        &self,
        purpose: &str,
        before: Timestamp,
        limit: usize,
    ) -> Result<Vec<PostId>, StoreError> {
        let found: Vec<u128> = self
            .client()
            .query(
                "SELECT post_id FROM flagged_posts FINAL WHERE purpose = {purpose:String} \
                 AND stored_at < toDateTime({before:UInt32}, 'UTC') ORDER BY stored_at LIMIT {limit:UInt64}",
            )
            .param("purpose", purpose)
            .param("before", u32::try_from(before.as_secs().max(0)).unwrap_or(u32::MAX))
            .param("limit", limit as u64)
            .fetch_all()
            .await?;
        Ok(found.into_iter().map(PostId).collect())
    }

    /// What flagged posts are kept for: all of them, or those among `posts`.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn purposes(&self, posts: Option<&[PostId]>) -> Result<Vec<PurposeCount>, StoreError> {
        let ids: Vec<u128> = posts.unwrap_or_default().iter().map(|post| post.0).collect();
        Ok(self
            .client()
            .query(
                "SELECT purpose, uniqExact(post_id) AS posts FROM flagged_posts \
                 WHERE {all:Bool} OR post_id IN {ids:Array(UInt128)} GROUP BY purpose ORDER BY purpose",
            )
            .param("all", posts.is_none())
            .param("ids", &ids)
            .fetch_all()
            .await?)
    }

    /// Everything the tables hold about one pseudonymous author, as JSON lines with a field `table`. The bytes are what a
    /// person is entitled to see about themselves, and nobody else: the caller writes the audit entry first.
    ///
    /// # Errors
    /// What ClickHouse says; [`StoreError::Config`] when it is more than fits an answer.
    pub async fn subject(&self, author: Pseudonym) -> Result<Vec<u8>, StoreError> {
        const THEIRS: &str = "post_id IN (SELECT post_id FROM flagged_posts WHERE author = {author:UInt64} \
             UNION ALL SELECT post_id FROM recent_posts WHERE author = {author:UInt64})";
        let mut all = Vec::new();
        for table in Table::WITH_POSTS {
            let name = table.as_str();
            // Observed bytes need not be text.
            let columns =
                if table == Table::FlaggedIdentities { "* REPLACE (base64Encode(raw) AS raw)" } else { "*" };
            let sql = format!("SELECT '{name}' AS table, {columns} FROM {name} FINAL WHERE {THEIRS}");
            let query = self.client().query(&sql).param("author", author.0);
            let mut cursor =
                query.with_setting("output_format_json_validate_utf8", "1").fetch_bytes("JSONEachRow")?;
            while let Some(chunk) = cursor.next().await? {
                if all.len() + chunk.len() > MAX_SUBJECT_BYTES {
                    return Err(StoreError::Config(format!(
                        "more than {MAX_SUBJECT_BYTES} bytes about one author"
                    )));
                }
                all.extend_from_slice(&chunk);
            }
        }
        Ok(all)
    }
}
