//! Rules in the shape of Sigma: `detection` with named selections and a `condition`.
//!
//! In: `field: value` and `field|contains|startswith|endswith|re|all: values`, keyword lists, and conditions of `and`,
//! `or`, `not`, brackets, `1 of x*`, `all of x*`, `them`. Out: rules of words, phrases, wildcards, regular expressions
//! and AND, OR, NOT over them; `NEAR` and the rest of the language have no counterpart there.

use std::collections::BTreeMap;

use super::{Exchanged, LeftOut, quoted};
use crate::syntax::ast::{Expr, Field, Kind, Pattern, ScopeKey, Term, Value};
use crate::syntax::{parse, print};
use crate::yaml::{self, File, Node, NodeKind};
use crate::{Problem, Rule, SourceFile};

/// Deepest nesting of a condition.
const MAX_DEPTH: usize = 32;

/// A draft rule from a rule in Sigma's shape.
///
/// # Errors
/// The problem that keeps the file from being read at all.
pub fn import_sigma(file: &SourceFile<'_>) -> Result<Exchanged, Box<Problem>> {
    let place = File { path: file.path, text: file.text };
    let (documents, problems) = yaml::read(&place);
    let refused = |at: usize, english: &str, german: &str| {
        Box::new(place.problem(
            None,
            at,
            crate::Severity::Error,
            (english, "a rule has `title:` and `detection:` with selections and a `condition:`"),
            (german, "eine Regel hat `title:` und `detection:` mit Auswahlen und einer `condition:`"),
        ))
    };
    if let Some(problem) = problems.into_iter().next() {
        return Err(Box::new(problem));
    }
    let rule = documents.first().ok_or_else(|| refused(0, "the file is empty", "die Datei ist leer"))?;
    let detection = get(rule, "detection")
        .ok_or_else(|| refused(rule.start, "`detection` is missing", "`detection` fehlt"))?;
    let mut reader = Reader { selections: BTreeMap::new(), left_out: Vec::new() };
    for (name, node) in pairs(detection) {
        if name != "condition" && name != "timeframe" {
            if let Some(expr) = reader.selection(node) {
                reader.selections.insert(name.to_owned(), expr);
            }
        } else if name == "timeframe" {
            reader
                .leave("timeframe", "windows are written anew: `window: count(posts) over 1h by rule >= 10`");
        }
    }
    let condition = get(detection, "condition").and_then(Node::text).unwrap_or("1 of them");
    let expr = reader.condition(condition).ok_or_else(|| {
        refused(detection.start, "the condition cannot be read", "die Bedingung ist nicht lesbar")
    })?;
    let text = |key: &str| get(rule, key).and_then(Node::text).unwrap_or("").trim().to_owned();
    let id = if text("id").is_empty() { slug(&text("title")) } else { slug(&text("id")) };
    let severity = match text("level").as_str() {
        "high" | "critical" => "high",
        "low" | "informational" => "low",
        _ => "medium",
    };
    let yaml = format!(
        "---\nid: {id}\ntitle: {}\nowner: {}\n# To be written before the rule is accepted: purpose, legal_basis, review_by, tests.\npurpose:\nlegal_basis:\nreview_by:\nseverity: {severity}\nstate: draft\nwhen: |\n  {}\ntests: []\nnote: {}\n",
        quoted(&text("title")),
        quoted(&text("author")),
        print(&expr),
        quoted(&text("description")),
    );
    Ok(Exchanged { text: yaml, left_out: reader.left_out })
}

fn pairs(node: &Node) -> impl Iterator<Item = (&str, &Node)> {
    let pairs: &[(Node, Node)] = match &node.kind {
        NodeKind::Map(pairs) => pairs,
        _ => &[],
    };
    pairs.iter().filter_map(|(key, value)| Some((key.text()?, value)))
}

fn get<'n>(node: &'n Node, key: &str) -> Option<&'n Node> {
    pairs(node).find(|(name, _)| *name == key).map(|(_, value)| value)
}

fn slug(text: &str) -> String {
    let plain = |c: char| if c.is_alphanumeric() { c } else { '-' };
    let slug: String = text.to_lowercase().chars().map(plain).take(80).collect();
    let slug = slug.split('-').filter(|part| !part.is_empty()).collect::<Vec<_>>().join("-");
    if slug.is_empty() { "imported".to_owned() } else { slug }
}

