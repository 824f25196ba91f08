//! Erasing posts, and keeping them erased.
//!
//! An erasure first leaves a tombstone (the post's id, which tells nothing of its author, and the time), then
//! deletes, then counts what is left. Whatever delivers an old observation again (the log, a second worker, a
//! restored backup) meets the tombstone: [`Store::write`] leaves such rows out, and [`Store::sweep_erased`]
//! deletes what slipped in between.

use std::collections::HashMap;

use clickhouse::{Client, Row};
use futures::future::try_join_all;
use futures::stream::{self, StreamExt, TryStreamExt};
use serde::{Deserialize, Serialize};
use streife_domain::{PostId, Timestamp};

use crate::{Rows, Store, StoreError, Table};

/// Posts in one statement. A delete costs about the same for one post as for many; as text these are 800 kB, and a
/// cluster's keeper takes a statement of up to 1 MB.
const IDS_PER_STATEMENT: usize = 20_000;
/// So many statements wait for one table at once: the server rewrites a part once for all of them.
const STATEMENTS_AT_ONCE: usize = 4;
/// Tombstones older than the longest retention of the log need not be remembered by writers.
const REMEMBERED_DAYS: u32 = 60;
/// Read again so much before the last reading: a tombstone is visible a moment after its time was taken.
const OVERLAP_SECS: u32 = 600;

/// Which posts to erase.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Erasure {
    /// These.
    Posts(Vec<PostId>),
    /// Everything of one source.
    Source(String),
    /// Everything flagged of one pseudonymous author.
    Author(streife_domain::Pseudonym),
}

