//! Generated rules and posts: the engine agrees with a naive reading of the language's definition. The oracle
//! shares the tree and the text functions with the engine, and no matching code: words are plain strings in
//! vectors, every rule is tried on every post, distances are counted one pair at a time.

#![expect(clippy::panic, reason = "a panic is how a test fails")]

use proptest::prelude::*;
use streife_rules::syntax::ast::{Expr, Field, Kind, Nearness, Pattern, Term};
use streife_rules::syntax::{parse, print};
use streife_rules::{PostView, RuleSet, Scratch, SourceFile};
use streife_text::{FoldLevel, fold, sentences, words};

/// A text of a post: original, words at one level, and where each stands in the original.
struct Cut {
    words: Vec<String>,
    places: Vec<(usize, usize)>,
}

fn cut(text: &str, level: FoldLevel) -> Cut {
    let folded = fold(text, level);
    let mut found = Vec::new();
    words(&folded.text, &mut found);
    Cut {
        words: found.iter().map(|w| folded.text[w.start as usize..w.end as usize].to_owned()).collect(),
        places: found
            .iter()
            .map(|w| {
                let span = folded.original_span(w.start as usize, w.end as usize);
                (span.0 as usize, span.1 as usize)
            })
            .collect(),
    }
}

/// A match: which text, word positions at the rule's level, place in the original.
type Found = (usize, usize, usize, (usize, usize));

fn fields(post: &PostView<'_>) -> Vec<(Field, String)> {
    let mut all = vec![
        (Field::Text, post.text.to_owned()),
        (Field::Ocr, post.ocr.to_owned()),
        (Field::Asr, post.asr.to_owned()),
        (Field::Quote, post.quote.to_owned()),
    ];
    all.extend(post.tags.iter().map(|tag| (Field::Tag, tag.clone())));
    all
}

fn edits(a: &[char], b: &[char]) -> usize {
    // Optimal string alignment, the whole table.
    let mut d = vec![vec![0; b.len() + 1]; a.len() + 1];
    for i in 0..=a.len() {
        for j in 0..=b.len() {
            d[i][j] = if i == 0 || j == 0 {
                i + j
            } else {
                let mut best = (d[i - 1][j] + 1)
                    .min(d[i][j - 1] + 1)
                    .min(d[i - 1][j - 1] + usize::from(a[i - 1] != b[j - 1]));
                if i > 1 && j > 1 && a[i - 1] == b[j - 2] && a[i - 2] == b[j - 1] {
                    best = best.min(d[i - 2][j - 2] + 1);
                }
                best
            };
        }
    }
    d[a.len()][b.len()]
}

fn word_matches(pattern: &Pattern, literal: &str, word: &str) -> bool {
    match pattern {
        Pattern::Prefix(_) => word.starts_with(literal),
        Pattern::Suffix(_) => word.ends_with(literal),
        Pattern::Infix(_) => word.contains(literal),
        _ => edits(&literal.chars().collect::<Vec<_>>(), &word.chars().collect::<Vec<_>>()) <= 1,
    }
}

fn find(term: &Term, base: FoldLevel, post: &PostView<'_>) -> Vec<Found> {
    let level = if term.raw { FoldLevel::None } else { base };
    let mut all = Vec::new();
    for (unit, (field, original)) in fields(post).into_iter().enumerate() {
        let wanted = match term.field {
            None => matches!(field, Field::Text | Field::Ocr | Field::Asr),
            Some(wanted) => wanted == field,
        };
        if !wanted {
            continue;
        }
        let text = cut(&original, level);
        let at_base = cut(&original, base);
        let mut add = |start: usize, end: usize| {
            let place = (text.places[start].0, text.places[end - 1].1);
            let touched: Vec<usize> = (0..at_base.places.len())
                .filter(|i| at_base.places[*i].1 > place.0 && at_base.places[*i].0 < place.1)
                .collect();
            let (first, last) =
                if level == base { (start, end) } else { (touched[0], touched[touched.len() - 1] + 1) };
            all.push((unit, first, last, place));
        };
        let (Pattern::Word(literal)
        | Pattern::Phrase(literal)
        | Pattern::Prefix(literal)
        | Pattern::Suffix(literal)
        | Pattern::Infix(literal)
        | Pattern::Fuzzy(literal)
        | Pattern::Regex(literal)
        | Pattern::List(literal)) = &term.pattern;
        let wanted = cut(literal, level).words;
        match &term.pattern {
            Pattern::Word(_) | Pattern::Phrase(_) => {
                for start in 0..text.words.len() {
                    if text.words[start..].starts_with(&wanted) {
                        add(start, start + wanted.len());
                    }
                }
            }
            pattern => {
                for start in 0..text.words.len() {
                    if word_matches(pattern, &wanted[0], &text.words[start]) {
                        add(start, start + 1);
                    }
                }
            }
        }
    }
    all
}

