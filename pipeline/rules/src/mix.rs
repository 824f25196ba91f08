//! The published mix of made-up posts and rules that figures about this engine are measured with. The same seed gives
//! the same texts on every machine.
//!
//! Words are made of syllables. A word of rank r stands in a post with a chance of about 1.7/r (Zipf's law), besides
//! function words of German and English. A rule's witness is drawn from a band of ranks:
//!
//! | breadth | ranks | a rule is a candidate in one of so many posts |
//! |---|---|---|
//! | [`Breadth::Narrow`] | 3,000 to 100,000 | 16,000 |
//! | [`Breadth::Medium`] | 300 to 3,000 | 700 |
//! | [`Breadth::Broad`] | 30 to 300 | 70 |
//! | [`Breadth::Mixed`] | 80 % narrow, 18 % medium, 2 % broad | |
//!
//! Of the rules, 30 % are one word, 10 % a phrase, 20 % words joined by AND, OR, NOT, 20 % NEAR, 4 % BEFORE or SENT,
//! 6 % a prefix or suffix, 2 % an infix, 2 % a word with one edit, 3 % `raw:`, 3 % a regular expression beside a word.
//! Posts have 8 to 60 words, 260 bytes on average; 4 % have a word in leet, 1 % one with its letters spaced out, some
//! tags, mentions, addresses and emoji.

use std::fmt::Write as _;

/// Different words.
pub const VOCABULARY: usize = 100_000;
const ONSETS: [&str; 26] = [
    "b", "d", "f", "g", "h", "k", "l", "m", "n", "p", "r", "s", "t", "v", "w", "z", "br", "dr", "fl", "gr",
    "kl", "kr", "pl", "sch", "st", "tr",
];
const VOWELS: [&str; 14] = ["a", "e", "i", "o", "u", "ä", "ö", "ü", "ei", "au", "eu", "ie", "ou", "ea"];
const CODAS: [&str; 14] = ["", "", "n", "r", "s", "l", "m", "ng", "cht", "rt", "nd", "ck", "ft", "rn"];
const FUNCTION_WORDS: [&str; 60] = [
    "der", "die", "das", "und", "ist", "nicht", "ein", "eine", "ich", "du", "er", "wir", "sie", "mit", "auf",
    "für", "von", "zu", "im", "am", "aber", "oder", "wenn", "dann", "weil", "dass", "wie", "was", "auch",
    "nur", "the", "a", "and", "is", "are", "not", "you", "he", "we", "they", "with", "on", "for", "of", "to",
    "in", "at", "but", "or", "if", "then", "because", "that", "how", "what", "who", "also", "only", "very",
    "more",
];
const LENGTHS: [usize; 8] = [8, 15, 20, 28, 35, 42, 45, 60];
const EMOJI: [&str; 8] = ["😂", "🔥", "❤️", "🤔", "👍", "🇩🇪", "💪", "🚀"];
/// Ranks of narrow, medium and broad witnesses.
const BANDS: [(usize, usize); 3] = [(3_000, VOCABULARY), (300, 3_000), (30, 300)];

/// How common the words are that rules look for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Breadth {
    /// Rare words.
    Narrow,
    /// Words of some posts.
    Medium,
    /// Words of many posts.
    Broad,
    /// 80 % narrow, 18 % medium, 2 % broad.
    Mixed,
}

/// Makes words, posts and rules.
#[derive(Debug)]
pub struct Mix {
    words: Vec<String>,
    random: Random,
}

/// xorshift64*.
#[derive(Debug)]
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, bound: usize) -> usize {
        ((u128::from(self.next()) * bound as u128) >> 64) as usize
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1u64 << 53) as f64
    }

    fn one<'a>(&mut self, of: &[&'a str]) -> &'a str {
        of[self.below(of.len())]
    }
}

