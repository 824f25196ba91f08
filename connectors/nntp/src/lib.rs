//! Usenet articles (RFC 5536): parsing of articles as they come over NNTP or lie in files and mailboxes.
//!
//! The identity of an article is its Message-ID. `Control: cancel` and `Supersedes` are deletions.

mod live;

use bytes::Bytes;
use mail_parser::{Message, MessageParser};
use streife_domain::{Author, EventKind, PostKind, RejectCode, Timestamp};
use streife_sdk::{Kind, Observation, ParseContext, Parsed, dates, html, recorded};

/// The name of this kind.
pub const KIND: &str = "nntp";
/// The platform of all events.
pub const PLATFORM: &str = "usenet";
/// Larger articles carry files, not words.
pub(crate) const MAX_ARTICLE_BYTES: usize = 4 * 1024 * 1024;

pub use live::{Config, connect};

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[Kind { name: KIND, parse, connect }];

/// Reads one article, an answer to `ARTICLE` (status line, dots), or a mailbox of many.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    recorded::each(observation, context, |observation, context| {
        let mut parsed = Parsed::default();
        for (number, article) in articles(&observation.body).into_iter().enumerate() {
            let at = format!("article {}", number + 1);
            if article.len() > MAX_ARTICLE_BYTES {
                let raw = article.slice(..64 * 1024);
                parsed.problem(
                    at,
                    RejectCode::TooLarge,
                    format!("an article of {} bytes", article.len()),
                    raw,
                );
                continue;
            }
            read_article(&article, &at, observation, context, &mut parsed);
        }
        if parsed.events.is_empty() && parsed.problems.is_empty() {
            return Parsed::refused(RejectCode::BadField, "no article", observation);
        }
        parsed
    })
}

/// Cuts a mailbox at the `From ` lines that follow an empty one; takes off the status lines and final dots of NNTP
/// answers. Words of an article that look like either stay where they are.
fn articles(body: &Bytes) -> Vec<Bytes> {
    let is_conversation = body.trim_ascii_start().starts_with(b"220 ");
    let mut out = Vec::new();
    let (mut start, mut at) = (0, 0);
    // A separator may stand at the beginning, after a final dot, and in a mailbox after an empty line.
    let mut may_begin = true;
    for line in body.split_inclusive(|b| *b == b'\n') {
        let words = line.trim_ascii_end();
        let mark: &[u8] = if is_conversation { b"220 " } else { b"From " };
        if may_begin && line.starts_with(mark) {
            out.push(body.slice(start..at));
            start = at + line.len();
        }
        at += line.len();
        let is_end = is_conversation && words == b".";
        if is_end {
            out.push(body.slice(start..at - line.len()));
            start = at;
        }
        may_begin = is_end || words.is_empty() && (!is_conversation || may_begin);
    }
    out.push(body.slice(start..));
    out.retain(|article| !article.trim_ascii().is_empty());
    out
}

fn read_article(
    article: &Bytes,
    at: &str,
    observation: &Observation,
    context: &ParseContext,
    parsed: &mut Parsed,
) {
    let raw = article.clone();
    // NNTP doubles a dot at the start of a line.
    let text: Vec<u8> = article
        .split_inclusive(|b| *b == b'\n')
        .flat_map(|line| line.strip_prefix(b".").filter(|l| l.starts_with(b".")).unwrap_or(line))
        .copied()
        .collect();
    let Some(message) = MessageParser::default().parse(&text) else {
        parsed.problem(at, RejectCode::BadField, "no headers", raw);
        return;
    };
    let Some(id) = message.message_id().map(str::to_owned) else {
        parsed.problem(at, RejectCode::BadField, "no Message-ID", raw);
        return;
    };
    let header = |name: &str| message.header_raw(name).map(html::tidy);
    let own_id = |id: &str| id.trim().trim_matches(['<', '>']).to_owned();
    let cancelled = header("Control")
        .and_then(|c| c.strip_prefix("cancel").map(own_id))
        .or_else(|| header("Supersedes").map(|s| own_id(&s)));
    if let Some(target) = cancelled.filter(|t| !t.is_empty()) {
        let mut event = context.event(EventKind::Delete, PLATFORM, "", observation);
        event.native_id = target;
        parsed.push(event, raw.clone());
        if header("Control").is_some() {
            return;
        }
    } else if header("Control").is_some() {
        return parsed.ignore("control_message");
    }
    let mut event = context.event(EventKind::Post, PLATFORM, "", observation);
    let body = message.body_text(0).unwrap_or_default();
    let subject = message.subject().unwrap_or_default();
    let parent = header("References").and_then(|r| r.split_whitespace().last().map(own_id));
    event.text = match (&parent, subject.is_empty()) {
        // An answer repeats the subject of what it answers.
        (Some(_), _) | (None, true) => own_words(&body),
        (None, false) => format!("{subject}\n\n{}", own_words(&body)),
    };
    event.kind = if parent.is_some() { PostKind::Reply } else { PostKind::Post };
    event.reply_to = parent;
    event.author = author(&message);
    event.posted_at = message
        .date()
        .and_then(|d| Timestamp::parse(&d.to_rfc3339()).ok())
        .or_else(|| header("Date").and_then(|d| dates::parse(&d, observation.observed_at)));
    event.tags = header("Newsgroups")
        .map(|n| n.split(',').map(|g| g.trim().to_owned()).filter(|g| !g.is_empty()).collect())
        .unwrap_or_default();
    event.url = Some(format!("news:{id}"));
    event.native_id = id;
    parsed.push(event, raw);
}

