//! The rule book in the database: events are the truth, versions follow in the same transaction.

use sqlx::Row;
use sqlx::any::AnyRow;
use streife_domain::Timestamp;

use super::ledgers::append;
use super::{CaseStore, Result, StoreError, Write, text, time};
use crate::ledger::{Note, audit_ledger_of};
use crate::rulebook::{
    BookEvent, Change, Kind, PublishedFile, Stage, Text, Version, publish, sources_file, step,
};
use crate::tenant::Tenant;
use crate::workflow::Actor;

/// The columns read of a row. Never `*`; the module above says why.
macro_rules! columns {
    () => {
        "kind, id, version, title, owner, review_by, source, stage, authors, asked_by, approver, note, backtest, created_at, updated_at"
    };
}

/// The rule book of one tenant (of the house where no tenant is meant): what others write does not exist in it.
#[derive(Clone)]
pub struct RuleBook {
    store: CaseStore,
}

impl CaseStore {
    /// Watch rules, lists and suppressions that were written at the desk.
    pub fn rule_book(&self) -> RuleBook {
        RuleBook { store: self.clone() }
    }
}

impl RuleBook {
    /// Raised by one with every change, so that workers see cheaply whether there is something new.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn revision(&self) -> Result<i64> {
        let row = sqlx::query("SELECT revision FROM rule_revision WHERE one = 1")
            .fetch_one(&self.store.pool)
            .await?;
        Ok(row.try_get("revision")?)
    }

    /// Everything that score workers load (shadow, live and paused rules, live lists and suppressions), with a
    /// revision that is at most as new as the files: reading again at a later revision never misses a change. The
    /// machine itself gets the files of all tenants, a tenant its own and the house's.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn published(&self) -> Result<(i64, Vec<PublishedFile>)> {
        let revision = self.revision().await?;
        let mut files = publish(&Tenant::house(), &self.versions_of(&Tenant::house()).await?);
        for row in self.store.tenants().await? {
            if self.store.is_own(&row.tenant) {
                files.push(sources_file(&row.tenant, &row.sources));
                files.extend(publish(&row.tenant, &self.versions_of(&row.tenant).await?));
            }
        }
        Ok((revision, files))
    }

    /// All versions of all entries, by kind and id, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn versions(&self) -> Result<Vec<Version>> {
        self.versions_of(&self.store.owner()).await
    }

    /// What the house has in force or has paused: its rules run for all, so all may read them. No drafts.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_the_house(&self) -> Result<Vec<Version>> {
        let mut versions = self.versions_of(&Tenant::house()).await?;
        versions.retain(|version| matches!(version.stage, Stage::Live | Stage::Paused));
        Ok(versions)
    }

    async fn versions_of(&self, tenant: &Tenant) -> Result<Vec<Version>> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM rule_versions WHERE tenant = $1 ORDER BY kind, id, version"
        ))
        .bind(tenant.as_str().to_owned())
        .fetch_all(&self.store.pool)
        .await?;
        rows.iter().map(version).collect()
    }

    /// The versions of one entry, oldest first; empty when there is none.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn entry(&self, kind: Kind, id: &str) -> Result<Vec<Version>> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM rule_versions WHERE kind = $1 AND id = $2 AND tenant = $3 ORDER BY version"
        ))
        .bind(kind.as_str())
        .bind(id.to_owned())
        .bind(self.store.owner().as_str().to_owned())
        .fetch_all(&self.store.pool)
        .await?;
        rows.iter().map(version).collect()
    }

    /// What happened to an entry, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn events(&self, kind: Kind, id: &str) -> Result<Vec<BookEvent>> {
        let rows = sqlx::query(
            "SELECT body FROM rule_events WHERE kind = $1 AND id = $2 AND tenant = $3 ORDER BY revision",
        )
        .bind(kind.as_str())
        .bind(id.to_owned())
        .bind(self.store.owner().as_str().to_owned())
        .fetch_all(&self.store.pool)
        .await?;
        rows.iter().map(|row| Ok(serde_json::from_str(&text(row, "body")?)?)).collect()
    }

    /// Applies one change to the version that the person saw; returns that version as it now is.
    ///
    /// # Errors
    /// [`StoreError::Book`] with what is missing; or the database.
    pub async fn apply(
        &self,
        kind: Kind,
        id: &str,
        seen: i64,
        actor: &Actor,
        what: Change,
        at: Timestamp,
    ) -> Result<Version> {
        let mut write = self.store.write().await?;
        // Locks the book, so that revisions have no gaps and no two people change one entry at once.
        let row =
            sqlx::query("UPDATE rule_revision SET revision = revision + 1 WHERE one = 1 RETURNING revision")
                .fetch_one(&mut *write.tx)
                .await?;
        let revision: i64 = row.try_get("revision")?;
        let tenant = self.store.owner();
        let before = locked_entry(&mut write, &tenant, kind, id).await?;
        let event = BookEvent { at, actor: actor.clone(), version: seen, what };
        let after = step(kind, id, &before, &event)?;
        let written = match &event.what {
            Change::Save { .. } => after.last(),
            _ => after.iter().find(|version| version.number == seen),
        };
        let written = written.cloned().ok_or(crate::rulebook::Refusal::NoSuchVersion)?;
        let event = BookEvent { version: written.number, ..event };
        sqlx::query(
            "INSERT INTO rule_events (revision, kind, id, at, actor, body, tenant) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(revision)
        .bind(kind.as_str())
        .bind(id.to_owned())
        .bind(at.as_micros())
        .bind(actor.user.clone())
        .bind(serde_json::to_string(&event)?)
        .bind(tenant.as_str().to_owned())
        .execute(&mut *write.tx)
        .await?;
        for version in after.iter().filter(|version| !before.contains(version)) {
            put(&mut write, &tenant, version).await?;
        }
        let note = Note {
            at,
            actor: actor.user.clone(),
            role: actor.role.as_str().to_owned(),
            action: format!("{}.{}", kind.as_str(), event.what.as_str()),
            subject: id.to_owned(),
            reason: event.what.said().to_owned(),
            details: serde_json::json!({ "version": written.number, "stage": written.stage, "revision": revision }),
        };
        append(&mut write, &audit_ledger_of(&tenant, at), note).await?;
        write.commit().await?;
        Ok(written)
    }
}

