//! Ids are those of the reference implementation, on made strings and on every line of the research data.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panicking and say what they skip"
)]

use std::path::{Path, PathBuf};
use std::time::Instant;

use proptest::prelude::*;
use proptest::test_runner::{Config, TestRunner};
use streife_scoring::Tokenizer;

const MAX_TOKENS: usize = 256;

fn tokenizer_json() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models/encoder/tokenizer.json")
}

fn both() -> (Tokenizer, tokenizers::Tokenizer) {
    let ours = Tokenizer::from_json(&std::fs::read(tokenizer_json()).unwrap(), MAX_TOKENS).unwrap();
    let mut reference = tokenizers::Tokenizer::from_file(tokenizer_json()).unwrap();
    let truncation = tokenizers::TruncationParams { max_length: MAX_TOKENS, ..Default::default() };
    reference.with_truncation(Some(truncation)).unwrap().with_padding(None);
    (ours, reference)
}

fn reference_ids(reference: &tokenizers::Tokenizer, text: &str) -> Vec<i64> {
    let encoding = reference.encode_fast(text, true).unwrap();
    encoding.get_ids().iter().map(|id| i64::from(*id)).collect()
}

/// The research data folder beside the checkout, where it is there.
fn research_data() -> Option<PathBuf> {
    let folder = std::env::var_os("STREIFE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from)
        .join("data");
    folder.is_dir().then_some(folder)
}

fn lines_below(folder: &Path, lines: &mut Vec<String>) {
    let mut entries: Vec<_> = std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    entries.sort();
    for path in entries {
        if path.is_dir() {
            lines_below(&path, lines);
        } else {
            let bytes = std::fs::read(path).unwrap();
            lines.extend(String::from_utf8_lossy(&bytes).lines().map(str::to_owned));
        }
    }
}

#[test]
fn special_cases_have_the_ids_of_the_reference() {
    let (ours, reference) = both();
    let long = "lang ".repeat(400);
    let one_word = "ab".repeat(5_000);
    for text in [
        "",
        " ",
        "   ",
        "query: ",
        "query: Guten Morgen",
        "Ein  Satz\t mit \n Lücken\r\nund Umbruch \u{a0} dazu",
        "<s>a</s> <mask> <pad><unk>x < s> <<s>>",
        "a<mask>b <mask> c",
        "\u{2581}\u{2581}a \u{2581} b\u{2581}",
        "e\u{301}a\u{308}\u{308}\u{308}\u{308} \u{301}x",
        "ﬁ ™ ½ Ａ ＜s＞ ㎏ ①",
        "👨‍👩‍👧‍👦 🇩🇪🇫🇷 👍🏽 ❤️",
        "\u{200b}a\u{200d}b\u{feff}\u{202e}cba\u{202c}",
        "مَرْحَبًا بِكُم في ١٢٣",
        "\u{600}123 \u{6dd}4",
        "漢字かな交じり文 한국어 ไทย नमस्ते",
        "𐍈𐍈 \u{10ffff} \u{e000}",
        "\0\u{1}\u{7f}\u{85}",
        &long,
        &one_word,
    ] {
        assert_eq!(ours.encode(text), reference_ids(&reference, text), "{text:?}");
    }
}

#[test]
fn generated_strings_have_the_ids_of_the_reference() {
    let (ours, reference) = both();
    let word = prop_oneof![
        4 => "[a-zäöüßéçğışA-ZÄÖÜ0-9.,:;!?@#&'/-]{1,12}",
        1 => "[\\u{400}-\\u{45f}]{1,8}",
        1 => "[\\u{620}-\\u{660}]{1,8}",
        1 => "\\PC{1,6}",
        1 => "[\\u{300}-\\u{36f}\\u{200b}-\\u{200f}\\u{fe0f}\\u{1f1e6}-\\u{1f1ff}\\u{1f3fb}-\\u{1f3ff}a-c]{1,6}",
        1 => prop::sample::select(vec!["<s>", "</s>", "<mask>", "<pad>", "<unk>", "<", "\u{2581}", "\t", "\r\n", "  ", "\u{3000}", "\0"])
            .prop_map(str::to_owned),
    ];
    let text = prop::collection::vec((word, prop::sample::select(vec![" ", "", " ", "\n"])), 0..12)
        .prop_map(|words| words.into_iter().map(|(word, gap)| word + gap).collect::<String>());
    let mut runner = TestRunner::new(Config { cases: 2_000, failure_persistence: None, ..Config::default() });
    runner
        .run(&text, |text| {
            prop_assert_eq!(ours.encode(&text), reference_ids(&reference, &text));
            Ok(())
        })
        .unwrap();
}

#[test]
#[ignore = "long: run with `cargo test --release -p streife-scoring --test tokenizer -- --ignored --nocapture`"]
fn every_line_of_the_research_data_has_the_ids_of_the_reference() {
    let Some(folder) = research_data() else {
        println!("skipped: the research data folder is not there");
        return;
    };
    let (ours, reference) = both();
    let mut lines = Vec::new();
    lines_below(&folder, &mut lines);
    let started = Instant::now();
    let expected: Vec<_> = lines.iter().map(|line| reference_ids(&reference, line)).collect();
    let reference_seconds = started.elapsed().as_secs_f64();
    let started = Instant::now();
    let found: Vec<_> = lines.iter().map(|line| ours.encode(line)).collect();
    let our_seconds = started.elapsed().as_secs_f64();
    let different = expected.iter().zip(&found).filter(|(expected, found)| expected != found).count();
    println!(
        "{} lines, {different} different; reference {reference_seconds:.2} s, ours {our_seconds:.2} s, ratio {:.1}",
        lines.len(),
        reference_seconds / our_seconds
    );
    assert_eq!(different, 0);
}
