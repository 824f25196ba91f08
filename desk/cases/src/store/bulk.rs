//! One decision over many items of a campaign: each keeps its own events, ledger entries and claim check.

use streife_domain::Timestamp;

use super::cases::{advance, locked};
use super::{CaseStore, NewItem, Result, Unfit, text};
use crate::workflow::{Actor, CaseState, Move};

/// Items of one decision at most.
pub const MAX_BULK: usize = 500;
/// Items written in one transaction, so that others get their turn in between.
const CHUNK: usize = 20;

/// What came of a decision over many.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct BulkOutcome {
    /// Items decided.
    pub done: usize,
    /// Items left alone: somebody holds them, or they are decided.
    pub skipped: usize,
}

impl CaseStore {
    /// Applies `decision` to every item that waits or that `actor` holds.
    ///
    /// # Errors
    /// When the decision is no bulk decision, the role may not make it, or the database fails; items of earlier
    /// chunks then stay decided and can be taken back.
    pub async fn decide_bulk(
        &self,
        items: &[NewItem],
        actor: &Actor,
        batch: &str,
        decision: &Move,
        at: Timestamp,
    ) -> Result<BulkOutcome> {
        if items.len() > MAX_BULK {
            return Err(Unfit::BulkTooLarge.into());
        }
        let mut outcome = BulkOutcome::default();
        for chunk in items.chunks(CHUNK) {
            let mut write = self.write().await?;
            for item in chunk {
                let mut case = self.open_case(&mut write, item, at).await?;
                if case.state == CaseState::Queued {
                    case = advance(&mut write, &case, actor.clone(), Move::Claim, at).await?.0;
                }
                if case.state != CaseState::Claimed || case.holder.as_deref() != Some(&actor.user) {
                    outcome.skipped += 1;
                    continue;
                }
                let what = Move::Bulk { batch: batch.to_owned(), decision: Box::new(decision.clone()) };
                let (case, _) = advance(&mut write, &case, actor.clone(), what, at).await?;
                sqlx::query("INSERT INTO bulk_items (batch, case_id, actor, at) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING")
                    .bind(batch.to_owned())
                    .bind(case.id)
                    .bind(actor.user.clone())
                    .bind(at.as_micros())
                    .execute(&mut *write.tx)
                    .await?;
                outcome.done += 1;
            }
            write.commit().await?;
        }
        Ok(outcome)
    }

    /// Takes a decision over many back; items with which something else happened since are left alone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn undo_bulk(&self, batch: &str, actor: &Actor, at: Timestamp) -> Result<BulkOutcome> {
        let rows =
            sqlx::query("SELECT case_id FROM bulk_items WHERE batch = $1 AND actor = $2 ORDER BY case_id")
                .bind(batch.to_owned())
                .bind(actor.user.clone())
                .fetch_all(&self.pool)
                .await?;
        let cases = rows.iter().map(|row| text(row, "case_id")).collect::<Result<Vec<_>>>()?;
        let mut outcome = BulkOutcome::default();
        for chunk in cases.chunks(CHUNK) {
            let mut write = self.write().await?;
            for id in chunk {
                let case = locked(&mut write, "id", id).await?.filter(|case| self.sees(&case.tenant));
                let Some(case) = case else { continue };
                // A refused move writes nothing, so the transaction goes on with the next item.
                let Ok((case, _)) = advance(&mut write, &case, actor.clone(), Move::Undo, at).await else {
                    outcome.skipped += 1;
                    continue;
                };
                advance(&mut write, &case, actor.clone(), Move::Release, at).await?;
                outcome.done += 1;
            }
            write.commit().await?;
        }
        Ok(outcome)
    }

    /// How many items a batch of `user` holds.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn bulk_size(&self, batch: &str, user: &str) -> Result<usize> {
        let rows = sqlx::query("SELECT case_id FROM bulk_items WHERE batch = $1 AND actor = $2")
            .bind(batch.to_owned())
            .bind(user.to_owned())
            .fetch_all(&self.pool)
            .await?;
        Ok(rows.len())
    }
}
