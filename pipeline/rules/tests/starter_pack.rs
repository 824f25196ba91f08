//! The rules that come with Streife compile without errors and pass their own tests.

use std::path::Path;

use streife_rules::{RuleSet, SourceFile, run_tests};

#[test]
fn the_starter_pack_passes_its_own_tests() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/rules");
    let mut texts = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_some_and(|extension| extension == "yaml") {
            texts.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
        }
    }
    let files: Vec<SourceFile<'_>> = texts.iter().map(|(path, text)| SourceFile { path, text }).collect();
    let compiled = RuleSet::compile(&files, "2026-11-22");
    let problems: Vec<String> = compiled
        .problems
        .iter()
        .map(|p| format!("{}:{}: {:?} {} {}", p.line, p.column, p.rule, p.message, p.hint))
        .collect();
    assert!(problems.is_empty(), "{problems:#?}");
    assert!(compiled.set.rules().len() >= 30);
    let wrong: Vec<String> = run_tests(&compiled.set)
        .iter()
        .filter(|result| !result.ok)
        .map(|result| format!("{} test {}: {:?}", result.rule, result.test, result.got))
        .collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
