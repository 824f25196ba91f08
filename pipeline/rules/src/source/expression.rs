//! An expression inside a YAML file: findings become problems with a place in the file.

use crate::limits::MAX_FINDINGS;
use crate::problem::{Finding, Problem, Severity};
use crate::syntax::ast::Expr;
use crate::syntax::parse;
use crate::yaml::{File, Node};

/// A read expression and the scalar it was written in.
#[derive(Debug, Clone)]
pub(crate) struct Expression {
    pub(crate) text: String,
    pub(crate) expr: Expr,
    pub(crate) node: Node,
}

/// Reads an expression; `None` when it has errors.
pub(crate) fn read(
    file: &File<'_>,
    name: &str,
    node: &Node,
    problems: &mut Vec<Problem>,
) -> Option<Expression> {
    let text = node.text()?;
    let parsed = parse(text);
    let of = |severity| parsed.findings.iter().filter(move |finding| finding.severity == severity);
    let sound = of(Severity::Error).next().is_none();
    let told = of(Severity::Error).take(MAX_FINDINGS).chain(of(Severity::Warning).take(MAX_FINDINGS));
    problems.extend(told.map(|finding| place(file, name, node, finding)));
    sound.then(|| Expression { text: text.to_owned(), expr: parsed.expr, node: node.clone() })
}

/// A finding as a problem of `name`.
pub(crate) fn place(file: &File<'_>, name: &str, node: &Node, finding: &Finding) -> Problem {
    file.problem(
        Some(name),
        file.place(node, finding.at),
        finding.severity,
        (finding.english.message.as_str(), finding.english.hint.as_str()),
        (finding.german.message.as_str(), finding.german.hint.as_str()),
    )
}
