//! `streife sources parse`: recorded pages, events or frames from files, offline, one event a line.

use std::path::{Path, PathBuf};

use serde::Serialize;
use serde_json::{Value, json};
use streife_domain::{Author, Event, EventKind, Media, PostKind, Timestamp};
use streife_forum::Profile;
use streife_sdk::{Kind, Observation, ParseContext, ParseProblem, Parsed};

use crate::failure::{CommandResult, Failure, Outcome};
use crate::{kinds, open, say};

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

pub(super) fn print_parsed(parsed: &Parsed, file: &str) -> anyhow::Result<()> {
    for parsed in &parsed.events {
        say::json(&PrintedEvent::from(&parsed.event))?;
    }
    for problem in &parsed.problems {
        say::json(&printed_problem(file, problem))?;
    }
    Ok(())
}

/// Parses files as `kind` would; a forum page also by a profile of one's own.
pub(super) fn run(kind: &str, files: &[PathBuf], profile: Option<&Path>) -> CommandResult {
    let Some(found) = kinds::find(kind) else {
        let known: Vec<&str> = kinds::all().iter().map(|kind| kind.name).collect();
        return Err(Failure::usage(format!("kind {kind:?} is not known; known are {}", known.join(", "))));
    };
    let parse = reader(found, profile)?;
    let context = ParseContext::new(kind);
    let mut fine = true;
    for path in files {
        let name = path.display().to_string();
        let bytes = std::fs::read(path).map_err(|e| Failure::usage(format!("{name}: {e}")))?;
        let parsed = parse(&Observation::new(file_name(path), bytes, open::clock().now()), &context);
        fine &= parsed.problems.is_empty();
        print_parsed(&parsed, &name)?;
    }
    Ok(Outcome::fine_if(fine))
}

type Reader = Box<dyn Fn(&Observation, &ParseContext) -> Parsed>;

/// The parse of a kind, with the operator's own profile where one is given.
fn reader(kind: &'static Kind, profile: Option<&Path>) -> Result<Reader, Failure> {
    let Some(path) = profile else { return Ok(Box::new(kind.parse)) };
    if kind.name != streife_forum::KIND {
        return Err(Failure::usage(format!(
            "--profile is for the kind {}, not {}",
            streife_forum::KIND,
            kind.name
        )));
    }
    let name = path.display();
    let text = std::fs::read_to_string(path).map_err(|e| Failure::usage(format!("{name}: {e}")))?;
    let profile = Profile::parse(&text).map_err(|e| Failure::configuration(format!("{name}: {e}")))?;
    Ok(Box::new(move |observation, context| {
        streife_forum::parse_with(observation, context, std::slice::from_ref(&profile))
    }))
}

/// Parsers look at the ending of a name, never at where the file lies.
fn file_name(path: &Path) -> String {
    path.file_name().map_or_else(|| path.display().to_string(), |name| name.to_string_lossy().into_owned())
}
