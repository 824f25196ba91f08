//! A folded text and the way back to the original.

use streife_domain::Span;

use crate::segment::offset;

/// A folded text that knows where each of its characters came from.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Folded {
    /// The folded text.
    pub text: String,
    /// Where its parts came from, in order, without gaps in the folded text.
    pieces: Vec<Piece>,
    /// Length of the original in bytes.
    original_len: u32,
}

/// A part of the folded text, up to the start of the next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Piece {
    folded_start: u32,
    original_start: u32,
    /// Where its original ends; of no meaning when `linear`.
    original_end: u32,
    /// Byte n of the piece came from byte n of its original. Otherwise the piece as a whole stands for its
    /// original as a whole.
    linear: bool,
}

impl Folded {
    /// The part of the original text that the bytes `start..end` of the folded text came from, on character
    /// borders. Characters that folding removed belong to a span only when they lie within it. Bounds past
    /// the end are taken as the end; an empty or reversed range gives an empty span at `start`.
    pub fn original_span(&self, start: usize, end: usize) -> Span {
        let from = self.original_start(start);
        if end <= start {
            return Span(from, from);
        }
        Span(from, self.original_end(end).max(from))
    }

    fn original_start(&self, start: usize) -> u32 {
        if start >= self.text.len() {
            return self.original_len;
        }
        let start = offset(self.text.floor_char_boundary(start));
        match self.piece_at(start) {
            Some(piece) if piece.linear => piece.original_start + (start - piece.folded_start),
            Some(piece) => piece.original_start,
            None => start,
        }
    }

    fn original_end(&self, end: usize) -> u32 {
        let end = offset(self.text.ceil_char_boundary(end.min(self.text.len())));
        match self.piece_at(end.saturating_sub(1)) {
            Some(piece) if piece.linear => piece.original_start + (end - piece.folded_start),
            Some(piece) => piece.original_end,
            None => end,
        }
    }

    fn piece_at(&self, folded: u32) -> Option<&Piece> {
        let after = self.pieces.partition_point(|piece| piece.folded_start <= folded);
        self.pieces.get(after.checked_sub(1)?)
    }

    pub(super) fn clear(&mut self) {
        self.text.clear();
        self.pieces.clear();
        self.original_len = 0;
    }

    /// How much there is, for [`Folded::back_to`].
    pub(super) fn mark(&self) -> (usize, usize) {
        (self.text.len(), self.pieces.len())
    }

    /// Takes back what was appended since [`Folded::mark`].
    pub(super) fn back_to(&mut self, (text, pieces): (usize, usize)) {
        self.text.truncate(text);
        self.pieces.truncate(pieces);
    }

    pub(super) fn finish(&mut self, original_len: usize) {
        self.original_len = offset(original_len);
    }

    /// Appends a part of the original as it is.
    pub(super) fn keep(&mut self, original_start: usize, part: &str) {
        self.linear_from(original_start);
        self.text.push_str(part);
    }

    /// Appends an ASCII part of the original in lower case.
    pub(super) fn keep_lowercase(&mut self, original_start: usize, part: &str) {
        self.linear_from(original_start);
        let from = self.text.len();
        self.text.push_str(part);
        self.text[from..].make_ascii_lowercase();
    }

    /// Appends `folded`, which stands for the character `original` at `start`.
    pub(super) fn push(&mut self, folded: char, original: char, start: usize) {
        if folded.len_utf8() == original.len_utf8() {
            self.linear_from(start);
            self.text.push(folded);
        } else {
            self.replace(start, start + original.len_utf8());
            self.text.push(folded);
        }
    }

    /// What is appended next, until the next call, stands as a whole for `start..end` of the original.
    pub(super) fn replace(&mut self, start: usize, end: usize) {
        self.pieces.push(Piece {
            folded_start: offset(self.text.len()),
            original_start: offset(start),
            original_end: offset(end),
            linear: false,
        });
    }

    /// What is appended next comes byte by byte from `original_start`.
    pub(super) fn linear_from(&mut self, original_start: usize) {
        let (folded_start, original_start) = (offset(self.text.len()), offset(original_start));
        if let Some(last) = self.pieces.last()
            && last.linear
            && original_start.wrapping_sub(last.original_start) == folded_start - last.folded_start
        {
            return;
        }
        self.pieces.push(Piece { folded_start, original_start, original_end: 0, linear: true });
    }
}
