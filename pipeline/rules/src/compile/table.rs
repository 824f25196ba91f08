//! The reverse index: from what stands in a post to the rules (or list entries) that may match. It answers with
//! candidates; exact evaluation follows. Cost follows the words of the post and the candidates, not the rules.
//!
//! Whole words and pairs of words are looked up by hash. Wildcards and fuzzy words are anchored on a few bytes
//! at the start or end of a word, infixes on a 3- or 4-byte piece, and compared right where the anchor was found. A
//! bit filter that fits the first caches stands before every hash table.

use std::mem::Discriminant;

use rustc_hash::FxHashMap;

use crate::compile::plan::{What, hash_pair, load, mix};
use crate::evaluate::{LevelText, word_is};

/// Lengths in bytes of anchors at word borders.
const ANCHORS: [usize; 6] = [1, 2, 3, 4, 6, 8];

/// What a post must have besides the witness for a rule to be a candidate: at least one of two words, by their places
/// in a [`WordSet`]. It costs one bit test and spares most rules made of common words their evaluation.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub(crate) struct Guard(u32);

impl Guard {
    /// Nothing more is asked for.
    pub(crate) const NONE: Self = Self(0);

    /// One of one or two words, by hash; more or none: no guard.
    pub(crate) fn of(words: &[u64]) -> Self {
        let place = |hash: &u64| u32::from(WordSet::place(*hash)) + 1;
        match words {
            [one] => Self(place(one)),
            [one, other] => Self(place(one) | place(other) << 16),
            _ => Self::NONE,
        }
    }

    #[inline]
    fn passes(self, present: &WordSet) -> bool {
        let has = |place: u32| place > 0 && present.has((place - 1) as u16);
        self.0 == 0 || has(self.0 & 0xffff) || has(self.0 >> 16)
    }
}

/// The words of a post, roughly: a word may seem to be there that is not, never the other way round.
#[derive(Debug, Clone, Default)]
pub(crate) struct WordSet([u64; 32]);

impl WordSet {
    const fn place(hash: u64) -> u16 {
        (hash >> 53) as u16
    }

    #[inline]
    fn has(&self, place: u16) -> bool {
        self.0[usize::from(place >> 6) & 31] >> (place & 63) & 1 == 1
    }

    /// May this word be there?
    #[inline]
    pub(crate) fn may_have(&self, hash: u64) -> bool {
        self.has(Self::place(hash))
    }

    pub(crate) fn insert(&mut self, hash: u64) {
        let place = Self::place(hash);
        self.0[usize::from(place >> 6) & 31] |= 1 << (place & 63);
    }

    pub(crate) fn clear(&mut self) {
        self.0.fill(0);
    }

    pub(crate) fn add_all(&mut self, other: &Self) {
        self.0.iter_mut().zip(&other.0).for_each(|(own, other)| *own |= other);
    }
}

/// One bit for some of the bits of a hash.
#[derive(Debug, Default)]
struct Filter(Vec<u64>);

impl Filter {
    /// Sixteen bits for each key: of the keys that are not there about one in sixteen gets through.
    fn of(keys: impl ExactSizeIterator<Item = u64>) -> Self {
        if keys.len() == 0 {
            return Self::default();
        }
        let mut filter = Self(vec![0; (keys.len() * 16).next_power_of_two().max(64) / 64]);
        for key in keys {
            let bit = filter.bit(key);
            filter.0[bit / 64] |= 1 << (bit % 64);
        }
        filter
    }

    fn bit(&self, key: u64) -> usize {
        (key >> 40) as usize & (self.0.len() * 64 - 1)
    }

    #[inline]
    fn has(&self, key: u64) -> bool {
        if self.0.is_empty() {
            return false;
        }
        let bit = self.bit(key);
        self.0[bit / 64] >> (bit % 64) & 1 == 1
    }
}

/// From a 64-bit key to values.
#[derive(Debug)]
struct Lookup<V> {
    filter: Filter,
    /// Key, first value, number of values (0: an empty slot).
    slots: Vec<(u64, u32, u32)>,
    values: Vec<V>,
}

impl<V> Default for Lookup<V> {
    fn default() -> Self {
        Self { filter: Filter::default(), slots: Vec::new(), values: Vec::new() }
    }
}