impl Mix {
    /// A mix that begins at `seed`.
    pub fn new(seed: u64) -> Self {
        let mut random = Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1);
        let mut seen: rustc_hash::FxHashSet<String> = FUNCTION_WORDS.map(str::to_owned).into_iter().collect();
        let mut words = Vec::with_capacity(VOCABULARY);
        while words.len() < VOCABULARY {
            let mut word = String::new();
            for _ in 0..[1, 2, 2, 3, 3, 4][random.below(6)] {
                word += random.one(&ONSETS);
                word += random.one(&VOWELS);
                word += random.one(&CODAS);
            }
            if word.chars().count() > 3 && seen.insert(word.clone()) {
                words.push(word);
            }
        }
        Self { words, random }
    }

    /// A word as posts have them, and its rank.
    fn common(&mut self) -> (usize, &str) {
        let rank = (VOCABULARY as f64).powf(self.random.unit()) as usize;
        let rank = rank.clamp(1, VOCABULARY) - 1;
        (rank, &self.words[rank])
    }

    /// A word of a band of ranks.
    pub fn word(&mut self, breadth: Breadth) -> String {
        let band = match breadth {
            Breadth::Narrow => 0,
            Breadth::Medium => 1,
            Breadth::Broad => 2,
            Breadth::Mixed => match self.random.below(100) {
                0..80 => 0,
                80..98 => 1,
                _ => 2,
            },
        };
        let (from, to) = BANDS[band];
        let rank = from + self.random.below(to - from);
        self.words[rank].clone()
    }

    /// The text of a post.
    pub fn post(&mut self) -> String {
        let count = LENGTHS[self.random.below(LENGTHS.len())];
        let disguised = if self.random.below(100) < 5 { self.random.below(count) } else { usize::MAX };
        let leet = self.random.below(5) > 0;
        let mut text = String::new();
        if self.random.below(5) == 0 {
            let _ = write!(text, "@user{} ", self.random.below(1_000_000));
        }
        for at in 0..count {
            let word = if self.random.below(100) < 45 {
                self.random.one(&FUNCTION_WORDS).to_owned()
            } else {
                self.common().1.to_owned()
            };
            if at == disguised && leet {
                text.extend(word.chars().map(leet_of));
            } else if at == disguised {
                let letters: Vec<String> = word.chars().map(String::from).collect();
                text += &letters.join(" ");
            } else if at == 0 || self.random.below(8) == 0 {
                let mut chars = word.chars();
                text.extend(chars.next().into_iter().flat_map(char::to_uppercase));
                text.push_str(chars.as_str());
            } else {
                text += &word;
            }
            text += self.random.one(&[" ", " ", " ", " ", " ", " ", ", ", ". ", "! ", ": "]);
        }
        if self.random.below(10) < 3 {
            let _ = write!(text, "#{} ", self.common().1);
        }
        if self.random.below(10) < 3 {
            text += self.random.one(&EMOJI);
        }
        if self.random.below(4) == 0 {
            let _ = write!(text, " https://example.org/{:x}", self.random.below(1 << 40));
        }
        text
    }

    /// The expression of a watch rule.
    pub fn when(&mut self, breadth: Breadth) -> String {
        let a = self.word(breadth);
        let b = self.word(Breadth::Medium);
        let c = self.word(Breadth::Broad);
        match self.random.below(100) {
            0..30 => a,
            30..40 => format!("\"{a} {b}\""),
            40..50 => format!("{a} AND ({b} OR {c}) AND NOT {}", self.word(Breadth::Medium)),
            50..60 => format!("{a} AND {c} AND NOT {b}"),
            60..75 => format!("{a} NEAR/8 {c}"),
            75..80 => format!("({a} OR {b}) NEAR/5 {c}"),
            80..84 => {
                let between = self.random.one(&["BEFORE/6", "SENT"]);
                format!("{a} {between} {c}")
            }
            84..87 => format!("{a}*"),
            87..90 => format!("*{a}"),
            90..92 => format!("*{a}*"),
            92..94 => format!("{a}~1"),
            94..97 => format!("raw:{a}"),
            _ => format!(r"{a} AND /{}[a-zäöü]{{0,4}}\s+\w+\s+{}\b/", b, self.random.one(&FUNCTION_WORDS)),
        }
    }

    /// A file of `count` watch rules, each a YAML document of its own.
    pub fn rule_file(&mut self, count: usize, breadth: Breadth) -> String {
        let mut file = String::with_capacity(count * 250);
        for at in 0..count {
            let when = self.when(breadth);
            let _ = write!(
                file,
                "---\nid: w-{at:06}\ntitle: Regel {at}\nowner: bench\npurpose: demonstration\nlegal_basis: \"none: made up\"\nreview_by: 2027-01-31\nseverity: low\nqueue: bench\nwhen: '{when}'\ntests: [{{text: x, expect: miss}}]\n"
            );
        }
        file
    }

    /// A rule of the simple format of [`crate::baseline`] as a JSON line, of the kinds that other engines have too: 50 %
    /// `keyword`, 20 % `phrase`, 18 % `bool`, 12 % `near`; with `python` also `obf` and `regex` (4 % and 3 % of all).
    pub fn simple_rule(&mut self, id: usize, breadth: Breadth, python: bool) -> String {
        let (a, b) = (self.word(breadth), self.word(Breadth::Medium));
        let c = self.word(Breadth::Broad);
        match self.random.below(if python { 107 } else { 100 }) {
            0..50 => format!(r#"{{"id": {id}, "kind": "keyword", "terms": ["{a}"]}}"#),
            50..70 => format!(r#"{{"id": {id}, "kind": "phrase", "terms": ["{a}", "{b}"]}}"#),
            70..88 => {
                let (d, none) = (self.word(Breadth::Medium), self.word(Breadth::Broad));
                format!(
                    r#"{{"id": {id}, "kind": "bool", "all": ["{a}"], "any": ["{b}", "{c}", "{d}"], "none": ["{none}"]}}"#
                )
            }
            88..100 => format!(r#"{{"id": {id}, "kind": "near", "terms": ["{a}", "{c}"], "k": 8}}"#),
            100..104 => format!(r#"{{"id": {id}, "kind": "obf", "terms": ["{a}"]}}"#),
            _ => format!(
                r#"{{"id": {id}, "kind": "regex", "re": "{a}[a-zäöü]{{0,4}}\\s+\\w+\\s+{}\\b"}}"#,
                self.random.one(&FUNCTION_WORDS)
            ),
        }
    }
}

const fn leet_of(c: char) -> char {
    match c {
        'a' => '4',
        'e' => '3',
        'i' => '1',
        'o' => '0',
        's' => '5',
        't' => '7',
        c => c,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{RuleSet, SourceFile};

    #[test]
    fn rules_of_the_mix_compile_and_repeat() {
        let file = Mix::new(1).rule_file(300, Breadth::Mixed);
        assert_eq!(file, Mix::new(1).rule_file(300, Breadth::Mixed));
        let compiled = RuleSet::compile(&[SourceFile { path: "mix", text: &file }], "2026-11-22");
        assert_eq!(compiled.set.rules().len(), 300, "{:?}", compiled.problems.iter().find(|p| p.is_error()));
        let mut mix = Mix::new(2);
        let simple: Vec<String> = (0..300).map(|id| mix.simple_rule(id, Breadth::Mixed, true)).collect();
        assert_eq!(crate::baseline::compile(&simple.join("\n")).unwrap().len(), 300);
    }
}
