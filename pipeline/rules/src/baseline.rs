//! A simple rule format for comparisons with other engines, run by the same index and evaluator as watch rules.
//!
//! Rules are JSON lines: `{"id": 7, "kind": K, ...}`. The text of a post is first brought to lower case of NFKC. A word
//! is a maximal run of letters and numbers (general categories L and N); a term is one such word.
//!
//! | kind | matches when |
//! |---|---|
//! | `keyword` | the term of `terms` is a word of the text |
//! | `phrase` | the terms are neighbouring words |
//! | `bool` | all terms of `all`, at least one of `any`, none of `none` are words |
//! | `near` | the positions of the two terms differ by 1 to `k`, either order |
//! | `obf` | the term is a word once 4→a 3→e 1→i 0→o 5→s 7→t are mapped |
//! | `regex` | `re` is found anywhere in the text; it must begin with a word of three letters or more |
//!
//! How it becomes watch rules: the words of the text stand in the field `text`, those that the mapping changes, mapped,
//! in `asr`, the whole text in `quote`; all terms are `raw:`. One difference to other readers is left: `\b` beside a
//! combining mark, which counts as part of a word here.

use std::collections::BTreeMap;

use blake2::digest::consts::{U4, U8};
use blake2::{Blake2b, Digest};
use serde::Deserialize;
use streife_text::FoldLevel;
use unicode_normalization::{IsNormalized, UnicodeNormalization, is_nfkc_quick};
use unicode_properties::{GeneralCategoryGroup, UnicodeGeneralCategory};

use crate::build::engine_of;
use crate::compile::Lowering;
use crate::limits::{MAX_DISTANCE, MIN_WITNESS_LITERAL};
use crate::syntax::ast::{Expr, Field, Kind, Nearness, Pattern, Term};
use crate::{PostView, RuleSet, Scratch};

/// Why rules could not be read.
#[derive(Debug, thiserror::Error)]
pub enum BaselineError {
    /// A line is no rule.
    #[error("line {line} is no rule of this format")]
    Line {
        /// Counted from 1.
        line: usize,
        /// What the reader says.
        #[source]
        source: serde_json::Error,
    },
    /// A rule asks for what the format does not have.
    #[error("line {line}: {why}")]
    Rule {
        /// Counted from 1.
        line: usize,
        /// What and why.
        why: String,
    },
}

#[derive(Deserialize)]
struct Line<'a> {
    id: u64,
    #[serde(borrow)]
    kind: std::borrow::Cow<'a, str>,
    #[serde(default)]
    terms: Vec<String>,
    #[serde(default)]
    all: Vec<String>,
    #[serde(default)]
    any: Vec<String>,
    #[serde(default)]
    none: Vec<String>,
    #[serde(default)]
    k: u32,
    #[serde(default)]
    re: String,
}

/// Compiled rules.
#[derive(Debug)]
pub struct Baseline {
    set: RuleSet,
    ids: Vec<u64>,
}

/// Buffers used again from post to post; one per thread.
#[derive(Debug, Default)]
pub struct BaselineScratch {
    normal: String,
    words: String,
    mapped: String,
    scratch: Scratch,
    positions: Vec<u32>,
    ids: Vec<u64>,
}

/// Reads and compiles rules, one JSON object a line; empty lines are passed over.
///
/// # Errors
/// [`BaselineError`] names the first line that is no rule.
pub fn compile(rules_jsonl: &str) -> Result<Baseline, BaselineError> {
    let (mut rules, mut ids) = (Vec::new(), Vec::new());
    let lists = BTreeMap::new();
    let mut lowering = Lowering::new(&lists);
    for (at, text) in rules_jsonl.lines().enumerate().filter(|(_, text)| !text.trim().is_empty()) {
        let line = at + 1;
        let rule: Line<'_> =
            serde_json::from_str(text).map_err(|source| BaselineError::Line { line, source })?;
        let expr = expression(&rule).map_err(|why| BaselineError::Rule { line, why })?;
        let (step, findings, _) = lowering.lower("", &expr, FoldLevel::None);
        if let Some(finding) = findings.first() {
            return Err(BaselineError::Rule { line, why: finding.english.message.clone() });
        }
        rules.push(step);
        ids.push(rule.id);
    }
    Ok(Baseline { set: engine_of(rules), ids })
}