impl<V: Copy + Ord> Lookup<V> {
    fn build(mut pairs: Vec<(u64, V)>) -> Self {
        if pairs.is_empty() {
            return Self::default();
        }
        pairs.sort_unstable();
        pairs.dedup();
        let groups = || pairs.chunk_by(|a, b| a.0 == b.0);
        let keys: Vec<u64> = groups().filter_map(|group| Some(group.first()?.0)).collect();
        let capacity = (keys.len() * 2).next_power_of_two();
        let mut lookup = Self {
            filter: Filter::of(keys.iter().copied()),
            slots: vec![(0, 0, 0); capacity],
            values: Vec::with_capacity(pairs.len()),
        };
        for (key, group) in keys.iter().zip(groups()) {
            let start = lookup.values.len() as u32;
            lookup.values.extend(group.iter().map(|(_, value)| *value));
            let mut slot = *key as usize & (capacity - 1);
            while lookup.slots[slot].2 > 0 {
                slot = (slot + 1) & (capacity - 1);
            }
            lookup.slots[slot] = (*key, start, group.len() as u32);
        }
        lookup
    }

    fn is_empty(&self) -> bool {
        self.values.is_empty()
    }

    #[inline]
    fn get(&self, key: u64) -> &[V] {
        if self.filter.has(key) { self.find(key) } else { &[] }
    }

    fn find(&self, key: u64) -> &[V] {
        let mask = self.slots.len() - 1;
        let mut slot = key as usize & mask;
        loop {
            let (here, start, count) = self.slots[slot];
            if count == 0 {
                return &[];
            }
            if here == key {
                return &self.values[start as usize..(start + count) as usize];
            }
            slot = (slot + 1) & mask;
        }
    }

    fn bytes(&self) -> usize {
        self.filter.0.len() * 8 + self.slots.len() * 16 + self.values.len() * size_of::<V>()
    }
}

/// Something looked for in a word, once an anchor of it was found there.
#[derive(Debug)]
struct Pattern {
    what: What,
    /// Where the anchor of an infix begins in it.
    anchor_at: u32,
    users: Vec<(u32, Guard)>,
}

/// The reverse index over folded texts of one level.
#[derive(Debug, Default)]
pub(crate) struct Table {
    words: Lookup<(u32, Guard)>,
    /// First words of phrases.
    pair_firsts: Filter,
    pairs: Lookup<(u32, Guard)>,
    /// The values of these are places in `patterns`.
    starts: [Lookup<u32>; ANCHORS.len()],
    ends: [Lookup<u32>; ANCHORS.len()],
    grams3: Lookup<u32>,
    grams4: Lookup<u32>,
    patterns: Vec<Pattern>,
}

/// Collects what a [`Table`] is built from.
#[derive(Debug, Default)]
pub(crate) struct TableBuilder {
    words: Vec<(u64, (u32, Guard))>,
    pair_firsts: Vec<u64>,
    pairs: Vec<(u64, (u32, Guard))>,
    starts: [Vec<(u64, u32)>; ANCHORS.len()],
    ends: [Vec<(u64, u32)>; ANCHORS.len()],
    grams3: Vec<(u64, u32)>,
    grams4: Vec<(u64, u32)>,
    patterns: Vec<Pattern>,
    /// Places in `patterns` by kind and text.
    known: FxHashMap<(Discriminant<What>, Box<str>), usize>,
    load: FxHashMap<u64, u32>,
}

impl TableBuilder {
    /// Makes `id` a candidate wherever `what` occurs in a post that passes `guard`. False when `what` gives no anchor.
    pub(crate) fn add(&mut self, what: &What, id: u32, guard: Guard) -> bool {
        let text = match what {
            What::Words(phrase) => {
                match &*phrase.hashes {
                    [] => return false,
                    [word] => self.words.push((*word, (id, guard))),
                    [first, second, ..] => {
                        self.pair_firsts.push(*first);
                        self.pairs.push((hash_pair(*first, *second), (id, guard)));
                    }
                }
                return true;
            }
            What::Prefix(text) | What::Suffix(text) | What::Infix(text) | What::Fuzzy(text) => text,
            What::Regex(_) | What::List(_) => return false,
        };
        let key = (std::mem::discriminant(what), text.clone());
        if let Some(known) = self.known.get(&key) {
            self.patterns[*known].users.push((id, guard));
            return true;
        }
        let at = self.patterns.len();
        let Some(anchor_at) = self.anchor(what, text, at as u32) else { return false };
        self.patterns.push(Pattern { what: what.clone(), anchor_at, users: vec![(id, guard)] });
        self.known.insert(key, at);
        true
    }

    /// Anchors pattern number `at`; where does the anchor begin in an infix?
    fn anchor(&mut self, what: &What, text: &str, at: u32) -> Option<u32> {
        match what {
            What::Prefix(_) => anchor(&mut self.starts, text.as_bytes(), at, false),
            What::Suffix(_) => anchor(&mut self.ends, text.as_bytes(), at, true),
            What::Infix(_) => return self.gram(text.as_bytes(), at),
            _ => {
                // One edit leaves the first or the last half whole; a swap of neighbours cannot touch both,
                // since one letter stands between them.
                let half = (text.chars().count().max(1) - 1) / 2;
                if half == 0 {
                    return None;
                }
                let first = text.char_indices().nth(half).map_or(text.len(), |(at, _)| at);
                let last = text.char_indices().rev().nth(half - 1).map_or(0, |(at, _)| at);
                anchor(&mut self.starts, &text.as_bytes()[..first], at, false);
                anchor(&mut self.ends, &text.as_bytes()[last..], at, true);
            }
        }
        Some(0)
    }

