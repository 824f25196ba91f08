//! Tags, addresses and mentions that stand in the text itself.
//!
//! Rules read them from the text plus what the source stated, in the stream, in `scan` and in a backtest alike.

use std::sync::LazyLock;

use regex::Regex;

/// At most so many of each kind are looked at: a post of hashtags only must not cost more than others.
const MAX_FIELDS: usize = 64;

#[expect(clippy::expect_used, reason = "the patterns are constants that tests compile")]
fn pattern(source: &str) -> Regex {
    Regex::new(source).expect("a constant pattern compiles")
}

static TAG: LazyLock<Regex> = LazyLock::new(|| pattern(r"#([\p{L}\p{M}\p{N}_]+)"));
static MENTION: LazyLock<Regex> =
    LazyLock::new(|| pattern(r"@([\p{L}\p{N}_][\p{L}\p{N}_.\-]*(?:@[\w.\-]+)?)"));
static URL: LazyLock<Regex> = LazyLock::new(|| pattern(r#"(?i)\b(?:https?://|www\.)[^\s<>"]+"#));

/// What a text names beside its words.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Fields {
    /// Hashtags without `#`.
    pub tags: Vec<String>,
    /// Addresses.
    pub urls: Vec<String>,
    /// Accounts, without `@`.
    pub mentions: Vec<String>,
}

/// Joins what the source stated with what the text says; without doubles, stated ones first.
pub fn fields(text: &str, stated_tags: &[String], stated_links: &[String]) -> Fields {
    let mut fields = Fields::default();
    for tag in stated_tags {
        add(&mut fields.tags, tag.trim_start_matches('#'));
    }
    for link in stated_links {
        add(&mut fields.urls, link);
    }
    if text.contains('#') {
        TAG.captures_iter(text).for_each(|c| add(&mut fields.tags, &c[1]));
    }
    if text.contains('@') {
        MENTION.captures_iter(text).for_each(|c| add(&mut fields.mentions, &c[1]));
    }
    if text.contains("://") || text.contains("www.") || text.contains("WWW.") {
        URL.find_iter(text).for_each(|m| add(&mut fields.urls, m.as_str()));
    }
    fields
}

fn add(list: &mut Vec<String>, value: &str) {
    if list.len() < MAX_FIELDS && !value.is_empty() && !list.iter().any(|known| known == value) {
        list.push(value.to_owned());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_source_are_joined() {
        let f = fields("Hallo @anna.b #Köln https://example.org/x und #Köln", &["#Wetter".into()], &[]);
        assert_eq!(f.tags, ["Wetter", "Köln"]);
        assert_eq!(f.mentions, ["anna.b"]);
        assert_eq!(f.urls, ["https://example.org/x"]);
    }

    #[test]
    fn the_number_is_bounded() {
        let text: String = (0..1000).map(|i| format!("#t{i} ")).collect();
        assert_eq!(fields(&text, &[], &[]).tags.len(), MAX_FIELDS);
    }
}
