//! One test for each kind of bad input: a stated default or a clear error, never a panic, never a silent zero.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "tests fail by panicking and say what they skip"
)]

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use streife_domain::{Heads, Language, Script};
use streife_scoring::{Device, LIBRARY, LabelledText, Models, OpenOptions, ScoringError};

fn models_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models")
}

fn parts() -> Option<PathBuf> {
    let folder = std::env::var_os("STREIFE_PARTS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/streife/parts"),
        PathBuf::from,
    );
    folder.join(LIBRARY).is_file().then_some(folder)
}

fn open(models: &Path, encoder: bool) -> Result<Models, ScoringError> {
    let parts = parts().unwrap_or_default();
    Models::open(&OpenOptions { models, parts: &parts, encoder, device: Device::Cpu, sessions: 1 })
}

/// Gate, and the encoder where ONNX Runtime lies: opened once for all tests.
static MODELS: LazyLock<Models> = LazyLock::new(|| {
    let encoder = parts().is_some();
    if !encoder {
        println!("skipped: {LIBRARY} is not there; the gate alone is tested");
    }
    open(&models_folder(), encoder).unwrap()
});

fn german() -> Language {
    Language { code: "de".to_owned(), confidence: 0.9, script: Script::LATIN }
}

/// What gate and encoder say; the encoder is left out where it cannot run.
fn scores(text: &str) -> (Heads<f32>, Option<Heads<f32>>) {
    let gate = MODELS.gate(text, &german()).unwrap();
    assert!((0.0..=1.0).contains(&gate.score));
    (gate.heads, parts().map(|_| MODELS.encode(text, &german()).unwrap()))
}

/// Every usable head has a score, between 0 and 1.
fn scored(text: &str) {
    let (gate, encoder) = scores(text);
    for heads in [Some(gate), encoder].into_iter().flatten() {
        assert!(!heads.is_empty() && heads.iter().all(|(_, score)| (0.0..=1.0).contains(score)), "{heads:?}");
    }
}

/// The encoder has nothing to say, which is not a zero: the scores are absent.
fn no_words(text: &str) {
    assert!(scores(text).1.is_none_or(|heads| heads.is_empty()));
}

#[test]
fn empty_text() {
    no_words("");
    no_words(" \n\t");
}

#[test]
fn one_emoji() {
    scored("👍");
}

#[test]
fn a_hundred_thousand_characters() {
    scored(&"Wort ".repeat(20_000));
    scored(&"a".repeat(100_000));
}

#[test]
fn only_links() {
    scored("https://example.org https://example.org/b www.example.org");
}

#[test]
fn right_to_left_marks() {
    scored("\u{202e}Guten Morgen\u{202c} \u{200f}صباح");
}

#[test]
fn mixed_scripts() {
    scored("Guten Морген صباح おはよう Καλημέρα");
}

#[test]
fn zero_width_letters() {
    scored("G\u{200b}u\u{200d}t\u{feff}en Morgen");
    let hidden = scores("\u{200b}\u{200d}\u{feff}");
    assert!(hidden.1.is_none_or(|heads| heads.iter().all(|(_, score)| score.is_finite())));
}

/// A copy of one model's folder to break.
fn copy(name: &str) -> tempfile::TempDir {
    let target = tempfile::tempdir().unwrap();
    for folder in ["gate", name] {
        let to = target.path().join(folder);
        std::fs::create_dir_all(&to).unwrap();
        for entry in std::fs::read_dir(models_folder().join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.is_file() {
                std::fs::copy(&path, to.join(path.file_name().unwrap())).unwrap();
            }
        }
    }
    target
}

fn change(manifest: &Path, from: &str, to: &str) {
    let text = std::fs::read_to_string(manifest).unwrap();
    assert!(text.contains(from), "{from}");
    std::fs::write(manifest, text.replacen(from, to, 1)).unwrap();
}

/// The manifest's size and hash of a file, made to fit what lies there now.
fn accept(folder: &Path, name: &str) {
    use sha2::Digest;
    let bytes = std::fs::read(folder.join(name)).unwrap();
    let manifest = folder.join("manifest.toml");
    let text = std::fs::read_to_string(&manifest).unwrap();
    let start = text.find(&format!("name = \"{name}\"")).unwrap();
    let end = text[start..].find("\n\n").map_or(text.len(), |at| start + at);
    let entry = format!(
        "name = \"{name}\"\nsha256 = \"{}\"\nbytes = {}",
        hex::encode(sha2::Sha256::digest(&bytes)),
        bytes.len()
    );
    std::fs::write(&manifest, format!("{}{entry}{}", &text[..start], &text[end..])).unwrap();
}

#[test]
fn an_invalid_model_file() {
    if parts().is_none() {
        println!("skipped: {LIBRARY} is not there");
        return;
    }
    let folder = copy("encoder");
    let encoder = folder.path().join("encoder");
    std::fs::write(encoder.join("model-int8.onnx"), b"this is no graph").unwrap();
    accept(&encoder, "model-int8.onnx");
    let error = open(folder.path(), true).unwrap_err();
    assert!(matches!(error, ScoringError::Session { .. }), "{error}");
}

#[test]
fn an_invalid_tokeniser() {
    if parts().is_none() {
        println!("skipped: {LIBRARY} is not there");
        return;
    }
    let folder = copy("encoder");
    let encoder = folder.path().join("encoder");
    std::fs::write(encoder.join("tokenizer.json"), b"{}").unwrap();
    accept(&encoder, "tokenizer.json");
    let error = open(folder.path(), true).unwrap_err();
    assert!(matches!(error, ScoringError::Unsupported { .. }), "{error}");
}

#[test]
fn a_wrong_hash() {
    let folder = copy("gate");
    let weights = folder.path().join("gate/weights.bin");
    let mut bytes = std::fs::read(&weights).unwrap();
    bytes[5_000] ^= 1;
    std::fs::write(weights, bytes).unwrap();
    let error = open(folder.path(), false).unwrap_err();
    assert!(matches!(error, ScoringError::WrongFile { .. }), "{error}");
}

#[test]
fn a_missing_label() {
    let error = LabelledText::parse(r#"{"text": "Satz", "lang": "de"}"#, 3).unwrap_err();
    assert!(matches!(error, ScoringError::Labelled { line: 3, .. }), "{error}");
    let without = LabelledText::parse(r#"{"text": "Satz", "lang": "de", "labels": {}}"#, 4).unwrap();
    assert!(without.labels.is_empty(), "nothing decided counts for nothing");
}

#[test]
fn a_manifest_that_names_a_missing_file() {
    let folder = copy("gate");
    std::fs::remove_file(folder.path().join("gate/weights.bin")).unwrap();
    let error = open(folder.path(), false).unwrap_err();
    assert!(matches!(error, ScoringError::MissingFile { .. }), "{error}");
}

#[test]
fn a_graph_with_other_inputs() {
    if parts().is_none() {
        println!("skipped: {LIBRARY} is not there");
        return;
    }
    let folder = copy("encoder");
    change(&folder.path().join("encoder/manifest.toml"), "\"attention_mask\"]", "\"segments\"]");
    let error = open(folder.path(), true).unwrap_err();
    assert!(matches!(error, ScoringError::WrongGraph { .. }), "{error}");
}