fn expression(rule: &Line<'_>) -> Result<Expr, String> {
    let two = || match &rule.terms[..] {
        [first, second] => Ok((first.as_str(), second.as_str())),
        _ => Err(format!("`{}` takes two terms", rule.kind)),
    };
    let one = || match &rule.terms[..] {
        [only] => Ok(only.as_str()),
        _ => Err(format!("`{}` takes one term", rule.kind)),
    };
    Ok(match &*rule.kind {
        "keyword" => word(Some(Field::Text), one()?)?,
        // Without a field a word is looked for in `text` and `asr`: as it stands, and as the mapping has it. A term
        // with a digit that the mapping takes away is nowhere.
        "obf" if one()?.contains(|c| mapped(c) != c) => Expr::new(Kind::Or(Vec::new()), 0),
        "obf" => word(None, one()?)?,
        "phrase" => {
            let (first, second) = two()?;
            word(None, first)?;
            word(None, second)?;
            term(Some(Field::Text), Pattern::Phrase(format!("{first} {second}")))
        }
        "near" => {
            let (first, second) = two()?;
            let n = u16::try_from(rule.k).ok().filter(|n| (1..=MAX_DISTANCE).contains(n));
            let n = n.ok_or_else(|| format!("`k` is a distance from 1 to {MAX_DISTANCE}"))?;
            // A word is not near itself.
            let near = if first == second { Nearness::Before(n) } else { Nearness::Near(n) };
            let (left, right) = (word(Some(Field::Text), first)?, word(Some(Field::Text), second)?);
            Expr::new(Kind::Pair { near, left: Box::new(left), right: Box::new(right) }, 0)
        }
        "bool" => {
            let words = |terms: &[String]| -> Result<Vec<Expr>, String> {
                terms.iter().map(|term| word(Some(Field::Text), term)).collect()
            };
            let mut parts = words(&rule.all)?;
            parts.push(Expr::new(Kind::Or(words(&rule.any)?), 0));
            parts.extend(words(&rule.none)?.into_iter().map(|term| Expr::new(Kind::Not(Box::new(term)), 0)));
            Expr::new(Kind::And(parts), 0)
        }
        "regex" => {
            let anchor: String = leading_word(&rule.re)?;
            let regex = Expr::new(
                Kind::Term(Term {
                    field: Some(Field::Quote),
                    raw: true,
                    pattern: Pattern::Regex(like_python(&rule.re)),
                }),
                0,
            );
            Expr::new(Kind::And(vec![term(Some(Field::Text), Pattern::Infix(anchor)), regex]), 0)
        }
        other => return Err(format!("unknown kind `{other}`")),
    })
}

fn term(field: Option<Field>, pattern: Pattern) -> Expr {
    Expr::new(Kind::Term(Term { field, raw: true, pattern }), 0)
}

fn word(field: Option<Field>, text: &str) -> Result<Expr, String> {
    if text.is_empty() || !text.chars().all(is_word_char) {
        return Err(format!("the term `{text}` is not one word of letters and numbers"));
    }
    Ok(term(field, Pattern::Word(text.to_owned())))
}

/// The letters that every match of a regular expression begins with; they lie within one word.
fn leading_word(re: &str) -> Result<String, String> {
    use regex_syntax::hir::literal::Extractor;
    let hir = regex_syntax::parse(&like_python(re)).map_err(|error| error.to_string())?;
    let found = Extractor::new().extract(&hir);
    let prefix = found.longest_common_prefix().map(String::from_utf8_lossy).unwrap_or_default();
    let word: String = prefix.chars().take_while(|c| is_word_char(*c)).collect();
    if word.chars().count() < MIN_WITNESS_LITERAL {
        return Err(format!("`{re}` does not begin with a word of {MIN_WITNESS_LITERAL} letters or more"));
    }
    Ok(word)
}

/// `\w` without combining marks, `\s` with the separators of ASCII, as Python's `re` has them.
fn like_python(re: &str) -> String {
    let mut out = String::with_capacity(re.len() + 32);
    let mut chars = re.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            out.push(c);
            continue;
        }
        match chars.next() {
            Some('w') => out.push_str(r"[\p{L}\p{N}_]"),
            Some('s') => out.push_str(r"[\s\x1c-\x1f]"),
            other => {
                out.push('\\');
                out.extend(other);
            }
        }
    }
    out
}

