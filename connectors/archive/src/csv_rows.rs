//! CSV with a header row. Columns are found by their usual names, or named in the configuration.

use std::collections::BTreeMap;

use streife_domain::{Author, Event, EventKind, PostKind, RejectCode, Timestamp};
use streife_sdk::{Observation, ParseContext, Parsed, html, recorded};

use crate::jsonl::{content_id, time};
use crate::units::{Cut, Unit, Units};

/// The name of this kind.
pub const KIND: &str = "csv";

/// Fields of an event that a column can fill, and the names columns usually have.
const FIELDS: [(&str, &[&str]); 10] = [
    ("id", &["id", "native_id", "post_id", "tweet_id", "comment_id", "message_id", "status_id"]),
    (
        "text",
        &[
            "text",
            "body",
            "content",
            "message",
            "comment",
            "post",
            "tweet",
            "full_text",
            "kommentar",
            "nachricht",
        ],
    ),
    (
        "author",
        &[
            "author",
            "author_id",
            "user",
            "user_id",
            "username",
            "screen_name",
            "handle",
            "from",
            "autor",
            "nutzer",
        ],
    ),
    ("author_name", &["author_name", "name", "display_name", "user_name"]),
    ("url", &["url", "link", "permalink", "permalink_url"]),
    (
        "posted_at",
        &["posted_at", "created_at", "date", "datetime", "timestamp", "time", "published", "datum", "zeit"],
    ),
    ("lang", &["lang", "language", "sprache"]),
    ("kind", &["kind", "type"]),
    ("reply_to", &["reply_to", "in_reply_to", "in_reply_to_id", "parent_id"]),
    ("source", &["source", "platform", "quelle", "plattform"]),
];

/// Which column fills which field.
pub(crate) struct Columns {
    delimiter: u8,
    at: BTreeMap<&'static str, usize>,
}

impl Columns {
    /// Reads the header row; `named` says field = column where the usual names do not fit.
    pub(crate) fn from_header(raw: &[u8], named: &BTreeMap<String, String>) -> Result<Self, String> {
        let raw = raw.strip_prefix(b"\xef\xbb\xbf").unwrap_or(raw);
        let count = |b: u8| raw.iter().filter(|c| **c == b).count();
        let delimiter = [b',', b';', b'\t', b'|'].into_iter().max_by_key(|b| count(*b)).unwrap_or(b',');
        let header = fields(raw, delimiter).ok_or("the header row is no CSV")?;
        let find = |wanted: &str| header.iter().position(|c| c.trim().eq_ignore_ascii_case(wanted));
        let mut at = BTreeMap::new();
        for (field, usual) in FIELDS {
            let position = match named.get(field) {
                Some(column) => {
                    Some(find(column).ok_or_else(|| format!("there is no column {column:?} for {field}"))?)
                }
                None => usual.iter().find_map(|name| find(name)),
            };
            if let Some(position) = position {
                at.insert(field, position);
            }
        }
        if at.contains_key("text") {
            Ok(Self { delimiter, at })
        } else {
            Err("no column holds the text; name it in settings.columns.text".to_owned())
        }
    }
}

fn fields(raw: &[u8], delimiter: u8) -> Option<Vec<String>> {
    let text = html::decode_bytes(raw, None);
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .delimiter(delimiter)
        .flexible(true)
        .from_reader(text.as_bytes());
    let record = reader.records().next()?.ok()?;
    Some(record.iter().map(str::to_owned).collect())
}

/// Reads a CSV file with the usual column names.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, parse_rows)
}

fn parse_rows(observation: &Observation, context: &ParseContext) -> Parsed {
    let mut parsed = Parsed::default();
    let mut units = Units::new(Box::new(std::io::Cursor::new(observation.body.clone())), Cut::Rows);
    let Ok(Some(header)) = units.next() else {
        return Parsed::refused(RejectCode::BadField, "the file is empty", observation);
    };
    let columns = match Columns::from_header(&header.raw, &BTreeMap::new()) {
        Ok(columns) => columns,
        Err(message) => return Parsed::refused(RejectCode::BadField, message, observation),
    };
    while let Ok(Some(unit)) = units.next() {
        read_row(&columns, &unit, observation.observed_at, context, &mut parsed);
    }
    parsed
}

