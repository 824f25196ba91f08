//! Quality on labelled texts: the figures of `streife models eval FILE`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streife_domain::{Head, Heads, Language, Script};

use crate::{Models, ScoringError};

/// Texts scored together.
const BATCH: usize = 256;
/// Resamplings of the interval.
const RESAMPLES: usize = 1_000;
/// Where the resampling starts, so that the same file gives the same interval.
const SEED: u64 = 20;
/// Bins of the calibration error.
const BINS: usize = 10;

/// A line of an evaluation file, JSON:
/// `{"id": "7", "text": "...", "lang": "de", "labels": {"group_hate": 1, "offensive": 0}}`.
///
/// `labels` holds 1 or 0 for each head that somebody decided; heads without a decision are left out, and the row does not count
/// for them. `lang` is the ISO 639-1 code the text is scored as. `id` is free and only for people.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LabelledText {
    /// For people.
    #[serde(default)]
    pub id: String,
    /// The text.
    pub text: String,
    /// The language it is scored as.
    pub lang: String,
    /// 1 or 0.
    pub labels: Heads<u8>,
}

impl LabelledText {
    /// Reads a line; `line` counts from 1 and stands in the error.
    ///
    /// # Errors
    /// [`ScoringError::Labelled`].
    pub fn parse(json: &str, line: usize) -> Result<Self, ScoringError> {
        let wrong = |message: String| ScoringError::Labelled { line, message };
        let row: Self = serde_json::from_str(json).map_err(|error| {
            // The position, not the content: the line holds post text.
            wrong(format!(
                "not of the form {{\"id\", \"text\", \"lang\", \"labels\"}} (column {}): {}",
                error.column(),
                category(&error)
            ))
        })?;
        if let Some((head, label)) = row.labels.iter().find(|(_, label)| **label > 1) {
            return Err(wrong(format!("label {label} for {head}; write 1 or 0")));
        }
        Ok(row)
    }
}

fn category(error: &serde_json::Error) -> &'static str {
    match error.classify() {
        serde_json::error::Category::Data => "a field is missing, unknown or of another type",
        serde_json::error::Category::Syntax => "this is no JSON",
        serde_json::error::Category::Eof | serde_json::error::Category::Io => "the line ends too early",
    }
}

/// Whose scores are measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Measured {
    /// The encoder's, for every text, whether it would pass the gate or not.
    Encoder,
    /// The gate's cheap scores.
    Gate,
}

/// Quality of one head in one language. Where the head says nothing, the figures are absent (`null`).
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Metrics {
    /// The head.
    pub head: Head,
    /// The language.
    pub lang: String,
    /// Texts with a decision.
    pub n: usize,
    /// Decided 1.
    pub positives: usize,
    /// Mean of the F1 of both classes at the threshold in use.
    pub macro_f1: Option<f64>,
    /// Average precision (area under the precision-recall steps, ties taken together).
    pub average_precision: Option<f64>,
    /// The best precision at which at least half of the positives are found.
    #[serde(rename = "precision_at_recall_0.5")]
    pub precision_at_recall_05: Option<f64>,
    /// The best precision at which at least 8 in 10 positives are found.
    #[serde(rename = "precision_at_recall_0.8")]
    pub precision_at_recall_08: Option<f64>,
    /// Expected calibration error, 10 bins of equal width.
    pub ece: Option<f64>,
    /// 95 % bootstrap interval of `macro_f1`, seeded.
    pub interval: Option<[f64; 2]>,
}

/// One decided text: score, over the threshold, decision.
#[derive(Debug, Clone, Copy)]
struct Case {
    score: f32,
    labelled: bool,
    positive: bool,
}

#[derive(Default)]
struct Group {
    cases: Vec<Case>,
    silent: usize,
    silent_positives: usize,
}

/// Scores all rows and measures per head and language, sorted by both. Memory: a few bytes for each decision, no texts.
///
/// # Errors
/// The first error of a row or of the encoder.
pub fn eval(
    rows: impl Iterator<Item = Result<LabelledText, ScoringError>>,
    models: &Models,
    measured: Measured,
) -> Result<Vec<Metrics>, ScoringError> {
    let mut groups: BTreeMap<(Head, String), Group> = BTreeMap::new();
    let mut rows = rows.peekable();
    while rows.peek().is_some() {
        let batch = rows.by_ref().take(BATCH).collect::<Result<Vec<_>, _>>()?;
        for (row, (scores, labels)) in batch.iter().zip(score(&batch, models, measured)?) {
            for (head, &decision) in row.labels.iter() {
                let group = groups.entry((head, row.lang.clone())).or_default();
                let positive = decision == 1;
                match scores.get(head) {
                    Some(&score) => {
                        group.cases.push(Case { score, labelled: labels.contains(&head), positive });
                    }
                    None => {
                        group.silent += 1;
                        group.silent_positives += usize::from(positive);
                    }
                }
            }
        }
    }
    Ok(groups.into_iter().map(|((head, lang), group)| metrics(head, lang, &group)).collect())
}

