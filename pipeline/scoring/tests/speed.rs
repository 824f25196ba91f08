//! What the models cost, per CPU-second of one thread. Long: on the research data where it is there.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement says what it found")]

use std::path::{Path, PathBuf};
use std::time::Instant;

use streife_domain::{Language, Script};
use streife_scoring::{Device, LIBRARY, Models, OpenOptions};

fn german() -> Language {
    Language { code: "de".to_owned(), confidence: 0.9, script: Script::LATIN }
}

/// German posts of the research data folder beside the checkout, else made sentences.
fn posts() -> Vec<String> {
    let shared = std::env::var_os("STREIFE_SHARED")
        .map_or_else(|| Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared"), PathBuf::from);
    match std::fs::read_to_string(shared.join("data/germeval2018/germeval2018.training.txt")) {
        Ok(text) => text.lines().filter_map(|line| line.split('\t').next()).map(str::to_owned).collect(),
        Err(_) => (0..5_000)
            .map(|i| {
                format!("Satz {i}: Der Zug nach Köln fährt heute {} Minuten später, sagt die Bahn.", i % 60)
            })
            .collect(),
    }
}

fn options<'a>(models: &'a Path, parts: &'a Path, encoder: bool, sessions: usize) -> OpenOptions<'a> {
    OpenOptions { models, parts, encoder, device: Device::Cpu, sessions }
}

#[test]
#[ignore = "long: run with `cargo test --release -p streife-scoring --test speed -- --ignored --nocapture`"]
fn what_a_post_costs() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let (posts, language) = (posts(), german());
    let gate = Models::open(&options(&models, Path::new("/nowhere"), false, 1)).unwrap();
    for _ in 0..3 {
        let started = Instant::now();
        let passed = posts.iter().filter(|post| gate.gate(post, &language).unwrap().passes).count();
        let micros = started.elapsed().as_secs_f64() * 1e6 / posts.len() as f64;
        println!("gate: {micros:.1} µs a post, {passed} of {} pass", posts.len());
    }
    let parts = std::env::var_os("STREIFE_PARTS").map_or_else(
        || PathBuf::from(std::env::var_os("HOME").unwrap_or_default()).join(".cache/streife/parts"),
        PathBuf::from,
    );
    if !parts.join(LIBRARY).is_file() {
        println!("skipped: {LIBRARY} is not there");
        return;
    }
    let encoder = Models::open(&options(&models, &parts, true, 1)).unwrap();
    let some: Vec<_> = posts.iter().take(600).map(|post| (post.as_str(), &language)).collect();
    let started = Instant::now();
    let scored = encoder.encode_many(&some).into_iter().filter(Result::is_ok).count();
    println!("encoder, one session: {:.0} texts a second", scored as f64 / started.elapsed().as_secs_f64());
}
