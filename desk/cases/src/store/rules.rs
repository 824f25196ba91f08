//! Rule drafts and their approval by another person.

use sqlx::Row;
use sqlx::any::AnyRow;
use streife_domain::Timestamp;

use super::ledgers::append;
use super::{CaseStore, Result, StoreError, text, time};
use crate::ledger::{Note, audit_ledger};
use crate::role::{Action, may};
use crate::workflow::Actor;

/// Where a draft stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DraftState {
    /// Being written.
    Draft,
    /// Waits for another person.
    Submitted,
    /// Live.
    Live,
    /// Sent back.
    Rejected,
    /// Switched off.
    Paused,
}

impl DraftState {
    const ALL: [Self; 5] = [Self::Draft, Self::Submitted, Self::Live, Self::Rejected, Self::Paused];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Submitted => "submitted",
            Self::Live => "live",
            Self::Rejected => "rejected",
            Self::Paused => "paused",
        }
    }
}

/// A version of a rule as written in the desk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleDraft {
    /// Rule id.
    pub id: String,
    /// Version; the latest counts.
    pub version: i64,
    /// Title.
    pub title: String,
    /// The YAML text.
    pub source: String,
    /// Where it stands.
    pub state: DraftState,
    /// Who wrote it.
    pub author: String,
    /// Who decided; empty until then.
    pub approver: String,
    /// What they said.
    pub note: String,
    /// Last change.
    pub updated_at: Timestamp,
}

impl CaseStore {
    /// All drafts, the latest version of each rule first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rule_drafts(&self) -> Result<Vec<RuleDraft>> {
        let rows =
            sqlx::query("SELECT * FROM rule_drafts ORDER BY id, version DESC").fetch_all(&self.pool).await?;
        rows.iter().map(draft).collect()
    }

    /// The latest version of a rule.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rule_draft(&self, id: &str) -> Result<Option<RuleDraft>> {
        let row = sqlx::query("SELECT * FROM rule_drafts WHERE id = $1 ORDER BY version DESC LIMIT 1")
            .bind(id.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        row.map(|row| draft(&row)).transpose()
    }

    /// Saves a draft: a new version when the latest is no longer open.
    ///
    /// # Errors
    /// When the actor may not write rules, or the database fails.
    pub async fn save_rule(
        &self,
        actor: &Actor,
        id: &str,
        title: &str,
        source: &str,
        at: Timestamp,
    ) -> Result<i64> {
        if !may(actor.role, Action::WriteRules) {
            return Err(StoreError::Invalid(format!("the role {} writes no rules", actor.role)));
        }
        let latest = self.rule_draft(id).await?;
        let version = latest
            .map_or(1, |rule| if rule.state == DraftState::Draft { rule.version } else { rule.version + 1 });
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO rule_drafts (id, version, title, source, state, author, approver, note, updated_at) \
             VALUES ($1, $2, $3, $4, 'draft', $5, '', '', $6) ON CONFLICT (id, version) DO UPDATE SET \
             title = excluded.title, source = excluded.source, author = excluded.author, updated_at = excluded.updated_at",
        )
        .bind(id.to_owned())
        .bind(version)
        .bind(title.to_owned())
        .bind(source.to_owned())
        .bind(actor.user.clone())
        .bind(at.as_micros())
        .execute(&mut *write.tx)
        .await?;
        append(&mut write, &audit_ledger(at), note(actor, "rule.save", id, version, "", at)).await?;
        write.commit().await?;
        Ok(version)
    }

    /// Moves the latest version of a rule on: submit by its author, everything else by another person.
    ///
    /// # Errors
    /// When the step is not allowed, or the database fails.
    pub async fn move_rule(
        &self,
        actor: &Actor,
        id: &str,
        to: DraftState,
        said: &str,
        at: Timestamp,
    ) -> Result<()> {
        let Some(rule) = self.rule_draft(id).await? else {
            return Err(StoreError::Invalid(format!("there is no rule {id:?}")));
        };
        let refuse = |why: &str| Err(StoreError::Invalid(why.to_owned()));
        match (rule.state, to) {
            (DraftState::Draft, DraftState::Submitted) if may(actor.role, Action::WriteRules) => {}
            (DraftState::Submitted, DraftState::Live | DraftState::Rejected)
            | (DraftState::Live, DraftState::Paused)
            | (DraftState::Paused, DraftState::Live)
                if may(actor.role, Action::ApproveRules) =>
            {
                if rule.author == actor.user {
                    return refuse("a rule is approved by another person than its author");
                }
            }
            _ => return refuse("this step is not allowed for this role or from this state"),
        }
        let approver = if to == DraftState::Submitted { "" } else { actor.user.as_str() };
        let mut write = self.write().await?;
        let done = sqlx::query(
            "UPDATE rule_drafts SET state = $1, approver = $2, note = $3, updated_at = $4 \
             WHERE id = $5 AND version = $6 AND state = $7",
        )
        .bind(to.as_str())
        .bind(approver.to_owned())
        .bind(said.to_owned())
        .bind(at.as_micros())
        .bind(id.to_owned())
        .bind(rule.version)
        .bind(rule.state.as_str())
        .execute(&mut *write.tx)
        .await?;
        if done.rows_affected() != 1 {
            return refuse("someone else changed the rule at the same moment; look again");
        }
        let action = format!("rule.{}", to.as_str());
        append(&mut write, &audit_ledger(at), note(actor, &action, id, rule.version, said, at)).await?;
        write.commit().await
    }
}

fn note(actor: &Actor, action: &str, id: &str, version: i64, reason: &str, at: Timestamp) -> Note {
    Note {
        at,
        actor: actor.user.clone(),
        role: actor.role.as_str().to_owned(),
        action: action.to_owned(),
        subject: id.to_owned(),
        reason: reason.to_owned(),
        details: serde_json::json!({ "version": version }),
    }
}

fn draft(row: &AnyRow) -> Result<RuleDraft> {
    let state = text(row, "state")?;
    Ok(RuleDraft {
        id: text(row, "id")?,
        version: row.try_get("version")?,
        title: text(row, "title")?,
        source: text(row, "source")?,
        state: DraftState::ALL.into_iter().find(|s| s.as_str() == state).unwrap_or(DraftState::Draft),
        author: text(row, "author")?,
        approver: text(row, "approver")?,
        note: text(row, "note")?,
        updated_at: time(row, "updated_at")?,
    })
}
