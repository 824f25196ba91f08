//! What the models said of flagged posts, without the posts.

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use streife_domain::{Head, PostId};

use crate::{Store, StoreError};

/// Posts of one query; each adds its id to the statement.
const MAX_IDS: usize = 500;

/// A score as it was stored.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredScore {
    /// The post.
    pub post_id: PostId,
    /// For which head.
    pub head: Head,
    /// By which model, name and version.
    pub model: String,
    /// The language told.
    pub language: String,
    /// Calibrated probability.
    pub value: f32,
}

#[derive(Row, Serialize, Deserialize)]
struct ReadRow {
    post_id: u128,
    head: String,
    model: String,
    language: String,
    value: f32,
}

impl Store {
    /// The scores of these posts by every model that saw them; of erased posts none.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn scores_of(&self, posts: &[PostId]) -> Result<Vec<StoredScore>, StoreError> {
        let ids: Vec<u128> = posts.iter().map(|post| post.0).collect();
        let mut found = Vec::new();
        for chunk in ids.chunks(MAX_IDS) {
            let rows: Vec<ReadRow> = self
                .client()
                .query(
                    "SELECT ?fields FROM scores FINAL WHERE post_id IN {ids:Array(UInt128)} \
                     AND post_id NOT IN (SELECT post_id FROM erasures WHERE post_id IN {ids:Array(UInt128)})",
                )
                .param("ids", chunk)
                .fetch_all()
                .await?;
            for row in rows {
                let head = row
                    .head
                    .parse()
                    .map_err(|_| StoreError::Corrupt(format!("head {:?} in scores", row.head)))?;
                let (post_id, value) = (PostId(row.post_id), row.value);
                found.push(StoredScore { post_id, head, model: row.model, language: row.language, value });
            }
        }
        Ok(found)
    }
}
