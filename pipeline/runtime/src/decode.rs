//! From the bytes of a record of `posts.raw` to a sound [`Event`], or to an explained reject.

use streife_domain::{EVENT_SCHEMA, Event, EventKind, PostKind, RejectCode, Rejected, Timestamp};
use streife_log::Message;

/// Texts over this many bytes are rejected; the longest posts any platform allows are a tenth of it.
pub const MAX_TEXT_BYTES: usize = 1 << 20;
/// Ids and names over this many bytes are no ids and names.
const MAX_FIELD_BYTES: usize = 4096;

/// Headers of `posts.raw` and `posts.dead`.
pub(crate) mod headers {
    /// The trace by which a post is followed: see `trace`.
    pub(crate) const TRACE: &str = "traceparent";
    /// The observed bytes behind an event.
    pub(crate) const RAW: &str = "raw";
    /// Set by a connector on bytes it could not parse: the [`super::RejectCode`].
    pub(crate) const CODE: &str = "code";
    /// With `code`: what is wrong, for people.
    pub(crate) const MESSAGE: &str = "message";
    /// The configured source.
    pub(crate) const SOURCE: &str = "source";
    /// On dead letters: where the record lay in `posts.raw`.
    pub(crate) const PARTITION: &str = "partition";
    /// On dead letters: where the record lay in `posts.raw`.
    pub(crate) const OFFSET: &str = "offset";
    /// On dead letters: the bytes were longer than what is kept; this is their full length.
    pub(crate) const FULL_BYTES: &str = "full_bytes";
}

/// A decoded record.
#[derive(Debug, Clone, PartialEq)]
pub enum Incoming {
    /// A post or edit to be scored.
    Post(Box<Event>),
    /// A deletion or another change to be noted.
    Change(Box<Event>),
}

/// Decodes one record. Pure: `now` only decides which times are plausible.
///
/// # Errors
/// [`Rejected`] says what is wrong without quoting any text of the post.
pub fn decode(message: &Message, now: Timestamp) -> Result<Incoming, Rejected> {
    if let Some(code) = message.header(headers::CODE) {
        return Err(rejected_by_connector(
            code,
            message.header(headers::MESSAGE).map_or(&[][..], |m| &m[..]),
        ));
    }
    let text = std::str::from_utf8(&message.record.value).map_err(|e| {
        Rejected::new(RejectCode::BadUtf8, format!("not UTF-8 from byte {}", e.valid_up_to()))
    })?;
    let event: Event = serde_json::from_str(text).map_err(|e| explain_json_error(text, &e))?;
    check(&event, now)?;
    Ok(match event.event {
        EventKind::Post | EventKind::Edit => Incoming::Post(Box::new(event)),
        EventKind::Delete | EventKind::Gone | EventKind::Account => Incoming::Change(Box::new(event)),
    })
}

fn rejected_by_connector(code: &[u8], message: &[u8]) -> Rejected {
    let code = RejectCode::ALL
        .into_iter()
        .find(|known| known.as_str().as_bytes() == code)
        .unwrap_or(RejectCode::BadField);
    Rejected::new(code, String::from_utf8_lossy(message).into_owned())
}

/// A record of a newer build must be told from a broken one: the first waits for an upgrade, the second for a fix.
fn explain_json_error(text: &str, error: &serde_json::Error) -> Rejected {
    #[derive(serde::Deserialize)]
    struct SchemaOnly {
        schema: u16,
    }
    match serde_json::from_str::<SchemaOnly>(text) {
        Ok(SchemaOnly { schema }) if schema != EVENT_SCHEMA => unknown_schema(schema),
        // serde's messages may quote values; category and place do not.
        _ => Rejected::new(
            RejectCode::BadJson,
            format!("{:?} error at line {} column {}", error.classify(), error.line(), error.column()),
        ),
    }
}

fn unknown_schema(schema: u16) -> Rejected {
    Rejected::new(
        RejectCode::UnknownSchema,
        format!(
            "event schema {schema} is not known, this build reads {EVENT_SCHEMA}; upgrade `streife score`"
        ),
    )
}

