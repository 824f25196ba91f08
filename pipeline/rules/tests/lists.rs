//! Lists and banks are objects with tests of their own; symbols and perceptual hashes can stand in tests.

use streife_rules::{RuleSet, SourceFile, TestResult, run_tests};

const HASH: &str = "00000000000000000000000000000000000000000000000000000000000000ff";

fn results(text: &str) -> Vec<TestResult> {
    let compiled = RuleSet::compile(&[SourceFile { path: "f", text }], "2026-11-22");
    assert!(compiled.problems.iter().all(|problem| !problem.is_error()), "{:?}", compiled.problems);
    run_tests(&compiled.set)
}

fn failing(text: &str) -> Vec<(String, usize)> {
    results(text).into_iter().filter(|result| !result.ok).map(|result| (result.rule, result.test)).collect()
}

#[test]
fn tests_of_lists_run_and_can_fail() {
    let list = "list: tiere\nowner: a\nreview_by: 2027-01-31\nterms: [hund, katz*]\ntests:\n  - {text: 'Ein Kätzchen', expect: miss}\n  - {text: 'Die Katze', expect: hit}\n  - {text: 'h u n d', expect: hit}\n  - {text: Maus, expect: hit}\n";
    assert_eq!(results(list).len(), 4);
    assert_eq!(failing(list), [("$tiere".to_owned(), 4)]);
}

#[test]
fn tests_of_banks_and_of_rules_over_pictures_run() {
    let near = HASH.replace("ff", "fe");
    let far = HASH.replace('0', "f");
    let text = format!(
        "bank: bilder\nowner: a\nreview_by: 2027-01-31\nhashes: ['{HASH}']\ntests:\n  - {{text: '', hashes: ['{near}'], expect: hit}}\n  - {{text: '', hashes: ['{far}'], expect: miss}}\n---\nid: r\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\nwhen: hash:$bilder<=10 OR symbol:rune>=0.8\ntests:\n  - {{text: '', hashes: ['{near}'], expect: hit}}\n  - {{text: '', hashes: ['{far}'], expect: miss}}\n  - {{text: '', symbols: {{rune: 0.9}}, expect: hit}}\n  - {{text: '', symbols: {{rune: 0.7}}, expect: miss}}\n"
    );
    assert_eq!(results(&text).len(), 6);
    assert_eq!(failing(&text), []);
}

#[test]
fn a_hash_in_a_test_that_is_none_is_named() {
    let text = "id: r\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\nwhen: hund\ntests: [{text: x, hashes: [abc], expect: hit}]\n";
    let compiled = RuleSet::compile(&[SourceFile { path: "f", text }], "2026-11-22");
    assert!(compiled.problems.iter().any(|problem| problem.message.contains("64 hexadecimal")));
}
