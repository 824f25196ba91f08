//! Did a page change while it was being captured? The exchange is repeated at the end and held against the first. Pure.

use streife_domain::Timestamp;
use streife_evidence::Missing;

/// What two looks at a page are compared by.
#[derive(Debug, Clone, Copy)]
pub(super) struct Look<'a> {
    pub(super) status: Option<u16>,
    pub(super) body: &'a [u8],
}

/// What became of the page between the first look and the last, taken at `at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Change {
    /// Nothing that a reader would see.
    None,
    /// Its words are others.
    Edited,
    /// It is no longer there; the status says so.
    Gone(u16),
}

pub(super) fn between(first: Look<'_>, last: Look<'_>) -> Change {
    match (first.status, last.status) {
        (Some(200..=299), Some(gone @ (404 | 410))) => Change::Gone(gone),
        (Some(200..=299), Some(200..=299)) if words(first.body) != words(last.body) => Change::Edited,
        _ => Change::None,
    }
}

impl Change {
    /// The note for the capture.
    pub(super) fn note(&self, at: Timestamp) -> Option<Missing> {
        let why = match self {
            Self::None => return None,
            Self::Edited => format!(
                "am Ende der Sicherung ({at}) stand auf der Seite ein anderer Text als am Anfang; Abruf und Bildschirmfoto \
                 können verschiedene Fassungen zeigen"
            ),
            Self::Gone(status) => format!(
                "während der Sicherung gelöscht: am Ende ({at}) antwortete der Server mit {status}; gesichert ist, was vorher kam"
            ),
        };
        Some(Missing { what: "Gleichbleibende Seite".to_owned(), why })
    }
}

/// The words of a page without its tags, scripts and styles: what changes with every request (nonces, tokens) mostly
/// stands there.
fn words(body: &[u8]) -> Vec<String> {
    let text = String::from_utf8_lossy(body);
    // The same places in small letters, made once: pages may have thousands of scripts.
    let small = text.to_ascii_lowercase();
    let (mut words, mut at) = (String::new(), 0);
    while let Some(tag) = text[at..].find('<').map(|found| at + found) {
        words.push_str(&text[at..tag]);
        words.push(' ');
        let unread = ["<script", "<style"].into_iter().find(|open| small[tag..].starts_with(open));
        let close = unread.map(|open| open.replacen('<', "</", 1));
        let inner = close.map_or(Some(tag), |close| small[tag..].find(&close).map(|found| tag + found));
        let end = inner.and_then(|inner| Some(inner + text[inner..].find('>')? + 1));
        at = end.unwrap_or(text.len());
    }
    words.push_str(&text[at..]);
    words.split_whitespace().map(str::to_owned).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn look(status: u16, body: &str) -> Look<'_> {
        Look { status: Some(status), body: body.as_bytes() }
    }

    #[test]
    fn edits_and_deletions_are_told_and_tokens_are_not() {
        let first = look(200, "<p class=a>Guten  Tag</p><script nonce=1>x=1<2</script><input value=77>");
        for (last, change) in [
            (look(200, "<p class=b>Guten Tag</p><SCRIPT nonce=2>x=2</SCRIPT><input value=78>"), Change::None),
            (look(200, "<p>Guten Abend</p>"), Change::Edited),
            (look(410, "weg"), Change::Gone(410)),
            (look(503, "später"), Change::None),
            (Look { status: None, body: b"" }, Change::None),
        ] {
            assert_eq!(between(first, last), change);
        }
        assert_eq!(between(look(404, "weg"), look(404, "noch weg")), Change::None);
        assert!(Change::Gone(404).note(Timestamp::default()).unwrap().why.contains("404"));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_have_words(body in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            words(&body);
        }
    }
}
