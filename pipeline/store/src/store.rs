//! The store: a client to one database, and the sink for batches.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use clickhouse::{Client, Row, RowOwned, RowWrite};
use tokio::sync::Mutex;

use crate::erasure::ErasedSet;
use crate::{Batch, Rows, StoreError, Table, metrics, tls};

/// How to reach ClickHouse.
#[derive(Clone)]
pub struct StoreConfig {
    /// `https://host:8443`, `http://host:8123`, or the embedded engine's address.
    pub url: String,
    /// Database; created by [`Store::migrate`].
    pub database: String,
    /// User.
    pub user: String,
    /// Password.
    pub password: String,
    /// How long one insert may take.
    pub insert_timeout: Duration,
    /// File with the certificates, in PEM, of the only authorities that may vouch for an `https` server.
    pub ca_file: Option<PathBuf>,
}

impl std::fmt::Debug for StoreConfig {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreConfig")
            .field("url", &self.url)
            .field("database", &self.database)
            .field("user", &self.user)
            .field("insert_timeout", &self.insert_timeout)
            .finish_non_exhaustive()
    }
}

impl StoreConfig {
    /// The default database and time limit.
    pub fn new(url: impl Into<String>, user: impl Into<String>, password: impl Into<String>) -> Self {
        Self {
            url: url.into(),
            database: crate::engine::DATABASE.to_owned(),
            user: user.into(),
            password: password.into(),
            insert_timeout: Duration::from_secs(60),
            ca_file: None,
        }
    }
}

/// What [`Store::write`] did.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Written {
    /// Rows sent.
    pub rows: usize,
    /// Rows left out, since their post was erased after it was observed.
    pub erased: usize,
}

/// A client to Streife's tables. Cheap to share behind an `Arc`.
pub struct Store {
    config: StoreConfig,
    client: Client,
    erased: Mutex<ErasedSet>,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store").field("config", &self.config).finish_non_exhaustive()
    }
}

impl Store {
    /// A client for this configuration. Sends nothing yet: see [`Store::ping`].
    ///
    /// # Errors
    /// [`StoreError::Config`] when the URL cannot be one or the database's name has other characters than
    /// letters, digits and `_`.
    pub fn connect(config: StoreConfig) -> Result<Self, StoreError> {
        let url = url::Url::parse(&config.url)
            .map_err(|e| StoreError::Config(format!("the URL {:?} is none: {e}", config.url)))?;
        if !["http", "https"].contains(&url.scheme()) {
            return Err(StoreError::Config(format!("{} is not supported; use http or https", url.scheme())));
        }
        let name_is_plain =
            |name: &str| !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_');
        if !name_is_plain(&config.database) {
            return Err(StoreError::Config("a database's name has letters, digits and _ only".to_owned()));
        }
        let client = tls::client(config.ca_file.as_deref())?
            .with_url(&config.url)
            .with_database(&config.database)
            .with_user(&config.user)
            .with_password(&config.password)
            // Text indexes and FINAL go together only so: without it an outdated row could be found.
            .with_setting("use_skip_indexes_if_final", "1")
            .with_setting("use_skip_indexes_if_final_exact_mode", "1");
        Ok(Self { config, client, erased: Mutex::default() })
    }

    /// A question that a key or an index answers from a few granules. One thread: handing so little to several costs more than
    /// reading it.
    pub(crate) fn look_up(&self, sql: &str) -> clickhouse::query::Query {
        self.client().query(sql).with_setting("max_threads", "1")
    }

    /// Does the server answer, and accept our user?
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not answer, [`StoreError::Refused`] when it does not let us in.
    pub async fn ping(&self) -> Result<(), StoreError> {
        let one =
            self.client.clone().with_database("system").query("SELECT toUInt8(1)").fetch_one::<u8>().await?;
        if one == 1 { Ok(()) } else { Err(StoreError::Corrupt("SELECT 1 is not 1".to_owned())) }
    }

    pub(crate) fn client(&self) -> &Client {
        &self.client
    }

    pub(crate) async fn execute(&self, sql: &str) -> Result<(), StoreError> {
        Ok(self.client.query_raw(sql).execute().await?)
    }

    pub(crate) async fn create_database(&self) -> Result<(), StoreError> {
        let create = format!("CREATE DATABASE IF NOT EXISTS {} ENGINE = Atomic", self.config.database);
        Ok(self.client.clone().with_database("system").query_raw(&create).execute().await?)
    }

    /// Writes a batch; durable when it returns. `token` ([`Batch::token`]) makes a second writing of the same
    /// batch a no-op. After an error write the same batch again: what is written already stays as it is.
    ///
    /// # Errors
    /// Transient ones are to be tried again; others need a person.
    pub async fn write(&self, batch: &Batch, token: &str) -> Result<Written, StoreError> {
        let erased = self.refresh_erased().await?;
        let kept;
        let (rows, left_out) = if erased.concerns(&batch.rows) {
            kept = erased.without_erased(&batch.rows);
            (&kept, batch.rows.total() - kept.total())
        } else {
            (&batch.rows, 0)
        };
        drop(erased);
        self.write_rows(rows, token).await?;
        metrics::batch_written(batch.records, batch.bytes);
        metrics::left_out(left_out);
        Ok(Written { rows: rows.total(), erased: left_out })
    }

    async fn write_rows(&self, rows: &Rows, token: &str) -> Result<(), StoreError> {
        for table in Table::ALL {
            let count = rows.count(table);
            if count == 0 {
                continue;
            }
            let started = Instant::now();
            let written = match table {
                Table::RecentPosts => self.insert(table, &rows.recent_posts, token).await,
                Table::FlaggedIdentities => self.insert(table, &rows.flagged_identities, token).await,
                Table::Hits => self.insert(table, &rows.hits, token).await,
                Table::Scores => self.insert(table, &rows.scores, token).await,
                Table::PostChanges => self.insert(table, &rows.post_changes, token).await,
                Table::FlaggedPosts => self.insert(table, &rows.flagged_posts, token).await,
                Table::Outcomes => self.insert(table, &rows.outcomes, token).await,
            };
            written.inspect_err(|error| metrics::failed(table, error))?;
            metrics::inserted(table, count, started.elapsed());
        }
        Ok(())
    }

    async fn insert<T>(&self, table: Table, rows: &[T], token: &str) -> Result<(), StoreError>
    where
        T: Row + RowOwned + RowWrite + for<'a> Row<Value<'a> = T>,
    {
        let limit = Some(self.config.insert_timeout);
        let mut insert = self
            .client
            .insert::<T>(table.as_str())
            .await?
            .with_timeouts(limit, limit)
            .with_setting("insert_deduplicate", "1")
            .with_setting("insert_deduplication_token", token)
            // One block, so that one token stands for one content.
            .with_setting("max_insert_block_size", "10000000")
            .with_setting("min_insert_block_size_rows", "10000000")
            .with_setting("min_insert_block_size_bytes", "1073741824");
        for row in rows {
            insert.write(row).await?;
        }
        Ok(insert.end().await?)
    }

    async fn refresh_erased(&self) -> Result<tokio::sync::MutexGuard<'_, ErasedSet>, StoreError> {
        let mut erased = self.erased.lock().await;
        erased.refresh(&self.client).await?;
        Ok(erased)
    }
}
