//! An expression ready to run: folded, hashed, with lists resolved. It has the shape of the tree it came from,
//! so that an explanation can walk both.

use std::sync::OnceLock;

use regex::{Regex, RegexBuilder};
use smallvec::SmallVec;
use streife_domain::Head;
use streife_text::FoldLevel;

use crate::compile::table::Table;
use crate::limits::{MAX_REGEX_DEPTH, MAX_REGEX_PROGRAM_BYTES};
use crate::syntax::ast::{Compare, Field, Nearness, Presence, Quantity, ScopeKey};

/// A part of a plan.
#[derive(Debug)]
pub(crate) enum Step {
    Or(Vec<Step>),
    And(Vec<Step>),
    Not(Box<Step>),
    Pair { near: Nearness, left: Box<Step>, right: Box<Step> },
    Find(Find),
    Scope(ScopeKey, Vec<String>),
    Hash { bank: Vec<[u8; 32]>, at_most: u32 },
    Symbol { name: String, at_least: f64 },
    Label(Head),
    Number { quantity: Quantity, default: Option<f64>, compare: Compare, value: f64 },
    Exists(Presence),
}

/// Something looked for in text.
#[derive(Debug)]
pub(crate) struct Find {
    /// `None`: text, text in pictures, text in sound.
    pub(crate) field: Option<Field>,
    pub(crate) level: FoldLevel,
    pub(crate) what: What,
}

/// What is looked for, folded.
#[derive(Debug, Clone)]
pub(crate) enum What {
    Words(Phrase),
    Prefix(Box<str>),
    Suffix(Box<str>),
    Infix(Box<str>),
    Fuzzy(Box<str>),
    Regex(Box<LazyRegex>),
    /// Index into [`Plans::lists`].
    List(u32),
}

/// Words in a row.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Phrase {
    /// The folded words with one space between.
    pub(crate) text: Box<str>,
    pub(crate) hashes: SmallVec<[u64; 2]>,
}

/// A regular expression that was found sound when the rule was compiled and is compiled again when a post first needs
/// it: compiled ones are large, and most are never reached.
#[derive(Debug, Clone)]
pub(crate) struct LazyRegex {
    text: Box<str>,
    heeds_case: bool,
    compiled: OnceLock<Option<Regex>>,
}

impl LazyRegex {
    /// Checks the expression; nothing compiled is kept. Does it match the empty text?
    pub(crate) fn new(text: &str, heeds_case: bool) -> Result<(Self, bool), regex::Error> {
        let matches_nothing = Self::compile(text, heeds_case)?.is_match("");
        Ok((Self { text: text.into(), heeds_case, compiled: OnceLock::new() }, matches_nothing))
    }

    fn compile(text: &str, heeds_case: bool) -> Result<Regex, regex::Error> {
        RegexBuilder::new(text)
            .case_insensitive(!heeds_case)
            .size_limit(MAX_REGEX_PROGRAM_BYTES)
            .dfa_size_limit(MAX_REGEX_PROGRAM_BYTES)
            .nest_limit(MAX_REGEX_DEPTH)
            .build()
    }

    /// The compiled expression. It compiled once, so it does again; if it did not, it would match nothing.
    pub(crate) fn get(&self) -> Option<&Regex> {
        self.compiled.get_or_init(|| Self::compile(&self.text, self.heeds_case).ok()).as_ref()
    }

    pub(crate) fn is_match(&self, text: &str) -> bool {
        self.get().is_some_and(|regex| regex.is_match(text))
    }
}

/// A list folded to one level.
#[derive(Debug)]
pub(crate) struct ListPlan {
    pub(crate) entries: Vec<What>,
    /// Finds the entries that may occur; entries without a witness are in `always`.
    pub(crate) table: Table,
    pub(crate) always: Vec<u32>,
    /// The entries as names, for fields that are compared as a whole.
    pub(crate) names: rustc_hash::FxHashSet<Box<str>>,
}

/// The hash of a folded word.
pub(crate) fn hash_word(word: &[u8]) -> u64 {
    const K: u64 = 0x9e37_79b9_7f4a_7c15;
    let mut hash = (word.len() as u64).wrapping_mul(K);
    let mut chunks = word.chunks_exact(8);
    for chunk in chunks.by_ref() {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(chunk);
        hash = mix(hash ^ u64::from_le_bytes(bytes));
    }
    mix(hash ^ load(chunks.remainder()))
}

/// Up to eight bytes as a number; of pieces of one length no two give the same. Without a call of `memcpy`, which
/// costs more than the rest of hashing a short word.
#[inline]
pub(crate) fn load(piece: &[u8]) -> u64 {
    let four = |at: usize| {
        let bytes = piece.get(at..at + 4).and_then(|part| part.try_into().ok()).unwrap_or([0; 4]);
        u64::from(u32::from_le_bytes(bytes))
    };
    match *piece {
        [] => 0,
        [a] => u64::from(a),
        [a, b] => u64::from(a) | u64::from(b) << 8,
        [a, b, c] => u64::from(a) | u64::from(b) << 8 | u64::from(c) << 16,
        _ => four(0) | four(piece.len() - 4) << 32,
    }
}

/// Mixes all bits of `x` (multiply and fold).
pub(crate) fn mix(x: u64) -> u64 {
    let product = u128::from(x ^ 0xa076_1d64_78bd_642f) * u128::from(0xe703_7ed1_a0b4_28db_u64);
    (product as u64) ^ ((product >> 64) as u64)
}

/// The hash of two neighbouring words.
pub(crate) fn hash_pair(first: u64, second: u64) -> u64 {
    mix(first.rotate_left(23) ^ second)
}
