//! `streife bench soak`: one machine as `streife up` runs it, without the encoder, under a steady load with bursts: the log on
//! disk, score and store workers, the embedded engine. Five minutes; `--scale 12` makes it an hour.
//!
//! The same for Kafka and roles as processes of their own is `tests/suites/soak.sh`.

use std::sync::Arc;
use std::time::{Duration, Instant};

use streife_log::{EmbeddedLog, EventLog};
use streife_runtime::collect::LogSink;
use streife_runtime::{names, score};
use streife_sdk::{ParseContext, Sink};
use tokio_util::sync::CancellationToken;

use super::Figure;
use super::corpus;
use super::pipeline::{observation_at, watch_rules};
use super::whole_path::WholePath;
use crate::cli::BenchArgs;
use crate::cost;
use crate::failure::Failure;
use crate::open;

const RULES: usize = 2_000;
const SEED: u64 = 9;
const SECONDS: u64 = 300;
/// Posts a second.
const RATE: u64 = 500;
const BURST_RATE: u64 = 15_000;
const BURST: Duration = Duration::from_secs(30);
const FIRST_BURST: Duration = Duration::from_secs(30);
const BURST_EVERY: Duration = Duration::from_secs(120);
/// After the last burst it is calm for so long.
const CALM_END: Duration = Duration::from_secs(120);
/// Memory is the median over so long, before the second burst and at the end.
const WINDOW: Duration = Duration::from_secs(30);
/// A connector hands on what came within so long.
const ARRIVALS: Duration = Duration::from_millis(100);
const LOOK_INTERVAL: Duration = Duration::from_secs(1);
const RETAIN_INTERVAL: Duration = Duration::from_secs(60);
/// Two seconds of the steady load may wait at any time.
const NORMAL_LAG: i64 = 2 * RATE.cast_signed();
const GOAL_BACK_SECONDS: f64 = 60.0;
/// Memory at the end in relation to memory after the first burst.
const GOAL_GROWTH: f64 = 1.05;

/// What was seen at one moment.
struct Sample {
    at: Duration,
    lag: i64,
    resident_megabytes: f64,
}

pub(crate) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let whole = Duration::from_secs(SECONDS * u64::from(args.scale.max(1)));
    let rules = corpus::generate(0, RULES, SEED);
    let analyser = super::analyser_without_encoder(watch_rules(&rules)?)?;
    let cores = open::cores();
    let runtime =
        tokio::runtime::Builder::new_multi_thread().worker_threads(cores.get()).enable_all().build()?;
    runtime.block_on(async {
        let folder = tempfile::tempdir()?;
        let log = EmbeddedLog::open(folder.path(), open::clock())?;
        let path = WholePath::start(Arc::new(log.clone()), &analyser, cores).await?;
        let (begun, stop) = (Instant::now(), CancellationToken::new());
        let watch = tokio::spawn(watch(log, begun, stop.clone()));
        let published = load(&LogSink::new(Arc::clone(&path.log)), begun, whole).await?;
        stop.cancel();
        let samples = watch.await.map_err(anyhow::Error::from)??;
        path.until_stored().await?;
        path.end(published).await?;
        Ok(figures(whole, published, &samples))
    })
}

/// When bursts begin in a run of this length.
fn bursts(whole: Duration) -> impl Iterator<Item = Duration> {
    (0..).map(|n| FIRST_BURST + BURST_EVERY * n).take_while(move |begin| *begin + BURST + CALM_END <= whole)
}

/// Publishes posts, open loop: a moment that was late is made up for. Returns how many.
async fn load(sink: &LogSink, begun: Instant, whole: Duration) -> Result<u64, Failure> {
    let context = ParseContext::new("bench");
    let mut events = corpus::stream(SEED);
    let (mut published, mut due) = (0, 0.0);
    let mut clock = tokio::time::interval(ARRIVALS);
    let mut at = Duration::ZERO;
    while at < whole {
        clock.tick().await;
        let rate =
            if bursts(whole).any(|begin| (begin..begin + BURST).contains(&at)) { BURST_RATE } else { RATE };
        due += rate as f64 * ARRIVALS.as_secs_f64();
        let lines: Vec<String> =
            events.by_ref().take((due as u64).saturating_sub(published) as usize).collect();
        let parsed =
            streife_bluesky::jetstream::parse(&observation_at(&lines, open::clock().now()), &context);
        published += parsed.events.len() as u64;
        sink.publish(&parsed.events).await.map_err(anyhow::Error::from)?;
        at += ARRIVALS;
    }
    tracing::debug!(late = ?begun.elapsed().saturating_sub(whole), "the load has been written");
    Ok(published)
}

