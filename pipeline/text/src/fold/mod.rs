//! Folding: texts that mean the same spelling become the same text, with a map back to the original.
//!
//! | level | what is unified |
//! |---|---|
//! | `none` | nothing |
//! | `case` | simple case folding |
//! | `std` | `case`, and the disguises of [`spelling`]: compatibility forms, invisible characters, look-alikes, leet, repeats, `ä`/`ae`, spaced-out letters |
//! | `stem` | `std`, and the endings of German and English words ([`stem`]) |
//!
//! Folding twice changes nothing more: `fold(fold(x)) = fold(x)` at every level.

mod leet;
mod map;
mod quick;
mod spelling;
mod stem;

use std::ops::Range;

pub use map::Folded;

use crate::chars::fold_case;

/// Version of folding and word cutting; part of every version string that rests on them. Raised whenever
/// any text can fold differently than before.
pub const NORMALISER_VERSION: u32 = 1;

/// How far spellings are unified. Each level includes those before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub enum FoldLevel {
    /// Exact code points.
    None,
    /// Case only, by simple case folding.
    Case,
    /// Case and the usual disguises; the default of watch rules:
    ///
    /// * compatibility forms (NFKC); characters that show nothing; look-alikes of other scripts in Latin words;
    /// * `ä ö ü ß` and `ae oe ue ss`; `ı İ` and `i`; Arabic short-vowel signs and lengthening strokes;
    /// * letters spaced out: three or more, one same separator between each (`h a s s`, `h.a.s.s`);
    /// * digits and signs for letters (`4 @ 3 1 0 5 $ 7`) in words of three Latin letters or more: one or two
    ///   between letters, or a single digit at an edge. Numbers, `12a`, `mp3`, `AK47`, `Combat18` stay;
    /// * a letter three times or more: once for vowels and at the start of a word, else twice. A word of one
    ///   letter alone keeps up to three (`KKK`).
    #[default]
    Std,
    /// The endings of German and English words too, as long as four letters remain.
    Stem,
}

/// Folds `text` to `level`.
pub fn fold(text: &str, level: FoldLevel) -> Folded {
    let mut folded = Folded::default();
    fold_into(text, level, &mut folded);
    folded
}

/// Folds `text` to `level` into `folded`, whose buffers are used again.
pub fn fold_into(text: &str, level: FoldLevel, folded: &mut Folded) {
    folded.clear();
    match level {
        FoldLevel::None => folded.keep(0, text),
        FoldLevel::Case => fold_case_into(text, folded),
        FoldLevel::Std => fold_std_into(text, folded),
        FoldLevel::Stem => stem::fold(text, folded),
    }
    folded.finish(text.len());
}

/// One pass where that will do; else part by part, so that one disguised word costs its own part alone.
fn fold_std_into(text: &str, folded: &mut Folded) {
    if quick::fold_part(text, 0..text.len(), folded) {
        return;
    }
    folded.clear();
    for part in parts(text) {
        let mark = folded.mark();
        if !quick::fold_part(text, part.clone(), folded) {
            folded.back_to(mark);
            spelling::fold_part(text, part, folded);
        }
    }
}

/// Cuts a text where folding level `std` cannot see across: after a space between two words, of which the one ends and
/// the other begins with two different ASCII letters. Such words are never taken for spaced-out letters, and nothing is
/// composed over the space. The parts cover the whole text.
fn parts(text: &str) -> impl Iterator<Item = Range<usize>> {
    let bytes = text.as_bytes();
    let pair =
        |a: u8, b: u8| a.is_ascii_alphabetic() && b.is_ascii_alphabetic() && !a.eq_ignore_ascii_case(&b);
    let mut start = 0;
    std::iter::from_fn(move || {
        if start >= bytes.len() {
            return None;
        }
        let is_cut = |window: &[u8]| matches!(*window, [a, b, b' ', c, d] if pair(a, b) && pair(c, d));
        let cut = bytes[start..].windows(5).position(is_cut).map_or(bytes.len(), |at| start + at + 3);
        let part = start..cut;
        start = cut;
        Some(part)
    })
}

fn fold_case_into(text: &str, folded: &mut Folded) {
    if text.is_ascii() {
        folded.keep_lowercase(0, text);
        return;
    }
    let mut at = 0;
    while at < text.len() {
        let ascii = text.as_bytes()[at..].iter().take_while(|byte| byte.is_ascii()).count();
        if ascii > 0 {
            folded.keep_lowercase(at, &text[at..at + ascii]);
            at += ascii;
        }
        for c in text[at..].chars().take_while(|c| !c.is_ascii()) {
            folded.push(fold_case(c), c, at);
            at += c.len_utf8();
        }
    }
}

#[cfg(test)]
mod tests;
