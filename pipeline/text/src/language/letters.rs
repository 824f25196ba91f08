//! What of a text tells its language: letters, lower-cased, without addresses, names and signs.

use std::borrow::Cow;

use memchr::memchr2;
use smallvec::SmallVec;
use unicode_normalization::UnicodeNormalization;
use unicode_script::{Script, UnicodeScript};

use crate::chars::{is_letter, is_word_char};

/// Letters looked at for the script, from the beginning of the text; a language shows long before.
const MAX_SCANNED_LETTERS: usize = 1_024;
/// Code points the model looks at, spaces included; as in training.
pub(super) const MAX_LETTERS: usize = 256;

/// The letters of a text in its commonest script.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Letters {
    /// The script of most letters; none when there are no letters.
    pub(super) script: Option<Script>,
    /// Letters of that script.
    pub(super) count: u32,
    /// Letters of all scripts.
    pub(super) total: u32,
    /// The words in lower-case letters of that script, a space around each; at most [`MAX_LETTERS`].
    pub(super) stream: Vec<u32>,
    /// The scripts seen, with their letters.
    scripts: SmallVec<[(Script, u32); 4]>,
}

impl Letters {
    /// Reads the letters of `text`.
    pub(super) fn of(text: &str) -> Self {
        let text = composed(text);
        let latin = Self::collect(&text, Script::Latin);
        match latin.script {
            Some(script) if script != Script::Latin => Self::collect(&text, script),
            _ => latin,
        }
    }

    /// How many letters of `script` there are.
    pub(super) fn count_of(&self, script: Script) -> u32 {
        self.scripts.iter().find(|(seen, _)| *seen == script).map_or(0, |(_, count)| *count)
    }

    /// Is there any word to go by?
    pub(super) fn is_empty(&self) -> bool {
        self.stream.iter().all(|code| *code == SPACE)
    }

    /// The stream as a text.
    pub(super) fn words(&self) -> String {
        self.stream.iter().filter_map(|code| char::from_u32(*code)).collect::<String>().trim().to_owned()
    }

    fn collect(text: &str, wanted: Script) -> Self {
        let mut scripts: SmallVec<[(Script, u32); 4]> = SmallVec::new();
        let mut stream = Vec::with_capacity(MAX_LETTERS.min(text.len() + 2));
        let mut total = 0;
        let mut rest = text;
        while let Some(c) = rest.chars().next() {
            if total as usize == MAX_SCANNED_LETTERS {
                break;
            }
            let skipped = address_or_name(rest, c);
            if skipped > 0 {
                separate(&mut stream);
                rest = &rest[skipped..];
                continue;
            }
            rest = &rest[c.len_utf8()..];
            let Some(script) = script_of_letter(c) else {
                separate(&mut stream);
                continue;
            };
            total += 1;
            match scripts.iter_mut().find(|(seen, _)| *seen == script) {
                Some((_, count)) => *count += 1,
                None => scripts.push((script, 1)),
            }
            if script != wanted {
                separate(&mut stream);
            } else if stream.len() < MAX_LETTERS {
                if stream.is_empty() {
                    stream.push(SPACE);
                }
                stream.push(u32::from(lower(c)));
            }
        }
        separate(&mut stream);
        // Of scripts with equally many letters the first seen counts.
        let main = scripts.iter().rev().max_by_key(|(_, count)| *count).copied();
        Self {
            script: main.map(|(script, _)| script),
            count: main.map_or(0, |(_, count)| count),
            total,
            stream,
            scripts,
        }
    }
}

const SPACE: u32 = 32;
/// Different letters that laughter has at most (`hahaha`, `xxxxxx`).
const LAUGHTER_LETTERS: usize = 2;
/// Letters it has at least; shorter words such as `papa` are words.
const MIN_LAUGHTER: usize = 5;

/// Ends the word at the end of the stream; drops it if it is laughter or a key held down.
fn separate(stream: &mut Vec<u32>) {
    let Some(space) = stream.iter().rposition(|code| *code == SPACE) else { return };
    let word = &stream[space + 1..];
    let mut kinds: SmallVec<[u32; 3]> = SmallVec::new();
    for code in word {
        if !kinds.contains(code) {
            kinds.push(*code);
        }
        if kinds.len() > LAUGHTER_LETTERS {
            break;
        }
    }
    if word.len() >= MIN_LAUGHTER && kinds.len() <= LAUGHTER_LETTERS {
        stream.truncate(space + 1);
    } else if !word.is_empty() && stream.len() < MAX_LETTERS {
        stream.push(SPACE);
    }
}

/// Composed letters: decomposed ones are rare, and rarely worth a second copy of the text.
fn composed(text: &str) -> Cow<'_, str> {
    // U+0300 to U+036F, the combining marks, begin with these bytes in UTF-8.
    if memchr2(0xcc, 0xcd, text.as_bytes()).is_some() {
        Cow::Owned(text.nfc().collect())
    } else {
        Cow::Borrowed(text)
    }
}

/// Length of the web address or `@name` that begins here; 0 for none.
fn address_or_name(rest: &str, first: char) -> usize {
    match first {
        'h' | 'w' if ["https://", "http://", "www."].iter().any(|head| rest.starts_with(head)) => {
            rest.find(char::is_whitespace).unwrap_or(rest.len())
        }
        '@' => 1 + rest[1..].find(|c| !is_word_char(c) && c != '_').unwrap_or(rest.len() - 1),
        _ => 0,
    }
}

/// The script of a letter; none for everything else.
fn script_of_letter(c: char) -> Option<Script> {
    match c {
        'a'..='z' | 'A'..='Z' => Some(Script::Latin),
        '\0'..='\x7f' => None,
        '\u{c0}'..='\u{24f}' if c != '×' && c != '÷' => Some(Script::Latin),
        'Ѐ'..='ҁ' | 'Ҋ'..='ԯ' => Some(Script::Cyrillic),
        _ if !is_letter(c) => None,
        _ => match c.script() {
            Script::Common | Script::Inherited | Script::Unknown => None,
            script => Some(script),
        },
    }
}

/// Lower case, one character to one; as in training (`İ` has no single one but `i`).
fn lower(c: char) -> char {
    if c.is_ascii() {
        return c.to_ascii_lowercase();
    }
    let mut small = c.to_lowercase();
    match (small.next(), small.next()) {
        (Some(one), None) => one,
        _ => 'i',
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_letters_of_the_commonest_script_remain() {
        let letters = Letters::of("@name Ein #Tag, ÄRGER; дом http://x.example/a 7 İ");
        assert_eq!(letters.words(), "ein tag ärger i");
        assert_eq!(letters.stream.first(), Some(&SPACE));
        assert_eq!((letters.script, letters.count, letters.total), (Some(Script::Latin), 12, 15));
        assert_eq!(letters.count_of(Script::Cyrillic), 3);
        assert_eq!(Letters::of("что за das").words(), "что за");
    }

    #[test]
    fn nothing_remains_of_what_has_no_letters() {
        for text in ["", "  12 😀 …", "@name", "https://host.example/some/path"] {
            let letters = Letters::of(text);
            assert_eq!((letters.script, letters.stream.len()), (None, 0), "{text}");
        }
    }

    #[test]
    fn long_texts_are_cut() {
        assert_eq!(Letters::of(&"abc ".repeat(10_000)).stream.len(), MAX_LETTERS);
    }
}
