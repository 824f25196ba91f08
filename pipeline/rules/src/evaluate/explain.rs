//! Why a rule matched: the tree of its parts, and the places in the text.

use streife_domain::{Reason, Span};
use streife_text::FoldLevel;

use super::{Match, Run};
use crate::compile::plan::Step;
use crate::limits::MAX_SPANS;
use crate::syntax::ast::{Expr, Field, Kind};
use crate::syntax::print;

/// The explanation of `step`, which came from `expr`. Where `counts`, the places of what holds are added to
/// `spans`: under NOT, and in parts that do not hold, they did not make the rule true.
pub(crate) fn explain(
    run: &mut Run<'_, '_>,
    step: &Step,
    expr: &Expr,
    base: FoldLevel,
    counts: bool,
    spans: &mut Vec<Span>,
) -> Reason {
    let holds = run.holds(step, base).now;
    let counts_here = counts && holds;
    let mut reason = Reason { part: print(expr), holds, spans: Vec::new(), parts: Vec::new() };
    match (step, &expr.kind) {
        (Step::Or(steps), Kind::Or(exprs)) | (Step::And(steps), Kind::And(exprs)) => {
            for (step, expr) in steps.iter().zip(exprs) {
                reason.parts.push(explain(run, step, expr, base, counts_here, spans));
            }
        }
        (Step::Not(step), Kind::Not(expr)) => {
            // Two NOTs meet: what lies beneath made it true after all.
            let inner = match (&**step, &expr.kind) {
                (Step::Not(step), Kind::Not(expr)) => explain(run, step, expr, base, counts_here, spans),
                _ => explain(run, step, expr, base, false, spans),
            };
            reason.parts.push(inner);
        }
        (Step::Pair { near, left, right }, Kind::Pair { left: left_expr, right: right_expr, .. }) => {
            let mut matches = Vec::new();
            run.pair(*near, left, right, base, Some(&mut matches));
            reason.spans = in_text(run, &matches);
            for (step, expr) in [(left, left_expr), (right, right_expr)] {
                reason.parts.push(explain(run, step, expr, base, false, spans));
            }
        }
        (Step::Find(find), _) => {
            let mut matches = Vec::new();
            run.find(find, base, Some(&mut matches));
            reason.spans = in_text(run, &matches);
        }
        _ => {}
    }
    if counts_here {
        spans.extend(&reason.spans);
    }
    reason
}

/// The places in the post's own text, sorted, without doubles.
fn in_text(run: &Run<'_, '_>, matches: &[Match]) -> Vec<Span> {
    let is_text =
        |m: &&Match| run.sources.get(m.unit as usize).is_some_and(|source| source.field == Field::Text);
    let mut spans: Vec<Span> = matches.iter().filter(is_text).map(|m| m.span).collect();
    spans.sort_unstable();
    spans.dedup();
    spans.truncate(MAX_SPANS);
    spans
}
