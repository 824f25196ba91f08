//! The gate: a linear model over hashed n-grams with nine outputs. Eight are the heads; the ninth tells whether the encoder
//! would flag the text. One byte for each weight; a post costs some hundred look-ups.

pub(crate) mod features;

use streife_domain::{Head, Heads, Language};

use crate::calibration::{rounded, sigmoid};
use crate::manifest::{Kind, Manifest};
use crate::models::GateScore;
use crate::{ScoringError, golden, metrics};

/// The file with the weights: `STRGATE1`, bucket bits and number of outputs (u32 each), then scales and biases (f32 for each
/// output), then the weights (i8), bucket after bucket. Little endian.
pub(crate) const WEIGHTS_FILE: &str = "weights.bin";
const MAGIC: &[u8; 8] = b"STRGATE1";
/// Heads of a row in memory; a row is one aligned word.
const ROW: usize = 8;
/// So many weights of one byte add up in two bytes.
const BLOCK: usize = 255;
/// N-grams of a text for each of its bytes, about; only the first guess at a buffer's size.
const FEATURES_PER_BYTE: usize = 5;
const MIN_BITS: u32 = 8;
const MAX_BITS: u32 = 22;

/// A gate, ready to score. Shared between threads by reference.
#[derive(Debug)]
pub(crate) struct Gate {
    manifest: Manifest,
    /// The weights of the heads, bucket after bucket.
    heads: Vec<[i8; ROW]>,
    /// The weights of the pass output. Small enough to stay in a near cache.
    pass: Vec<i8>,
    shift: u32,
    scales: Vec<f32>,
    biases: Vec<f32>,
}

impl Gate {
    /// Opens the gate of a manifest and checks its golden scores.
    ///
    /// # Errors
    /// [`ScoringError`] when a file is missing, wrong or not supported, or a golden score differs.
    pub(crate) fn open(manifest: Manifest) -> Result<Self, ScoringError> {
        debug_assert_eq!(manifest.header.kind, Kind::Gate);
        let bytes = manifest.file(WEIGHTS_FILE)?;
        let parsed = parse(&bytes, manifest.heads.len() + 1);
        let parts = parsed.map_err(|message| manifest.unsupported(WEIGHTS_FILE, message))?;
        let Parts { heads, pass, shift, scales, biases } = parts;
        let gate = Self { manifest, heads, pass, shift, scales, biases };
        golden::check(&gate.manifest, usize::MAX, |language, text| {
            Ok(gate.manifest.calibrated(language, &gate.outputs(&streife_text::clean_for_models(text))))
        })?;
        Ok(gate)
    }

    /// What the manifest says.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// The score of a text, and whether the encoder should see it. A text in a language without usable heads never passes:
    /// the encoder would have nothing to say about it.
    pub(crate) fn score(&self, text: &str, language: &Language) -> GateScore {
        let Some(language) = self.manifest.language_for(language) else {
            metrics::gate(None, false);
            return GateScore { score: 0.0, passes: false, heads: Heads::default() };
        };
        let outputs = self.outputs(&streife_text::clean_for_models(text));
        let pass = self.manifest.pass.get(language);
        let score = pass.map_or(0.0, |pass| {
            let output = outputs.last().copied().unwrap_or_default();
            rounded(sigmoid(pass.scale * f64::from(output) + pass.shift))
        });
        let passes = pass.is_some_and(|pass| f64::from(score) >= pass.threshold);
        metrics::gate(Some(language), passes);
        GateScore { score, passes, heads: self.manifest.calibrated(language, &outputs) }
    }

    /// The probability of one head, or of passing where `head` is nothing, for a cleaned text; unrounded.
    pub(crate) fn raw(&self, cleaned: &str, head: Option<Head>) -> Option<f32> {
        let at = match head {
            Some(head) => self.manifest.heads.iter().position(|known| *known == head)?,
            None => self.manifest.heads.len(),
        };
        self.outputs(cleaned).get(at).copied()
    }

