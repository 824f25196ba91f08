//! What is going on, in figures: campaigns seen in the flagged posts. Never content.

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use streife_domain::{CampaignKey, Head, Priority, Timestamp};

use super::queue::{QueueFilter, bind, conditions};
use crate::{Store, StoreError};

/// Campaigns in one answer at most.
const MAX_CAMPAIGNS: u32 = 100;

/// A campaign with at least two flagged posts.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Campaign {
    /// Its key.
    pub key: CampaignKey,
    /// Flagged posts.
    pub posts: u64,
    /// Different author pseudonyms.
    pub accounts: u64,
    /// Platforms it was seen on.
    pub platforms: Vec<String>,
    /// First seen.
    pub first_seen: Timestamp,
    /// Last seen.
    pub last_seen: Timestamp,
    /// The highest priority among its posts.
    pub priority: Priority,
    /// Labels seen.
    pub labels: Vec<Head>,
}

#[derive(Row, Serialize, Deserialize)]
struct CampaignRow {
    campaign: u64,
    posts: u64,
    accounts: u64,
    platforms: Vec<String>,
    first_seen: i64,
    last_seen: i64,
    priority: i8,
    labels: Vec<String>,
}

impl Store {
    /// Campaigns among the posts of a filter, the largest first, at most 100.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn campaigns(&self, filter: &QueueFilter) -> Result<Vec<Campaign>, StoreError> {
        let sql = format!(
            "SELECT campaign, count() AS posts, uniqExact(author) AS accounts, \
             arraySort(groupUniqArray(toString(platform))) AS platforms, \
             toUnixTimestamp64Micro(min(f.observed_at)) AS first_seen, toUnixTimestamp64Micro(max(f.observed_at)) AS last_seen, \
             max(toInt8(f.priority)) AS priority, \
             arraySort(groupUniqArrayArray(arrayMap(l -> toString(l), f.labels))) AS labels \
             FROM (SELECT * FROM flagged WHERE {}) AS f \
             GROUP BY campaign HAVING posts > 1 ORDER BY posts DESC, campaign LIMIT {MAX_CAMPAIGNS}",
            conditions(filter)
        );
        let rows: Vec<CampaignRow> = bind(self.client().query(&sql), filter).fetch_all().await?;
        rows.into_iter()
            .map(|row| {
                Ok(Campaign {
                    key: CampaignKey(row.campaign),
                    posts: row.posts,
                    accounts: row.accounts,
                    platforms: row.platforms,
                    first_seen: Timestamp::from_micros(row.first_seen),
                    last_seen: Timestamp::from_micros(row.last_seen),
                    priority: crate::rows::priority(row.priority)?,
                    labels: row.labels.iter().filter_map(|label| label.parse().ok()).collect(),
                })
            })
            .collect()
    }
}
