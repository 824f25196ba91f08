//! The path that most posts take through level `std`: one pass over the bytes, for texts in which only case
//! and `ä ö ü ß` need work.
//!
//! It gives up as soon as it sees anything that [`super::spelling`] might change otherwise: letters three
//! times in a row, digits that stand for letters, single letters in a row, or characters outside the few ranges known here.

use std::ops::Range;

use super::Folded;

/// What a byte is to this pass.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// Separates words.
    Other,
    Letter,
    Digit,
    /// `@` or `$`, letters in disguise.
    Sign,
    /// Begins a character outside ASCII.
    Wide,
}

const KINDS: [Kind; 256] = {
    let mut kinds = [Kind::Other; 256];
    let mut byte = 0;
    while byte < 256 {
        kinds[byte] = match byte as u8 {
            b'a'..=b'z' | b'A'..=b'Z' => Kind::Letter,
            b'0'..=b'9' => Kind::Digit,
            b'@' | b'$' => Kind::Sign,
            0x80.. => Kind::Wide,
            _ => Kind::Other,
        };
        byte += 1;
    }
    kinds
};

/// Letters in a word from which its digits may be letters (see [`super::leet`]).
const MIN_LETTERS: u32 = 3;
/// Longest group of digits inside a word that may be letters; at an edge it is one.
const MAX_INNER_DIGITS: u32 = 2;
/// Single letters in a row that may be one word.
const MIN_SINGLES: u32 = 3;

/// The word that is being read.
#[derive(Default)]
struct Word {
    /// Letters; `ä` counts as the two it becomes.
    letters: u32,
    /// Of these, the second ones.
    second_letters: u32,
    digits: u32,
    /// The digits since the last letter, and whether all of them may stand for letters.
    group: u32,
    group_is_letters: bool,
    /// A group of digits stands for letters if the word has letters enough.
    disguised: bool,
    /// The last letter, and how many times in a row.
    last: u32,
    repeats: u32,
}

/// What was read since the last word.
#[derive(Default)]
struct Gap {
    length: u32,
    /// Words of one letter in a row before the gap, one character between each.
    singles: u32,
}

/// Folds `text` to level `std` if that is simple; else false, and `folded` holds anything.
#[cfg(test)]
pub(super) fn fold(text: &str, folded: &mut Folded) -> bool {
    fold_part(text, 0..text.len(), folded)
}

/// Folds a part of `text` that [`super::parts`] gave and appends it to `folded`, if that is simple; else false, and
/// `folded` has anything appended.
pub(super) fn fold_part(text: &str, part: Range<usize>, folded: &mut Folded) -> bool {
    let text = &text[..part.end];
    let bytes = text.as_bytes();
    let (mut word, mut gap) = (Word::default(), Gap::default());
    let mut kept = part.start;
    let mut at = part.start;
    while let Some(&byte) = bytes.get(at) {
        let mut length = 1;
        match KINDS[usize::from(byte)] {
            Kind::Letter => {
                if !word.letter(u32::from(byte | 0x20)) {
                    return false;
                }
            }
            Kind::Digit => word.digit(byte),
            Kind::Sign if word.letters > 0 => return false,
            Kind::Other | Kind::Sign => {
                if !gap.add(&mut word) {
                    return false;
                }
            }
            Kind::Wide => {
                let (Some(wide), taken) = Wide::read(&bytes[at..]) else { return false };
                length = taken;
                let simple = match wide {
                    Wide::Gone => true,
                    Wide::Separator => gap.add(&mut word),
                    Wide::Separators(signs) => signs.bytes().all(|_| gap.add(&mut word)),
                    Wide::Letter(small) => word.letter(u32::from(small)),
                    Wide::Two(letters) => {
                        word.second_letters += 1;
                        letters.bytes().all(|letter| word.letter(u32::from(letter)))
                    }
                };
                if !simple {
                    return false;
                }
                if let Wide::Letter(small) = wide {
                    folded.keep_lowercase(kept, &text[kept..at]);
                    folded.text.push(small);
                    kept = at + length;
                } else if let Some(other) = wide.replacement() {
                    if kept < at {
                        folded.keep_lowercase(kept, &text[kept..at]);
                    }
                    if !other.is_empty() {
                        folded.replace(at, at + length);
                        folded.text.push_str(other);
                    }
                    kept = at + length;
                }
            }
        }
        at += length;
    }
    if kept < bytes.len() {
        folded.keep_lowercase(kept, &text[kept..]);
    }
    gap.add(&mut word)
}

impl Word {
    fn digit(&mut self, digit: u8) {
        let stands_for_letter = matches!(digit, b'0' | b'1' | b'3' | b'4' | b'5' | b'7');
        self.group_is_letters = stands_for_letter && (self.group == 0 || self.group_is_letters);
        self.group += 1;
        self.digits += 1;
    }

