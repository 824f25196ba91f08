//! Migrations: the files of `schemas/clickhouse/`, in order, each once.
//!
//! ClickHouse has no transactions over structure, so every statement is written to be repeatable
//! (`IF NOT EXISTS`): a migration that was cut off is simply run again. Two processes that migrate at once are
//! kept apart by a table that only one can create; should one die with it, it is taken over after a while. The table names
//! its holder, who knows its own lock again when the answer to its creation was lost on the way.

use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::LazyLock;

use clickhouse::Row;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{Store, StoreError};

/// A migration that holds this lock longer is taken for dead.
const LOCK_PATIENCE_SECS: u32 = 600;
/// What this process writes into its lock; random, so that no other process has the same.
static HOLDER: LazyLock<String> =
    LazyLock::new(|| format!("{:016x}", RandomState::new().build_hasher().finish()));
/// How this process names itself in the lock of a migration.
pub fn lock_holder() -> &'static str {
    &HOLDER
}

/// `TABLE_ALREADY_EXISTS`.
const ALREADY_EXISTS: u32 = 57;

/// A step in the life of the tables.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Migration {
    /// File name without ending; they are applied in this order.
    pub name: &'static str,
    /// Statements, each ended by `;` at the end of a line.
    pub sql: &'static str,
}

macro_rules! migration {
    ($name:literal) => {
        Migration { name: $name, sql: include_str!(concat!("../../../schemas/clickhouse/", $name, ".sql")) }
    };
}

/// All migrations. One that has been released is never changed; a new one is added.
pub const MIGRATIONS: [Migration; 7] = [
    migration!("0001_posts"),
    migration!("0002_ledger"),
    migration!("0003_erasure_runs"),
    migration!("0004_queue_rank"),
    migration!("0005_shadow_rules"),
    migration!("0006_words"),
    migration!("0007_replies"),
];

/// What [`Store::migrate`] did.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Applied {
    /// Applied now.
    pub applied: Vec<&'static str>,
    /// Applied before.
    pub known: Vec<&'static str>,
}

#[derive(Row, Serialize, Deserialize)]
struct Recorded {
    name: String,
    sha256: String,
}

impl Migration {
    /// Hash of the file, recorded when it is applied.
    pub fn sha256(&self) -> String {
        hex::encode(Sha256::digest(self.sql.as_bytes()))
    }

    fn statements(&self) -> impl Iterator<Item = String> {
        let bare: String = self
            .sql
            .lines()
            .filter(|line| !line.trim_start().starts_with("--"))
            .map(|l| format!("{l}\n"))
            .collect();
        bare.split(";\n")
            .map(|s| s.trim().to_owned())
            .filter(|s| !s.is_empty())
            .collect::<Vec<_>>()
            .into_iter()
    }
}

impl Store {
    /// Creates the database when it is missing, and brings its tables to this version.
    ///
    /// # Errors
    /// [`StoreError::MigrationChanged`] when an applied migration is not the one known here,
    /// [`StoreError::MigrationRunning`] while another process migrates, and what ClickHouse says.
    pub async fn migrate(&self) -> Result<Applied, StoreError> {
        self.migrate_with(&MIGRATIONS).await
    }

