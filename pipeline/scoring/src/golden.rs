//! Golden scores: texts written by ourselves with the scores they had at release, computed again at start.

use streife_domain::{Head, Heads};

use crate::ScoringError;
use crate::manifest::Manifest;

/// How many golden texts the encoder computes at start; `models verify` computes all.
pub(crate) const AT_START: usize = 3;

/// Compares the first `at_most` golden texts with what `score` gives for (language, text).
pub(crate) fn check(
    manifest: &Manifest,
    at_most: usize,
    mut score: impl FnMut(&str, &str) -> Result<Heads<f32>, ScoringError>,
) -> Result<usize, ScoringError> {
    let mut checked = 0;
    for (golden, number) in manifest.golden.iter().take(at_most).zip(1..) {
        let found = score(&golden.language, &golden.text)?;
        for head in Head::ALL {
            let (expected, found) = (golden.scores.get(head).copied(), found.get(head).copied());
            let same = match (expected, found) {
                (Some(expected), Some(found)) => (expected - found).abs() <= manifest.golden_tolerance,
                (None, None) => true,
                _ => false,
            };
            if !same {
                let model = manifest.header.name.clone();
                let tolerance = manifest.golden_tolerance;
                return Err(ScoringError::Golden { model, number, head, expected, found, tolerance });
            }
        }
        checked = number;
    }
    Ok(checked)
}
