//! Cases, their events, claims and decisions. Every change is one transaction: events, rows derived from them,
//! and the entries of both ledgers.

use sqlx::Row;
use sqlx::any::AnyRow;
use streife_domain::Timestamp;

use super::ledgers::append;
use super::quality::put_rules;
use super::{CaseStore, Result, StoreError, Unfit, Write, text, time};
use crate::ledger::{audit_ledger_of, custody_ledger};
use crate::tenant::Tenant;
use crate::workflow::{Actor, Case, CaseEvent, CaseState, Effects, LEASE_SECS, Move, step};

/// Values bound in one statement; both engines take more.
const MAX_PARAMETERS: usize = 500;

/// A flagged post that somebody takes on.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct NewItem {
    /// Post id.
    pub post_id: String,
    /// Campaign key.
    pub campaign: String,
    /// Queue.
    pub queue: String,
    /// The rules that hit it: what becomes of it is told to them.
    pub rules: Vec<String>,
}

/// What came of a claim.
#[derive(Debug, Clone, PartialEq)]
pub enum ClaimOutcome {
    /// It is yours.
    Yours(Box<Case>),
    /// Somebody works on it.
    HeldBy(String),
    /// It is decided already.
    Done(CaseState),
}

/// A line of a list of cases.
#[derive(Debug, Clone, PartialEq)]
pub struct CaseRow {
    /// The case.
    pub case: Case,
    /// Last change.
    pub updated_at: Timestamp,
}

/// A decision by a reviewer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    /// The case.
    pub case_id: String,
    /// The post.
    pub post_id: String,
    /// Who.
    pub actor: String,
    /// `dismiss`, `suspect`, `second_look`, `danger`.
    pub kind: String,
    /// Norms or reason.
    pub what: String,
    /// When.
    pub at: Timestamp,
}

impl CaseStore {
    /// Claims a flagged post for `actor`: exactly one of any number of callers gets it. A lease that ended is
    /// given back first. The case is created by its first claim.
    ///
    /// # Errors
    /// When the role may not claim, or the database fails.
    pub async fn claim(&self, item: &NewItem, actor: &Actor, at: Timestamp) -> Result<ClaimOutcome> {
        let mut write = self.write().await?;
        let mut case = self.open_case(&mut write, item, at).await?;
        if case.state == CaseState::Claimed {
            let holder = case.holder.clone().unwrap_or_default();
            let last_heartbeat = heartbeat_of(&mut write, &item.post_id).await?.unwrap_or(at);
            if holder == actor.user && at < last_heartbeat.plus_secs(LEASE_SECS) {
                return Ok(ClaimOutcome::Yours(Box::new(case)));
            }
            if at < last_heartbeat.plus_secs(LEASE_SECS) {
                return Ok(ClaimOutcome::HeldBy(holder));
            }
            case = advance(&mut write, &case, Actor::system(), Move::ExpireLease { last_heartbeat }, at)
                .await?
                .0;
        }
        if case.state != CaseState::Queued {
            return Ok(ClaimOutcome::Done(case.state));
        }
        let (case, _) = advance(&mut write, &case, actor.clone(), Move::Claim, at).await?;
        write.commit().await?;
        Ok(ClaimOutcome::Yours(Box::new(case)))
    }

