//! What must reach someone outside (webhooks, mail, a pager): written in the transaction that causes it, delivered
//! later, tried again with growing pauses, kept as dead when it never arrives. Never holds content.

use sqlx::Row;
use sqlx::any::AnyRow;
use streife_domain::Timestamp;
use uuid::Uuid;

use super::{CaseStore, Result, Write, text, time};

/// The columns read of a row. Never `*`; the module above says why.
macro_rules! columns {
    () => {
        "id, kind, target, body, state, attempts, created_at, error"
    };
}

/// Attempts before a message is dead: about nine hours with the pauses of [`pause_secs`].
pub const MAX_ATTEMPTS: i64 = 12;
/// Messages taken for delivery at once.
const BATCH: i64 = 50;
/// How long one taken for delivery stays with its taker before another may try.
const TAKEN_SECS: i64 = 120;

/// Seconds until the next attempt after `attempts` failed ones: 10, 20, 40 ... at most two hours.
pub const fn pause_secs(attempts: i64) -> i64 {
    let doublings = if attempts < 1 { 0 } else { attempts - 1 };
    if doublings > 9 { 7_200 } else { 10 << doublings }
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Message {
    /// Names it; the receiver can tell repetitions by it.
    pub id: String,
    /// What happened, such as `danger`.
    pub kind: String,
    /// Name of the configured receiver.
    pub target: String,
    /// JSON without content.
    pub body: String,
    /// `waiting`, `sent` or `dead`.
    pub state: String,
    /// Attempts so far.
    pub attempts: i64,
    /// When it came about.
    pub created_at: Timestamp,
    /// Why the last attempt failed.
    pub error: String,
}

/// Writes a message inside a transaction.
pub(crate) async fn put(
    write: &mut Write,
    kind: &str,
    target: &str,
    body: &str,
    at: Timestamp,
) -> Result<()> {
    sqlx::query(
        "INSERT INTO outbox (id, kind, target, body, state, attempts, next_at, created_at, error) \
         VALUES ($1, $2, $3, $4, 'waiting', 0, $5, $5, '')",
    )
    .bind(Uuid::now_v7().simple().to_string())
    .bind(kind.to_owned())
    .bind(target.to_owned())
    .bind(body.to_owned())
    .bind(at.as_micros())
    .execute(&mut *write.tx)
    .await?;
    Ok(())
}

impl CaseStore {
    /// Puts one message for each target on its way.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn post_message(
        &self,
        kind: &str,
        targets: &[String],
        body: &str,
        at: Timestamp,
    ) -> Result<()> {
        let mut write = self.write().await?;
        for target in targets {
            put(&mut write, kind, target, body, at).await?;
        }
        write.commit().await
    }

    /// Takes due messages; nobody else gets them for two minutes.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn take_messages(&self, now: Timestamp) -> Result<Vec<Message>> {
        let due = sqlx::query(
            "SELECT id FROM outbox WHERE state = 'waiting' AND next_at <= $1 ORDER BY next_at LIMIT $2",
        )
        .bind(now.as_micros())
        .bind(BATCH)
        .fetch_all(&self.pool)
        .await?;
        if due.is_empty() {
            return Ok(Vec::new());
        }
        let mut write = self.write().await?;
        let mut taken = Vec::new();
        for row in due {
            let row = sqlx::query(concat!(
                "UPDATE outbox SET attempts = attempts + 1, next_at = $1 \
                 WHERE id = $2 AND state = 'waiting' AND next_at <= $3 RETURNING ",
                columns!()
            ))
            .bind(now.plus_secs(TAKEN_SECS).as_micros())
            .bind(text(&row, "id")?)
            .bind(now.as_micros())
            .fetch_optional(&mut *write.tx)
            .await?;
            taken.extend(row.map(|row| read(&row)).transpose()?);
        }
        write.commit().await?;
        Ok(taken)
    }

    /// Records how an attempt ended: `None` is success.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settle_message(&self, message: &Message, error: Option<&str>, now: Timestamp) -> Result<()> {
        let (state, error, next) = match error {
            None => ("sent", "", now),
            Some(error) if message.attempts >= MAX_ATTEMPTS => ("dead", error, now),
            Some(error) => ("waiting", error, now.plus_secs(pause_secs(message.attempts))),
        };
        let mut write = self.write().await?;
        sqlx::query("UPDATE outbox SET state = $1, error = $2, next_at = $3 WHERE id = $4")
            .bind(state)
            .bind(error.chars().take(300).collect::<String>())
            .bind(next.as_micros())
            .bind(message.id.clone())
            .execute(&mut *write.tx)
            .await?;
        write.commit().await
    }

    /// The latest messages, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn messages(&self, limit: i64) -> Result<Vec<Message>> {
        // Receivers of alarms are the site's, and so is what was sent to them.
        if !self.owner().is_house() {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(concat!("SELECT ", columns!(), " FROM outbox ORDER BY id DESC LIMIT $1"))
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(read).collect()
    }

    /// Sends a dead message on its way again. `false` when it is not dead.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revive_message(&self, id: &str, now: Timestamp) -> Result<bool> {
        if !self.owner().is_house() {
            return Ok(false);
        }
        let mut write = self.write().await?;
        let done =
            sqlx::query("UPDATE outbox SET state = 'waiting', attempts = 0, next_at = $1 WHERE id = $2 AND state = 'dead'")
                .bind(now.as_micros())
                .bind(id.to_owned())
                .execute(&mut *write.tx)
                .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}

fn read(row: &AnyRow) -> Result<Message> {
    Ok(Message {
        id: text(row, "id")?,
        kind: text(row, "kind")?,
        target: text(row, "target")?,
        body: text(row, "body")?,
        state: text(row, "state")?,
        attempts: row.try_get("attempts")?,
        created_at: time(row, "created_at")?,
        error: text(row, "error")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_grow_and_end() {
        assert_eq!([1, 2, 3, 10, 11, 400].map(pause_secs), [10, 20, 40, 5_120, 7_200, 7_200]);
    }
}
