//! Time and instructions of the engine alone: `cargo bench -p streife-rules --bench engine -- RULES BREADTH POSTS`.
//!
//! Counting instructions: `benches/instructions` runs this under valgrind and counts within [`measured`] only.

#![expect(clippy::print_stdout, reason = "a program that prints figures")]

use std::hint::black_box;

use streife_rules::mix::{Breadth, Mix};
use streife_rules::{PostView, RuleSet, Scratch, SourceFile};

/// The function that the instruction counter looks for.
#[inline(never)]
fn measured(set: &RuleSet, posts: &[String], scratch: &mut Scratch) -> (usize, usize) {
    let (mut matched, mut hits, mut candidates) = (Vec::new(), 0, 0);
    for text in posts {
        candidates += set.matching(&PostView { text, ..PostView::default() }, scratch, &mut matched);
        hits += matched.len();
    }
    (hits, candidates)
}

/// CPU seconds of this thread so far (`/proc/self/schedstat`; valgrind does not bear `clock_gettime` of rustix), else wall
/// seconds.
fn cpu_seconds() -> f64 {
    static START: std::sync::LazyLock<std::time::Instant> = std::sync::LazyLock::new(std::time::Instant::now);
    let schedstat = std::fs::read_to_string("/proc/self/schedstat").unwrap_or_default();
    let nanoseconds = schedstat.split(' ').next().and_then(|text| text.parse::<f64>().ok());
    nanoseconds.map_or_else(|| START.elapsed().as_secs_f64(), |nanoseconds| nanoseconds / 1e9)
}

fn main() {
    let arguments: Vec<String> =
        std::env::args().skip(1).filter(|argument| !argument.starts_with("--")).collect();
    let number = |at: usize, otherwise: usize| {
        arguments.get(at).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    };
    let breadth = match arguments.get(1).map(String::as_str) {
        Some("narrow") => Breadth::Narrow,
        Some("medium") => Breadth::Medium,
        Some("broad") => Breadth::Broad,
        _ => Breadth::Mixed,
    };
    let (rules, posts) = (number(0, 10_000), number(2, 20_000));
    let mut mix = Mix::new(1);
    let file = mix.rule_file(rules, breadth);
    let posts: Vec<String> = (0..posts).map(|_| mix.post()).collect();
    let started = cpu_seconds();
    let set = RuleSet::compile(&[SourceFile { path: "mix", text: &file }], "2026-11-22").set;
    let compile = cpu_seconds() - started;
    drop(file);
    let mut scratch = Scratch::default();
    measured(&set, &posts[..posts.len().min(200)], &mut scratch);
    let (mut best, mut found) = (f64::MAX, (0, 0));
    for _ in 0..number(3, 3) {
        let started = cpu_seconds();
        found = black_box(measured(&set, &posts, &mut scratch));
        best = best.min(cpu_seconds() - started);
    }
    let per_post = |count: usize| count as f64 / posts.len() as f64;
    println!(
        "{} rules {breadth:?}: {:.0} posts/CPU-s, {:.2} us/post, {:.2} hits and {:.1} candidates a post, compiled in {compile:.2} s, index {:.1} MB",
        set.rules().len(),
        posts.len() as f64 / best,
        best * 1e6 / posts.len() as f64,
        per_post(found.0),
        per_post(found.1),
        set.index_bytes() as f64 / 1e6,
    );
}