    /// Prolongs a claim. `false` when it is no longer held by `user`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn heartbeat(&self, post_id: &str, user: &str, at: Timestamp) -> Result<bool> {
        let mut write = self.write().await?;
        let done = sqlx::query(
            "UPDATE claims SET heartbeat = $1 WHERE post_id = $2 AND holder = $3 AND heartbeat > $4",
        )
        .bind(at.as_micros())
        .bind(post_id.to_owned())
        .bind(user.to_owned())
        .bind(at.plus_secs(-LEASE_SECS).as_micros())
        .execute(&mut *write.tx)
        .await?;
        write.commit().await?;
        Ok(done.rows_affected() == 1)
    }

    /// Gives back every claim whose lease ended. Returns their post ids.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn expire_leases(&self, at: Timestamp) -> Result<Vec<String>> {
        let rows =
            sqlx::query("SELECT post_id FROM claims WHERE heartbeat <= $1 ORDER BY heartbeat LIMIT 1000")
                .bind(at.plus_secs(-LEASE_SECS).as_micros())
                .fetch_all(&self.pool)
                .await?;
        let mut back = Vec::new();
        for row in rows {
            let post_id = text(&row, "post_id")?;
            let mut write = self.write().await?;
            let Some(case) = locked(&mut write, "post_id", &post_id).await? else { continue };
            let Some(last_heartbeat) = heartbeat_of(&mut write, &post_id).await? else { continue };
            // A heartbeat may have come in between; then the lease simply goes on.
            if case.state == CaseState::Claimed && at >= last_heartbeat.plus_secs(LEASE_SECS) {
                advance(&mut write, &case, Actor::system(), Move::ExpireLease { last_heartbeat }, at).await?;
                write.commit().await?;
                back.push(post_id);
            }
        }
        Ok(back)
    }

    /// Applies one move to a case.
    ///
    /// # Errors
    /// [`StoreError::Refused`] with what is missing; or the database.
    pub async fn apply(
        &self,
        case_id: &str,
        actor: Actor,
        what: Move,
        at: Timestamp,
    ) -> Result<(Case, Effects)> {
        let mut write = self.write().await?;
        let Some(case) = locked(&mut write, "id", case_id).await?.filter(|case| self.sees(&case.tenant))
        else {
            return Err(Unfit::NoCase.into());
        };
        let done = advance(&mut write, &case, actor, what, at).await?;
        write.commit().await?;
        Ok(done)
    }

    /// One case.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn case(&self, id: &str) -> Result<Option<Case>> {
        let row = sqlx::query("SELECT body FROM cases WHERE id = $1")
            .bind(id.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| body(&row)).transpose()?.filter(|case| self.sees(&case.tenant)))
    }

    /// The case that began with a post.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn case_of_post(&self, post_id: &str) -> Result<Option<Case>> {
        let row = sqlx::query("SELECT body FROM cases WHERE post_id = $1")
            .bind(post_id.to_owned())
            .fetch_optional(&self.pool)
            .await?;
        Ok(row.map(|row| body(&row)).transpose()?.filter(|case| self.sees(&case.tenant)))
    }

    /// The latest changed cases, all or in one state.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cases(&self, state: Option<CaseState>, limit: i64) -> Result<Vec<CaseRow>> {
        // Two statements, so that each finds its index.
        let sql = match state {
            Some(_) => {
                "SELECT body, updated_at FROM cases WHERE state = $1 AND ($2 = '*' OR tenant = $2) ORDER BY updated_at DESC LIMIT $3"
            }
            None => {
                "SELECT body, updated_at FROM cases WHERE $1 = '' AND ($2 = '*' OR tenant = $2) ORDER BY updated_at DESC LIMIT $3"
            }
        };
        let rows = sqlx::query(sql)
            .bind(state.map_or("", CaseState::as_str))
            .bind(self.sight())
            .bind(limit)
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(case_row).collect()
    }

    /// Cases in one state in the order of their last change, behind `place` (last change and number of a case); from the
    /// oldest on without one. A reader that goes from page to page misses no case that stays as it is.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn cases_behind(
        &self,
        state: CaseState,
        place: Option<&(Timestamp, String)>,
        limit: i64,
    ) -> Result<Vec<CaseRow>> {
        let (changed, id) = place.map_or((i64::MIN, ""), |(at, id)| (at.as_micros(), id.as_str()));
        let rows = sqlx::query(
            "SELECT body, updated_at FROM cases WHERE state = $1 AND (updated_at > $2 OR (updated_at = $2 AND id > $3)) \
             AND ($5 = '*' OR tenant = $5) ORDER BY updated_at, id LIMIT $4",
        )
        .bind(state.as_str())
        .bind(changed)
        .bind(id.to_owned())
        .bind(limit)
        .bind(self.sight())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(case_row).collect()
    }

    /// Which of `posts` are no longer simply waiting: post id, state, holder. One whose case another tenant has (its source
    /// changed hands) is `foreign`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn touched_of(&self, posts: &[String]) -> Result<Vec<(String, String, String)>> {
        let mut found = Vec::new();
        for chunk in posts.chunks(MAX_PARAMETERS) {
            let marks: Vec<String> = (1..=chunk.len()).map(|n| format!("${n}")).collect();
            let sql = format!(
                "SELECT post_id, CASE WHEN ${own} = '*' OR tenant = ${own} THEN state ELSE 'foreign' END AS state, holder \
                 FROM cases WHERE (state <> 'queued' OR (${own} <> '*' AND tenant <> ${own})) AND post_id IN ({})",
                marks.join(", "),
                own = chunk.len() + 1
            );
            let mut query = sqlx::query(sqlx::AssertSqlSafe(sql));
            for post in chunk {
                query = query.bind(post.clone());
            }
            query = query.bind(self.sight());
            for row in &query.fetch_all(&self.pool).await? {
                found.push((text(row, "post_id")?, text(row, "state")?, text(row, "holder")?));
            }
        }
        Ok(found)
    }

    /// How many cases are past waiting while their post still lies in the store.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn settled(&self) -> Result<u64> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n FROM cases WHERE state NOT IN ('queued', 'claimed', 'erased') AND ($1 = '*' OR tenant = $1)",
        )
        .bind(self.sight())
        .fetch_one(&self.pool)
        .await?;
        Ok(u64::try_from(row.try_get::<i64, _>("n")?).unwrap_or(0))
    }

    /// How many decisions `user` made since a time; of everybody when `user` is empty.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decided_since(&self, since: Timestamp, user: &str) -> Result<u64> {
        let row = sqlx::query(
            "SELECT COUNT(*) AS n FROM decisions d WHERE d.at >= $1 AND d.undone = 0 AND ($2 = '' OR d.actor = $2) \
             AND ($3 = '*' OR EXISTS (SELECT 1 FROM cases c WHERE c.id = d.case_id AND c.tenant = $3))",
        )
        .bind(since.as_micros())
        .bind(user.to_owned())
        .bind(self.sight())
        .fetch_one(&self.pool)
        .await?;
        Ok(u64::try_from(row.try_get::<i64, _>("n")?).unwrap_or(0))
    }

    /// Post id, state and holder of everything that is no longer simply waiting; the queue leaves these out or
    /// marks them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn touched(&self) -> Result<Vec<(String, String, String)>> {
        let rows = sqlx::query(
            "SELECT post_id, CASE WHEN $1 = '*' OR tenant = $1 THEN state ELSE 'foreign' END AS state, holder \
             FROM cases WHERE state <> 'queued' OR ($1 <> '*' AND tenant <> $1)",
        )
        .bind(self.sight())
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| Ok((text(row, "post_id")?, text(row, "state")?, text(row, "holder")?)))
            .collect()
    }

    /// How many cases stand in each state.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn states(&self) -> Result<Vec<(String, i64)>> {
        let rows = sqlx::query(
            "SELECT state, COUNT(*) AS n FROM cases WHERE ($1 = '*' OR tenant = $1) GROUP BY state ORDER BY state",
        )
        .bind(self.sight())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((text(row, "state")?, row.try_get("n")?))).collect()
    }

    /// The events of a case, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn events(&self, case_id: &str) -> Result<Vec<CaseEvent>> {
        let rows = sqlx::query(
            "SELECT body FROM case_events WHERE case_id = $1 \
             AND ($2 = '*' OR EXISTS (SELECT 1 FROM cases c WHERE c.id = $1 AND c.tenant = $2)) ORDER BY seq",
        )
        .bind(case_id.to_owned())
        .bind(self.sight())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok(serde_json::from_str(&text(row, "body")?)?)).collect()
    }

    /// The decisions since a time, newest first, without those taken back.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decisions(&self, since: Timestamp, limit: i64) -> Result<Vec<Decision>> {
        let rows = sqlx::query(
            "SELECT d.case_id, d.post_id, d.actor, d.kind, d.what, d.at FROM decisions d WHERE d.at >= $1 AND d.undone = 0 \
             AND ($3 = '*' OR EXISTS (SELECT 1 FROM cases c WHERE c.id = d.case_id AND c.tenant = $3)) \
             ORDER BY d.at DESC LIMIT $2",
        )
        .bind(since.as_micros())
        .bind(limit)
        .bind(self.sight())
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                Ok(Decision {
                    case_id: text(row, "case_id")?,
                    post_id: text(row, "post_id")?,
                    actor: text(row, "actor")?,
                    kind: text(row, "kind")?,
                    what: text(row, "what")?,
                    at: time(row, "at")?,
                })
            })
            .collect()
    }
}

