//! Small hand-made examples of what rules mean and what is said about wrong ones.

use streife_domain::{Head, Heads, Span};
use streife_rules::{ClusterView, Compiled, PostView, RuleSet, Scratch, Severity, SourceFile, Tongue};

const TODAY: &str = "2026-11-22";

fn rule(body: &str) -> String {
    format!(
        "id: r\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\ntests: [{{text: x, expect: hit}}]\n{body}\n"
    )
}

fn compile(text: &str) -> Compiled {
    RuleSet::compile(&[SourceFile { path: "r.yaml", text }], TODAY)
}

fn set(body: &str) -> RuleSet {
    let compiled = compile(&rule(body));
    let errors: Vec<_> = compiled.problems.iter().filter(|p| p.is_error()).collect();
    assert!(errors.is_empty(), "{body}: {errors:?}");
    compiled.set
}

fn post(text: &str) -> PostView<'_> {
    PostView { text, ..PostView::default() }
}

fn hits(set: &RuleSet, post: &PostView<'_>) -> bool {
    let mut scratch = Scratch::default();
    let found = !set.evaluate(post, &mut scratch).hits.is_empty();
    assert_eq!(found, set.matches(0, post, &mut scratch), "index and evaluator agree");
    found
}

#[test]
fn terms_match_what_the_language_says() {
    for (when, text, expected) in [
        ("hund", "Der HUND bellt", true),
        ("hund", "Hundehütte", false),
        ("hund", "h u n d", true),
        ("raw:Hund", "HUND", false),
        ("raw:Hund", "Ein Hund", true),
        ("\"zwei hunde\"", "Zwei, Hunde!", true),
        ("\"zwei hunde\"", "Hunde zwei", false),
        ("hund*", "Hundehütte", true),
        ("*hütte", "Hundehuette", true),
        ("*ehütt*", "Hundehütten", true),
        ("hunde~1", "hudne", true),
        ("hunde~1", "hnude", true),
        ("hunde~1", "hund", true),
        ("hunde~1", "hundert", false),
        ("hund /b[aeiou]ll/", "Der Hund BELLT", true),
        ("hund NEAR/2 katze", "hund und katze", true),
        ("hund NEAR/1 katze", "hund und katze", false),
        ("katze BEFORE/2 hund", "hund und katze", false),
        ("hund BEFORE/2 katze", "hund und katze", true),
        ("hund SENT katze", "Der Hund. Die Katze.", false),
        ("hund SENT katze", "Der Hund und die Katze.", true),
        ("hund AND NOT katze", "Hund und Maus", true),
        ("hund AND NOT katze", "Hund und Katze", false),
        ("(hund OR katze) maus", "Katze, Maus", true),
        ("emoji:🔥 OR hund", "ok🔥", true),
        ("🔥", "ok🔥", true),
    ] {
        let body = format!("when: |\n  {when}");
        assert_eq!(hits(&set(&body), &post(text)), expected, "{when} on {text}");
    }
}

#[test]
fn fields_scopes_numbers_and_missing_values() {
    let tags = ["Streife".to_owned()];
    let urls = ["https://sub.example.org/a/b?x".to_owned()];
    let mentions = ["@Amt".to_owned()];
    let scores: Heads<f32> = [(Head::Violence, 0.9)].into_iter().collect();
    let full = PostView {
        text: "hund",
        ocr: "katze",
        tags: &tags,
        urls: &urls,
        mentions: &mentions,
        quote: "maus",
        language: "de",
        platform: "telegram",
        source: "@kanal",
        kind: "reply",
        reply_to: "77",
        scores: Some(&scores),
        labels: &[Head::Violence],
        cluster: Some(ClusterView { size: 30, accounts: 6, platforms: 2 }),
        ..PostView::default()
    };
    for (when, expected) in [
        ("katze", true),
        ("text:katze", false),
        ("maus", false),
        ("quote:maus", true),
        ("tag:streife", true),
        ("domain:example.org", true),
        ("domain:ample.org", false),
        ("url:\"a b\"", true),
        ("mention:amt", true),
        ("hund lang:de platform:Telegram kind:reply", true),
        ("hund lang:en", false),
        ("source:kanal", true),
        ("reply_to:77", true),
        ("hund score.violence>=0.8", true),
        ("hund score.antisemitism>=0.8", false),
        ("hund score.antisemitism ?? 1 >= 0.8", true),
        ("hund AND NOT exists(score.antisemitism)", true),
        ("hund label:violence", true),
        ("cluster.size>=20 AND cluster.accounts>=5", true),
        ("hund exists(ocr) exists(cluster)", true),
        ("hund NEAR/3 katze", false),
    ] {
        let body = format!("when: '{when}'");
        assert_eq!(hits(&set(&body), &full), expected, "{when}");
    }
}