    /// The migrations of this version that the database lacks. Changes nothing.
    ///
    /// # Errors
    /// [`StoreError::MigrationChanged`] when an applied one is not the one known here, and what ClickHouse says; a
    /// database that was never migrated lacks a table and is refused with code 60 or 81.
    pub async fn pending_migrations(&self) -> Result<Vec<&'static str>, StoreError> {
        let recorded: Vec<Recorded> =
            self.client().query("SELECT ?fields FROM schema_migrations FINAL").fetch_all().await?;
        let mut pending = Vec::new();
        for migration in &MIGRATIONS {
            match recorded.iter().find(|found| found.name == migration.name) {
                None => pending.push(migration.name),
                Some(found) if found.sha256 != migration.sha256() => {
                    return Err(StoreError::MigrationChanged {
                        name: found.name.clone(),
                        recorded: found.sha256.clone(),
                        known: migration.sha256(),
                    });
                }
                Some(_) => {}
            }
        }
        Ok(pending)
    }

    /// As [`Store::migrate`], with other migrations.
    ///
    /// # Errors
    /// As [`Store::migrate`].
    pub async fn migrate_with(&self, migrations: &[Migration]) -> Result<Applied, StoreError> {
        self.create_database().await?;
        self.execute(
            "CREATE TABLE IF NOT EXISTS schema_migrations \
             (name String, sha256 String, applied_at DateTime('UTC') DEFAULT now()) \
             ENGINE = ReplacingMergeTree(applied_at) ORDER BY name",
        )
        .await?;
        // Every start of a role comes by here; when there is nothing to do it takes no lock.
        if let Some(done) = self.all_applied(migrations).await? {
            return Ok(done);
        }
        self.lock_schema().await?;
        let result = self.apply(migrations).await;
        self.execute("DROP TABLE IF EXISTS schema_lock SYNC").await?;
        result
    }

    async fn all_applied(&self, migrations: &[Migration]) -> Result<Option<Applied>, StoreError> {
        let recorded: Vec<Recorded> =
            self.client().query("SELECT ?fields FROM schema_migrations FINAL").fetch_all().await?;
        let applied = |migration: &Migration| {
            recorded.iter().any(|found| found.name == migration.name && found.sha256 == migration.sha256())
        };
        let known = migrations.iter().map(|migration| migration.name).collect();
        Ok(migrations.iter().all(applied).then_some(Applied { applied: Vec::new(), known }))
    }

    async fn apply(&self, migrations: &[Migration]) -> Result<Applied, StoreError> {
        let recorded: Vec<Recorded> =
            self.client().query("SELECT ?fields FROM schema_migrations FINAL").fetch_all().await?;
        let mut done = Applied::default();
        for migration in migrations {
            let known = migration.sha256();
            if let Some(found) = recorded.iter().find(|found| found.name == migration.name) {
                if found.sha256 != known {
                    let (name, recorded) = (migration.name.to_owned(), found.sha256.clone());
                    return Err(StoreError::MigrationChanged { name, recorded, known });
                }
                done.known.push(migration.name);
                continue;
            }
            for statement in migration.statements() {
                self.execute(&statement).await?;
            }
            let mut insert = self.client().insert::<Recorded>("schema_migrations").await?;
            insert.write(&Recorded { name: migration.name.to_owned(), sha256: known }).await?;
            insert.end().await?;
            tracing::info!(migration = migration.name, "applied");
            done.applied.push(migration.name);
        }
        Ok(done)
    }

    async fn lock_schema(&self) -> Result<(), StoreError> {
        let lock = format!(
            "CREATE TABLE schema_lock (held UInt8) ENGINE = MergeTree ORDER BY held COMMENT '{}'",
            *HOLDER
        );
        let Err(error) = self.execute(&lock).await else { return Ok(()) };
        if error.code() != Some(ALREADY_EXISTS) {
            return Err(error);
        }
        let held: Option<(u32, String)> = self
            .client()
            .query(
                "SELECT toUInt32(greatest(0, dateDiff('second', metadata_modification_time, now()))), comment \
                 FROM system.tables WHERE database = currentDatabase() AND name = 'schema_lock'",
            )
            .fetch_optional()
            .await?;
        match held {
            Some((_, holder)) if holder == *HOLDER => return Ok(()),
            Some((secs, _)) if secs < LOCK_PATIENCE_SECS => return Err(StoreError::MigrationRunning),
            _ => {}
        }
        self.execute("DROP TABLE IF EXISTS schema_lock SYNC").await?;
        self.execute(&lock).await
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn statements_are_split_and_comments_left_out() {
        let migration = Migration { name: "x", sql: "-- a; b\nCREATE a\n(b);\n\n-- c\nCREATE d;\n" };
        assert_eq!(migration.statements().collect::<Vec<_>>(), ["CREATE a\n(b)", "CREATE d"]);
    }

    #[test]
    fn migrations_are_in_order_and_repeatable() {
        assert!(MIGRATIONS.is_sorted_by_key(|m| m.name));
        for statement in MIGRATIONS.iter().flat_map(Migration::statements) {
            assert!(statement.contains("IF NOT EXISTS") || statement.starts_with("ALTER"), "{statement}");
        }
    }
}