impl CaseStore {
    /// The case of a flagged post, created and queued if it is new; locked either way. Never another tenant's.
    pub(super) async fn open_case(&self, write: &mut Write, item: &NewItem, at: Timestamp) -> Result<Case> {
        let case = open(write, item, &self.owner(), at).await?;
        if !self.sees(&case.tenant) {
            return Err(Unfit::NoCase.into());
        }
        put_rules(write, &item.post_id, &item.rules).await?;
        Ok(case)
    }
}

async fn open(write: &mut Write, item: &NewItem, owner: &Tenant, at: Timestamp) -> Result<Case> {
    if let Some(case) = locked(write, "post_id", &item.post_id).await? {
        return Ok(case);
    }
    let fresh = Case { tenant: owner.clone(), ..Case::flagged(&item.post_id, &item.post_id, at) };
    let inserted = sqlx::query(
        "INSERT INTO cases (id, post_id, state, holder, campaign, version, review_at, updated_at, body, tenant) \
         VALUES ($1, $1, 'flagged', '', $2, 0, $3, $4, $5, $6) ON CONFLICT DO NOTHING",
    )
    .bind(item.post_id.clone())
    .bind(item.campaign.clone())
    .bind(fresh.review_at.as_micros())
    .bind(at.as_micros())
    .bind(serde_json::to_string(&fresh)?)
    .bind(owner.as_str().to_owned())
    .execute(&mut *write.tx)
    .await?;
    if inserted.rows_affected() == 0 {
        // Another process was faster; its row is there now.
        return locked(write, "post_id", &item.post_id)
            .await?
            .ok_or_else(|| StoreError::Invalid("the case vanished".to_owned()));
    }
    let system = Actor::system;
    let (case, _) =
        advance(write, &fresh, system(), Move::Cluster { campaign: item.campaign.clone() }, at).await?;
    Ok(advance(write, &case, system(), Move::Enqueue { queue: item.queue.clone() }, at).await?.0)
}

