//! The text of an entry, and the few lines that the book itself reads from it. Meaning is the rule engine's part.

use serde::{Deserialize, Serialize};

use super::{Kind, Refusal};

/// The longest name.
pub const MAX_NAME_CHARS: usize = 60;

/// A YAML text with what it says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Text {
    /// One line for people; the name where the text gives none.
    pub title: String,
    /// Who answers for it, as written.
    pub owner: String,
    /// The day by which a person looks again (`YYYY-MM-DD`); for a suppression, the day it ends.
    pub review_by: String,
    /// The YAML.
    pub source: String,
}

/// Lower-case letters, digits, `-` and `_`; `new` is the address of the empty editor.
pub fn valid_name(name: &str) -> bool {
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || matches!(c, '-' | '_');
    (1..=MAX_NAME_CHARS).contains(&name.len()) && name != "new" && name.chars().all(plain)
}

impl Text {
    /// Reads name and envelope of a text.
    ///
    /// # Errors
    /// When there is no fitting name at the left edge, or more than one document.
    pub fn read(kind: Kind, source: &str) -> Result<(String, Self), Refusal> {
        // Browsers send line ends as CR LF.
        let source = source.replace("\r\n", "\n");
        if source.trim_start().lines().skip(1).any(|line| line.trim_end() == "---") {
            return Err(Refusal::SeveralDocuments);
        }
        let name = kind.name_keys().iter().find_map(|key| top_level(&source, key)).unwrap_or_default();
        if !valid_name(&name) {
            return Err(Refusal::BadName);
        }
        let of = |key: &str| top_level(&source, key).unwrap_or_default();
        let title = top_level(&source, "title").filter(|title| !title.is_empty());
        let day = if kind == Kind::Suppression { "expires" } else { "review_by" };
        let text = Self {
            title: title.unwrap_or_else(|| name.clone()),
            owner: of("owner"),
            review_by: of(day),
            source,
        };
        Ok((name, text))
    }
}

/// The value of a key at the left edge, without quotes and comment.
pub(super) fn top_level(source: &str, key: &str) -> Option<String> {
    let value = source.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix(':'))?.trim();
    if let Some(quote) = value.chars().next().filter(|c| matches!(c, '"' | '\'')) {
        let inner = value.get(1..).unwrap_or_default();
        return Some(inner.split(quote).next().unwrap_or_default().trim().to_owned());
    }
    Some(value.split(" #").next().unwrap_or_default().trim().to_owned())
}

/// The text with `key` at the left edge set to `value`: its line and the indented lines that belong to it are
/// replaced; where it is missing, it is written after the first key.
pub(super) fn with_field(source: &str, key: &str, value: &str) -> String {
    let line = format!("{key}: {value}");
    let is_key = |text: &str| text.strip_prefix(key).is_some_and(|rest| rest.starts_with(':'));
    let has = source.lines().any(is_key);
    let (mut out, mut written, mut dropping) =
        (String::with_capacity(source.len() + line.len() + 1), false, false);
    for text in source.lines() {
        let indented = text.starts_with([' ', '\t']);
        if dropping && indented {
            continue;
        }
        dropping = false;
        if is_key(text) {
            dropping = true;
            if !written {
                out.push_str(&line);
                out.push('\n');
                written = true;
            }
            continue;
        }
        out.push_str(text);
        out.push('\n');
        let starts_a_key = !indented && !text.starts_with('#') && text.contains(':');
        if !has && !written && starts_a_key {
            out.push_str(&line);
            out.push('\n');
            written = true;
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_envelope_is_read_and_set() {
        let source = "# c\r\nid: w-1\r\ntitle: \"A: b\" # x\r\nowner: anna # y\r\nreview_by: 2027-01-01\r\nwhen: |\r\n  a OR\r\n  b\r\n";
        let (name, text) = Text::read(Kind::Rule, source).unwrap();
        assert_eq!((name.as_str(), text.title.as_str(), text.owner.as_str()), ("w-1", "A: b", "anna"));
        assert_eq!(text.review_by, "2027-01-01");
        let set = with_field(&text.source, "when", "c");
        assert!(set.ends_with("\nwhen: c\n"), "{set}");
        let set = with_field(&text.source, "state", "shadow");
        assert!(set.starts_with("# c\nid: w-1\nstate: shadow\ntitle"), "{set}");
    }

    #[test]
    fn names_and_several_documents_are_refused() {
        for bad in ["id: ../x", "id: new", "title: x", " id: a", "id: A"] {
            assert_eq!(Text::read(Kind::Rule, bad).unwrap_err(), Refusal::BadName, "{bad}");
        }
        assert_eq!(Text::read(Kind::Rule, "---\nid: a\n---\nid: b").unwrap_err(), Refusal::SeveralDocuments);
        assert!(Text::read(Kind::Rule, "---\nid: a\n").is_ok());
        assert_eq!(Text::read(Kind::List, "bank: x_1\nhashes: []").unwrap().0, "x_1");
    }

    proptest::proptest! {
        #[test]
        fn a_field_that_was_set_is_read_back(source in "(id: a\n)?([a-z]{0,3}:? ?[a-z]{0,3}\n){0,8}") {
            let set = with_field(&format!("id: w\n{source}"), "state", "live");
            proptest::prop_assert_eq!(top_level(&set, "state"), Some("live".to_owned()));
            proptest::prop_assert_eq!(set.matches("\nstate: live\n").count(), 1);
        }
    }
}
