//! From files to a set: every rule is lowered and given a witness; what fails is named and left out.

use std::collections::HashSet;
use std::sync::{Arc, OnceLock};

use streife_text::FoldLevel;

use crate::compile::plan::{ListPlan, Step};
use crate::compile::{Index, IndexBuilder, Lowering, base_level, cover, guard};
use crate::date::Day;
use crate::problem::{Finding, Problem, Severity, Wording};
use crate::set::{Compiled, RulePlan, RuleSet, SourceFile, SuppressionPlan, version_of};
use crate::source::{self, Expression, RuleSource, Sources};
use crate::space::{meanings, space_of};
use crate::syntax::ast::{Expr, Kind, Pattern, Quantity, Value};
use crate::syntax::{print, print_window};
use crate::trial::ListTests;
use crate::yaml::File;
use crate::{ListInfo, Rule, State};

/// Compiles files; see [`RuleSet::compile`].
pub(crate) fn compile(files: &[SourceFile<'_>], today: &str) -> Compiled {
    let mut problems = Vec::new();
    let day = Day::parse(today).unwrap_or_else(|| {
        problems.push(Problem {
            rule: None,
            file: String::new(),
            line: 0,
            column: 0,
            message: format!("`{today}` is no day, so review dates are not checked"),
            hint: "give today as 2026-11-22".to_owned(),
            german: Wording {
                message: format!("`{today}` ist kein Tag, daher werden Prüftermine nicht geprüft"),
                hint: "geben Sie heute als 2026-11-22 an".to_owned(),
            },
            excerpt: String::new(),
            severity: Severity::Warning,
        });
        Day::UNKNOWN
    });
    let Sources { mut rules, lists, suppressions, problems: read_problems, mut spaces, .. } =
        source::read(files, day);
    problems.extend(read_problems);
    rules.sort_by(|a, b| a.rule.id.cmp(&b.rule.id));

    let mut lowering = Lowering::new(&lists);
    let mut set = RuleSet::default();
    let mut parts = Vec::new();
    let mut texts = HashSet::new();
    for source in rules {
        let Some(space) = spaces.number(space_of(source.file.path)) else { continue };
        if let Some((mut rule, plan)) = lower_rule(source, space, &mut lowering, &mut problems) {
            parts.push(fingerprint(&rule, &plan));
            share_texts(&mut rule, &mut texts);
            set.rules.push(rule);
            set.plans.push(plan);
        }
    }
    for suppression in suppressions {
        let name = space_of(suppression.file.path);
        let Some(space) = spaces.number(name) else { continue };
        let when = match &suppression.when {
            Some(expression) => {
                let (step, findings, _) = lowering.lower(name, &expression.expr, FoldLevel::Std);
                let sound = findings.is_empty();
                report(&suppression.file, &suppression.name, expression, &findings, &mut problems);
                if !sound {
                    continue;
                }
                Some(step)
            }
            None => None,
        };
        parts.push(format!(
            "suppress {}{:?} {:?}",
            if name.is_empty() { String::new() } else { format!("in {name} ") },
            suppression.rules,
            suppression.when.map(|when| print(&when.expr))
        ));
        let meant = |id: &String| meanings(name, id).find_map(|called| set.position(&called));
        let known = suppression.rules.iter().filter_map(meant).map(|at| at as u32).collect();
        set.suppressions.push(SuppressionPlan { rules: known, when, space });
    }
    for list in lists.values() {
        let terms: Vec<&str> = list.terms.iter().map(|term| term.written.as_str()).collect();
        set.list_infos.push(ListInfo {
            name: list.name.clone(),
            version: list.version,
            owner: list.owner.clone(),
            review_by: list.review_by.clone(),
            entries: list.terms.len() + list.hashes.len(),
        });
        set.list_tests.extend(ListTests::of(list, &mut lowering));
        parts.push(format!("list {} {} {terms:?} {:?}", list.name, list.version, list.hashes));
    }
    parts.extend(spaces.fingerprints());
    set.lists = lowering.lists;
    set.spaces = spaces;
    set.rules.shrink_to_fit();
    set.plans.shrink_to_fit();
    set.version = version_of(&parts);
    set.index = index(&set.rules, &set.plans, &set.lists);
    problems.sort_by(|a, b| (&a.file, a.line, a.column).cmp(&(&b.file, b.line, b.column)));
    Compiled { set, problems }
}

/// What many rules say alike (owner, legal basis, file ...) is held once: a quarter of a set's memory otherwise.
fn share_texts(rule: &mut Rule, texts: &mut HashSet<Arc<str>>) {
    let shared = [
        &mut rule.owner,
        &mut rule.legal_basis,
        &mut rule.occasion,
        &mut rule.protected_interest,
        &mut rule.review_by,
        &mut rule.retention,
        &mut rule.queue,
        &mut rule.file,
    ];
    for text in shared {
        match texts.get(text) {
            Some(known) => *text = Arc::clone(known),
            None => {
                texts.insert(Arc::clone(text));
            }
        }
    }
}

/// What of a rule shapes results.
fn fingerprint(rule: &Rule, plan: &RulePlan) -> String {
    let window = plan.window.as_deref().map(print_window).unwrap_or_default();
    format!(
        "rule {} {} {:?} {:?}\n{}\n{}\n{window}",
        rule.id, rule.version, rule.state, plan.base, rule.when, rule.unless
    )
}

fn lower_rule(
    source: RuleSource<'_>,
    space: u16,
    lowering: &mut Lowering<'_, '_>,
    problems: &mut Vec<Problem>,
) -> Option<(Rule, RulePlan)> {
    let RuleSource { mut rule, file, fold, when, unless, window } = source;
    let space_name = space_of(file.path);
    let (when_step, when_findings, mut lists_used) = lowering.lower(space_name, &when.expr, fold);
    let mut sound = when_findings.is_empty();
    report(&file, &rule.id, &when, &when_findings, problems);
    let mut unless_step = None;
    if let Some(expression) = &unless {
        let (step, findings, used) = lowering.lower(space_name, &expression.expr, fold);
        sound &= findings.is_empty();
        report(&file, &rule.id, expression, &findings, problems);
        lists_used.extend(used);
        unless_step = Some(Box::new(step));
    }
    for expression in std::iter::once(&when).chain(&unless) {
        warn_missing_values(&file, &rule.id, expression, problems);
    }
    if !sound {
        return None;
    }
    match cover(&when_step, &lowering.lists) {
        Some((cost, leaves)) => {
            rule.cost = cost;
            rule.witness = written_witness(&when_step, &when.expr, &leaves);
        }
        None => {
            report(&file, &rule.id, &when, &[no_witness(&when.expr, &when_step, &lowering.lists)], problems);
            return None;
        }
    }
    lists_used.sort();
    lists_used.dedup();
    rule.lists = lists_used;
    let base = base_level(fold);
    let window = window.map(Box::new);
    let (when, unless, trees) = (when_step, unless_step, OnceLock::new());
    Some((rule, RulePlan { when, unless, window, base, space, trees }))
}

fn report(
    file: &File<'_>,
    name: &str,
    expression: &Expression,
    findings: &[Finding],
    problems: &mut Vec<Problem>,
) {
    problems.extend(findings.iter().map(|finding| source::place(file, name, &expression.node, finding)));
}

/// The leaves of the witness as written.
fn written_witness(step: &Step, expr: &Expr, leaves: &[&Step]) -> Vec<String> {
    let mut written = Vec::new();
    each_leaf(step, expr, &mut |leaf, expr| {
        if leaves.iter().any(|chosen| std::ptr::eq(*chosen, leaf)) {
            written.push(print(expr));
        }
    });
    written
}

fn each_leaf<'e>(step: &Step, expr: &'e Expr, visit: &mut impl FnMut(&Step, &'e Expr)) {
    match (step, &expr.kind) {
        (Step::Or(steps), Kind::Or(exprs)) | (Step::And(steps), Kind::And(exprs)) => {
            for (step, expr) in steps.iter().zip(exprs) {
                each_leaf(step, expr, visit);
            }
        }
        (Step::Not(step), Kind::Not(expr)) => each_leaf(step, expr, visit),
        (Step::Pair { left, right, .. }, Kind::Pair { left: left_expr, right: right_expr, .. }) => {
            each_leaf(left, left_expr, visit);
            each_leaf(right, right_expr, visit);
        }
        _ => visit(step, expr),
    }
}

/// The refusal of a rule that would have to be tried on every post: names the part that stands in the way.
fn no_witness(expr: &Expr, step: &Step, lists: &[ListPlan]) -> Finding {
    let (mut culprit, mut inner_step) = (expr, step);
    // In an OR the part without a witness is to blame; in an AND all are, so the whole is named.
    while let (Step::Or(steps), Kind::Or(exprs)) = (inner_step, &culprit.kind) {
        let Some((step, expr)) = steps.iter().zip(exprs).find(|(step, _)| cover(step, lists).is_none())
        else {
            break;
        };
        (culprit, inner_step) = (expr, step);
    }
    let part = print(culprit);
    let (english, german) = match &culprit.kind {
        Kind::Not(_) => ("it only says what must be absent", "er sagt nur, was fehlen muss"),
        Kind::Term(term) => match &term.pattern {
            Pattern::Regex(_) => (
                "a regular expression cannot be looked up",
                "ein regulärer Ausdruck lässt sich nicht nachschlagen",
            ),
            Pattern::List(_) => (
                "the list is empty or has wildcards with fewer than three letters",
                "die Liste ist leer oder hat Platzhalter mit weniger als drei Buchstaben",
            ),
            _ => (
                "a wildcard or ~1 needs at least three letters",
                "ein Platzhalter oder ~1 braucht mindestens drei Buchstaben",
            ),
        },
        Kind::And(_) => ("none of its parts can be looked up", "keiner seiner Teile lässt sich nachschlagen"),
        _ => ("too many posts have this", "das haben zu viele Beiträge"),
    };
    Finding::error(
        culprit.at,
        (
            format!("without a witness this would be tried on every post: `{part}`: {english}"),
            "join it by AND with a word, a phrase, a list, a wildcard of three letters or more, a domain, a source or a bank",
        ),
        (
            format!("ohne Anker würde das an jedem Beitrag probiert: `{part}`: {german}"),
            "verbinden Sie es durch AND mit einem Wort, einer Wortfolge, einer Liste, einem Platzhalter ab drei Buchstaben, einer Domain, einer Quelle oder einer Bank",
        ),
    )
}

/// Scores are missing for some languages: a rule that rests on one should say what holds then.
fn warn_missing_values(file: &File<'_>, name: &str, expression: &Expression, problems: &mut Vec<Problem>) {
    let mut guarded = Vec::new();
    expression.expr.walk(&mut |part| {
        if let Kind::Exists(crate::syntax::ast::Presence::Number(quantity)) = part.kind {
            guarded.push(quantity);
        }
    });
    expression.expr.walk(&mut |part| {
        if let Kind::Number { quantity: quantity @ Quantity::Score(_), default: None, .. } = part.kind
            && !guarded.contains(&quantity)
        {
            let text = quantity.written();
            let finding = Finding::error(
                part.at,
                (format!("`{text}` is missing for some languages and without models; the comparison is false then"), format!("write {text} ?? 0 or add exists({text})")),
                (format!("`{text}` fehlt für manche Sprachen und ohne Modelle; der Vergleich ist dann falsch"), format!("schreiben Sie {text} ?? 0 oder ergänzen Sie exists({text})")),
            );
            report(file, name, expression, &[finding.as_warning()], problems);
        }
        if let Kind::Scope(_, Value::Text(text)) = &part.kind
            && text.trim().is_empty()
        {
            let finding = Finding::error(part.at, ("an empty value matches nothing", "write a value"), ("ein leerer Wert trifft nichts", "schreiben Sie einen Wert"));
            report(file, name, expression, &[finding.as_warning()], problems);
        }
    });
}

fn index(rules: &[Rule], plans: &[RulePlan], lists: &[ListPlan]) -> Index {
    let mut builder = IndexBuilder::default();
    for (at, (rule, plan)) in rules.iter().zip(plans).enumerate() {
        if matches!(rule.state, State::Live | State::Shadow) {
            add_witness(&mut builder, at, plan, lists);
        }
    }
    builder.build()
}

fn add_witness(builder: &mut IndexBuilder, at: usize, plan: &RulePlan, lists: &[ListPlan]) {
    for leaf in cover(&plan.when, lists).map_or(Vec::new(), |(_, leaves)| leaves) {
        builder.add(leaf, at as u32, guard(&plan.when, leaf), lists);
    }
}

/// A set of bare expressions without envelopes, all of them on; one that has no witness never matches.
pub(crate) fn engine_of(whens: Vec<Step>) -> RuleSet {
    let plan = |when| RulePlan {
        when,
        unless: None,
        window: None,
        base: base_level(FoldLevel::None),
        space: 0,
        trees: OnceLock::new(),
    };
    let plans: Vec<RulePlan> = whens.into_iter().map(plan).collect();
    let mut builder = IndexBuilder::default();
    for (at, plan) in plans.iter().enumerate() {
        add_witness(&mut builder, at, plan, &[]);
    }
    RuleSet { index: builder.build(), plans, ..RuleSet::empty() }
}
