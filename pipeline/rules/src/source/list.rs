//! A list of terms, or a bank of perceptual hashes.

use super::expression::place;
use super::fields::Fields;
use super::rule;
use crate::date::Day;
use crate::limits::{MAX_LIST_TERM_BYTES, MAX_LIST_TERMS};
use crate::problem::Problem;
use crate::syntax::ast::Pattern;
use crate::syntax::list_pattern;
use crate::yaml::{File, Node, NodeKind};
use crate::{Finding, Trial};

pub(crate) const FIELDS: [&str; 11] =
    ["list", "bank", "version", "title", "owner", "review_by", "sources", "terms", "hashes", "tests", "note"];

/// A term of a list.
#[derive(Debug, Clone)]
pub(crate) struct ListTerm {
    pub(crate) written: String,
    pub(crate) pattern: Pattern,
}

/// A list or a bank.
#[derive(Debug)]
pub(crate) struct List<'a> {
    pub(crate) name: String,
    pub(crate) version: u32,
    pub(crate) owner: String,
    pub(crate) review_by: String,
    pub(crate) terms: Vec<ListTerm>,
    pub(crate) hashes: Vec<[u8; 32]>,
    pub(crate) tests: Vec<Trial>,
    pub(crate) file: File<'a>,
}

/// Reads a list; terms that make no sense are named and left out, the others count.
pub(super) fn read<'a>(
    file: File<'a>,
    node: &Node,
    today: Day,
    problems: &mut Vec<Problem>,
) -> Option<List<'a>> {
    let name_key = match &node.kind {
        NodeKind::Map(pairs) if pairs.iter().any(|(key, _)| key.text() == Some("bank")) => "bank",
        _ => "list",
    };
    let mut fields = Fields::of(file, node, name_key, &FIELDS, problems);
    let name = fields.required(name_key, ("give the list a name", "geben Sie der Liste einen Namen"));
    let owner = fields.required("owner", ("write who keeps the list", "schreiben Sie, wer die Liste pflegt"));
    let review_by = fields.review_by(today, true);
    let version = fields.whole("version").unwrap_or(1);
    let (mut terms, mut hashes) = (Vec::new(), Vec::new());
    let key = if name_key == "bank" { "hashes" } else { "terms" };
    match fields.get(key).map(|node| (&node.kind, node.start)) {
        Some((NodeKind::Sequence(items), at)) if items.len() > MAX_LIST_TERMS => fields.error(
            at,
            (
                format!("{} entries; a list holds at most {MAX_LIST_TERMS}", items.len()),
                "split it, or look for what its entries have in common",
            ),
            (
                format!("{} Einträge; eine Liste hält höchstens {MAX_LIST_TERMS}", items.len()),
                "teilen Sie sie, oder suchen Sie das Gemeinsame der Einträge",
            ),
        ),
        Some((NodeKind::Sequence(items), _)) if name_key == "bank" => {
            hashes = read_hashes(&mut fields, items);
        }
        Some((NodeKind::Sequence(items), _)) => terms = read_terms(&mut fields, items),
        _ => {
            let at = fields.at(key);
            fields.error(
                at,
                (format!("`{key}` is missing"), format!("write {key}: and a list of entries")),
                (format!("`{key}` fehlt"), format!("schreiben Sie {key}: und eine Liste von Einträgen")),
            );
        }
    }
    let tests = match fields.get("tests").map(|node| &node.kind) {
        Some(NodeKind::Sequence(items)) => rule::trials(&mut fields, items),
        _ => Vec::new(),
    };
    if fields.failed() {
        return None;
    }
    Some(List { name, version, owner, review_by, terms, hashes, tests, file })
}

fn read_terms(fields: &mut Fields<'_, '_, '_>, items: &[Node]) -> Vec<ListTerm> {
    let mut seen = rustc_hash::FxHashSet::default();
    let mut terms = Vec::with_capacity(items.len());
    let mut double = None;
    for item in items {
        // An entry is a text, or {term: text, note: why it is here}.
        let entry = match &item.kind {
            NodeKind::Map(pairs) => {
                pairs.iter().find(|(key, _)| key.text() == Some("term")).map(|(_, value)| value)
            }
            _ => Some(item),
        };
        let Some((entry, text)) = entry.and_then(|entry| Some((entry, entry.text()?.trim()))) else {
            fields.error(
                item.start,
                ("an entry is one text", "write - word, or - {term: word, note: why}"),
                ("ein Eintrag ist ein Text", "schreiben Sie - wort, oder - {term: wort, note: warum}"),
            );
            continue;
        };
        if !seen.insert(text) {
            double.get_or_insert(entry.start);
            continue;
        }
        let pattern = if text.len() > MAX_LIST_TERM_BYTES {
            Err(Finding::error(
                0,
                (format!("an entry longer than {MAX_LIST_TERM_BYTES} bytes"), "shorten it"),
                (format!("ein Eintrag länger als {MAX_LIST_TERM_BYTES} Bytes"), "kürzen Sie ihn"),
            ))
        } else {
            list_pattern(text)
        };
        match pattern {
            Ok(pattern) => {
                if text.chars().count() == 1 && text.chars().all(char::is_alphanumeric) {
                    fields.warn(
                        entry.start,
                        (
                            format!("`{text}` is a single letter or digit and matches very many posts"),
                            "remove it, or use it only near other words",
                        ),
                        (
                            format!("`{text}` ist ein einzelnes Zeichen und trifft sehr viele Beiträge"),
                            "entfernen Sie es, oder nutzen Sie es nur neben anderen Wörtern",
                        ),
                    );
                }
                terms.push(ListTerm { written: text.to_owned(), pattern });
            }
            Err(finding) => {
                let problem = place(&fields.file, &fields.name, entry, &finding.as_warning());
                fields.problems.push(problem);
            }
        }
    }
    if let Some(at) = double {
        let times = items.len() - seen.len();
        fields.warn(
            at,
            (format!("{times} entries stand more than once"), "remove the doubles; they count once"),
            (format!("{times} Einträge stehen mehrfach"), "entfernen Sie die doppelten; sie zählen einmal"),
        );
    }
    terms
}

type Wordings = ((&'static str, &'static str), (&'static str, &'static str));

/// What is said of something that is no perceptual hash.
pub(super) const NO_HASH: Wordings = (
    ("a hash has 64 hexadecimal digits", "write the 256-bit perceptual hash of the picture"),
    ("ein Hash hat 64 hexadezimale Ziffern", "schreiben Sie den 256-Bit-Wahrnehmungshash des Bildes"),
);

pub(super) fn read_hash(text: &str) -> Option<[u8; 32]> {
    let mut hash = [0; 32];
    hex::decode_to_slice(text.trim(), &mut hash).ok()?;
    Some(hash)
}

fn read_hashes(fields: &mut Fields<'_, '_, '_>, items: &[Node]) -> Vec<[u8; 32]> {
    let mut hashes = Vec::with_capacity(items.len());
    for item in items {
        match item.text().and_then(read_hash) {
            Some(hash) => hashes.push(hash),
            None => fields.error(item.start, NO_HASH.0, NO_HASH.1),
        }
    }
    hashes
}
