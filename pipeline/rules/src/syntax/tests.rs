use proptest::prelude::*;
use streife_domain::Head;

use super::ast::*;
use super::{parse, parse_window, print, print_window};

fn read(text: &str) -> Expr {
    let parsed = parse(text);
    assert!(
        parsed.findings.iter().all(|f| f.severity == crate::Severity::Warning),
        "{text}: {:?}",
        parsed.findings
    );
    parsed.expr
}

fn errors(text: &str) -> Vec<usize> {
    parse(text).findings.iter().filter(|f| f.severity == crate::Severity::Error).map(|f| f.at).collect()
}

#[test]
fn precedence_is_not_then_near_then_and_then_or() {
    for (text, canonical) in [
        ("a b OR c", "a AND b OR c"),
        ("a OR b c NEAR/3 d", "a OR b AND c NEAR/3 d"),
        ("NOT a b", "NOT a AND b"),
        ("(a OR b) c", "(a OR b) AND c"),
        ("NOT (a OR b)", "NOT (a OR b)"),
        ("NOT (a NEAR/2 b)", "NOT (a NEAR/2 b)"),
        ("(a OR b) BEFORE/3 \"c d\"", "(a OR b) BEFORE/3 \"c d\""),
        (
            "raw:$codes AND ($scene NEAR/8 raw:$codes OR symbol:any>=0.5)",
            "raw:$codes AND ($scene NEAR/8 raw:$codes OR symbol:any>=0.5)",
        ),
        ("tag:(a OR b)", "tag:a OR tag:b"),
        ("lang:(de OR en) source:@x", "(lang:de OR lang:en) AND source:@x"),
        ("„zwei Wörter“ *mitte* an* *aus fast~1", "\"zwei Wörter\" AND *mitte* AND an* AND *aus AND fast~1"),
        ("score.violence >= 0.8 label:group_hate", "score.violence>=0.8 AND label:group_hate"),
        ("score.violence ?? 0 >= 0.8", "score.violence ?? 0 >= 0.8"),
        ("a lang ?? de = DE", "a AND (lang:DE OR NOT exists(lang))"),
        ("a platform ?? x = telegram", "a AND platform:telegram"),
        ("hash:$bank<=31 exists(score.violence)", "hash:$bank<=31 AND exists(score.violence)"),
        ("domain:example.org url:/a\\/b/", "domain:example.org AND url:/a\\/b/"),
    ] {
        assert_eq!(print(&read(text)), canonical, "{text}");
    }
}

#[test]
fn several_errors_are_found_at_once_and_where_they_are() {
    assert_eq!(errors("a NEAR b AND (c OR *) AND foo:x"), vec![2, 19, 26]);
    assert_eq!(errors("(a OR b"), vec![0]);
    assert_eq!(errors("a) b"), vec![1]);
    assert_eq!(errors("NOT a NEAR/3 b"), vec![0]);
    assert_eq!(errors("a NEAR/3 b NEAR/3 c"), vec![11]);
    assert_eq!(errors(""), vec![0]);
    assert_eq!(errors("a || b"), vec![2]);
    assert_eq!(errors("score.anger>=0.5"), vec![0]);
}

#[test]
fn ten_thousand_brackets_are_one_error() {
    let text = format!("{}a{}", "(".repeat(10_000), ")".repeat(10_000));
    assert_eq!(errors(&text).len(), 1);
    let text = "NOT ".repeat(10_000) + "a";
    assert_eq!(errors(&text).len(), 1);
}

#[test]
fn small_letters_are_words_with_a_warning() {
    let parsed = parse("a und b or c");
    assert_eq!(parsed.findings.len(), 1);
    assert_eq!(parsed.findings[0].at, 8);
}

#[test]
fn windows_read_and_print() {
    for text in [
        "count(distinct author) over 1h by cluster >= 10",
        "count(posts) over 15m by tag > 5",
        "burst(tag) > 6 sigma over 15m",
    ] {
        let parsed = parse_window(text);
        assert_eq!(print_window(&parsed.window.expect(text)), text);
    }
    assert_eq!(parse_window("count(distinct author) over 1h by author >= 10").findings[0].at, 34);
    assert!(parse_window("count()").window.is_none());
}

fn leaf() -> impl Strategy<Value = Expr> {
    let word = "[a-zäöü0-9]{1,6}";
    let field = prop::option::of(prop::sample::select(Field::ALL.to_vec()));
    let pattern = prop_oneof![
        word.prop_map(Pattern::Word),
        "[a-z \"\\\\„/()é]{1,8}".prop_map(Pattern::Phrase),
        word.prop_map(Pattern::Prefix),
        word.prop_map(Pattern::Suffix),
        word.prop_map(Pattern::Infix),
        word.prop_map(Pattern::Fuzzy),
        "[a-z]{1,3}(/|\\\\d|\\[a/\\])".prop_map(Pattern::Regex),
        word.prop_map(Pattern::List),
    ];
    prop_oneof![
        8 => (field, any::<bool>(), pattern).prop_map(|(field, raw, pattern)| Kind::Term(Term { field, raw, pattern })),
        1 => (prop::sample::select(ScopeKey::ALL.to_vec()), "[a-z@ $/\"-]{1,5}").prop_map(|(key, text)| Kind::Scope(key, Value::Text(text))),
        1 => prop::sample::select(Head::ALL.to_vec()).prop_map(Kind::Label),
        1 => (0u16..=100).prop_map(|n| Kind::Number {
            quantity: Quantity::Score(Head::Violence), default: (n % 2 == 0).then_some(0.5), compare: Compare::AtLeast, value: f64::from(n) / 100.0 }),
    ]
    .prop_filter("words that are operators are no words", |kind| !matches!(kind, Kind::Term(Term { pattern: Pattern::Phrase(_), raw: true, field: Some(_) }) if false))
    .prop_map(|kind| Expr::new(kind, 0))
}

fn tree() -> impl Strategy<Value = Expr> {
    leaf().prop_recursive(4, 32, 4, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| Expr::new(Kind::Or(parts), 0)),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| Expr::new(Kind::And(parts), 0)),
            inner.clone().prop_map(|part| Expr::new(Kind::Not(Box::new(part)), 0)),
            (inner.clone(), inner, 0u16..9).prop_map(|(left, right, n)| Expr::new(
                Kind::Pair { near: Nearness::Near(n), left: Box::new(left), right: Box::new(right) },
                0
            )),
        ]
    })
}

proptest! {
    #[test]
    fn what_is_printed_reads_back_the_same(expr in tree()) {
        let once = print(&expr);
        let parsed = parse(&once);
        // Nested groups of one kind melt together, so the second printing is the fixed point.
        let twice = print(&parsed.expr);
        prop_assert_eq!(&print(&parse(&twice).expr), &twice);
        prop_assert_eq!(parse(&twice).expr, parsed.expr);
    }

    #[test]
    fn any_text_gives_a_tree(text in "\\PC{0,60}") {
        parse(&text);
        parse_window(&text);
    }

    #[test]
    fn any_pieces_of_the_language_give_a_tree(pieces in prop::collection::vec(prop::sample::select(vec![
        "a", "NOT", "AND", "OR", "NEAR/3", "BEFORE", "(", ")", "\"", "/", "$l", "raw:", "tag:", "lang:", ">=", "0.5", "score.violence", "??", "exists(", "*", "~1", "hash:", "symbol:", ","]), 0..25)) {
        parse(&pieces.join(" "));
        parse(&pieces.concat());
    }
}
