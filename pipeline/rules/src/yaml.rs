//! YAML as a tree that remembers where everything stood. Aliases, merge keys and tags are refused: a rule file
//! is data that people read.

use granit_parser::{Event, Parser, ScalarStyle, Span};

use crate::limits::{MAX_FILE_BYTES, MAX_YAML_DEPTH};
use crate::problem::{Problem, Severity, Wording};

/// A node and the byte range of the file it was written in.
#[derive(Debug, Clone)]
pub(crate) struct Node {
    pub(crate) kind: NodeKind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

#[derive(Debug, Clone)]
pub(crate) enum NodeKind {
    /// The value after YAML's own escapes; an empty plain scalar is the same as an absent value.
    Scalar(String),
    Sequence(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    pub(crate) fn text(&self) -> Option<&str> {
        match &self.kind {
            NodeKind::Scalar(text) => Some(text),
            _ => None,
        }
    }
}

/// A file while it is read: knows how to speak of its places.
#[derive(Debug, Clone, Copy)]
pub(crate) struct File<'a> {
    pub(crate) path: &'a str,
    pub(crate) text: &'a str,
}

/// Longest source line repeated in a message, in characters.
const MAX_EXCERPT_CHARS: usize = 300;

impl File<'_> {
    /// A problem at a byte offset; each text is message and hint.
    pub(crate) fn problem(
        &self,
        rule: Option<&str>,
        at: usize,
        severity: Severity,
        english: (impl Into<String>, impl Into<String>),
        german: (impl Into<String>, impl Into<String>),
    ) -> Problem {
        let at = self.text.floor_char_boundary(at.min(self.text.len()));
        let before = self.text.get(..at).unwrap_or("");
        let line_start = before.rfind('\n').map_or(0, |newline| newline + 1);
        let line = self.text.get(line_start..).unwrap_or("").lines().next().unwrap_or("");
        let column = before.get(line_start..).unwrap_or("").chars().count() + 1;
        Problem {
            rule: rule.map(str::to_owned),
            file: self.path.to_owned(),
            line: u32::try_from(before.matches('\n').count() + 1).unwrap_or(u32::MAX),
            column: u32::try_from(column).unwrap_or(u32::MAX),
            message: english.0.into(),
            hint: english.1.into(),
            german: Wording { message: german.0.into(), hint: german.1.into() },
            excerpt: line.chars().take(MAX_EXCERPT_CHARS).collect(),
            severity,
        }
    }

    /// Where byte `offset` of the scalar's value stands in the file: value and source are walked side by side,
    /// passing over white space (folding, indentation) and escapes.
    pub(crate) fn place(&self, node: &Node, offset: usize) -> usize {
        let Some(value) = node.text() else { return node.start };
        let source = self.text.get(node.start..node.end.min(self.text.len())).unwrap_or("");
        let body = source.find('\n').filter(|_| source.starts_with(['|', '>'])).unwrap_or(0);
        let mut at = body;
        for (value_at, c) in value.char_indices().filter(|(_, c)| !c.is_whitespace()) {
            let rest = source.get(at..).unwrap_or("");
            let Some(found) = rest.find(c) else { break };
            let here = at + found;
            if value_at >= offset {
                return node.start + here;
            }
            at = here + c.len_utf8();
            // 'it''s' and "\\": the second half of an escape is no character of its own.
            if (c == '\'' && source.starts_with('\'') || c == '\\' && source.starts_with('"'))
                && source.get(at..).is_some_and(|rest| rest.starts_with(c))
            {
                at += c.len_utf8();
            }
        }
        node.start + at
    }
}

/// The documents of a file; what cannot be read ends in a problem, documents before it stay.
pub(crate) fn read(file: &File<'_>) -> (Vec<Node>, Vec<Problem>) {
    if file.text.len() > MAX_FILE_BYTES {
        let problem = file.problem(
            None,
            0,
            Severity::Error,
            (format!("the file is larger than {MAX_FILE_BYTES} bytes"), "split it"),
            (format!("die Datei ist größer als {MAX_FILE_BYTES} Bytes"), "teilen Sie sie auf"),
        );
        return (Vec::new(), vec![problem]);
    }
    let mut reader = Reader { file, parser: Parser::new_from_str(file.text), documents: Vec::new() };
    let problems = reader.documents().err().map(|problem| *problem).into_iter().collect();
    (reader.documents, problems)
}

struct Reader<'f> {
    file: &'f File<'f>,
    parser: Parser<'f, granit_parser::StrInput<'f>>,
    documents: Vec<Node>,
}

impl<'f> Reader<'f> {
    fn next(&mut self) -> Result<(Event<'f>, Span), Box<Problem>> {
        // Comments say nothing to the machine; the formatter takes them from the text.
        let mut next = self.parser.next_event();
        while let Some(Ok((Event::Comment(..), _))) = next {
            next = self.parser.next_event();
        }
        match next {
            Some(Ok(event)) => Ok(event),
            Some(Err(error)) => {
                let at = error.marker().byte_offset().unwrap_or(0);
                Err(self.error(
                    at,
                    &format!("not readable as YAML: {}", error.info()),
                    &format!("als YAML nicht lesbar: {}", error.info()),
                ))
            }
            None => Ok((Event::StreamEnd, Span::default())),
        }
    }

