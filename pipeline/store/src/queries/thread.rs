//! What stands above and below a flagged post, where it is still stored. Who wrote it stays unread: of the table
//! of identities only the native ids that tie posts together are looked at.

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use streife_domain::{PostId, Timestamp};

use crate::{Store, StoreError};

/// Answers shown at most.
const MAX_BELOW: u32 = 20;

/// A neighbour in a thread.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Neighbour {
    /// The post.
    pub post_id: PostId,
    /// Is it answered by the post asked for? Otherwise it is an answer.
    pub above: bool,
    /// Where it was seen.
    pub source: String,
    /// Its text.
    pub text: String,
    /// When it was published.
    pub posted_at: Option<Timestamp>,
}

#[derive(Row, Serialize, Deserialize)]
struct TiesRow {
    native_id: String,
    reply_to: Option<String>,
}

#[derive(Row, Serialize, Deserialize)]
struct IdRow {
    post_id: u128,
}

#[derive(Row, Serialize, Deserialize)]
struct TextRow {
    post_id: u128,
    source: String,
    text: String,
    posted: Option<i64>,
}

impl Store {
    /// The neighbours of a flagged post in its thread, by time.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn thread(&self, post: PostId, platform: &str) -> Result<Vec<Neighbour>, StoreError> {
        let ties: Option<TiesRow> = self
            .look_up(
                "SELECT ?fields FROM flagged_identities WHERE post_id = {post:UInt128} ORDER BY version DESC LIMIT 1",
            )
            .param("post", post.0)
            .fetch_optional()
            .await?;
        let Some(ties) = ties else { return Ok(Vec::new()) };
        let above = ties.reply_to.filter(|id| !id.is_empty()).map(|id| PostId::of(platform, &id));
        let below: Vec<IdRow> = self
            .look_up(
                // Without FINAL, which would merge whole columns first: what a post answers never changes.
                "SELECT DISTINCT post_id FROM flagged_identities WHERE reply_to = {native:String} \
                 ORDER BY post_id LIMIT {limit:UInt32}",
            )
            .param("native", &ties.native_id)
            .param("limit", MAX_BELOW)
            .fetch_all()
            .await?;
        let ids: Vec<u128> =
            above.iter().map(|id| id.0).chain(below.into_iter().map(|row| row.post_id)).collect();
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let rows: Vec<TextRow> = self
            .look_up(
                "SELECT post_id, any(source) AS source, any(text) AS text, any(posted) AS posted FROM ( \
                   SELECT post_id, toString(source) AS source, text, toUnixTimestamp64Micro(posted_at) AS posted FROM flagged \
                   WHERE post_id IN {ids:Array(UInt128)} \
                   UNION ALL \
                   SELECT post_id, toString(source) AS source, text, toUnixTimestamp64Micro(posted_at) AS posted FROM recent_posts FINAL \
                   WHERE post_id IN {ids:Array(UInt128)}) GROUP BY post_id ORDER BY posted, post_id",
            )
            .param("ids", &ids)
            .fetch_all()
            .await?;
        Ok(rows
            .into_iter()
            .map(|row| Neighbour {
                post_id: PostId(row.post_id),
                above: Some(PostId(row.post_id)) == above,
                source: row.source,
                text: row.text,
                posted_at: row.posted.map(Timestamp::from_micros),
            })
            .collect())
    }
}
