//! Reads one bare piece of text: a word, a wildcard, a fuzzy word.

use crate::Finding;
use crate::syntax::ast::Pattern;

/// The pattern written as `text` at `at`.
pub(crate) fn pattern(text: &str, at: usize) -> Result<Pattern, Finding> {
    if let Some((word, edits)) = text.rsplit_once('~') {
        return fuzzy(text, word, edits, at);
    }
    let leading = text.starts_with('*');
    let trailing = text.len() > 1 && text.ends_with('*');
    let inner = text.strip_prefix('*').unwrap_or(text);
    let inner = if trailing { inner.strip_suffix('*').unwrap_or(inner) } else { inner };
    if inner.contains('*') {
        return Err(Finding::error(
            at,
            (
                format!("a star inside a word: `{text}`"),
                "a star stands at the beginning or the end; for the middle use a regular expression with a word beside it",
            ),
            (
                format!("ein Stern mitten im Wort: `{text}`"),
                "ein Stern steht am Anfang oder am Ende; für die Mitte nehmen Sie einen regulären Ausdruck mit einem Wort daneben",
            ),
        ));
    }
    if inner.is_empty() {
        return Err(Finding::error(
            at,
            ("a star alone matches everything", "write at least three letters with it, such as wort*"),
            ("ein Stern allein trifft alles", "schreiben Sie mindestens drei Buchstaben dazu, etwa wort*"),
        ));
    }
    let inner = inner.to_owned();
    Ok(match (leading, trailing) {
        (true, true) => Pattern::Infix(inner),
        (true, false) => Pattern::Suffix(inner),
        (false, true) => Pattern::Prefix(inner),
        (false, false) => Pattern::Word(inner),
    })
}

fn fuzzy(text: &str, word: &str, edits: &str, at: usize) -> Result<Pattern, Finding> {
    if edits != "1" {
        return Err(Finding::error(
            at,
            (format!("`~{edits}` is not known"), format!("write {word}~1: one letter may differ")),
            (
                format!("`~{edits}` gibt es nicht"),
                format!("schreiben Sie {word}~1: ein Buchstabe darf abweichen"),
            ),
        ));
    }
    if word.is_empty() || word.contains(['*', '~']) {
        return Err(Finding::error(
            at,
            (format!("`~1` goes with a plain word: `{text}`"), "write wort~1 or wort*"),
            (format!("`~1` steht hinter einem einfachen Wort: `{text}`"), "schreiben Sie wort~1 oder wort*"),
        ));
    }
    Ok(Pattern::Fuzzy(word.to_owned()))
}

/// The pattern of an entry of a list: a word, several words (a phrase), a wildcard or a fuzzy word.
pub(crate) fn list_pattern(text: &str) -> Result<Pattern, Finding> {
    if text.is_empty() {
        return Err(Finding::error(
            0,
            ("an empty entry", "remove it"),
            ("ein leerer Eintrag", "entfernen Sie ihn"),
        ));
    }
    let quoted = text.len() > 1 && text.starts_with('"') && text.ends_with('"');
    if quoted || text.contains(char::is_whitespace) {
        return Ok(Pattern::Phrase(text.trim_matches('"').to_owned()));
    }
    pattern(text, 0)
}
