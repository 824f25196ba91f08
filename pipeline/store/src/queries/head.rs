//! The head of a queue: which posts come first, by narrow columns alone. What a page shows of them is read by key
//! ([`Store::items`]), which also leaves out what was erased or replaced since.

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use streife_domain::{PostId, Timestamp};

use super::QueueFilter;
use super::queue::{bind, conditions};
use crate::{Store, StoreError};

/// Entries of one answer at most.
const MAX_HEAD: u32 = 50_000;

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HeadOrder {
    /// By rank: severity, confidence, reach, freshness (migration `0004_queue_rank`).
    Rank,
    /// Highest level first, then rank.
    Severity,
    /// Longest waiting first.
    Oldest,
}

/// A place in the queue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HeadEntry {
    /// The post.
    pub post_id: PostId,
    /// Grows with every change of the stored post.
    pub version: u64,
    /// When it was seen.
    pub observed_at: Timestamp,
}

/// How many posts a filter shows.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct HeadSize {
    /// All.
    pub total: u64,
    /// Those of the highest level.
    pub high: u64,
}

#[derive(Row, Serialize, Deserialize)]
struct EntryRow {
    post_id: u128,
    version: u64,
    observed_at: i64,
}

impl Store {
    /// The first `limit` flagged posts.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn head(
        &self,
        filter: &QueueFilter,
        order: HeadOrder,
        limit: u32,
    ) -> Result<Vec<HeadEntry>, StoreError> {
        let sort = match order {
            HeadOrder::Rank => "rank DESC, post_id",
            HeadOrder::Severity => "priority DESC, rank DESC, post_id",
            HeadOrder::Oldest => "flagged_posts.observed_at, post_id",
        };
        // A post that was observed again has two rows until parts are merged; the newer one counts.
        let sql = format!(
            "SELECT post_id, version, toUnixTimestamp64Micro(observed_at) AS observed_at FROM flagged_posts \
             WHERE {} ORDER BY {sort} LIMIT {{limit:UInt32}}",
            conditions(filter).replace("observed_at", "flagged_posts.observed_at")
        );
        let query = bind(self.client().query(&sql), filter).param("limit", limit.clamp(1, MAX_HEAD));
        let mut seen = std::collections::HashSet::new();
        let rows: Vec<EntryRow> = query.fetch_all().await?;
        Ok(rows
            .into_iter()
            .filter(|row| seen.insert(row.post_id))
            .map(|row| HeadEntry {
                post_id: PostId(row.post_id),
                version: row.version,
                observed_at: Timestamp::from_micros(row.observed_at),
            })
            .collect())
    }

    /// How many flagged posts a filter shows.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn head_size(&self, filter: &QueueFilter) -> Result<HeadSize, StoreError> {
        let sql = format!(
            "SELECT count() AS total, countIf(priority = 'high') AS high FROM flagged WHERE {}",
            conditions(filter)
        );
        Ok(bind(self.client().query(&sql), filter).fetch_one().await?)
    }
}