/// Reads a case and locks its row until the transaction ends (an update that changes nothing locks in both engines).
pub(super) async fn locked(write: &mut Write, column: &'static str, value: &str) -> Result<Option<Case>> {
    let sql = match column {
        "id" => "UPDATE cases SET version = version WHERE id = $1 RETURNING body",
        _ => "UPDATE cases SET version = version WHERE post_id = $1 RETURNING body",
    };
    let row = sqlx::query(sql).bind(value.to_owned()).fetch_optional(&mut *write.tx).await?;
    row.map(|row| body(&row)).transpose()
}

async fn heartbeat_of(write: &mut Write, post_id: &str) -> Result<Option<Timestamp>> {
    let row = sqlx::query("SELECT heartbeat FROM claims WHERE post_id = $1")
        .bind(post_id.to_owned())
        .fetch_optional(&mut *write.tx)
        .await?;
    row.map(|row| time(&row, "heartbeat")).transpose()
}

/// One step of the workflow with everything that must be written together.
pub(super) async fn advance(
    write: &mut Write,
    case: &Case,
    actor: Actor,
    what: Move,
    at: Timestamp,
) -> Result<(Case, Effects)> {
    let event = CaseEvent { at, actor, what };
    let (next, effects) = step(case, &event)?;
    if next.state == CaseState::Erased {
        // Events may quote the post; the bare row, the certificate and the ledgers stay.
        sqlx::query("DELETE FROM case_events WHERE case_id = $1")
            .bind(next.id.clone())
            .execute(&mut *write.tx)
            .await?;
    }
    sqlx::query("INSERT INTO case_events (case_id, seq, at, actor, body) VALUES ($1, $2, $3, $4, $5)")
        .bind(next.id.clone())
        .bind(i64::try_from(next.version).unwrap_or(i64::MAX))
        .bind(at.as_micros())
        .bind(event.actor.user.clone())
        .bind(serde_json::to_string(&event)?)
        .execute(&mut *write.tx)
        .await?;
    sqlx::query(
        "UPDATE cases SET state = $1, holder = $2, campaign = $3, version = $4, review_at = $5, updated_at = $6, body = $7 \
         WHERE id = $8",
    )
    .bind(next.state.as_str())
    .bind(next.holder.clone().unwrap_or_default())
    .bind(next.campaign.clone().unwrap_or_default())
    .bind(i64::try_from(next.version).unwrap_or(i64::MAX))
    .bind(next.review_at.as_micros())
    .bind(at.as_micros())
    .bind(serde_json::to_string(&next)?)
    .bind(next.id.clone())
    .execute(&mut *write.tx)
    .await?;
    claims_and_decisions(write, &next, &event).await?;
    for note in &effects.audit {
        append(write, &audit_ledger_of(&next.tenant, at), note.clone()).await?;
    }
    for note in &effects.custody {
        append(write, &custody_ledger(&next.id), note.clone()).await?;
    }
    if effects.page_duty_desk {
        // In this transaction: an alarm is on its way exactly when the case stands in the danger lane.
        let body = serde_json::json!({ "kind": "danger", "case": next.id, "at": at.to_string() }).to_string();
        for target in super::settings::alert_targets(write).await? {
            super::outbox::put(write, "danger", &target, &body, at).await?;
        }
    }
    Ok((next, effects))
}

