//! How the database is doing.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use crate::{Store, StoreError};

/// A table's size.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct TableState {
    /// Its name.
    pub table: String,
    /// Rows, doubles not yet merged away included.
    pub rows: u64,
    /// Bytes on disk.
    pub bytes: u64,
    /// Active parts; thousands mean that merges do not keep up.
    pub parts: u64,
}

/// The database's state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemState {
    /// Version of the server.
    pub version: String,
    /// Its tables.
    pub tables: Vec<TableState>,
    /// Free bytes on its disk.
    pub disk_free_bytes: u64,
    /// All bytes of its disk.
    pub disk_total_bytes: u64,
}

impl Store {
    /// Rows, bytes, parts and disk.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn system_state(&self) -> Result<SystemState, StoreError> {
        let tables = self
            .client()
            .query(
                "SELECT table, sum(rows) AS rows, sum(bytes_on_disk) AS bytes, count() AS parts FROM system.parts \
                 WHERE database = currentDatabase() AND active GROUP BY table ORDER BY table",
            )
            .fetch_all()
            .await?;
        let (disk_free_bytes, disk_total_bytes) = self
            .client()
            .query("SELECT min(free_space) AS free, min(total_space) AS total FROM system.disks")
            .fetch_one::<(u64, u64)>()
            .await?;
        crate::metrics::disk(disk_free_bytes, disk_total_bytes);
        let version = self.client().query("SELECT version()").fetch_one().await?;
        Ok(SystemState { version, tables, disk_free_bytes, disk_total_bytes })
    }
}

impl Store {
    /// The server's clock.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn server_time(&self) -> Result<streife_domain::Timestamp, StoreError> {
        let micros: i64 =
            self.client().query("SELECT toUnixTimestamp64Micro(now64(6)) AS at").fetch_one().await?;
        Ok(streife_domain::Timestamp::from_micros(micros))
    }
}
