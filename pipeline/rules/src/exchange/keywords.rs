//! Plain keyword lists: a term a line, `#` begins a comment.

use super::{Exchanged, LeftOut, quoted};
use crate::limits::{MAX_LIST_TERM_BYTES, MAX_LIST_TERMS};
use crate::source;
use crate::syntax::list_pattern;
use crate::{SourceFile, date::Day};

/// A list document from a plain keyword list. Terms that a list cannot hold are left out by name; doubles count once.
pub fn import_keywords(name: &str, owner: &str, review_by: &str, text: &str) -> Exchanged {
    let mut seen = rustc_hash::FxHashSet::default();
    let mut left_out = Vec::new();
    let mut yaml =
        format!("---\nlist: {name}\nversion: 1\nowner: {}\nreview_by: {review_by}\nterms:\n", quoted(owner));
    for line in text.lines() {
        let term = line.trim_start_matches('\u{feff}').trim();
        if term.is_empty() || term.starts_with('#') || !seen.insert(term) {
            continue;
        }
        let why = if seen.len() > MAX_LIST_TERMS {
            Some(format!("a list holds at most {MAX_LIST_TERMS} entries"))
        } else if term.len() > MAX_LIST_TERM_BYTES {
            Some(format!("longer than {MAX_LIST_TERM_BYTES} bytes"))
        } else {
            list_pattern(term).err().map(|finding| finding.english.message)
        };
        match why {
            Some(why) => left_out.push(LeftOut { what: term.to_owned(), why }),
            None => yaml += &format!("  - {}\n", quoted(term)),
        }
    }
    Exchanged { text: yaml, left_out }
}

/// The terms of the list `name` of some files, one a line; `None` when there is no such list.
pub fn export_keywords(files: &[SourceFile<'_>], name: &str) -> Option<Exchanged> {
    let sources = source::read(files, Day::UNKNOWN);
    let list = sources.lists.get(name)?;
    let mut text = format!("# {name}, version {}\n", list.version);
    for term in &list.terms {
        text += &term.written;
        text.push('\n');
    }
    let hashes = list.hashes.iter();
    let left_out = hashes
        .map(|hash| LeftOut { what: hex::encode(hash), why: "a perceptual hash is no keyword".to_owned() })
        .collect();
    Some(Exchanged { text, left_out })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_keyword_list_comes_in_and_goes_out_again() {
        let text = "# comment\nhund\nzwei wörter\nhund\n  it's\n***\nkatz*\n\n";
        let imported = import_keywords("tiere", "a", "2027-01-31", text);
        assert_eq!(imported.left_out.iter().map(|left| left.what.as_str()).collect::<Vec<_>>(), ["***"]);
        let files = [SourceFile { path: "f", text: &imported.text }];
        let exported = export_keywords(&files, "tiere").unwrap();
        assert_eq!(exported.text, "# tiere, version 1\nhund\nzwei wörter\nit's\nkatz*\n");
        assert_eq!(import_keywords("tiere", "a", "2027-01-31", &exported.text).text, imported.text);
        assert_eq!(export_keywords(&files, "x"), None);
    }
}
