//! Tesseract for real, on pictures that the test draws. Where it is not installed the tests say so and prove nothing.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::time::{Duration, Instant};

use streife_media::testing::words;
use streife_media::{Isolation, Luminance, Ocr, OcrError, Tesseract, TesseractConfig};

fn installed() -> bool {
    let there = std::process::Command::new("tesseract").arg("--version").output().is_ok();
    if !there {
        eprintln!(
            "SKIPPED: tesseract is not installed (apt install tesseract-ocr tesseract-ocr-deu), nothing was proven"
        );
    }
    there
}

#[test]
fn german_and_english_words_are_read() {
    if !installed() {
        return;
    }
    let tesseract = Tesseract::new(TesseractConfig::default()).unwrap();
    let text =
        tesseract.read(&words(&["Die Tulpen blühen im Garten", "The garden opens on Sunday"])).unwrap();
    assert_eq!(text, "Die Tulpen blühen im Garten\nThe garden opens on Sunday");
    assert_eq!(tesseract.read(&Luminance::new(200, vec![255; 200 * 200]).unwrap()).unwrap(), "");
}

#[test]
fn what_is_missing_is_said_at_the_start() {
    let absent = TesseractConfig {
        program: "/nowhere/tesseract".into(),
        isolation: Isolation::Limits,
        ..TesseractConfig::default()
    };
    assert!(matches!(Tesseract::new(absent), Err(OcrError::Start { .. })));
    if installed() {
        let language = TesseractConfig { languages: "xyz".to_owned(), ..TesseractConfig::default() };
        let said = Tesseract::new(language).err().unwrap().to_string();
        assert!(said.contains("xyz"), "{said}");
    }
}

/// A stand-in for a reading program that was taken over by a picture.
fn taken_over(script: &str) -> (tempfile::TempDir, TesseractConfig) {
    use std::os::unix::fs::PermissionsExt;
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join("program");
    std::fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    std::fs::set_permissions(&program, std::fs::Permissions::from_mode(0o755)).unwrap();
    let timeout = Duration::from_secs(2);
    (folder, TesseractConfig { program, timeout, ..TesseractConfig::default() })
}

fn white() -> Luminance {
    Luminance::new(3_000, vec![255; 3_000 * 1_000]).unwrap()
}

#[test]
fn a_reading_program_that_goes_wrong_is_ended_at_its_limits() {
    let began = Instant::now();
    for (script, what) in [
        ("exec sleep 60", "sleeps and reads nothing"),
        ("cat >/dev/null; while :; do :; done", "works for ever"),
        ("cat >/dev/null; exec yes", "answers for ever"),
    ] {
        let (_folder, config) = taken_over(script);
        let program = Tesseract::new(config);
        assert!(program.is_err(), "{what}");
    }
    assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
}

#[test]
fn a_reading_program_reaches_no_file_no_network_and_no_environment() {
    let (folder, config) = taken_over(concat!(
        "cat >/dev/null\n",
        "word() { printf '5\\t1\\t1\\t1\\t1\\t1\\t0\\t0\\t9\\t9\\t99\\t%s\\n' \"$1\"; }\n",
        "(echo picture > \"${0%/*}/leak\") 2>/dev/null && [ -s \"${0%/*}/leak\" ] && word file\n",
        "[ \"$(grep -c : /proc/net/dev)\" = 1 ] || word network\n",
        "[ -z \"$HOME$CARGO_MANIFEST_DIR\" ] || word environment\n",
        "word done",
    ));
    let program = Tesseract::new(config).unwrap();
    assert_eq!(program.read(&white()).unwrap(), "done");
    let leaked = std::fs::read(folder.path().join("leak")).unwrap_or_default();
    assert!(leaked.is_empty());
}
