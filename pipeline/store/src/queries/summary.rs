//! The accounting.

use std::collections::BTreeMap;

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use streife_domain::Timestamp;

use crate::{Store, StoreError};

/// Which accepted records to count.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub enum SummaryScope {
    /// All that the ledger still holds.
    #[default]
    All,
    /// From these offsets of `posts.raw` on: `(partition, first offset)`. Partitions not named count in full.
    From(Vec<(i32, i64)>),
}

/// `accepted = stored + dropped + dead`, each record once.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Summary {
    /// All records with an outcome.
    pub accepted: u64,
    /// Stored.
    pub stored: u64,
    /// Dropped, by reason.
    pub dropped: BTreeMap<String, u64>,
    /// Dead, by code.
    pub dead: BTreeMap<String, u64>,
    /// Those stored that were flagged.
    pub flagged: u64,
    /// Posts in the flagged view now, whatever the scope.
    pub flagged_posts: u64,
}

/// How many records a source delivered in one interval, by outcome.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct SourceRate {
    /// Source.
    pub source: String,
    /// Start of the hour, seconds since the epoch.
    pub hour: u32,
    /// `stored`, `dropped` or `dead`.
    pub outcome: String,
    /// Why dropped or dead.
    pub reason: String,
    /// Records.
    pub records: u64,
    /// Flagged ones among them.
    pub flagged: u64,
}

impl Store {
    /// Counts the outcomes of accepted records.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn summary(&self, scope: &SummaryScope) -> Result<Summary, StoreError> {
        let from: &[(i32, i64)] = match scope {
            SummaryScope::All => &[],
            SummaryScope::From(offsets) => offsets,
        };
        let (partitions, offsets): (Vec<i32>, Vec<i64>) = from.iter().copied().unzip();
        let counts: Vec<(String, String, u64, u64)> = self
            .client()
            .query(
                "SELECT outcome, reason, count() AS n, countIf(flagged) AS f FROM outcomes FINAL \
                 WHERE NOT has({partitions:Array(Int32)}, partition) \
                    OR offset >= arrayElement({offsets:Array(Int64)}, indexOf({partitions:Array(Int32)}, partition)) \
                 GROUP BY outcome, reason",
            )
            .param("partitions", &partitions)
            .param("offsets", &offsets)
            .fetch_all()
            .await?;
        let mut summary = Summary::default();
        for (outcome, reason, records, flagged) in counts {
            summary.accepted += records;
            summary.flagged += flagged;
            match &*outcome {
                "stored" => summary.stored += records,
                "dropped" => *summary.dropped.entry(reason).or_default() += records,
                "dead" => *summary.dead.entry(reason).or_default() += records,
                other => return Err(StoreError::Corrupt(format!("outcome {other:?} in the ledger"))),
            }
        }
        summary.flagged_posts = self.client().query("SELECT count() FROM flagged").fetch_one().await?;
        Ok(summary)
    }

    /// Records by source and hour of observation, counted from the ledger itself.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn source_rates(&self, since: Timestamp) -> Result<Vec<SourceRate>, StoreError> {
        Ok(self
            .client()
            .query(
                "SELECT source, hour, outcome, reason, count() AS records, countIf(flagged) AS flagged \
                 FROM (SELECT * FROM outcomes FINAL WHERE hour >= toDateTime({since:UInt32}, 'UTC')) \
                 GROUP BY source, hour, outcome, reason ORDER BY hour, source, outcome, reason",
            )
            .param("since", u32::try_from(since.as_secs().max(0)).unwrap_or(u32::MAX))
            .fetch_all()
            .await?)
    }

    /// Records by source and hour from the counters that outlive the ledger ([`Store::roll_up`]).
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn counters(&self, since: Timestamp) -> Result<Vec<SourceRate>, StoreError> {
        Ok(self
            .client()
            .query(
                "SELECT source, hour, outcome, reason, records, flagged FROM hourly \
                 WHERE hour >= toDateTime({since:UInt32}, 'UTC') AND records > 0 ORDER BY hour, source, outcome, reason",
            )
            .param("since", u32::try_from(since.as_secs().max(0)).unwrap_or(u32::MAX))
            .fetch_all()
            .await?)
    }
}
