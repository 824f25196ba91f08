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

use arc_swap::ArcSwap;
use bytes::Bytes;
use streife_domain::{PseudonymKey, Timestamp};
use streife_log::{EventLog, MemoryLog};
use streife_rules::baseline::{self, BaselineScratch};
use streife_rules::{RuleSet, Severity, SourceFile};
use streife_runtime::collect::LogSink;
use streife_runtime::score::{ScoreOptions, ScoreWorker};
use streife_runtime::store::StoreWorker;
use streife_runtime::{Analyser, Backoff};
use streife_sdk::{Observation, ParseContext, Sink};
use streife_store::queries::SummaryScope;
use streife_store::{BatchLimits, Store};
use tokio_util::sync::CancellationToken;

use super::Figure;
use super::corpus::{self, Corpus};
use super::python::{Baseline, PythonRun, Variant};
use super::stages;
use crate::cli::BenchArgs;
use crate::cost::{self, Cost, measure};
use crate::failure::Failure;
use crate::open;
use crate::roles::engine_process::EngineProcess;

const POSTS: usize = 50_000;
const RULES: usize = 2_000;
const SEED: u64 = 1;
/// Runs of each side, in turn; the median counts.
const ROUNDS: usize = 3;
/// The naive baseline tries every rule on every post: a few are enough.
const NAIVE_POSTS: usize = 400;
/// Events in one observation, as a stream's connector gathers them.
pub(crate) const EVENTS_PER_OBSERVATION: usize = 500;
/// Records per batch of the score worker; without the encoder there is nothing to wait for.
const BATCH_RECORDS: usize = 2_000;

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
        one_core.push(one.per_cpu_second(posts));
        walls.0 = walls.0.min(one.wall_seconds);
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
        walls.1 = walls.1.min(whole_path(&corpus, &analyser, two_cores)?.wall_seconds);
    }
    let ours = median(&one_core);
    figures.push(with_peer("end to end, one core", ours, "tuned Python", &tuned));
    figures.push(with_peer("end to end, one core", ours, "naive Python", &naive));
    figures.push(
        Figure::new("wall clock on two cores", posts as f64 / walls.1, "posts/s")
            .against("on one core", posts as f64 / walls.0),
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

fn median(values: &[f64]) -> f64 {
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

fn watch_rules(corpus: &Corpus) -> anyhow::Result<Arc<RuleSet>> {
    let text = corpus::as_watch_rules(&corpus.rules)?;
    let compiled = RuleSet::compile(&[SourceFile { path: "bench.yaml", text: &text }], &open::today());
    let refused = compiled.problems.iter().find(|problem| problem.severity == Severity::Error);
    if let Some(problem) = refused {
        anyhow::bail!("a rule of the benchmark does not compile: {}", open::describe(problem));
    }
    Ok(Arc::new(compiled.set))
}

/// All roles in one process on so many cores.
pub(super) fn whole_path(
    corpus: &Corpus,
    analyser: &Arc<Analyser>,
    cores: NonZeroUsize,
) -> Result<Cost, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(cores.get()).enable_all().build()?;
    let cost = runtime.block_on(roles(corpus, analyser, cores));
    runtime.shutdown_timeout(Duration::from_secs(1));
    cost
}

async fn roles(corpus: &Corpus, analyser: &Arc<Analyser>, cores: NonZeroUsize) -> Result<Cost, Failure> {
    let folder = tempfile::tempdir()?;
    let engine = EngineProcess::start(folder.path(), true).await?;
    let store = Arc::new(Store::connect(engine.store_config())?);
    store.migrate().await?;
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::with_clock(open::clock()));
    log.ensure_topics(&open::topics(1)?).await?;
    let stop = CancellationToken::new();
    let score_worker = ScoreWorker {
        log: Arc::clone(&log),
        analyser: Arc::new(ArcSwap::new(Arc::clone(analyser))),
        pseudonyms: PseudonymKey::new([7; 32]),
        clock: open::clock(),
        options: ScoreOptions {
            max_batch_records: BATCH_RECORDS,
            threads: cores,
            legal: Arc::default(),
            backoff: Backoff::default(),
        },
    };
    let store_worker = StoreWorker {
        log: Arc::clone(&log),
        sink: Arc::clone(&store) as _,
        clock: open::clock(),
        limits: BatchLimits::default(),
        backoff: Backoff::default(),
    };
    let (cpu, wall) = (cost::cpu_seconds(), Instant::now());
    let scoring = tokio::spawn(score_worker.run(stop.clone()));
    let storing = tokio::spawn(store_worker.run(stop.clone()));
    publish(corpus, &LogSink::new(Arc::clone(&log))).await?;
    while !crate::roles::up::all_stored(&*log).await? {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if scoring.is_finished() || storing.is_finished() {
            break;
        }
    }
    let cost = Cost { cpu_seconds: cost::cpu_seconds() - cpu, wall_seconds: wall.elapsed().as_secs_f64() };
    stop.cancel();
    scoring.await??;
    storing.await??;
    let accepted = store.summary(&SummaryScope::All).await?.accepted;
    engine.stop().await;
    if accepted != corpus.events.len() as u64 {
        return Err(anyhow::anyhow!("{accepted} of {} posts are in the books", corpus.events.len()).into());
    }
    Ok(cost)
}

/// What a connector does: parse an observation, publish its events.
async fn publish(corpus: &Corpus, sink: &LogSink) -> anyhow::Result<()> {
    let context = ParseContext::new("bench");
    for lines in corpus.events.chunks(EVENTS_PER_OBSERVATION) {
        let parsed = streife_bluesky::jetstream::parse(&observation(lines), &context);
        anyhow::ensure!(parsed.events.len() == lines.len(), "the generated events do not parse");
        sink.publish(parsed.events.into_iter().map(|event| (event.event, event.raw)).collect()).await?;
    }
    Ok(())
}

pub(crate) fn observation(lines: &[String]) -> Observation {
    let observed_at = Timestamp::from_millis(1_725_911_163_000);
    Observation::new("wss://bench.invalid/subscribe", Bytes::from(lines.join("\n")), observed_at)
}
