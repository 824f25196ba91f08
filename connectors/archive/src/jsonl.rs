//! JSON lines: our own events, and the input lines of `streife scan`.

use std::borrow::Cow;

use serde::Deserialize;
use sha2::{Digest, Sha256};
use streife_domain::{Author, EVENT_SCHEMA, Event, EventKind, PostKind, RejectCode, Timestamp};
use streife_sdk::{Observation, ParseContext, Parsed, dates, recorded};

use crate::units::{Cut, Unit, Units};

/// The name of this kind.
pub const KIND: &str = "jsonl";

/// What a line of `streife scan` may say; only `id` and `text` are required.
#[derive(Deserialize)]
struct ScanLine<'a> {
    #[serde(borrow)]
    id: Cow<'a, str>,
    #[serde(borrow)]
    text: Cow<'a, str>,
    #[serde(default)]
    lang: Option<String>,
    #[serde(default)]
    author: Option<String>,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    url: Option<String>,
    #[serde(default)]
    posted_at: Option<String>,
    #[serde(default)]
    kind: Option<PostKind>,
    #[serde(default)]
    reply_to: Option<String>,
}

/// Tells our own events from other lines, before reading them.
#[derive(Deserialize)]
struct Shape {
    #[serde(default)]
    schema: Option<u64>,
    #[serde(default)]
    native_id: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    did: Option<serde::de::IgnoredAny>,
    #[serde(default)]
    time_us: Option<serde::de::IgnoredAny>,
}

/// Reads a file of JSON lines.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, parse_lines)
}

fn parse_lines(observation: &Observation, context: &ParseContext) -> Parsed {
    let mut parsed = Parsed::default();
    let reader = std::io::Cursor::new(observation.body.clone());
    let mut units = Units::new(Box::new(reader), Cut::Lines);
    // Memory does not fail to read.
    while let Ok(Some(unit)) = units.next() {
        read_line(&unit, observation.observed_at, context, &mut parsed);
    }
    parsed
}

/// Reads one line.
pub(crate) fn read_line(unit: &Unit, observed_at: Timestamp, context: &ParseContext, parsed: &mut Parsed) {
    let at = format!("line {}", unit.number);
    if unit.too_long {
        parsed.problem(
            at,
            RejectCode::TooLarge,
            "the line is over the limit; its head is kept",
            unit.raw.clone(),
        );
        return;
    }
    match event(&unit.raw, observed_at, context) {
        Ok(event) => parsed.push(event, unit.raw.clone()),
        Err((code, message)) => parsed.problem(at, code, message, unit.raw.clone()),
    }
}

fn event(raw: &[u8], observed_at: Timestamp, context: &ParseContext) -> Result<Event, (RejectCode, String)> {
    let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
    let text = std::str::from_utf8(raw)
        .map_err(|e| (RejectCode::BadUtf8, format!("byte {} is not UTF-8", e.valid_up_to() + 1)))?;
    let json = |e: serde_json::Error| (RejectCode::BadJson, explain(&e));
    let shape: Shape = serde_json::from_str(text).map_err(json)?;
    if shape.native_id.is_some() {
        if let Some(schema) = shape.schema
            && schema != u64::from(EVENT_SCHEMA)
        {
            return Err((RejectCode::UnknownSchema, format!("schema {schema}, known is {EVENT_SCHEMA}")));
        }
        return serde_json::from_str(text).map_err(json);
    }
    if shape.did.is_some() && shape.time_us.is_some() {
        return Err((RejectCode::BadField, "a Jetstream event: read it with the kind jetstream".to_owned()));
    }
    let line: ScanLine<'_> = serde_json::from_str(text).map_err(json)?;
    if line.id.trim().is_empty() {
        return Err((RejectCode::BadField, "id is empty".to_owned()));
    }
    let source = line.source.as_deref().unwrap_or(&context.source);
    let platform = line.source.as_deref().unwrap_or("import");
    let mut event = Event::new(EventKind::Post, source, platform, &context.native_id(&line.id), observed_at);
    event.text = line.text.into_owned();
    event.lang = line.lang;
    event.author = line.author.map(|id| Author { handle: Some(id.clone()), id, name: None });
    event.url = line.url;
    event.reply_to = line.reply_to;
    event.kind = line.kind.unwrap_or_default();
    event.posted_at = line.posted_at.as_deref().map(|t| time(t, observed_at)).transpose()?;
    Ok(event)
}

