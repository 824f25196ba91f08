//! The simple rule format gives the hits of the Python engine it is compared with, on generated data.

use std::collections::HashSet;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use streife_rules::baseline::{self, BaselineScratch};

/// The folder with `gen.py` and `baseline.py` in the research data folder beside the checkout.
fn python_baseline() -> Option<PathBuf> {
    let shared = std::env::var_os("STREIFE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    let folder = shared.join("bench/python_baseline");
    if folder.join("baseline.py").is_file() {
        return Some(folder);
    }
    eprintln!("skipped: {} not there", folder.display());
    None
}

fn python(script: &Path, arguments: &[&str]) -> Option<String> {
    let python = std::env::var_os("STREIFE_PYTHON").unwrap_or_else(|| "python3".into());
    let output = Command::new(python).arg(script).args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn hits_and_digest_are_those_of_the_python_engine() {
    let Some(scripts) = python_baseline() else { return };
    let folder = tempfile::tempdir().unwrap();
    let data = folder.path().to_str().unwrap();
    let Some(_) = python(&scripts.join("gen.py"), &["--posts", "400", "--rules", "1500", "--out", data])
    else {
        eprintln!("skipped: python3 not there");
        return;
    };
    let arguments = |variant| ["--data", data, "--variant", variant, "--lid", "none"];
    // The tuned variant needs packages (pyahocorasick, orjson); the naive one only the standard library.
    let script = scripts.join("baseline.py");
    let Some(told) = python(&script, &arguments("tuned")).or_else(|| python(&script, &arguments("naive")))
    else {
        eprintln!("skipped: the Python engine does not run");
        return;
    };
    let told: Value = serde_json::from_str(told.trim()).unwrap();

    let rules = std::fs::read_to_string(folder.path().join("rules.jsonl")).unwrap();
    let compiled = baseline::compile(&rules).unwrap();
    let mut scratch = BaselineScratch::default();
    let (mut seen, mut normal) = (HashSet::new(), String::new());
    let (mut hits, mut digest) = (0, 0);
    for event in std::fs::read_to_string(folder.path().join("events.jsonl")).unwrap().lines() {
        let event: Value = serde_json::from_str(event).unwrap();
        let commit = &event["commit"];
        let id = format!("{}/{}", event["did"].as_str().unwrap(), commit["rkey"].as_str().unwrap());
        baseline::normalise(commit["record"]["text"].as_str().unwrap(), &mut normal);
        if !seen.insert(baseline::text_key(&normal)) {
            continue;
        }
        for rule in compiled.matches_normal(&normal, &mut scratch) {
            hits += 1;
            digest ^= baseline::digest_of(&id, *rule);
        }
    }
    assert_eq!(
        (Some(hits), format!("{digest:016x}").as_str()),
        (told["hits"].as_u64(), told["digest"].as_str().unwrap())
    );
    assert!(hits > 100, "{hits}");
}
