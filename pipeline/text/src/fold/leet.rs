//! Digits and signs that stand for letters.
//!
//! | written | letter | | written | letter |
//! |---|---|---|---|---|
//! | `4` `@` | a | | `0` | o |
//! | `3` | e | | `5` `$` | s |
//! | `1` | i | | `7` | t |
//!
//! Only in words with at least three letters, all of them Latin, and only
//!
//! * **inside**: a group of one or two of these between two letters (`n4zi`, `b00bs`, `a$$hole`);
//! * **at an edge**: a single digit that begins or ends the word (`4rsch`, `nutt3`).
//!
//! So numbers stay what they are: `88`, `1488`, `12a`, `mp3`, `AK47`, `18er`, `Combat18`, `G20Gipfel`,
//! `WM2014Finale`, `100km`. A group with a digit that stands for no letter (`2 6 8 9`) stays as a whole. `@` and
//! `$` count only between letters and not in web or mail addresses, so mentions and prices stay too.

use super::spelling::{Cell, is_latin};
use crate::chars::{is_mark, is_word_char};

/// Fewest letters a word must have before its digits are read as letters.
const MIN_LETTERS: usize = 3;
/// Longest group of digits or signs inside a word that is read as letters.
const MAX_INNER_GROUP: usize = 2;

/// Replaces digits and signs that stand for letters.
pub(super) fn replace(cells: &mut [Cell]) {
    if !cells.iter().any(|cell| letter_for(cell.c).is_some()) {
        return;
    }
    for chunk in cells.split_mut(|cell| cell.c.is_whitespace()) {
        let signs = !is_address(chunk);
        let part = |cell: &Cell| is_word_char(cell.c) || (signs && is_sign(cell.c));
        for token in chunk.split_mut(|cell| !part(cell)) {
            replace_in_word(trim_signs(token));
        }
    }
}

fn replace_in_word(word: &mut [Cell]) {
    let is_digit_like = |cell: &Cell| !is_latin(cell.c) && !is_mark(cell.c);
    let letters = word.iter().filter(|cell| is_latin(cell.c)).count();
    let foreign = word.iter().any(|cell| cell.c.is_alphabetic() && !is_latin(cell.c));
    if letters < MIN_LETTERS || foreign {
        return;
    }
    let length = word.len();
    let mut at = 0;
    while at < length {
        let group = word[at..].iter().take_while(|cell| is_digit_like(cell)).count();
        let inside = at > 0 && at + group < length;
        let longest = if inside { MAX_INNER_GROUP } else { 1 };
        let members = &mut word[at..at + group];
        if (1..=longest).contains(&group) && members.iter().all(|cell| letter_for(cell.c).is_some()) {
            for cell in members {
                cell.c = letter_for(cell.c).unwrap_or(cell.c);
            }
        }
        at += group.max(1);
    }
}

/// The word without `@` and `$` at its edges.
fn trim_signs(token: &mut [Cell]) -> &mut [Cell] {
    let start = token.iter().take_while(|cell| is_sign(cell.c)).count();
    let end = token.len() - token[start..].iter().rev().take_while(|cell| is_sign(cell.c)).count();
    &mut token[start..end]
}

const fn is_sign(c: char) -> bool {
    matches!(c, '@' | '$')
}

/// The letter that `c` stands for.
const fn letter_for(c: char) -> Option<char> {
    Some(match c {
        '4' | '@' => 'a',
        '3' => 'e',
        '1' => 'i',
        '0' => 'o',
        '5' | '$' => 's',
        '7' => 't',
        _ => return None,
    })
}

/// A web or mail address, or a name of the kind `@name@host.example`: has `://`, begins with `www.`, or has a
/// dot between letters after an `@`.
fn is_address(chunk: &[Cell]) -> bool {
    let has = |pattern: &str| {
        chunk.windows(pattern.len()).any(|part| part.iter().map(|cell| cell.c).eq(pattern.chars()))
    };
    let after_at = chunk.iter().position(|cell| cell.c == '@').map_or(&[][..], |at| &chunk[at..]);
    has("://")
        || has("www.")
        || after_at
            .windows(3)
            .any(|part| part[1].c == '.' && is_word_char(part[0].c) && is_word_char(part[2].c))
}