/// Joins parts; an AND within an AND and an OR within an OR go up into it.
fn joined(parts: Vec<Expr>, kind: fn(Vec<Expr>) -> Kind) -> Option<Expr> {
    let is_and = matches!(kind(Vec::new()), Kind::And(_));
    let mut flat = Vec::with_capacity(parts.len());
    for part in parts {
        match part.kind {
            Kind::And(inner) if is_and => flat.extend(inner),
            Kind::Or(inner) if !is_and => flat.extend(inner),
            kind => flat.push(Expr::new(kind, 0)),
        }
    }
    let mut parts = flat;
    match parts.len() {
        0 => None,
        1 => parts.pop(),
        _ => Some(Expr::new(kind(parts), 0)),
    }
}

struct Reader {
    selections: BTreeMap<String, Expr>,
    left_out: Vec<LeftOut>,
}

impl Reader {
    fn leave(&mut self, what: &str, why: &str) {
        self.left_out.push(LeftOut { what: what.to_owned(), why: why.to_owned() });
    }

    /// A map is AND over its fields, a sequence OR over its entries.
    fn selection(&mut self, node: &Node) -> Option<Expr> {
        match &node.kind {
            NodeKind::Map(_) => {
                let parts = pairs(node).filter_map(|(key, value)| self.field(key, value)).collect();
                joined(parts, Kind::And)
            }
            NodeKind::Sequence(items) => {
                let parts = items.iter().filter_map(|item| self.selection(item)).collect();
                joined(parts, Kind::Or)
            }
            NodeKind::Scalar(text) => self.term("", "contains", text),
        }
    }

    fn field(&mut self, key: &str, value: &Node) -> Option<Expr> {
        let mut pieces = key.split('|');
        let field = pieces.next().unwrap_or("");
        let modifiers: Vec<&str> = pieces.collect();
        let every = modifiers.contains(&"all");
        let modifier = modifiers.into_iter().find(|modifier| *modifier != "all").unwrap_or("");
        let texts: Vec<&str> = match &value.kind {
            NodeKind::Scalar(text) => vec![text],
            NodeKind::Sequence(items) => items.iter().filter_map(Node::text).collect(),
            NodeKind::Map(_) => Vec::new(),
        };
        let parts = texts.into_iter().filter_map(|text| self.term(field, modifier, text)).collect();
        joined(parts, if every { Kind::And } else { Kind::Or })
    }

    fn term(&mut self, field: &str, modifier: &str, text: &str) -> Option<Expr> {
        if let Some(key) = ScopeKey::ALL.into_iter().find(|key| key.as_str() == field) {
            return Some(Expr::new(Kind::Scope(key, Value::Text(text.to_owned())), 0));
        }
        let known = Field::ALL.into_iter().find(|known| known.as_str() == field);
        let bare = matches!(field, "" | "message" | "content" | "body" | "post");
        if known.is_none() && !bare {
            self.leave(field, "a field that posts do not have");
            return None;
        }
        let inner = text.trim_matches('*').trim();
        let one_word = !inner.is_empty() && inner.chars().all(char::is_alphanumeric);
        let (open, closed) = (text.starts_with('*'), text.ends_with('*'));
        let pattern = match modifier {
            "re" => Pattern::Regex(text.to_owned()),
            "" | "contains" | "startswith" | "endswith" if inner.is_empty() => {
                self.leave(text, "no letter to look for");
                return None;
            }
            // A substring of several words begins and ends inside words; here a phrase is whole words.
            _ if !one_word => {
                let phrase = Pattern::Phrase(inner.to_owned());
                let whole = parse(&print(&Expr::new(
                    Kind::Term(Term { field: known, raw: false, pattern: phrase }),
                    0,
                )));
                if inner.contains(['*', '?']) || !whole.findings.is_empty() {
                    self.leave(text, "cannot be said as a phrase; write a regular expression beside a word");
                    return None;
                }
                return Some(whole.expr);
            }
            "" if !open && !closed => Pattern::Word(inner.to_owned()),
            "contains" => Pattern::Infix(inner.to_owned()),
            "startswith" => Pattern::Prefix(inner.to_owned()),
            "endswith" => Pattern::Suffix(inner.to_owned()),
            "" => match (open, closed) {
                (true, true) => Pattern::Infix(inner.to_owned()),
                (true, false) => Pattern::Suffix(inner.to_owned()),
                _ => Pattern::Prefix(inner.to_owned()),
            },
            other => {
                self.leave(&format!("{field}|{other}"), "a modifier without counterpart");
                return None;
            }
        };
        Some(Expr::new(Kind::Term(Term { field: known, raw: false, pattern }), 0))
    }