/// Reads one row.
pub(crate) fn read_row(
    columns: &Columns,
    unit: &Unit,
    observed_at: Timestamp,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let at = format!("row {}", unit.number);
    if unit.too_long {
        parsed.problem(
            at,
            RejectCode::TooLarge,
            "the row is over the limit; its head is kept",
            unit.raw.clone(),
        );
        return;
    }
    match event(columns, &unit.raw, observed_at, context) {
        Ok(event) => parsed.push(event, unit.raw.clone()),
        Err((code, message)) => parsed.problem(at, code, message, unit.raw.clone()),
    }
}

fn event(
    columns: &Columns,
    raw: &[u8],
    observed_at: Timestamp,
    context: &ParseContext,
) -> Result<Event, (RejectCode, String)> {
    let row = fields(raw, columns.delimiter).ok_or((RejectCode::BadField, "no CSV row".to_owned()))?;
    let get = |field: &str| {
        columns.at.get(field).and_then(|at| row.get(*at)).map(|v| v.trim()).filter(|v| !v.is_empty())
    };
    let text = columns
        .at
        .get("text")
        .and_then(|at| row.get(*at))
        .ok_or((RejectCode::BadField, format!("the row has only {} columns", row.len())))?;
    let id = get("id").map_or_else(|| content_id(raw), str::to_owned);
    let source = get("source").unwrap_or(&context.source);
    let platform = get("source").unwrap_or("import");
    let mut event = Event::new(EventKind::Post, source, platform, &context.native_id(&id), observed_at);
    event.text.clone_from(text);
    event.author = get("author").or_else(|| get("author_name")).map(|id| Author {
        id: id.to_owned(),
        handle: get("author").map(str::to_owned),
        name: get("author_name").map(str::to_owned),
    });
    event.url = get("url").map(str::to_owned);
    event.lang = get("lang").map(str::to_owned);
    event.reply_to = get("reply_to").map(str::to_owned);
    event.kind = get("kind").and_then(kind).unwrap_or_default();
    event.posted_at =
        get("posted_at").map(|t| epoch(t).map_or_else(|| time(t, observed_at), Ok)).transpose()?;
    Ok(event)
}

/// Seconds or milliseconds since 1970.
fn epoch(text: &str) -> Option<Timestamp> {
    let number: i64 = text.parse().ok()?;
    match number {
        100_000_000..=9_999_999_999 => Some(Timestamp::from_secs(number)),
        100_000_000_000..=9_999_999_999_999 => Some(Timestamp::from_millis(number)),
        _ => None,
    }
}

fn kind(text: &str) -> Option<PostKind> {
    [PostKind::Post, PostKind::Reply, PostKind::Quote, PostKind::Repost, PostKind::Article, PostKind::Comment]
        .into_iter()
        .find(|kind| kind.as_str().eq_ignore_ascii_case(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &[u8]) -> Parsed {
        let o = Observation::new("f", text.to_vec(), Timestamp::from_secs(1_700_000_000));
        parse(&o, &ParseContext::new("test"))
    }

    #[test]
    fn usual_columns_semicolons_and_line_breaks() {
        let p = parsed(b"ID;Text;Author;Date\n1;\"a\nb; c\";me;24.12.2025 18:00\n2;x;you;nonsense\n3\n");
        assert_eq!(p.events.len(), 1);
        assert_eq!(p.events[0].event.text, "a\nb; c");
        assert_eq!(p.events[0].event.posted_at.unwrap().to_string(), "2025-12-24T18:00:00Z");
        assert_eq!(p.problems.len(), 2);
    }

    #[test]
    fn a_row_without_id_gets_one_from_its_content() {
        let p = parsed(b"text\nhello\nhello\nother\n");
        assert_eq!(p.events[0].event.native_id, p.events[1].event.native_id);
        assert_ne!(p.events[0].event.native_id, p.events[2].event.native_id);
    }

    #[test]
    fn a_file_without_text_column_is_refused() {
        assert!(parsed(b"a,b\n1,2\n").problems[0].message.contains("settings.columns.text"));
    }
}
