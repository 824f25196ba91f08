//! The loop around a connector: fetch, publish, save the cursor, wait. The only place that retries.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use streife_domain::Clock;
use tokio_util::sync::CancellationToken;

use crate::{
    Connector, Cursor, FetchError, Fetched, HealthBoard, Pace, ParseProblem, Parsed, ParsedEvent, metrics,
};

/// The first wait after a transient error; doubles up to [`MAX_BACKOFF`].
const FIRST_BACKOFF: Duration = Duration::from_secs(1);
/// The longest wait after transient errors.
const MAX_BACKOFF: Duration = Duration::from_secs(300);
/// Refused, gone, unlicensed: a person has to look; asked again rarely.
const PERSON_NEEDED_WAIT: Duration = Duration::from_secs(3_600);
/// The longest wait a server may impose; it is asked again after that.
const MAX_IMPOSED_WAIT: Duration = Duration::from_secs(6 * 3_600);
/// A source that says that there is news is asked no sooner than this after it was asked last.
const HINT_REST: Duration = Duration::from_secs(1);
/// Events published at once; larger fetches are published in parts before the cursor is saved.
const MAX_PUBLISH: usize = 1_000;

/// The log did not take the events or the cursor.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// May work later; the driver tries again with the same events.
    #[error("log out of reach: {0}")]
    Unavailable(String),
    /// Will never work; the source stops.
    #[error("log refused: {0}")]
    Refused(String),
}

/// Where events go: the runtime implements it over the log.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Returns when the log has all of them, in order.
    async fn publish(&self, events: &[ParsedEvent]) -> Result<(), SinkError>;

    /// Puts bytes that could not be read on their way to the dead letters, with the reasons.
    async fn reject(&self, source: &str, problems: &[ParseProblem]) -> Result<(), SinkError>;
}

/// Where cursors are kept: the runtime implements it over the compacted topic `sources.cursors`.
#[async_trait]
pub trait CursorStore: Send + Sync {
    /// The last cursor saved for a source.
    async fn load(&self, source: &str) -> Result<Option<Cursor>, SinkError>;
    /// Returns when the cursor is durable.
    async fn save(&self, source: &str, cursor: &Cursor) -> Result<(), SinkError>;
}

/// How to run one source.
#[derive(Clone)]
pub struct RunOptions {
    /// The source's name.
    pub name: String,
    /// Its kind: the metric label.
    pub kind: &'static str,
    /// Time between two fetches.
    pub interval: Duration,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// Where its health is shown.
    pub health: HealthBoard,
    /// Seed of the jitter.
    pub seed: u64,
}

/// Runs one source until it is finished or cancelled.
///
/// A crash at any point loses nothing: the cursor is saved after the log has the events. What was published
/// and not yet covered by a cursor comes again, and the pipeline drops it as a duplicate.
///
/// # Errors
/// [`SinkError::Refused`] when the log will never take the events; errors of the source end nothing.
pub async fn run_source(
    mut connector: Box<dyn Connector>,
    options: RunOptions,
    sink: &dyn Sink,
    cursors: &dyn CursorStore,
    stop: CancellationToken,
) -> Result<(), SinkError> {
    let mut driver = Driver { rng: ChaCha8Rng::seed_from_u64(options.seed), options, failures: 0 };
    let name = driver.options.name.clone();
    let Some(loaded) = driver.until_taken(&stop, || cursors.load(&name)).await? else {
        return Ok(());
    };
    let mut cursor = loaded;
    loop {
        let result = tokio::select! {
            biased;
            () = stop.cancelled() => return Ok(()),
            result = connector.fetch(cursor.as_ref()) => result,
        };
        // A source that failed is left alone for its time, whatever anybody says.
        let may_be_hinted = result.is_ok();
        let wait = match result {
            Ok(fetched) => {
                let Fetched { parsed, cursor: next, pace, newest } = fetched;
                driver.note_success(&parsed, newest);
                if !driver.publish(parsed, sink, &stop).await? {
                    return Ok(());
                }
                if cursor.as_ref() != Some(&next) {
                    if driver.until_taken(&stop, || cursors.save(&name, &next)).await?.is_none() {
                        return Ok(());
                    }
                    cursor = Some(next);
                }
                match pace {
                    Pace::Now => Duration::ZERO,
                    Pace::Interval => driver.options.interval,
                    Pace::After(wait) => wait.min(MAX_IMPOSED_WAIT),
                    Pace::Finished => {
                        driver.options.health.update(&driver.options.name, |h| h.finished = true);
                        return Ok(());
                    }
                }
            }
            Err(error) => driver.note_failure(&error),
        };
        if wait.is_zero() {
            // A source that always has more must not starve the others on its thread.
            tokio::task::yield_now().await;
        } else {
            let wait = driver.jittered(wait);
            let next =
                driver.options.clock.now().plus_secs(i64::try_from(wait.as_secs()).unwrap_or(i64::MAX));
            driver.options.health.update(&driver.options.name, |h| h.next_try = Some(next));
            let hint = async {
                tokio::time::sleep(HINT_REST).await;
                connector.hinted().await;
            };
            tokio::select! {
                () = stop.cancelled() => return Ok(()),
                () = tokio::time::sleep(wait) => {}
                () = hint, if may_be_hinted => {}
            }
        }
    }
}