/// Proof of an erasure.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Erased {
    /// Posts concerned.
    pub posts: u64,
    /// Rows that were there, by table.
    pub rows_before: Vec<(&'static str, u64)>,
    /// Rows that are there now, by table; an erasure that leaves any is an error.
    pub rows_after: Vec<(&'static str, u64)>,
}

/// The tombstones a writer must know.
#[derive(Debug, Default)]
pub(crate) struct ErasedSet {
    until: HashMap<u128, i64>,
    /// Newest recording seen, seconds since the epoch by the server's clock.
    read_up_to: u32,
}

#[derive(Debug, Row, Serialize, Deserialize)]
struct Tombstone {
    post_id: u128,
    erased_at: i64,
    reason: String,
}

impl ErasedSet {
    pub(crate) async fn refresh(&mut self, client: &Client) -> Result<(), StoreError> {
        let sql = "SELECT post_id, toUnixTimestamp64Micro(max(erased_at)) AS at, max(recorded_at) AS recorded FROM erasures \
             WHERE recorded_at >= toDateTime({since:UInt32}, 'UTC') AND recorded_at > now() - toIntervalDay({days:UInt32}) \
             GROUP BY post_id";
        let found: Vec<(u128, i64, u32)> = client
            .query(sql)
            .param("since", self.read_up_to.saturating_sub(OVERLAP_SECS))
            .param("days", REMEMBERED_DAYS)
            .fetch_all()
            .await?;
        for (post, at, recorded) in found {
            self.read_up_to = self.read_up_to.max(recorded);
            self.until.entry(post).and_modify(|until| *until = at.max(*until)).or_insert(at);
        }
        Ok(())
    }

    fn covers(&self, post: u128, observed_at: i64) -> bool {
        self.until.get(&post).is_some_and(|until| observed_at <= *until)
    }

    pub(crate) fn concerns(&self, rows: &Rows) -> bool {
        !self.until.is_empty()
            && (rows.recent_posts.iter().any(|row| self.covers(row.post_id, row.observed_at))
                || rows.flagged_posts.iter().any(|row| self.covers(row.post_id, row.observed_at))
                || rows.post_changes.iter().any(|row| self.covers(row.post_id, row.observed_at)))
    }

    pub(crate) fn without_erased(&self, rows: &Rows) -> Rows {
        let observed = |version: u64| i64::try_from(version >> 1).unwrap_or(i64::MAX);
        let mut kept = rows.clone();
        kept.recent_posts.retain(|row| !self.covers(row.post_id, row.observed_at));
        kept.flagged_posts.retain(|row| !self.covers(row.post_id, row.observed_at));
        kept.post_changes.retain(|row| !self.covers(row.post_id, row.observed_at));
        kept.flagged_identities.retain(|row| !self.covers(row.post_id, observed(row.version)));
        kept.hits.retain(|row| !self.covers(row.post_id, observed(row.version)));
        kept.scores.retain(|row| !self.covers(row.post_id, observed(row.version)));
        kept
    }
}

impl Store {
    /// Erases posts from every table, proves it, and leaves tombstones dated `now`. `reason` is a short code for
    /// statistics, never anything about a person.
    ///
    /// # Errors
    /// [`StoreError::NotErased`] when something is left; then run it again.
    pub async fn erase(&self, what: &Erasure, reason: &str, now: Timestamp) -> Result<Erased, StoreError> {
        let posts = self.posts_of(what).await?;
        let parts = stream::iter(posts.chunks(IDS_PER_STATEMENT))
            .map(|ids| self.erase_posts(ids, reason, now))
            .buffer_unordered(STATEMENTS_AT_ONCE)
            .try_collect::<Vec<_>>()
            .await?;
        let mut proof = Erased::default();
        for part in parts {
            proof.posts += part.posts;
            add(&mut proof.rows_before, &part.rows_before);
            add(&mut proof.rows_after, &part.rows_after);
        }
        match proof.rows_after.iter().find(|(_, left)| *left > 0) {
            Some((table, left)) => Err(StoreError::NotErased(format!("{left} rows are left in {table}"))),
            None => Ok(proof),
        }
    }

    /// Tombstone, delete, count: what fits one statement.
    async fn erase_posts(&self, ids: &[u128], reason: &str, now: Timestamp) -> Result<Erased, StoreError> {
        let mut insert = self.client().insert::<Tombstone>("erasures").await?;
        for post_id in ids {
            let erased_at = crate::rows::micros(now);
            insert.write(&Tombstone { post_id: *post_id, erased_at, reason: reason.to_owned() }).await?;
        }
        insert.end().await?;
        let rows_before = self.count_posts(ids).await?;
        try_join_all(Table::WITH_POSTS.map(|table| self.delete_posts(table, ids))).await?;
        Ok(Erased { posts: ids.len() as u64, rows_before, rows_after: self.count_posts(ids).await? })
    }

    /// Deletes what came back after its erasure; returns the rows found, by table. For the housekeeping.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn sweep_erased(&self) -> Result<Vec<(&'static str, u64)>, StoreError> {
        let mut found = Vec::new();
        for table in Table::WITH_POSTS {
            let observed = match table {
                Table::RecentPosts | Table::FlaggedPosts | Table::PostChanges => {
                    "toUnixTimestamp64Micro(observed_at)"
                }
                _ => "toInt64(intDiv(version, 2))",
            };
            let name = table.as_str();
            let stale = format!(
                "(post_id, {observed}) IN (SELECT t.post_id, {observed} FROM {name} AS t INNER JOIN \
                 (SELECT post_id, toUnixTimestamp64Micro(max(erased_at)) AS until FROM erasures GROUP BY post_id) AS e \
                 ON t.post_id = e.post_id WHERE {observed} <= e.until)"
            );
            let count: u64 = self
                .client()
                .query_raw(&format!("SELECT count() FROM {name} WHERE {stale}"))
                .fetch_one()
                .await?;
            if count > 0 {
                self.execute(&format!("DELETE FROM {name} WHERE {stale}")).await?;
                crate::metrics::swept(name, count);
                found.push((name, count));
            }
        }
        Ok(found)
    }

    /// Takes erased rows from disk, which otherwise happens with the next merge of their part. Rewrites the parts
    /// concerned; the old ones are removed by the server some minutes later. For the housekeeping and before a
    /// certificate that speaks of the disk.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn purge_erased(&self) -> Result<(), StoreError> {
        let purge = |table: Table| async move {
            let name = table.as_str();
            self.execute(&format!("ALTER TABLE {name} APPLY DELETED MASK SETTINGS mutations_sync = 2")).await
        };
        try_join_all(Table::WITH_POSTS.map(purge)).await?;
        Ok(())
    }

    async fn posts_of(&self, what: &Erasure) -> Result<Vec<u128>, StoreError> {
        let both = |condition: &str| {
            format!(
                "SELECT DISTINCT post_id FROM (SELECT post_id FROM recent_posts WHERE {condition} \
                 UNION ALL SELECT post_id FROM flagged_posts WHERE {condition})"
            )
        };
        let query = match what {
            Erasure::Posts(posts) => return Ok(posts.iter().map(|post| post.0).collect()),
            Erasure::Source(source) => self.client().query(&both("source = {v:String}")).param("v", source),
            Erasure::Author(author) => self.client().query(&both("author = {v:UInt64}")).param("v", author.0),
        };
        Ok(query.fetch_all().await?)
    }

    /// Rows of these posts, by table.
    async fn count_posts(&self, ids: &[u128]) -> Result<Vec<(&'static str, u64)>, StoreError> {
        let count = |name| async move {
            let sql = format!("SELECT count() FROM {name} WHERE post_id IN {{ids:Array(UInt128)}}");
            Ok::<_, StoreError>((name, self.client().query(&sql).param("ids", ids).fetch_one().await?))
        };
        try_join_all(Table::WITH_POSTS.iter().map(|table| count(table.as_str()))).await
    }

    /// A lightweight delete takes the rows from every read at once and from disk with the next merge.
    async fn delete_posts(&self, table: Table, ids: &[u128]) -> Result<(), StoreError> {
        let sql = format!("DELETE FROM {} WHERE post_id IN {{ids:Array(UInt128)}}", table.as_str());
        Ok(self.client().query(&sql).param("ids", ids).execute().await?)
    }
}

fn add(sum: &mut Vec<(&'static str, u64)>, counts: &[(&'static str, u64)]) {
    for (table, count) in counts {
        match sum.iter_mut().find(|(name, _)| name == table) {
            Some((_, total)) => *total += count,
            None => sum.push((table, *count)),
        }
    }
}
