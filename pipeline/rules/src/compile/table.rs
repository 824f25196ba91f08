//! The reverse index: from what stands in a post to the rules (or list entries) that may match. It answers with
//! candidates; exact evaluation follows. Cost follows the words of the post and the candidates, not the rules.
//!
//! Whole words and pairs of words are looked up by hash. Wildcards and fuzzy words are anchored on a few bytes
//! at the start or end of a word, infixes on a 3- or 4-byte piece. A bit filter that fits the first caches
//! stands before every hash table.

use rustc_hash::FxHashMap;

use crate::compile::plan::{What, hash_pair, mix};
use crate::evaluate::LevelText;

/// Lengths in bytes of anchors at word borders.
const ANCHORS: [usize; 6] = [1, 2, 3, 4, 6, 8];

/// From a 64-bit key to ids.
#[derive(Debug, Default)]
struct Lookup {
    filter: Vec<u64>,
    slots: Vec<(u64, u32, u32)>,
    ids: Vec<u32>,
}

impl Lookup {
    fn build(mut pairs: Vec<(u64, u32)>) -> Self {
        if pairs.is_empty() {
            return Self::default();
        }
        pairs.sort_unstable();
        pairs.dedup();
        let keys = pairs.chunk_by(|a, b| a.0 == b.0).count();
        let capacity = (keys * 2).next_power_of_two();
        let bits = (keys * 16).next_power_of_two().max(64);
        let mut lookup = Self {
            filter: vec![0; bits / 64],
            slots: vec![(0, 0, 0); capacity],
            ids: Vec::with_capacity(pairs.len()),
        };
        for group in pairs.chunk_by(|a, b| a.0 == b.0) {
            let Some(&(key, _)) = group.first() else { continue };
            let start = lookup.ids.len() as u32;
            lookup.ids.extend(group.iter().map(|(_, id)| *id));
            let bit = (key >> 40) as usize & (bits - 1);
            lookup.filter[bit / 64] |= 1 << (bit % 64);
            let mut slot = key as usize & (capacity - 1);
            while lookup.slots[slot].2 > 0 {
                slot = (slot + 1) & (capacity - 1);
            }
            lookup.slots[slot] = (key, start, group.len() as u32);
        }
        lookup
    }

    fn is_empty(&self) -> bool {
        self.ids.is_empty()
    }

    #[inline]
    fn each(&self, key: u64, found: &mut impl FnMut(u32)) {
        let bits = self.filter.len() * 64;
        if bits == 0 {
            return;
        }
        let bit = (key >> 40) as usize & (bits - 1);
        if self.filter[bit / 64] >> (bit % 64) & 1 == 0 {
            return;
        }
        let mask = self.slots.len() - 1;
        let mut slot = key as usize & mask;
        loop {
            let (here, start, count) = self.slots[slot];
            if count == 0 {
                return;
            }
            if here == key {
                self.ids[start as usize..(start + count) as usize].iter().for_each(|id| found(*id));
                return;
            }
            slot = (slot + 1) & mask;
        }
    }

    fn bytes(&self) -> usize {
        self.filter.len() * 8 + self.slots.len() * 16 + self.ids.len() * 4
    }
}

/// The reverse index over folded texts of one level.
#[derive(Debug, Default)]
pub(crate) struct Table {
    words: Lookup,
    pair_firsts: Lookup,
    pairs: Lookup,
    starts: [Lookup; ANCHORS.len()],
    ends: [Lookup; ANCHORS.len()],
    grams3: Lookup,
    grams4: Lookup,
}

/// Collects what a [`Table`] is built from.
#[derive(Debug, Default)]
pub(crate) struct TableBuilder {
    words: Vec<(u64, u32)>,
    pair_firsts: Vec<(u64, u32)>,
    pairs: Vec<(u64, u32)>,
    starts: [Vec<(u64, u32)>; ANCHORS.len()],
    ends: [Vec<(u64, u32)>; ANCHORS.len()],
    grams3: Vec<(u64, u32)>,
    grams4: Vec<(u64, u32)>,
    load: FxHashMap<u64, u32>,
}

