//! The shared test that every connector passes, and a small server to point it at.
//!
//! It checks the MUST lines of [`crate::Connector`]: resume without loss or double, a kill at any moment, prompt
//! shutdown, metrics, broken input, obeyed rate limits. [`Contract`] does it in one call for everything that is read over
//! HTTP: a kind gives its settings and a function that answers as its platform would. [`check`] takes any connector.

#![expect(clippy::panic, reason = "support for tests: a panic is how a test fails")]

mod contract;
mod memory;
mod real;
mod server;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use streife_domain::{Clock, SystemClock};
use tokio_util::sync::CancellationToken;

use crate::{
    Connector, Deps, FetchClass, HealthBoard, Http, HttpConfig, Kind, Observation, ParseContext, RunOptions,
    run_source, testing,
};
pub use contract::{Contract, contract_server, secret_file, settings_for};
pub use memory::Memory;
pub use real::{Watched, server};
pub use server::{Ask, Reply, serve};

/// Fetches in one check; more mean that a connector walks in circles.
const MAX_FETCHES: usize = 200;
/// So many fetches in a row that change nothing mean that nothing is left.
const MAX_STILL: usize = 5;
/// A fetch against a local server takes no longer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(20);
/// How long a source may take until all of its posts are there; most take milliseconds, a busy machine much longer.
const PATIENCE: Duration = Duration::from_secs(90);
/// Kills in one life of a source.
const KILLS: usize = 12;
/// A life between two kills lasts at most so long.
const LIFE: Duration = Duration::from_millis(25);
/// A stopped source ends within this.
const SHUTDOWN_TIMEOUT: Duration = Duration::from_secs(2);

/// What connectors under test are given: everything real but the pace, and private addresses allowed.
pub fn deps() -> Deps {
    deps_with(&[])
}

/// As [`deps`], with a registration table.
pub fn deps_with(kinds: &'static [Kind]) -> Deps {
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let config = HttpConfig {
        allow_private: true,
        host_interval: Duration::from_millis(1),
        host_burst: 1_000,
        timeout: Duration::from_secs(5),
        ..HttpConfig::default()
    };
    match Http::new(&config, clock.clone()) {
        Ok(http) => Deps { http, clock, kinds, websub: None },
        Err(error) => panic!("{error}"),
    }
}

/// Runs every check on a connector; `wanted` are the native ids that its server holds.
pub async fn check(kind: &Kind, connect: impl Fn() -> Box<dyn Connector>, wanted: &[&str]) {
    restart_after_every_fetch(&connect, wanted).await;
    crash_before_every_save(&connect, wanted).await;
    runs_counts_and_stops(kind, &connect, wanted).await;
    killed_at_any_moment(kind, &connect, wanted, || {}).await;
    broken_input(kind);
}

fn options(kind: &Kind) -> RunOptions {
    RunOptions {
        name: "conformance".to_owned(),
        kind: kind.name,
        interval: Duration::from_millis(5),
        clock: Arc::new(SystemClock),
        health: HealthBoard::default(),
        seed: 1,
    }
}

/// A process killed again and again, wherever it happens to be, has everything in its log in the end, and once it is
/// left alone nothing comes twice. `between` runs between two lives.
async fn killed_at_any_moment(
    kind: &Kind,
    connect: &impl Fn() -> Box<dyn Connector>,
    wanted: &[&str],
    between: impl Fn(),
) {
    let mut rng = ChaCha8Rng::seed_from_u64(7);
    let memory = Memory::default();
    for _ in 0..KILLS {
        let life = LIFE.mul_f64(rng.random_range(0.0..1.0));
        // Dropping the future is the kill: nothing of the source goes on.
        let run = run_source(connect(), options(kind), &memory, &memory, CancellationToken::new());
        let _ = tokio::time::timeout(life, run).await;
        between();
    }
    run_until(kind, connect, &memory, wanted).await;
    let before = memory.events().len();
    let stop = CancellationToken::new();
    let quiet = run_source(connect(), options(kind), &memory, &memory, stop);
    let _ = tokio::time::timeout(LIFE * 4, quiet).await;
    let doubled = memory.events().split_off(before);
    assert!(doubled.is_empty(), "came again although the cursor was saved: {:?}", doubled[0].native_id);
}

/// Runs until all of `wanted` is in the log, and what follows has had time to be saved.
async fn run_until(kind: &Kind, connect: &impl Fn() -> Box<dyn Connector>, memory: &Memory, wanted: &[&str]) {
    let stop = CancellationToken::new();
    let running = run_source(connect(), options(kind), memory, memory, stop.clone());
    let watching = async {
        let begun = std::time::Instant::now();
        while begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(10)).await;
            let has = memory.events().into_iter().map(|e| e.native_id).collect::<BTreeSet<_>>();
            if wanted.iter().all(|id| has.contains(*id)) {
                break;
            }
        }
        tokio::time::sleep(Duration::from_millis(30)).await;
        stop.cancel();
    };
    let (ended, ()) = tokio::join!(running, watching);
    assert!(ended.is_ok(), "{ended:?}");
    let has = memory.events().into_iter().map(|e| e.native_id).collect::<BTreeSet<_>>();
    let lost: Vec<_> = wanted.iter().filter(|id| !has.contains(**id)).collect();
    assert!(lost.is_empty(), "lost: {lost:?}");
}

