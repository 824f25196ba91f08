//! The shared test that every connector passes, and a small server to point it at.
//!
//! It checks the MUST lines of [`crate::Connector`]: resume without loss or double, crash without loss, prompt shutdown,
//! metrics, broken input, obeyed rate limits.

#![expect(clippy::panic, reason = "support for tests: a panic is how a test fails")]

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use streife_domain::{Clock, Event, RejectCode, SystemClock};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

use crate::{
    Connector, Cursor, CursorStore, Deps, FetchClass, HealthBoard, Http, HttpConfig, Kind, Observation,
    ParseContext, RunOptions, Sink, SinkError, run_source, testing,
};

/// Fetches in one check; more mean that a connector walks in circles.
const MAX_FETCHES: usize = 200;
/// So many fetches in a row that change nothing mean that nothing is left.
const MAX_STILL: usize = 5;
/// A fetch against a local server takes no longer.
const FETCH_TIMEOUT: Duration = Duration::from_secs(20);
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
        Ok(http) => Deps { http, clock, kinds },
        Err(error) => panic!("{error}"),
    }
}

/// Events and cursors in memory; can be told to be out of reach.
#[derive(Default)]
pub struct Memory {
    events: Mutex<Vec<Event>>,
    rejects: Mutex<Vec<(RejectCode, Bytes)>>,
    cursors: Mutex<HashMap<String, Cursor>>,
}

impl Memory {
    /// What was published so far.
    pub fn events(&self) -> Vec<Event> {
        self.events.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// What was rejected so far.
    pub fn rejects(&self) -> Vec<(RejectCode, Bytes)> {
        self.rejects.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Sink for Memory {
    async fn publish(&self, events: Vec<(Event, Bytes)>) -> Result<(), SinkError> {
        let mut all = self.events.lock().unwrap_or_else(PoisonError::into_inner);
        all.extend(events.into_iter().map(|(event, _)| event));
        Ok(())
    }

    async fn reject(&self, _: &str, raw: Bytes, code: RejectCode, _: String) -> Result<(), SinkError> {
        self.rejects.lock().unwrap_or_else(PoisonError::into_inner).push((code, raw));
        Ok(())
    }
}

#[async_trait]
impl CursorStore for Memory {
    async fn load(&self, source: &str) -> Result<Option<Cursor>, SinkError> {
        Ok(self.cursors.lock().unwrap_or_else(PoisonError::into_inner).get(source).cloned())
    }

    async fn save(&self, source: &str, cursor: &Cursor) -> Result<(), SinkError> {
        self.cursors.lock().unwrap_or_else(PoisonError::into_inner).insert(source.to_owned(), cursor.clone());
        Ok(())
    }
}

/// Runs every check on a connector; `wanted` are the native ids that its server holds.
pub async fn check(kind: &Kind, connect: impl Fn() -> Box<dyn Connector>, wanted: &[&str]) {
    restart_after_every_fetch(&connect, wanted).await;
    crash_before_every_save(&connect, wanted).await;
    runs_counts_and_stops(kind, &connect, wanted).await;
    broken_input(kind);
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
    let options = RunOptions {
        name: "conformance".to_owned(),
        kind: kind.name,
        interval: Duration::from_millis(20),
        clock: Arc::new(SystemClock),
        health: HealthBoard::default(),
        seed: 1,
    };
    let health = options.health.clone();
    let running = run_source(connect(), options, &*memory, &*memory, stop.clone());
    let watching = async {
        for _ in 0..500 {
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

/// An answer of the small server.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Header lines.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Reply {
    /// 200 with a body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into() }
    }

    /// A status alone.
    pub const fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// A server of one handler (path with query, header block) on a free port of loopback, for the length of the test.
pub async fn serve(handler: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> SocketAddr {
    let listener = match TcpListener::bind("127.0.0.1:0").await {
        Ok(listener) => listener,
        Err(error) => panic!("no free port: {error}"),
    };
    let Ok(address) = listener.local_addr() else { panic!("no address") };
    let handler = Arc::new(handler);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let handler = handler.clone();
            tokio::spawn(async move {
                let mut request = Vec::new();
                let mut step = [0; 4096];
                while !request.windows(4).any(|w| w == b"\r\n\r\n") {
                    match socket.read(&mut step).await {
                        Ok(n) if n > 0 => request.extend_from_slice(&step[..n]),
                        _ => return,
                    }
                }
                let request = String::from_utf8_lossy(&request).into_owned();
                let path = request.split_whitespace().nth(1).unwrap_or("/").to_owned();
                let reply = handler(&path, &request);
                let mut head = format!(
                    "HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n",
                    reply.status,
                    reply.body.len()
                );
                for (name, value) in &reply.headers {
                    head.push_str(&format!("{name}: {value}\r\n"));
                }
                head.push_str("\r\n");
                let _ = socket.write_all(head.as_bytes()).await;
                let _ = socket.write_all(&reply.body).await;
            });
        }
    });
    address
}
