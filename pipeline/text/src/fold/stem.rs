//! Level `stem`: the endings of German and English words go, on top of level `std`.
//!
//! A light stemmer of our own, the same for both languages, so that it needs no language and treats a rule's
//! terms and a post alike. From words of Latin letters only it takes endings off, the longest first, again and
//! again, as long as [`MIN_STEM`] letters remain:
//!
//! * `innen`, `erin` (feminine forms), `ing`, `ern`, `ens`, `em`, `en`, `er`, `es`, `ed`, `ly`, `e`;
//! * `s`, but not of `ss` or `us`; `n`, but only of `en`, `eln`, `ern` (so `Juden` becomes `jude`).
//!
//! It does not undo `ge-` or umlauts of the plural (`Haus`, `Häuser`), nor take compounds apart: wildcards do
//! that. Words that only differ by an ending meet even if they are unrelated; it trades precision for recall.

use super::Folded;
use super::spelling::{self, Cell, is_latin};
use crate::chars::is_word_char;

/// Fewest letters that remain of a word.
const MIN_STEM: usize = 4;

const ENDINGS: [&str; 12] = ["innen", "erin", "ing", "ern", "ens", "em", "en", "er", "es", "ed", "ly", "e"];

/// Folds `text` to level `stem`.
pub(super) fn fold(text: &str, folded: &mut Folded) {
    super::fold_std_into(text, folded);
    folded.finish(text.len());
    let cells = cells_of(folded);
    folded.clear();
    let mut stemmed = Vec::with_capacity(cells.len());
    for run in cells.chunk_by(|a, b| is_word_char(a.c) == is_word_char(b.c)) {
        let kept = if run.iter().all(|cell| is_latin(cell.c)) { stem_length(run) } else { run.len() };
        stemmed.extend_from_slice(&run[..kept]);
        // The whole word stays what a span of its stem points to.
        if kept < run.len()
            && let (Some(last), Some(end)) = (stemmed.last_mut(), run.last())
        {
            last.end = end.end;
        }
    }
    spelling::write(&stemmed, text, folded);
}

/// The characters of a folded text with where they came from.
fn cells_of(folded: &Folded) -> Vec<Cell> {
    let cell = |(at, c): (usize, char)| {
        let span = folded.original_span(at, at + c.len_utf8());
        Cell { c, start: span.0, end: span.1 }
    };
    folded.text.char_indices().map(cell).collect()
}

/// How many letters of `word` are left without its endings.
fn stem_length(word: &[Cell]) -> usize {
    let mut stem = word;
    while let Some(shorter) = without_ending(stem) {
        stem = shorter;
    }
    stem.len()
}

fn without_ending(word: &[Cell]) -> Option<&[Cell]> {
    let shorter = |ending: &str| {
        let kept = word.len().checked_sub(ending.len()).filter(|kept| *kept >= MIN_STEM)?;
        let (stem, end) = word.split_at(kept);
        end.iter().map(|cell| cell.c).eq(ending.chars()).then_some(stem)
    };
    let stem_ends = |stem: &[Cell], ends: &[char]| stem.last().is_some_and(|last| ends.contains(&last.c));
    ENDINGS
        .iter()
        .find_map(|ending| shorter(ending))
        .or_else(|| shorter("s").filter(|stem| !stem_ends(stem, &['s', 'u'])))
        .or_else(|| shorter("n").filter(|stem| stem_ends(stem, &['e', 'l', 'r'])))
}

#[cfg(test)]
mod tests {
    use crate::{FoldLevel, fold};

    fn stem(text: &str) -> String {
        fold(text, FoldLevel::Stem).text
    }

    #[test]
    fn forms_of_a_word_meet() {
        for forms in [
            &["Nachbar", "Nachbarn", "Nachbarinnen", "nachbars"][..],
            &["Türke", "Türken", "tuerken"],
            &["Jude", "Juden"],
            &["Politiker", "Politikerin", "Politikerinnen", "Politikern"],
            &["threat", "threats", "threatening", "threatened"],
            &["großer", "großes", "großem", "GROSSE"],
        ] {
            for form in forms {
                assert_eq!(stem(form), stem(forms[0]), "{form}");
            }
        }
        assert_eq!(stem("Hass Haus 1990er Bus"), "hass haus 1990er bus");
    }

    #[test]
    fn a_span_of_a_stem_is_the_whole_word() {
        let folded = fold("die Nachbarinnen!", FoldLevel::Stem);
        assert_eq!(folded.text, "die nachbar!");
        assert_eq!(folded.original_span(4, 11), streife_domain::Span(4, 16));
        assert_eq!(folded.original_span(11, 12), streife_domain::Span(16, 17));
    }
}
