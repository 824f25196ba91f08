//! Writes a tree in its one canonical form: reading it again gives the same tree.

use std::fmt::Write as _;

use crate::syntax::ast::{Expr, Kind, Nearness, Pattern, Presence, Term, Value};
use crate::syntax::window::{Counted, Window};

/// How tightly a part binds; a part that binds looser than its surroundings needs brackets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Binding {
    Or,
    And,
    Pair,
    Not,
}

/// The canonical text of a tree.
pub fn print(expr: &Expr) -> String {
    let mut out = String::new();
    write_expr(&mut out, expr, Binding::Or);
    out
}

/// The canonical text in lines: one if it is no longer than `width` bytes, else one for each part of the topmost AND or
/// OR.
pub(crate) fn print_lines(expr: &Expr, width: usize) -> Vec<String> {
    let whole = print(expr);
    let (parts, operator, least) = match &expr.kind {
        Kind::Or(parts) => (parts, "OR ", Binding::And),
        Kind::And(parts) => (parts, "AND ", Binding::Pair),
        _ => return vec![whole],
    };
    if whole.len() <= width {
        return vec![whole];
    }
    let mut lines = Vec::with_capacity(parts.len());
    for part in parts {
        let mut line = if lines.is_empty() { String::new() } else { operator.to_owned() };
        write_expr(&mut line, part, least);
        lines.push(line);
    }
    lines
}

fn binding(expr: &Expr) -> Binding {
    match &expr.kind {
        Kind::Or(_) => Binding::Or,
        Kind::And(_) => Binding::And,
        Kind::Pair { .. } => Binding::Pair,
        _ => Binding::Not,
    }
}

fn write_expr(out: &mut String, expr: &Expr, least: Binding) {
    let bracketed = binding(expr) < least;
    if bracketed {
        out.push('(');
    }
    match &expr.kind {
        Kind::Or(parts) => write_joined(out, parts, " OR ", Binding::And),
        Kind::And(parts) => write_joined(out, parts, " AND ", Binding::Pair),
        Kind::Not(part) => {
            out.push_str("NOT ");
            write_expr(out, part, Binding::Not);
        }
        Kind::Pair { near, left, right } => {
            write_expr(out, left, Binding::Not);
            let _ = match near {
                Nearness::Near(n) => write!(out, " NEAR/{n} "),
                Nearness::Before(n) => write!(out, " BEFORE/{n} "),
                Nearness::Sent => write!(out, " SENT "),
            };
            write_expr(out, right, Binding::Not);
        }
        leaf => write_leaf(out, leaf),
    }
    if bracketed {
        out.push(')');
    }
}

fn write_joined(out: &mut String, parts: &[Expr], between: &str, least: Binding) {
    for (i, part) in parts.iter().enumerate() {
        if i > 0 {
            out.push_str(between);
        }
        write_expr(out, part, least);
    }
}

fn write_leaf(out: &mut String, leaf: &Kind) {
    let _ = match leaf {
        Kind::Term(term) => return write_term(out, term),
        Kind::Scope(key, Value::Text(text)) => {
            let plain = !text.is_empty()
                && !text
                    .starts_with(['$', '"', '/', '>', '<', '=', '?', ':', ',', ';', '|', '&', '!', '+', '-'])
                && !text.contains(|c: char| {
                    c.is_whitespace() || matches!(c, '(' | ')' | '"' | '„' | '“' | '”' | '«' | '»')
                });
            if plain {
                write!(out, "{}:{text}", key.as_str())
            } else {
                write!(out, "{}:{}", key.as_str(), quoted(text))
            }
        }
        Kind::Scope(key, Value::List(name)) => write!(out, "{}:${name}", key.as_str()),
        Kind::Hash { bank, at_most } => write!(out, "hash:${bank}<={at_most}"),
        Kind::Symbol { name, at_least } => write!(out, "symbol:{name}>={at_least}"),
        Kind::Label(head) => write!(out, "label:{head}"),
        Kind::Number { quantity, default, compare, value } => {
            out.push_str(&quantity.written());
            match default {
                Some(default) => write!(out, " ?? {default} {} {value}", compare.as_str()),
                None => write!(out, "{}{value}", compare.as_str()),
            }
        }
        Kind::Exists(presence) => match presence {
            Presence::Number(quantity) => write!(out, "exists({})", quantity.written()),
            Presence::Cluster => write!(out, "exists(cluster)"),
            Presence::Field(field) => write!(out, "exists({})", field.as_str()),
            Presence::Scope(key) => write!(out, "exists({})", key.as_str()),
        },
        _ => write!(out, "\"\""),
    };
}

fn write_term(out: &mut String, term: &Term) {
    if let Some(field) = term.field {
        let _ = write!(out, "{}:", field.as_str());
    }
    if term.raw {
        out.push_str("raw:");
    }
    let _ = match &term.pattern {
        Pattern::Word(text) => write!(out, "{text}"),
        Pattern::Phrase(text) => write!(out, "{}", quoted(text)),
        Pattern::Prefix(text) => write!(out, "{text}*"),
        Pattern::Suffix(text) => write!(out, "*{text}"),
        Pattern::Infix(text) => write!(out, "*{text}*"),
        Pattern::Fuzzy(text) => write!(out, "{text}~1"),
        Pattern::Regex(text) => write!(out, "/{}/", text.replace('/', "\\/")),
        Pattern::List(name) => write!(out, "${name}"),
    };
}

fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for c in text.chars() {
        if matches!(c, '"' | '\\') {
            out.push('\\');
        }
        out.push(c);
    }
    out.push('"');
    out
}

/// The canonical text of a window.
pub fn print_window(window: &Window) -> String {
    match window {
        Window::Count { counted, over_secs, by, compare, threshold } => {
            let counted = match counted {
                Counted::Posts => "posts".to_owned(),
                Counted::Distinct(what) => format!("distinct {}", what.as_str()),
            };
            let sign = compare.as_str();
            format!("count({counted}) over {} by {} {sign} {threshold}", duration(*over_secs), by.as_str())
        }
        Window::Burst { of, sigma, over_secs } => {
            format!("burst({}) > {sigma} sigma over {}", of.as_str(), duration(*over_secs))
        }
    }
}

fn duration(secs: i64) -> String {
    match secs {
        s if s % 86_400 == 0 => format!("{}d", s / 86_400),
        s if s % 3_600 == 0 => format!("{}h", s / 3_600),
        s if s % 60 == 0 => format!("{}m", s / 60),
        s => format!("{s}s"),
    }
}
