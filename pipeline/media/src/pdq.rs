//! PDQ, the perceptual hash of pictures that hash banks exchange: 256 bits that stay nearly the same when a picture is
//! scaled, recompressed or slightly changed.
//!
//! Written from the published description ("The TMK+PDQF Video-Hashing Algorithm and the PDQ Image-Hashing Algorithm",
//! 2019): luminance; a box filter applied twice, as wide as the picture is larger than 128; every 64th sampled; the lowest
//! 16 by 16 frequencies of its cosine transform without the constant one; each bit says whether a frequency lies over the
//! median. `tests/pdq.rs` compares with the reference implementation.

use std::f32::consts::PI;
use std::sync::LazyLock;

use crate::Luminance;

/// Edge of the small picture that is transformed.
const SAMPLED: usize = 64;
/// Longer edges are made shorter first. Common tools do so from 512 on.
const FULL_EDGE: usize = 1024;
/// Frequencies kept in each direction.
const KEPT: usize = 16;
/// The filter is applied so often.
const FILTER_PASSES: usize = 2;
/// Below this quality a picture has too little structure for its hash to mean anything (the published advice).
pub const MIN_QUALITY: u8 = 50;
/// The largest distance at which two pictures are called the same (the published advice).
pub const MATCH_DISTANCE: u32 = 31;

/// A hash: 256 bits, the highest first, as its hexadecimal form is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pdq(pub [u8; 32]);

impl Pdq {
    /// In how many of the 256 bits two hashes differ.
    pub fn distance(&self, other: &Self) -> u32 {
        self.0.iter().zip(&other.0).map(|(a, b)| (a ^ b).count_ones()).sum()
    }

    /// 64 hexadecimal digits.
    pub fn to_hex(&self) -> String {
        hex::encode(self.0)
    }

    /// Reads 64 hexadecimal digits.
    pub fn from_hex(text: &str) -> Option<Self> {
        let mut bits = [0; 32];
        hex::decode_to_slice(text, &mut bits).ok()?;
        Some(Self(bits))
    }
}

/// The hash of a picture and how much structure it has, 0 to 100.
pub fn pdq(picture: &Luminance) -> (Pdq, u8) {
    let small = sample(picture);
    (bits(&frequencies(&small)), quality(&small))
}

/// One row-major grid of `SAMPLED` by `SAMPLED`.
type Small = [[f32; SAMPLED]; SAMPLED];
type Frequencies = [[f32; KEPT]; KEPT];

fn sample(picture: &Luminance) -> Small {
    let (mut pixels, width, height) = reduced(picture);
    let mut small = [[0.0; SAMPLED]; SAMPLED];
    if (width, height) == (SAMPLED, SAMPLED) {
        for (row, pixels) in small.iter_mut().zip(pixels.chunks_exact(SAMPLED)) {
            row.copy_from_slice(pixels);
        }
        return small;
    }
    let mut filtered = vec![0.0; pixels.len()];
    for _ in 0..FILTER_PASSES {
        for (line, out) in pixels.chunks_exact(width).zip(filtered.chunks_exact_mut(width)) {
            filter_line(line, out, window(width));
        }
        filter_columns(&filtered, &mut pixels, width, window(height));
    }
    let centre = |i: usize, from: usize| (2 * i + 1) * from / (2 * SAMPLED);
    for (i, row) in small.iter_mut().enumerate() {
        let line = centre(i, height) * width;
        for (j, value) in row.iter_mut().enumerate() {
            *value = pixels[line + centre(j, width)];
        }
    }
    small
}

/// Large pictures by the means of square blocks, so that memory stays small; up to `FULL_EDGE` as they are.
fn reduced(picture: &Luminance) -> (Vec<f32>, usize, usize) {
    let block = picture.width().max(picture.height()).div_ceil(FULL_EDGE);
    let (width, height) = ((picture.width() / block).max(1), (picture.height() / block).max(1));
    let mut pixels = vec![0.0; width * height];
    let mut counts = vec![0_u32; width];
    for (out, lines) in pixels.chunks_exact_mut(width).zip(picture.pixels().chunks(block * picture.width())) {
        counts.fill(0);
        for line in lines.chunks_exact(picture.width()) {
            for (at, block) in line.chunks(block).take(width).enumerate() {
                out[at] += block.iter().map(|value| f32::from(*value)).sum::<f32>();
                counts[at] += block.len() as u32;
            }
        }
        out.iter_mut().zip(&counts).for_each(|(sum, count)| *sum /= *count as f32);
    }
    (pixels, width, height)
}

