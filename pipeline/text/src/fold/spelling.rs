//! Level `std`: unifies the spellings by which one word can be written, among them the usual disguises.
//!
//! In this order, over and over until nothing changes any more:
//!
//! 1. **Characters.** Invisible characters go (zero width, writing direction, soft hyphen, variation
//!    selectors). NFKC. Then one to one: letters in circles, small capitals and letters of phonetic script
//!    become plain letters, `ı` and `İ` become `i`; the Arabic lengthening stroke and short-vowel signs, and
//!    marks piled on Latin letters that NFKC could not compose, go.
//! 2. **Look-alikes.** In a word that has Latin letters, Cyrillic and Greek letters that look like Latin ones
//!    become those.
//! 3. **Spaced-out letters.** Three or more single letters in a row, the same single separator between each
//!    (`h a s s`, `h.a.s.s`, `h-a-s-s`), become one word.
//! 4. **Case**, by simple case folding; `ä ö ü ß` and their relatives `æ œ ø` become `ae oe ue ss ae oe oe`.
//! 5. **Leet** ([`super::leet`]): digits and signs that stand for letters, in words that have letters. Numbers
//!    stay as they are.
//! 6. **Repeats.** A letter three or more times in a row is kept once when it is a vowel or begins the word,
//!    else twice (`naaaazi` is `nazi`, `hasssss` is `hass`). A word that is nothing but one letter keeps up to
//!    three (`KKK`, `III`).
//!
//! A word alone and the same word in a sentence fold alike, so that rule terms meet texts.

use std::ops::Range;

use unicode_normalization::UnicodeNormalization;
use unicode_normalization::char::canonical_combining_class;
use unicode_normalization::{IsNormalized, is_nfkc_quick};

use super::{Folded, leet};
use crate::chars::{fold_case, is_invisible, is_letter, is_word_char};

/// Passes after which folding stops even if the text still changes. Each pass joins words, replaces digits or
/// drops characters, so texts settle after two or three; the bound is against texts made to take long.
const MAX_PASSES: usize = 16;

/// A character of the text in work, and the bytes of the original it stands for. Two cells of one origin have
/// equal ranges.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cell {
    pub(super) c: char,
    pub(super) start: u32,
    pub(super) end: u32,
}

/// Folds a part of `text` to level `std` and appends it to `folded`.
pub(super) fn fold_part(text: &str, part: Range<usize>, folded: &mut Folded) {
    let cells = cells(text, part);
    write(&cells, text, folded);
}

/// The cells of a part of `text` folded to level `std`.
pub(super) fn cells(text: &str, part: Range<usize>) -> Vec<Cell> {
    let first = part.start;
    let mut cells: Vec<Cell> = text[part]
        .char_indices()
        .map(|(at, c)| Cell {
            c,
            start: crate::segment::offset(first + at),
            end: crate::segment::offset(first + at + c.len_utf8()),
        })
        .collect();
    let mut before = Vec::new();
    for _ in 0..MAX_PASSES {
        before.clone_from(&cells);
        unify_characters(&mut cells);
        replace_lookalikes(&mut cells);
        join_spaced_letters(&mut cells);
        lower_and_expand(&mut cells);
        leet::replace(&mut cells);
        collapse_repeats(&mut cells);
        if before.iter().map(|cell| cell.c).eq(cells.iter().map(|cell| cell.c)) {
            break;
        }
    }
    cells
}

/// Writes cells as a folded text with its map.
pub(super) fn write(cells: &[Cell], original: &str, folded: &mut Folded) {
    for same_origin in cells.chunk_by(|a, b| (a.start, a.end) == (b.start, b.end)) {
        let [first, ..] = same_origin else { continue };
        let (start, end) = (first.start as usize, first.end as usize);
        let mut origin = original.get(start..end).unwrap_or_default().chars();
        let one_to_one = same_origin.len() == 1 && end - start == first.c.len_utf8();
        if one_to_one && origin.next().is_some() && origin.next().is_none() {
            folded.linear_from(start);
        } else {
            folded.replace(start, end);
        }
        folded.text.extend(same_origin.iter().map(|cell| cell.c));
    }
}

/// Step 1: invisible characters go, NFKC, one-to-one look-alikes of any context.
fn unify_characters(cells: &mut Vec<Cell>) {
    if cells.iter().all(|cell| cell.c.is_ascii()) {
        return;
    }
    cells.retain(|cell| !is_invisible(cell.c));
    let mut unified: Vec<Cell> = Vec::with_capacity(cells.len());
    let mut at = 0;
    while at < cells.len() {
        let first = at;
        at += 1;
        while at < cells.len() && !begins_normalisation_unit(cells[at].c) {
            at += 1;
        }
        if let [cell] = &cells[first..at]
            && (cell.c.is_ascii() || is_nfkc_quick(std::iter::once(cell.c)) == IsNormalized::Yes)
        {
            push_plain(*cell, &mut unified);
            continue;
        }
        let (start, end) = (cells[first].start, cells[at - 1].end);
        for c in cells[first..at].iter().map(|cell| cell.c).nfkc() {
            push_plain(Cell { c, start, end }, &mut unified);
        }
    }
    *cells = unified;
}

