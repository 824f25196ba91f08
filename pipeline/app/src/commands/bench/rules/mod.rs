//! `streife bench rules`: the rule engine alone at 1,000 to 250,000 rules, and beside other engines.
//!
//! Posts and rules are those of `streife_rules::mix`, where their shares are stated. Beside other engines only what all
//! of them can say is measured, and a ratio is given only where hits and digest are equal.

mod literals;
mod peers;
mod simple;

use std::sync::Arc;

use arc_swap::ArcSwap;
use streife_rules::mix::{Breadth, Mix};
use streife_rules::{PostView, RuleSet, Scratch, SourceFile};

use super::Figure;
use crate::cli::BenchArgs;
use crate::cost::{self, measure};
use crate::failure::Failure;
use crate::open;

const SEED: u64 = 1;
const POSTS: usize = 10_000;
/// Runs; the best counts, since other work on the machine only ever makes a run slower.
const ROUNDS: usize = 3;
/// Rule counts and breadths that are measured.
const SETS: [(usize, Breadth); 8] = [
    (1_000, Breadth::Mixed),
    (3_000, Breadth::Mixed),
    (10_000, Breadth::Mixed),
    (50_000, Breadth::Mixed),
    (50_000, Breadth::Narrow),
    (100_000, Breadth::Mixed),
    (100_000, Breadth::Medium),
    (250_000, Breadth::Mixed),
];
/// Posts between two swaps of the set: at 10,000 rules and full speed several swaps a second.
const POSTS_PER_SWAP: usize = 5_000;
/// Words of the longest post, all of them common.
const LONG_POST_WORDS: usize = 20_000;

pub(super) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let mut figures = Vec::new();
    for (count, breadth) in SETS {
        figures.extend(scale(count, breadth, POSTS * args.scale as usize)?);
    }
    figures.extend(literals::run()?);
    figures.extend(simple::run()?);
    Ok(figures)
}

/// Speed, latency, memory and compile time of one set.
fn scale(count: usize, breadth: Breadth, posts: usize) -> anyhow::Result<Vec<Figure>> {
    let mut mix = Mix::new(SEED);
    let file = mix.rule_file(count, breadth);
    let posts: Vec<String> = (0..posts).map(|_| mix.post()).collect();
    let long: String = (0..LONG_POST_WORDS).map(|_| mix.word(Breadth::Broad) + " ").collect();
    let before = cost::resident_megabytes();
    let (set, compiled) = measure(|| compile(&file));
    let set = set?;
    drop(file);
    let mut scratch = Scratch::default();
    let mut found = evaluate(&set, &posts[..posts.len() / 20], &mut scratch);
    let memory = cost::resident_megabytes() - before;
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let (now, cost) = measure(|| evaluate(&set, &posts, &mut scratch));
        best = best.min(cost.cpu_seconds);
        found = now;
    }
    let mut latencies: Vec<f64> = posts.iter().map(|post| thread_micros(&set, post, &mut scratch)).collect();
    latencies.sort_by(f64::total_cmp);
    let at = |share: f64| latencies.get((latencies.len() as f64 * share) as usize).copied().unwrap_or(0.0);
    let name = |what: &str| format!("{count} {} rules: {what}", name_of(breadth));
    let per_post = |count: usize| count as f64 / posts.len() as f64;
    let mut figures = vec![
        Figure::new(name("posts"), posts.len() as f64 / best, "posts/CPU-s"),
        Figure::new(name("hits"), per_post(found.hits), "a post"),
        Figure::new(name("candidates"), per_post(found.candidates), "a post"),
        Figure::new(name("99 of 100 posts within"), at(0.99), "us CPU"),
        Figure::new(name("the slowest post"), at(1.0 - f64::EPSILON), "us CPU"),
        Figure::new(
            name("a post of 20,000 common words"),
            thread_micros(&set, &long, &mut scratch),
            "us CPU",
        ),
        Figure::new(name("compile"), compiled.cpu_seconds, "CPU-s"),
        Figure::new(name("memory"), memory, "MB"),
    ];
    if count == 10_000 {
        figures.push(
            swapping(set, &posts, best, &mut scratch)?.renamed(name("posts, the set swapped under them")),
        );
    }
    Ok(figures)
}

impl Figure {
    fn renamed(mut self, name: String) -> Self {
        self.figure = name;
        self
    }
}

fn compile(file: &str) -> anyhow::Result<RuleSet> {
    let compiled = RuleSet::compile(&[SourceFile { path: "bench.yaml", text: file }], &open::today());
    match compiled.problems.iter().find(|problem| problem.is_error()) {
        Some(problem) => anyhow::bail!("a rule of the mix does not compile: {}", open::describe(problem)),
        None => Ok(compiled.set),
    }
}

#[derive(Clone, Copy, Default)]
struct Found {
    hits: usize,
    candidates: usize,
}

fn evaluate(set: &RuleSet, posts: &[String], scratch: &mut Scratch) -> Found {
    let (mut found, mut matched) = (Found::default(), Vec::new());
    for text in posts {
        let post = PostView { text, ..PostView::default() };
        found.candidates += set.matching(&post, scratch, &mut matched);
        found.hits += matched.len();
    }
    found
}

/// CPU microseconds of this thread for one post.
fn thread_micros(set: &RuleSet, text: &str, scratch: &mut Scratch) -> f64 {
    let now = || {
        let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        time.tv_sec as f64 * 1e6 + time.tv_nsec as f64 / 1e3
    };
    let started = now();
    let mut matched = Vec::new();
    set.matching(&PostView { text, ..PostView::default() }, scratch, &mut matched);
    now() - started
}

/// Throughput while another set of the same rules takes over again and again; compiling is not counted, since it is
/// done by another thread.
fn swapping(set: RuleSet, posts: &[String], alone: f64, scratch: &mut Scratch) -> anyhow::Result<Figure> {
    let mut mix = Mix::new(SEED);
    let other = Arc::new(compile(&mix.rule_file(set.rules().len(), Breadth::Mixed))?);
    let set = Arc::new(set);
    let current = ArcSwap::new(Arc::clone(&set));
    let mut best = f64::MAX;
    for _ in 0..ROUNDS {
        let ((), cost) = measure(|| {
            for (turn, posts) in posts.chunks(POSTS_PER_SWAP).enumerate() {
                current.store(Arc::clone(if turn % 2 == 0 { &other } else { &set }));
                evaluate(&current.load_full(), posts, scratch);
            }
        });
        best = best.min(cost.cpu_seconds);
    }
    let posts = posts.len() as f64;
    Ok(Figure::new("", posts / best, "posts/CPU-s").against("one set", posts / alone))
}

const fn name_of(breadth: Breadth) -> &'static str {
    match breadth {
        Breadth::Narrow => "narrow",
        Breadth::Medium => "medium",
        Breadth::Broad => "broad",
        Breadth::Mixed => "mixed",
    }
}