#[test]
fn an_unknown_score_leaves_the_outcome_open() {
    let set = set("when: hund score.violence>=0.8");
    let mut scratch = Scratch::default();
    let open = set.evaluate(&post("hund"), &mut scratch);
    assert!(open.pending && open.hits.is_empty());
    let scores = Heads::default();
    let known = set.evaluate(&PostView { scores: Some(&scores), ..post("hund") }, &mut scratch);
    assert!(!known.pending && known.hits.is_empty());
    assert!(!set.evaluate(&post("katze"), &mut scratch).pending);
}

#[test]
fn spans_point_at_the_positive_matches_in_the_original() {
    let set = set("when: (h a s s) OR hund NEAR/2 katze AND NOT maus\nfold: std");
    let text = "Ein Hünd? Nein: hund, Katze!";
    let evaluation = set.evaluate(&post(text), &mut Scratch::default());
    let found: Vec<&str> =
        evaluation.hits[0].spans.iter().map(|Span(a, b)| &text[*a as usize..*b as usize]).collect();
    assert_eq!(found, ["hund", "Katze"]);
    assert!(evaluation.hits[0].because[0].holds);
}

#[test]
fn the_design_document_s_own_example_works() {
    let text = r#"
list: number_codes
owner: a
review_by: 2027-01-31
terms: ["88"]
---
list: scene_words
owner: a
review_by: 2027-01-31
terms: [kameraden, "heil*"]
---
id: w-86a-codes
version: 2
title: Zahlencodes im Zusammenhang
owner: analyst-03
purpose: prosecution
legal_basis: "order 12/2026"
norms: [StGB-86a]
review_by: 2027-01-31
severity: medium
queue: symbols
quota_per_day: 300
fold: std
when: raw:$number_codes AND ($scene_words NEAR/8 raw:$number_codes OR symbol:any>=0.5)
unless: /\b(Hausnr|Straße|km|EUR|€)\b/ NEAR/2 raw:$number_codes
explain: "Zahlencode {match} neben {near}"
tests:
  - {text: "Kameraden, 88!", expect: hit}
  - {text: "Hausnummer 88, zweiter Stock", expect: miss}
  - {text: "Kameraden, es sind 88 km", expect: miss}
"#;
    let compiled = compile(text);
    assert!(compiled.problems.iter().all(|p| p.severity == Severity::Warning), "{:?}", compiled.problems);
    let results = streife_rules::run_tests(&compiled.set);
    assert!(results.len() == 3 && results.iter().all(|result| result.ok), "{results:?}");
    assert_eq!(compiled.set.rules()[0].lists, ["number_codes@1", "scene_words@1"]);
    assert_eq!(compiled.set.rules()[0].witness, ["raw:$number_codes"]);
}

#[test]
fn errors_point_into_the_block_and_the_other_rules_work() {
    let text = format!(
        "{}---\n{}",
        rule("when: hund"),
        rule("when: |\n  a AND\n    plattform:x OR wort NEAR b").replace("id: r", "id: s")
    );
    let compiled = compile(&text);
    assert_eq!(compiled.set.rules().len(), 1);
    let places: Vec<(u32, u32)> =
        compiled.problems.iter().filter(|p| p.is_error()).map(|p| (p.line, p.column)).collect();
    assert_eq!(places, [(15, 5), (15, 25)]);
    let shown = compiled.problems.iter().find(|p| p.is_error()).map(|p| p.render(Tongue::German)).unwrap();
    assert!(shown.contains("platform:") && shown.contains("\n        ^"), "{shown}");
}

