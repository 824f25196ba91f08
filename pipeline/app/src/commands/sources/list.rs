//! `streife sources list`: every configured source, and how it is doing by what the collecting process last wrote.

use serde_json::{Value, json};
use streife_runtime::collect::LogCursors;
use streife_sdk::{CursorStore, SourceConfig};

use crate::cli::RoleArgs;
use crate::failure::{CommandResult, Outcome};
use crate::roles::{Role, collect, run_task};
use crate::say::{self, tr};
use crate::{kinds, open};

pub(super) fn run(args: &RoleArgs, json: bool) -> CommandResult {
    run_task(args.config.config.as_deref(), args.data.as_deref(), |role| async move {
        let cursors = cursors(&role).await;
        let health = collect::last_health(&role.paths);
        if !json {
            say::line(&heading());
        }
        for source in &role.config.source {
            let (state, problem) = state_of(source, &role)?;
            let health = health.get(&source.name).cloned().unwrap_or(Value::Null);
            if json {
                let cursor = match &cursors {
                    Some(cursors) => cursors.load(&source.name).await.ok().flatten(),
                    None => None,
                };
                say::json(&json!({"name": source.name, "kind": source.kind, "state": state,
                    "interval_secs": source.interval_secs, "cursor": cursor, "problem": problem,
                    "health": health}))?;
            } else {
                say::line(&row(source, state, problem.as_deref(), &health));
            }
        }
        Ok(Outcome::Fine)
    })
}

/// The log of a running installation is in use by it: then cursors cannot be told, everything else can.
async fn cursors(role: &Role) -> Option<LogCursors> {
    open::log(&role.config, &role.paths).await.ok().map(LogCursors::new)
}

/// `on`, `off`, `not_licensed`, `misconfigured`, and what is wrong.
fn state_of(
    source: &SourceConfig,
    role: &Role,
) -> Result<(&'static str, Option<String>), crate::failure::Failure> {
    if !source.enabled {
        return Ok(("off", None));
    }
    let mut problem = collect::problems(std::slice::from_ref(source)).into_iter().next();
    if problem.is_none()
        && let Some(kind) = kinds::find(&source.kind)
    {
        let deps = collect::deps(&role.config, open::clock())?;
        problem = (kind.connect)(source, &deps).err().map(|e| e.to_string());
    }
    Ok(match problem {
        Some(problem) if problem.contains("not licensed") => ("not_licensed", Some(problem)),
        Some(problem) => ("misconfigured", Some(problem)),
        None => ("on", None),
    })
}

fn heading() -> String {
    let [name, kind, state, success, lag, events, error, next] = if tr("de", "en") == "de" {
        ["Quelle", "Art", "Stand", "zuletzt gelungen", "Verzug", "Ereignisse", "Fehler", "naechster Versuch"]
    } else {
        ["source", "kind", "state", "last success", "lag", "events", "error", "next try"]
    };
    columns([name, kind, state, success, lag, events, error, next])
}

fn row(source: &SourceConfig, state: &str, problem: Option<&str>, health: &Value) -> String {
    let text = |field: &str| match &health[field] {
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        _ => "-".to_owned(),
    };
    let lag = health["lag_seconds"].as_i64().map_or("-".to_owned(), |lag| format!("{lag} s"));
    let error = problem.map_or_else(|| text("error_class"), str::to_owned);
    let line = columns([
        &source.name,
        &source.kind,
        state,
        &text("last_success"),
        &lag,
        &text("events"),
        &error,
        &text("next_try"),
    ]);
    match health["error"].as_str() {
        Some(message) => format!("{line}\n    {message}"),
        None => line,
    }
}

fn columns(cells: [&str; 8]) -> String {
    let widths = [20, 11, 13, 21, 9, 10, 13, 0];
    let padded = cells.iter().zip(widths).map(|(cell, width)| format!("{cell:<width$}"));
    padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
}
