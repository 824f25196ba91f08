//! Mastodon and servers that speak its interface (GoToSocial, Pleroma, Truth-like): public and tag timelines.
//!
//! The timeline is walked forward with `min_id`, page by page, so that nothing is skipped after a pause; with a user's token
//! the event stream tells edits and deletions too. Ids are unique on
//! one server only; live, native ids carry the server's name.

mod live;
mod status;
mod stream;

use streife_domain::{EventKind, RejectCode};
use streife_sdk::{Kind, Observation, ParseContext, Parsed, recorded};

pub use live::{Config, connect};

/// The name of this kind.
pub const KIND: &str = "mastodon";
/// The platform of all events.
pub const PLATFORM: &str = "mastodon";

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[Kind { name: KIND, parse, connect }];

/// Reads an answer of the interface (a timeline, a status, a context, a search) or a recorded event stream.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, parse_answer)
}

fn parse_answer(observation: &Observation, context: &ParseContext) -> Parsed {
    let body = observation.body.trim_ascii_start();
    let is_stream = body.starts_with(b":") || body.starts_with(b"event:") || body.starts_with(b"data:");
    if is_stream || body.starts_with(b"OK") {
        return stream::parse(observation, context);
    }
    match serde_json::from_slice(&observation.body) {
        Ok(answer) => {
            let mut parsed = Parsed::default();
            status::collect(&answer, EventKind::Post, observation, context, &mut parsed);
            if parsed.events.is_empty() && parsed.problems.is_empty() {
                parsed.ignore("no_status_in_answer");
            }
            parsed
        }
        Err(error) => {
            let message = format!("not JSON at line {} column {}", error.line(), error.column());
            Parsed::refused(RejectCode::BadJson, message, observation)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use streife_domain::{PostKind, Timestamp};

    const STATUS: &str = r#"{"id":"7","created_at":"2026-01-02T03:04:05.000Z","in_reply_to_id":"6","sensitive":true,"spoiler_text":"cw","visibility":"public","language":"de","uri":"https://m.test/users/a/statuses/7","url":"https://m.test/@a/7","replies_count":1,"reblogs_count":2,"favourites_count":3,"edited_at":null,"content":"<p>x <a href=\"https://y.test/\">y</a></p>","reblog":null,"account":{"id":"1","username":"a","acct":"a","display_name":"A"},"media_attachments":[{"type":"image","url":"https://m.test/i.png","description":"alt"}],"mentions":[],"tags":[{"name":"t","url":"u"}],"emojis":[],"card":null,"poll":null}"#;

    fn parsed(text: &str) -> Parsed {
        let o = Observation::new(
            "https://m.test/",
            text.to_owned().into_bytes(),
            Timestamp::from_secs(1_780_000_000),
        );
        parse(&o, &ParseContext::new("test"))
    }

    #[test]
    fn a_status_alone_and_in_a_timeline() {
        for text in [STATUS.to_owned(), format!("[{STATUS}]"), format!("{{\"statuses\":[{STATUS}]}}")] {
            let p = parsed(&text);
            let e = &p.events[0].event;
            assert_eq!((e.native_id.as_str(), e.text.as_str(), e.kind), ("7", "cw\n\nx y", PostKind::Reply));
            assert_eq!(e.reach.unwrap().shares, Some(2));
            assert_eq!((e.tags[0].as_str(), e.links[0].as_str()), ("t", "https://y.test/"));
            assert_eq!(e.media[0].alt.as_deref(), Some("alt"));
        }
    }

    #[test]
    fn a_stream_of_updates_edits_and_deletes() {
        let p = parsed(&format!(
            ":thump\nevent: update\ndata: {STATUS}\n\nevent: status.update\ndata: {STATUS}\n\nevent: delete\ndata: 7\n\nevent: update\ndata: {{\n\n"
        ));
        let kinds: Vec<_> = p.events.iter().map(|e| e.event.event).collect();
        assert_eq!(kinds, [EventKind::Post, EventKind::Edit, EventKind::Delete]);
        assert_eq!(p.problems.len(), 1);
    }

    proptest::proptest! {
        #[test]
        fn any_text_is_read(text: String) {
            parsed(&text);
            parsed(&format!("event: update\ndata: {text}\n\n"));
        }
    }
}