    /// The raw outputs for a cleaned text: the heads, then the pass output.
    #[expect(clippy::cast_possible_truncation, reason = "the nearest f32 is what is wanted")]
    fn outputs(&self, cleaned: &str) -> Vec<f32> {
        // All buckets first: the look-ups then do not wait for the hashing, nor for each other.
        let mut buckets = Vec::with_capacity(cleaned.len() * FEATURES_PER_BYTE);
        features::each(cleaned, |hash| buckets.push((hash >> self.shift) as u32));
        let (mut heads, mut pass) = ([0_i32; ROW], 0_i32);
        for block in buckets.chunks(BLOCK) {
            let (mut block_heads, mut block_pass) = ([0_i16; ROW], 0_i16);
            for bucket in block {
                // The shift leaves no more bits than there are rows.
                let (row, weight) = (self.heads[*bucket as usize], self.pass[*bucket as usize]);
                for (sum, weight) in block_heads.iter_mut().zip(row) {
                    *sum += i16::from(weight);
                }
                block_pass += i16::from(weight);
            }
            for (sum, part) in heads.iter_mut().zip(block_heads) {
                *sum += i32::from(part);
            }
            pass += i32::from(block_pass);
        }
        let root = f64::from(u32::try_from(buckets.len()).unwrap_or(u32::MAX).max(1)).sqrt();
        let scaled = |(sum, (scale, bias)): (&i32, (&f32, &f32))| {
            (f64::from(*sum) * f64::from(*scale) / root + f64::from(*bias)) as f32
        };
        let sums = heads.iter().take(self.manifest.heads.len()).chain([&pass]);
        sums.zip(self.scales.iter().zip(&self.biases)).map(scaled).collect()
    }
}

#[derive(Debug)]
struct Parts {
    heads: Vec<[i8; ROW]>,
    pass: Vec<i8>,
    shift: u32,
    scales: Vec<f32>,
    biases: Vec<f32>,
}

fn parse(bytes: &[u8], outputs: usize) -> Result<Parts, String> {
    let short = || "the file is cut off".to_owned();
    let rest = bytes.strip_prefix(MAGIC).ok_or("not a gate of this version (STRGATE1)")?;
    let (bits, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let (stored, rest) = rest.split_first_chunk::<4>().ok_or_else(short)?;
    let (bits, stored) = (u32::from_le_bytes(*bits), u32::from_le_bytes(*stored) as usize);
    if !(MIN_BITS..=MAX_BITS).contains(&bits) {
        return Err(format!("{bits} bucket bits; {MIN_BITS} to {MAX_BITS} are supported"));
    }
    if stored != outputs || stored > ROW + 1 {
        return Err(format!(
            "{stored} outputs; the manifest's heads and the pass output are {outputs} (at most {})",
            ROW + 1
        ));
    }
    let (scales, rest) = rest.split_at_checked(4 * stored).ok_or_else(short)?;
    let (biases, rest) = rest.split_at_checked(4 * stored).ok_or_else(short)?;
    if rest.len() != stored << bits {
        return Err(format!("{} weights instead of {}", rest.len(), stored << bits));
    }
    let floats = |bytes: &[u8]| -> Vec<f32> {
        bytes.chunks_exact(4).map(|four| f32::from_le_bytes([four[0], four[1], four[2], four[3]])).collect()
    };
    let (scales, biases) = (floats(scales), floats(biases));
    if scales.iter().chain(&biases).any(|value| !value.is_finite()) {
        return Err("a scale or bias is no number".to_owned());
    }
    let mut parts = Parts { heads: Vec::new(), pass: Vec::new(), shift: 64 - bits, scales, biases };
    for weights in rest.chunks_exact(stored) {
        let mut row = [0; ROW];
        for (to, from) in row.iter_mut().zip(&weights[..stored - 1]) {
            *to = from.cast_signed();
        }
        parts.heads.push(row);
        parts.pass.push(weights[stored - 1].cast_signed());
    }
    Ok(parts)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_broken_file_is_explained() {
        let mut file = MAGIC.to_vec();
        assert!(parse(b"", 9).unwrap_err().contains("STRGATE1"));
        file.extend(30_u32.to_le_bytes());
        file.extend(9_u32.to_le_bytes());
        assert!(parse(&file, 9).unwrap_err().contains("30 bucket bits"));
        file[8] = 8;
        assert!(parse(&file, 3).unwrap_err().contains("9 outputs"));
        assert!(parse(&file, 9).unwrap_err().contains("cut off"));
        file.extend([0; 72 + 9 * 256 - 1]);
        assert!(parse(&file, 9).unwrap_err().contains("2303 weights instead of 2304"));
        file.push(0);
        assert!(parse(&file, 9).is_ok());
    }
}
