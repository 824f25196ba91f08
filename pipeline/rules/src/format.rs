//! The formatter: files in one canonical shape, comments kept.
//!
//! In every document the fields come in the order of the handbook, expressions are printed canonically and broken at
//! the topmost operators where they are long, blank lines between fields go. A comment stays above the field it stood
//! above. Everything else, and whatever could change its meaning, stays as it was written: documents in flow style,
//! expressions with errors or with a comment of their own.

use std::ops::Range;

use crate::problem::{Problem, Severity};
use crate::set::SourceFile;
use crate::source::{DOCUMENT_KEYS, LIST_FIELDS, RULE_FIELDS, SUPPRESSION_FIELDS};
use crate::syntax::{parse, parse_window, print_lines, print_window};
use crate::yaml::{self, File, Node, NodeKind};

/// Longest line of an expression, where its operators allow.
const WIDTH: usize = 100;
/// A scalar with this sign keeps its blank lines.
const KEEPS_BLANK_LINES: [&str; 2] = ["|+", ">+"];

/// The canonical form of a file. Formatting it again changes nothing, and rules mean what they meant before.
///
/// # Errors
/// The problem that keeps the file from being read.
pub fn format(file: &SourceFile<'_>) -> Result<String, Box<Problem>> {
    let before = documents(file.path, file.text)?;
    let text = rewrite(file.text, &before);
    let after = documents(file.path, &text)?;
    if !same(&before, &after) {
        // A shape of YAML that this formatter does not know: better left alone.
        return Ok(file.text.to_owned());
    }
    Ok(text)
}

fn documents(path: &str, text: &str) -> Result<Vec<Node>, Box<Problem>> {
    let (documents, problems) = yaml::read(&File { path, text });
    match problems.into_iter().find(|problem| problem.severity == Severity::Error) {
        Some(problem) => Err(Box::new(problem)),
        None => Ok(documents),
    }
}

/// The fields of a document in block style whose keys all begin a line.
fn block_fields<'n>(text: &str, document: &'n Node) -> Option<&'n [(Node, Node)]> {
    let NodeKind::Map(pairs) = &document.kind else { return None };
    let begins_line = |key: &Node| key.start == 0 || text.as_bytes().get(key.start - 1) == Some(&b'\n');
    pairs.iter().all(|(key, _)| begins_line(key)).then_some(pairs)
}

fn rewrite(text: &str, documents: &[Node]) -> String {
    let mut out = String::with_capacity(text.len());
    let mut copied = 0;
    for document in documents {
        let Some(pairs) = block_fields(text, document) else { continue };
        let Some((first, _)) = pairs.first() else { continue };
        let end = document_end(text, first.start);
        if first.start < copied {
            continue;
        }
        out.push_str(&text[copied..first.start]);
        out.push_str(&in_order(text, pairs, end));
        copied = end;
    }
    out.push_str(&text[copied..]);
    let trimmed = out.trim_end_matches('\n').len();
    out.truncate(trimmed);
    out.push('\n');
    out
}

/// Where the line begins that ends the document, or the end of the text.
fn document_end(text: &str, from: usize) -> usize {
    let mut at = from;
    for line in text[from..].split_inclusive('\n') {
        if line.starts_with("---") || line.starts_with("...") {
            return at;
        }
        at += line.len();
    }
    text.len()
}

/// A field with what is written above it.
struct Field {
    place: usize,
    comments: String,
    body: String,
}

fn in_order(text: &str, pairs: &[(Node, Node)], end: usize) -> String {
    let name = |pair: &(Node, Node)| pair.0.text().unwrap_or_default().to_owned();
    let kind = pairs.iter().map(name).find(|name| DOCUMENT_KEYS.contains(&name.as_str())).unwrap_or_default();
    let order: &[&str] = match kind.as_str() {
        "id" => &RULE_FIELDS,
        "suppress" => &SUPPRESSION_FIELDS,
        _ => &LIST_FIELDS,
    };
    let starts: Vec<usize> = pairs.iter().map(|(key, _)| key.start).chain([end]).collect();
    let mut fields: Vec<Field> = Vec::with_capacity(pairs.len());
    let mut comments = String::new();
    for (pair, bounds) in pairs.iter().zip(starts.windows(2)) {
        let part = &text[bounds[0]..bounds[1]];
        let (body, next_comments) = split_comments(part);
        let place = order.iter().position(|known| *known == name(pair)).unwrap_or(order.len());
        let body =
            expression(text, pair, bounds[0]..bounds[0] + body.len()).unwrap_or_else(|| body.to_owned());
        fields.push(Field { place, comments: std::mem::replace(&mut comments, next_comments), body });
    }
    fields.sort_by_key(|field| field.place);
    let mut out = String::new();
    for field in fields {
        out += &field.comments;
        out += field.body.trim_end_matches([' ', '\t', '\r', '\n']);
        out.push('\n');
    }
    out + &comments
}

/// Cuts the comments and blank lines that end a field off; blank lines go, comments go with the next field.
fn split_comments(part: &str) -> (&str, String) {
    if part.lines().next().is_some_and(|line| KEEPS_BLANK_LINES.iter().any(|sign| line.contains(sign))) {
        return (part, String::new());
    }
    let mut body = part.len();
    let mut comments = Vec::new();
    for line in part.split_inclusive('\n').rev() {
        // An indented `#` line may belong to a block scalar.
        if line.starts_with('#') {
            comments.push(line.trim_end());
        } else if !line.trim().is_empty() {
            break;
        }
        body -= line.len();
    }
    let comments = comments.into_iter().rev().map(|line| format!("{line}\n")).collect();
    (&part[..body], comments)
}

