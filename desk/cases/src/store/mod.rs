//! The desk's database: SQLite in the data folder, or PostgreSQL by URL. One code path, SQL that both read.
//!
//! Writes go through [`Write`]: one transaction, on SQLite one at a time (it has one writer anyway, and waiting
//! here is fair where its busy loop is not). Ledger heads are locked by updating them, which both engines do.
//!
//! Statements name their columns, never `*`: on a connection that is older than a migration a prepared `SELECT *` yields
//! more columns than were described to sqlx, which ends the connection's thread (SQLite) or is refused (PostgreSQL).

mod backup;
mod bulk;
mod calibration;
mod cases;
mod deadlines;
mod glass;
mod ledgers;
mod outbox;
mod quality;
mod rulebook;
mod settings;
mod tenants;
mod tokens;
mod unfit;
mod users;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use sqlx::any::{AnyPoolOptions, AnyRow};
use sqlx::{Any, AnyPool, Connection as _, Row, Transaction};
use streife_domain::Timestamp;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::glass::GlassRefusal;
use crate::rulebook::Refusal;
use crate::tenant::Tenant;
use crate::workflow::Refused;

pub use backup::{RowCounts, TABLES};
pub use bulk::{BulkOutcome, MAX_BULK};
pub use calibration::JUDGED_SECS;
pub use cases::{CaseRow, ClaimOutcome, Decision, NewItem};
pub use outbox::{MAX_ATTEMPTS, Message, pause_secs};
pub use quality::{BlindItem, RuleOutcome, Similar};
pub use rulebook::RuleBook;
pub use tenants::{TenantCases, TenantRow};
pub use tokens::{ApiToken, NewToken, Scope};
pub use unfit::{RolePair, Unfit};
pub use users::{NewUser, SESSION_IDLE_SECS, SESSION_MAX_SECS, Session, User};

/// Connections to the database.
pub const MAX_CONNECTIONS: u32 = 8;

const MIGRATIONS: &[(i64, &str, &str)] = &[
    (
        1,
        include_str!("../../migrations/0001_desk.up.sql"),
        include_str!("../../migrations/0001_desk.down.sql"),
    ),
    (
        2,
        include_str!("../../migrations/0002_rule_book.up.sql"),
        include_str!("../../migrations/0002_rule_book.down.sql"),
    ),
    (
        3,
        include_str!("../../migrations/0003_access.up.sql"),
        include_str!("../../migrations/0003_access.down.sql"),
    ),
    (
        4,
        include_str!("../../migrations/0004_quality.up.sql"),
        include_str!("../../migrations/0004_quality.down.sql"),
    ),
    (
        5,
        include_str!("../../migrations/0005_break_glass.up.sql"),
        include_str!("../../migrations/0005_break_glass.down.sql"),
    ),
    (
        6,
        include_str!("../../migrations/0006_tenants.up.sql"),
        include_str!("../../migrations/0006_tenants.down.sql"),
    ),
    (
        7,
        include_str!("../../migrations/0007_rule_books.up.sql"),
        include_str!("../../migrations/0007_rule_books.down.sql"),
    ),
];

/// The desk's database: of the whole site for the machine itself, of one tenant behind [`TenantCases`].
#[derive(Clone)]
pub struct CaseStore {
    pool: AnyPool,
    postgres: bool,
    writer: Arc<Semaphore>,
    /// Whose rows are seen; `None` sees all.
    tenant: Option<Tenant>,
    /// Requests for what another tenant owns.
    foreign: Arc<AtomicU64>,
}

impl std::fmt::Debug for CaseStore {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("CaseStore").field("tenant", &self.tenant).finish_non_exhaustive()
    }
}