struct Driver {
    options: RunOptions,
    rng: ChaCha8Rng,
    failures: u32,
}

impl Driver {
    /// Up to a tenth more, so that many sources do not fall into step.
    fn jittered(&mut self, wait: Duration) -> Duration {
        wait.mul_f64(1.0 + self.rng.random_range(0.0..0.1))
    }

    fn note_success(&mut self, parsed: &Parsed, newest: Option<streife_domain::Timestamp>) {
        self.failures = 0;
        let kind = self.options.kind;
        metrics::FETCHES.with_label_values(&[kind, "ok"]).inc();
        for (reason, count) in &parsed.ignored {
            metrics::IGNORED.with_label_values(&[kind, reason]).inc_by(*count);
        }
        let now = self.options.clock.now();
        let lag = newest.map(|newest| now.micros_since(newest) / 1_000_000);
        if let Some(lag) = lag {
            metrics::LAG.with_label_values(&[kind]).set(lag);
        }
        self.options.health.update(&self.options.name, |h| {
            kind.clone_into(&mut h.kind);
            h.last_success = Some(now);
            h.lag_seconds = lag.or(h.lag_seconds);
            h.error_class = None;
            h.error = None;
            h.failures = 0;
            h.next_try = None;
        });
    }

    /// Counts the failure and says how long to wait.
    fn note_failure(&mut self, error: &FetchError) -> Duration {
        self.failures = self.failures.saturating_add(1);
        let class = error.class().as_str();
        metrics::FETCHES.with_label_values(&[self.options.kind, class]).inc();
        tracing::warn!(source.name = %self.options.name, class, failures = self.failures, %error, "fetch failed");
        let (kind, failures) = (self.options.kind, self.failures);
        self.options.health.update(&self.options.name, |h| {
            kind.clone_into(&mut h.kind);
            h.error_class = Some(class);
            h.error = Some(error.to_string());
            h.failures = failures;
        });
        match error {
            FetchError::Transient(_) | FetchError::BadUpstream(_) => self.backoff(),
            FetchError::RateLimited { until } => {
                let micros = until.micros_since(self.options.clock.now()).max(0);
                Duration::from_micros(micros.unsigned_abs()).clamp(FIRST_BACKOFF, MAX_IMPOSED_WAIT)
            }
            FetchError::Refused(_) | FetchError::Gone(_) | FetchError::NotLicensed(_) => {
                PERSON_NEEDED_WAIT.max(self.options.interval)
            }
        }
    }

    fn backoff(&self) -> Duration {
        FIRST_BACKOFF.saturating_mul(1 << self.failures.saturating_sub(1).min(16)).min(MAX_BACKOFF)
    }

