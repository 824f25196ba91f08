//! Local accounts and sessions. Tokens are stored as hashes, passwords as Argon2id.

use sha2::{Digest, Sha256};
use sqlx::Row;
use sqlx::any::AnyRow;
use streife_domain::Timestamp;

use super::tenants::tenant_of;
use super::{CaseStore, Result, RolePair, Unfit, text, time};
use crate::role::{Role, conflict};
use crate::tenant::Tenant;

/// The columns read of a row. Never `*`; the module above says why.
macro_rules! columns {
    () => {
        "id, tenant, name, roles, password, totp_secret, disabled"
    };
}

/// A session ends when nothing was done for so long.
pub const SESSION_IDLE_SECS: i64 = 30 * 60;
/// A session ends after so long in any case.
pub const SESSION_MAX_SECS: i64 = 10 * 3_600;

/// A person with an account.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct User {
    /// Log-in name; the pseudonym that others see.
    pub id: String,
    /// Whose account it is.
    pub tenant: Tenant,
    /// Display name.
    pub name: String,
    /// Roles held; never two that check each other.
    pub roles: Vec<Role>,
    /// Password hash (PHC string).
    pub password: String,
    /// TOTP secret, hexadecimal; empty when not set up.
    pub totp_secret: String,
    /// May not log in.
    pub disabled: bool,
}

/// An account to create.
#[derive(Debug, Clone)]
pub struct NewUser<'a> {
    /// Log-in name.
    pub id: &'a str,
    /// Display name.
    pub name: &'a str,
    /// Roles.
    pub roles: &'a [Role],
    /// Password hash from [`crate::password::hash`].
    pub password: &'a str,
    /// When.
    pub at: Timestamp,
}

/// Someone who is logged in.
#[derive(Debug, Clone)]
pub struct Session {
    /// Who.
    pub user: User,
    /// Token that every form carries.
    pub csrf: String,
    /// Since when.
    pub created_at: Timestamp,
}

pub(super) fn digest(token: &str) -> String {
    hex::encode(Sha256::digest(token.as_bytes()))
}

impl CaseStore {
    /// Creates an account, or replaces name, roles and password of an existing one.
    ///
    /// # Errors
    /// When two of the roles check each other, the name is malformed, or the database fails.
    pub async fn put_user(&self, user: &NewUser<'_>) -> Result<()> {
        if let Some((a, b)) = conflict(user.roles) {
            return Err(Unfit::RolesCheckEachOther(RolePair(a, b)).into());
        }
        let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        if user.id.is_empty() || user.id.len() > 40 || !user.id.chars().all(plain) || user.id == "system" {
            return Err(Unfit::LoginName.into());
        }
        let mut write = self.write().await?;
        let done = sqlx::query(
            "INSERT INTO users (id, name, roles, password, totp_secret, disabled, created_at, tenant) \
             VALUES ($1, $2, $3, $4, '', 0, $5, $6) ON CONFLICT (id) DO UPDATE SET \
             name = excluded.name, roles = excluded.roles, password = excluded.password \
             WHERE $7 = '*' OR users.tenant = $7",
        )
        .bind(user.id.to_owned())
        .bind(user.name.to_owned())
        .bind(serde_json::to_string(user.roles)?)
        .bind(user.password.to_owned())
        .bind(user.at.as_micros())
        .bind(self.owner().as_str().to_owned())
        .bind(self.sight())
        .execute(&mut *write.tx)
        .await?;
        if done.rows_affected() == 0 {
            self.count_foreign();
            return Err(Unfit::LoginTaken.into());
        }
        // New rights or a new password end what is open under the old ones.
        sqlx::query("DELETE FROM sessions WHERE user_id = $1")
            .bind(user.id.to_owned())
            .execute(&mut *write.tx)
            .await?;
        write.commit().await
    }

