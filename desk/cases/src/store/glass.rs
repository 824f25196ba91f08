//! Break-glass in the database: an opening, its audit entry and the alarm are one transaction, and so is a review.

use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;
use streife_domain::Timestamp;
use uuid::Uuid;

use super::ledgers::append;
use super::tenants::tenant_of;
use super::{CaseStore, Result, StoreError, Write, outbox, settings, text, time};
use crate::glass::{Finding, GLASS_SECS, MAX_GLASS_TEXT_CHARS, Opening, Review, may_open, may_review};
use crate::ledger::{Note, audit_ledger_of};
use crate::tenant::Tenant;
use crate::workflow::Actor;

/// The columns read of a row. Never `*`; the module above says why.
macro_rules! columns {
    () => {
        "id, person, role, tenant, subject, subject_tenant, reason, opened_at, ends_at, reviewed_by, reviewed_at, finding, note"
    };
}

/// Openings listed at most.
const MAX_LISTED: i64 = 200;

fn short(text: &str) -> String {
    text.trim().chars().take(MAX_GLASS_TEXT_CHARS).collect()
}

impl CaseStore {
    /// Opens one subject to one person for half an hour. Lead and data protection see it with the next page they load, and
    /// the receivers of alarms are told.
    ///
    /// # Errors
    /// [`StoreError::Glass`] with what is missing; or the database.
    pub async fn open_glass(
        &self,
        actor: &Actor,
        subject: &str,
        subject_tenant: &Tenant,
        reason: &str,
        at: Timestamp,
    ) -> Result<Opening> {
        let mut write = self.write().await?;
        // Locks the account, so that two openings at once do not both count as the last that is allowed.
        sqlx::query("UPDATE users SET id = id WHERE id = $1")
            .bind(actor.user.clone())
            .execute(&mut *write.tx)
            .await?;
        let row = sqlx::query("SELECT COUNT(*) AS n FROM break_glass WHERE person = $1 AND reviewed_at = 0")
            .bind(actor.user.clone())
            .fetch_one(&mut *write.tx)
            .await?;
        may_open(reason, usize::try_from(row.try_get::<i64, _>("n")?).unwrap_or(usize::MAX))?;
        let opening = Opening {
            id: Uuid::now_v7().simple().to_string(),
            person: actor.user.clone(),
            role: actor.role.as_str().to_owned(),
            tenant: self.owner(),
            subject: subject.to_owned(),
            subject_tenant: subject_tenant.clone(),
            reason: short(reason),
            opened_at: at,
            ends_at: at.plus_secs(GLASS_SECS),
            review: None,
        };
        sqlx::query(
            "INSERT INTO break_glass (id, person, role, subject, reason, opened_at, ends_at, reviewed_by, reviewed_at, finding, note, tenant, subject_tenant) \
             VALUES ($1, $2, $3, $4, $5, $6, $7, '', 0, '', '', $8, $9)",
        )
        .bind(opening.id.clone())
        .bind(opening.person.clone())
        .bind(opening.role.clone())
        .bind(opening.subject.clone())
        .bind(opening.reason.clone())
        .bind(opening.opened_at.as_micros())
        .bind(opening.ends_at.as_micros())
        .bind(opening.tenant.as_str().to_owned())
        .bind(opening.subject_tenant.as_str().to_owned())
        .execute(&mut *write.tx)
        .await?;
        let details = json!({ "id": opening.id, "until": opening.ends_at.to_string() });
        let note = note(actor, at, "glass.open", &opening.subject, &opening.reason, details);
        on_record(&mut write, &opening, &note).await?;
        let body = json!({ "kind": "break_glass", "id": opening.id, "at": at.to_string() }).to_string();
        for target in settings::alert_targets(&mut write).await? {
            outbox::put(&mut write, "break_glass", &target, &body, at).await?;
        }
        write.commit().await?;
        Ok(opening)
    }

