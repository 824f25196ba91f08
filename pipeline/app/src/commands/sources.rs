//! `streife sources`: connectors and their state, one fetch, configuration lint, offline parsing.

use std::path::Path;

use serde::Serialize;
use serde_json::{Value, json};
use streife_domain::{Author, Event, EventKind, Media, PostKind, Timestamp};
use streife_runtime::collect::LogCursors;
use streife_sdk::{CursorStore, Observation, ParseContext, ParseProblem, Parsed};

use crate::cli::{ConfigArg, RoleArgs, SourcesCommand};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::roles::{collect, run_role};
use crate::say::{self, tr};
use crate::{config, kinds, open};

pub(crate) fn run(command: SourcesCommand, json: bool) -> CommandResult {
    match command {
        SourcesCommand::List(role) => list(&role, json),
        SourcesCommand::Test { role, name } => test(&role, &name),
        SourcesCommand::Check(config) => check(&config, json),
        SourcesCommand::Parse { kind, files } => parse(&kind, &files),
    }
}

/// An event in the fixed shape of `sources parse`.
#[derive(Serialize)]
struct PrintedEvent<'a> {
    event: EventKind,
    source: &'a str,
    native_id: &'a str,
    url: Option<&'a str>,
    author: Option<&'a Author>,
    text: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    lang: Option<&'a str>,
    posted_at: Option<Timestamp>,
    #[serde(skip_serializing_if = "Option::is_none")]
    edited_at: Option<Timestamp>,
    reply_to: Option<&'a str>,
    kind: PostKind,
    media: &'a [Media],
    tags: &'a [String],
    links: &'a [String],
}

impl<'a> From<&'a Event> for PrintedEvent<'a> {
    fn from(event: &'a Event) -> Self {
        Self {
            event: event.event,
            source: &event.source,
            native_id: &event.native_id,
            url: event.url.as_deref(),
            author: event.author.as_ref(),
            text: &event.text,
            lang: event.lang.as_deref(),
            posted_at: event.posted_at,
            edited_at: event.edited_at,
            reply_to: event.reply_to.as_deref(),
            kind: event.kind,
            media: &event.media,
            tags: &event.tags,
            links: &event.links,
        }
    }
}

fn printed_problem(file: &str, problem: &ParseProblem) -> Value {
    json!({"error": {"file": file, "at": problem.at, "code": problem.code.as_str(), "message": problem.message}})
}

fn print_parsed(parsed: &Parsed, file: &str) -> anyhow::Result<()> {
    for parsed in &parsed.events {
        say::json(&PrintedEvent::from(&parsed.event))?;
    }
    for problem in &parsed.problems {
        say::json(&printed_problem(file, problem))?;
    }
    Ok(())
}

fn parse(kind: &str, files: &[std::path::PathBuf]) -> CommandResult {
    let Some(found) = kinds::find(kind) else {
        let known: Vec<&str> = kinds::all().iter().map(|kind| kind.name).collect();
        return Err(Failure::usage(format!("kind {kind:?} is not known; known are {}", known.join(", "))));
    };
    let context = ParseContext::new(kind);
    let mut fine = true;
    for path in files {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|e| Failure::usage(format!("{name}: {e}")))?;
        let parsed = (found.parse)(&Observation::new(file_name(path), bytes, open::clock().now()), &context);
        fine &= parsed.problems.is_empty();
        print_parsed(&parsed, &name)?;
    }
    Ok(Outcome::fine_if(fine))
}

/// Parsers look at the ending of a name, never at where the file lies.
fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}

fn check(args: &ConfigArg, json: bool) -> CommandResult {
    let config = config::load(args.config.as_deref())?;
    let problems = collect::problems(&config.source);
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

fn list(args: &RoleArgs, json: bool) -> CommandResult {
    run_role(args.config.config.as_deref(), args.data.as_deref(), |role| async move {
        let cursors = LogCursors::new(open::log(&role.config, &role.paths).await?);
        let problems = collect::problems(&role.config.source);
        for source in &role.config.source {
            let cursor = cursors.load(&source.name).await.map_err(|e| Failure::upstream(e.to_string()))?;
            let problem = problems.iter().find(|problem| problem.contains(&format!("{:?}", source.name)));
            let state = match (source.enabled, problem) {
                (false, _) => "off",
                (true, Some(problem)) if problem.contains("not licensed") => "not_licensed",
                (true, Some(_)) => "misconfigured",
                (true, None) => "on",
            };
            if json {
                say::json(&json!({"name": source.name, "kind": source.kind, "state": state,
                    "interval_secs": source.interval_secs, "cursor": cursor, "problem": problem}))?;
            } else {
                say::line(&format!(
                    "{}  {}  {state}  {}",
                    source.name,
                    source.kind,
                    problem.map_or("", String::as_str)
                ));
            }
        }
        Ok(Outcome::Fine)
    })
}

fn test(args: &RoleArgs, name: &str) -> CommandResult {
    let name = name.to_owned();
    run_role(args.config.config.as_deref(), args.data.as_deref(), |role| async move {
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
        print_parsed(&fetched.parsed, &name)?;
        eprintln!(
            "{}: {} {}, {} {}",
            name,
            fetched.parsed.events.len(),
            tr("Ereignisse", "events"),
            fetched.parsed.problems.len(),
            tr("Probleme", "problems"),
        );
        Ok(Outcome::fine_if(fetched.parsed.problems.is_empty()))
    })
}