    fn condition(&mut self, text: &str) -> Option<Expr> {
        let spaced = text.replace('(', " ( ").replace(')', " ) ");
        let mut tokens: Vec<&str> = spaced.split_whitespace().rev().collect();
        let expr = self.either(&mut tokens, 0)?;
        tokens.is_empty().then_some(expr)
    }

    fn either(&mut self, tokens: &mut Vec<&str>, depth: usize) -> Option<Expr> {
        let mut parts = vec![self.both(tokens, depth)?];
        while tokens.last().is_some_and(|token| token.eq_ignore_ascii_case("or")) {
            tokens.pop();
            parts.push(self.both(tokens, depth)?);
        }
        joined(parts, Kind::Or)
    }

    fn both(&mut self, tokens: &mut Vec<&str>, depth: usize) -> Option<Expr> {
        let mut parts = vec![self.one(tokens, depth)?];
        while tokens.last().is_some_and(|token| token.eq_ignore_ascii_case("and")) {
            tokens.pop();
            parts.push(self.one(tokens, depth)?);
        }
        joined(parts, Kind::And)
    }

    fn one(&mut self, tokens: &mut Vec<&str>, depth: usize) -> Option<Expr> {
        if depth > MAX_DEPTH {
            return None;
        }
        let token = tokens.pop()?;
        if token.eq_ignore_ascii_case("not") {
            return Some(Expr::new(Kind::Not(Box::new(self.one(tokens, depth + 1)?)), 0));
        }
        if token == "(" {
            let inner = self.either(tokens, depth + 1)?;
            return (tokens.pop() == Some(")")).then_some(inner);
        }
        if matches!(token, "1" | "all" | "any")
            && tokens.last().is_some_and(|next| next.eq_ignore_ascii_case("of"))
        {
            tokens.pop();
            let pattern = tokens.pop()?;
            let begins = pattern.strip_suffix('*');
            let chosen = self.selections.iter().filter(|(name, _)| {
                pattern == "them"
                    || name.as_str() == pattern
                    || begins.is_some_and(|begin| name.starts_with(begin))
            });
            let parts = chosen.map(|(_, expr)| expr.clone()).collect();
            return joined(parts, if token == "all" { Kind::And } else { Kind::Or });
        }
        self.selections.get(token).cloned()
    }
}

/// A rule in Sigma's shape; each term becomes a selection of its own. What has no counterpart makes the export fail as
/// a whole, since a rule without a part means something else.
///
/// # Errors
/// The parts that cannot be said.
pub fn export_sigma(rule: &Rule) -> Result<String, Vec<LeftOut>> {
    let mut writer = Writer::default();
    let mut condition = writer.part(&parse(&rule.when).expr);
    if !rule.unless.is_empty() {
        let unless = writer.part(&parse(&rule.unless).expr);
        condition = format!("({condition}) and not ({unless})");
    }
    if !rule.window.is_empty() {
        writer.refuse(&rule.window, "windows");
    }
    if !writer.refused.is_empty() {
        return Err(writer.refused);
    }
    Ok(format!(
        "title: {}\nid: {}\nstatus: experimental\nauthor: {}\nlogsource:\n  category: social_media\ndetection:\n{}  condition: {condition}\nlevel: {}\n",
        quoted(&rule.title),
        rule.id,
        quoted(&rule.owner),
        writer.selections,
        rule.severity.as_str(),
    ))
}

#[derive(Default)]
struct Writer {
    selections: String,
    count: usize,
    refused: Vec<LeftOut>,
}

impl Writer {
    fn refuse(&mut self, what: &str, why: &str) {
        self.refused
            .push(LeftOut { what: what.to_owned(), why: format!("{why} have no counterpart in Sigma") });
    }

    fn part(&mut self, expr: &Expr) -> String {
        let mut all = |parts: &[Expr], between: &str| {
            let parts: Vec<String> = parts.iter().map(|part| self.part(part)).collect();
            format!("({})", parts.join(between))
        };
        match &expr.kind {
            Kind::Or(parts) => all(parts, " or "),
            Kind::And(parts) => all(parts, " and "),
            Kind::Not(part) => format!("not {}", self.part(part)),
            Kind::Term(term) if !term.raw => self.term(expr, term),
            Kind::Scope(key, Value::Text(text)) => self.select(key.as_str(), text),
            _ => {
                self.refuse(&print(expr), "distance, lists, exact case, media, scores and clusters");
                String::new()
            }
        }
    }

