//! Which hashes lie within a distance of a given one: multi-index hashing (Norouzi, Punjani, Fleet 2012), exact up to
//! [`MATCH_DISTANCE`].
//!
//! A hash is cut into eleven pieces of 23 bits. Were two hashes to differ in three bits or more in each of the first ten
//! pieces and in two or more in the last, they would differ in 32: so whoever lies within 31 differs by at most two bits in
//! one of the ten, or by one in the last. Each piece has a table from its value to the hashes that have it; a look-up asks it
//! for every value so close.
//!
//! Beside each candidate stands its next piece (after the last the first). Going round from a piece that is chosen well, two
//! neighbours together are also no further apart than their shares allow ("pigeonring", Qin and Xiao 2018): were that so for no
//! piece, the whole would again exceed 31. Of some ten thousand candidates one or two pass, and only those are compared as a
//! whole: the memory is read where it lies together. Tables use fewer bits of a piece than it has where that keeps their
//! rows longer than a hash, which only finds more candidates.

use crate::{MATCH_DISTANCE, Pdq};

const PIECES: usize = 11;
const PIECE_BITS: u32 = 23;
/// Bits of a piece by which tables are sorted, at most and at least.
const KEY_BITS: std::ops::RangeInclusive<u32> = 8..=22;
/// A row of a table holds about so many hashes or twice as many, as a power of two.
const ROW_BITS: u32 = 1;
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
    hashes: Vec<Words>,
    tables: Vec<Table>,
    key_bits: u32,
}

/// The hashes by the value of one piece: those of value `v` are `entries[starts[v]..starts[v + 1]]`.
struct Table {
    starts: Vec<u32>,
    entries: Vec<Entry>,
}

#[derive(Clone, Copy, Default)]
struct Entry {
    /// The next piece of the hash.
    next: u32,
    position: u32,
}

impl HashIndex {
    /// Over these hashes; `None` for more than 2^32 - 2.
    pub fn new(hashes: &[Pdq]) -> Option<Self> {
        let count = u32::try_from(hashes.len()).ok().filter(|count| *count < u32::MAX)?;
        let row_bits = (u32::BITS - count.leading_zeros()).saturating_sub(ROW_BITS);
        let key_bits = row_bits.clamp(*KEY_BITS.start(), *KEY_BITS.end());
        let hashes: Vec<Words> = hashes.iter().map(words).collect();
        let tables = (0..PIECES).map(|piece| Table::new(&hashes, piece, key_bits)).collect();
        Some(Self { hashes, tables, key_bits })
    }

    /// How many hashes.
    pub fn len(&self) -> usize {
        self.hashes.len()
    }

    /// None?
    pub fn is_empty(&self) -> bool {
        self.hashes.is_empty()
    }

    /// What it takes of memory.
    pub fn bytes(&self) -> usize {
        let of = |table: &Table| size_of_val(&table.starts[..]) + size_of_val(&table.entries[..]);
        size_of_val(&self.hashes[..]) + self.tables.iter().map(of).sum::<usize>()
    }

    /// All hashes within `distance` (at most [`MATCH_DISTANCE`]), nearest first.
    pub fn within(&self, hash: &Pdq, distance: u32) -> Vec<Near> {
        let distance = distance.min(MATCH_DISTANCE);
        let wanted = words(hash);
        let mut found = Vec::new();
        let mut rows = Vec::with_capacity(1 + PIECE_BITS as usize * (PIECE_BITS as usize + 1) / 2);
        for (piece, table) in self.tables.iter().enumerate() {
            let next = bits_of(&wanted, following(piece), PIECE_BITS);
            table.rows(bits_of(&wanted, piece, self.key_bits), self.key_bits, radius(piece), &mut rows);
            table.touch(&rows);
            let both = radius(piece) + radius(following(piece)) + 1;
            for (start, end, differing) in &rows {
                for entry in &table.entries[*start as usize..*end as usize] {
                    if at_most(entry.next ^ next, both - differing) {
                        let whole = whole_distance(&self.hashes[entry.position as usize], &wanted);
                        if whole <= distance {
                            found.push(Near { position: entry.position, distance: whole });
                        }
                    }
                }
            }
        }
        found.sort_unstable_by_key(|near| (near.distance, near.position));
        found.dedup();
        found
    }
}

/// The piece after this one, in a ring.
const fn following(piece: usize) -> usize {
    (piece + 1) % PIECES
}

fn whole_distance(a: &Words, b: &Words) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

/// Are at most `limit` bits set? Nine rows of ten ask for three, which takes a few steps without the processor's own count.
fn at_most(bits: u32, limit: u32) -> bool {
    let without_lowest = |bits: u32| bits & bits.wrapping_sub(1);
    if limit == 3 {
        return without_lowest(without_lowest(without_lowest(bits))) == 0;
    }
    bits.count_ones() <= limit
}

impl Table {
    /// Counting sort by key.
    fn new(all: &[Words], piece: usize, key_bits: u32) -> Self {
        let mut starts = vec![0_u32; (1 << key_bits) + 1];
        for words in all {
            starts[bits_of(words, piece, key_bits) as usize + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut free = starts.clone();
        let mut entries = vec![Entry::default(); all.len()];
        for (position, words) in (0..).zip(all) {
            let slot = &mut free[bits_of(words, piece, key_bits) as usize];
            entries[*slot as usize] = Entry { next: bits_of(words, following(piece), PIECE_BITS), position };
            *slot += 1;
        }
        Self { starts, entries }
    }

    /// Brings the rows near. By itself this does nothing; done while reading them, each row would wait for the one before.
    fn touch(&self, rows: &[(u32, u32, u32)]) {
        let next = |at: u32| self.entries.get(at as usize).map_or(0, |entry| entry.next);
        let touched = rows.iter().fold(0, |sum, (start, end, _)| sum ^ next(*start) ^ next(*end));
        std::hint::black_box(touched);
    }

    /// Start and end of the rows whose key differs from `key` in at most `radius` (one or two) bits, and in how many.
    fn rows(&self, key: u32, key_bits: u32, radius: u32, rows: &mut Vec<(u32, u32, u32)>) {
        let row = |key: u32, differing| (self.starts[key as usize], self.starts[key as usize + 1], differing);
        rows.clear();
        rows.push(row(key, 0));
        for i in 0..key_bits {
            let once = key ^ 1 << i;
            rows.push(row(once, 1));
            if radius > 1 {
                rows.extend((0..i).map(|j| row(once ^ 1 << j, 2)));
            }
        }
    }
}

/// The first `count` bits of a piece.
fn bits_of(words: &Words, piece: usize, count: u32) -> u32 {
    let from = piece as u32 * PIECE_BITS;
    let (word, shift) = ((from / 64) as usize, from % 64);
    let mut aligned = words[word] << shift;
    if shift + PIECE_BITS > 64 {
        aligned |= words[word + 1] >> (64 - shift);
    }
    (aligned >> (64 - count)) as u32
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
