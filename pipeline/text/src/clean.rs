//! The normalisation the classifiers were trained with.
//!
//! Training runs in Python, so this follows Python to the letter: `html.unescape`, `\s` and `\w` of its `re`
//! module for text, `str.strip`. The two differ only where Python's Unicode tables and ours are of different
//! versions.

use std::borrow::Cow;

use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

mod entities;

/// What GermEval 2018 writes for a line break.
const LINE_BREAK: &str = "|LBR|";

/// Cleans `text` as it was cleaned in training: HTML entities decoded, `|LBR|` a space, addresses ` http `,
/// mentions (`@name`, `[@NAME]`) `@user` and runs of them one, white space collapsed and trimmed.
pub fn clean_for_models(text: &str) -> String {
    let unescaped = if text.contains('&') { entities::unescape(text) } else { Cow::Borrowed(text) };
    let unbroken = if unescaped.contains(LINE_BREAK) {
        Cow::Owned(unescaped.replace(LINE_BREAK, " "))
    } else {
        unescaped
    };
    let without_addresses = replace_addresses(&unbroken);
    let without_names = replace_mentions(&without_addresses);
    collapse_space(&join_users(&without_names))
}

/// `https?://\S+`, `www\.\S+` and `t.co/\S+` at a word's start become ` http `.
fn replace_addresses(text: &str) -> Cow<'_, str> {
    if !["://", "www.", "t.co/"].iter().any(|mark| text.contains(mark)) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let (mut copied, mut at) = (0, 0);
    while let Some(next) = text[at..].find(['h', 'w', 't']) {
        at += next;
        match address_length(&text[at..], text[..at].chars().next_back()) {
            Some(length) => {
                out.push_str(&text[copied..at]);
                out.push_str(" http ");
                at += length;
                copied = at;
            }
            None => at += 1,
        }
    }
    out.push_str(&text[copied..]);
    Cow::Owned(out)
}

/// Length in bytes of the address that `rest` begins with; `before` is the character in front of it.
fn address_length(rest: &str, before: Option<char>) -> Option<usize> {
    let head = ["https://", "http://", "www."].into_iter().find(|head| rest.starts_with(head));
    let head =
        head.or_else(|| (rest.starts_with("t.co/") && !before.is_some_and(is_word)).then_some("t.co/"))?;
    let tail = rest[head.len()..].find(is_space).unwrap_or(rest.len() - head.len());
    (tail > 0).then_some(head.len() + tail)
}

/// `[@\w+]` and `@\w+` become `@user`.
fn replace_mentions(text: &str) -> Cow<'_, str> {
    if !text.contains('@') {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut rest = text;
    while let Some(at) = rest.find('@') {
        let name = &rest[at + 1..];
        let length = name.find(|c| !is_word(c)).unwrap_or(name.len());
        let after = &name[length..];
        if length == 0 {
            out.push_str(&rest[..=at]);
            rest = after;
            continue;
        }
        match (rest[..at].strip_suffix('['), after.strip_prefix(']')) {
            (Some(front), Some(after)) => {
                out.push_str(front);
                rest = after;
            }
            _ => {
                out.push_str(&rest[..at]);
                rest = after;
            }
        }
        out.push_str("@user");
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Two or more `@user` with only white space, colons and commas between become one, and one space.
fn join_users(text: &str) -> Cow<'_, str> {
    const USER: &str = "@user";
    let separates = |c: char| is_space(c) || c == ':' || c == ',';
    if !text.contains(USER) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find(USER) {
        out.push_str(&rest[..at]);
        let run = &rest[at..];
        let (mut end, mut users) = (0, 0);
        while let Some(after) = run[end..].strip_prefix(USER) {
            users += 1;
            end = run.len() - after.trim_start_matches(separates).len();
        }
        if users > 1 {
            out.push_str("@user ");
        } else {
            out.push_str(&run[..end]);
        }
        rest = &run[end..];
    }
    out.push_str(rest);
    Cow::Owned(out)
}

/// Runs of white space become one space; none at the ends.
fn collapse_space(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for part in text.split(is_space).filter(|part| !part.is_empty()) {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(part);
    }
    out
}

/// Python's `\w`: a letter or number (no marks), or the underscore.
fn is_word(c: char) -> bool {
    if c.is_ascii() {
        return c.is_ascii_alphanumeric() || c == '_';
    }
    matches!(c.general_category_group(), GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
}

/// Python's `\s` and `str.isspace`: `White_Space` and the four separators of ASCII.
fn is_space(c: char) -> bool {
    c.is_whitespace() || matches!(c, '\x1c'..='\x1f')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cleans_what_training_cleaned() {
        for (text, clean) in [
            ("", ""),
            (" \u{a0}a\u{1c}b \n", "a b"),
            ("a|LBR|b", "a b"),
            ("see https://x.example/?q=1, or www.x.example.", "see http or http"),
            ("http:// www. t.co/ xt.co/a t.co/a", "http:// www. t.co/ xt.co/a http"),
            ("x @name: [@POL] y[@a b] mail@host", "x @user y[@user b] mail@user"),
            ("@a, @b:@c z @d", "@user z @user"),
            ("@ @@a [@] @-", "@ @@user [@] @-"),
            ("@é\u{301}", "@user\u{301}"),
            ("a &amp;lt; b &lt; c&nbsp;d", "a &lt; b < c d"),
            ("&amp &ampx &notit; &xyz; & &; &#; &#x;", "& &x ¬it; &xyz; & &; &#; &#x;"),
            ("&#104;&#x68&#x80;&#0;&#1;&#xd800;&#99999999999;&#xfffe;", "hh€\u{fffd}\u{fffd}\u{fffd}"),
            ("&CounterClockwiseContourIntegral;&eacute&auml;", "∳éä"),
        ] {
            assert_eq!(clean_for_models(text), clean, "{text:?}");
        }
    }
}
