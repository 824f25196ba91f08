//! What is known of a post's pictures, in the form that rules and models take.

use streife_domain::{BankMatch, Event, Hit, Media, Priority, Reason};

/// Rule ids of hits that a hash bank made begin so; ids of watch rules hold no colon.
pub const BANK_HIT_PREFIX: &str = "bank:";

/// What was found in the pictures of one post.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PictureFacts {
    /// The text in all of them, a line break between two.
    text: String,
    /// The words of the post and those in its pictures, where there are some.
    joined: Option<String>,
    hashes: Vec<[u8; 32]>,
    banks: Vec<BankMatch>,
}

impl PictureFacts {
    /// Of a post without pictures, or whose pictures nobody looked at.
    pub const NONE: &'static Self =
        &Self { text: String::new(), joined: None, hashes: Vec::new(), banks: Vec::new() };

    /// Of a post.
    pub fn of(event: &Event) -> Self {
        if !event.media.iter().any(Media::is_seen) {
            return Self::default();
        }
        let texts: Vec<&str> = event
            .media
            .iter()
            .filter_map(|media| media.text.as_deref())
            .filter(|text| !text.is_empty())
            .collect();
        let text = texts.join("\n");
        let joined = (!text.is_empty()).then(|| match event.text.trim() {
            "" => text.clone(),
            words => format!("{words}\n{text}"),
        });
        let hashes = event.media.iter().filter_map(|media| bits(media.pdq.as_deref()?)).collect();
        let banks = event.media.iter().flat_map(|media| media.banks.iter().cloned()).collect();
        Self { text, joined, hashes, banks }
    }

    /// Nothing that a rule or a person could ask about?
    pub const fn is_empty(&self) -> bool {
        self.text.is_empty() && self.hashes.is_empty() && self.banks.is_empty()
    }

    /// The text in the pictures.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// Perceptual hashes.
    pub fn hashes(&self) -> &[[u8; 32]] {
        &self.hashes
    }

    /// What models read: the words of the post, then those in its pictures.
    pub fn read_with<'a>(&'a self, text: &'a str) -> &'a str {
        self.joined.as_deref().unwrap_or(text)
    }

    /// A hit for each list that knows a picture.
    pub(crate) fn hits(&self) -> impl Iterator<Item = Hit> {
        let lists: std::collections::BTreeMap<&str, &BankMatch> =
            self.banks.iter().rev().map(|known| (known.list.as_str(), known)).collect();
        lists.into_values().map(|known| {
            let category = known.category.as_deref().map(|name| format!(" {name}")).unwrap_or_default();
            let part = format!("hash:{}{category}, {} of 256 bits differ", known.list, known.distance);
            Hit {
                rule: format!("{BANK_HIT_PREFIX}{}", known.list),
                version: 1,
                spans: Vec::new(),
                because: vec![Reason { part, holds: true, spans: Vec::new(), parts: Vec::new() }],
            }
        })
    }

    pub(crate) fn priorities(&self) -> impl Iterator<Item = Priority> {
        self.banks.iter().map(|known| known.priority)
    }
}

/// The perceptual hash that a record writes as 64 hexadecimal digits.
fn bits(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    let mut bits = [0; 32];
    if digits.len() != 2 * bits.len() {
        return None;
    }
    for (byte, pair) in bits.iter_mut().zip(digits.as_chunks::<2>().0) {
        *byte = u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok()?;
    }
    Some(bits)
}

#[cfg(test)]
mod tests {
    use streife_domain::{EventKind, Timestamp};

    use super::*;

    fn seen(text: &str, pdq: Option<&str>) -> Media {
        Media {
            media_type: "image".to_owned(),
            sha256: Some("00".to_owned()),
            text: Some(text.to_owned()),
            pdq: pdq.map(str::to_owned),
            ..Media::default()
        }
    }

    fn event(media: Vec<Media>) -> Event {
        let mut event = Event::new(EventKind::Post, "a", "b", "1", Timestamp::default());
        event.text = "Guten Tag".to_owned();
        event.media = media;
        event
    }

    #[test]
    fn texts_are_joined_and_broken_hashes_left_out() {
        let facts = PictureFacts::of(&event(vec![
            seen("Tulpen", Some(&"0f".repeat(32))),
            seen("", Some("zz")),
            seen("Rosen", None),
        ]));
        assert_eq!((facts.text(), facts.hashes()), ("Tulpen\nRosen", &[[15; 32]][..]));
        assert_eq!(facts.read_with("Guten Tag"), "Guten Tag\nTulpen\nRosen");
    }

    #[test]
    fn pictures_that_nobody_looked_at_say_nothing() {
        let media = Media { media_type: "image".to_owned(), ..Media::default() };
        let facts = PictureFacts::of(&event(vec![media]));
        assert!(facts.is_empty());
        assert_eq!((&facts, facts.read_with("x")), (PictureFacts::NONE, "x"));
    }
}
