//! WARC, WET and ARC files: archived pages as articles.

use streife_domain::{Event, EventKind, PostKind, RejectCode, Timestamp};
use streife_sdk::{Observation, ParseContext, Parsed, dates, html, recorded};

use crate::http_record::{self, HttpRecord};
use crate::units::{Cut, Unit, Units, header};

/// The name of this kind.
pub const KIND: &str = "warc";

const PLATFORM: &str = "web";

/// Reads an archive.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, parse_records)
}

fn parse_records(observation: &Observation, context: &ParseContext) -> Parsed {
    let mut parsed = Parsed::default();
    let mut units = Units::new(Box::new(std::io::Cursor::new(observation.body.clone())), Cut::Records);
    while let Ok(Some(unit)) = units.next() {
        read_record(&unit, observation.observed_at, context, &mut parsed);
    }
    parsed
}

/// What a record says of itself.
struct Head {
    /// `response`, `conversion`, `resource`, `request` ...; for ARC by its address.
    record_type: String,
    url: String,
    date: Option<Timestamp>,
    content_type: String,
    declared: usize,
}

/// Reads one record.
pub(crate) fn read_record(unit: &Unit, observed_at: Timestamp, context: &ParseContext, parsed: &mut Parsed) {
    let at = format!("record {}", unit.number);
    if unit.too_long {
        parsed.problem(
            at,
            RejectCode::TooLarge,
            "the record is over the limit; its head is kept",
            unit.raw.clone(),
        );
        return;
    }
    let (head, content) = unit.raw.split_at(unit.content_at);
    let Some(head) = read_head(head, observed_at) else {
        parsed.problem(at, RejectCode::BadField, "neither a WARC nor an ARC header", unit.raw.clone());
        return;
    };
    if content.len() < head.declared {
        let message = format!("the record breaks off: {} of {} bytes", content.len(), head.declared);
        parsed.problem(at, RejectCode::BadField, message, unit.raw.clone());
        return;
    }
    let (content_type, body) = match head.record_type.as_str() {
        "conversion" | "resource" => (head.content_type.clone(), content.to_vec()),
        "response" => match http_record::read(content) {
            Some(HttpRecord { status: 200, content_type, body }) => (content_type, body),
            Some(_) => return parsed.ignore("error_answer"),
            None => {
                parsed.problem(
                    at,
                    RejectCode::BadField,
                    "a response without HTTP status line",
                    unit.raw.clone(),
                );
                return;
            }
        },
        _ => return parsed.ignore("no_page"),
    };
    let charset =
        content_type.split_once("charset=").map(|(_, c)| c.trim_matches(['"', '\'', ' ']).to_owned());
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    let text = html::decode_bytes(&body, charset.as_deref());
    let text = match kind.as_str() {
        "text/html" | "application/xhtml+xml" => html::content(&text).text,
        "text/plain" => text,
        _ => return parsed.ignore("no_text"),
    };
    let mut event =
        Event::new(EventKind::Post, &context.source, PLATFORM, &context.native_id(&head.url), observed_at);
    event.kind = PostKind::Article;
    event.url = Some(head.url);
    event.text = text;
    event.posted_at = head.date;
    parsed.push(event, unit.raw.clone());
}

fn read_head(head: &[u8], observed_at: Timestamp) -> Option<Head> {
    if head.is_empty() {
        return None;
    }
    if head.starts_with(b"WARC/") {
        let url = header(head, "warc-target-uri").unwrap_or_default();
        return Some(Head {
            record_type: header(head, "warc-type")?.to_ascii_lowercase(),
            url: url.trim_matches(['<', '>']).to_owned(),
            date: header(head, "warc-date").and_then(|d| dates::parse(&d, observed_at)),
            content_type: header(head, "content-type").unwrap_or_default(),
            declared: header(head, "content-length")?.parse().ok()?,
        });
    }
    // URL IP YYYYMMDDhhmmss type length
    let line = String::from_utf8_lossy(head);
    let fields: Vec<&str> = line.trim_end().rsplitn(5, ' ').collect();
    let [length, content_type, date, _, url] = fields[..] else { return None };
    let written = format!(
        "{}-{}-{} {}:{}:{}",
        date.get(..4)?,
        date.get(4..6)?,
        date.get(6..8)?,
        date.get(8..10)?,
        date.get(10..12)?,
        date.get(12..14)?
    );
    Some(Head {
        record_type: if url.starts_with("filedesc:") { "filedesc" } else { "response" }.to_owned(),
        url: url.to_owned(),
        date: dates::parse(&written, observed_at),
        content_type: content_type.to_owned(),
        declared: length.parse().ok()?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_a_text_and_a_broken_record() {
        let page = "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\n\r\n<p>a</p>";
        let warc = format!(
            "WARC/1.0\r\nWARC-Type: response\r\nWARC-Target-URI: http://x.test/\r\nWARC-Date: 2020-01-01T00:00:00Z\r\nContent-Length: {}\r\n\r\n{page}\r\n\r\n\
             WARC/1.0\r\nWARC-Type: conversion\r\nWARC-Target-URI: http://y.test/\r\nContent-Type: text/plain\r\nContent-Length: 3\r\n\r\nabc\r\n\r\n\
             WARC/1.0\r\nWARC-Type: response\r\nContent-Length: 99\r\n\r\nHTTP",
            page.len()
        );
        let o = Observation::new("f", warc.into_bytes(), Timestamp::default());
        let p = parse(&o, &ParseContext::new("test"));
        let texts: Vec<_> = p.events.iter().map(|e| e.event.text.as_str()).collect();
        assert_eq!(texts, ["a", "abc"]);
        assert!(p.problems[0].message.contains("breaks off"));
    }

    #[test]
    fn arc_records_with_spaces_in_addresses() {
        let body = "HTTP/1.0 200 OK\r\nContent-Type: text/plain\r\n\r\nhello";
        let arc = format!("http://x.test/a b 1.2.3.4 20140216050221 text/plain {}\n{body}\n", body.len());
        let o = Observation::new("f", arc.into_bytes(), Timestamp::default());
        let p = parse(&o, &ParseContext::new("test"));
        assert_eq!(p.events[0].event.text, "hello");
        assert_eq!(p.events[0].event.url.as_deref(), Some("http://x.test/a b"));
    }
}
