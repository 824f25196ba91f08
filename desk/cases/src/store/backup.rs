//! Backup and restore of the case database: every table as JSON lines, the same for SQLite and PostgreSQL, so that a
//! site can also move from one to the other. Sessions are left out: after a restore everybody logs in anew.

use std::collections::BTreeMap;
use std::io::BufRead;

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sqlx::any::AnyRow;
use sqlx::{Column, Row};

use super::{CaseStore, Result, StoreError, schema_version};

/// The version of the format.
const FORMAT: u32 = 1;
/// The longest line that is read back: a case with a full legal form fits many times.
const MAX_LINE_BYTES: u64 = 16 * 1024 * 1024;
/// Tables of a backup. `sessions` is not among them on purpose, `schema_version` is told by the first line.
pub const TABLES: &[&str] = &[
    "users",
    "settings",
    "cases",
    "case_events",
    "claims",
    "decisions",
    "rule_versions",
    "rule_events",
    "rule_revision",
    "item_rules",
    "blind_reviews",
    "golden_items",
    "ledger_heads",
    "ledger_entries",
    "checkpoints",
    "api_tokens",
    "outbox",
    "bulk_items",
    "break_glass",
    "tenants",
    "tenant_sources",
];

/// Rows of each table.
pub type RowCounts = BTreeMap<String, u64>;

#[derive(Serialize, Deserialize)]
#[serde(tag = "line", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    Head { format: u32, schema: i64 },
    Row { table: String, row: Map<String, Value> },
    End { rows: RowCounts },
}

impl CaseStore {
    /// Writes the whole database as it is at one moment.
    ///
    /// # Errors
    /// When the database fails or `out` cannot be written.
    pub async fn dump(&self, out: &mut (impl std::io::Write + Send)) -> Result<RowCounts> {
        let mut counts = RowCounts::new();
        // One transaction, so that all tables are of one moment.
        let mut write = self.write().await?;
        if self.postgres {
            sqlx::raw_sql("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ").execute(&mut *write.tx).await?;
        }
        // Read in the transaction: from here on this connection knows the schema of now, and `*` is safe when prepared anew.
        let schema = schema_version(&mut *write.tx).await?;
        put(out, &Line::Head { format: FORMAT, schema })?;
        for table in TABLES {
            let sql = format!("SELECT * FROM {table}");
            let mut rows = sqlx::query(sqlx::AssertSqlSafe(sql)).persistent(false).fetch(&mut *write.tx);
            let count = counts.entry((*table).to_owned()).or_insert(0);
            while let Some(row) = rows.try_next().await? {
                put(out, &Line::Row { table: (*table).to_owned(), row: values(&row)? })?;
                *count += 1;
            }
        }
        put(out, &Line::End { rows: counts.clone() })?;
        out.flush().map_err(broken)?;
        Ok(counts)
    }

    /// Reads a backup into this database, which must be empty. All or nothing.
    ///
    /// # Errors
    /// When the database holds something, the backup is incomplete, damaged or of a later version.
    pub async fn restore(&self, input: &mut (impl BufRead + Send)) -> Result<RowCounts> {
        let Some(Line::Head { format: FORMAT, schema }) = next(input)? else {
            return Err(invalid("this is no backup of a case database, or one of another version"));
        };
        if self.migrate_to(schema).await? != schema {
            return Err(invalid(
                "the backup comes from a later version of Streife, or the database is in use",
            ));
        }
        let mut write = self.write().await?;
        for table in TABLES.iter().filter(|table| !matches!(**table, "rule_revision" | "settings")) {
            let sql = format!("SELECT 1 AS one FROM {table} LIMIT 1");
            if sqlx::query(sqlx::AssertSqlSafe(sql)).fetch_optional(&mut *write.tx).await?.is_some() {
                return Err(invalid("the database is not empty; restore into a new one"));
            }
        }
        for table in ["rule_revision", "settings", "sessions"] {
            sqlx::query(sqlx::AssertSqlSafe(format!("DELETE FROM {table}"))).execute(&mut *write.tx).await?;
        }
        let mut counts: RowCounts = TABLES.iter().map(|table| ((*table).to_owned(), 0)).collect();
        loop {
            match next(input)? {
                Some(Line::Row { table, row }) => {
                    let Some(count) = counts.get_mut(&table) else {
                        return Err(invalid("the backup names a table that does not exist"));
                    };
                    *count += 1;
                    insert(&mut write, &table, &row).await?;
                }
                Some(Line::End { rows }) if rows == counts => break,
                Some(Line::End { .. } | Line::Head { .. }) | None => {
                    return Err(invalid("the backup is incomplete; nothing was restored"));
                }
            }
        }
        write.commit().await?;
        self.migrate().await?;
        Ok(counts)
    }
}

fn invalid(message: &str) -> StoreError {
    StoreError::Invalid(message.to_owned())
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function over errors")]
fn broken(error: std::io::Error) -> StoreError {
    StoreError::Invalid(format!("the backup file: {error}"))
}

fn put(out: &mut impl std::io::Write, line: &Line) -> Result<()> {
    serde_json::to_writer(&mut *out, line)?;
    out.write_all(b"\n").map_err(broken)
}

fn next(input: &mut impl BufRead) -> Result<Option<Line>> {
    let mut line = String::new();
    std::io::Read::take(&mut *input, MAX_LINE_BYTES).read_line(&mut line).map_err(broken)?;
    if line.is_empty() {
        return Ok(None);
    }
    serde_json::from_str(&line)
        .map(Some)
        .map_err(|e| StoreError::Invalid(format!("a line of the backup: {e}")))
}

/// Every column is a number or a text.
fn values(row: &AnyRow) -> Result<Map<String, Value>> {
    row.columns()
        .iter()
        .map(|column| {
            let name = column.name();
            let value = match row.try_get::<i64, _>(name) {
                Ok(number) => Value::from(number),
                Err(_) => Value::from(row.try_get::<String, _>(name)?),
            };
            Ok((name.to_owned(), value))
        })
        .collect()
}

async fn insert(write: &mut super::Write, table: &str, row: &Map<String, Value>) -> Result<()> {
    // Column names come from a file: only plain ones go into a statement.
    let plain = |name: &str| {
        !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b == b'_' || b.is_ascii_digit())
    };
    if !row.keys().all(|name| plain(name)) {
        return Err(invalid("the backup names a column that cannot exist"));
    }
    let names: Vec<&str> = row.keys().map(String::as_str).collect();
    let marks: Vec<String> = (1..=names.len()).map(|n| format!("${n}")).collect();
    let sql = format!("INSERT INTO {table} ({}) VALUES ({})", names.join(", "), marks.join(", "));
    let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
    for value in row.values() {
        query = match value {
            Value::Number(number) => {
                query.bind(number.as_i64().ok_or_else(|| invalid("a number of the backup is too large"))?)
            }
            Value::String(text) => query.bind(text.clone()),
            _ => return Err(invalid("a value of the backup is neither number nor text")),
        };
    }
    query.execute(&mut *write.tx).await?;
    Ok(())
}
