//! Which parts of a text carried a score: each word is left out once, and the loss of score is its weight.

use streife_domain::{Head, Heads, Span};

use crate::ScoringError;
use crate::gate::Gate;

/// Words looked at; of longer texts the words are taken together in this many stretches.
pub const MAX_PARTS: usize = 64;
/// Spans given out, heaviest first.
pub const MAX_SPANS: usize = 16;

/// Stretches of whole words that cover the text: byte ranges, at most [`MAX_PARTS`].
fn parts(text: &str) -> Vec<(usize, usize)> {
    let mut words: Vec<(usize, usize)> = Vec::new();
    for word in text.split_whitespace() {
        let start = word.as_ptr() as usize - text.as_ptr() as usize;
        words.push((start, start + word.len()));
    }
    let together = words.len().div_ceil(MAX_PARTS).max(1);
    words.chunks(together).map(|chunk| (chunk[0].0, chunk[chunk.len() - 1].1)).collect()
}

fn without(text: &str, (start, end): (usize, usize)) -> String {
    format!("{}{}", &text[..start], &text[end..])
}

/// Positive weights, heaviest first, as spans.
fn heaviest(parts: &[(usize, usize)], weights: impl Iterator<Item = f32>) -> Vec<(Span, f32)> {
    let span = |at: usize| u32::try_from(at).ok();
    let mut spans: Vec<(Span, f32)> = parts
        .iter()
        .zip(weights)
        .filter(|(_, weight)| *weight > 0.0)
        .filter_map(|(&(start, end), weight)| Some((Span(span(start)?, span(end)?), weight)))
        .collect();
    spans.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
    spans.truncate(MAX_SPANS);
    spans
}

/// Word-level occlusion: how much lower the score of `head` is without each part.
pub(crate) fn occlusion(
    text: &str,
    head: Head,
    score: impl Fn(&[String]) -> Result<Vec<Heads<f32>>, ScoringError>,
) -> Result<Vec<(Span, f32)>, ScoringError> {
    let parts = parts(text);
    let mut texts = vec![text.to_owned()];
    texts.extend(parts.iter().map(|part| without(text, *part)));
    let scores = score(&texts)?;
    let of = |heads: &Heads<f32>| heads.get(head).copied();
    let Some((whole, rest)) = scores.split_first() else { return Ok(Vec::new()) };
    let Some(whole) = of(whole) else { return Ok(Vec::new()) };
    // Nothing left without the word: it carried all of the score.
    Ok(heaviest(&parts, rest.iter().map(|heads| whole - of(heads).unwrap_or(0.0))))
}

/// The same for the gate's raw output, where leaving a word out takes exactly its n-grams away.
pub(crate) fn gate(gate: &Gate, text: &str, head: Option<Head>) -> Vec<(Span, f32)> {
    let parts = parts(text);
    let raw = |text: &str| gate.raw(&streife_text::clean_for_models(text), head);
    let Some(whole) = raw(text) else { return Vec::new() };
    heaviest(&parts, parts.iter().map(|part| whole - raw(&without(text, *part)).unwrap_or(whole)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_word_that_carries_the_score_comes_first() {
        let count = |text: &String| {
            let value =
                0.5 * text.matches("heavy").count() as f32 + 0.1 * text.matches("light").count() as f32;
            [(Head::Violence, value)].into_iter().collect()
        };
        let score = |texts: &[String]| Ok(texts.iter().map(count).collect());
        let spans = occlusion("a light äh heavy word", Head::Violence, score).unwrap();
        assert_eq!(spans, [(Span(12, 17), 0.5), (Span(2, 7), 0.100_000_024)]);
        assert_eq!(occlusion("a light", Head::Offensive, score).unwrap(), []);
        assert_eq!(occlusion("", Head::Violence, score).unwrap(), []);
    }

    proptest::proptest! {
        #[test]
        fn parts_are_bounded_and_lie_on_character_borders(text in "(\\PC{0,5}[ \\n]{0,2}){0,200}") {
            let parts = parts(&text);
            proptest::prop_assert!(parts.len() <= MAX_PARTS);
            for part in parts {
                without(&text, part);
            }
        }
    }
}
