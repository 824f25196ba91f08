//! The properties of the fuzz targets, bounded: any rule and any post are evaluated without a panic, index and evaluator
//! agree, spans lie on character borders, and whatever text is formatted or imported gives an answer.

use proptest::prelude::*;
use streife_rules::{
    PostView, RuleSet, Scratch, SourceFile, export_sigma, format, import_keywords, import_sigma,
};

fn expression() -> impl Strategy<Value = String> {
    let piece = prop_oneof![
        6 => prop::sample::select(vec![
            "hund", "h4ss", "AND", "OR", "NOT", "(", ")", "NEAR/3", "BEFORE/2", "SENT", "\"a b\"", "wor*", "*ort*", "wort~1", "/a+b/", "raw:",
            "tag:", "emoji:🔥", "lang:de", "lang ?? de = de", "symbol:x>=0.5", "hash:$b<=3", "score.violence ?? 0 >= 0.5", "$list", "exists(ocr)",
            "cluster.size>=20", "label:violence", ">=", "??", "'", "\\",
        ]).prop_map(str::to_owned),
        1 => any::<char>().prop_map(String::from),
        1 => "\\PC{0,6}",
    ];
    prop::collection::vec(piece, 0..12).prop_map(|pieces| pieces.join(" "))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2_000))]

    #[test]
    fn any_rule_and_any_post_give_an_answer(when in expression(), unless in expression(), text in prop_oneof![expression(), any::<String>()]) {
        let block = |text: &str| text.lines().map(|line| format!("  {line}\n")).collect::<String>();
        let file = format!(
            "list: list\nowner: a\nreview_by: 2027-01-31\nterms: [hund, '*ort']\n---\nid: r\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\ntests: [{{text: x, expect: hit}}]\nwhen: |\n{}unless: |\n{}",
            block(&when), block(&unless)
        );
        let set = RuleSet::compile(&[SourceFile { path: "any", text: &file }], "2026-11-22").set;
        let post = PostView { text: &text, ..PostView::default() };
        let mut scratch = Scratch::default();
        let evaluation = set.evaluate(&post, &mut scratch);
        if let [rule] = set.rules() {
            prop_assert_eq!(!evaluation.hits.is_empty(), set.matches(0, &post, &mut scratch));
            let spans = evaluation.hits.iter().flat_map(|hit| &hit.spans);
            for span in spans {
                prop_assert!(text.get(span.0 as usize..span.1 as usize).is_some());
            }
            let mut matched = Vec::new();
            set.matching(&post, &mut scratch, &mut matched);
            prop_assert_eq!(matched.is_empty(), evaluation.hits.is_empty());
            let _ = export_sigma(rule);
        }
        if let Ok(once) = format(&SourceFile { path: "any", text: &file }) {
            prop_assert_eq!(&format(&SourceFile { path: "any", text: &once }).unwrap(), &once);
            let again = RuleSet::compile(&[SourceFile { path: "any", text: &once }], "2026-11-22").set;
            prop_assert_eq!(again.rules().len(), set.rules().len());
        }
    }

    #[test]
    fn any_foreign_text_gives_an_answer(text in any::<String>(), condition in "[a-z1 ()*]{0,30}") {
        let imported = import_keywords("l", "a", "2027-01-31", &text);
        let compiled = RuleSet::compile(&[SourceFile { path: "any", text: &imported.text }], "2026-11-22");
        prop_assert!(compiled.problems.iter().all(|problem| !problem.is_error() || problem.message.contains("missing")), "{:?}", compiled.problems);
        let sigma = format!("title: t\ndetection:\n  a: {{message: x}}\n  condition: '{condition}'\n");
        let _ = import_sigma(&SourceFile { path: "any", text: &sigma });
        let _ = import_sigma(&SourceFile { path: "any", text: &text });
    }
}
