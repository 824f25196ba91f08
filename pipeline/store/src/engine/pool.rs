//! Connections to the data folder, lent to one statement at a time.
//!
//! A request may change its connection's database and settings. They are put back before the connection is
//! lent again; a connection on which that fails is closed and a new one opened in its place, so no request
//! sees another's settings.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::EngineError;
use super::error::{DbError, code};
use super::ffi::{Api, Connection, Parameter, Totals};

pub(super) struct Pool {
    api: &'static Api,
    arguments: Vec<String>,
    idle: Mutex<Vec<Connection>>,
    permits: Arc<Semaphore>,
}

/// What a request wants of its connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Preparation {
    pub(super) database: Option<String>,
    pub(super) settings: Vec<(String, String)>,
}

impl Pool {
    pub(super) fn new(api: &'static Api, arguments: Vec<String>, size: usize) -> Self {
        Self { api, arguments, idle: Mutex::default(), permits: Arc::new(Semaphore::new(size)) }
    }

    pub(super) fn connect(&self) -> Result<Connection, EngineError> {
        Connection::open(self.api, &self.arguments)
    }

    /// Closes all connections once none is lent: the engine writes out and stops its threads. Blocking.
    pub(super) fn close(&self) {
        self.permits.close();
        self.idle.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }

    pub(super) fn put_back(&self, connection: Connection) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.permits.is_closed() {
            idle.push(connection);
        }
    }

    /// Waits for the right to run a statement.
    pub(super) async fn permit(&self, patience: Duration) -> Result<OwnedSemaphorePermit, DbError> {
        match tokio::time::timeout(patience, Arc::clone(&self.permits).acquire_owned()).await {
            Ok(Ok(permit)) => Ok(permit),
            Ok(Err(_)) => Err(DbError::internal("the engine is closing")),
            Err(_) => Err(DbError::new(
                code::TOO_MANY_QUERIES,
                "too many simultaneous queries: no free connection in time",
            )),
        }
    }

    /// Takes a connection and prepares it; blocking. The permit is given back with the session.
    pub(super) fn session(
        &self,
        permit: OwnedSemaphorePermit,
        preparation: &Preparation,
    ) -> Result<Session<'_>, DbError> {
        let idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner).pop();
        let connection = match idle {
            Some(connection) => connection,
            None => self.connect().map_err(|e| DbError::internal(&e.to_string()))?,
        };
        let mut session =
            Session { pool: self, connection: Some(connection), undo: Vec::new(), _permit: permit };
        session.prepare(preparation)?;
        Ok(session)
    }
}

/// A connection lent out. Dropping it puts database and settings back.
pub(super) struct Session<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
    /// Statements that put things back.
    undo: Vec<String>,
    _permit: OwnedSemaphorePermit,
}

impl Session<'_> {
    fn prepare(&mut self, preparation: &Preparation) -> Result<(), DbError> {
        if let Some(database) = &preparation.database {
            self.undo.push("USE default".to_owned());
            self.execute(&format!("USE {}", quoted(database, '`')))?;
        }
        let settings = &preparation.settings;
        if settings.iter().any(|(name, _)| !is_setting_name(name)) {
            return Err(DbError::new(code::UNKNOWN_SETTING, "a setting's name has letters, digits and _"));
        }
        if !settings.is_empty() {
            let list = |write: &dyn Fn(&(String, String)) -> String| {
                settings.iter().map(write).collect::<Vec<_>>().join(", ")
            };
            self.undo.push(format!("SET {}", list(&|(name, _)| format!("{name} = DEFAULT"))));
            self.execute(&format!(
                "SET {}",
                list(&|(name, value)| format!("{name} = {}", quoted(value, '\'')))
            ))?;
        }
        Ok(())
    }

    fn execute(&mut self, sql: &str) -> Result<(), DbError> {
        self.connection()?.query(sql.as_bytes(), "Null", &[]).map(|_| ())
    }

    fn connection(&mut self) -> Result<&mut Connection, DbError> {
        self.connection.as_mut().ok_or_else(|| DbError::internal("the connection is closed"))
    }

    pub(super) fn query(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
    ) -> Result<(Vec<u8>, Totals), DbError> {
        self.connection()?.query(sql, format, parameters)
    }

    pub(super) fn stream(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
        sink: impl FnMut(Vec<u8>) -> bool,
    ) -> Result<Totals, DbError> {
        self.connection()?.stream(sql, format, parameters, sink)
    }

    pub(super) fn insert(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
        next: impl FnMut() -> Result<Option<Vec<u8>>, DbError>,
    ) -> Result<Totals, DbError> {
        self.connection()?.insert(sql, format, parameters, next)
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let mut clean = true;
        for statement in std::mem::take(&mut self.undo) {
            clean &= self.execute(&statement).is_ok();
        }
        // Not clean also covers an unknown setting, which cannot be put back; a new connection costs little.
        if let Some(connection) = self.connection.take()
            && clean
            && !std::thread::panicking()
        {
            self.pool.put_back(connection);
        }
    }
}

fn is_setting_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A name or text in ClickHouse's quotes.
fn quoted(text: &str, quote: char) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push(quote);
    for c in text.chars() {
        if c == quote || c == '\\' {
            out.push('\\');
        }
        out.push(c);
    }
    out.push(quote);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quotes_cannot_be_left() {
        assert_eq!(quoted(r"a'b\", '\''), r"'a\'b\\'");
        assert_eq!(quoted("a`b", '`'), "`a\\`b`");
        assert!(!is_setting_name("a=1, b"));
        assert!(is_setting_name("max_threads"));
    }
}
