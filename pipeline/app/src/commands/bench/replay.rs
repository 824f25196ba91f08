//! `streife bench replay`: a Jetstream on loopback, read by the connector under its driver into the log on disk, as `collect`
//! does it. What this process spends and holds is measured; the server has a thread of its own, whose CPU time is
//! taken off.

use std::fmt::Write;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use futures::SinkExt;
use streife_domain::Clock;
use streife_log::{EmbeddedLog, EventLog};
use streife_runtime::collect::{LogCursors, LogSink};
use streife_sdk::{Deps, HealthBoard, Http, HttpConfig, RunOptions, SourceConfig, run_source};
use tokio::net::TcpListener;
use tokio_tungstenite::tungstenite::Message;
use tokio_util::sync::CancellationToken;

use super::Figure;
use crate::cli::BenchArgs;
use crate::cost::{cpu_seconds, resident_megabytes};
use crate::failure::Failure;
use crate::{kinds, open};

/// The rate that has to be kept, and for how long (times `--scale`).
const EVENTS_PER_SEC: u64 = 5_000;
const SECS: u64 = 150;
/// Events of the second part, sent as fast as they are taken.
const RUSH_EVENTS: u64 = 300_000;
/// The server sends so often.
const TICK: Duration = Duration::from_millis(20);
/// How often the figures of the process are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// What is not there so long after the last event was sent is lost.
const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let events = EVENTS_PER_SEC * SECS * u64::from(args.scale.max(1));
    let steady = replay(events, Some(EVENTS_PER_SEC))?;
    let rush = replay(RUSH_EVENTS, None)?;
    Ok(vec![
        Figure::new("events sent and in the log, steadily", steady.events as f64, "events"),
        Figure::new("steadily", steady.rate(), "events/s").against("asked", EVENTS_PER_SEC as f64),
        Figure::new("behind the server, at most", steady.most_behind as f64, "events"),
        Figure::new("CPU share of one core", steady.cpu_seconds / steady.wall_seconds * 100.0, "%"),
        Figure::new("resident memory at the end", steady.megabytes_end, "MB")
            .against("at a tenth", steady.megabytes_tenth),
        Figure::new("at full speed", rush.rate(), "events/s"),
        Figure::new("at full speed", rush.events as f64 / rush.cpu_seconds, "events/CPU-s"),
    ])
}

/// What one run cost.
struct Run {
    events: u64,
    wall_seconds: f64,
    cpu_seconds: f64,
    most_behind: u64,
    megabytes_tenth: f64,
    megabytes_end: f64,
}

impl Run {
    fn rate(&self) -> f64 {
        self.events as f64 / self.wall_seconds
    }
}

/// The server's side, seen from here.
#[derive(Default)]
struct Sent {
    events: AtomicU64,
    cpu_nanos: AtomicU64,
    ended: AtomicBool,
}

fn replay(events: u64, per_sec: Option<u64>) -> Result<Run, Failure> {
    let sent = Arc::new(Sent::default());
    let (address, server) = start_server(events, per_sec, Arc::clone(&sent))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build()?;
    let run = runtime.block_on(collect(address, events, &sent));
    sent.ended.store(true, Ordering::SeqCst);
    if server.join().is_err() {
        return Err(Failure::upstream("the server of the benchmark ended with a panic".to_owned()));
    }
    run
}

async fn collect(address: SocketAddr, events: u64, sent: &Sent) -> Result<Run, Failure> {
    let folder = tempfile::tempdir()?;
    let clock = open::clock();
    let log = EmbeddedLog::open(folder.path(), Arc::clone(&clock))
        .map_err(|e| Failure::configuration(e.to_string()))?;
    let log: Arc<dyn EventLog> = Arc::new(log);
    log.ensure_topics(&open::topics(1)?).await.map_err(anyhow::Error::from)?;
    let (health, stop) = (HealthBoard::default(), CancellationToken::new());
    let source = source(address, Arc::clone(&clock))?;
    let options = RunOptions {
        name: "bench".to_owned(),
        kind: "jetstream",
        interval: Duration::from_secs(1),
        clock,
        health: health.clone(),
        seed: 1,
    };
    let running = tokio::spawn({
        let (log, stop) = (Arc::clone(&log), stop.clone());
        async move {
            let (sink, cursors) = (LogSink::new(Arc::clone(&log)), LogCursors::new(log));
            run_source(source, options, &sink, &cursors, stop).await
        }
    });
    let run = watch(&health, events, sent).await;
    stop.cancel();
    running.await.map_err(anyhow::Error::from)?.map_err(anyhow::Error::from)?;
    run
}

fn source(address: SocketAddr, clock: Arc<dyn Clock>) -> Result<Box<dyn streife_sdk::Connector>, Failure> {
    let http = HttpConfig { allow_private: true, ..HttpConfig::default() };
    let http = Http::new(&http, Arc::clone(&clock)).map_err(|e| Failure::configuration(e.to_string()))?;
    let deps = Deps { http, clock, kinds: kinds::all(), websub: None };
    let text = format!("name='bench'\nkind='jetstream'\n[settings]\nendpoints=['ws://{address}']");
    let config: SourceConfig = toml::from_str(&text).map_err(anyhow::Error::from)?;
    streife_bluesky::jetstream::connect(&config, &deps).map_err(|e| Failure::configuration(e.to_string()))
}