/// Something about the database, or a refused move.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// The database.
    #[error("the case database: {0}")]
    Database(#[from] sqlx::Error),
    /// The workflow refuses.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The rule book refuses.
    #[error(transparent)]
    Book(#[from] Refusal),
    /// The glass stays whole, or a review is refused.
    #[error(transparent)]
    Glass(#[from] GlassRefusal),
    /// A stored value cannot be read: the database is damaged or of another version.
    #[error("the case database holds {what} that cannot be read: {message}")]
    Damaged {
        /// Which value.
        what: &'static str,
        /// Why.
        message: String,
    },
    /// The request asks for what cannot be; said to the person who asked.
    #[error(transparent)]
    Unfit(#[from] Unfit),
    /// A command of the operator makes no sense here; no page leads to it.
    #[error("{0}")]
    Invalid(String),
}

impl StoreError {
    /// May the same succeed later? A server that is starting, away or full may come back; a wrong password does not mend.
    pub fn is_transient(&self) -> bool {
        /// Connection lost, out of resources, shutting down or starting.
        const TRANSIENT_CLASSES: [&str; 3] = ["08", "53", "57"];
        match self {
            Self::Database(sqlx::Error::Database(error)) => {
                error.code().is_some_and(|code| TRANSIENT_CLASSES.iter().any(|class| code.starts_with(class)))
            }
            // A certificate that is refused comes as data that makes no sense; no waiting mends it.
            Self::Database(sqlx::Error::Io(error)) => error.kind() != std::io::ErrorKind::InvalidData,
            Self::Database(sqlx::Error::PoolTimedOut | sqlx::Error::PoolClosed) => true,
            _ => false,
        }
    }
}

impl From<serde_json::Error> for StoreError {
    fn from(error: serde_json::Error) -> Self {
        Self::Damaged { what: "JSON", message: error.to_string() }
    }
}

pub(crate) type Result<T> = std::result::Result<T, StoreError>;

/// An open write transaction.
pub(crate) struct Write {
    tx: Transaction<'static, Any>,
    _turn: Option<OwnedSemaphorePermit>,
}

impl Write {
    pub(crate) async fn commit(self) -> Result<()> {
        Ok(self.tx.commit().await?)
    }
}

impl CaseStore {
    /// Opens `desk.sqlite` in `folder`, creating it if need be.
    ///
    /// # Errors
    /// When the file cannot be opened.
    pub async fn sqlite(folder: &Path) -> Result<Self> {
        Self::connect(&format!("sqlite://{}?mode=rwc", folder.join("desk.sqlite").display())).await
    }

    /// Opens a database by URL (`sqlite://...` or `postgres://...`).
    ///
    /// # Errors
    /// When it cannot be reached.
    pub async fn connect(url: &str) -> Result<Self> {
        sqlx::any::install_default_drivers();
        let postgres = url.starts_with("postgres");
        let pool = AnyPoolOptions::new()
            .max_connections(MAX_CONNECTIONS)
            .after_connect(move |connection, _| {
                Box::pin(async move {
                    if !postgres {
                        // FULL: a decision that was shown as saved survives a power cut.
                        sqlx::raw_sql(
                            "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL; PRAGMA busy_timeout=10000; PRAGMA secure_delete=ON",
                        )
                        .execute(connection)
                        .await?;
                    }
                    Ok(())
                })
            })
            // SQLite rolls back by itself when the disk is full; sqlx then still counts the transaction as open and would
            // refuse every later one on this connection. Such a connection is closed and another opened.
            .before_acquire(|connection, _| Box::pin(async move { Ok(!connection.is_in_transaction()) }))
            .connect(url)
            .await?;
        Ok(Self {
            pool,
            postgres,
            writer: Arc::new(Semaphore::new(1)),
            tenant: None,
            foreign: Arc::default(),
        })
    }

    /// Brings the schema up to date. Returns the version it now has.
    ///
    /// # Errors
    /// When a migration fails; the schema then stays as it was.
    pub async fn migrate(&self) -> Result<i64> {
        self.migrate_to(MIGRATIONS.last().map_or(0, |last| last.0)).await
    }

    /// Moves the schema up or down to `target`; 0 is an empty database.
    ///
    /// # Errors
    /// When a migration fails; the schema then stays at the last good version.
    pub async fn migrate_to(&self, target: i64) -> Result<i64> {
        sqlx::raw_sql("CREATE TABLE IF NOT EXISTS schema_version (version BIGINT PRIMARY KEY)")
            .execute(&self.pool)
            .await?;
        let current = schema_version(&self.pool).await?;
        for (version, up, _) in MIGRATIONS.iter().copied().filter(|m| m.0 > current && m.0 <= target) {
            let mut write = self.write().await?;
            sqlx::raw_sql(up).execute(&mut *write.tx).await?;
            sqlx::query("INSERT INTO schema_version (version) VALUES ($1)")
                .bind(version)
                .execute(&mut *write.tx)
                .await?;
            write.commit().await?;
        }
        for (version, _, down) in MIGRATIONS.iter().copied().rev().filter(|m| m.0 <= current && m.0 > target)
        {
            let mut write = self.write().await?;
            sqlx::raw_sql(down).execute(&mut *write.tx).await?;
            sqlx::query("DELETE FROM schema_version WHERE version = $1")
                .bind(version)
                .execute(&mut *write.tx)
                .await?;
            write.commit().await?;
        }
        schema_version(&self.pool).await
    }

    /// Can it be reached?
    ///
    /// # Errors
    /// When it cannot.
    pub async fn ping(&self) -> Result<()> {
        sqlx::query("SELECT 1").execute(&self.pool).await?;
        Ok(())
    }

    pub(crate) async fn write(&self) -> Result<Write> {
        if self.postgres {
            return Ok(Write { tx: self.pool.begin().await?, _turn: None });
        }
        // The semaphore is never closed, so waiting for a turn always ends with one.
        let turn = Arc::clone(&self.writer).acquire_owned().await.ok();
        Ok(Write { tx: self.pool.begin_with("BEGIN IMMEDIATE").await?, _turn: turn })
    }
}

async fn schema_version(database: impl sqlx::Executor<'_, Database = Any>) -> Result<i64> {
    let row = sqlx::query("SELECT COALESCE(MAX(version), 0) AS version FROM schema_version")
        .fetch_one(database)
        .await?;
    Ok(row.try_get("version")?)
}

fn time(row: &AnyRow, column: &str) -> Result<Timestamp> {
    Ok(Timestamp::from_micros(row.try_get::<i64, _>(column)?))
}

fn text(row: &AnyRow, column: &str) -> Result<String> {
    Ok(row.try_get::<String, _>(column)?)
}
