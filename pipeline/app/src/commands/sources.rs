//! `streife sources`: connectors and their state, one fetch, a new source, configuration lint, offline parsing.

mod add;
mod list;
mod parse;

use serde_json::json;

use crate::cli::{ConfigArg, RoleArgs, SourcesCommand};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::roles::{collect, run_task};
use crate::say::{self, tr};
use crate::{config, kinds, open};

pub(crate) fn run(command: SourcesCommand, json: bool) -> CommandResult {
    match command {
        SourcesCommand::List(role) => list::run(&role, json),
        SourcesCommand::Test { role, name } => test(&role, &name),
        SourcesCommand::Check(config) => check(&config, json),
        SourcesCommand::Add(args) => add::run(&args),
        SourcesCommand::Parse { kind, profile, files } => parse::run(&kind, &files, profile.as_deref()),
    }
}

fn check(args: &ConfigArg, json: bool) -> CommandResult {
    let config = config::load(args.config.as_deref())?;
    let mut problems = collect::problems(&config.source);
    problems.extend(collect::settings_problems(&config)?);
    for problem in &problems {
        if json {
            say::json(&json!({"ok": false, "message": problem}))?;
        } else {
            say::line(problem);
        }
    }
    if problems.is_empty() && !json {
        say::line(&format!(
            "{} {}",
            config.source.len(),
            tr("Quellen, alle in Ordnung", "sources, all fine")
        ));
    }
    Ok(Outcome::fine_if(problems.is_empty()))
}

fn test(args: &RoleArgs, name: &str) -> CommandResult {
    let name = name.to_owned();
    run_task(args.config.config.as_deref(), args.data.as_deref(), |role| async move {
        let Some(source) = role.config.source.iter().find(|source| source.name == name) else {
            return Err(Failure::usage(format!("no source {name:?} is configured")));
        };
        let problems = collect::problems(std::slice::from_ref(source));
        if !problems.is_empty() {
            return Err(Failure::configuration(problems.join("\n")));
        }
        let Some(kind) = kinds::find(&source.kind) else {
            return Err(Failure::configuration(format!("kind {:?} is not known", source.kind)));
        };
        let deps = collect::deps(&role.config, open::clock())?;
        let mut connector =
            (kind.connect)(source, &deps).map_err(|e| Failure::configuration(e.to_string()))?;
        let fetched = connector.fetch(None).await.map_err(|e| Failure::upstream(format!("{name}: {e}")))?;
        parse::print_parsed(&fetched.parsed, &name)?;
        let ignored: u64 = fetched.parsed.ignored.values().sum();
        let mut summary = format!(
            "{name}: {} {}, {} {}, {ignored} {}",
            fetched.parsed.events.len(),
            tr("Ereignisse", "events"),
            fetched.parsed.problems.len(),
            tr("Probleme", "problems"),
            tr("uebergangen", "passed over"),
        );
        for (reason, count) in &fetched.parsed.ignored {
            summary.push_str(&format!("\n  {reason}: {count}"));
        }
        say::note(&summary);
        Ok(Outcome::fine_if(fetched.parsed.problems.is_empty()))
    })
}
