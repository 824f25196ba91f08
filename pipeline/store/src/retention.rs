//! How long things are kept, and the housekeeping that goes with it.

use streife_domain::Timestamp;

use crate::{Store, StoreError};

/// The roll-up counts the days of writing again that lie at most so far back; the ledger keeps its rows longer.
const RECOUNTED_DAYS: u32 = 7;

/// How long the tables keep their rows, counted from writing. What is erased by decision goes earlier.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Retention {
    /// Posts that were not flagged, and changes of such.
    pub recent_hours: u32,
    /// Flagged posts, identities, hits, scores.
    pub flagged_days: u32,
    /// The ledger of outcomes; must be longer than the log's own retention and than a week.
    pub outcome_days: u32,
}

impl Default for Retention {
    /// The defaults of the migrations.
    fn default() -> Self {
        Self { recent_hours: 72, flagged_days: 180, outcome_days: 30 }
    }
}

/// What [`Store::roll_up`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct RollUp {
    /// Changes of flagged posts that are kept from now on.
    pub kept_changes: u64,
}

impl Store {
    /// Changes the retention of the tables that have another one. Takes effect with the next merges.
    ///
    /// A table that has it already is left alone: every start of a role comes by here, and changing a table while the
    /// disk is full can leave it with an empty definition.
    ///
    /// # Errors
    /// [`StoreError::Config`] for values that would lose what is still needed.
    pub async fn set_retention(&self, retention: Retention) -> Result<(), StoreError> {
        let Retention { recent_hours, flagged_days, outcome_days } = retention;
        if recent_hours == 0 || flagged_days == 0 || outcome_days <= RECOUNTED_DAYS + 1 {
            return Err(StoreError::Config(format!(
                "retention: recent_hours and flagged_days are at least 1, outcome_days more than {}",
                RECOUNTED_DAYS + 1
            )));
        }
        // In the words in which ClickHouse shows them.
        let recent = format!("stored_at + toIntervalHour({recent_hours})");
        let flagged = format!("stored_at + toIntervalDay({flagged_days})");
        let outcomes = format!("stored_at + toIntervalDay({outcome_days})");
        let changes = format!("{recent} WHERE kept = 0, {flagged} WHERE kept = 1");
        let present: Vec<(String, String)> = self
            .client()
            .query("SELECT name, engine_full FROM system.tables WHERE database = currentDatabase()")
            .fetch_all()
            .await?;
        let has = |table: &str, ttl: &str| {
            let ttl = format!(" TTL {ttl} SETTINGS");
            present.iter().any(|(name, engine)| name == table && engine.contains(&ttl))
        };
        for (table, ttl) in [
            ("recent_posts", &recent),
            ("flagged_posts", &flagged),
            ("flagged_identities", &flagged),
            ("hits", &flagged),
            ("scores", &flagged),
            ("post_changes", &changes),
            ("outcomes", &outcomes),
        ] {
            if !has(table, ttl) {
                self.execute(&format!("ALTER TABLE {table} MODIFY TTL {ttl}")).await?;
            }
        }
        Ok(())
    }

    /// The hourly housekeeping: counts the ledger into `counters_hourly`, and marks changes of flagged posts as
    /// kept. Idempotent: sums replace the sums of before.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn roll_up(&self, now: Timestamp) -> Result<RollUp, StoreError> {
        // Old groups are counted in with zero, so that one which vanished becomes zero instead of staying.
        let sql = "INSERT INTO counters_hourly \
             SELECT hour, source, outcome, reason, day, sum(n), sum(f), fromUnixTimestamp64Micro({now:Int64}, 'UTC') FROM ( \
               SELECT hour, source, outcome, reason, toDate(stored_at) AS day, toUInt64(1) AS n, toUInt64(flagged) AS f \
               FROM outcomes FINAL WHERE toDate(stored_at) >= today() - {days:UInt32} \
               UNION ALL \
               SELECT hour, source, outcome, reason, stored_day AS day, toUInt64(0) AS n, toUInt64(0) AS f \
               FROM counters_hourly FINAL WHERE stored_day >= today() - {days:UInt32} AND records > 0) \
             GROUP BY hour, source, outcome, reason, day";
        self.client()
            .query(sql)
            .param("now", crate::rows::micros(now))
            .param("days", RECOUNTED_DAYS)
            .execute()
            .await?;
        let unkept =
            "FROM post_changes FINAL WHERE kept = 0 AND post_id IN (SELECT post_id FROM flagged_posts)";
        let kept_changes: u64 =
            self.client().query_raw(&format!("SELECT count() {unkept}")).fetch_one().await?;
        if kept_changes > 0 {
            self.execute(&format!(
                "INSERT INTO post_changes (post_id, event, observed_at, kept) SELECT post_id, event, observed_at, 1 {unkept}"
            ))
            .await?;
        }
        Ok(RollUp { kept_changes })
    }
}
