//! A day on a simulated clock: a thousand sources under the real driver and the real politeness, servers that limit, fail
//! and stall. Seeded by `STREIFE_SIM_SEED`.

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use streife_domain::{Clock, Timestamp};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use super::pace::Hosts;
use crate::{
    Connector, Cursor, CursorStore, FetchError, Fetched, HealthBoard, Pace, ParseProblem, Parsed,
    ParsedEvent, RunOptions, Sink, SinkError, run_source,
};

const DAY: u64 = 86_400;
const SOURCES: usize = 1_000;
const HOSTS: usize = 97;
const INTERVALS: [u64; 5] = [60, 120, 300, 900, 3_600];
/// One request a second and three at once, as the default has it.
const HOST_INTERVAL: Duration = Duration::from_secs(1);
const BURST: u32 = 3;
/// Sources of 60 s on one host that could answer only a part of them: 1.7 requests a second are wanted.
const CROWDED: usize = 100;
/// What a stalled server costs: the client's limit.
const STALL: Duration = Duration::from_secs(30);

/// How a host behaves.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Host {
    Fine,
    /// Now and then 429 with `Retry-After: 600`.
    Limiting,
    /// 429 for ever.
    AlwaysLimiting,
    /// 500 from the sixth to the twelfth hour.
    Failing,
    /// Takes every request and says nothing.
    Stalled,
    /// Fine, and too many want it.
    Crowded,
}

fn behaviour(host: usize) -> Host {
    match host {
        0 => Host::Crowded,
        1 => Host::Stalled,
        2 => Host::AlwaysLimiting,
        3..=6 => Host::Failing,
        7..=16 => Host::Limiting,
        _ => Host::Fine,
    }
}

/// The time of the simulation.
struct Simulated(Instant);

impl Clock for Simulated {
    fn now(&self) -> Timestamp {
        let micros = i64::try_from(self.0.elapsed().as_micros()).unwrap();
        Timestamp::from_micros(1_790_000_000_000_000 + micros)
    }
}

/// What happened.
#[derive(Default)]
struct Diary {
    /// When each host was asked.
    asked: HashMap<usize, Vec<Duration>>,
    /// When a host said to be left alone, and until when.
    rests: HashMap<usize, Vec<(Duration, Duration)>>,
    /// When each source was answered.
    answered: Vec<Vec<Duration>>,
}

struct World {
    start: Instant,
    hosts: Hosts,
    clock: Arc<dyn Clock>,
    diary: Mutex<Diary>,
}

struct Visitor {
    world: Arc<World>,
    source: usize,
    host: usize,
    rng: ChaCha8Rng,
}

#[async_trait]
impl Connector for Visitor {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let (world, host) = (self.world.clone(), self.host);
        let name = host.to_string();
        world.hosts.turn(&name, self.rng.random_range(0.0..0.1), &*world.clock).await?;
        let at = world.start.elapsed();
        world.diary.lock().unwrap().asked.entry(host).or_default().push(at);
        let hour = at.as_secs() / 3_600;
        let (status, retry_secs) = match behaviour(host) {
            Host::Stalled => {
                tokio::time::sleep(STALL).await;
                world.hosts.note_failure(&name);
                return Err(FetchError::Transient("silent".to_owned()));
            }
            Host::AlwaysLimiting => (429, Some(600)),
            Host::Limiting if self.rng.random_bool(0.02) => (429, Some(600)),
            Host::Failing if (6..12).contains(&hour) => (500, None),
            _ => (200, None),
        };
        tokio::time::sleep(Duration::from_millis(self.rng.random_range(20..1_500))).await;
        let until = retry_secs.map(|secs| world.clock.now().plus_secs(secs));
        let result = world.hosts.judge(&name, "/", status, until, &*world.clock);
        let now = world.start.elapsed();
        let mut diary = world.diary.lock().unwrap();
        if let Some(secs) = retry_secs {
            let rest = (now, now + Duration::from_secs(secs.unsigned_abs()));
            diary.rests.entry(host).or_default().push(rest);
        }
        result?;
        diary.answered[self.source].push(now);
        let visits = cursor.and_then(|c| c.0.as_u64()).unwrap_or_default();
        Ok(Fetched {
            parsed: Parsed::default(),
            cursor: Cursor((visits + 1).into()),
            pace: Pace::Interval,
            newest: None,
        })
    }
}

/// Takes everything.
struct Nowhere;

#[async_trait]
impl Sink for Nowhere {
    async fn publish(&self, _: &[ParsedEvent]) -> Result<(), SinkError> {
        Ok(())
    }

    async fn reject(&self, _: &str, _: &[ParseProblem]) -> Result<(), SinkError> {
        Ok(())
    }
}

#[async_trait]
impl CursorStore for Nowhere {
    async fn load(&self, _: &str) -> Result<Option<Cursor>, SinkError> {
        Ok(None)
    }

    async fn save(&self, _: &str, _: &Cursor) -> Result<(), SinkError> {
        Ok(())
    }
}

/// Host and interval of a source.
fn source_of(source: usize, rng: &mut ChaCha8Rng) -> (usize, u64) {
    if source < CROWDED {
        return (0, INTERVALS[0]);
    }
    (1 + rng.random_range(0..HOSTS - 1), INTERVALS[rng.random_range(0..INTERVALS.len())])
}

