//! `streife retention`: erase what is due, with proof; say what is kept.

use serde_json::json;
use streife_cases::workflow::CaseState;
use streife_domain::PostId;
use streife_store::Erasure;

use crate::cli::{RetentionCommand, RoleArgs};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::open;
use crate::roles::engine_process::with_store;
use crate::roles::{Role, desk, run_role};
use crate::say::{self, tr};

/// Dismissed cases looked at in one run.
const MAX_DUE: i64 = 100_000;

pub(crate) fn run(command: RetentionCommand, json: bool) -> CommandResult {
    let (role, erase): (RoleArgs, bool) = match command {
        RetentionCommand::Run(role) => (role, true),
        RetentionCommand::Report(role) => (role, false),
    };
    run_role(role.config.config.as_deref(), role.data.as_deref(), |role| async move {
        let due = due(&role).await?;
        if erase { erase_due(&role, &due, json).await } else { report(&role, &due, json).await }
    })
}

/// Posts dismissed longer ago than the grace period.
async fn due(role: &Role) -> Result<Vec<PostId>, Failure> {
    let failed = |e: streife_cases::store::StoreError| Failure::upstream(e.to_string());
    let cases = desk::open_cases(&role.config, &role.paths).await?;
    cases.migrate().await.map_err(failed)?;
    let limit = open::clock().now().plus_secs(-i64::from(role.config.retention.dismissed_days) * 86_400);
    let rows = cases.cases(Some(CaseState::Dismissed), MAX_DUE).await.map_err(failed)?;
    Ok(rows
        .into_iter()
        .filter(|row| row.updated_at < limit)
        .filter_map(|row| row.case.post_id.parse().ok())
        .collect())
}

async fn erase_due(role: &Role, due: &[PostId], json: bool) -> CommandResult {
    let failed = |e: streife_store::StoreError| Failure::upstream(e.to_string());
    let store = open::store(&role.config)?;
    let now = open::clock().now();
    let rolled = store.roll_up(now).await.map_err(failed)?;
    let erased = if due.is_empty() {
        streife_store::Erased::default()
    } else {
        store
            .erase(&Erasure::Posts(due.to_vec()), "dismissed, grace period over", now)
            .await
            .map_err(failed)?
    };
    store.purge_erased().await.map_err(failed)?;
    let left: u64 = erased.rows_after.iter().map(|(_, rows)| rows).sum();
    if json {
        let counts = |rows: &[(&'static str, u64)]| {
            rows.iter().map(|(t, n)| json!({"table": t, "rows": n})).collect::<Vec<_>>()
        };
        say::json(&json!({"at": now, "posts": erased.posts, "rows_before": counts(&erased.rows_before),
            "rows_after": counts(&erased.rows_after), "kept_changes": rolled.kept_changes}))?;
    } else {
        say::line(&format!(
            "{now}: {} {}, {left} {}",
            erased.posts,
            tr("Beiträge gelöscht", "posts erased"),
            tr("Zeilen übrig", "rows left")
        ));
        for (table, rows) in &erased.rows_before {
            say::line(&format!("  {table}: {rows}"));
        }
    }
    Ok(Outcome::fine_if(left == 0))
}

async fn report(role: &Role, due: &[PostId], json: bool) -> CommandResult {
    let state = with_store(role, |store| async move {
        store.system_state().await.map_err(|e| Failure::upstream(e.to_string()))
    })
    .await?;
    let retention = &role.config.retention;
    if json {
        say::json(
            &json!({"due": due.len(), "recent_hours": retention.recent_hours, "dismissed_days": retention.dismissed_days,
            "tables": state.tables}),
        )?;
    } else {
        say::line(&format!("{}: {}", tr("zur Löschung fällig", "due for erasure"), due.len()));
        say::line(&format!(
            "{}: {} h",
            tr("nicht gemeldete Beiträge bleiben", "posts not flagged are kept for"),
            retention.recent_hours
        ));
        say::line(&format!(
            "{}: {} d",
            tr("verworfene Meldungen bleiben", "dismissed posts are kept for"),
            retention.dismissed_days
        ));
        for table in &state.tables {
            say::line(&format!("  {}: {}", table.table, table.rows));
        }
    }
    Ok(Outcome::Fine)
}