/// Looks at lag and memory until stopped, and lets the log forget as `up` does.
async fn watch(log: EmbeddedLog, begun: Instant, stop: CancellationToken) -> Result<Vec<Sample>, Failure> {
    let mut samples = Vec::new();
    let mut retained = Instant::now();
    while !stop.is_cancelled() {
        tokio::time::sleep(LOOK_INTERVAL).await;
        if retained.elapsed() > RETAIN_INTERVAL {
            log.retain(open::clock().now()).await?;
            retained = Instant::now();
        }
        let ends = log.bounds(names::RAW).await?;
        let committed = log.committed(score::GROUP, names::RAW).await?;
        let waiting = ends.iter().zip(committed).map(|((first, end), next)| end - next.unwrap_or(*first));
        samples.push(Sample {
            at: begun.elapsed(),
            lag: waiting.sum(),
            resident_megabytes: cost::resident_megabytes(),
        });
    }
    Ok(samples)
}

fn figures(whole: Duration, published: u64, samples: &[Sample]) -> Vec<Figure> {
    let back: Vec<f64> = bursts(whole)
        .map(|begin| {
            let end = begin + BURST;
            let normal = samples.iter().find(|sample| sample.at >= end && sample.lag <= NORMAL_LAG);
            normal.map_or(f64::INFINITY, |sample| (sample.at - end).as_secs_f64())
        })
        .collect();
    let memory = |from: Duration, to: Duration| {
        let mut seen: Vec<f64> = samples
            .iter()
            .filter(|sample| (from..to).contains(&sample.at))
            .map(|sample| sample.resident_megabytes)
            .collect();
        seen.sort_by(f64::total_cmp);
        seen.get(seen.len() / 2).copied().unwrap_or(f64::NAN)
    };
    let second_burst = FIRST_BURST + BURST_EVERY;
    let before = memory(second_burst - WINDOW, second_burst);
    let after = memory(whole - WINDOW, whole + WINDOW);
    vec![
        Figure::new("posts, all of them in the books", published as f64, "posts"),
        Figure::new("bursts", back.len() as f64, "bursts"),
        Figure::new(
            "highest lag",
            samples.iter().map(|sample| sample.lag).max().unwrap_or(0) as f64,
            "posts",
        ),
        Figure::new("lag normal again after a burst, the slowest", back.into_iter().fold(0.0, f64::max), "s")
            .against("goal", GOAL_BACK_SECONDS),
        Figure::new("resident memory after the first burst", before, "MB"),
        Figure::new("resident memory at the end", after, "MB")
            .against("5 % above that", before * GOAL_GROWTH),
    ]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_run_ends_calm_and_has_a_calm_stretch_before_its_second_burst() {
        let begins: Vec<_> = bursts(Duration::from_secs(SECONDS)).map(|begin| begin.as_secs()).collect();
        assert_eq!(begins, [30, 150]);
        assert_eq!(bursts(Duration::from_secs(3_600)).count(), 29);
    }

    #[test]
    fn lag_and_memory_are_judged_at_their_moments() {
        let sample =
            |secs, lag, resident_megabytes| Sample { at: Duration::from_secs(secs), lag, resident_megabytes };
        let samples = [
            sample(61, 9_000, 80.0),
            sample(70, 10, 80.0),
            sample(140, 0, 100.0),
            sample(181, 9_000, 300.0),
            sample(200, 900, 200.0),
            sample(290, 0, 104.0),
        ];
        let figures = figures(Duration::from_secs(SECONDS), 1, &samples);
        let value = |name: &str| figures.iter().find(|figure| figure.figure.contains(name)).unwrap().value;
        assert_eq!(value("highest lag"), 9_000.0);
        assert_eq!(value("slowest"), 20.0);
        assert_eq!((value("after the first"), value("at the end")), (100.0, 104.0));
    }
}
