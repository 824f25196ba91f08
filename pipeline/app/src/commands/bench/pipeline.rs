//! `streife bench pipeline`: posts per CPU second through the whole path without the encoder, and what each stage
//! costs by itself.
//!
//! The path is the product's own: Jetstream events are parsed, published into a log (in memory, so that what is
//! measured is us and not a disk), scored by a score worker (decode, duplicates, language, rules, gate, campaign),
//! and written by a store worker through the ClickHouse client into the embedded engine, a process of its own. CPU
//! seconds are those of this process: what the server spends on its side is the server's.

use std::collections::HashSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::{Duration, Instant};

use bytes::Bytes;
use streife_domain::Timestamp;
use streife_rules::baseline::{self, BaselineScratch};
use streife_rules::{RuleSet, Severity, SourceFile};
use streife_runtime::Analyser;
use streife_runtime::collect::LogSink;
use streife_sdk::{Observation, ParseContext, Sink};
use streife_store::queries::Summary;

use super::Figure;
use super::corpus::{self, Corpus};
use super::python::{Baseline, PythonRun, Variant};
use super::stages;
use super::whole_path::WholePath;
use crate::cli::BenchArgs;
use crate::cost::{self, Cost, measure};
use crate::failure::Failure;
use crate::open;

const POSTS: usize = 50_000;
const RULES: usize = 2_000;
const SEED: u64 = 1;
/// Runs of each side, in turn; the median counts.
const ROUNDS: usize = 3;
/// The naive baseline tries every rule on every post: a few are enough.
const NAIVE_POSTS: usize = 400;
/// Events in one observation, as a stream's connector gathers them.
pub(crate) const EVENTS_PER_OBSERVATION: usize = 500;

pub(crate) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let corpus = corpus::generate(POSTS * args.scale as usize, RULES, SEED);
    let posts = corpus.events.len();
    let mut figures = Vec::new();

    let python = Baseline::open(&corpus)?;
    let engine = rules_alone(&corpus)?;
    figures.push(Figure::new("rules alone, simple format", engine.per_cpu_second, "posts/CPU-s"));

    let analyser = super::analyser_without_encoder(watch_rules(&corpus)?)?;
    let two_cores = NonZeroUsize::MIN.saturating_add(1);
    let (mut one_core, mut tuned, mut naive) = (Vec::new(), Vec::new(), Vec::new());
    let mut walls = (f64::MAX, f64::MAX);
    for _ in 0..ROUNDS {
        let one = whole_path(&corpus, &analyser, NonZeroUsize::MIN)?;
        one_core.push(one.cost.per_cpu_second(posts));
        if let Some(python) = &python {
            let run = python.run(Variant::Tuned, posts)?;
            if (run.hits, &run.digest) != (engine.hits, &engine.digest) {
                let (ours, theirs) = ((engine.hits, &engine.digest), (run.hits, &run.digest));
                return Err(
                    anyhow::anyhow!("other hits than the baseline: {ours:?} against {theirs:?}").into()
                );
            }
            tuned.push(run);
            naive.push(python.run(Variant::Naive, NAIVE_POSTS)?);
        }
        // The engine of ClickHouse has no core of its own in either: a machine with one core against one with two.
        let pinned = |cores: NonZeroUsize| {
            cost::on_cores(cores.get(), || whole_path(&corpus, &analyser, cores))
                .map(|run| run.cost.wall_seconds)
        };
        walls.0 = walls.0.min(pinned(NonZeroUsize::MIN)?);
        walls.1 = walls.1.min(pinned(two_cores)?);
    }
    let ours = median(&one_core);
    figures.push(with_peer("end to end, one core", ours, "tuned Python", &tuned));
    figures.push(with_peer("end to end, one core", ours, "naive Python", &naive));
    figures.push(
        Figure::new("wall clock, all on two cores", posts as f64 / walls.1, "posts/s")
            .against("all on one core", posts as f64 / walls.0),
    );
    let stages = stages::costs(&corpus, &analyser)?;
    let sum: f64 = stages.iter().map(|stage| stage.micros_per_post).sum();
    figures.extend(
        stages
            .iter()
            .map(|stage| Figure::new(format!("stage: {}", stage.name), stage.micros_per_post, "us/post")),
    );
    figures.push(Figure::new("sum of the stages", sum, "us/post").against("end to end", 1e6 / ours));
    figures.push(Figure::new("resident memory at the end", cost::resident_megabytes(), "MB"));
    Ok(figures)
}

