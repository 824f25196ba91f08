//! Tokens for machines: stored as hashes, shown once, with scopes, an end and a way to revoke them.

use sqlx::Row;
use sqlx::any::AnyRow;
use streife_domain::Timestamp;
use uuid::Uuid;

use super::tenants::tenant_of;
use super::users::digest;
use super::{CaseStore, Result, Unfit, text, time};
use crate::tenant::Tenant;

/// The columns read of a row. Never `*`; the module above says why.
macro_rules! columns {
    () => {
        "id, tenant, name, scopes, created_by, created_at, expires_at, revoked_at, used_at"
    };
}

/// The longest life of a token.
pub(super) const TOKEN_MAX_SECS: i64 = 366 * 86_400;
/// Tokens that may exist at once; more would mean that nobody looks after them.
pub(super) const MAX_TOKENS: usize = 100;

/// What a token may do; a machine never decides, so there is no scope that does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Scope {
    /// Flagged posts, pseudonymised, with content.
    ReadItems,
    /// Cases: state, norms, dates; no content.
    ReadCases,
    /// Figures without content.
    ReadFigures,
    /// The audit ledger.
    ReadAudit,
}

impl Scope {
    /// All scopes.
    pub const ALL: [Self; 4] = [Self::ReadItems, Self::ReadCases, Self::ReadFigures, Self::ReadAudit];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::ReadItems => "items.read",
            Self::ReadCases => "cases.read",
            Self::ReadFigures => "figures.read",
            Self::ReadAudit => "audit.read",
        }
    }

    /// From the written form.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// `revoked_at` of a token that waits for a second person.
const PENDING: i64 = -1;

/// A token as far as it can be shown again.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ApiToken {
    /// Names it in the audit ledger and for revoking.
    pub id: String,
    /// Whose it is.
    pub tenant: Tenant,
    /// What it is for.
    pub name: String,
    /// What it may do.
    pub scopes: Vec<Scope>,
    /// Who made it.
    pub created_by: String,
    /// Since when.
    pub created_at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
    /// Was it revoked?
    pub revoked: bool,
    /// Does it wait for a second person?
    pub pending: bool,
    /// Last use; `None` when it never was.
    pub used_at: Option<Timestamp>,
}

/// A token to create.
#[derive(Debug, Clone)]
pub struct NewToken<'a> {
    /// What it is for.
    pub name: &'a str,
    /// The secret, which only its user keeps.
    pub secret: &'a str,
    /// What it may do.
    pub scopes: &'a [Scope],
    /// Who makes it.
    pub by: &'a str,
    /// When.
    pub at: Timestamp,
    /// Until when.
    pub expires_at: Timestamp,
}

impl CaseStore {
    /// Creates a token. Returns its id. One that reads more than figures works once a second person approved it:
    /// who administers sees no content, and must not give it to a machine alone either.
    ///
    /// # Errors
    /// When it has no name, no scope or no sensible end, or the database fails.
    pub async fn create_token(&self, new: &NewToken<'_>) -> Result<String> {
        if new.name.trim().is_empty() || new.scopes.is_empty() {
            return Err(Unfit::TokenEmpty.into());
        }
        if new.expires_at <= new.at || new.expires_at > new.at.plus_secs(TOKEN_MAX_SECS) {
            return Err(Unfit::TokenEnd.into());
        }
        if self.tokens().await?.iter().filter(|token| !token.revoked).count() >= MAX_TOKENS {
            return Err(Unfit::TokensFull.into());
        }
        let id = Uuid::now_v7().simple().to_string();
        let scopes: Vec<&str> = new.scopes.iter().map(|scope| scope.as_str()).collect();
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO api_tokens (id, name, token_sha256, scopes, created_by, created_at, expires_at, revoked_at, used_at, tenant) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 0, $9)",
        )
        .bind(id.clone())
        .bind(new.name.to_owned())
        .bind(digest(new.secret))
        .bind(scopes.join(" "))
        .bind(new.by.to_owned())
        .bind(new.at.as_micros())
        .bind(new.expires_at.as_micros())
        .bind(if new.scopes == [Scope::ReadFigures] { 0 } else { PENDING })
        .bind(self.owner().as_str().to_owned())
        .execute(&mut *write.tx)
        .await?;
        write.commit().await?;
        Ok(id)
    }

    /// The token of `secret`, if it is valid at `now`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn token(&self, secret: &str, now: Timestamp) -> Result<Option<ApiToken>> {
        let row = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM api_tokens WHERE token_sha256 = $1 AND revoked_at = 0 AND expires_at > $2"
        ))
        .bind(digest(secret))
        .bind(now.as_micros())
        .fetch_optional(&self.pool)
        .await?;
        let Some(token) = row.map(|row| read(&row)).transpose()? else { return Ok(None) };
        // Once a minute is enough to see whether a token is in use.
        if token.used_at.is_none_or(|used| now > used.plus_secs(60)) {
            let mut write = self.write().await?;
            sqlx::query("UPDATE api_tokens SET used_at = $1 WHERE id = $2")
                .bind(now.as_micros())
                .bind(token.id.clone())
                .execute(&mut *write.tx)
                .await?;
            write.commit().await?;
        }
        Ok(Some(token))
    }

    /// All tokens, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tokens(&self) -> Result<Vec<ApiToken>> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM api_tokens WHERE ($1 = '*' OR tenant = $1) ORDER BY id DESC LIMIT 1000"
        ))
        .bind(self.sight())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// Lets a waiting token work. `false` when none waits under this id, or `by` made it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn approve_token(&self, id: &str, by: &str) -> Result<bool> {
        let mut write = self.write().await?;
        let done = sqlx::query(
            "UPDATE api_tokens SET revoked_at = 0 WHERE id = $1 AND revoked_at = $2 AND created_by <> $3 \
             AND ($4 = '*' OR tenant = $4)",
        )
        .bind(id.to_owned())
        .bind(PENDING)
        .bind(by.to_owned())
        .bind(self.sight())
        .execute(&mut *write.tx)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Ends a token. `false` when there is none that is still valid.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revoke_token(&self, id: &str, at: Timestamp) -> Result<bool> {
        let mut write = self.write().await?;
        let done = sqlx::query(
            "UPDATE api_tokens SET revoked_at = $1 WHERE id = $2 AND revoked_at <= 0 AND ($3 = '*' OR tenant = $3)",
        )
            .bind(at.as_micros())
            .bind(id.to_owned())
            .bind(self.sight())
            .execute(&mut *write.tx)
            .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }
}

fn read(row: &AnyRow) -> Result<ApiToken> {
    let used_at = time(row, "used_at")?;
    Ok(ApiToken {
        id: text(row, "id")?,
        tenant: tenant_of(&text(row, "tenant")?)?,
        name: text(row, "name")?,
        scopes: text(row, "scopes")?.split(' ').filter_map(Scope::parse).collect(),
        created_by: text(row, "created_by")?,
        created_at: time(row, "created_at")?,
        expires_at: time(row, "expires_at")?,
        revoked: row.try_get::<i64, _>("revoked_at")? > 0,
        pending: row.try_get::<i64, _>("revoked_at")? == PENDING,
        used_at: Some(used_at).filter(|at| at.as_micros() != 0),
    })
}