/// Width of the filter for a picture of this length: half the distance of two samples.
const fn window(length: usize) -> usize {
    length.div_ceil(2 * SAMPLED)
}

/// How far a window reaches to both sides of its place; even ones reach one further ahead.
const fn reach(window: usize) -> (usize, usize) {
    let ahead = window / 2;
    (window - 1 - ahead, ahead)
}

/// The mean over the window around each place, as far as it lies within the line.
fn filter_line(line: &[f32], out: &mut [f32], window: usize) {
    let (behind, ahead) = reach(window);
    let mut sum: f32 = line[..ahead.min(line.len())].iter().sum();
    let mut count = ahead.min(line.len());
    for (at, mean) in out.iter_mut().enumerate() {
        if let Some(entering) = line.get(at + ahead) {
            sum += entering;
            count += 1;
        }
        *mean = sum / count as f32;
        if let Some(leaving) = at.checked_sub(behind) {
            sum -= line[leaving];
            count -= 1;
        }
    }
}

/// The same down the columns, all columns of a row at once, so that memory is read in its order.
fn filter_columns(lines: &[f32], out: &mut [f32], width: usize, window: usize) {
    let height = lines.len() / width;
    let (behind, ahead) = reach(window);
    let row = |at: usize| &lines[at * width..(at + 1) * width];
    let mut sums = vec![0.0_f32; width];
    let mut count = ahead.min(height);
    for at in 0..count {
        sums.iter_mut().zip(row(at)).for_each(|(sum, value)| *sum += value);
    }
    for (at, means) in out.chunks_exact_mut(width).enumerate() {
        if at + ahead < height {
            sums.iter_mut().zip(row(at + ahead)).for_each(|(sum, value)| *sum += value);
            count += 1;
        }
        means.iter_mut().zip(&sums).for_each(|(mean, sum)| *mean = sum / count as f32);
        if let Some(leaving) = at.checked_sub(behind) {
            sums.iter_mut().zip(row(leaving)).for_each(|(sum, value)| *sum -= value);
            count -= 1;
        }
    }
}

/// Rows of the cosine transform, frequencies 1 to `KEPT`.
static COSINES: LazyLock<[[f32; SAMPLED]; KEPT]> = LazyLock::new(|| {
    let scale = (2.0 / SAMPLED as f32).sqrt();
    let mut rows = [[0.0; SAMPLED]; KEPT];
    for (i, row) in rows.iter_mut().enumerate() {
        for (j, value) in row.iter_mut().enumerate() {
            *value = scale * (PI / (2 * SAMPLED) as f32 * ((i + 1) * (2 * j + 1)) as f32).cos();
        }
    }
    rows
});

fn frequencies(small: &Small) -> Frequencies {
    let mut half = [[0.0; SAMPLED]; KEPT];
    for (cosines, out) in COSINES.iter().zip(&mut half) {
        for (weight, line) in cosines.iter().zip(small) {
            out.iter_mut().zip(line).for_each(|(sum, value)| *sum += weight * value);
        }
    }
    let mut found = [[0.0; KEPT]; KEPT];
    for (line, out) in half.iter().zip(&mut found) {
        for (cosines, value) in COSINES.iter().zip(out) {
            *value = line.iter().zip(cosines).map(|(a, b)| a * b).sum();
        }
    }
    found
}

/// Bit `16 i + j` says whether frequency (i, j) lies over the median; bit 255 is the first one written.
fn bits(frequencies: &Frequencies) -> Pdq {
    let mut sorted: Vec<f32> = frequencies.iter().flatten().copied().collect();
    sorted.sort_unstable_by(f32::total_cmp);
    let median = sorted[sorted.len() / 2 - 1];
    let mut hash = [0_u8; 32];
    for (bit, _) in frequencies.iter().flatten().enumerate().filter(|(_, value)| **value > median) {
        hash[31 - bit / 8] |= 1 << (bit % 8);
    }
    Pdq(hash)
}

/// Sum of the steps between neighbours, in percent of the full range, over 90, at most 100.
fn quality(small: &Small) -> u8 {
    let step = |a: f32, b: f32| (((a - b) * 100.0) / 255.0).abs() as u32;
    let mut steps = 0;
    for (line, next) in small.iter().zip(&small[1..]) {
        steps += line.iter().zip(next).map(|(a, b)| step(*a, *b)).sum::<u32>();
    }
    for line in small {
        steps += line.iter().zip(&line[1..]).map(|(a, b)| step(*a, *b)).sum::<u32>();
    }
    (steps / 90).min(100) as u8
}