/// A process restarted after every single fetch sees everything exactly once.
async fn restart_after_every_fetch(connect: &impl Fn() -> Box<dyn Connector>, wanted: &[&str]) {
    let (mut cursor, mut still) = (None, 0);
    let mut seen = BTreeMap::<String, usize>::new();
    for _ in 0..MAX_FETCHES {
        let mut connector = connect();
        let Ok(Ok(fetched)) = tokio::time::timeout(FETCH_TIMEOUT, connector.fetch(cursor.as_ref())).await
        else {
            break;
        };
        for event in fetched.parsed.events {
            *seen.entry(event.event.native_id).or_default() += 1;
        }
        still = if cursor.as_ref() == Some(&fetched.cursor) { still + 1 } else { 0 };
        cursor = Some(fetched.cursor);
        if still == MAX_STILL || wanted.iter().all(|id| seen.contains_key(*id)) {
            break;
        }
    }
    let lost: Vec<_> = wanted.iter().filter(|id| !seen.contains_key(**id)).collect();
    let doubled: Vec<_> = seen.iter().filter(|(_, n)| **n > 1).collect();
    assert!(lost.is_empty(), "lost after restarts: {lost:?}");
    assert!(doubled.is_empty(), "doubled after restarts: {doubled:?}");
}

/// A process that dies between publishing and saving sees the page again, and loses nothing.
async fn crash_before_every_save(connect: &impl Fn() -> Box<dyn Connector>, wanted: &[&str]) {
    let (mut cursor, mut still) = (None, 0);
    let mut seen = BTreeSet::new();
    for _ in 0..MAX_FETCHES {
        let first = tokio::time::timeout(FETCH_TIMEOUT, connect().fetch(cursor.as_ref())).await;
        let Ok(Ok(first)) = first else { break };
        let again = tokio::time::timeout(FETCH_TIMEOUT, connect().fetch(cursor.as_ref())).await;
        let Ok(Ok(again)) = again else { break };
        let ids = |f: &crate::Fetched| {
            f.parsed.events.iter().map(|e| e.event.native_id.clone()).collect::<BTreeSet<_>>()
        };
        let (had, has) = (ids(&first), ids(&again));
        assert!(
            had.is_subset(&has) || has.is_subset(&had),
            "the same cursor gave other events: {had:?}, then {has:?}"
        );
        seen.extend(has);
        still = if cursor.as_ref() == Some(&again.cursor) { still + 1 } else { 0 };
        cursor = Some(again.cursor);
        if still == MAX_STILL || wanted.iter().all(|id| seen.contains(*id)) {
            break;
        }
    }
    assert!(wanted.iter().all(|id| seen.contains(*id)), "lost after crashes");
}

/// Under the driver: everything arrives, the metrics count it, and a stop is prompt.
async fn runs_counts_and_stops(kind: &Kind, connect: &impl Fn() -> Box<dyn Connector>, wanted: &[&str]) {
    let memory = Arc::new(Memory::default());
    let stop = CancellationToken::new();
    let options = options(kind);
    let health = options.health.clone();
    let running = run_source(connect(), options, &*memory, &*memory, stop.clone());
    let watching = async {
        let begun = std::time::Instant::now();
        while begun.elapsed() < PATIENCE {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if wanted.iter().all(|id| memory.events().iter().any(|e| e.native_id == *id)) {
                break;
            }
        }
        stop.cancel();
        tokio::time::Instant::now()
    };
    let (ended, cancelled_at) = tokio::join!(running, watching);
    assert!(ended.is_ok(), "{ended:?}");
    assert!(cancelled_at.elapsed() < SHUTDOWN_TIMEOUT, "a stopped source went on");
    let events = memory.events();
    assert!(
        wanted.iter().all(|id| events.iter().any(|e| e.native_id == *id)),
        "not everything arrived under the driver"
    );
    let state = health.snapshot();
    assert!(
        state["conformance"].last_success.is_some() && state["conformance"].events >= wanted.len() as u64
    );
    let counted = prometheus::default_registry().gather().into_iter().any(|family| {
        family.name() == "streife_source_events_total"
            && family.get_metric().iter().any(|m| m.get_label().iter().any(|l| l.value() == kind.name))
    });
    assert!(counted, "streife_source_events_total does not know {}", kind.name);
}

/// No bytes make a parse panic or vanish without a trace.
fn broken_input(kind: &Kind) {
    let context = ParseContext::new("conformance");
    let deep = "[".repeat(100_000);
    let deep_html = format!("<html>{}", "<div>".repeat(100_000));
    let broken: [&[u8]; 12] = [
        b"",
        b"{",
        b"[]",
        b"{}",
        b"null",
        b"\xff\xfe\x00",
        b"<html>",
        b"\x1f\x8b\x08broken",
        b"[1,2]",
        b"\"x\"",
        deep.as_bytes(),
        deep_html.as_bytes(),
    ];
    for bytes in broken {
        let observation = Observation::new("broken", bytes.to_vec(), testing::SEEN_AT);
        let parsed = (kind.parse)(&observation, &context);
        assert!(parsed.problems.iter().all(|p| !p.message.is_empty()));
    }
}

/// Against a server that answers 429 with `Retry-After: 7`: the fetch says until when.
pub async fn obeys_rate_limits(mut connector: Box<dyn Connector>) {
    let error = match tokio::time::timeout(FETCH_TIMEOUT, connector.fetch(None)).await {
        Ok(Err(error)) => error,
        other => panic!("429 was taken for an answer: {other:?}"),
    };
    assert_eq!(error.class(), FetchClass::RateLimited, "{error}");
    // The host is left alone from now on: the second fetch does not ask.
    if let Ok(Err(error)) = tokio::time::timeout(FETCH_TIMEOUT, connector.fetch(None)).await {
        assert_eq!(error.class(), FetchClass::RateLimited, "{error}");
    }
}
