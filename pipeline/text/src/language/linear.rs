//! The linear model: hashed character n-grams and words, their mean vector, one score per language.
//!
//! Trained and written by `models/lid/train.py`, which computes the same features.

use unicode_script::Script;

use super::letters::MAX_LETTERS;

/// First bytes of a weights file.
const MAGIC: &[u8; 8] = b"STRLID01";
/// Largest table of vectors accepted, in bits of its number of rows.
const MAX_BUCKET_BITS: u32 = 20;
/// Longest vector accepted.
const MAX_DIMENSIONS: usize = 64;
/// Most languages accepted.
const MAX_LANGUAGES: usize = 512;

/// Longest n-gram, in code points.
const MAX_GRAM: usize = 4;
const MULTIPLIER: u32 = 0x9e37_79b1;
const MIX: u32 = 0x85eb_ca6b;
/// Added to the hash of a whole word, as n is to that of an n-gram.
const WORD_SEED: u32 = 5;
const SPACE: u32 = 32;

/// The label of letters that say no language.
const UNDETERMINED: &str = "und";

/// A language with its probability.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Guess<'a> {
    pub(super) code: &'a str,
    pub(super) probability: f32,
}

/// The model.
pub(super) struct Linear {
    bucket_bits: u32,
    dimensions: usize,
    /// One row of `dimensions` for each bucket.
    vectors: Vec<i8>,
    scale: f32,
    temperature: f32,
    languages: Vec<LanguageRow>,
}

struct LanguageRow {
    code: String,
    scripts: Vec<Script>,
    bias: f32,
    weights: Vec<f32>,
}

impl Linear {
    /// Reads a weights file; the error says what is wrong with it.
    pub(super) fn parse(content: &[u8]) -> Result<Self, &'static str> {
        let mut reader = Reader(content);
        if reader.take(MAGIC.len())? != MAGIC {
            return Err("it does not begin like a language model");
        }
        let bucket_bits = reader.u32()?;
        let dimensions = reader.u32()? as usize;
        let count = reader.u32()? as usize;
        let (scale, temperature) = (reader.f32()?, reader.f32()?);
        let sizes_fit = (1..=MAX_BUCKET_BITS).contains(&bucket_bits)
            && (1..=MAX_DIMENSIONS).contains(&dimensions)
            && (1..=MAX_LANGUAGES).contains(&count);
        if !sizes_fit || scale <= 0.0 || temperature <= 0.0 {
            return Err("its header holds impossible sizes");
        }
        let mut languages = Vec::with_capacity(count);
        for _ in 0..count {
            let length = usize::from(reader.u8()?);
            let code = str_of(reader.take(length)?)?.to_owned();
            let scripts = (0..reader.u8()?)
                .map(|_| {
                    Script::from_short_name(str_of(reader.take(4)?)?).ok_or("it names an unknown script")
                })
                .collect::<Result<_, _>>()?;
            languages.push(LanguageRow { code, scripts, bias: 0.0, weights: Vec::new() });
        }
        for language in &mut languages {
            language.bias = reader.f32()?;
        }
        for language in &mut languages {
            language.weights = (0..dimensions).map(|_| reader.f32()).collect::<Result<_, _>>()?;
        }
        let vectors = reader.take(dimensions << bucket_bits)?.iter().map(|byte| byte.cast_signed()).collect();
        if !reader.0.is_empty() {
            return Err("it is longer than its header says");
        }
        Ok(Self { bucket_bits, dimensions, vectors, scale, temperature, languages })
    }

    /// The languages the model tells apart in `script`, in no order, with probabilities that add up to one. Empty
    /// when it knows none in that script. Letters that say no language are `und`.
    pub(super) fn rank(&self, stream: &[u32], script: Script) -> Vec<Guess<'_>> {
        let hidden = self.mean_vector(stream);
        let mut guesses: Vec<Guess<'_>> = self
            .languages
            .iter()
            .filter(|language| language.scripts.contains(&script))
            .map(|language| {
                let score: f32 = language.weights.iter().zip(&hidden).map(|(w, h)| w * h).sum();
                Guess { code: &language.code, probability: (language.bias + score) / self.temperature }
            })
            .collect();
        softmax(&mut guesses);
        guesses
    }

    /// Does it tell any languages apart in `script`?
    pub(super) fn knows(&self, script: Script) -> bool {
        self.languages.iter().any(|l| l.code != UNDETERMINED && l.scripts.contains(&script))
    }

    /// Is `code` one of its languages?
    pub(super) fn has(&self, code: &str) -> bool {
        self.languages.iter().any(|language| language.code == code)
    }

    fn mean_vector(&self, stream: &[u32]) -> Vec<f32> {
        let mut buckets = Vec::with_capacity(MAX_LETTERS * (MAX_GRAM + 1));
        hash_features(stream, self.bucket_bits, &mut buckets);
        let mut sums = vec![0_i32; self.dimensions];
        let mut block = [0_i16; MAX_DIMENSIONS];
        let block = &mut block[..self.dimensions];
        // So many rows of int8 fit into int16 sums.
        for chunk in buckets.chunks(i16::MAX as usize / i8::MAX as usize - 2) {
            block.fill(0);
            for bucket in chunk {
                let at = *bucket as usize * self.dimensions;
                for (sum, value) in block.iter_mut().zip(&self.vectors[at..at + self.dimensions]) {
                    *sum += i16::from(*value);
                }
            }
            for (sum, part) in sums.iter_mut().zip(&*block) {
                *sum += i32::from(*part);
            }
        }
        let factor = self.scale / buckets.len().max(1) as f32;
        sums.into_iter().map(|sum| sum as f32 * factor).collect()
    }
}