/// Looks at the process until the log has everything.
async fn watch(health: &HealthBoard, events: u64, sent: &Sent) -> Result<Run, Failure> {
    let published = || health.snapshot().get("bench").map_or(0, |h| h.events);
    while published() == 0 {
        tokio::time::sleep(LOOK_INTERVAL).await;
    }
    let (begun, cpu_begun) = (Instant::now(), cpu_seconds());
    let (server_begun, first) = (sent.cpu_nanos.load(Ordering::SeqCst), published());
    let (mut most_behind, mut megabytes_tenth, mut all_sent) = (0, 0.0, None);
    loop {
        tokio::time::sleep(LOOK_INTERVAL).await;
        // What was sent is looked at first: what is published may only have grown since.
        let (had, has) = (sent.events.load(Ordering::SeqCst), published());
        most_behind = most_behind.max(had.saturating_sub(has));
        if has >= events / 10 && megabytes_tenth == 0.0 {
            megabytes_tenth = resident_megabytes();
        }
        if has >= events {
            break;
        }
        if had >= events {
            let since: &mut Instant = all_sent.get_or_insert_with(Instant::now);
            if since.elapsed() > PATIENCE {
                return Err(Failure::upstream(format!("{has} of {events} events reached the log")));
            }
        }
    }
    let server = (sent.cpu_nanos.load(Ordering::SeqCst) - server_begun) as f64 / 1e9;
    Ok(Run {
        events: events - first,
        wall_seconds: begun.elapsed().as_secs_f64(),
        cpu_seconds: cpu_seconds() - cpu_begun - server,
        most_behind,
        megabytes_tenth,
        megabytes_end: resident_megabytes(),
    })
}

/// A Jetstream for one client, on a thread of its own.
fn start_server(
    events: u64,
    per_sec: Option<u64>,
    sent: Arc<Sent>,
) -> Result<(SocketAddr, std::thread::JoinHandle<()>), Failure> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0")?;
    listener.set_nonblocking(true)?;
    let address = listener.local_addr()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let server = std::thread::Builder::new().name("bench-jetstream".to_owned()).spawn(move || {
        if let Err(error) = runtime.block_on(serve(listener, events, per_sec, &sent)) {
            tracing::error!(%error, "the server of the benchmark ended");
        }
    })?;
    Ok((address, server))
}

async fn serve(
    listener: std::net::TcpListener,
    events: u64,
    per_sec: Option<u64>,
    sent: &Sent,
) -> anyhow::Result<()> {
    let (tcp, _) = TcpListener::from_std(listener)?.accept().await?;
    let mut socket = tokio_tungstenite::accept_async(tcp).await?;
    let begun = Instant::now();
    let mut number = 0;
    while number < events && !sent.ended.load(Ordering::SeqCst) {
        let due = match per_sec {
            Some(rate) => ((begun.elapsed().as_secs_f64() * rate as f64) as u64).min(events),
            None => (number + 1_000).min(events),
        };
        while number < due {
            number += 1;
            socket.feed(Message::Text(event(number).into())).await?;
        }
        socket.flush().await?;
        sent.events.store(number, Ordering::SeqCst);
        let cpu = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
        sent.cpu_nanos
            .store(cpu.tv_sec.unsigned_abs() * 1_000_000_000 + cpu.tv_nsec.unsigned_abs(), Ordering::SeqCst);
        if per_sec.is_some() {
            tokio::time::sleep(TICK).await;
        }
    }
    while !sent.ended.load(Ordering::SeqCst) {
        tokio::time::sleep(TICK).await;
    }
    Ok(())
}

/// An invented post as today's servers of version 1 send it, of the usual length; of five the first two are out of order.
fn event(number: u64) -> String {
    let time_us = 1_767_323_045_000_000 + number * 200 - if number % 5 < 2 { 30_000 } else { 0 };
    let mut text = String::with_capacity(700);
    // Writing to a String does not fail.
    let _ = write!(
        text,
        "{{\"did\":\"did:plc:bench{:06}\",\"time_us\":{time_us},\"cursor\":{number},\"kind\":\"commit\",\"commit\":{{\"rev\":\"3kz{number}\",\"operation\":\"create\",\"collection\":\"app.bsky.feed.post\",\"rkey\":\"3k{number}\",\"record\":{{\"$type\":\"app.bsky.feed.post\",\"createdAt\":\"2026-01-02T03:04:05.000Z\",\"langs\":[\"de\"],\"text\":\"Erfundener Beitrag Nummer {number} über das Wetter, mit Umlauten und https://example.org/{number}\",\"facets\":[{{\"index\":{{\"byteStart\":61,\"byteEnd\":80}},\"features\":[{{\"$type\":\"app.bsky.richtext.facet#link\",\"uri\":\"https://example.org/{number}\"}}]}}]}},\"cid\":\"bafyreidwaivazkwu67xztlmuobx35hs2lnfh3kolmgfmucldvhd3sgzcqi\"}}}}",
        number % 50_000
    );
    text
}
