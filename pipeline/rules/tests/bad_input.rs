//! Each kind of bad input gets a clear answer, names its place, and harms nothing: a sound rule beside it works.

use std::time::Instant;

use streife_rules::{Compiled, PostView, RuleSet, Scratch, SourceFile, Tongue};

const SOUND: &str = "id: sound\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\nwhen: hund\ntests: [{text: hund, expect: hit}]\n";

fn head(without: &str) -> String {
    let fields = [
        "id: bad",
        "purpose: prosecution",
        "legal_basis: order",
        "review_by: 2027-01-31",
        "tests: [{text: x, expect: hit}]",
    ];
    fields
        .iter()
        .filter(|field| !field.starts_with(without) || without.is_empty())
        .map(|field| format!("{field}\n"))
        .collect()
}

/// Compiles `bad` beside a sound rule, checks that the sound one works, and gives all errors back as one text.
fn refused(bad: &str) -> (Compiled, String) {
    let files = [SourceFile { path: "sound.yaml", text: SOUND }, SourceFile { path: "bad.yaml", text: bad }];
    let compiled = RuleSet::compile(&files, "2026-11-22");
    let post = PostView { text: "ein Hund", ..PostView::default() };
    let hits = compiled.set.evaluate(&post, &mut Scratch::default()).hits;
    assert!(hits.iter().any(|hit| hit.rule == "sound"), "{:?}", compiled.problems);
    let errors: Vec<_> = compiled.problems.iter().filter(|problem| problem.is_error()).collect();
    for error in &errors {
        assert_eq!(error.file, "bad.yaml");
        assert!(
            error.line > 0 && error.column > 0 && !error.hint.is_empty() && !error.german.message.is_empty()
        );
    }
    let text = errors.iter().map(|error| error.render(Tongue::English)).collect::<String>();
    assert!(text.len() < 200_000);
    (compiled, text)
}

fn assert_refused(bad: &str, says: &str) {
    let (compiled, text) = refused(bad);
    assert!(compiled.set.position("bad").is_none());
    assert!(text.contains(says), "{says}: {text}");
}

#[test]
fn a_rule_without_a_witness() {
    for when in ["NOT hund", "/h.*d/", "ab*", "lang:de", "score.violence>=0.5", "hund OR kind:reply"] {
        assert_refused(&format!("{}when: '{when}'\n", head("")), "without a witness");
    }
}

#[test]
fn a_rule_without_legal_basis_purpose_review_or_tests() {
    for field in ["legal_basis", "purpose", "review_by", "tests"] {
        assert_refused(&format!("{}when: hund\n", head(field)), field);
    }
}

#[test]
fn a_catastrophic_regular_expression() {
    for re in ["((a{1,50}){1,50}){1,50}", "(?:a?){900}{900}", "a**", "(?=a)", "(a)\\1", "x*", "("] {
        assert_refused(&format!("{}when: |\n  hund AND /{re}/\n", head("")), "bad.yaml:7:");
    }
    // Linear here, exponential elsewhere: allowed, and a hostile text costs little.
    let (compiled, errors) = refused(&format!("{}when: 'hund AND /(a+)+$/'\n", head("")));
    assert_eq!(errors, "");
    let text = format!("hund {}!", "a".repeat(100_000));
    let started = Instant::now();
    compiled.set.evaluate(&PostView { text: &text, ..PostView::default() }, &mut Scratch::default());
    assert!(started.elapsed().as_secs() < 5);
}

#[test]
fn a_list_with_a_million_lines() {
    let lines: String = (0..1_000_000).map(|i| format!("  - w{i}\n")).collect();
    let list = format!("list: big\nowner: a\nreview_by: 2027-01-31\nterms:\n{lines}");
    assert_refused(&format!("{list}---\n{}when: $big\n", head("")), "at most 250000");
}

#[test]
fn a_list_with_doubles_one_letter_and_nothing_to_look_for() {
    let list = "list: odd\nowner: a\nreview_by: 2027-01-31\nterms: [hund, hund, x, '***', katze]\n";
    let (compiled, errors) = refused(&format!("{list}---\n{}when: $odd\n", head("")));
    assert_eq!(errors, "");
    let warnings: Vec<&str> = compiled.problems.iter().map(|problem| problem.message.as_str()).collect();
    for says in ["more than once", "single letter", "`***`"] {
        assert!(warnings.iter().any(|warning| warning.contains(says)), "{says}: {warnings:?}");
    }
    assert_eq!(compiled.set.lists()[0].entries, 3);
}

#[test]
fn ten_thousand_nested_brackets() {
    let (open, close) = ("(".repeat(10_000), ")".repeat(10_000));
    for when in
        [format!("{open}hund{close}"), open.clone(), close.clone(), format!("hund {}", "NOT ".repeat(10_000))]
    {
        let started = Instant::now();
        let (compiled, text) = refused(&format!("{}when: |\n  {when}\n", head("")));
        assert!(compiled.set.position("bad").is_none() && text.lines().count() < 100, "{text}");
        assert!(started.elapsed().as_secs() < 5);
    }
    assert_refused(&format!("{}when: hund\nnote: {}\n", head(""), "[".repeat(10_000)), "recursion limit");
}

#[test]
fn unknown_fields() {
    assert_refused(&format!("{}when: txet:hund\n", head("")), "text:");
    assert_refused(&format!("{}when: hund\nwehn: x\n", head("")), "did you mean `when`");
    assert_refused("rule: x\n", "neither a rule");
}

#[test]
fn one_broken_rule_among_many_is_named_and_the_others_are_live() {
    let rule = |id: usize, when: &str| {
        format!(
            "---\nid: r{id:03}\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\nwhen: '{when}'\ntests: [{{text: x, expect: hit}}]\n"
        )
    };
    let file: String = (0..200).map(|id| rule(id, if id == 77 { "(hund" } else { "hund" })).collect();
    let (compiled, text) = refused(&file);
    assert_eq!(compiled.set.rules().len(), 200);
    assert!(text.contains("r077") && !text.contains("r078"), "{text}");
}

#[test]
fn bytes_that_are_no_rules() {
    for bad in [
        "\0",
        "%",
        "\u{feff}\u{feff}x",
        "a: b: c",
        "- - -",
        "!!binary x",
        "&a [*a]",
        "---\n---\n---\n",
        "id: [bad]",
        "id: {}\nwhen: []\n",
    ] {
        refused(bad);
    }
}