    fn error(&self, at: usize, english: &str, german: &str) -> Box<Problem> {
        Box::new(self.file.problem(
            None,
            at,
            Severity::Error,
            (english, "check indentation, quotation marks and colons around this place"),
            (german, "prüfen Sie Einrückung, Anführungszeichen und Doppelpunkte um diese Stelle"),
        ))
    }

    fn documents(&mut self) -> Result<(), Box<Problem>> {
        loop {
            match self.next()? {
                (Event::StreamEnd, _) => return Ok(()),
                (Event::DocumentStart(..), _) => {
                    let first = self.next()?;
                    if !matches!(first.0, Event::DocumentEnd) {
                        let node = self.node(first, 0)?;
                        self.documents.push(node);
                    }
                }
                _ => {}
            }
        }
    }

    fn node(&mut self, (event, span): (Event<'f>, Span), depth: usize) -> Result<Node, Box<Problem>> {
        let range = span.byte_range().unwrap_or(0..0);
        if depth > MAX_YAML_DEPTH {
            return Err(self.error(range.start, "nested too deep", "zu tief geschachtelt"));
        }
        let mut end = range.end;
        let kind = match event {
            // The parser writes an absent value as YAML's null.
            Event::Scalar(text, ScalarStyle::Plain, _, None) if text == "~" => {
                NodeKind::Scalar(String::new())
            }
            Event::Scalar(text, _, _, None) => NodeKind::Scalar(text.into_owned()),
            Event::SequenceStart(..) => {
                let mut items = Vec::new();
                loop {
                    match self.next()? {
                        (Event::SequenceEnd, span) => {
                            end = span.byte_range().map_or(end, |range| range.end);
                            break;
                        }
                        event => items.push(self.node(event, depth + 1)?),
                    }
                }
                NodeKind::Sequence(items)
            }
            Event::MappingStart(..) => {
                let mut pairs = Vec::new();
                loop {
                    match self.next()? {
                        (Event::MappingEnd, span) => {
                            end = span.byte_range().map_or(end, |range| range.end);
                            break;
                        }
                        event => {
                            let key = self.node(event, depth + 1)?;
                            let value = self.next()?;
                            pairs.push((key, self.node(value, depth + 1)?));
                        }
                    }
                }
                NodeKind::Map(pairs)
            }
            _ => {
                return Err(self.error(
                    range.start,
                    "aliases and tags are not used here",
                    "Verweise (&, *) und Typangaben (!) gibt es hier nicht",
                ));
            }
        };
        Ok(Node { kind, start: range.start, end })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place_of(text: &str, needle: &str) -> (u32, u32) {
        let file = File { path: "f", text };
        let (documents, problems) = read(&file);
        assert!(problems.is_empty(), "{problems:?}");
        let NodeKind::Map(pairs) = &documents[0].kind else { panic!("a map") };
        let value = &pairs[0].1;
        let offset = value.text().unwrap().find(needle).unwrap();
        let problem = file.problem(None, file.place(value, offset), Severity::Error, ("", ""), ("", ""));
        (problem.line, problem.column)
    }

    #[test]
    fn places_point_into_every_kind_of_scalar() {
        assert_eq!(place_of("when: a b cde", "cde"), (1, 11));
        assert_eq!(place_of("when: |\n  a b\n  x cde\n", "cde"), (3, 5));
        assert_eq!(place_of("when: >\n  a b\n  x cde\n", "cde"), (3, 5));
        assert_eq!(place_of("when: \"a \\\"b\\\" cde\"", "cde"), (1, 16));
        assert_eq!(place_of("when: 'a ''b'' cde'", "cde"), (1, 16));
    }

    #[test]
    fn comments_may_stand_anywhere() {
        let text = "# a\n---\n# b\nx: # c\n  # d\n  - 1 # e\n  # f\n  - 2\n# g\ny: |\n  z\n# h\n";
        let (documents, problems) = read(&File { path: "f", text });
        assert!(problems.is_empty(), "{problems:?}");
        let NodeKind::Map(pairs) = &documents[0].kind else { panic!("a map") };
        assert!(matches!(&pairs[0].1.kind, NodeKind::Sequence(items) if items.len() == 2));
        assert_eq!(pairs[1].1.text(), Some("z\n"));
    }

    #[test]
    fn an_absent_value_is_an_empty_text() {
        let (documents, _) = read(&File { path: "f", text: "a:\nb: ~\nc: '~'\n" });
        let NodeKind::Map(pairs) = &documents[0].kind else { panic!("a map") };
        let values: Vec<_> = pairs.iter().filter_map(|(_, value)| value.text()).collect();
        assert_eq!(values, ["", "", "~"]);
    }

    #[test]
    fn broken_yaml_is_a_problem_and_keeps_what_came_before() {
        let file = File { path: "f", text: "a: 1\n---\nb: [1\n" };
        let (documents, problems) = read(&file);
        assert_eq!((documents.len(), problems.len()), (1, 1));
        let file = File { path: "f", text: "a: &x 1\nb: *x\n" };
        assert_eq!(read(&file).1.len(), 1);
        let deep = "[".repeat(50_000);
        assert_eq!(read(&File { path: "f", text: &deep }).1.len(), 1);
    }
}
