//! `streife retention`: erase what is due, with proof; say what is kept and until when; show a person their data.

mod backup_keys;
mod certificate;
mod erase;
mod subject;

use std::time::Duration;

use serde_json::json;
use streife_store::{Retention, Store};

use crate::cli::{RetentionCommand, RoleArgs};
use crate::config::Config;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::roles::engine_process::with_store;
use crate::roles::{run_role, run_task};
use crate::say::{self, tr};

const SECS_PER_HOUR: u64 = 3_600;

pub(crate) fn run(command: RetentionCommand, json: bool) -> CommandResult {
    match command {
        RetentionCommand::Run { role, every_hours } => repeat(&role, every_hours, json),
        RetentionCommand::Report(args) => {
            run_task(args.config.config.as_deref(), args.data.as_deref(), |role| async move {
                let due = erase::due(&role).await?;
                let config = role.config.clone();
                with_store(&role, |store| async move { report(&config, &store, &due, json).await }).await
            })
        }
        RetentionCommand::Subject(args) => subject::run(&args, json),
    }
}

/// Once, or every so many hours until stopped.
fn repeat(args: &RoleArgs, every_hours: Option<u32>, json: bool) -> CommandResult {
    let (config, data) = (args.config.config.as_deref(), args.data.as_deref());
    let Some(hours) = every_hours else {
        return run_task(config, data, |role| async move { erase::run(&role, json).await });
    };
    run_role(config, data, |role| async move {
        role.ready.set();
        loop {
            // A database that is down tonight is asked again tomorrow; the alarm ErasureOverdue tells.
            if let Err(failure) = erase::run(&role, json).await {
                tracing::error!("retention: {:#}", failure.error);
            }
            tokio::select! {
                () = role.stop.cancelled() => return Ok(Outcome::Fine),
                () = tokio::time::sleep(Duration::from_secs(u64::from(hours) * SECS_PER_HOUR)) => {}
            }
        }
    })
}

/// The deadlines of the configuration, for the tables.
fn table_retention(config: &Config) -> Retention {
    Retention {
        recent_hours: config.retention.recent_hours,
        flagged_days: config.retention.flagged_days,
        ..Retention::default()
    }
}

/// What is kept, for what, until when; what is due.
async fn report(config: &Config, store: &Store, due: &erase::Due, json: bool) -> CommandResult {
    let failed = |e: streife_store::StoreError| Failure::upstream(e.to_string());
    let state = store.system_state().await.map_err(failed)?;
    let purposes = store.purposes(None).await.map_err(failed)?;
    let last = store.last_erasure_run().await.map_err(failed)?;
    let kept = &config.retention;
    let days_of = |purpose: &str| kept.days_by_purpose.get(purpose).copied().unwrap_or(kept.flagged_days);
    if json {
        let purposes: Vec<_> = purposes
            .iter()
            .map(|p| json!({"purpose": p.purpose, "posts": p.posts, "days": days_of(&p.purpose)}))
            .collect();
        say::json(&json!({"due": due.dismissed.len(), "to_review": due.to_review.len(),
            "recent_hours": kept.recent_hours, "dismissed_days": kept.dismissed_days, "flagged_days": kept.flagged_days,
            "backup_days": kept.backup_days, "purposes": purposes, "tables": state.tables, "last_run": last}))?;
        return Ok(Outcome::Fine);
    }
    let line = |what: &str, value: String| say::line(&format!("{what}: {value}"));
    line(tr("zur Löschung fällig", "due for erasure"), due.dismissed.len().to_string());
    line(tr("zur Prüfung fällig", "due for review"), due.to_review.len().to_string());
    line(
        tr("nicht gemeldete Beiträge bleiben", "posts not flagged are kept for"),
        format!("{} h", kept.recent_hours),
    );
    line(
        tr("verworfene Meldungen bleiben", "dismissed posts are kept for"),
        format!("{} d", kept.dismissed_days),
    );
    for purpose in &purposes {
        let name =
            if purpose.purpose.is_empty() { tr("ohne Zweck", "without purpose") } else { &purpose.purpose };
        line(
            &format!("  {name}"),
            format!("{} {}, {} d", purpose.posts, tr("Beiträge", "posts"), days_of(&purpose.purpose)),
        );
    }
    let last = last.map_or_else(|| tr("nie", "never").to_owned(), |at| at.to_string());
    line(tr("letzter Lauf", "last run"), last);
    for table in &state.tables {
        line(&format!("  {}", table.table), table.rows.to_string());
    }
    Ok(Outcome::Fine)
}