#[test]
fn rules_without_witness_basis_or_tests_are_refused() {
    for (body, part) in [
        ("when: NOT hund", "witness"),
        ("when: lang:de", "witness"),
        ("when: hund OR /a+b/", "witness"),
        ("when: ab*", "witness"),
        ("when: score.violence>=0.9", "witness"),
        ("when: $nix", "nix"),
        ("when: hund /(a/", "regular expression"),
        ("when: hund /(?=a)b/", "regular expression"),
        ("when: hund /a*/", "empty text"),
        ("when: hund /((a{1,1000}){1,1000}){1,100}/", "regular expression"),
        ("when: '...'", "no letter"),
        ("when: hund\nwehn: katze", "did you mean `when`"),
        ("when: hund NEAR/3 (katze AND maus)", "NEAR"),
    ] {
        let compiled = compile(&rule(body));
        assert!(compiled.set.rules().is_empty(), "{body}");
        let said = compiled
            .problems
            .iter()
            .any(|p| p.is_error() && (p.message.contains(part) || p.hint.contains(part)));
        assert!(said, "{body}: {:?}", compiled.problems);
    }
    for key in ["purpose", "legal_basis", "review_by", "tests"] {
        let text: String =
            rule("when: hund").lines().filter(|l| !l.starts_with(key)).map(|l| format!("{l}\n")).collect();
        let compiled = compile(&text);
        assert!(
            compiled.set.rules().is_empty() && compiled.problems.iter().any(|p| p.message.contains(key)),
            "{key}"
        );
    }
    assert!(compile(&rule("when: hund").replace("2027-01-31", "2027-06-01")).set.rules().is_empty());
    assert!(compile(&rule("when: hund\nowner: a\napproved_by: a")).set.rules().is_empty());
}

#[test]
fn suppressions_hold_back_and_expire() {
    let suppression =
        "---\nsuppress: s\nrules: [r]\nwhen: satire\nowner: a\nreason: b\nexpires: 2026-12-01\n";
    let compiled = compile(&(rule("when: hund") + suppression));
    let mut scratch = Scratch::default();
    let evaluation = compiled.set.evaluate(&post("hund satire"), &mut scratch);
    assert!(evaluation.hits.is_empty() && evaluation.suppressed.len() == 1);
    assert_eq!(compiled.set.evaluate(&post("hund"), &mut scratch).hits.len(), 1);
    let over = compile(&(rule("when: hund") + &suppression.replace("2026-12-01", "2026-11-01")));
    assert_eq!(over.set.evaluate(&post("hund satire"), &mut scratch).hits.len(), 1);
}

#[test]
fn states_decide_where_hits_go() {
    let mut scratch = Scratch::default();
    for (state, hits, shadow) in
        [("live", 1, 0), ("shadow", 0, 1), ("draft", 0, 0), ("paused", 0, 0), ("retired", 0, 0)]
    {
        let evaluation = set(&format!("when: hund\nstate: {state}")).evaluate(&post("hund"), &mut scratch);
        assert_eq!((evaluation.hits.len(), evaluation.shadow.len()), (hits, shadow), "{state}");
    }
    let windowed = set("when: hund\nwindow: count(distinct author) over 1h by cluster >= 10");
    assert_eq!(windowed.evaluate(&post("hund"), &mut scratch).windowed.len(), 1);
}

#[test]
fn the_version_follows_what_shapes_results() {
    let a = set("when: hund\ntitle: x");
    assert_eq!(a.version(), set("when: hund\ntitle: y").version());
    assert_ne!(a.version(), set("when: katze").version());
    assert_eq!(a.version().len(), "rules@".len() + 12);
}