/// A time in any notation; an unreadable one is a reject, not a post without time.
pub(crate) fn time(text: &str, observed_at: Timestamp) -> Result<Timestamp, (RejectCode, String)> {
    dates::parse(text, observed_at).ok_or_else(|| (RejectCode::BadField, "posted_at is no time".to_owned()))
}

/// A stable id for rows that have none: from their content.
pub(crate) fn content_id(raw: &[u8]) -> String {
    hex::encode(&Sha256::digest(raw)[..12])
}

/// serde's message without a value in it: values may be post text.
fn explain(error: &serde_json::Error) -> String {
    let kind = match error.classify() {
        serde_json::error::Category::Eof => "the line ends within JSON",
        serde_json::error::Category::Syntax | serde_json::error::Category::Io => "not JSON",
        serde_json::error::Category::Data => {
            let text = error.to_string();
            return match text.split_once('`').and_then(|(head, rest)| Some((head, rest.split_once('`')?.0))) {
                Some(("missing field ", field)) => format!("the field {field} is missing"),
                _ => format!("a field has the wrong type at column {}", error.column()),
            };
        }
    };
    format!("{kind} at column {}", error.column())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Parsed {
        let o = Observation::new("f", text.to_owned().into_bytes(), Timestamp::from_secs(1_700_000_000));
        parse(&o, &ParseContext::new("test"))
    }

    #[test]
    fn scan_lines_and_own_events() {
        let p = parsed(
            "{\"id\":\"1\",\"text\":\"a\",\"posted_at\":\"2026-01-01T00:00:00+01:00\",\"source\":\"x\"}\n\
            {\"schema\":1,\"event\":\"delete\",\"source\":\"s\",\"platform\":\"p\",\"native_id\":\"9\",\"observed_at\":\"2026-01-01T00:00:00Z\"}",
        );
        assert!(p.problems.is_empty(), "{:?}", p.problems);
        assert_eq!(p.events[0].event.posted_at.unwrap().to_string(), "2025-12-31T23:00:00Z");
        assert_eq!(p.events[1].event.event, EventKind::Delete);
    }

    #[test]
    fn broken_lines_keep_their_bytes_and_stop_nothing() {
        let p = parsed(
            "{\"id\":\"1\"\n\n{\"id\":1,\"text\":\"x\"}\n{\"text\":\"secret words\"}\n{\"id\":\"4\",\"text\":\"ok\"}\n{\"schema\":9,\"native_id\":\"1\"}",
        );
        assert_eq!(p.events.len(), 1);
        let codes: Vec<_> = p.problems.iter().map(|p| p.code).collect();
        assert_eq!(
            codes,
            [RejectCode::BadJson, RejectCode::BadJson, RejectCode::BadJson, RejectCode::UnknownSchema]
        );
        assert_eq!(p.problems[0].raw, &b"{\"id\":\"1\""[..]);
        assert!(p.problems.iter().all(|p| !p.message.contains("secret")));
        assert_eq!(p.problems[2].message, "the field id is missing");
    }

    proptest::proptest! {
        #[test]
        fn every_line_is_an_event_or_a_problem(lines in proptest::collection::vec("[^\n\r]{1,30}", 1..10)) {
            let blank = lines.iter().filter(|l| l.bytes().all(|b| b.is_ascii_whitespace())).count();
            let p = parsed(&lines.join("\n"));
            proptest::prop_assert_eq!(p.events.len() + p.problems.len() + blank, lines.len());
        }
    }
}