/// An expression or window in canonical form; `None`: leave it as it is.
fn expression(text: &str, (key, value): &(Node, Node), body: Range<usize>) -> Option<String> {
    let (name, written) = (key.text()?, value.text()?);
    let after = text.get(value.end.min(body.end)..body.end)?;
    let header = text.get(body.start..value.start.max(body.start))?;
    let first_line = text.get(body.clone())?.lines().next()?;
    if after.contains('#') || header.contains('#') || (is_block(first_line) && first_line.contains('#')) {
        return None;
    }
    match name {
        "when" | "unless" => {
            let parsed = parse(written);
            if parsed.findings.iter().any(|finding| finding.severity == Severity::Error) {
                return None;
            }
            let lines = print_lines(&parsed.expr, WIDTH);
            Some(format!("{name}: |\n  {}\n", lines.join("\n  ")))
        }
        "window" => Some(format!("{name}: {}\n", print_window(&parse_window(written).window?))),
        _ => None,
    }
}

fn is_block(first_line: &str) -> bool {
    let value = first_line.split_once(':').map_or("", |(_, value)| value.trim_start());
    value.starts_with(['|', '>'])
}

/// Do documents say the same? The order of fields does not count, expressions count by their meaning.
fn same(before: &[Node], after: &[Node]) -> bool {
    before.len() == after.len() && before.iter().zip(after).all(|(a, b)| same_node("", a, b))
}

fn same_node(name: &str, a: &Node, b: &Node) -> bool {
    match (&a.kind, &b.kind) {
        (NodeKind::Scalar(a), NodeKind::Scalar(b)) => {
            a == b
                || match name {
                    "when" | "unless" => parse(a).expr == parse(b).expr,
                    "window" => parse_window(a).window == parse_window(b).window,
                    _ => false,
                }
        }
        (NodeKind::Sequence(a), NodeKind::Sequence(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| same_node("", a, b))
        }
        (NodeKind::Map(a), NodeKind::Map(b)) => {
            let sorted = |pairs: &[(Node, Node)]| {
                let mut sorted: Vec<(String, Node)> = pairs
                    .iter()
                    .map(|(key, value)| (key.text().unwrap_or_default().to_owned(), value.clone()))
                    .collect();
                sorted.sort_by(|a, b| a.0.cmp(&b.0));
                sorted
            };
            let (a, b) = (sorted(a), sorted(b));
            a.len() == b.len() && a.iter().zip(&b).all(|(a, b)| a.0 == b.0 && same_node(&a.0, &a.1, &b.1))
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn formatted(text: &str) -> String {
        format(&SourceFile { path: "f", text }).unwrap()
    }

    #[test]
    fn fields_come_in_order_and_comments_stay_above_them() {
        let text = "# head\n---\n# name\nid: r\n\nwhen: a   b # why\n# purpose\npurpose: x\nunless: 'c  OR d'\nwindow: count( posts ) over 60m by cluster >= 3\n# end\n---\nid: s\nwhen: >\n  a b\n  c\n";
        assert_eq!(
            formatted(text),
            "# head\n---\n# name\nid: r\n# purpose\npurpose: x\nwhen: a   b # why\nunless: |\n  c OR d\nwindow: count(posts) over 1h by cluster >= 3\n# end\n---\nid: s\nwhen: |\n  a AND b AND c\n"
        );
    }

    #[test]
    fn long_expressions_break_at_the_topmost_operator() {
        let parts: Vec<String> = (0..30).map(|i| format!("(wort{i} OR anderes{i})")).collect();
        let text = format!("id: r\nwhen: {}\n", parts.join(" "));
        let lines: Vec<String> = formatted(&text).lines().map(str::to_owned).collect();
        assert_eq!(
            (lines[2].as_str(), lines[3].as_str()),
            ("  (wort0 OR anderes0)", "  AND (wort1 OR anderes1)")
        );
        assert_eq!(lines.len(), 32);
    }

    #[test]
    fn what_is_broken_or_unknown_is_left_alone_or_named() {
        for text in ["id: r\nwhen: (a\n", "{id: r, when: a  b}\n", "- id: r\n  when: a  b\n"] {
            assert_eq!(formatted(text), text);
        }
        assert!(format(&SourceFile { path: "f", text: "a: [\n" }).is_err());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(500))]
        #[test]
        fn formatting_keeps_the_meaning_and_settles(
            lines in prop::collection::vec(prop::sample::select(vec![
                "---", "# comment", "", "id: r", "when: a  b", "when: |\n  a OR\n\n  b\n", "when: 'x NEAR/3 (y OR z)' # c",
                "unless: >+\n  a\n\n", "title: \"x # y\"", "terms:\n  - a # b\n  # c\n  - d", "list: n", "note: |\n  # no comment\n  x",
                "window: count(posts) over 3600s by author > 2", "tests: [{text: x, expect: hit}]", "suppress: s", "broken: [",
            ]), 0..14),
        ) {
            let text = lines.join("\n") + "\n";
            if let Ok(once) = format(&SourceFile { path: "f", text: &text }) {
                let (before, after) = (documents("f", &text).unwrap(), documents("f", &once).unwrap());
                prop_assert!(same(&before, &after), "{once}");
                let comments = |text: &str| text.lines().filter(|line| line.contains("# c")).count();
                prop_assert_eq!(comments(&text), comments(&once));
                prop_assert_eq!(&format(&SourceFile { path: "f", text: &once }).unwrap(), &once);
            }
        }
    }
}
