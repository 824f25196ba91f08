//! Connections to the data folder, lent to one statement at a time.
//!
//! A request may change its connection's database and settings. A connection keeps them while it lies idle, for the next
//! request that wants the very same: putting them back and setting them again are four statements around each. For any
//! other request they are put back first, and at once after a statement that may itself change them or did not end well: what
//! was left of its answer would be the next one's. A connection on which that fails is closed and a new one opened
//! in its place. So no request sees another's settings, or another's answer.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use super::EngineError;
use super::error::{DbError, code};
use super::ffi::{Api, Connection, Parameter, Totals};
use super::query::QueryKind;

pub(super) struct Pool {
    api: &'static Api,
    arguments: Vec<String>,
    idle: Mutex<Vec<Prepared>>,
    permits: Arc<Semaphore>,
}

/// What a request wants of its connection.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Preparation {
    pub(super) database: Option<String>,
    pub(super) settings: Vec<(String, String)>,
}

/// A connection and what it was prepared for.
struct Prepared {
    connection: Connection,
    preparation: Preparation,
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
        self.keep(Prepared { connection, preparation: Preparation::default() });
    }

    fn keep(&self, prepared: Prepared) {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        if !self.permits.is_closed() {
            idle.push(prepared);
        }
    }

    /// An idle connection: one with this preparation if there is any, else one with none, else the one idle longest.
    fn idle(&self, preparation: &Preparation) -> Option<Prepared> {
        let mut idle = self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let with = |wanted: &Preparation| idle.iter().rposition(|kept| kept.preparation == *wanted);
        let at = with(preparation).or_else(|| with(&Preparation::default())).unwrap_or(0);
        (at < idle.len()).then(|| idle.remove(at))
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

    /// Takes a connection and prepares it for a statement of this kind; blocking. The permit is given back with the session.
    pub(super) fn session(
        &self,
        permit: OwnedSemaphorePermit,
        preparation: &Preparation,
        kind: QueryKind,
    ) -> Result<Session<'_>, DbError> {
        if preparation.settings.iter().any(|(name, _)| !is_setting_name(name)) {
            return Err(DbError::new(code::UNKNOWN_SETTING, "a setting's name has letters, digits and _"));
        }
        let session = |prepared: Prepared, permit| Session {
            pool: self,
            connection: Some(prepared.connection),
            preparation: prepared.preparation,
            changes_nothing: matches!(kind, QueryKind::Select | QueryKind::Insert),
            ended_well: false,
            _permit: permit,
        };
        let fresh = || self.connect().map_err(|e| DbError::internal(&e.to_string()));
        let plain = |connection| Prepared { connection, preparation: Preparation::default() };
        let Some(kept) = self.idle(preparation) else {
            return session(plain(fresh()?), permit).prepared(preparation);
        };
        if kept.preparation == *preparation {
            return Ok(session(kept, permit));
        }
        let mut lent = session(kept, permit);
        if lent.put_back().is_err() {
            lent.connection = Some(fresh()?);
            lent.preparation = Preparation::default();
        }
        lent.prepared(preparation)
    }
}

/// A connection lent out. Dropping it gives it back.
pub(super) struct Session<'a> {
    pool: &'a Pool,
    connection: Option<Connection>,
    preparation: Preparation,
    /// Its statement leaves database and settings as they are.
    changes_nothing: bool,
    /// Its statement succeeded and was read to its end.
    ended_well: bool,
    _permit: OwnedSemaphorePermit,
}

impl Session<'_> {
    fn prepared(mut self, preparation: &Preparation) -> Result<Self, DbError> {
        self.preparation = preparation.clone();
        self.prepare(preparation)?;
        Ok(self)
    }

    fn prepare(&mut self, preparation: &Preparation) -> Result<(), DbError> {
        if let Some(database) = &preparation.database {
            self.execute(&format!("USE {}", quoted(database, '`')))?;
        }
        let settings = &preparation.settings;
        if !settings.is_empty() {
            let list: Vec<String> =
                settings.iter().map(|(name, value)| format!("{name} = {}", quoted(value, '\''))).collect();
            self.execute(&format!("SET {}", list.join(", ")))?;
        }
        Ok(())
    }

    /// Undoes the preparation.
    fn put_back(&mut self) -> Result<(), DbError> {
        let Preparation { settings, .. } = std::mem::take(&mut self.preparation);
        if !settings.is_empty() {
            let list: Vec<String> = settings.iter().map(|(name, _)| format!("{name} = DEFAULT")).collect();
            self.execute(&format!("SET {}", list.join(", ")))?;
        }
        // Also where no database was chosen: a connection that is not sound fails here.
        self.execute("USE default")
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
        let answer = self.connection()?.query(sql, format, parameters)?;
        self.ended_well = true;
        Ok(answer)
    }

    pub(super) fn stream(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
        mut sink: impl FnMut(Vec<u8>) -> bool,
    ) -> Result<Totals, DbError> {
        let mut whole = true;
        let totals = self.connection()?.stream(sql, format, parameters, |chunk| {
            whole = sink(chunk);
            whole
        })?;
        self.ended_well = whole;
        Ok(totals)
    }

    pub(super) fn insert(
        &mut self,
        sql: &[u8],
        format: &str,
        parameters: &[Parameter],
        next: impl FnMut() -> Result<Option<Vec<u8>>, DbError>,
    ) -> Result<Totals, DbError> {
        let totals = self.connection()?.insert(sql, format, parameters, next)?;
        self.ended_well = true;
        Ok(totals)
    }
}

impl Drop for Session<'_> {
    fn drop(&mut self) {
        let clean = self.changes_nothing && self.ended_well || self.put_back().is_ok();
        // Not clean also covers an unknown setting, which cannot be put back; a new connection costs little.
        if let Some(connection) = self.connection.take()
            && clean
            && !std::thread::panicking()
        {
            self.pool.keep(Prepared { connection, preparation: std::mem::take(&mut self.preparation) });
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