    /// Anchors an infix on its piece that fewest others use.
    fn gram(&mut self, literal: &[u8], at: u32) -> Option<u32> {
        let length = literal.len().min(4);
        if length < 3 {
            return None;
        }
        let pieces = literal.windows(length).map(pack).enumerate();
        let (begin, key) = pieces.min_by_key(|(_, key)| self.load.get(key).copied().unwrap_or(0))?;
        *self.load.entry(key).or_default() += 1;
        if length == 4 {
            self.grams4.push((key, at));
        } else {
            self.grams3.push((key, at));
        }
        Some(begin as u32)
    }

    pub(crate) fn build(self) -> Table {
        Table {
            words: Lookup::build(self.words),
            pair_firsts: Filter::of(self.pair_firsts.into_iter()),
            pairs: Lookup::build(self.pairs),
            starts: self.starts.map(Lookup::build),
            ends: self.ends.map(Lookup::build),
            grams3: Lookup::build(self.grams3),
            grams4: Lookup::build(self.grams4),
            patterns: self.patterns,
        }
    }
}

fn anchor(lookups: &mut [Vec<(u64, u32)>; ANCHORS.len()], literal: &[u8], at: u32, at_end: bool) {
    for (length, lookup) in ANCHORS.iter().zip(lookups).rev() {
        if *length <= literal.len() {
            let piece = if at_end { &literal[literal.len() - length..] } else { &literal[..*length] };
            lookup.push((pack(piece), at));
            return;
        }
    }
}

/// Up to eight bytes as one key.
fn pack(piece: &[u8]) -> u64 {
    mix(load(piece) ^ (piece.len() as u64).rotate_left(60))
}

impl Table {
    /// Calls `found` with every id that may match; an id may come several times. `present` has at least the words of
    /// all texts that guards speak of.
    pub(crate) fn candidates(&self, text: &LevelText, present: &WordSet, found: &mut impl FnMut(u32)) {
        let mut each = |users: &[(u32, Guard)]| {
            users.iter().filter(|(_, guard)| guard.passes(present)).for_each(|(id, _)| found(*id));
        };
        for (i, hash) in text.hashes.iter().enumerate() {
            each(self.words.get(*hash));
            if self.pair_firsts.has(*hash)
                && let Some(next) = text.hashes.get(i + 1)
            {
                each(self.pairs.get(hash_pair(*hash, *next)));
            }
        }
        if self.patterns.is_empty() {
            return;
        }
        let bytes = text.folded.text.as_bytes();
        for (i, length) in ANCHORS.iter().enumerate() {
            let (starts, ends) = (&self.starts[i], &self.ends[i]);
            if starts.is_empty() && ends.is_empty() {
                continue;
            }
            for (at, word) in text.words.iter().enumerate() {
                let word = &bytes[word.start as usize..word.end as usize];
                if word.len() >= *length {
                    for pattern in starts
                        .get(pack(&word[..*length]))
                        .iter()
                        .chain(ends.get(pack(&word[word.len() - length..])))
                    {
                        let pattern = &self.patterns[*pattern as usize];
                        if word_is(&pattern.what, text.word(at)) {
                            each(&pattern.users);
                        }
                    }
                }
            }
        }
        for (length, grams) in [(3, &self.grams3), (4, &self.grams4)] {
            if grams.is_empty() {
                continue;
            }
            for (at, gram) in bytes.windows(length).enumerate() {
                for pattern in grams.get(pack(gram)) {
                    let pattern = &self.patterns[*pattern as usize];
                    if let (What::Infix(literal), Some(begin)) =
                        (&pattern.what, at.checked_sub(pattern.anchor_at as usize))
                        && bytes[begin..].starts_with(literal.as_bytes())
                    {
                        each(&pattern.users);
                    }
                }
            }
        }
    }

    /// Bytes held, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let anchored = self.starts.iter().chain(&self.ends).chain([&self.grams3, &self.grams4]);
        let pattern = |pattern: &Pattern| size_of::<Pattern>() + pattern.users.len() * 8 + 16;
        self.words.bytes()
            + self.pairs.bytes()
            + self.pair_firsts.0.len() * 8
            + anchored.map(Lookup::bytes).sum::<usize>()
            + self.patterns.iter().map(pattern).sum::<usize>()
    }
}