    /// Hands everything to the log; `false` when stopped before the log had all of it.
    async fn publish(
        &mut self,
        parsed: Parsed,
        sink: &dyn Sink,
        stop: &CancellationToken,
    ) -> Result<bool, SinkError> {
        let (kind, name) = (self.options.kind, self.options.name.clone());
        for part in parsed.events.chunks(MAX_PUBLISH) {
            if self.until_taken(stop, || sink.publish(part)).await?.is_none() {
                return Ok(false);
            }
            let count = part.len() as u64;
            metrics::EVENTS.with_label_values(&[kind]).inc_by(count);
            self.options.health.update(&name, |h| h.events += count);
        }
        // A source gone mad must not cost an append for every line of its nonsense.
        for part in parsed.problems.chunks(MAX_PUBLISH) {
            if self.until_taken(stop, || sink.reject(&name, part)).await?.is_none() {
                return Ok(false);
            }
            for problem in part {
                metrics::PROBLEMS.with_label_values(&[kind, problem.code.as_str()]).inc();
            }
            self.options.health.update(&name, |h| h.problems += part.len() as u64);
        }
        Ok(true)
    }

    /// Repeats a call to the log until it is taken; `None` when stopped before.
    async fn until_taken<T, F, R>(
        &self,
        stop: &CancellationToken,
        mut call: F,
    ) -> Result<Option<T>, SinkError>
    where
        F: FnMut() -> R,
        R: Future<Output = Result<T, SinkError>>,
    {
        let mut wait = FIRST_BACKOFF;
        loop {
            match call().await {
                Ok(value) => return Ok(Some(value)),
                Err(error @ SinkError::Refused(_)) => return Err(error),
                Err(error @ SinkError::Unavailable(_)) => {
                    tracing::warn!(source.name = %self.options.name, %error, "the log is out of reach, the source waits");
                }
            }
            tokio::select! {
                () = stop.cancelled() => return Ok(None),
                () = tokio::time::sleep(wait) => {}
            }
            wait = wait.saturating_mul(2).min(MAX_BACKOFF);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};

    use streife_domain::{RejectCode, SystemClock};

    use super::*;

    /// Counts what it is given, and how often.
    #[derive(Default)]
    struct Counting {
        calls: AtomicUsize,
        problems: AtomicUsize,
    }

    #[async_trait]
    impl Sink for Counting {
        async fn publish(&self, _: &[ParsedEvent]) -> Result<(), SinkError> {
            Ok(())
        }

        async fn reject(&self, _: &str, problems: &[ParseProblem]) -> Result<(), SinkError> {
            self.calls.fetch_add(1, Ordering::SeqCst);
            self.problems.fetch_add(problems.len(), Ordering::SeqCst);
            Ok(())
        }
    }

    #[async_trait]
    impl CursorStore for Counting {
        async fn load(&self, _: &str) -> Result<Option<Cursor>, SinkError> {
            Ok(None)
        }

        async fn save(&self, _: &str, _: &Cursor) -> Result<(), SinkError> {
            Ok(())
        }
    }

    struct Nonsense(usize);

    #[async_trait]
    impl Connector for Nonsense {
        async fn fetch(&mut self, _: Option<&Cursor>) -> Result<Fetched, FetchError> {
            let mut parsed = Parsed::default();
            (0..self.0).for_each(|n| parsed.problem(n.to_string(), RejectCode::BadJson, "not JSON", "x"));
            Ok(Fetched { parsed, cursor: Cursor(1.into()), pace: Pace::Finished, newest: None })
        }
    }

    #[tokio::test]
    async fn a_flood_of_nonsense_is_appended_in_parts() {
        let (sink, health) = (Counting::default(), HealthBoard::default());
        let options = RunOptions {
            name: "t".to_owned(),
            kind: "test",
            interval: FIRST_BACKOFF,
            clock: Arc::new(SystemClock),
            health: health.clone(),
            seed: 1,
        };
        let source = Box::new(Nonsense(MAX_PUBLISH * 2 + 1));
        run_source(source, options, &sink, &sink, CancellationToken::new()).await.unwrap();
        assert_eq!(sink.calls.load(Ordering::SeqCst), 3);
        assert_eq!(sink.problems.load(Ordering::SeqCst), MAX_PUBLISH * 2 + 1);
        assert_eq!(health.snapshot()["t"].problems as usize, MAX_PUBLISH * 2 + 1);
    }
}
