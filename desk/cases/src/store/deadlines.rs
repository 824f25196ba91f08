//! Cases whose review date has come.

use streife_domain::Timestamp;

use super::{CaseStore, Result, StoreError, text};
use crate::workflow::{Actor, Move};

/// Cases moved in one round; the next round takes the rest.
const MAX_ROUND: i64 = 500;

impl CaseStore {
    /// Puts every case whose review date has come up for review: keep on, or erase, is then a person's decision.
    /// Items that nobody took up and dismissed ones are left to the retention, restricted ones stay. Returns the
    /// case numbers.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reach_deadlines(&self, at: Timestamp) -> Result<Vec<String>> {
        let rows = sqlx::query(
            "SELECT id FROM cases WHERE review_at <= $1 AND state NOT IN \
             ('flagged', 'clustered', 'queued', 'claimed', 'dismissed', 'restricted', 'review', 'erased') \
             ORDER BY review_at LIMIT $2",
        )
        .bind(at.as_micros())
        .bind(MAX_ROUND)
        .fetch_all(&self.pool)
        .await?;
        let mut reached = Vec::new();
        for row in rows {
            let id = text(&row, "id")?;
            match self.apply(&id, Actor::system(), Move::DeadlineReached, at).await {
                Ok(_) => reached.push(id),
                // Somebody moved it on in between; the next round looks again.
                Err(StoreError::Refused(why)) => tracing::info!(case = id, "not put up for review: {why}"),
                Err(error) => return Err(error),
            }
        }
        Ok(reached)
    }
}