impl TableBuilder {
    /// Makes `id` a candidate wherever `what` occurs. False when `what` gives no anchor.
    pub(crate) fn add(&mut self, what: &What, id: u32) -> bool {
        match what {
            What::Words(phrase) => match &*phrase.hashes {
                [] => return false,
                [word] => self.words.push((*word, id)),
                [first, second, ..] => {
                    self.pair_firsts.push((*first, 0));
                    self.pairs.push((hash_pair(*first, *second), id));
                }
            },
            What::Prefix(literal) => anchor(&mut self.starts, literal.as_bytes(), id, false),
            What::Suffix(literal) => anchor(&mut self.ends, literal.as_bytes(), id, true),
            What::Infix(literal) => return self.gram(literal.as_bytes(), id),
            What::Fuzzy(word) => {
                // One edit leaves the first or the last half whole; a swap of neighbours cannot touch both,
                // since one letter stands between them.
                let half = (word.chars().count().max(1) - 1) / 2;
                if half == 0 {
                    return false;
                }
                let first = word.char_indices().nth(half).map_or(word.len(), |(at, _)| at);
                let last = word.char_indices().rev().nth(half - 1).map_or(0, |(at, _)| at);
                anchor(&mut self.starts, &word.as_bytes()[..first], id, false);
                anchor(&mut self.ends, &word.as_bytes()[last..], id, true);
            }
            What::Regex(_) | What::List(_) => return false,
        }
        true
    }

    /// Anchors an infix on its piece that fewest others use.
    fn gram(&mut self, literal: &[u8], id: u32) -> bool {
        let length = literal.len().min(4);
        if length < 3 {
            return false;
        }
        let best =
            literal.windows(length).map(pack).min_by_key(|key| self.load.get(key).copied().unwrap_or(0));
        let Some(key) = best else { return false };
        *self.load.entry(key).or_default() += 1;
        if length == 4 {
            self.grams4.push((key, id));
        } else {
            self.grams3.push((key, id));
        }
        true
    }

    pub(crate) fn build(self) -> Table {
        Table {
            words: Lookup::build(self.words),
            pair_firsts: Lookup::build(self.pair_firsts),
            pairs: Lookup::build(self.pairs),
            starts: self.starts.map(Lookup::build),
            ends: self.ends.map(Lookup::build),
            grams3: Lookup::build(self.grams3),
            grams4: Lookup::build(self.grams4),
        }
    }
}

fn anchor(lookups: &mut [Vec<(u64, u32)>; ANCHORS.len()], literal: &[u8], id: u32, at_end: bool) {
    for (length, lookup) in ANCHORS.iter().zip(lookups).rev() {
        if *length <= literal.len() {
            let piece = if at_end { &literal[literal.len() - length..] } else { &literal[..*length] };
            lookup.push((pack(piece), id));
            return;
        }
    }
}

/// Up to eight bytes as one key.
fn pack(piece: &[u8]) -> u64 {
    let mut bytes = [0; 8];
    bytes[..piece.len()].copy_from_slice(piece);
    mix(u64::from_le_bytes(bytes) ^ (piece.len() as u64).rotate_left(60))
}

impl Table {
    /// Calls `found` with every id that may match; an id may come several times.
    pub(crate) fn candidates(&self, text: &LevelText, found: &mut impl FnMut(u32)) {
        let has_pairs = !self.pairs.is_empty();
        for (i, hash) in text.hashes.iter().enumerate() {
            self.words.each(*hash, found);
            if has_pairs {
                let mut begins = false;
                self.pair_firsts.each(*hash, &mut |_| begins = true);
                if begins && let Some(next) = text.hashes.get(i + 1) {
                    self.pairs.each(hash_pair(*hash, *next), found);
                }
            }
        }
        let bytes = text.folded.text.as_bytes();
        for (i, length) in ANCHORS.iter().enumerate() {
            let (starts, ends) = (&self.starts[i], &self.ends[i]);
            if starts.is_empty() && ends.is_empty() {
                continue;
            }
            for word in &text.words {
                let word = &bytes[word.start as usize..word.end as usize];
                if word.len() >= *length {
                    starts.each(pack(&word[..*length]), found);
                    ends.each(pack(&word[word.len() - length..]), found);
                }
            }
        }
        if !self.grams3.is_empty() {
            bytes.windows(3).for_each(|gram| self.grams3.each(pack(gram), found));
        }
        if !self.grams4.is_empty() {
            bytes.windows(4).for_each(|gram| self.grams4.each(pack(gram), found));
        }
    }

    /// Bytes held, roughly.
    pub(crate) fn bytes(&self) -> usize {
        let all = [&self.words, &self.pair_firsts, &self.pairs, &self.grams3, &self.grams4];
        all.into_iter().chain(&self.starts).chain(&self.ends).map(Lookup::bytes).sum()
    }
}
