//! Which language a text is in, or `und` where nothing can be told.
//!
//! A cascade; each step only sees what the one before could not settle:
//!
//! 1. **Script.** Letters of a script that is one language's own (Greek, Hangul, Thai ...) decide. A text
//!    without letters is `und`.
//! 2. **Linear model** over hashed character n-grams and words, for Latin, Cyrillic, Arabic and
//!    Ethiopic letters: a few microseconds. Trained on whole sentences as much as on fragments, shouted and
//!    badly typed text, and on letters that say nothing (`und`).
//! 3. **fastText lid.176**, where the linear model is not sure. Both are weighed against each other; a
//!    language that only fastText knows is believed when it is sure and the text is long enough.
//!
//! Without model files ([`Identifier::rules_only`]) whatlang takes the place of 2 and 3.
//!
//! Looked at are letters only, lower-cased, without web addresses, `@names` and `#`: no shouting, no
//! punctuation. `confidence` is calibrated on held-out texts of all lengths (`models/lid/README.md`): of the
//! answers given with 0.8, about eight in ten are right. Below [`UNDETERMINED_BELOW`] the answer is `und`.

mod files;
mod inputs;
mod letters;
mod linear;
mod script;
mod second;

use std::path::Path;

use sha2::{Digest, Sha256};
use streife_domain::{Language, Script};
use unicode_script::Script as Writing;

use crate::NORMALISER_VERSION;
pub use files::LanguageError;
use letters::Letters;
use linear::{Guess, Linear};
use second::Second;

/// Raised whenever the rules of this module change an answer.
const CASCADE_VERSION: u32 = 2;

/// Confidence below which the answer is `und`.
pub const UNDETERMINED_BELOW: f32 = 0.3;
/// Probability from which the linear model is believed alone.
const SURE: f32 = 0.90;
/// Share of right answers among those given with that probability (held-out texts).
const RIGHT_WHEN_SURE: f32 = 0.72;
/// Fewest letters of a script shared by several languages that can tell one.
const MIN_LETTERS: u32 = 2;
/// How much the logarithm of fastText's probability counts against that of the linear model.
const FASTTEXT_WEIGHT: f32 = 0.5;
/// Probability assumed for a language that fastText has no label for: no opinion.
const FASTTEXT_UNKNOWN: f32 = 0.05;
/// Probability from which fastText is believed for a language that the linear model does not know.
const FASTTEXT_SURE: f32 = 0.8;
/// Fewest letters for that; on short text fastText's probabilities mean nothing.
const FASTTEXT_MIN_LETTERS: u32 = 20;
/// Confidence in what whatlang calls reliable, and in its other answers.
const WHATLANG_RELIABLE: f32 = 0.9;
const WHATLANG_UNRELIABLE: f32 = 0.5;
/// Fewest letters for an answer that whatlang does not call reliable.
const WHATLANG_MIN_LETTERS: u32 = 24;
/// Kana among Chinese characters from which a text is Japanese: one in so many.
const KANA_SHARE: u32 = 20;
/// Confidence in a language that its script alone gives away.
const BY_SCRIPT: f32 = 0.99;
/// Confidence in the commonest language of a script that has others.
const BY_SHARED_SCRIPT: f32 = 0.8;
/// Share of letters in one script below which a text counts as mixed and its confidence is lowered to that.
const MIXED_BELOW: f32 = 0.8;

/// Tells the language of texts. Made once, used by all threads.
pub struct Identifier {
    linear: Option<Linear>,
    fasttext: Option<Second>,
    /// Does fastText answer alone, for comparison?
    fasttext_alone: bool,
    version: String,
}

impl Identifier {
    /// Opens the linear model by its manifest (or the folder that holds it) and, where given, fastText's
    /// `lid.176.ftz`. Each file must be the one that the manifest names.
    pub fn open(linear: &Path, fasttext: Option<&Path>) -> Result<Self, LanguageError> {
        let files::Opened { linear, fasttext, hashes } = files::open(linear, fasttext)?;
        Ok(Self { linear: Some(linear), fasttext, fasttext_alone: false, version: version(&hashes) })
    }

    /// fastText alone, restricted to the languages of the linear model: what the cascade is measured against.
    pub fn fasttext_alone(linear: &Path, fasttext: &Path) -> Result<Self, LanguageError> {
        Ok(Self { fasttext_alone: true, ..Self::open(linear, Some(fasttext))? })
    }

    /// Without model files: script rules and whatlang.
    pub fn rules_only() -> Self {
        Self {
            linear: None,
            fasttext: None,
            fasttext_alone: false,
            version: version(&["whatlang".to_owned()]),
        }
    }

    /// What answers, as `lid@` and 12 hex digits.
    pub fn version(&self) -> String {
        self.version.clone()
    }

    /// The language of `text`.
    pub fn identify(&self, text: &str) -> Language {
        let letters = Letters::of(text);
        let Some(script) = letters.script else { return language(None, Script::COMMON) };
        let mut guess = self.guess(&letters, script);
        let share = letters.count as f32 / letters.total.max(1) as f32;
        if let Some(guess) = &mut guess
            && share < MIXED_BELOW
        {
            guess.probability = guess.probability.min(share);
        }
        language(guess, Script::from_code(script.short_name()))
    }

