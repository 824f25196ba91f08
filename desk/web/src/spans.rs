//! Cuts a text into pieces by the spans of rules and of the model, so that both can be marked and overlap.

use streife_domain::Span;

use crate::reader::FlaggedItem;

/// The weight from which a part of the text is marked as having moved the model.
pub const MARK_WEIGHT: f32 = 0.15;

/// A piece of text with what it is marked by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Piece {
    /// The text.
    pub text: String,
    /// Rules whose spans cover it, joined.
    pub rules: String,
    /// Heads it moved, joined.
    pub heads: String,
}

impl Piece {
    /// CSS classes.
    pub fn class(&self) -> &'static str {
        match (self.rules.is_empty(), self.heads.is_empty()) {
            (true, true) => "",
            (false, true) => "mark-rule",
            (true, false) => "mark-model",
            (false, false) => "mark-rule mark-model",
        }
    }
}

/// The text of `item` in marked pieces; together they are the text, whatever the spans say.
pub fn pieces(item: &FlaggedItem) -> Vec<Piece> {
    let text = item.post.text.as_str();
    let rules: Vec<(Span, &str)> =
        item.verdict.hits.iter().flat_map(|hit| hit.spans.iter().map(|s| (*s, hit.rule.as_str()))).collect();
    let marks: Vec<(Span, &str)> =
        item.marks.iter().filter(|m| m.weight >= MARK_WEIGHT).map(|m| (m.span, m.head.as_str())).collect();
    let mut cuts: Vec<usize> =
        rules.iter().chain(&marks).flat_map(|(s, _)| [s.0 as usize, s.1 as usize]).collect();
    cuts.extend([0, text.len()]);
    // Spans come from stored records: one that does not fit the text is ignored rather than trusted.
    cuts.retain(|cut| text.is_char_boundary(*cut));
    cuts.sort_unstable();
    cuts.dedup();
    let covering = |list: &[(Span, &str)], start: usize, end: usize| {
        let mut names: Vec<&str> = list
            .iter()
            .filter(|(s, _)| s.0 as usize <= start && end <= s.1 as usize)
            .map(|(_, name)| *name)
            .collect();
        names.sort_unstable();
        names.dedup();
        names.join(", ")
    };
    cuts.windows(2)
        .filter_map(|cut| {
            let (start, end) = (cut[0], cut[1]);
            let text = text.get(start..end)?.to_owned();
            Some(Piece { text, rules: covering(&rules, start, end), heads: covering(&marks, start, end) })
        })
        .collect()
}

/// A text in pieces, marked where a rule that is being tried matched.
pub fn cut(text: &str, spans: &[Span]) -> Vec<Piece> {
    let mut cuts: Vec<usize> = spans.iter().flat_map(|s| [s.0 as usize, s.1 as usize]).collect();
    cuts.extend([0, text.len()]);
    cuts.retain(|cut| text.is_char_boundary(*cut));
    cuts.sort_unstable();
    cuts.dedup();
    let covered =
        |start: usize, end: usize| spans.iter().any(|s| s.0 as usize <= start && end <= s.1 as usize);
    cuts.windows(2)
        .filter_map(|cut| {
            let text = text.get(cut[0]..cut[1])?.to_owned();
            let rules = if covered(cut[0], cut[1]) { "*".to_owned() } else { String::new() };
            Some(Piece { text, rules, heads: String::new() })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use streife_domain::{Hit, Timestamp};

    use super::*;
    use crate::sample::sample_items;

    #[test]
    fn pieces_join_to_the_text_whatever_the_spans_say() {
        let mut item = sample_items(Timestamp::from_secs(1_790_000_000)).remove(0);
        item.post.text = "Grüße an alle".to_owned();
        // The third cuts through a letter, the fourth lies outside.
        let spans = vec![Span(0, 5), Span(3, 9), Span(3, 4), Span(500, 900)];
        item.verdict.hits = vec![Hit { rule: "r".to_owned(), version: 1, spans, because: vec![] }];
        let all: String = pieces(&item).into_iter().map(|piece| piece.text).collect();
        assert_eq!(all, item.post.text);
    }
}