/// Does NFKC treat `c` apart from whatever stands before it?
fn begins_normalisation_unit(c: char) -> bool {
    let alone = |c: char| {
        canonical_combining_class(c) == 0 && is_nfkc_quick(std::iter::once(c)) != IsNormalized::Maybe
    };
    c < '\u{300}' || (alone(c) && std::iter::once(c).nfkd().next().is_none_or(alone))
}

/// Pushes the plain form of a normalised character, or nothing for one that only decorates.
fn push_plain(cell: Cell, unified: &mut Vec<Cell>) {
    let piled_on_latin = || unified.last().is_some_and(|last| is_latin(last.c));
    let c = match cell.c {
        '\u{640}' | '\u{64b}'..='\u{652}' | '\u{670}' => return,
        '\u{300}'..='\u{36f}' | '\u{1ab0}'..='\u{1aff}' | '\u{20d0}'..='\u{20ff}' if piled_on_latin() => {
            return;
        }
        c => plain(c),
    };
    unified.push(Cell { c, ..cell });
}

/// Characters that are a Latin letter in another dress and that NFKC leaves alone.
fn plain(c: char) -> char {
    let letter = |base: u32| u8::try_from(u32::from(c) - base).map_or(c, |n| char::from(b'a' + n));
    match c {
        'ı' | 'İ' | 'ɪ' => 'i',
        'ɑ' | 'ᴀ' => 'a',
        'ʙ' => 'b',
        'ᴄ' => 'c',
        'ᴅ' => 'd',
        'ᴇ' => 'e',
        'ꜰ' => 'f',
        'ɡ' | 'ɢ' => 'g',
        'ʜ' => 'h',
        'ᴊ' => 'j',
        'ᴋ' => 'k',
        'ʟ' => 'l',
        'ᴍ' => 'm',
        'ɴ' => 'n',
        'ᴏ' => 'o',
        'ᴘ' => 'p',
        'ʀ' => 'r',
        'ꜱ' => 's',
        'ᴛ' => 't',
        'ᴜ' => 'u',
        'ᴠ' => 'v',
        'ᴡ' => 'w',
        'ʏ' => 'y',
        'ᴢ' => 'z',
        '\u{1f150}'..='\u{1f169}' => letter(0x1f150),
        '\u{1f170}'..='\u{1f189}' => letter(0x1f170),
        _ => c,
    }
}

/// A letter of the Latin script, composed forms included.
pub(super) fn is_latin(c: char) -> bool {
    match c {
        'a'..='z' | 'A'..='Z' => true,
        '\u{aa}'..='\u{24f}' | '\u{250}'..='\u{2af}' | '\u{1e00}'..='\u{1eff}' | '\u{a720}'..='\u{a7ff}' => {
            is_letter(c)
        }
        _ => false,
    }
}

/// Calls `change` with each maximal run of word characters.
fn each_word(cells: &mut [Cell], mut change: impl FnMut(&mut [Cell])) {
    let mut at = 0;
    while at < cells.len() {
        let length = cells[at..].iter().take_while(|cell| is_word_char(cell.c)).count();
        if length > 0 {
            change(&mut cells[at..at + length]);
        }
        at += length + 1;
    }
}

/// Step 2: Cyrillic and Greek look-alikes in words with Latin letters.
fn replace_lookalikes(cells: &mut [Cell]) {
    each_word(cells, |word| {
        if word.iter().any(|cell| is_latin(cell.c)) {
            for cell in word {
                cell.c = looks_like(cell.c);
            }
        }
    });
}

/// The Latin letter that a Cyrillic, Armenian or Greek letter looks like, in its own case.
fn looks_like(c: char) -> char {
    match c {
        'а' | 'А' | 'α' | 'Α' => 'a',
        'в' | 'В' | 'ь' | 'β' | 'Β' => 'b',
        'с' | 'С' | 'ϲ' | 'Ϲ' => 'c',
        'ԁ' => 'd',
        'е' | 'Е' | 'ё' | 'Ё' | 'є' | 'Є' | 'ε' | 'Ε' => 'e',
        'н' | 'Н' | 'һ' | 'Һ' | 'Η' | 'հ' => 'h',
        'і' | 'І' | 'ї' | 'Ї' | 'ι' | 'Ι' => 'i',
        'ј' | 'Ј' => 'j',
        'к' | 'К' | 'κ' | 'Κ' => 'k',
        'м' | 'М' | 'Μ' => 'm',
        'п' | 'η' | 'Ν' | 'ո' => 'n',
        'о' | 'О' | 'ο' | 'Ο' | 'օ' => 'o',
        'р' | 'Р' | 'ρ' | 'Ρ' => 'p',
        'ԛ' | 'Ԛ' => 'q',
        'г' => 'r',
        'ѕ' | 'Ѕ' => 's',
        'т' | 'Т' | 'τ' | 'Τ' => 't',
        'υ' | 'ս' => 'u',
        'ν' | 'ѵ' | 'Ѵ' => 'v',
        'ԝ' | 'Ԝ' | 'ω' => 'w',
        'х' | 'Х' | 'χ' | 'Χ' => 'x',
        'у' | 'У' | 'ү' | 'Ү' | 'γ' | 'Υ' => 'y',
        'Ζ' => 'z',
        _ => c,
    }
}

