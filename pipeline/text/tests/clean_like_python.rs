//! `clean_for_models` against the training recipe's own lines, run by Python over generated texts.

#![expect(clippy::print_stdout, reason = "a skipped test says so")]

use std::io::Write;
use std::process::{Command, Stdio};

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, TestRunner};
use streife_text::clean_for_models;

/// Reads one JSON string a line, writes the cleaned one.
const PYTHON: &str = r#"
import html, json, re, sys
mention = re.compile(r"\[@\w+\]|@\w+")
users = re.compile(r"(?:@user[\s:,]*){2,}")
address = re.compile(r"https?://\S+|www\.\S+|\bt\.co/\S+")
for line in sys.stdin:
    text = html.unescape(json.loads(line)).replace("|LBR|", " ")
    text = address.sub(" http ", text)
    text = mention.sub("@user", text)
    text = users.sub("@user ", text)
    print(json.dumps(re.sub(r"\s+", " ", text).strip()))
"#;

const TEXTS: usize = 4_000;

fn texts() -> Vec<String> {
    let known = vec![
        "@",
        "[@",
        "]",
        "@user",
        "[@POL]",
        ":",
        ",",
        " ",
        "\n",
        "\u{a0}",
        "\u{1d}",
        "\u{2028}",
        "\u{200b}",
        "|LBR|",
        "|",
        "http",
        "https://",
        "http://",
        "://",
        "www.",
        "t.co/",
        ".",
        "/",
        "a",
        "Z",
        "_",
        "7",
        "é",
        "\u{301}",
        "½",
        "中",
        "ß",
        "&",
        ";",
        "#",
        "&#",
        "&#x",
        "&amp",
        "&amp;",
        "&lt;",
        "&nbsp;",
        "&notin;",
        "&not",
        "&auml",
        "&Auml;",
        "&zwj;",
        "&euro",
        "104;",
        "x68",
        "128;",
        "0;",
        "xD800;",
        "x10FFFF;",
        "9999999999;",
        "13;",
        "127",
        "&NotNestedGreaterGreater;",
        "<",
        "\t",
    ];
    let part = prop_oneof![
        6 => prop::sample::select(known).prop_map(str::to_owned),
        2 => "[a-z0-9]{1,5}",
        // Letters and numbers of recent Unicode versions differ between Python's tables and ours.
        1 => "[\u{0}-\u{52f}\u{600}-\u{6ff}\u{1f600}-\u{1f64f}]{1,3}",
    ];
    let text = prop::collection::vec(part, 0..14).prop_map(|parts| parts.concat());
    let mut runner = TestRunner::new_with_rng(
        Config::default(),
        proptest::test_runner::TestRng::deterministic_rng(proptest::test_runner::RngAlgorithm::ChaCha),
    );
    (0..TEXTS).filter_map(|_| Some(text.new_tree(&mut runner).ok()?.current())).collect()
}

#[test]
fn python_cleans_alike() {
    let python = Command::new("python3")
        .args(["-c", PYTHON])
        .env("PYTHONIOENCODING", "utf-8")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut python) = python else {
        println!("skipped: python3 is not there");
        return;
    };
    let texts = texts();
    assert_eq!(texts.len(), TEXTS);
    let lines: String = texts.iter().map(|text| serde_json::to_string(text).unwrap() + "\n").collect();
    let mut stdin = python.stdin.take().unwrap();
    let writer = std::thread::spawn(move || stdin.write_all(lines.as_bytes()));
    let output = python.wait_with_output().unwrap();
    writer.join().unwrap().unwrap();
    let cleaned: Vec<String> = String::from_utf8(output.stdout)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    assert_eq!(cleaned.len(), texts.len());
    for (text, expected) in texts.iter().zip(cleaned) {
        assert_eq!(clean_for_models(text), expected, "{text:?}");
    }
}