fn author(message: &Message<'_>) -> Option<Author> {
    let from = message.from()?.first()?;
    let address = from.address().unwrap_or_default();
    let name = from.name().map(str::to_owned);
    let id = if address.is_empty() { name.clone()? } else { address.to_owned() };
    Some(Author { id, handle: Some(address.to_owned()).filter(|a| !a.is_empty()), name })
}

/// Without quoted lines and signature.
fn own_words(body: &str) -> String {
    let lines = body.lines().take_while(|l| l.trim_end() != "--").filter(|l| !l.starts_with('>'));
    lines.collect::<Vec<_>>().join("\n").trim().to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> Parsed {
        parse(&Observation::new("f", text.as_bytes().to_vec(), Timestamp::default()), &ParseContext::new("t"))
    }

    #[test]
    fn an_answer_over_nntp() {
        let p = parsed(
            "220 1 <b@x> article\r\nFrom: =?utf-8?Q?J=C3=B6rg?= <j@x.test>\r\nNewsgroups: de.test,de.misc\r\nSubject: Re: s\r\nDate: Thu, 01 Jan 2026 12:00:00 +0100\r\nMessage-ID: <b@x>\r\nReferences: <r@x> <a@x>\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n> quoted\r\nGr=C3=BC=C3=9Fe\r\n..dot\r\n-- \r\nsig\r\n.\r\n",
        );
        let e = &p.events[0].event;
        assert_eq!((e.native_id.as_str(), e.text.as_str()), ("b@x", "Grüße\n.dot"));
        assert_eq!(
            (e.reply_to.as_deref(), e.author.as_ref().unwrap().name.as_deref()),
            (Some("a@x"), Some("Jörg"))
        );
        assert_eq!(e.posted_at.unwrap().to_string(), "2026-01-01T11:00:00Z");
        assert_eq!(e.tags, ["de.test", "de.misc"]);
    }

    /// What a poster writes must not cut off what follows it, or hide it as an article without identity.
    #[test]
    fn words_that_look_like_separators_belong_to_their_article() {
        let body = "a\r\n220 people\r\n\r\nFrom here on\r\nz";
        let p = parsed(&format!("220 1 <b@x>\r\nMessage-ID: <b@x>\r\n\r\n{body}\r\n.\r\n"));
        assert_eq!(p.events[0].event.text, body.replace('\r', ""));
        assert!(p.events.len() == 1 && p.problems.is_empty(), "{:?}", p.problems);
        let mailbox = "From x\nMessage-ID: <a@x>\n\na\n.\nFrom me\n\nFrom y\nMessage-ID: <b@x>\n\nb\n";
        let p = parsed(mailbox);
        let texts: Vec<_> = p.events.iter().map(|e| e.event.text.as_str()).collect();
        assert_eq!(texts, ["a\n.\nFrom me", "b"]);
    }

    #[test]
    fn cancels_and_articles_without_identity() {
        let p = parsed("Message-ID: <c@x>\nControl: cancel <a@x>\n\ncancel\n");
        assert_eq!(
            (p.events[0].event.event, p.events[0].event.native_id.as_str()),
            (EventKind::Delete, "a@x")
        );
        assert_eq!(parsed("Subject: x\n\ny\n").problems.len(), 1);
        assert_eq!(parsed("").problems.len(), 1);
    }
}
