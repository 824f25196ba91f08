//! Tenants in the database, and the handle that sees one of them alone.

use std::collections::BTreeMap;
use std::ops::Deref;
use std::sync::atomic::Ordering;

use streife_domain::Timestamp;

use super::{CaseStore, Result, StoreError, Unfit, text};
use crate::tenant::{SourceOwners, Tenant};

/// Tenants of one site at most.
pub(super) const MAX_TENANTS: usize = 100;
/// Sources of one tenant at most.
pub(super) const MAX_SOURCES: usize = 1_000;

/// The case database as one tenant sees it: what others own does not exist. Pages get nothing else.
#[derive(Debug, Clone)]
pub struct TenantCases(CaseStore);

impl Deref for TenantCases {
    type Target = CaseStore;
    fn deref(&self) -> &CaseStore {
        &self.0
    }
}

impl TenantCases {
    /// Whose view this is.
    pub fn tenant(&self) -> Tenant {
        self.0.owner()
    }

    /// The view of another tenant, for the house alone: it sets up the accounts of tenants.
    pub fn on_behalf_of(&self, tenant: &Tenant) -> Option<Self> {
        self.tenant().is_house().then(|| self.0.of(tenant))
    }

    /// The view in which an emergency access opens one subject of another tenant.
    pub fn behind_glass(&self, opening: &crate::glass::Opening) -> Self {
        self.0.of(&opening.subject_tenant)
    }
}

/// A tenant with its sources.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TenantRow {
    /// Who.
    pub tenant: Tenant,
    /// For people.
    pub name: String,
    /// Its sources.
    pub sources: Vec<String>,
}

impl CaseStore {
    /// The database as `tenant` sees it.
    pub fn of(&self, tenant: &Tenant) -> TenantCases {
        TenantCases(Self { tenant: Some(tenant.clone()), ..self.clone() })
    }

    /// Whom new rows belong to.
    pub(crate) fn owner(&self) -> Tenant {
        self.tenant.clone().unwrap_or_default()
    }

    /// What statements compare the owner of a row with; `*` sees all rows, and no tenant can be named so.
    pub(crate) fn sight(&self) -> String {
        self.tenant.as_ref().map_or("*", Tenant::as_str).to_owned()
    }

    pub(crate) fn is_own(&self, owner: &Tenant) -> bool {
        self.tenant.as_ref().is_none_or(|tenant| tenant == owner)
    }

    /// Is a row of `owner` seen? What is not is counted.
    pub(crate) fn sees(&self, owner: &Tenant) -> bool {
        let seen = self.is_own(owner);
        if !seen {
            self.foreign.fetch_add(1, Ordering::Relaxed);
        }
        seen
    }

    /// Times that somebody asked for what another tenant owns, since the start.
    pub fn foreign_requests(&self) -> u64 {
        self.foreign.load(Ordering::Relaxed)
    }

    /// Counts a request for a post that another tenant owns.
    pub fn count_foreign(&self) {
        self.foreign.fetch_add(1, Ordering::Relaxed);
    }

    /// Name of the settings that one tenant's people share.
    pub fn site_scope(&self) -> String {
        match self.owner() {
            tenant if tenant.is_house() => "site".to_owned(),
            tenant => format!("site/{}", tenant.as_str()),
        }
    }

    /// Who owns which source.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn source_owners(&self) -> Result<SourceOwners> {
        let rows = sqlx::query("SELECT source, tenant FROM tenant_sources").fetch_all(&self.pool).await?;
        let owners = rows.iter().map(|row| Ok((text(row, "source")?, tenant_of(&text(row, "tenant")?)?)));
        Ok(SourceOwners(owners.collect::<Result<_>>()?))
    }

    /// All tenants but the house.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tenants(&self) -> Result<Vec<TenantRow>> {
        let mut sources: BTreeMap<Tenant, Vec<String>> = BTreeMap::new();
        for (source, tenant) in self.source_owners().await?.0 {
            sources.entry(tenant).or_default().push(source);
        }
        let rows = sqlx::query("SELECT id, name FROM tenants ORDER BY id").fetch_all(&self.pool).await?;
        rows.iter()
            .map(|row| {
                let tenant = tenant_of(&text(row, "id")?)?;
                let sources = sources.remove(&tenant).unwrap_or_default();
                Ok(TenantRow { name: text(row, "name")?, tenant, sources })
            })
            .collect()
    }

    /// Creates a tenant or changes its name and sources. A source that another tenant has is refused: what it brought stays
    /// with that tenant, and two authorities never share one.
    ///
    /// # Errors
    /// When it is the house, has no name or too many sources, a source is taken, or the database fails.
    pub async fn put_tenant(&self, new: &TenantRow, at: Timestamp) -> Result<()> {
        if new.tenant.is_house() || new.name.trim().is_empty() {
            return Err(Unfit::TenantName.into());
        }
        if new.sources.len() > MAX_SOURCES {
            return Err(Unfit::TenantSources.into());
        }
        let known = self.tenants().await?;
        if known.len() >= MAX_TENANTS && known.iter().all(|row| row.tenant != new.tenant) {
            return Err(Unfit::TenantsFull.into());
        }
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO tenants (id, name, created_at) VALUES ($1, $2, $3) ON CONFLICT (id) DO UPDATE SET name = excluded.name",
        )
        .bind(new.tenant.as_str().to_owned())
        .bind(new.name.clone())
        .bind(at.as_micros())
        .execute(&mut *write.tx)
        .await?;
        sqlx::query("DELETE FROM tenant_sources WHERE tenant = $1")
            .bind(new.tenant.as_str().to_owned())
            .execute(&mut *write.tx)
            .await?;
        for source in &new.sources {
            let done = sqlx::query(
                "INSERT INTO tenant_sources (source, tenant) VALUES ($1, $2) ON CONFLICT (source) DO NOTHING",
            )
            .bind(source.clone())
            .bind(new.tenant.as_str().to_owned())
            .execute(&mut *write.tx)
            .await?;
            if done.rows_affected() == 0 {
                return Err(Unfit::SourceTaken(source.clone()).into());
            }
        }
        // Workers bind a tenant's rules to its sources, so they must hear of this.
        sqlx::query("UPDATE rule_revision SET revision = revision + 1 WHERE one = 1")
            .execute(&mut *write.tx)
            .await?;
        write.commit().await
    }
}

/// A tenant as it lies in the database.
pub(super) fn tenant_of(name: &str) -> Result<Tenant> {
    Tenant::parse(name).map_err(|e| StoreError::Damaged { what: "a tenant", message: e.to_string() })
}