fn is_word_char(c: char) -> bool {
    match c {
        '\0'..='\u{7f}' => return c.is_ascii_alphanumeric(),
        'À'..='ÿ' => return !matches!(c, '×' | '÷'),
        // Variation selectors; emoji.
        '\u{fe00}'..='\u{fe0f}' | '\u{1f300}'..='\u{1faff}' => return false,
        _ => {}
    }
    matches!(c.general_category_group(), GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number)
}

const fn mapped(c: char) -> char {
    match c {
        '4' => 'a',
        '3' => 'e',
        '1' => 'i',
        '0' => 'o',
        '5' => 's',
        '7' => 't',
        c => c,
    }
}

/// Lower case of NFKC, into `out` (emptied first).
pub fn normalise(text: &str, out: &mut String) {
    out.clear();
    if normalise_plain(text, out) {
        return;
    }
    out.clear();
    if is_nfkc_quick(text.chars()) == IsNormalized::Yes {
        out.push_str(&text.to_lowercase());
    } else {
        out.push_str(&text.nfkc().collect::<String>().to_lowercase());
    }
}

/// The quick way for ASCII, the letters from U+00C0 to U+00FF, emoji and variation selectors: NFKC leaves them as they
/// are, and each has one lower case. False where there is anything else; `out` has anything appended then.
fn normalise_plain(text: &str, out: &mut String) -> bool {
    let bytes = text.as_bytes();
    let (mut at, mut kept) = (0, 0);
    let keep = |out: &mut String, part: &str| {
        let from = out.len();
        out.push_str(part);
        out[from..].make_ascii_lowercase();
    };
    while at < bytes.len() {
        match bytes[at..] {
            [0..0x80, ..] => at += 1,
            [0xc3, second, ..] => {
                if matches!(second, 0x80..=0x9e) && second != 0x97 {
                    keep(out, &text[kept..at]);
                    out.push(char::from(second + 0x40 + 0x20));
                    kept = at + 2;
                }
                at += 2;
            }
            [0xf0, 0x9f, 0x8c..=0xab, _, ..] => at += 4,
            [0xef, 0xb8, 0x8f, ..] => at += 3,
            _ => return false,
        }
    }
    keep(out, &text[kept..]);
    true
}

impl Baseline {
    /// Number of rules.
    pub fn len(&self) -> usize {
        self.ids.len()
    }

    /// No rules?
    pub fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    /// Bytes held by the reverse index, roughly.
    pub fn index_bytes(&self) -> usize {
        self.set.index_bytes()
    }

    /// The ids of the rules that match a post's text, in the order of the rules.
    pub fn matches<'s>(&self, text: &str, scratch: &'s mut BaselineScratch) -> &'s [u64] {
        let mut normal = std::mem::take(&mut scratch.normal);
        normalise(text, &mut normal);
        self.matches_normal(&normal, scratch);
        scratch.normal = normal;
        &scratch.ids
    }

    /// The same for a text that [`normalise`] gave.
    pub fn matches_normal<'s>(&self, normal: &str, scratch: &'s mut BaselineScratch) -> &'s [u64] {
        let BaselineScratch { words, mapped, scratch, positions, ids, .. } = scratch;
        cut(normal, words, mapped);
        let post = PostView { text: words, asr: mapped, quote: normal, ..PostView::default() };
        self.set.matching(&post, scratch, positions);
        ids.clear();
        ids.extend(positions.iter().filter_map(|at| self.ids.get(*at as usize)));
        ids
    }
}

/// Puts the words of `normal` into `words`, and those that the mapping changes, mapped, into `changed`.
fn cut(normal: &str, words: &mut String, changed: &mut String) {
    words.clear();
    changed.clear();
    let separators = |c: char| !is_word_char(c);
    for word in normal.split(separators).filter(|word| !word.is_empty()) {
        words.push_str(word);
        words.push(' ');
        if word.bytes().any(|byte| mapped(char::from(byte)) != char::from(byte)) {
            changed.extend(word.chars().map(mapped));
            changed.push(' ');
        }
    }
}