async fn locked_entry(write: &mut Write, tenant: &Tenant, kind: Kind, id: &str) -> Result<Vec<Version>> {
    let rows = sqlx::query(concat!(
        "SELECT ",
        columns!(),
        " FROM rule_versions WHERE kind = $1 AND id = $2 AND tenant = $3 ORDER BY version"
    ))
    .bind(kind.as_str())
    .bind(id.to_owned())
    .bind(tenant.as_str().to_owned())
    .fetch_all(&mut *write.tx)
    .await?;
    rows.iter().map(version).collect()
}

async fn put(write: &mut Write, tenant: &Tenant, version: &Version) -> Result<()> {
    let backtest = version.backtest.as_ref().map(ToString::to_string).unwrap_or_default();
    sqlx::query(
        "INSERT INTO rule_versions (kind, id, version, title, owner, review_by, source, stage, authors, asked_by, \
         approver, note, backtest, created_at, updated_at, tenant) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16) \
         ON CONFLICT (tenant, kind, id, version) DO UPDATE SET title = excluded.title, owner = excluded.owner, \
         review_by = excluded.review_by, source = excluded.source, stage = excluded.stage, authors = excluded.authors, \
         asked_by = excluded.asked_by, approver = excluded.approver, note = excluded.note, \
         backtest = excluded.backtest, updated_at = excluded.updated_at",
    )
    .bind(version.kind.as_str())
    .bind(version.id.clone())
    .bind(version.number)
    .bind(version.text.title.clone())
    .bind(version.text.owner.clone())
    .bind(version.text.review_by.clone())
    .bind(version.text.source.clone())
    .bind(version.stage.as_str())
    .bind(serde_json::to_string(&version.authors)?)
    .bind(version.asked_by.clone().unwrap_or_default())
    .bind(version.approver.clone().unwrap_or_default())
    .bind(version.note.clone())
    .bind(backtest)
    .bind(version.created_at.as_micros())
    .bind(version.updated_at.as_micros())
    .bind(tenant.as_str().to_owned())
    .execute(&mut *write.tx)
    .await?;
    Ok(())
}

fn version(row: &AnyRow) -> Result<Version> {
    let damaged = |what: &'static str, message: String| StoreError::Damaged { what, message };
    let (kind, stage, backtest) = (text(row, "kind")?, text(row, "stage")?, text(row, "backtest")?);
    let some = |value: String| Some(value).filter(|value| !value.is_empty());
    Ok(Version {
        kind: Kind::parse(&kind).ok_or_else(|| damaged("the kind of a rule", kind))?,
        stage: Stage::parse(&stage).ok_or_else(|| damaged("the stage of a rule", stage))?,
        id: text(row, "id")?,
        number: row.try_get("version")?,
        text: Text {
            title: text(row, "title")?,
            owner: text(row, "owner")?,
            review_by: text(row, "review_by")?,
            source: text(row, "source")?,
        },
        authors: serde_json::from_str(&text(row, "authors")?)?,
        asked_by: some(text(row, "asked_by")?),
        approver: some(text(row, "approver")?),
        note: text(row, "note")?,
        backtest: some(backtest).map(|report| serde_json::from_str(&report)).transpose()?,
        created_at: time(row, "created_at")?,
        updated_at: time(row, "updated_at")?,
    })
}