async fn claims_and_decisions(write: &mut Write, next: &Case, event: &CaseEvent) -> Result<()> {
    match &next.holder {
        Some(holder) if next.state == CaseState::Claimed => {
            sqlx::query(
                "INSERT INTO claims (post_id, holder, since, heartbeat) VALUES ($1, $2, $3, $3) \
                 ON CONFLICT (post_id) DO UPDATE SET holder = excluded.holder, since = excluded.since, heartbeat = excluded.heartbeat",
            )
            .bind(next.post_id.clone())
            .bind(holder.clone())
            .bind(event.at.as_micros())
            .execute(&mut *write.tx)
            .await?;
        }
        _ => {
            sqlx::query("DELETE FROM claims WHERE post_id = $1")
                .bind(next.post_id.clone())
                .execute(&mut *write.tx)
                .await?;
        }
    }
    let decision = if let Move::Bulk { decision, .. } = &event.what { decision } else { &event.what };
    let (kind, what) = match decision {
        Move::Dismiss { reason } => ("dismiss", reason.as_str().to_owned()),
        Move::Suspect { norms } => ("suspect", norms.join(" ")),
        Move::AskSecondLook { .. } => ("second_look", String::new()),
        Move::Danger { .. } => ("danger", String::new()),
        Move::Undo => {
            sqlx::query("UPDATE decisions SET undone = 1 WHERE case_id = $1 AND seq = $2")
                .bind(next.id.clone())
                .bind(i64::try_from(next.version).unwrap_or(i64::MAX) - 1)
                .execute(&mut *write.tx)
                .await?;
            return Ok(());
        }
        _ => return Ok(()),
    };
    sqlx::query(
        "INSERT INTO decisions (case_id, seq, post_id, actor, kind, what, at, undone) VALUES ($1, $2, $3, $4, $5, $6, $7, 0)",
    )
    .bind(next.id.clone())
    .bind(i64::try_from(next.version).unwrap_or(i64::MAX))
    .bind(next.post_id.clone())
    .bind(event.actor.user.clone())
    .bind(kind)
    .bind(what)
    .bind(event.at.as_micros())
    .execute(&mut *write.tx)
    .await?;
    Ok(())
}

fn case_row(row: &AnyRow) -> Result<CaseRow> {
    Ok(CaseRow { case: body(row)?, updated_at: time(row, "updated_at")? })
}

fn body(row: &AnyRow) -> Result<Case> {
    serde_json::from_str(&text(row, "body")?)
        .map_err(|e| StoreError::Damaged { what: "a case", message: e.to_string() })
}
