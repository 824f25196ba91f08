//! Words and sentences.

use unicode_segmentation::UnicodeSegmentation;

use crate::chars::{ZERO_WIDTH_JOINER, is_emoji, is_emoji_modifier, is_regional_indicator, is_word_char};

/// A word: a byte range of the text it was cut from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Word {
    /// First byte.
    pub start: u32,
    /// First byte after it.
    pub end: u32,
}

/// Cuts a folded text into words and puts them into `out` (emptied first); their order is their position.
///
/// A word is a maximal run of letters, marks and digits (general category L, M, N). An emoji is a word of its
/// own, together with what belongs to it: skin tone, variation selector, the emoji joined to it, the other
/// half of a flag. Everything else separates.
pub fn words(folded_text: &str, out: &mut Vec<Word>) {
    out.clear();
    let bytes = folded_text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let start = at;
        at = word_run_end(folded_text, at);
        if at == start {
            if bytes[at].is_ascii() {
                at += 1;
                continue;
            }
            let Some(c) = folded_text[at..].chars().next() else { break };
            at += c.len_utf8();
            if !is_emoji(c) {
                continue;
            }
            at = emoji_end(folded_text, at, is_regional_indicator(c));
        }
        out.push(Word { start: offset(start), end: offset(at) });
    }
}

/// The words of a folded text with one space between two.
pub fn joined(folded_text: &str, words: &[Word]) -> String {
    let mut out = String::with_capacity(folded_text.len());
    for word in words {
        if !out.is_empty() {
            out.push(' ');
        }
        out.push_str(folded_text.get(word.start as usize..word.end as usize).unwrap_or_default());
    }
    out
}

/// What the first byte of a character tells.
#[derive(Clone, Copy)]
enum Byte {
    /// A letter or digit of ASCII.
    Word,
    /// Any other of ASCII.
    Separator,
    /// Begins a character from U+00C0 to U+00FF.
    Latin,
    /// Begins another.
    Wide,
}

static BYTES: [Byte; 256] = {
    let mut bytes = [Byte::Wide; 256];
    let mut byte = 0;
    while byte < 128 {
        bytes[byte] = if (byte as u8).is_ascii_alphanumeric() { Byte::Word } else { Byte::Separator };
        byte += 1;
    }
    bytes[0xc3] = Byte::Latin;
    bytes
};

/// The end of the run of word characters that begins at `at`; `at` itself when there is none.
fn word_run_end(text: &str, mut at: usize) -> usize {
    let bytes = text.as_bytes();
    while let Some(&byte) = bytes.get(at) {
        match BYTES[usize::from(byte)] {
            Byte::Word => at += 1,
            Byte::Separator => break,
            // U+00C0 to U+00FF: letters but for the signs of multiplication and division.
            Byte::Latin if !matches!(bytes.get(at + 1), Some(0x97 | 0xb7)) => at += 2,
            _ => match text[at..].chars().next() {
                Some(c) if is_word_char(c) => at += c.len_utf8(),
                _ => break,
            },
        }
    }
    at
}

/// The end of the emoji whose first character ends at `at`.
fn emoji_end(text: &str, mut at: usize, flag: bool) -> usize {
    let mut rest = text[at..].chars().peekable();
    if flag && let Some(second) = rest.next_if(|c| is_regional_indicator(*c)) {
        at += second.len_utf8();
    }
    while let Some(c) = rest.next() {
        if is_emoji_modifier(c) {
            at += c.len_utf8();
        } else if c == ZERO_WIDTH_JOINER
            && let Some(joined) = rest.next_if(|c| is_emoji(*c))
        {
            at += c.len_utf8() + joined.len_utf8();
        } else {
            break;
        }
    }
    at
}

/// Sentence boundaries by UAX 29: byte ranges that cover the whole of `text`.
pub fn sentences(text: &str) -> Vec<(u32, u32)> {
    text.split_sentence_bound_indices()
        .map(|(start, sentence)| (offset(start), offset(start + sentence.len())))
        .collect()
}

/// Offsets are 32 bits wide: no post comes near 4 GB, and one that did would have its tail share an offset.
pub(crate) fn offset(at: usize) -> u32 {
    u32::try_from(at).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> Vec<&str> {
        let mut found = Vec::new();
        words(text, &mut found);
        found.iter().map(|w| &text[w.start as usize..w.end as usize]).collect()
    }

    #[test]
    fn letters_marks_and_digits_make_words() {
        assert_eq!(cut("Straße 88, 2.Stock"), ["Straße", "88", "2", "Stock"]);
        assert_eq!(cut("a_b-c#tag @name"), ["a", "b", "c", "tag", "name"]);
        assert_eq!(cut("e\u{301}te\u{301}"), ["e\u{301}te\u{301}"]);
        assert_eq!(cut("  … !"), [""; 0]);
    }

    #[test]
    fn each_emoji_is_one_word() {
        assert_eq!(cut("ok👍🏽👍🏽 x"), ["ok", "👍🏽", "👍🏽", "x"]);
        assert_eq!(cut("🇩🇪🇹🇷"), ["🇩🇪", "🇹🇷"]);
        assert_eq!(cut("👨‍👩‍👧‍👦❤️a"), ["👨‍👩‍👧‍👦", "❤️", "a"]);
        assert_eq!(cut("🏴󠁧󠁢󠁥󠁮󠁧󠁿!"), ["🏴󠁧󠁢󠁥󠁮󠁧󠁿"]);
    }

    #[test]
    fn sentences_cover_the_text() {
        assert_eq!(sentences("Eins. Zwei! Drei"), [(0, 6), (6, 12), (12, 16)]);
        assert_eq!(sentences(""), []);
    }
}