fn operands(expr: &Expr, base: FoldLevel, post: &PostView<'_>) -> Vec<Found> {
    match &expr.kind {
        Kind::Term(term) => find(term, base, post),
        Kind::Or(parts) => parts.iter().flat_map(|part| operands(part, base, post)).collect(),
        other => panic!("no operand: {other:?}"),
    }
}

fn distance(a: &Found, b: &Found) -> usize {
    let (first, second) = if a.1 <= b.1 { (a, b) } else { (b, a) };
    if second.1 < first.2 { 0 } else { second.1 - first.2 + 1 }
}

fn near(near: Nearness, a: &Found, b: &Found, post: &PostView<'_>) -> bool {
    if a.0 != b.0 {
        return false;
    }
    match near {
        Nearness::Near(n) => distance(a, b) <= usize::from(n),
        Nearness::Before(n) => b.1 >= a.2 && distance(a, b) <= usize::from(n),
        Nearness::Sent => sentences(&fields(post)[a.0].1).iter().any(|(start, end)| {
            [a.3, b.3].iter().all(|place| place.0 >= *start as usize && place.1 <= *end as usize)
        }),
    }
}

/// Does it hold, and which places in the text made it so?
fn holds(expr: &Expr, base: FoldLevel, post: &PostView<'_>) -> (bool, Vec<(usize, usize)>) {
    let text_only = |found: Vec<Found>| {
        let mut places: Vec<_> = found.iter().filter(|f| f.0 == 0).map(|f| f.3).collect();
        places.sort_unstable();
        places.dedup();
        places
    };
    match &expr.kind {
        Kind::Or(parts) => {
            let all: Vec<_> =
                parts.iter().map(|part| holds(part, base, post)).filter(|(held, _)| *held).collect();
            (!all.is_empty(), all.into_iter().flat_map(|(_, places)| places).collect())
        }
        Kind::And(parts) => {
            let all: Vec<_> = parts.iter().map(|part| holds(part, base, post)).collect();
            (all.iter().all(|(held, _)| *held), all.into_iter().flat_map(|(_, places)| places).collect())
        }
        Kind::Not(part) => match &part.kind {
            Kind::Not(inner) => holds(inner, base, post),
            _ => (!holds(part, base, post).0, Vec::new()),
        },
        Kind::Pair { near: how, left, right } => {
            let (lefts, rights) = (operands(left, base, post), operands(right, base, post));
            let mut used = Vec::new();
            for a in &lefts {
                for b in rights.iter().filter(|b| near(*how, a, b, post)) {
                    used.extend([*a, *b]);
                }
            }
            (!used.is_empty(), text_only(used))
        }
        Kind::Term(term) => {
            let found = find(term, base, post);
            (!found.is_empty(), text_only(found))
        }
        other => panic!("not generated: {other:?}"),
    }
}

fn vocabulary() -> impl Strategy<Value = String> {
    prop::sample::select(vec![
        "hass",
        "Hass",
        "h4ss",
        "hasss",
        "has",
        "hsas",
        "hassen",
        "volkshass",
        "müll",
        "muell",
        "MÜLL",
        "und",
        "der",
        "88",
        "a",
        "b",
        "gut",
        "gutes",
        "🔥",
        "naхzi",
        "straße",
        "strasse",
        "ali",
        "alie",
        "lia",
    ])
    .prop_map(str::to_owned)
}

fn text() -> impl Strategy<Value = String> {
    let separator = prop::sample::select(vec![" ", " ", " ", ". ", ", ", "! ", "-", "\n", "_", " \u{200b}"]);
    prop::collection::vec((vocabulary(), separator), 0..14).prop_map(|pieces| {
        pieces.into_iter().flat_map(|(word, separator)| [word, separator.to_owned()]).collect()
    })
}