    /// Sets up or removes (empty) the one-time code secret of a user, hexadecimal.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn set_totp(&self, user: &str, secret_hex: &str) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query("UPDATE users SET totp_secret = $1 WHERE id = $2")
            .bind(secret_hex.to_owned())
            .bind(user.to_owned())
            .execute(&mut *write.tx)
            .await?;
        write.commit().await
    }

    /// Uses up the one-time code of `step`. `false` when that one or a later one was used before.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn use_totp_step(&self, user: &str, step: i64) -> Result<bool> {
        let mut write = self.write().await?;
        // Locks the account, so that of two log-ins with one code a single one wins.
        sqlx::query("UPDATE users SET id = id WHERE id = $1")
            .bind(user.to_owned())
            .execute(&mut *write.tx)
            .await?;
        let scope = format!("totp/{user}");
        let row = sqlx::query("SELECT value FROM settings WHERE scope = $1 AND name = 'step'")
            .bind(scope.clone())
            .fetch_optional(&mut *write.tx)
            .await?;
        let last =
            row.map(|row| text(&row, "value")).transpose()?.and_then(|value| value.parse::<i64>().ok());
        if last.is_some_and(|last| step <= last) {
            return Ok(false);
        }
        super::settings::put(&mut write, &scope, "step", &step.to_string()).await?;
        write.commit().await?;
        Ok(true)
    }

    /// One account.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn user(&self, id: &str) -> Result<Option<User>> {
        let row = sqlx::query(concat!("SELECT ", columns!(), " FROM users WHERE id = $1"))
            .bind(id.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| user(&row)).transpose()?.filter(|user| self.sees(&user.tenant)))
    }

    /// All accounts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn users(&self) -> Result<Vec<User>> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM users WHERE ($1 = '*' OR tenant = $1) ORDER BY id"
        ))
        .bind(self.sight())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(user).collect()
    }

    /// Opens a session under `token`, which only the browser keeps.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn open_session(&self, user: &str, token: &str, csrf: &str, at: Timestamp) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM sessions WHERE created_at < $1")
            .bind(at.plus_secs(-SESSION_MAX_SECS).as_micros())
            .execute(&mut *write.tx)
            .await?;
        sqlx::query("INSERT INTO sessions (token_sha256, user_id, csrf, created_at, seen_at) VALUES ($1, $2, $3, $4, $4)")
            .bind(digest(token))
            .bind(user.to_owned())
            .bind(csrf.to_owned())
            .bind(at.as_micros())
            .execute(&mut *write.tx)
            .await?;
        write.commit().await
    }

    /// The session of `token`, if it is still open; prolongs it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn session(&self, token: &str, now: Timestamp) -> Result<Option<Session>> {
        let row = sqlx::query(
            "SELECT u.id, u.tenant, u.name, u.roles, u.password, u.totp_secret, u.disabled, s.csrf, s.created_at AS session_created, s.seen_at FROM sessions s \
             JOIN users u ON u.id = s.user_id WHERE s.token_sha256 = $1 AND u.disabled = 0",
        )
        .bind(digest(token))
        .fetch_optional(&self.pool)
        .await?;
        let Some(row) = row else { return Ok(None) };
        let (created_at, seen) = (time(&row, "session_created")?, time(&row, "seen_at")?);
        if now > created_at.plus_secs(SESSION_MAX_SECS) || now > seen.plus_secs(SESSION_IDLE_SECS) {
            return Ok(None);
        }
        // Once a minute is enough to keep it alive and spares a write per request.
        if now > seen.plus_secs(60) {
            let mut write = self.write().await?;
            sqlx::query("UPDATE sessions SET seen_at = $1 WHERE token_sha256 = $2")
                .bind(now.as_micros())
                .bind(digest(token))
                .execute(&mut *write.tx)
                .await?;
            write.commit().await?;
        }
        Ok(Some(Session { user: user(&row)?, csrf: text(&row, "csrf")?, created_at }))
    }

    /// Ends a session.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close_session(&self, token: &str) -> Result<()> {
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM sessions WHERE token_sha256 = $1")
            .bind(digest(token))
            .execute(&mut *write.tx)
            .await?;
        write.commit().await
    }
}

fn user(row: &AnyRow) -> Result<User> {
    Ok(User {
        id: text(row, "id")?,
        tenant: tenant_of(&text(row, "tenant")?)?,
        name: text(row, "name")?,
        roles: serde_json::from_str(&text(row, "roles")?)?,
        password: text(row, "password")?,
        totp_secret: text(row, "totp_secret")?,
        disabled: row.try_get::<i64, _>("disabled")? != 0,
    })
}