    fn guess(&self, letters: &Letters, script: Writing) -> Option<Guess<'_>> {
        if let Some(verdict) = script::language_of(script) {
            return Some(self.by_script(letters, script, verdict));
        }
        if letters.count < MIN_LETTERS || letters.is_empty() {
            return None;
        }
        match &self.linear {
            Some(linear) if linear.knows(script) => {
                if let (true, Some(fasttext)) = (self.fasttext_alone, &self.fasttext) {
                    return fasttext.rank(&letters.words()).into_iter().find(|guess| linear.has(guess.code));
                }
                let ranked = linear.rank(&letters.stream, script);
                let best = ranked.iter().copied().max_by(|a, b| a.probability.total_cmp(&b.probability));
                let unsure = best.is_none_or(|best| best.probability < SURE);
                match &self.fasttext {
                    Some(fasttext) if unsure => weigh(ranked, fasttext, linear, letters),
                    _ => best,
                }
                .map(calibrated)
            }
            _ => match &self.fasttext {
                Some(fasttext) => fasttext.rank(&letters.words()).into_iter().next(),
                None => by_whatlang(letters),
            },
        }
    }

    fn by_script(&self, letters: &Letters, script: Writing, verdict: script::Verdict) -> Guess<'_> {
        let sure = |code: &'static str, probability| Guess { code, probability };
        let kana = letters.count_of(Writing::Hiragana) + letters.count_of(Writing::Katakana);
        if script == Writing::Han && kana * KANA_SHARE >= letters.count {
            return sure("ja", BY_SCRIPT);
        }
        if verdict.others.is_empty() {
            return sure(verdict.code, BY_SCRIPT);
        }
        if let Some(fasttext) = &self.fasttext
            && letters.count >= FASTTEXT_MIN_LETTERS
            && let Some(best) = fasttext.rank(&letters.words()).into_iter().next()
            && (best.code == verdict.code || verdict.others.contains(&best.code))
        {
            return best;
        }
        sure(verdict.code, BY_SHARED_SCRIPT)
    }
}

/// Weighs the linear model's answers against fastText's: probabilities multiplied, fastText's to a power.
fn weigh<'a>(
    ranked: Vec<Guess<'a>>,
    fasttext: &'a Second,
    linear: &'a Linear,
    letters: &Letters,
) -> Option<Guess<'a>> {
    let asked = fasttext.rank(&letters.words());
    if letters.count >= FASTTEXT_MIN_LETTERS
        && let Some(best) = asked.first()
        && best.probability >= FASTTEXT_SURE
        && !linear.has(best.code)
    {
        return Some(*best);
    }
    // Of a language that fastText knows and does not name, the least probability is assumed.
    let unnamed = second::FLOOR.powf(FASTTEXT_WEIGHT);
    let unknown = FASTTEXT_UNKNOWN.powf(FASTTEXT_WEIGHT);
    let second_opinion = |code: &str| match asked.iter().find(|guess| guess.code == code) {
        Some(told) => told.probability.min(1.0).powf(FASTTEXT_WEIGHT),
        None if fasttext.knows(code) => unnamed,
        None => unknown,
    };
    let mut sum = 0.0;
    let mut best: Option<Guess<'a>> = None;
    for mut guess in ranked {
        guess.probability *= second_opinion(guess.code);
        sum += guess.probability;
        if best.as_ref().is_none_or(|best| guess.probability > best.probability) {
            best = Some(guess);
        }
    }
    best.map(|best| Guess { probability: best.probability / sum.max(f32::MIN_POSITIVE), ..best })
}

/// The models are too sure of themselves; what they say with [`SURE`] is right less often. Two straight lines,
/// fitted on the held-out texts, put that right.
fn calibrated(guess: Guess<'_>) -> Guess<'_> {
    let told = guess.probability.min(1.0);
    let probability = if told < SURE {
        told * (RIGHT_WHEN_SURE / SURE)
    } else {
        RIGHT_WHEN_SURE + (told - SURE) * (1.0 - RIGHT_WHEN_SURE) / (1.0 - SURE)
    };
    Guess { probability, ..guess }
}

/// whatlang's answer. Its own confidence is a distance between two languages, not a probability; what it
/// calls reliable is right about nine times in ten, and the rest of long texts about every other time.
fn by_whatlang(letters: &Letters) -> Option<Guess<'static>> {
    let found = whatlang::detect(&letters.words())?;
    let probability = match (found.is_reliable(), letters.count) {
        (true, _) => WHATLANG_RELIABLE,
        (false, WHATLANG_MIN_LETTERS..) => WHATLANG_UNRELIABLE,
        (false, _) => return None,
    };
    Some(Guess { code: script::short_code(found.lang().code()), probability })
}

/// The answer for a guess, or `und`. Confidence in four decimals, so that its written form is short.
fn language(guess: Option<Guess<'_>>, script: Script) -> Language {
    const UNDETERMINED: &str = "und";
    match guess {
        Some(guess) if guess.probability >= UNDETERMINED_BELOW && guess.code != UNDETERMINED => Language {
            code: guess.code.to_owned(),
            confidence: (guess.probability.min(1.0) * 10_000.0).round() / 10_000.0,
            script,
        },
        _ => Language { code: UNDETERMINED.to_owned(), confidence: 0.0, script },
    }
}

fn version(parts: &[String]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(format!("cascade {CASCADE_VERSION} normaliser {NORMALISER_VERSION}"));
    for part in parts {
        hasher.update([0]);
        hasher.update(part);
    }
    let mut digits = hex::encode(hasher.finalize());
    digits.truncate(12);
    format!("lid@{digits}")
}
