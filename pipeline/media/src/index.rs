//! Which hashes lie within a distance of a given one: multi-index hashing (Norouzi, Punjani, Fleet 2012), exact up to
//! [`MATCH_DISTANCE`].
//!
//! A hash is cut into eleven pieces of 23 bits. Were two hashes to differ in three bits or more in each of the first ten
//! pieces and in two or more in the last, they would differ in 32: so whoever lies within 31 differs by at most two bits in
//! one of the ten, or by one in the last. Each piece has a table from its value to the hashes that have it; a look-up asks it
//! for every value so close, and compares what stands there. Small banks use fewer bits of each piece, which only finds more
//! candidates.

use crate::{MATCH_DISTANCE, Pdq};

const PIECES: usize = 11;
const PIECE_BITS: u32 = 23;
/// Bits by which the piece may differ.
const fn radius(piece: usize) -> u32 {
    if piece + 1 < PIECES { 2 } else { 1 }
}
const _: () = {
    let (mut piece, mut bits) = (0, 0);
    while piece < PIECES {
        bits += radius(piece) + 1;
        piece += 1;
    }
    assert!(bits > MATCH_DISTANCE && PIECES as u32 * PIECE_BITS <= 256);
};

/// The four words of a hash, so that pieces are cut by shifts.
type Words = [u64; 4];

fn words(hash: &Pdq) -> Words {
    let mut words = [0; 4];
    for (word, bytes) in words.iter_mut().zip(hash.0.as_chunks::<8>().0) {
        *word = u64::from_be_bytes(*bytes);
    }
    words
}

/// One hash that was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Near {
    /// Its place among the hashes the index was built from.
    pub position: u32,
    /// In how many bits it differs.
    pub distance: u32,
}

/// The index. Immutable; a bank that changed makes a new one.
pub struct HashIndex {
    /// The first half of each hash: nearly every candidate is refused by it.
    first: Vec<[u64; 2]>,
    second: Vec<[u64; 2]>,
    tables: Vec<Table>,
    key_bits: u32,
}

/// The hashes by the value of one piece: those of value `v` are `positions[starts[v]..starts[v + 1]]`.
struct Table {
    starts: Vec<u32>,
    positions: Vec<u32>,
}

impl HashIndex {
    /// Over these hashes; `None` for more than 2^32 - 2.
    pub fn new(hashes: &[Pdq]) -> Option<Self> {
        let count = u32::try_from(hashes.len()).ok().filter(|count| *count < u32::MAX)?;
        let key_bits = (u32::BITS - count.leading_zeros()).clamp(8, PIECE_BITS);
        let all: Vec<Words> = hashes.iter().map(words).collect();
        let tables = (0..PIECES).map(|piece| Table::new(&all, piece, key_bits)).collect();
        let first = all.iter().map(|words| [words[0], words[1]]).collect();
        let second = all.iter().map(|words| [words[2], words[3]]).collect();
        Some(Self { first, second, tables, key_bits })
    }

    /// How many hashes.
    pub fn len(&self) -> usize {
        self.first.len()
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.first.is_empty()
    }

    /// What it takes of memory.
    pub fn bytes(&self) -> usize {
        let tables: usize = self.tables.iter().map(|table| table.starts.len() + table.positions.len()).sum();
        self.len() * size_of::<Words>() + tables * size_of::<u32>()
    }

    /// All hashes within `distance` (at most [`MATCH_DISTANCE`]), nearest first.
    pub fn within(&self, hash: &Pdq, distance: u32) -> Vec<Near> {
        let distance = distance.min(MATCH_DISTANCE);
        let wanted = words(hash);
        let mut found = Vec::new();
        let mut ranges = Vec::with_capacity(1 + PIECE_BITS as usize * (PIECE_BITS as usize + 1) / 2);
        let mut candidates = Vec::new();
        for (piece, table) in self.tables.iter().enumerate() {
            let key = key(&wanted, piece, self.key_bits);
            // In three sweeps, each of reads that do not wait for each other.
            table.ranges(key, self.key_bits, radius(piece), &mut ranges);
            candidates.clear();
            for (start, end) in &ranges {
                candidates.extend_from_slice(&table.positions[*start as usize..*end as usize]);
            }
            for position in &candidates {
                let [a, b] = self.first[*position as usize];
                let half = differing([a ^ wanted[0], b ^ wanted[1]]);
                if half <= distance {
                    let [c, d] = self.second[*position as usize];
                    let whole = half + differing([c ^ wanted[2], d ^ wanted[3]]);
                    if whole <= distance {
                        found.push(Near { position: *position, distance: whole });
                    }
                }
            }
        }
        found.sort_unstable_by_key(|near| (near.distance, near.position));
        found.dedup();
        found
    }
}

impl Table {
    /// Counting sort by key.
    fn new(all: &[Words], piece: usize, key_bits: u32) -> Self {
        let mut starts = vec![0_u32; (1 << key_bits) + 1];
        for words in all {
            starts[key(words, piece, key_bits) as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut positions = vec![0; all.len()];
        for (position, words) in (0..).zip(all) {
            let slot = &mut next[key(words, piece, key_bits) as usize];
            positions[*slot as usize] = position;
            *slot += 1;
        }
        Self { starts, positions }
    }

    /// Where the hashes stand whose key differs from `key` in at most `radius` (one or two) bits.
    fn ranges(&self, key: u32, key_bits: u32, radius: u32, ranges: &mut Vec<(u32, u32)>) {
        let range = |key: u32| (self.starts[key as usize], self.starts[key as usize + 1]);
        ranges.clear();
        ranges.push(range(key));
        for i in 0..key_bits {
            let once = key ^ 1 << i;
            ranges.push(range(once));
            if radius > 1 {
                ranges.extend((0..i).map(|j| range(once ^ 1 << j)));
            }
        }
    }
}

/// The first `key_bits` bits of a piece.
fn key(words: &Words, piece: usize, key_bits: u32) -> u32 {
    let from = piece as u32 * PIECE_BITS;
    let (word, shift) = ((from / 64) as usize, from % 64);
    let mut aligned = words[word] << shift;
    if shift + PIECE_BITS > 64 {
        aligned |= words[word + 1] >> (64 - shift);
    }
    (aligned >> (64 - key_bits)) as u32
}

/// Bits set in both words, counted side by side: without the processor's own instruction this takes half the steps.
const fn differing([a, b]: [u64; 2]) -> u32 {
    const PAIRS: u64 = 0x5555_5555_5555_5555;
    const FOURS: u64 = 0x3333_3333_3333_3333;
    const BYTES: u64 = 0x0f0f_0f0f_0f0f_0f0f;
    let a = a - (a >> 1 & PAIRS);
    let b = b - (b >> 1 & PAIRS);
    let a = (a & FOURS) + (a >> 2 & FOURS);
    let b = (b & FOURS) + (b >> 2 & FOURS);
    let sum = (a & BYTES) + (a >> 4 & BYTES) + (b & BYTES) + (b >> 4 & BYTES);
    // Each byte holds at most 16, so their sum fits in one: at most 128.
    (sum.wrapping_mul(0x0101_0101_0101_0101) >> 56) as u32
}

/// The same answer by comparing with every hash.
pub fn linear(hashes: &[Pdq], hash: &Pdq, distance: u32) -> Vec<Near> {
    let mut found: Vec<Near> = (0..)
        .zip(hashes)
        .map(|(position, other)| Near { position, distance: hash.distance(other) })
        .filter(|near| near.distance <= distance)
        .collect();
    found.sort_unstable_by_key(|near| (near.distance, near.position));
    found
}