/// What one hit adds (by XOR) to the digest of a run: BLAKE2b of 8 bytes over `"<post id> <rule id>"`, little-endian.
pub fn digest_of(post_id: &str, rule_id: u64) -> u64 {
    let mut hasher = Blake2b::<U8>::new();
    hasher.update(format!("{post_id} {rule_id}"));
    u64::from_le_bytes(hasher.finalize().into())
}

/// Is this post among the `percent` that the baseline hands to its classifier? BLAKE2b of 4 bytes over the id,
/// little-endian, in ten thousandths.
pub fn is_classified(post_id: &str, percent: u32) -> bool {
    u32::from_le_bytes(Blake2b::<U4>::digest(post_id).into()) % 10_000 < percent * 100
}

/// The 8-byte BLAKE2b of a normalised text, by which exact repetitions are told.
pub fn text_key(normal: &str) -> u64 {
    u64::from_le_bytes(Blake2b::<U8>::digest(normal).into())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hits(rules: &str, text: &str) -> Vec<u64> {
        compile(rules).unwrap().matches(text, &mut BaselineScratch::default()).to_vec()
    }

    #[test]
    fn every_kind_means_what_the_format_says() {
        let rules = r#"
{"id": 1, "kind": "keyword", "terms": ["hund"]}
{"id": 2, "kind": "phrase", "terms": ["der", "hund"]}
{"id": 3, "kind": "bool", "all": ["hund"], "any": ["rot", "grün"], "none": ["katze"]}
{"id": 4, "kind": "near", "terms": ["hund", "maus"], "k": 2}
{"id": 5, "kind": "obf", "terms": ["hase"]}
{"id": 6, "kind": "regex", "re": "hund[a-zäöü]{0,4}\\s+\\w+\\s+und\\b"}
{"id": 7, "kind": "near", "terms": ["hund", "hund"], "k": 3}
"#;
        for (text, expected) in [
            ("Der 🔥 HUND", &[1, 2][..]),
            ("hund_hund GRÜN", &[1, 3, 7]),
            ("Hund, grün, Katze", &[1]),
            ("Maus oder Hund", &[1, 4]),
            ("Maus ja nein Hund", &[1]),
            ("H4s3", &[5]),
            ("hase", &[5]),
            ("das Windhunde-Paar", &[]),
            ("Windhunde jagen und", &[6]),
            ("Windhunde jagen und_", &[]),
            ("hunde", &[]),
            ("cafe\u{301}hund hund\u{34f}", &[1]),
        ] {
            assert_eq!(hits(rules, text), expected, "{text}");
        }
    }

    #[test]
    fn the_quick_way_normalises_like_the_thorough_one() {
        for c in ('\0'..='\u{ffff}').chain('\u{1f000}'..='\u{1fbff}') {
            let text = format!("aB{c}C");
            let mut quick = String::new();
            if normalise_plain(&text, &mut quick) {
                assert_eq!(quick, text.nfkc().collect::<String>().to_lowercase(), "{c:?}");
            }
            let category = c.general_category_group();
            let is_word = matches!(category, GeneralCategoryGroup::Letter | GeneralCategoryGroup::Number);
            assert_eq!(is_word_char(c), is_word, "{c:?}");
        }
    }

    #[test]
    fn what_is_no_rule_is_named() {
        for (line, says) in [
            ("{", "line 1 is no rule"),
            (r#"{"id": 1, "kind": "what"}"#, "unknown kind"),
            (r#"{"id": 1, "kind": "keyword", "terms": ["c++"]}"#, "not one word"),
            (r#"{"id": 1, "kind": "keyword", "terms": []}"#, "one term"),
            (r#"{"id": 1, "kind": "near", "terms": ["a", "b"], "k": 0}"#, "distance"),
            (r#"{"id": 1, "kind": "regex", "re": ".*"}"#, "begin with"),
            (r#"{"id": 1, "kind": "regex", "re": "hund(?=e)"}"#, "look-around"),
        ] {
            let error = compile(line).unwrap_err().to_string();
            assert!(error.contains(says), "{line}: {error}");
        }
    }

    #[test]
    fn digests_are_those_of_blake2b() {
        // python3 -c 'import hashlib; print(hashlib.blake2b(b"a/b 7", digest_size=8).digest()[::-1].hex())'
        assert_eq!(format!("{:016x}", digest_of("a/b", 7)), "8432e96d5e6d0a21");
    }
}
