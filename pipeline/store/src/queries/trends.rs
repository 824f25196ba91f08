//! What is going on, in figures: campaigns and how the flagged posts split. Never content.

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use streife_domain::{CampaignKey, Head, Priority, Timestamp};

use crate::rows::micros;
use crate::{Store, StoreError};

/// Campaigns in one answer at most.
const MAX_CAMPAIGNS: u32 = 100;
/// Rows of a split at most.
const MAX_SPLIT: u32 = 50;

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

/// Flagged posts by language and by head, the most frequent first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct FlaggedSplit {
    /// By language code.
    pub by_language: Vec<(String, u64)>,
    /// By head over its threshold; a post may count for several.
    pub by_head: Vec<(String, u64)>,
}

#[derive(Row, Serialize, Deserialize)]
struct CountRow {
    name: String,
    posts: u64,
}

impl Store {
    /// Campaigns among the posts flagged since, the largest first, at most 100.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn campaigns(&self, since: Timestamp) -> Result<Vec<Campaign>, StoreError> {
        let sql = format!(
            "SELECT campaign, count() AS posts, uniqExact(author) AS accounts, \
             arraySort(groupUniqArray(toString(platform))) AS platforms, \
             toUnixTimestamp64Micro(min(f.observed_at)) AS first_seen, toUnixTimestamp64Micro(max(f.observed_at)) AS last_seen, \
             max(toInt8(f.priority)) AS priority, \
             arraySort(groupUniqArrayArray(arrayMap(l -> toString(l), f.labels))) AS labels \
             FROM flagged AS f WHERE f.observed_at >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC') \
             GROUP BY campaign HAVING posts > 1 ORDER BY posts DESC, campaign LIMIT {MAX_CAMPAIGNS}"
        );
        let rows: Vec<CampaignRow> =
            self.client().query(&sql).param("since", micros(since)).fetch_all().await?;
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

    /// How the posts flagged since split by language and head.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn flagged_split(&self, since: Timestamp) -> Result<FlaggedSplit, StoreError> {
        let count = |what: &'static str| {
            format!(
                "SELECT toString({what}) AS name, count() AS posts FROM flagged AS f \
                 WHERE f.observed_at >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC') \
                 GROUP BY name ORDER BY posts DESC, name LIMIT {MAX_SPLIT}"
            )
        };
        Ok(FlaggedSplit {
            by_language: self.counts(&count("f.language"), since).await?,
            by_head: self.counts(&count("arrayJoin(f.labels)"), since).await?,
        })
    }

    async fn counts(&self, sql: &str, since: Timestamp) -> Result<Vec<(String, u64)>, StoreError> {
        let rows: Vec<CountRow> = self.client().query(sql).param("since", micros(since)).fetch_all().await?;
        Ok(rows.into_iter().map(|row| (row.name, row.posts)).collect())
    }
}
