//! SentencePiece's compiled character map: which characters and grapheme clusters are replaced before segmentation.
//!
//! Format (sentencepiece, `normalizer.cc`): length of the trie in bytes (u32, little endian), the units of a double array
//! (u32 each; darts-clone), then the replacements as UTF-8, each ended by a zero byte. A value of the trie is the offset of its
//! replacement.

use unicode_segmentation::UnicodeSegmentation;

/// Clusters of this many bytes or more are replaced character by character.
const LONGEST_CLUSTER: usize = 6;
/// Characters below are looked up in a table: Latin, Greek, Cyrillic, Hebrew, Arabic.
const TABLE_SIZE: usize = 0x700;

/// A compiled character map.
#[derive(Debug)]
pub(crate) struct CharsMap {
    units: Vec<u32>,
    replacements: String,
    /// The replacement of each character below [`TABLE_SIZE`].
    table: Vec<Option<(u32, u32)>>,
}

impl CharsMap {
    /// Reads the binary form.
    pub(crate) fn parse(bytes: &[u8]) -> Result<Self, String> {
        let short = || "the character map is cut off".to_owned();
        let (length, rest) = bytes.split_first_chunk::<4>().ok_or_else(short)?;
        let length = usize::try_from(u32::from_le_bytes(*length)).map_err(|_| short())?;
        let (units, replacements) = rest.split_at_checked(length).ok_or_else(short)?;
        let units =
            units.chunks_exact(4).map(|unit| u32::from_le_bytes([unit[0], unit[1], unit[2], unit[3]]));
        let replacements = std::str::from_utf8(replacements)
            .map_err(|_| "the replacements of the character map are not UTF-8".to_owned())?;
        let mut map =
            Self { units: units.collect(), replacements: replacements.to_owned(), table: Vec::new() };
        map.table = (0..TABLE_SIZE)
            .map(|code| {
                let character = u32::try_from(code).ok().and_then(char::from_u32)?;
                map.look_up(character.encode_utf8(&mut [0; 4]))
            })
            .collect();
        Ok(map)
    }

    /// Calls `emit` with the replacement of each part of `text`, in order; stops when `emit` says so.
    pub(crate) fn normalise(&self, text: &str, mut emit: impl FnMut(&str) -> bool) {
        let mut at = 0;
        while let Some(character) = text[at..].chars().next() {
            let end = at + character.len_utf8();
            let going_on = if stands_alone(character) && text[end..].chars().next().is_none_or(stands_alone) {
                let part = &text[at..end];
                at = end;
                emit(self.character(character, part))
            } else {
                let cluster = text[at..].graphemes(true).next().unwrap_or(&text[at..end]);
                at += cluster.len();
                self.cluster(cluster, &mut emit)
            };
            if !going_on {
                return;
            }
        }
    }

    fn character<'a>(&'a self, character: char, part: &'a str) -> &'a str {
        match self.table.get(character as usize) {
            Some(entry) => entry.map_or(part, |found| self.replacement(found)),
            None => self.look_up(part).map_or(part, |found| self.replacement(found)),
        }
    }

    fn cluster(&self, cluster: &str, emit: &mut impl FnMut(&str) -> bool) -> bool {
        if cluster.len() < LONGEST_CLUSTER
            && let Some(found) = self.look_up(cluster)
        {
            return emit(self.replacement(found));
        }
        cluster
            .char_indices()
            .all(|(at, character)| emit(self.character(character, &cluster[at..at + character.len_utf8()])))
    }

    fn replacement(&self, (start, end): (u32, u32)) -> &str {
        self.replacements.get(start as usize..end as usize).unwrap_or("")
    }

    /// The replacement of the shortest key that `part` starts with. Taking the shortest for the whole part is what the
    /// reference does, and what the vocabulary was counted with.
    fn look_up(&self, part: &str) -> Option<(u32, u32)> {
        let unit = |at: usize| self.units.get(at).copied();
        let mut at = offset(unit(0)?);
        for &byte in part.as_bytes() {
            if byte == 0 {
                return None;
            }
            at ^= usize::from(byte);
            let here = unit(at)?;
            if here & (1 << 31 | 0xFF) != u32::from(byte) {
                return None;
            }
            at ^= offset(here);
            if here >> 8 & 1 == 1 {
                let start = unit(at)? & ((1 << 31) - 1);
                let length = self.replacements.get(start as usize..)?.find('\0');
                let length = length.unwrap_or(self.replacements.len() - start as usize);
                return Some((start, start + u32::try_from(length).ok()?));
            }
        }
        None
    }
}

fn offset(unit: u32) -> usize {
    ((unit >> 10) << ((unit & 1 << 9) >> 6)) as usize
}

/// Does the character form a grapheme cluster of its own next to others for which this holds? Letters of Latin, Greek, Cyrillic
/// and Arabic, digits and punctuation do (UAX 29, break property Other); line feeds and controls do too, except CR LF.
const fn stands_alone(character: char) -> bool {
    matches!(character,
        '\0'..='\u{c}' | '\u{e}'..='\u{2ff}' | '\u{370}'..='\u{482}' | '\u{48a}'..='\u{52f}' | '\u{620}'..='\u{64a}')
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        /// The short cut agrees with the full segmentation, whatever stands around.
        #[test]
        fn characters_that_stand_alone_are_clusters(
            text in "[\\u{0}-\\u{52f}\\u{600}-\\u{6ff}\\u{200d}\\u{1f1e6}-\\u{1f1ff}\\u{1f468}\\u{fe0f}\\r\\n]{0,12}",
        ) {
            let map = CharsMap { units: Vec::new(), replacements: String::new(), table: Vec::new() };
            let mut parts = Vec::new();
            let mut at = 0;
            while let Some(first) = text[at..].chars().next() {
                let end = at + first.len_utf8();
                if stands_alone(first) && text[end..].chars().next().is_none_or(stands_alone) {
                    parts.push(&text[at..end]);
                    at = end;
                } else {
                    let cluster = text[at..].graphemes(true).next().unwrap();
                    parts.push(cluster);
                    at += cluster.len();
                }
            }
            proptest::prop_assert_eq!(parts, text.graphemes(true).collect::<Vec<_>>());
            let mut whole = String::new();
            map.normalise(&text, |part| { whole.push_str(part); true });
            proptest::prop_assert_eq!(whole, text);
        }

        #[test]
        fn a_broken_map_never_panics(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..64), text in "\\PC{0,8}") {
            if let Ok(map) = CharsMap::parse(&bytes) {
                map.normalise(&text, |_| true);
            }
        }
    }
}
