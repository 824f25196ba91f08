//! Any rule file and any post are evaluated without a panic; index and evaluator agree.
#![no_main]

use libfuzzer_sys::fuzz_target;
use streife_rules::{PostView, RuleSet, Scratch, SourceFile};

fuzz_target!(|input: (&str, &str)| {
    let (when, text) = input;
    let block: String = when.lines().map(|line| format!("  {line}\n")).collect();
    let file = format!(
        "id: r\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\ntests: [{{text: x, expect: hit}}]\nwhen: |\n{block}"
    );
    let set = RuleSet::compile(&[SourceFile { path: "fuzz", text: &file }], "2026-11-22").set;
    let post = PostView { text, ..PostView::default() };
    let mut scratch = Scratch::default();
    let evaluation = set.evaluate(&post, &mut scratch);
    if !set.rules().is_empty() {
        assert_eq!(!evaluation.hits.is_empty(), set.matches(0, &post, &mut scratch));
        assert!(evaluation.hits.iter().flat_map(|hit| &hit.spans).all(|span| text.get(span.0 as usize..span.1 as usize).is_some()));
    }
});
