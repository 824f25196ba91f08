//! `streife sources`: connectors and their state, one fetch, a new source, configuration lint, offline parsing.

mod add;
mod list;
mod parse;
mod test;

use serde_json::json;

use crate::cli::{ConfigArg, SourcesCommand};
use crate::config;
use crate::failure::{CommandResult, Outcome};
use crate::roles::collect;
use crate::say::{self, tr};

pub(crate) fn run(command: SourcesCommand, json: bool) -> CommandResult {
    match command {
        SourcesCommand::List(role) => list::run(&role, json),
        SourcesCommand::Test { role, name } => test::run(&role, &name, json),
        SourcesCommand::Check(config) => check(&config, json),
        SourcesCommand::Add(args) => add::run(&args),
        SourcesCommand::Parse { kind, profile, files } => parse::run(&kind, &files, profile.as_deref()),
    }
}

fn check(args: &ConfigArg, json: bool) -> CommandResult {
    let config = config::load(args.config.as_deref())?;
    let mut problems = collect::problems(&config.source);
    problems.extend(collect::settings_problems(&config)?);
    problems.extend(config::websub(&config).err());
    for problem in &problems {
        if json {
            say::json(&json!({"ok": false, "message": problem}))?;
        } else {
            say::line(problem);
        }
    }
    if problems.is_empty() && !json {
        say::line(&match config.source.len() {
            1 => tr("1 Quelle, in Ordnung", "1 source, fine").to_owned(),
            count => format!("{count} {}", tr("Quellen, alle in Ordnung", "sources, all fine")),
        });
    }
    Ok(Outcome::fine_if(problems.is_empty()))
}