async fn live_a_day(seed: u64) -> (Diary, Vec<(usize, u64)>) {
    let start = Instant::now();
    let clock: Arc<dyn Clock> = Arc::new(Simulated(start));
    let diary = Mutex::new(Diary { answered: vec![Vec::new(); SOURCES], ..Diary::default() });
    let hosts = Hosts::new(HOST_INTERVAL, BURST);
    let world = Arc::new(World { start, hosts, clock: clock.clone(), diary });
    let (stop, health) = (CancellationToken::new(), HealthBoard::default());
    let mut rng = ChaCha8Rng::seed_from_u64(seed);
    let sources: Vec<(usize, u64)> = (0..SOURCES).map(|source| source_of(source, &mut rng)).collect();
    let mut running = tokio::task::JoinSet::new();
    for (source, (host, interval)) in sources.iter().copied().enumerate() {
        let seed = seed.wrapping_mul(10_007).wrapping_add(source as u64);
        let rng = ChaCha8Rng::seed_from_u64(seed);
        let connector = Box::new(Visitor { world: world.clone(), source, host, rng });
        let options = RunOptions {
            name: source.to_string(),
            kind: "simulated",
            interval: Duration::from_secs(interval),
            clock: clock.clone(),
            health: health.clone(),
            seed,
        };
        let stop = stop.clone();
        running.spawn(async move { run_source(connector, options, &Nowhere, &Nowhere, stop).await.unwrap() });
    }
    tokio::time::sleep(Duration::from_secs(DAY)).await;
    stop.cancel();
    while let Some(ended) = running.join_next().await {
        ended.unwrap();
    }
    let diary = std::mem::take(&mut *world.diary.lock().unwrap());
    (diary, sources)
}

/// The longest time between two answers, the day's beginning and end included.
fn longest_gap(answers: &[Duration]) -> Duration {
    let day = [Duration::from_secs(DAY)];
    let mut before = Duration::ZERO;
    let mut longest = Duration::ZERO;
    for at in answers.iter().chain(&day) {
        longest = longest.max(at.saturating_sub(before));
        before = *at;
    }
    longest
}

#[tokio::test(start_paused = true)]
async fn a_day_of_a_thousand_sources() {
    let seed = std::env::var("STREIFE_SIM_SEED").ok().and_then(|s| s.parse().ok()).unwrap_or(1);
    let (diary, sources) = live_a_day(seed).await;
    let said = |what: &str| format!("{what} (seed {seed})");

    // The troubles were there.
    let fired = |wanted: Host| diary.asked.keys().filter(|host| behaviour(**host) == wanted).count();
    for trouble in [Host::Limiting, Host::AlwaysLimiting, Host::Failing, Host::Stalled, Host::Crowded] {
        assert!(fired(trouble) > 0, "{}: {trouble:?}", said("nobody asked"));
    }
    assert!(diary.rests.len() > 5, "{}: {}", said("nobody was limited"), diary.rests.len());
    // No host over its limit: in no minute more than the bucket holds and a minute fills.
    let window = usize::try_from(60 + BURST).unwrap() + 1;
    for (host, asked) in &diary.asked {
        let over = asked.windows(window).find(|w| w[window - 1] - w[0] < Duration::from_secs(60));
        assert!(over.is_none(), "{}: host {host} {over:?}", said("asked too often"));
    }
    // Retry-After is obeyed: whoever asks once the answer is there asks after the rest.
    for (host, rests) in &diary.rests {
        for (said_at, until) in rests {
            let early = diary.asked[host].iter().find(|at| **at > *said_at && **at < *until);
            assert!(early.is_none(), "{}: host {host} {early:?} {until:?}", said("asked within its rest"));
        }
    }
    for (host, asked) in &diary.asked {
        let failing_hours = asked.iter().filter(|at| (6 * 3_600..12 * 3_600).contains(&at.as_secs())).count();
        match behaviour(*host) {
            // Six hours are 24 of the longest rests; after each one request tries. Those before the breaker opened and
            // those under way when it did come on top.
            Host::Failing => assert!(failing_hours <= 60, "{}: {failing_hours}", said("the breaker is open")),
            Host::Stalled => assert!(asked.len() <= 200, "{}: {}", said("the breaker is open"), asked.len()),
            // Every ten minutes, and those that asked before the answer was there.
            Host::AlwaysLimiting => assert!(asked.len() <= 450, "{}: {}", said("429 for ever"), asked.len()),
            Host::Fine | Host::Limiting | Host::Crowded => {}
        }
    }
    // Nobody starves, and what others suffer holds up nobody.
    for (source, (host, interval)) in sources.iter().enumerate() {
        let answers = &diary.answered[source];
        let gap = longest_gap(answers).as_secs();
        let place =
            format!("source {source} of host {host}, every {interval} s: {} answers, {gap} s", answers.len());
        match behaviour(*host) {
            Host::Fine => {
                assert!(gap <= interval * 11 / 10 + 30, "{}: {place}", said("starved"));
                assert!(
                    answers.len() as u64 >= DAY / (interval * 11 / 10 + 5),
                    "{}: {place}",
                    said("starved")
                );
            }
            Host::Limiting => assert!(gap <= interval * 11 / 10 + 7_200, "{}: {place}", said("starved")),
            // It comes back when its server does.
            Host::Failing => {
                assert!(gap <= 6 * 3_600 + interval * 11 / 10 + 1_000, "{}: {place}", said("lost"));
            }
            // An equal share is some 820 answers.
            Host::Crowded => assert!(answers.len() >= 200 && gap <= 1_800, "{}: {place}", said("starved")),
            Host::Stalled | Host::AlwaysLimiting => assert!(answers.is_empty(), "{place}"),
        }
    }
}