fn check(event: &Event, now: Timestamp) -> Result<(), Rejected> {
    if event.schema != EVENT_SCHEMA {
        return Err(unknown_schema(event.schema));
    }
    for (name, value) in
        [("source", &event.source), ("platform", &event.platform), ("native_id", &event.native_id)]
    {
        if value.is_empty() || value.len() > MAX_FIELD_BYTES {
            let message = format!("{name} has {} bytes, 1 to {MAX_FIELD_BYTES} are allowed", value.len());
            return Err(Rejected::new(RejectCode::BadField, message));
        }
    }
    if event.text.len() > MAX_TEXT_BYTES {
        let message = format!("text has {} bytes, {MAX_TEXT_BYTES} are allowed", event.text.len());
        return Err(Rejected::new(RejectCode::TooLarge, message));
    }
    for (name, time) in [("posted_at", event.posted_at), ("edited_at", event.edited_at)] {
        if time.is_some_and(|time| !time.is_plausible(now)) {
            return Err(Rejected::new(
                RejectCode::TimeOutOfRange,
                format!("{name} lies before 1990 or in the future"),
            ));
        }
    }
    let needs_text =
        matches!(event.event, EventKind::Post | EventKind::Edit) && event.kind != PostKind::Repost;
    if needs_text && event.text.trim().is_empty() && event.media.is_empty() && event.links.is_empty() {
        return Err(Rejected::new(RejectCode::EmptyText, "neither text nor media nor links"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;
    use proptest::prelude::*;
    use streife_log::Record;

    use super::*;

    fn now() -> Timestamp {
        Timestamp::parse("2026-07-04T12:00:00Z").unwrap()
    }

    fn message(value: &[u8]) -> Message {
        let record = Record { key: Bytes::new(), value: Bytes::copy_from_slice(value), headers: Vec::new() };
        Message { topic: "posts.raw".into(), partition: 0, offset: 0, timestamp_ms: 0, record }
    }

    fn event(change: impl FnOnce(&mut Event)) -> Vec<u8> {
        let mut event = Event::new(EventKind::Post, "test", "example", "1", now());
        event.text = "Guten Morgen".to_owned();
        change(&mut event);
        serde_json::to_vec(&event).unwrap()
    }

    fn code_of(value: &[u8]) -> RejectCode {
        decode(&message(value), now()).unwrap_err().code
    }

    #[test]
    fn sound_events_pass() {
        assert!(matches!(decode(&message(&event(|_| ())), now()), Ok(Incoming::Post(_))));
        let delete = event(|e| {
            e.event = EventKind::Delete;
            e.text.clear();
        });
        assert!(matches!(decode(&message(&delete), now()), Ok(Incoming::Change(_))));
    }

    #[test]
    fn each_kind_of_bad_input_has_its_code() {
        assert_eq!(code_of(b"{\"schema\":"), RejectCode::BadJson);
        assert_eq!(code_of(b"\xff\xfe"), RejectCode::BadUtf8);
        assert_eq!(code_of(b"{\"schema\":7,\"shape\":\"new\"}"), RejectCode::UnknownSchema);
        assert_eq!(code_of(&event(|e| e.schema = 2)), RejectCode::UnknownSchema);
        assert_eq!(code_of(&event(|e| e.text = " \n".into())), RejectCode::EmptyText);
        assert_eq!(code_of(&event(|e| e.text = "x".repeat(MAX_TEXT_BYTES + 1))), RejectCode::TooLarge);
        assert_eq!(code_of(&event(|e| e.native_id.clear())), RejectCode::BadField);
        for year in ["0000-01-01T00:00:00Z", "9999-12-31T00:00:00Z"] {
            assert_eq!(
                code_of(&event(|e| e.posted_at = Some(Timestamp::parse(year).unwrap()))),
                RejectCode::TimeOutOfRange
            );
        }
    }

    #[test]
    fn messages_do_not_quote_the_post() {
        let broken = event(|e| e.text = "secret words".into());
        let cut = &broken[..broken.len() - 2];
        assert!(!decode(&message(cut), now()).unwrap_err().message.contains("secret"));
    }

    #[test]
    fn a_connectors_reject_keeps_its_code_and_message() {
        let mut record = message(b"raw bytes");
        record.record.headers = vec![
            ("code".into(), Bytes::from_static(b"too_large")),
            ("message".into(), Bytes::from_static(b"10 MB")),
        ];
        let rejected = decode(&record, now()).unwrap_err();
        assert_eq!((rejected.code, rejected.message.as_str()), (RejectCode::TooLarge, "10 MB"));
    }

    proptest! {
        #[test]
        fn any_bytes_decode_or_are_rejected(value in proptest::collection::vec(any::<u8>(), 0..400)) {
            let _ = decode(&message(&value), now());
        }
    }
}
