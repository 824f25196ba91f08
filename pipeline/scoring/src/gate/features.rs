//! The gate's features: hashed n-grams of characters within words, of words, and of word pairs.
//!
//! The definition stands in `models/features.py`, which trains on the same numbers; `features.golden.json` in the gate's folder
//! holds both together.

/// Longer texts are read up to here (code points).
pub const MAX_CODE_POINTS: usize = 20_000;
/// Longest character n-gram.
const LONGEST: usize = 5;
const K: u64 = 0x9E37_79B9_7F4A_7C15;
const CHARACTER_SEED: u64 = 0x243F_6A88_85A3_08D3;
const WORD_SEED: u64 = 0x1319_8A2E_0370_7344;
const PAIR_SEED: u64 = 0xA409_3822_299F_31D0;
const BLANK: u32 = 0x20;

#[inline]
const fn take_up(hash: u64, code_point: u64) -> u64 {
    (hash ^ code_point).wrapping_mul(K)
}

/// Calls `found` with the 64-bit hash of each n-gram of a cleaned text; the gate's bucket is the top bits.
#[inline]
pub fn each(text: &str, mut found: impl FnMut(u64)) {
    let mut points = Vec::with_capacity(text.len() + 2);
    fold_into(text, &mut points);
    let mut before = None;
    let mut token = Vec::with_capacity(32);
    for part in points.split(|&point| point == BLANK).filter(|part| !part.is_empty()) {
        token.clear();
        token.push(BLANK);
        token.extend_from_slice(part);
        token.push(BLANK);
        characters(&token, &mut found);
        let word = trimmed(part);
        if word.is_empty() {
            continue;
        }
        let here = word.iter().fold(WORD_SEED, |hash, &point| take_up(hash, u64::from(point)));
        found(here);
        if let Some(before) = before {
            found(take_up(take_up(PAIR_SEED, before), here));
        }
        before = Some(here);
    }
}

/// Lower-case code points, each by itself.
fn fold_into(text: &str, points: &mut Vec<u32>) {
    for character in text.chars().take(MAX_CODE_POINTS) {
        if character.is_ascii() {
            points.push(u32::from(character.to_ascii_lowercase()));
        } else {
            points.extend(character.to_lowercase().map(u32::from));
        }
    }
}

#[inline]
fn characters(token: &[u32], found: &mut impl FnMut(u64)) {
    for (at, &first) in token.iter().enumerate() {
        let mut hash = take_up(CHARACTER_SEED, u64::from(first));
        if first != BLANK {
            found(hash);
        }
        for &point in token.iter().skip(at + 1).take(LONGEST - 1) {
            hash = take_up(hash, u64::from(point));
            found(hash);
        }
    }
}

/// Without ASCII punctuation at both ends.
fn trimmed(mut word: &[u32]) -> &[u32] {
    let is_mark = |point: &u32| u8::try_from(*point).is_ok_and(|byte| byte.is_ascii_punctuation());
    while let [first, rest @ ..] = word
        && is_mark(first)
    {
        word = rest;
    }
    while let [rest @ .., last] = word
        && is_mark(last)
    {
        word = rest;
    }
    word
}

#[cfg(test)]
mod tests {
    use super::*;

    fn number(text: &str) -> usize {
        let mut number = 0;
        each(text, |_| number += 1);
        number
    }

    #[test]
    fn numbers_of_features_follow_from_the_definition() {
        assert_eq!(number(""), 0);
        // " a ": a, " a", "a ", " a " and the word.
        assert_eq!(number("a"), 5);
        // Two words more than twice one: the pair.
        assert_eq!(number("a a"), 11);
        // Only punctuation: no word.
        assert_eq!(number("!"), 4);
    }

    #[test]
    fn case_does_not_matter() {
        let hashes = |text: &str| {
            let mut all = Vec::new();
            each(text, |hash| all.push(hash));
            all
        };
        assert_eq!(hashes("ÄPFEL Und"), hashes("äpfel und"));
    }

    proptest::proptest! {
        #[test]
        fn no_text_panics(text in "\\PC{0,60}") {
            each(&text, |_| {});
        }
    }
}
