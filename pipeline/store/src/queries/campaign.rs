//! Near-identical posts: who is in a campaign, and how it spreads.

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use streife_domain::{CampaignKey, PostId, Priority, Pseudonym, Timestamp};

use crate::{Store, StoreError};

/// Members in one answer at most.
const MAX_MEMBERS: u32 = 1_000;

/// A post of a campaign, flagged or only recent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CampaignMember {
    /// The post.
    pub post_id: PostId,
    /// Source.
    pub source: String,
    /// The author's pseudonym.
    pub author: Option<Pseudonym>,
    /// When it was seen.
    pub observed_at: Timestamp,
    /// Its place in the queue; none for posts that are not flagged.
    pub priority: Priority,
}

/// How much of a campaign was seen in one hour.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct CampaignHour {
    /// Start of the hour, seconds since the epoch.
    pub hour: u32,
    /// Posts.
    pub posts: u64,
    /// Different authors.
    pub authors: u64,
    /// Different sources.
    pub sources: u64,
}

#[derive(Row, Serialize, Deserialize)]
struct MemberRow {
    post_id: u128,
    source: String,
    author: Option<u64>,
    observed_at: i64,
    priority: i8,
}

/// One row for each post: flagged ones as the desk sees them, the others from the recent posts.
const MEMBERS: &str = "(SELECT post_id, any(source) AS source, any(author) AS author, \
     max(observed_at) AS observed_at, max(toInt8(priority)) AS priority FROM ( \
       SELECT post_id, toString(source) AS source, author, observed_at, priority FROM flagged WHERE campaign = {campaign:UInt64} \
       UNION ALL \
       SELECT post_id, toString(source) AS source, author, observed_at, priority FROM recent_posts FINAL \
       WHERE campaign = {campaign:UInt64}) GROUP BY post_id)";

impl Store {
    /// The newest posts of a campaign, at most 1,000.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn campaign_members(&self, campaign: CampaignKey) -> Result<Vec<CampaignMember>, StoreError> {
        let sql = format!(
            "SELECT post_id, source, author, toUnixTimestamp64Micro(observed_at) AS observed_at, priority FROM {MEMBERS} AS m \
             ORDER BY m.observed_at DESC, post_id LIMIT {MAX_MEMBERS}"
        );
        let rows: Vec<MemberRow> =
            self.client().query(&sql).param("campaign", campaign.0).fetch_all().await?;
        rows.into_iter()
            .map(|row| {
                Ok(CampaignMember {
                    post_id: PostId(row.post_id),
                    source: row.source,
                    author: row.author.map(Pseudonym),
                    observed_at: Timestamp::from_micros(row.observed_at),
                    priority: crate::rows::priority(row.priority)?,
                })
            })
            .collect()
    }

    /// How many posts of a campaign are stored: a figure for every look at an item, so answered by the index on campaigns
    /// alone. A post whose text was changed counts as long as the earlier text is stored; an erased one does not.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn campaign_size(&self, campaign: CampaignKey) -> Result<u64, StoreError> {
        let query = self.look_up(
            "SELECT uniqExact(post_id) FROM (SELECT post_id FROM flagged_posts WHERE campaign = {campaign:UInt64} \
             UNION ALL SELECT post_id FROM recent_posts WHERE campaign = {campaign:UInt64}) \
             WHERE post_id NOT IN (SELECT post_id FROM erasures)",
        );
        Ok(query.param("campaign", campaign.0).fetch_one().await?)
    }

    /// A campaign hour by hour.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn campaign_spread(&self, campaign: CampaignKey) -> Result<Vec<CampaignHour>, StoreError> {
        let sql = format!(
            "SELECT toStartOfHour(toDateTime(observed_at, 'UTC')) AS hour, count() AS posts, uniqExact(author) AS authors, \
             uniqExact(source) AS sources FROM {MEMBERS} GROUP BY hour ORDER BY hour"
        );
        Ok(self.client().query(&sql).param("campaign", campaign.0).fetch_all().await?)
    }
}