/// Fewest single letters in a row that are taken for one spaced-out word.
const MIN_SPACED_LETTERS: usize = 3;

/// Step 3: joins spaced-out letters.
fn join_spaced_letters(cells: &mut Vec<Cell>) {
    let is_single = |cells: &[Cell], at: usize| {
        let outside =
            |at: Option<usize>| at.and_then(|at| cells.get(at)).is_none_or(|cell| !is_word_char(cell.c));
        cells.get(at).is_some_and(|cell| is_joinable(cell.c))
            && outside(at.checked_sub(1))
            && outside(Some(at + 1))
    };
    let mut kept = 0;
    let mut at = 0;
    while at < cells.len() {
        let mut letters = usize::from(is_single(cells, at));
        if letters == 1 {
            let separator = cells.get(at + 1).map(|cell| cell.c);
            while cells.get(at + 2 * letters - 1).map(|cell| cell.c) == separator
                && is_single(cells, at + 2 * letters)
            {
                letters += 1;
            }
        }
        let step = if letters >= MIN_SPACED_LETTERS { 2 } else { 1 };
        for i in 0..letters.max(1) {
            if step == 2 || i == 0 {
                cells[kept] = cells[at + i * step];
                kept += 1;
            }
        }
        at += if step == 2 { 2 * letters - 1 } else { 1 };
    }
    cells.truncate(kept);
}

/// Letters that cannot merge with a neighbour in NFKC once the separator is gone.
fn is_joinable(c: char) -> bool {
    is_latin(c) || (matches!(c, '\u{370}'..='\u{52f}' | '\u{620}'..='\u{64a}') && is_letter(c))
}

/// Step 4: case, and the letters that are also written as two.
fn lower_and_expand(cells: &mut Vec<Cell>) {
    let mut expanded = 0;
    for cell in cells.iter_mut() {
        cell.c = fold_case(cell.c);
        expanded += usize::from(two_letters(cell.c).is_some());
    }
    if expanded == 0 {
        return;
    }
    let mut out = Vec::with_capacity(cells.len() + expanded);
    for cell in cells.iter() {
        match two_letters(cell.c) {
            Some((first, second)) => out.extend([Cell { c: first, ..*cell }, Cell { c: second, ..*cell }]),
            None => out.push(*cell),
        }
    }
    *cells = out;
}

/// Letters that are also written as two.
pub(super) fn two_letters(c: char) -> Option<(char, char)> {
    Some(match c {
        'ä' | 'æ' => ('a', 'e'),
        'ö' | 'ø' | 'œ' => ('o', 'e'),
        'ü' => ('u', 'e'),
        'ß' => ('s', 's'),
        _ => return None,
    })
}

/// Times in a row from which a letter counts as repeated for effect.
const MIN_REPEATS: usize = 3;

/// Step 6: letters repeated for effect.
fn collapse_repeats(cells: &mut Vec<Cell>) {
    let mut kept = 0;
    let mut at = 0;
    let mut word_start = 0;
    while at < cells.len() {
        let c = cells[at].c;
        if !is_word_char(c) {
            word_start = at + 1;
        }
        let run = cells[at..].iter().take_while(|cell| cell.c == c).count();
        let is_whole_word = at == word_start && cells.get(at + run).is_none_or(|cell| !is_word_char(cell.c));
        let keep = match run {
            MIN_REPEATS.. if !is_letter(c) => run,
            MIN_REPEATS.. if is_whole_word => MIN_REPEATS,
            MIN_REPEATS.. if at == word_start || is_vowel(c) => 1,
            MIN_REPEATS.. => 2,
            _ => run,
        };
        let end = cells[at + run - 1].end;
        for i in 0..keep {
            cells[kept + i] = cells[at + i];
        }
        kept += keep;
        cells[kept - 1].end = end;
        at += run;
        if !is_word_char(c) {
            word_start = at;
        }
    }
    cells.truncate(kept);
}

fn is_vowel(c: char) -> bool {
    matches!(
        c,
        'a' | 'e'
            | 'i'
            | 'o'
            | 'u'
            | 'y'
            | 'а'
            | 'е'
            | 'ё'
            | 'и'
            | 'о'
            | 'у'
            | 'ы'
            | 'э'
            | 'ю'
            | 'я'
            | 'ا'
            | 'و'
            | 'ي'
    )
}
