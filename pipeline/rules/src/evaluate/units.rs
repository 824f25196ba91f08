//! The texts of one post, folded and cut when first needed; buffers are used again from post to post.

use streife_domain::Span;
use streife_text::{FoldLevel, Folded, Word, fold_into, words};

use crate::PostView;
use crate::compile::WordSet;
use crate::compile::plan::{Phrase, hash_word};
use crate::limits::{MAX_FIELD_BYTES, MAX_POST_ITEMS};
use crate::syntax::ast::Field;

/// A text folded to one level and cut into words.
#[derive(Debug, Default)]
pub(crate) struct LevelText {
    pub(crate) folded: Folded,
    pub(crate) words: Vec<Word>,
    pub(crate) hashes: Vec<u64>,
    /// The hashes, roughly, for a quick no.
    pub(crate) present: WordSet,
    /// Where the text lay that it was filled from, and its length.
    original: (usize, usize),
    ready: bool,
}

impl LevelText {
    /// The word at a position.
    pub(crate) fn word(&self, position: usize) -> &str {
        self.words
            .get(position)
            .and_then(|word| self.folded.text.get(word.start as usize..word.end as usize))
            .unwrap_or("")
    }

    /// Does the phrase begin at this position?
    pub(crate) fn is_at(&self, position: usize, phrase: &Phrase) -> bool {
        let count = phrase.hashes.len();
        self.hashes.get(position..position + count) == Some(&*phrase.hashes)
            && (count == 1 && self.word(position) == &*phrase.text
                || count > 1
                    && phrase.text.split(' ').enumerate().all(|(i, word)| self.word(position + i) == word))
    }

    /// May the phrase be here?
    pub(crate) fn may_have(&self, phrase: &Phrase) -> bool {
        phrase.hashes.iter().all(|hash| self.present.may_have(*hash))
    }

    /// Where words `start..end` stand in the original.
    pub(crate) fn original(&self, start: u32, end: u32) -> Span {
        let (Some(first), Some(last)) =
            (self.words.get(start as usize), self.words.get((end as usize).wrapping_sub(1)))
        else {
            return Span(0, 0);
        };
        self.folded.original_span(first.start as usize, last.end as usize)
    }

    /// The positions of the words that a part of the original touches; empty, between two words, when none.
    pub(crate) fn positions(&self, part: Span) -> (u32, u32) {
        let at = |i: usize| self.original(i as u32, i as u32 + 1);
        let first = (0..self.words.len()).find(|i| at(*i).1 > part.0).unwrap_or(self.words.len());
        let count = (first..self.words.len()).take_while(|i| at(*i).0 < part.1).count();
        (first as u32, (first + count) as u32)
    }

    pub(crate) fn reset(&mut self) {
        self.ready = false;
    }

    /// The folded text, when it is that of `text`: filled last from the very same bytes.
    pub(crate) fn folded_of(&self, text: &str) -> Option<&str> {
        (self.ready && self.original == (text.as_ptr() as usize, text.len())).then_some(&*self.folded.text)
    }

    pub(crate) fn fill(&mut self, text: &str, level: FoldLevel) {
        if self.ready {
            return;
        }
        self.ready = true;
        self.original = (text.as_ptr() as usize, text.len());
        fold_into(text, level, &mut self.folded);
        words(&self.folded.text, &mut self.words);
        let bytes = self.folded.text.as_bytes();
        self.hashes.clear();
        self.present.clear();
        for word in &self.words {
            let hash = hash_word(&bytes[word.start as usize..word.end as usize]);
            self.present.insert(hash);
            self.hashes.push(hash);
        }
    }
}

/// One text of a post at every level.
#[derive(Debug, Default)]
pub(crate) struct Unit {
    pub(crate) levels: [LevelText; 4],
    pub(crate) sentences: Option<Vec<(u32, u32)>>,
}

/// Index of a level in [`Unit::levels`].
pub(crate) const fn level_index(level: FoldLevel) -> usize {
    match level {
        FoldLevel::None => 0,
        FoldLevel::Case => 1,
        FoldLevel::Std => 2,
        FoldLevel::Stem => 3,
    }
}

/// All levels, by [`level_index`].
pub(crate) const LEVELS: [FoldLevel; 4] = [FoldLevel::None, FoldLevel::Case, FoldLevel::Std, FoldLevel::Stem];

/// The texts of a post that have words: which field each is, and its original.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Source<'a> {
    pub(crate) field: Field,
    pub(crate) text: &'a str,
}

/// The texts of `post` that are not empty, in a fixed order. `text` comes first when there is one.
pub(crate) fn sources<'a>(post: &PostView<'a>) -> impl Iterator<Item = Source<'a>> {
    let single = [
        (Field::Text, post.text),
        (Field::Ocr, post.ocr),
        (Field::Asr, post.asr),
        (Field::Quote, post.quote),
    ];
    let tags = post.tags.iter().take(MAX_POST_ITEMS).map(|tag| (Field::Tag, tag.as_str()));
    let urls = post.urls.iter().take(MAX_POST_ITEMS).map(|url| (Field::Url, url.as_str()));
    single.into_iter().chain(tags).chain(urls).filter(|(_, text)| !text.is_empty()).map(|(field, text)| {
        Source { field, text: &text[..text.floor_char_boundary(MAX_FIELD_BYTES.min(text.len()))] }
    })
}

/// The host of an address, in small letters, without user and port.
pub(crate) fn host(url: &str) -> String {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    let authority = rest.split(['/', '?', '#']).next().unwrap_or("");
    let host = authority.rsplit('@').next().unwrap_or("");
    host.split(':').next().unwrap_or("").trim_end_matches('.').to_lowercase()
}

/// A name as scopes and mentions compare it: small letters, no leading `@`.
pub(crate) fn plain_name(name: &str) -> String {
    name.trim().trim_start_matches('@').to_lowercase()
}
