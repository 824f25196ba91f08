//! Looks for one term in the texts of one post.

use smallvec::SmallVec;
use streife_domain::Span;
use streife_text::FoldLevel;

use super::units::{LevelText, Source, Unit, host, level_index, plain_name, sources};
use crate::PostView;
use crate::compile::plan::{Find, LazyRegex, ListPlan, What};
use crate::limits::{MAX_MATCHES, MAX_REGEX_MATCHES};
use crate::syntax::ast::Field;

/// A place where a term matched.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Match {
    /// Which text of the post.
    pub(crate) unit: u32,
    /// First word position, at the rule's fold level.
    pub(crate) start: u32,
    /// Past the last.
    pub(crate) end: u32,
    /// Place in the original text.
    pub(crate) span: Span,
}

/// One post while rules run over it.
pub(crate) struct Run<'p, 's> {
    pub(crate) post: &'p PostView<'p>,
    pub(crate) lists: &'p [ListPlan],
    pub(crate) sources: SmallVec<[Source<'p>; 8]>,
    units: &'s mut Vec<Unit>,
}

impl<'p, 's> Run<'p, 's> {
    pub(crate) fn new(post: &'p PostView<'p>, lists: &'p [ListPlan], units: &'s mut Vec<Unit>) -> Self {
        let sources: SmallVec<[Source<'p>; 8]> = sources(post).collect();
        if units.len() < sources.len() {
            units.resize_with(sources.len(), Unit::default);
        }
        for unit in units.iter_mut().take(sources.len()) {
            unit.reset();
        }
        Self { post, lists, sources, units }
    }

    /// Text number `unit` folded to `level`.
    pub(crate) fn text(&mut self, unit: usize, level: FoldLevel) -> &LevelText {
        let text = &mut self.units[unit].levels[level_index(level)];
        text.fill(self.sources[unit].text, level);
        text
    }

    pub(super) fn sentences(&mut self, unit: usize) -> &[(u32, u32)] {
        let text = self.sources[unit].text;
        self.units[unit].sentences.get_or_insert_with(|| streife_text::sentences(text))
    }

    /// Does `find` match? With `out`, all its places are added there, positions at level `base`.
    pub(crate) fn find(&mut self, find: &Find, base: FoldLevel, mut out: Option<&mut Vec<Match>>) -> bool {
        if let Some(field @ (Field::Domain | Field::Mention)) = find.field {
            return self.find_name(field, &find.what);
        }
        let mut found = false;
        for unit in 0..self.sources.len() {
            if !looks_into(find.field, self.sources[unit].field) {
                continue;
            }
            let before = out.as_deref().map_or(0, Vec::len);
            found |= match &find.what {
                What::Regex(regex) => self.find_regex(regex, unit, base, out.as_deref_mut()),
                what => {
                    let lists = self.lists;
                    let text = self.text(unit, find.level);
                    let emoji = find.field == Some(Field::Emoji);
                    in_text(what, text, lists, &mut |start, end| {
                        if emoji
                            && (start..end)
                                .any(|at| text.word(at as usize).starts_with(char::is_alphanumeric))
                        {
                            return None;
                        }
                        match out.as_deref_mut() {
                            Some(out) if out.len() < before + MAX_MATCHES => {
                                out.push(Match {
                                    unit: unit as u32,
                                    start,
                                    end,
                                    span: text.original(start, end),
                                });
                                Some(false)
                            }
                            _ => Some(true),
                        }
                    })
                }
            };
            match out.as_deref_mut() {
                None if found => return true,
                Some(out) if find.level != base && !matches!(find.what, What::Regex(_)) => {
                    let text = self.text(unit, base);
                    for m in out.iter_mut().skip(before) {
                        (m.start, m.end) = text.positions(m.span);
                    }
                }
                _ => {}
            }
        }
        found
    }

    fn find_regex(
        &mut self,
        regex: &LazyRegex,
        unit: usize,
        base: FoldLevel,
        out: Option<&mut Vec<Match>>,
    ) -> bool {
        let original = self.sources[unit].text;
        let Some(out) = out else { return regex.is_match(original) };
        let Some(regex) = regex.get() else { return false };
        let before = out.len();
        for found in regex.find_iter(original).take(MAX_REGEX_MATCHES) {
            let span = Span(found.start() as u32, found.end() as u32);
            let (start, end) = self.text(unit, base).positions(span);
            out.push(Match { unit: unit as u32, start, end, span });
        }
        out.len() > before
    }

    /// Host names and mentions are compared as a whole; a host also by the domains it lies beneath.
    fn find_name(&self, field: Field, what: &What) -> bool {
        if field == Field::Mention {
            return self.post.mentions.iter().any(|name| self.name_is(&plain_name(name), what));
        }
        self.post.urls.iter().any(|url| {
            let host = host(url);
            let beneath = std::iter::successors(Some(host.as_str()), |rest| {
                rest.split_once('.').map(|(_, parent)| parent)
            });
            match what {
                What::Words(_) | What::List(_) => {
                    beneath.into_iter().any(|domain| self.name_is(domain, what))
                }
                _ => self.name_is(&host, what),
            }
        })
    }

    fn name_is(&self, name: &str, what: &What) -> bool {
        !name.is_empty()
            && match what {
                What::Words(known) => *known.text == *name,
                What::List(list) => {
                    self.lists.get(*list as usize).is_some_and(|list| list.names.contains(name))
                }
                What::Regex(regex) => regex.is_match(name),
                other => word_is(other, name),
            }
    }
}

impl Unit {
    fn reset(&mut self) {
        self.levels.iter_mut().for_each(LevelText::reset);
        self.sentences = None;
    }
}

/// Is a term with this field looked for in that text?
fn looks_into(wanted: Option<Field>, text: Field) -> bool {
    match wanted {
        None => matches!(text, Field::Text | Field::Ocr | Field::Asr),
        Some(Field::Emoji) => text == Field::Text,
        Some(field) => field == text,
    }
}

/// Calls `place` with the word positions of each match: `None` refuses the match, `Some(true)` ends the search.
/// Did any match count?
fn in_text(
    what: &What,
    text: &LevelText,
    lists: &[ListPlan],
    place: &mut dyn FnMut(u32, u32) -> Option<bool>,
) -> bool {
    let mut found = false;
    match what {
        What::Words(phrase) => {
            let [first, ..] = &*phrase.hashes else { return false };
            if !text.may_have(phrase) {
                return false;
            }
            for (at, _) in text.hashes.iter().enumerate().filter(|(_, hash)| *hash == first) {
                if text.is_at(at, phrase)
                    && let Some(stop) = place(at as u32, (at + phrase.hashes.len()) as u32)
                {
                    found = true;
                    if stop {
                        return true;
                    }
                }
            }
        }
        What::List(id) => {
            let Some(list) = lists.get(*id as usize) else { return false };
            let mut entries: SmallVec<[u32; 16]> = list.always.iter().copied().collect();
            list.table.candidates(text, &text.present, &mut |entry| entries.push(entry));
            entries.sort_unstable();
            entries.dedup();
            for entry in entries {
                let mut stopped = false;
                found |= in_text(&list.entries[entry as usize], text, &[], &mut |start, end| {
                    let stop = place(start, end);
                    stopped |= stop == Some(true);
                    stop
                });
                if stopped {
                    return true;
                }
            }
        }
        word => {
            for at in 0..text.words.len() {
                if word_is(word, text.word(at))
                    && let Some(stop) = place(at as u32, at as u32 + 1)
                {
                    found = true;
                    if stop {
                        return true;
                    }
                }
            }
        }
    }
    found
}

/// Is `word` what a wildcard or fuzzy term looks for?
pub(crate) fn word_is(what: &What, word: &str) -> bool {
    match what {
        What::Prefix(literal) => word.starts_with(&**literal),
        What::Suffix(literal) => word.ends_with(&**literal),
        What::Infix(literal) => memchr::memmem::find(word.as_bytes(), literal.as_bytes()).is_some(),
        What::Fuzzy(literal) => within_one_edit(literal, word),
        _ => false,
    }
}

/// At most one insertion, deletion, substitution, or swap of neighbours.
fn within_one_edit(a: &str, b: &str) -> bool {
    if a.len().abs_diff(b.len()) > 8 {
        return false;
    }
    let common =
        a.chars().zip(b.chars()).take_while(|(a, b)| a == b).map(|(c, _)| c.len_utf8()).sum::<usize>();
    let (a, b) = (&a[common..], &b[common..]);
    let (mut after_a, mut after_b) = (a.chars(), b.chars());
    let (first_a, first_b) = (after_a.next(), after_b.next());
    let (rest_a, rest_b) = (after_a.as_str(), after_b.as_str());
    let mut swapped =
        || after_a.next() == first_b && after_b.next() == first_a && after_a.as_str() == after_b.as_str();
    match (first_a, first_b) {
        (None, None) => true,
        (None, Some(_)) => rest_b.is_empty(),
        (Some(_), None) => rest_a.is_empty(),
        _ => rest_a == rest_b || rest_a == b || a == rest_b || swapped(),
    }
}