    /// A group of digits ends, before a letter (`inside`, if there is one before it too) or with the word.
    fn end_group(&mut self, before_letter: bool) {
        let inside = before_letter && self.letters > 0;
        let longest = if inside { MAX_INNER_DIGITS } else { 1 };
        self.disguised |= self.group > 0 && self.group <= longest && self.group_is_letters;
        self.group = 0;
    }

    /// Adds a letter; false when it is the third in a row.
    fn letter(&mut self, code: u32) -> bool {
        if self.group > 0 {
            self.end_group(true);
        }
        self.letters += 1;
        if self.last == code {
            self.repeats += 1;
        } else {
            (self.last, self.repeats) = (code, 1);
        }
        self.repeats < 3
    }
}

impl Gap {
    /// Ends the word, if there is one, and adds a separator; false when the word or the words so far need
    /// the thorough path.
    fn add(&mut self, word: &mut Word) -> bool {
        if word.letters + word.digits > 0 {
            let single = word.letters - word.second_letters == 1 && word.digits == 0;
            self.singles = match (single, self.length) {
                (false, _) => 0,
                (true, 1) => self.singles + 1,
                (true, _) => 1,
            };
            word.end_group(false);
            if self.singles >= MIN_SINGLES || (word.disguised && word.letters >= MIN_LETTERS) {
                return false;
            }
            *word = Word::default();
            self.length = 0;
        }
        self.length += 1;
        true
    }
}

/// A character outside ASCII that is simple to fold.
enum Wide {
    /// A letter that becomes this one of the same length.
    Letter(char),
    /// A letter that becomes two.
    Two(&'static str),
    /// Punctuation or an emoji that stays.
    Separator,
    /// Punctuation that becomes other punctuation.
    Separators(&'static str),
    /// Shows nothing and goes.
    Gone,
}

impl Wide {
    /// Reads the character at the start of `bytes`; none when it is not simple. And its length.
    fn read(bytes: &[u8]) -> (Option<Self>, usize) {
        match *bytes {
            [0xc3, second, ..] => (Self::latin(second), 2),
            // No-break space, soft hyphen; section sign, degree sign, angle quotation marks.
            [0xc2, 0xa0, ..] => (Some(Self::Separators(" ")), 2),
            [0xc2, 0xad, ..] => (Some(Self::Gone), 2),
            [0xc2, 0xa7 | 0xab | 0xb0 | 0xbb, ..] => (Some(Self::Separator), 2),
            // Zero width, and the variation selector that makes a sign an emoji; the ellipsis; dashes, quotation marks, the bullet; the euro sign; symbols and
            // dingbats from U+2600 to U+275F and from U+2794 to U+27BF (between them are numbers).
            [0xe2, 0x80, 0x8b..=0x8d, ..] | [0xef, 0xb8, 0x8f, ..] => (Some(Self::Gone), 3),
            [0xe2, 0x80, 0xa6, ..] => (Some(Self::Separators("...")), 3),
            [0xe2, 0x80, 0x90 | 0x92..=0x94 | 0x98..=0x9e | 0xa2, ..]
            | [0xe2, 0x82, 0xac, ..]
            | [0xe2, 0x98..=0x9c, _, ..]
            | [0xe2, 0x9d, 0x80..=0x9f | 0xa1..=0xa7, ..] => (Some(Self::Separator), 3),
            // Emoji: flags, U+1F300 to U+1F64F (skin tones among them), U+1F680 to U+1F6FF, U+1F900 to U+1F9FF.
            [0xf0, 0x9f, 0x87, 0xa6..=0xbf, ..]
            | [0xf0, 0x9f, 0x8c..=0x98 | 0x9a | 0x9b | 0xa4..=0xa7, _, ..] => (Some(Self::Separator), 4),
            _ => (None, 0),
        }
    }

    /// The letters from U+00C0 to U+00FF, by their second byte.
    fn latin(second: u8) -> Option<Self> {
        Some(match second {
            0x84 | 0x86 | 0xa4 | 0xa6 => Self::Two("ae"),
            0x96 | 0x98 | 0xb6 | 0xb8 => Self::Two("oe"),
            0x9c | 0xbc => Self::Two("ue"),
            0x9f => Self::Two("ss"),
            0x97 | 0xb7 => Self::Separator,
            _ => Self::Letter(char::from((second | 0x20) + 0x40)),
        })
    }

    /// What is written instead, if that is not a letter of the same length.
    const fn replacement(&self) -> Option<&'static str> {
        match self {
            Self::Two(other) | Self::Separators(other) => Some(other),
            Self::Gone => Some(""),
            Self::Letter(_) | Self::Separator => None,
        }
    }
}
