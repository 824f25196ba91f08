//! What the models cost, per CPU-second of one thread. Long: on the research data where it is there.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a measurement says what it found")]

use std::path::{Path, PathBuf};

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

/// CPU time of all threads of this process so far, in seconds: other work on the machine does not count.
fn cpu_seconds() -> f64 {
    let nanoseconds = |task: std::fs::DirEntry| {
        let stat = std::fs::read_to_string(task.path().join("schedstat")).unwrap();
        stat.split(' ').next().unwrap().parse::<f64>().unwrap()
    };
    std::fs::read_dir("/proc/self/task").unwrap().map(|task| nanoseconds(task.unwrap())).sum::<f64>() / 1e9
}

#[test]
#[ignore = "long: run with `cargo test --release -p streife-scoring --test speed -- --ignored --nocapture`"]
fn what_a_post_costs() {
    let models = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../models");
    let (posts, language) = (posts(), german());
    let gate = Models::open(&options(&models, Path::new("/nowhere"), false, 1)).unwrap();
    for _ in 0..3 {
        let started = cpu_seconds();
        let passed = posts.iter().filter(|post| gate.gate(post, &language).unwrap().passes).count();
        let micros = (cpu_seconds() - started) * 1e6 / posts.len() as f64;
        let characters: usize = posts.iter().map(|post| post.chars().count()).sum();
        let mean = characters / posts.len();
        println!("gate: {micros:.1} CPU-µs a post, mean {mean} characters, {passed} of {} pass", posts.len());
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
    let started = cpu_seconds();
    let scored = encoder.encode_many(&some).into_iter().filter(Result::is_ok).count();
    println!(
        "encoder: {:.0} texts a CPU-second, tokeniser included",
        scored as f64 / (cpu_seconds() - started)
    );
}