fn term() -> impl Strategy<Value = Expr> {
    let alphabetic = || vocabulary().prop_filter("one word", |word| word != "🔥");
    let pattern = prop_oneof![
        4 => vocabulary().prop_map(Pattern::Word),
        2 => (vocabulary(), vocabulary()).prop_map(|(a, b)| Pattern::Phrase(format!("{a} {b}"))),
        1 => alphabetic().prop_map(Pattern::Prefix),
        1 => alphabetic().prop_map(Pattern::Suffix),
        1 => alphabetic().prop_map(Pattern::Infix),
        1 => alphabetic().prop_map(Pattern::Fuzzy),
    ];
    let field = prop::option::weighted(
        0.2,
        prop::sample::select(vec![Field::Text, Field::Ocr, Field::Tag, Field::Quote]),
    );
    (pattern, field, prop::bool::weighted(0.2))
        .prop_map(|(pattern, field, raw)| Expr::new(Kind::Term(Term { field, raw, pattern }), 0))
}

fn operand() -> impl Strategy<Value = Expr> {
    prop_oneof![3 => term(), 1 => prop::collection::vec(term(), 2..4).prop_map(|parts| Expr::new(Kind::Or(parts), 0))]
}

fn rule() -> impl Strategy<Value = Expr> {
    let nearness = prop_oneof![
        (0u16..5).prop_map(Nearness::Near),
        (0u16..5).prop_map(Nearness::Before),
        Just(Nearness::Sent)
    ];
    let pair = (operand(), nearness, operand()).prop_map(|(left, near, right)| {
        Expr::new(Kind::Pair { near, left: Box::new(left), right: Box::new(right) }, 0)
    });
    prop_oneof![2 => term(), 2 => pair].prop_recursive(3, 12, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| Expr::new(Kind::Or(parts), 0)),
            prop::collection::vec(inner.clone(), 2..4).prop_map(|parts| Expr::new(Kind::And(parts), 0)),
            inner.prop_map(|part| Expr::new(Kind::Not(Box::new(part)), 0)),
        ]
    })
}

fn compile(rules: &[Expr], fold: &str) -> RuleSet {
    let mut text = String::new();
    for (i, rule) in rules.iter().enumerate() {
        let when = print(rule).replace('\'', "''");
        text += &format!(
            "---\nid: r{i:03}\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\nfold: {fold}\nwhen: '{when}'\ntests: [{{text: x, expect: hit}}]\n"
        );
    }
    RuleSet::compile(&[SourceFile { path: "generated", text: &text }], "2026-11-22").set
}

fn check(rules: &[Expr], posts: &[(String, String, Vec<String>, String)], fold: &str) {
    let base = match fold {
        "stem" => FoldLevel::Stem,
        "std" => FoldLevel::Std,
        _ => FoldLevel::Case,
    };
    let set = compile(rules, fold);
    let mut scratch = Scratch::default();
    for (text, ocr, tags, quote) in posts {
        let post = PostView { text, ocr, tags, quote, ..PostView::default() };
        let evaluation = set.evaluate(&post, &mut scratch);
        for (position, rule) in set.rules().iter().enumerate() {
            let (held, mut places) = holds(&parse(&rule.when).expr, base, &post);
            let hit = evaluation.hits.iter().find(|hit| hit.rule == rule.id);
            assert_eq!(hit.is_some(), held, "{} on {post:?}", rule.when);
            assert_eq!(
                set.matches(position, &post, &mut scratch),
                held,
                "history: {} on {post:?}",
                rule.when
            );
            if let Some(hit) = hit {
                places.sort_unstable();
                places.dedup();
                let spans: Vec<_> = hit.spans.iter().map(|s| (s.0 as usize, s.1 as usize)).collect();
                assert_eq!(spans, places, "spans of {} on {post:?}", rule.when);
                assert!(hit.because[0].holds);
            }
        }
    }
}

fn post() -> impl Strategy<Value = (String, String, Vec<String>, String)> {
    let rarely = || prop_oneof![3 => Just(String::new()), 1 => text()];
    (text(), rarely(), prop::collection::vec(vocabulary(), 0..2), rarely())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, ..ProptestConfig::default() })]
    #[test]
    fn engine_and_oracle_agree(
        rules in prop::collection::vec(rule(), 1..20),
        posts in prop::collection::vec(post(), 1..8),
        fold in prop::sample::select(vec!["none", "case", "std", "stem"]),
    ) {
        check(&rules, &posts, fold);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100_000, ..ProptestConfig::default() })]
    #[test]
    #[ignore = "long: run with cargo test -p streife-rules --release --test oracle -- --ignored"]
    fn engine_and_oracle_agree_for_long(
        rules in prop::collection::vec(rule(), 1..20),
        posts in prop::collection::vec(post(), 1..8),
        fold in prop::sample::select(vec!["none", "case", "std", "stem"]),
    ) {
        check(&rules, &posts, fold);
    }
}