    /// The opening that lets `person` read `subject` now.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn glass(&self, person: &str, subject: &str, now: Timestamp) -> Result<Option<Opening>> {
        let row = sqlx::query(
            concat!(
                "SELECT ",
                columns!(),
                " FROM break_glass WHERE person = $1 AND subject = $2 AND ends_at > $3 ORDER BY ends_at DESC LIMIT 1"
            ),
        )
        .bind(person.to_owned())
        .bind(subject.to_owned())
        .bind(now.as_micros())
        .fetch_optional(&self.pool)
        .await?;
        row.map(|row| read(&row)).transpose()
    }

    /// Ends an opening early. `false` when `person` has none that is open under this id.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn close_glass(&self, id: &str, actor: &Actor, at: Timestamp) -> Result<bool> {
        let mut write = self.write().await?;
        let row = sqlx::query(concat!(
            "UPDATE break_glass SET ends_at = $1 WHERE id = $2 AND person = $3 AND ends_at > $1 RETURNING ",
            columns!()
        ))
        .bind(at.as_micros())
        .bind(id.to_owned())
        .bind(actor.user.clone())
        .fetch_optional(&mut *write.tx)
        .await?;
        let Some(opening) = row.map(|row| read(&row)).transpose()? else { return Ok(false) };
        let details = json!({ "id": id });
        on_record(&mut write, &opening, &note(actor, at, "glass.close", &opening.subject, "", details))
            .await?;
        write.commit().await?;
        Ok(true)
    }

    /// Records what another person found about an opening. It ends with its review, if it has not ended before.
    ///
    /// # Errors
    /// [`StoreError::Glass`] with what is missing; or the database.
    pub async fn review_glass(
        &self,
        id: &str,
        actor: &Actor,
        finding: Finding,
        said: &str,
        at: Timestamp,
    ) -> Result<()> {
        let mut write = self.write().await?;
        // An update that changes nothing locks the row in both engines.
        let row = sqlx::query(concat!("UPDATE break_glass SET id = id WHERE id = $1 RETURNING ", columns!()))
            .bind(id.to_owned())
            .fetch_optional(&mut *write.tx)
            .await?;
        let seen = |opening: &Opening| self.is_own(&opening.tenant) || self.sees(&opening.subject_tenant);
        let opening = row.map(|row| read(&row)).transpose()?.filter(seen);
        may_review(opening.as_ref(), &actor.user, said)?;
        let Some(opening) = opening else { return Ok(()) };
        sqlx::query(
            "UPDATE break_glass SET reviewed_by = $1, reviewed_at = $2, finding = $3, note = $4, \
             ends_at = CASE WHEN ends_at > $2 THEN $2 ELSE ends_at END WHERE id = $5",
        )
        .bind(actor.user.clone())
        .bind(at.as_micros())
        .bind(finding.as_str())
        .bind(short(said))
        .bind(id.to_owned())
        .execute(&mut *write.tx)
        .await?;
        let details = json!({ "id": id, "finding": finding.as_str() });
        let note = note(actor, at, "glass.review", &opening.subject, &short(said), details);
        on_record(&mut write, &opening, &note).await?;
        write.commit().await
    }

    /// Openings, those that wait for review first, then the newest.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn openings(&self) -> Result<Vec<Opening>> {
        let rows = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM break_glass WHERE ($2 = '*' OR tenant = $2 OR subject_tenant = $2) \
             ORDER BY CASE WHEN reviewed_at = 0 THEN 0 ELSE 1 END, opened_at DESC LIMIT $1"
        ))
        .bind(MAX_LISTED)
        .bind(self.sight())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(read).collect()
    }

    /// How many openings wait for a review by somebody else than `person`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn openings_to_review(&self, person: &str) -> Result<u64> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n FROM break_glass WHERE reviewed_at = 0 AND person <> $1 \
             AND ($2 = '*' OR tenant = $2 OR subject_tenant = $2)",
        )
        .bind(person.to_owned())
        .bind(self.sight())
        .fetch_one(&self.pool)
        .await?;
        Ok(u64::try_from(row.try_get::<i64, _>("n")?).unwrap_or(0))
    }
}

/// In the ledger of the person's tenant and, where it is another, in that of the subject's.
async fn on_record(write: &mut Write, opening: &Opening, note: &Note) -> Result<()> {
    append(write, &audit_ledger_of(&opening.tenant, note.at), note.clone()).await?;
    if opening.tenant != opening.subject_tenant {
        append(write, &audit_ledger_of(&opening.subject_tenant, note.at), note.clone()).await?;
    }
    Ok(())
}

fn note(
    actor: &Actor,
    at: Timestamp,
    action: &str,
    subject: &str,
    reason: &str,
    details: serde_json::Value,
) -> Note {
    Note {
        at,
        actor: actor.user.clone(),
        role: actor.role.as_str().to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        reason: reason.to_owned(),
        details,
    }
}

fn read(row: &AnyRow) -> Result<Opening> {
    let reviewed_at = time(row, "reviewed_at")?;
    let review = if reviewed_at.as_micros() == 0 {
        None
    } else {
        let finding = text(row, "finding")?;
        Some(Review {
            by: text(row, "reviewed_by")?,
            at: reviewed_at,
            finding: Finding::parse(&finding)
                .ok_or(StoreError::Damaged { what: "a finding", message: finding })?,
            note: text(row, "note")?,
        })
    };
    Ok(Opening {
        id: text(row, "id")?,
        person: text(row, "person")?,
        role: text(row, "role")?,
        tenant: tenant_of(&text(row, "tenant")?)?,
        subject: text(row, "subject")?,
        subject_tenant: tenant_of(&text(row, "subject_tenant")?)?,
        reason: text(row, "reason")?,
        opened_at: time(row, "opened_at")?,
        ends_at: time(row, "ends_at")?,
        review,
    })
}
