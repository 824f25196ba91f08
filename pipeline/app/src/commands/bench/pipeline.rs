//! `streife bench pipeline`: posts per CPU second through the whole path without the encoder, and what each stage
//! costs by itself.
//!
//! The path is the product's own: Jetstream events are parsed, published into a log (in memory, so that what is
//! measured is us and not a disk), scored by a score worker (decode, duplicates, language, rules, gate, campaign),
//! and written by a store worker through the ClickHouse client into a sink that keeps nothing. CPU seconds are those
//! of the whole process, the sink's own included.

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use streife_domain::{PseudonymKey, Timestamp};
use streife_log::{EventLog, MemoryLog};
use streife_rules::RuleSet;
use streife_runtime::collect::LogSink;
use streife_runtime::score::{ScoreOptions, ScoreWorker};
use streife_runtime::store::StoreWorker;
use streife_runtime::{Analyser, Backoff};
use streife_sdk::{Observation, ParseContext, Sink};
use streife_store::{BatchLimits, Store, StoreConfig};
use tokio_util::sync::CancellationToken;

use super::Figure;
use super::corpus::{self, Corpus};
use super::null_sink::NullSink;
use crate::cli::BenchArgs;
use crate::cost::{self, Cost, measure};
use crate::failure::Failure;
use crate::open;

const POSTS: usize = 50_000;
const RULES: usize = 2_000;
const SEED: u64 = 1;
/// Events in one observation, as a stream's connector gathers them.
const EVENTS_PER_OBSERVATION: usize = 500;
/// Records per batch of the score worker; without the encoder there is nothing to wait for.
const BATCH_RECORDS: usize = 2_000;

pub(crate) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let corpus = corpus::generate(POSTS * args.scale as usize, RULES, SEED);
    let analyser = super::analyser_without_encoder(Arc::new(RuleSet::empty()))?;
    let mut figures = Vec::new();
    let one = whole_path(&corpus, &analyser, NonZeroUsize::MIN)?;
    figures.push(Figure::new("end to end, one core", one.per_cpu_second(corpus.events.len()), "posts/CPU-s"));
    figures.push(Figure::new("resident memory after it", cost::resident_megabytes(), "MB"));
    Ok(figures)
}

/// All roles in one process on so many cores.
fn whole_path(corpus: &Corpus, analyser: &Arc<Analyser>, cores: NonZeroUsize) -> Result<Cost, Failure> {
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(cores.get()).enable_all().build()?;
    let (done, cost) = measure(|| runtime.block_on(roles(corpus, analyser, cores)));
    runtime.shutdown_timeout(Duration::from_secs(1));
    done?;
    Ok(cost)
}

async fn roles(corpus: &Corpus, analyser: &Arc<Analyser>, cores: NonZeroUsize) -> Result<(), Failure> {
    let sink = NullSink::start().await?;
    let log: Arc<dyn EventLog> = Arc::new(MemoryLog::with_clock(open::clock()));
    log.ensure_topics(&open::topics(1)?).await?;
    let store = Store::connect(StoreConfig::new(format!("http://{}", sink.address), "bench", ""))?;
    let stop = CancellationToken::new();
    let score_worker = ScoreWorker {
        log: Arc::clone(&log),
        analyser: Arc::new(ArcSwap::new(Arc::clone(analyser))),
        pseudonyms: PseudonymKey::new([7; 32]),
        clock: open::clock(),
        options: ScoreOptions {
            max_batch_records: BATCH_RECORDS,
            threads: cores,
            legal: HashMap::new(),
            backoff: Backoff::default(),
        },
    };
    let store_worker = StoreWorker {
        log: Arc::clone(&log),
        sink: Arc::new(store),
        clock: open::clock(),
        limits: BatchLimits::default(),
        backoff: Backoff::default(),
    };
    let scoring = tokio::spawn(score_worker.run(stop.clone()));
    let storing = tokio::spawn(store_worker.run(stop.clone()));
    publish(corpus, &LogSink::new(Arc::clone(&log))).await?;
    while !crate::roles::up::all_stored(&*log).await? {
        tokio::time::sleep(Duration::from_millis(20)).await;
        if scoring.is_finished() || storing.is_finished() {
            break;
        }
    }
    stop.cancel();
    scoring.await??;
    storing.await??;
    if sink.received_bytes() == 0 {
        return Err(anyhow::anyhow!("nothing reached the sink").into());
    }
    Ok(())
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

fn observation(lines: &[String]) -> Observation {
    let observed_at = Timestamp::from_millis(1_725_911_163_000);
    Observation::new("wss://bench.invalid/subscribe", Bytes::from(lines.join("\n")), observed_at)
}