/// Turns scores into probabilities.
fn softmax(guesses: &mut [Guess<'_>]) {
    let largest = guesses.iter().map(|guess| guess.probability).fold(f32::MIN, f32::max);
    let mut sum = 0.0;
    for guess in guesses.iter_mut() {
        guess.probability = (guess.probability - largest).exp();
        sum += guess.probability;
    }
    for guess in guesses.iter_mut() {
        guess.probability /= sum;
    }
}

/// The buckets of all n-grams (1 to 4, within a word and the spaces around it) and of all whole words.
fn hash_features(stream: &[u32], bucket_bits: u32, buckets: &mut Vec<u32>) {
    let mut word = 0_u32;
    let mut power = 1_u32;
    for (at, &first) in stream.iter().enumerate() {
        if first == SPACE {
            if power != 1 {
                buckets.push(bucket(word.wrapping_add(WORD_SEED), bucket_bits));
            }
            (word, power) = (0, 1);
        } else {
            word = word.wrapping_add(first.wrapping_mul(power));
            power = power.wrapping_mul(MULTIPLIER);
            buckets.push(bucket(first.wrapping_add(1), bucket_bits));
        }
        let (mut gram, mut factor) = (first, 1_u32);
        for (n, &next) in (2..=MAX_GRAM as u32).zip(&stream[at + 1..]) {
            factor = factor.wrapping_mul(MULTIPLIER);
            gram = gram.wrapping_add(next.wrapping_mul(factor));
            buckets.push(bucket(gram.wrapping_add(n), bucket_bits));
            if next == SPACE {
                break;
            }
        }
    }
    if power != 1 {
        buckets.push(bucket(word.wrapping_add(WORD_SEED), bucket_bits));
    }
}

const fn bucket(hash: u32, bits: u32) -> u32 {
    let mixed = (hash ^ (hash >> 15)).wrapping_mul(MIX);
    (mixed ^ (mixed >> 13)) >> (32 - bits)
}

/// Reads little-endian values off a byte slice.
struct Reader<'a>(&'a [u8]);

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], &'static str> {
        let (taken, rest) = self.0.split_at_checked(length).ok_or("it ends too early")?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], &'static str> {
        self.take(N)?.try_into().map_err(|_| "it ends too early")
    }

    fn u8(&mut self) -> Result<u8, &'static str> {
        Ok(self.array::<1>()?[0])
    }

    fn u32(&mut self) -> Result<u32, &'static str> {
        Ok(u32::from_le_bytes(self.array()?))
    }

    fn f32(&mut self) -> Result<f32, &'static str> {
        let value = f32::from_le_bytes(self.array()?);
        if value.is_finite() { Ok(value) } else { Err("it holds numbers that are not finite") }
    }
}

fn str_of(bytes: &[u8]) -> Result<&str, &'static str> {
    std::str::from_utf8(bytes).map_err(|_| "it holds a name that is not text")
}