type Scored = (Heads<f32>, Vec<Head>);

fn score(batch: &[LabelledText], models: &Models, measured: Measured) -> Result<Vec<Scored>, ScoringError> {
    let languages: Vec<Language> = batch
        .iter()
        .map(|row| Language { code: row.lang.clone(), confidence: 1.0, script: Script::COMMON })
        .collect();
    let texts: Vec<_> = batch.iter().map(|row| row.text.as_str()).zip(&languages).collect();
    match measured {
        Measured::Encoder => models
            .encode_many(&texts)
            .into_iter()
            .zip(&languages)
            .map(|(scores, language)| scores.map(|scores| (scores, models.labels(&scores, language))))
            .collect(),
        Measured::Gate => Ok(texts
            .iter()
            .map(|(text, language)| {
                let scores = models.gate(text, language).map(|gate| gate.heads).unwrap_or_default();
                (scores, models.gate_labels(&scores, language))
            })
            .collect()),
    }
}

fn metrics(head: Head, lang: String, group: &Group) -> Metrics {
    let cases = &group.cases;
    let positives = cases.iter().filter(|case| case.positive).count();
    let (n, all_positives) = (cases.len() + group.silent, positives + group.silent_positives);
    // Precision and recall mean nothing without both classes.
    let ranks = positives > 0 && positives < cases.len();
    let curve = curve(cases);
    Metrics {
        head,
        lang,
        n,
        positives: all_positives,
        macro_f1: (!cases.is_empty()).then(|| rounded(macro_f1(cases.iter().copied()))),
        average_precision: ranks.then(|| rounded(average_precision(&curve))),
        precision_at_recall_05: ranks.then(|| rounded(precision_at_recall(&curve, 0.5))),
        precision_at_recall_08: ranks.then(|| rounded(precision_at_recall(&curve, 0.8))),
        ece: (!cases.is_empty()).then(|| rounded(ece(cases))),
        interval: (!cases.is_empty()).then(|| interval(cases).map(rounded)),
    }
}

fn rounded(value: f64) -> f64 {
    (value * 1e4).round() / 1e4
}

#[expect(clippy::cast_precision_loss, reason = "counts of texts")]
fn ratio(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { part as f64 / whole as f64 }
}

fn macro_f1(cases: impl Iterator<Item = Case>) -> f64 {
    let (mut hits, mut false_hits, mut missed, mut right) = (0, 0, 0, 0);
    for case in cases {
        match (case.labelled, case.positive) {
            (true, true) => hits += 1,
            (true, false) => false_hits += 1,
            (false, true) => missed += 1,
            (false, false) => right += 1,
        }
    }
    let f1 = |hits: usize| ratio(2 * hits, 2 * hits + false_hits + missed);
    f64::midpoint(f1(hits), f1(right))
}

/// (precision, recall) at each distinct score, from the highest down.
fn curve(cases: &[Case]) -> Vec<(f64, f64)> {
    let mut sorted: Vec<_> = cases.iter().collect();
    sorted.sort_by(|a, b| b.score.total_cmp(&a.score));
    let positives = sorted.iter().filter(|case| case.positive).count();
    let (mut curve, mut hits) = (Vec::new(), 0);
    for (i, case) in sorted.iter().enumerate() {
        hits += usize::from(case.positive);
        if sorted.get(i + 1).is_none_or(|next| next.score < case.score) {
            curve.push((ratio(hits, i + 1), ratio(hits, positives)));
        }
    }
    curve
}

fn average_precision(curve: &[(f64, f64)]) -> f64 {
    let mut sum = 0.0;
    let mut last_recall = 0.0;
    for &(precision, recall) in curve {
        sum += precision * (recall - last_recall);
        last_recall = recall;
    }
    sum
}

fn precision_at_recall(curve: &[(f64, f64)], at_least: f64) -> f64 {
    curve
        .iter()
        .filter(|(_, recall)| *recall >= at_least)
        .map(|(precision, _)| *precision)
        .fold(0.0, f64::max)
}

