//! Text to token ids, identical to the reference implementation for XLM-R tokenisers (`tokenizer.json` with a unigram model).
//!
//! Steps: special tokens are cut out; the rest goes through the character map, runs of blanks become one, each blank starts a
//! word; each word is segmented by the best path through the vocabulary; `<s> ... </s>` around all, cut at the longest length the
//! model takes. Words are handled as they come, so a text of 100,000 characters costs no more than what the model can see of it.

mod charsmap;
mod config;
mod trie;

use charsmap::CharsMap;
use trie::Trie;

/// What stands for a blank in the vocabulary. Inside this module a blank is the one byte `0x20`.
const BLANK: char = '\u{2581}';
/// How much worse than the worst piece an unknown character is (sentencepiece, `unigram_model.cc`).
const UNKNOWN_PENALTY: f64 = 10.0;

/// A tokeniser. Shared between threads by reference.
#[derive(Debug)]
pub struct Tokenizer {
    charsmap: CharsMap,
    trie: Trie,
    scores: Vec<f64>,
    unknown_id: u32,
    unknown_score: f64,
    start_id: u32,
    end_id: u32,
    /// Texts that stand for a token of their own, longest first.
    special: Vec<(String, u32)>,
    max_tokens: usize,
}

/// The best way to segment a word up to a place.
#[derive(Clone, Copy)]
struct Step {
    score: f64,
    start: usize,
    id: u32,
}

const UNREACHED: Step = Step { score: 0.0, start: usize::MAX, id: 0 };

/// Buffers of one call.
struct Work<'a> {
    tokenizer: &'a Tokenizer,
    /// The word that is being collected, with [`BLANK`] as one byte.
    word: Vec<u8>,
    steps: Vec<Step>,
    ids: Vec<i64>,
    last_was_blank: bool,
}

impl Tokenizer {
    /// Reads a `tokenizer.json`; texts are cut to `max_tokens` tokens, including start and end.
    ///
    /// # Errors
    /// What is missing or not supported.
    pub fn from_json(json: &[u8], max_tokens: usize) -> Result<Self, String> {
        config::read(json, max_tokens)
    }

    /// How many pieces there are.
    pub fn vocabulary_size(&self) -> usize {
        self.scores.len()
    }

    /// The ids of a text, with start and end, at most the longest length that the model takes.
    pub fn encode(&self, text: &str) -> Vec<i64> {
        let mut work = Work {
            tokenizer: self,
            word: Vec::with_capacity(64),
            steps: Vec::with_capacity(64),
            ids: Vec::with_capacity(64),
            last_was_blank: false,
        };
        work.ids.push(i64::from(self.start_id));
        work.text(text);
        work.ids.truncate(self.max_tokens.saturating_sub(1));
        work.ids.push(i64::from(self.end_id));
        work.ids
    }

    /// The first special token in `text`: start, end, id.
    fn next_special(&self, text: &str) -> Option<(usize, usize, u32)> {
        text.bytes().enumerate().filter(|(_, byte)| *byte == b'<').find_map(|(at, _)| {
            let (content, id) = self.special.iter().find(|(content, _)| text[at..].starts_with(content))?;
            Some((at, at + content.len(), *id))
        })
    }
}

impl Work<'_> {
    fn text(&mut self, text: &str) {
        let mut rest = text;
        while let Some((start, end, id)) = self.tokenizer.next_special(rest) {
            self.plain(&rest[..start]);
            if self.is_full() {
                return;
            }
            self.ids.push(i64::from(id));
            rest = &rest[end..];
        }
        self.plain(rest);
    }

    fn is_full(&self) -> bool {
        self.ids.len() >= self.tokenizer.max_tokens
    }

    /// Text without special tokens.
    fn plain(&mut self, text: &str) {
        self.last_was_blank = false;
        self.word.clear();
        let charsmap = &self.tokenizer.charsmap;
        let mut first = true;
        charsmap.normalise(text, |part| {
            for character in part.chars() {
                if character == ' ' && self.last_was_blank {
                    continue;
                }
                self.last_was_blank = character == ' ';
                if character == ' ' || character == BLANK {
                    self.flush();
                    self.word.push(b' ');
                } else {
                    if first {
                        self.word.push(b' ');
                    }
                    self.word.extend_from_slice(character.encode_utf8(&mut [0; 4]).as_bytes());
                }
                first = false;
            }
            !self.is_full()
        });
        self.flush();
    }

    /// Segments the collected word by the best path (Viterbi) and appends its ids; equal scores keep the path found first.
    fn flush(&mut self) {
        let length = self.word.len();
        if length == 0 {
            return;
        }
        let Self { tokenizer, word, steps, ids, .. } = self;
        steps.clear();
        steps.resize(length + 1, UNREACHED);
        steps[0] = Step { score: 0.0, start: 0, id: tokenizer.unknown_id };
        let mut at = 0;
        while at < length {
            let character = utf8_length(word[at]).min(length - at);
            let so_far = steps[at].score;
            let mut has_character = false;
            tokenizer.trie.prefixes(&word[at..], |piece, id| {
                improve(&mut steps[at + piece], so_far + tokenizer.scores[id as usize], at, id);
                has_character |= piece == character;
            });
            if !has_character {
                let score = so_far + tokenizer.unknown_score;
                improve(&mut steps[at + character], score, at, tokenizer.unknown_id);
            }
            at += character;
        }
        let first = ids.len();
        let mut end = length;
        let mut last_was_unknown = false;
        while end > 0 {
            let Step { start, id, .. } = steps[end];
            let is_unknown = id == tokenizer.unknown_id;
            if !(is_unknown && last_was_unknown) {
                ids.push(i64::from(id));
            }
            last_was_unknown = is_unknown;
            end = start.min(end - 1);
        }
        ids[first..].reverse();
        word.clear();
    }
}

#[inline]
fn improve(step: &mut Step, score: f64, start: usize, id: u32) {
    if step.start == usize::MAX || score > step.score {
        *step = Step { score, start, id };
    }
}

/// How many bytes the character has that starts with this byte.
const fn utf8_length(first: u8) -> usize {
    match first {
        0..=0x7F => 1,
        0x80..=0xDF => 2,
        0xE0..=0xEF => 3,
        0xF0..=0xFF => 4,
    }
}