    fn term(&mut self, expr: &Expr, term: &Term) -> String {
        let field = term.field.map_or("message", Field::as_str);
        match &term.pattern {
            Pattern::Word(text) | Pattern::Phrase(text) => self.select(field, text),
            Pattern::Prefix(text) => self.select(field, &format!("{text}*")),
            Pattern::Suffix(text) => self.select(field, &format!("*{text}")),
            Pattern::Infix(text) => self.select(field, &format!("*{text}*")),
            Pattern::Regex(text) => self.select(&format!("{field}|re"), text),
            Pattern::Fuzzy(_) | Pattern::List(_) => {
                self.refuse(&print(expr), "spelling mistakes and lists");
                String::new()
            }
        }
    }

    fn select(&mut self, field: &str, value: &str) -> String {
        self.count += 1;
        self.selections += &format!("  term{}:\n    {field}: {}\n", self.count, quoted(value));
        format!("term{}", self.count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::RuleSet;

    fn when(detection: &str) -> String {
        let text = format!("title: Ein Test\nlevel: high\ndetection:\n{detection}");
        let imported = import_sigma(&SourceFile { path: "s", text: &text }).unwrap();
        let from = imported.text.find("when: |\n  ").unwrap() + 10;
        imported.text[from..].lines().next().unwrap().to_owned()
    }

    #[test]
    fn selections_and_conditions_mean_the_same_here() {
        for (detection, expected) in [
            (
                "  a:\n    message|contains: [hund, katze]\n    lang: de\n  condition: a\n",
                "(*hund* OR *katze*) AND lang:de",
            ),
            ("  keywords: ['zwei wörter', maus]\n  condition: keywords\n", "\"zwei wörter\" OR *maus*"),
            (
                "  s1: {text: Hund*}\n  s2: {tag|endswith: x1}\n  f: {platform: telegram}\n  condition: all of s* and not (f or s1)\n",
                "text:Hund* AND tag:*x1 AND NOT (platform:telegram OR text:Hund*)",
            ),
            ("  s: {message|contains|all: [a1, b2]}\n  condition: 1 of them\n", "*a1* AND *b2*"),
            ("  s: {message|re: 'h.nd'}\n  t: {message: hund}\n  condition: s and t\n", "/h.nd/ AND hund"),
        ] {
            assert_eq!(when(detection), expected);
        }
    }

    #[test]
    fn an_imported_rule_is_refused_until_somebody_answers_for_it() {
        let text = "title: t\ndetection: {s: {message: hund}, condition: s}\n";
        let imported = import_sigma(&SourceFile { path: "s", text }).unwrap();
        let compiled = RuleSet::compile(&[SourceFile { path: "r", text: &imported.text }], "2026-11-22");
        assert!(compiled.set.rules().is_empty());
        let messages: Vec<&str> = compiled.problems.iter().map(|problem| problem.message.as_str()).collect();
        for field in ["purpose", "legal_basis", "review_by", "tests"] {
            assert!(messages.iter().any(|message| message.contains(field)), "{field}: {messages:?}");
        }
    }

    #[test]
    fn what_cannot_be_read_is_named() {
        for text in [
            "",
            "title: t\n",
            "detection: {s: {message: a}, condition: s and}\n",
            "detection: {s: {x: a}, condition: s}\n",
        ] {
            assert!(import_sigma(&SourceFile { path: "s", text }).is_err(), "{text}");
        }
        let deep = format!("detection: {{s: {{message: hund}}, condition: '{}s'}}\n", "not ".repeat(5_000));
        assert!(import_sigma(&SourceFile { path: "s", text: &deep }).is_err());
    }

    #[test]
    fn what_goes_out_comes_in_with_the_same_meaning() {
        let rule = |when: &str| {
            let text = format!(
                "id: r\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\nwhen: |\n  {when}\ntests: [{{text: x, expect: hit}}]\n"
            );
            RuleSet::compile(&[SourceFile { path: "r", text: &text }], "2026-11-22").set.rules()[0].clone()
        };
        for when in ["hund AND (katz* OR tag:maus) AND NOT \"zwei wörter\"", "*hund* AND /a'b/"] {
            let sigma = export_sigma(&rule(when)).unwrap();
            let back = import_sigma(&SourceFile { path: "s", text: &sigma }).unwrap();
            assert!(back.text.contains(when), "{sigma}\n{}", back.text);
        }
        assert!(export_sigma(&rule("hund NEAR/3 katze")).is_err());
    }
}