fn ece(cases: &[Case]) -> f64 {
    let mut bins = [(0.0, 0_usize, 0_usize); BINS];
    for case in cases {
        let bin = bin(case.score);
        let (scores, number, positives) = &mut bins[bin];
        *scores += f64::from(case.score);
        *number += 1;
        *positives += usize::from(case.positive);
    }
    let gap = |(scores, number, positives): &(f64, usize, usize)| {
        let share = ratio(*number, cases.len());
        if *number == 0 {
            0.0
        } else {
            share * (scores * ratio(1, *number) - ratio(*positives, *number)).abs()
        }
    };
    bins.iter().map(gap).sum()
}

/// Scores have 4 decimals; 0.9 as `f32` is a little less than nine tenths and still belongs to the tenth bin.
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a score between 0 and 1")]
fn bin(score: f32) -> usize {
    let ten_thousandths = (f64::from(score) * 1e4).round() as usize;
    (ten_thousandths * BINS / 10_000).min(BINS - 1)
}

fn interval(cases: &[Case]) -> [f64; 2] {
    let mut state = SEED;
    let mut samples: Vec<f64> = (0..RESAMPLES)
        .map(|_| macro_f1(cases.iter().map(|_| cases[below(&mut state, cases.len())])))
        .collect();
    samples.sort_by(f64::total_cmp);
    [samples[RESAMPLES * 25 / 1_000], samples[RESAMPLES * 975 / 1_000 - 1]]
}

/// A number below `bound` (SplitMix64, Steele, Lea and Flood 2014, then multiply and shift).
#[expect(clippy::cast_possible_truncation, reason = "the high half of the product is below the bound")]
fn below(state: &mut u64, bound: usize) -> usize {
    *state = state.wrapping_add(0x9E37_79B9_7F4A_7C15);
    let mut z = *state;
    z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
    z ^= z >> 31;
    ((u128::from(z) * bound as u128) >> 64) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cases(rows: &[(f32, bool)]) -> Vec<Case> {
        rows.iter().map(|&(score, positive)| Case { score, labelled: score >= 0.5, positive }).collect()
    }

    #[test]
    fn figures_of_a_small_example_by_hand() {
        let cases = cases(&[(0.9, true), (0.8, false), (0.7, true), (0.3, true), (0.2, false)]);
        // Hits 2, false 1, missed 1, right 1: F1 of both classes 4/6 and 2/4.
        assert_eq!(rounded(macro_f1(cases.iter().copied())), 0.5833);
        let curve = curve(&cases);
        // Steps at ranks 1, 3, 4: (1 + 2/3 + 3/4) / 3.
        assert_eq!(rounded(average_precision(&curve)), 0.8056);
        assert_eq!(precision_at_recall(&curve, 0.8), 0.75);
        // Each bin holds one: |.9-1| + |.8-0| + |.7-1| + |.3-1| + |.2-0| over 5.
        assert_eq!(rounded(ece(&cases)), 0.42);
        let [low, high] = interval(&cases);
        assert!(low < 0.5833 && 0.5833 < high);
        assert_eq!(interval(&cases), [low, high]);
    }

    #[test]
    fn equal_scores_are_one_step() {
        let curve = curve(&cases(&[(0.5, true), (0.5, false), (0.5, false), (0.5, true)]));
        assert_eq!(curve, [(0.5, 1.0)]);
    }

    #[test]
    fn a_silent_head_is_counted_but_not_measured() {
        let group = Group { cases: Vec::new(), silent: 3, silent_positives: 1 };
        let metrics = metrics(Head::Violence, "tr".to_owned(), &group);
        let json = serde_json::to_string(&metrics).unwrap();
        assert_eq!(
            json,
            r#"{"head":"violence","lang":"tr","n":3,"positives":1,"macro_f1":null,"average_precision":null,"precision_at_recall_0.5":null,"precision_at_recall_0.8":null,"ece":null,"interval":null}"#
        );
    }

    #[test]
    fn a_broken_line_is_explained_without_its_text() {
        for (line, expected) in [
            ("{\"text\": \"secret", "too early"),
            ("nonsense", "no JSON"),
            (r#"{"text": "secret", "lang": "de"}"#, "missing"),
            (r#"{"text": "secret", "lang": "de", "labels": {"anger": 1}}"#, "missing, unknown"),
            (r#"{"text": "secret", "lang": "de", "labels": {"violence": 2}}"#, "label 2 for violence"),
        ] {
            let error = LabelledText::parse(line, 7).unwrap_err().to_string();
            assert!(
                error.contains(expected) && error.contains("line 7") && !error.contains("secret"),
                "{error}"
            );
        }
    }
}