fn with_peer(name: &str, ours: f64, peer: &str, runs: &[PythonRun]) -> Figure {
    let figure = Figure::new(name, ours, "posts/CPU-s");
    let theirs: Vec<f64> = runs.iter().map(|run| run.posts_per_cpu_s).collect();
    if theirs.is_empty() { figure } else { figure.against(peer, median(&theirs)) }
}

pub(super) fn median(values: &[f64]) -> f64 {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted.get(sorted.len() / 2).copied().unwrap_or(0.0)
}

/// What the engine alone does with the simple rules: the baseline's own contract, so that digests can be compared.
struct RulesAlone {
    hits: u64,
    digest: String,
    per_cpu_second: f64,
}

fn rules_alone(corpus: &Corpus) -> anyhow::Result<RulesAlone> {
    let rules = baseline::compile(&corpus.rules)?;
    let mut scratch = BaselineScratch::default();
    let posts: Vec<(String, String)> = corpus.posts()?;
    let mut seen = HashSet::new();
    let (mut hits, mut digest, mut normal) = (0, 0, String::new());
    let ((), cost) = measure(|| {
        for (id, text) in &posts {
            baseline::normalise(text, &mut normal);
            if !seen.insert(baseline::text_key(&normal)) {
                continue;
            }
            for rule in rules.matches_normal(&normal, &mut scratch) {
                hits += 1;
                digest ^= baseline::digest_of(id, *rule);
            }
        }
    });
    Ok(RulesAlone {
        hits,
        digest: format!("{digest:016x}"),
        per_cpu_second: cost.per_cpu_second(posts.len()),
    })
}

pub(super) fn watch_rules(corpus: &Corpus) -> anyhow::Result<Arc<RuleSet>> {
    let text = corpus::as_watch_rules(&corpus.rules)?;
    let compiled = RuleSet::compile(&[SourceFile { path: "bench.yaml", text: &text }], &open::today());
    let refused = compiled.problems.iter().find(|problem| problem.severity == Severity::Error);
    if let Some(problem) = refused {
        anyhow::bail!("a rule of the benchmark does not compile: {}", open::describe(problem));
    }
    Ok(Arc::new(compiled.set))
}

/// What the corpus cost, and what became of it.
pub(super) struct PathRun {
    pub(super) cost: Cost,
    pub(super) summary: Summary,
}

/// The corpus through all roles in one process with so many threads.
pub(super) fn whole_path(
    corpus: &Corpus,
    analyser: &Arc<Analyser>,
    threads: NonZeroUsize,
) -> Result<PathRun, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(threads.get()).enable_all().build()?;
    let run = runtime.block_on(async {
        let path = WholePath::in_memory(analyser, threads).await?;
        let (cpu, wall) = (cost::cpu_seconds(), Instant::now());
        publish(corpus, &LogSink::new(Arc::clone(&path.log))).await?;
        path.until_stored().await?;
        let cost =
            Cost { cpu_seconds: cost::cpu_seconds() - cpu, wall_seconds: wall.elapsed().as_secs_f64() };
        let summary = path.end(corpus.events.len() as u64).await?;
        Ok(PathRun { cost, summary })
    });
    runtime.shutdown_timeout(Duration::from_secs(1));
    run
}

/// What a connector does: parse an observation, publish its events.
async fn publish(corpus: &Corpus, sink: &LogSink) -> anyhow::Result<()> {
    let context = ParseContext::new("bench");
    for lines in corpus.events.chunks(EVENTS_PER_OBSERVATION) {
        let parsed = streife_bluesky::jetstream::parse(&observation(lines), &context);
        anyhow::ensure!(parsed.events.len() == lines.len(), "the generated events do not parse");
        sink.publish(&parsed.events).await?;
    }
    Ok(())
}

pub(crate) fn observation(lines: &[String]) -> Observation {
    observation_at(lines, Timestamp::from_millis(1_725_911_163_000))
}

pub(super) fn observation_at(lines: &[String], observed_at: Timestamp) -> Observation {
    Observation::new("wss://bench.invalid/subscribe", Bytes::from(lines.join("\n")), observed_at)
}
