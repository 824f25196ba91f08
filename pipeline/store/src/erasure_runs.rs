//! The record of erasures: one row for each run and kind of thing, counts only.

use serde::{Deserialize, Serialize};
use streife_domain::Timestamp;

use crate::{Store, StoreError, metrics};

/// What one run of retention did to one kind of thing.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ErasureCount {
    /// `store`, `cases`, `evidence`, `ledgers`, `log` or `backup_keys`.
    pub what: String,
    /// The purpose the things were kept for; `all` where it makes no difference.
    pub purpose: String,
    /// Things whose deadline had passed.
    pub due: u64,
    /// Things erased.
    pub erased: u64,
    /// Things due but restricted instead (BDSG s. 58 (3)).
    pub restricted: u64,
    /// Things that the proof found again after the erasure.
    pub left: u64,
}

/// A name for a run, ordered by time.
pub fn new_run_id() -> uuid::Uuid {
    uuid::Uuid::now_v7()
}

impl Store {
    /// Records a run of retention.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn record_erasure_run(
        &self,
        run: uuid::Uuid,
        at: Timestamp,
        counts: &[ErasureCount],
        certificate_sha256: &str,
    ) -> Result<(), StoreError> {
        let insert = "INSERT INTO erasure_runs SELECT {run:UUID}, fromUnixTimestamp64Micro({at:Int64}, 'UTC'), {what:String}, \
             {purpose:String}, {due:UInt64}, {erased:UInt64}, {restricted:UInt64}, {left:UInt64}, {sha256:String}";
        for count in counts {
            self.client()
                .query(insert)
                .param("run", run.to_string())
                .param("at", crate::rows::micros(at))
                .param("what", &count.what)
                .param("purpose", &count.purpose)
                .param("due", count.due)
                .param("erased", count.erased)
                .param("restricted", count.restricted)
                .param("left", count.left)
                .param("sha256", certificate_sha256)
                .execute()
                .await?;
        }
        metrics::retention_ran(at.as_secs());
        Ok(())
    }

    /// When retention ran last; told to the metrics too.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn last_erasure_run(&self) -> Result<Option<Timestamp>, StoreError> {
        let micros: i64 = self
            .client()
            .query("SELECT toUnixTimestamp64Micro(max(at)) AS at FROM erasure_runs")
            .fetch_one()
            .await?;
        if micros <= 0 {
            return Ok(None);
        }
        let at = Timestamp::from_micros(micros);
        metrics::retention_ran(at.as_secs());
        Ok(Some(at))
    }
}
