//! What is compared to tell near-copies: one-permutation MinHash (Li, Owen, Zhang 2012) over windows of bytes,
//! empty slots filled from their neighbours (Shrivastava and Li 2014).

use super::exact_key;

/// Slots of a signature. The share of equal slots estimates the share of common windows (Jaccard), with a
/// standard error of at most 1/16.
pub(super) const SLOTS: usize = 64;
/// Slots that make a band; texts that agree in one whole band are compared.
pub(super) const BAND_SLOTS: usize = 4;
/// Bands of a signature.
pub(super) const BANDS: usize = SLOTS / BAND_SLOTS;
/// Bytes of a window: six Latin letters, three Cyrillic or Arabic ones.
const WINDOW_BYTES: usize = 6;
/// Fewest windows for a meaningful signature; texts with fewer only match exactly.
const MIN_WINDOWS: usize = 28;
/// Bytes of letters looked at; longer texts are compared by their beginning.
const MAX_BYTES: usize = 4_096;
/// An odd number with well mixed bits (the golden ratio in 64 bits).
const MULTIPLIER: u64 = 0x9e37_79b9_7f4a_7c15;

/// What is compared to tell near-copies of a text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    /// The exact key of the folded text.
    pub(super) exact: u64,
    /// What near-copies share; none for texts too short to tell.
    pub(super) near: Option<Near>,
}

/// The part of a signature that near-copies share.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Near {
    /// A hash of each band.
    pub(super) bands: [u32; BANDS],
    /// The low bits of each slot.
    pub(super) slots: [u8; SLOTS],
}

impl Near {
    /// How many of the slots are equal.
    pub(super) fn equal_slots(&self, other: &[u8; SLOTS]) -> usize {
        self.slots.iter().zip(other).filter(|(a, b)| a == b).count()
    }
}

impl Signature {
    /// The exact key of the folded text.
    pub const fn exact_key(&self) -> u64 {
        self.exact
    }

    /// Can it tell near-copies? Texts of few letters cannot.
    pub const fn is_comparable(&self) -> bool {
        self.near.is_some()
    }

    /// How alike two texts are, 0 to 1: an estimate of the share of common windows. None when one of them is
    /// too short to tell.
    pub fn similarity(&self, other: &Self) -> Option<f32> {
        let equal = self.near.as_ref()?.equal_slots(&other.near.as_ref()?.slots);
        Some(equal as f32 / SLOTS as f32)
    }
}

/// The signature of a folded text. Letters count; web addresses, `@names`, numbers, punctuation, emoji and
/// the width of gaps do not.
pub fn signature(folded: &str) -> Signature {
    let letters = letters(folded);
    let near = (letters.len() >= WINDOW_BYTES + MIN_WINDOWS).then(|| near(&letters));
    Signature { exact: exact_key(folded), near }
}

fn near(letters: &[u8]) -> Near {
    let mut least = [u32::MAX; SLOTS];
    let mut window = 0_u64;
    for (at, byte) in letters.iter().enumerate() {
        window = (window << 8 | u64::from(*byte)) & ((1 << (8 * WINDOW_BYTES)) - 1);
        if at + 1 < WINDOW_BYTES {
            continue;
        }
        let hash = window.wrapping_mul(MULTIPLIER);
        let hash = (hash ^ (hash >> 32)).wrapping_mul(MULTIPLIER);
        let slot = (hash >> 58) as usize;
        // The lowest bits of a product are its worst.
        let value = (hash >> 26) as u32;
        least[slot] = least[slot].min(value);
    }
    fill_empty(&mut least);
    let mut bands = [0; BANDS];
    for (band, slots) in bands.iter_mut().zip(least.chunks_exact(BAND_SLOTS)) {
        let mixed =
            slots.iter().fold(0, |mixed: u64, slot| (mixed ^ u64::from(*slot)).wrapping_mul(MULTIPLIER));
        *band = (mixed >> 32) as u32;
    }
    Near { bands, slots: least.map(|slot| slot as u8) }
}

/// Gives each empty slot the value of the next filled one, changed by the distance.
fn fill_empty(least: &mut [u32; SLOTS]) {
    let filled = *least;
    for at in 0..SLOTS {
        if filled[at] != u32::MAX {
            continue;
        }
        let next = (1..SLOTS).find(|distance| filled[(at + distance) % SLOTS] != u32::MAX);
        if let Some(distance) = next {
            let step = (distance as u32).wrapping_mul(MULTIPLIER as u32);
            least[at] = filled[(at + distance) % SLOTS].wrapping_add(step);
        }
    }
}

/// The letters of a text as bytes, one space between words.
fn letters(folded: &str) -> Vec<u8> {
    let bytes = folded.as_bytes();
    let mut out = Vec::with_capacity(bytes.len().min(MAX_BYTES));
    let mut at = 0;
    while at < bytes.len() && out.len() < MAX_BYTES {
        let byte = bytes[at];
        let length = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => {
                if (byte == b'h' || byte == b'w') && is_address(&bytes[at..]) {
                    at += until_space(&bytes[at..]);
                    continue;
                }
                out.push(byte);
                at += 1;
                continue;
            }
            b'@' => {
                at += until_space(&bytes[at..]);
                continue;
            }
            // Other ASCII; the blocks of punctuation and symbols at U+2000 to U+2FFF; emoji.
            0..=0x7f => 1,
            0xe2 => 3,
            0xf0.. => 4,
            _ => {
                out.push(byte);
                at += 1;
                continue;
            }
        };
        at += length;
        if out.last().is_some_and(|last| *last != b' ') {
            out.push(b' ');
        }
    }
    out
}

fn is_address(rest: &[u8]) -> bool {
    rest.starts_with(b"http://") || rest.starts_with(b"https://") || rest.starts_with(b"www.")
}

fn until_space(rest: &[u8]) -> usize {
    rest.iter().position(u8::is_ascii_whitespace).unwrap_or(rest.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "der verein lädt alle nachbarn am sonntag zum großen sommerfest in den garten hinter der alten schule ein";

    fn similarity(a: &str, b: &str) -> f32 {
        signature(a).similarity(&signature(b)).unwrap()
    }

    #[test]
    fn what_does_not_count_changes_nothing() {
        for variant in [
            format!("{TEXT} https://host.example/a?b=1"),
            format!("@one @two {TEXT} 😀😀"),
            format!("„{}…“ 2026!", TEXT.replace(' ', "  ")),
        ] {
            assert_eq!(similarity(TEXT, &variant), 1.0, "{variant}");
        }
    }

    #[test]
    fn one_word_of_many_changes_little() {
        assert!(similarity(TEXT, &TEXT.replace("sonntag", "samstag")) > 0.7);
        assert!(similarity(TEXT, &TEXT.to_uppercase()) < 0.2, "signatures are of folded texts");
    }

    #[test]
    fn short_texts_are_not_comparable() {
        for text in
            ["", "guten morgen zusammen", "https://host.example/a/very/long/address/indeed/it/is 1234567890"]
        {
            assert!(!signature(text).is_comparable(), "{text}");
        }
    }
}
