//! The pace of each host: a token bucket, blocks imposed by the server, and a circuit breaker.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use streife_domain::{Clock, Timestamp};
use tokio::time::Instant;

use crate::FetchError;

/// Hosts remembered; beyond it those at rest are forgotten.
const MAX_HOSTS: usize = 10_000;
/// The longest a request waits for its turn at a host; longer waits are handed to the driver.
const MAX_QUEUE_WAIT: Duration = Duration::from_secs(20);
/// A server that says 429 and not for how long is left alone for this long.
pub(super) const DEFAULT_RETRY_SECS: i64 = 60;
/// Failures in a row after which a host is left alone.
const BREAKER_FAILURES: u32 = 5;
/// The first rest; doubles with every further failure.
const BREAKER_REST: Duration = Duration::from_secs(30);
/// After a rest one request tries the host; the others wait for its end, so long at most.
const PROBE_TIME: Duration = Duration::from_secs(60);
/// The longest rest.
const BREAKER_MAX_REST: Duration = Duration::from_secs(900);

pub(super) struct Hosts {
    interval: Duration,
    burst: u32,
    hosts: Mutex<HashMap<String, Host>>,
}

struct Host {
    interval: Duration,
    burst: u32,
    /// When the bucket would be full again (GCRA: one number instead of a count and a time).
    full_at: Instant,
    blocked_until: Instant,
    failures: u32,
    /// One request tries a host that failed.
    probed_until: Instant,
}

impl Hosts {
    pub(super) fn new(interval: Duration, burst: u32) -> Self {
        Self { interval, burst: burst.max(1), hosts: Mutex::default() }
    }

    fn with<T>(&self, host: &str, act: impl FnOnce(&mut Host, Instant) -> T) -> T {
        let now = Instant::now();
        let mut hosts = self.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() >= MAX_HOSTS && !hosts.contains_key(host) {
            hosts.retain(|_, h| h.full_at > now || h.blocked_until > now);
        }
        let entry = hosts.entry(host.to_owned()).or_insert_with(|| Host {
            interval: self.interval,
            burst: self.burst,
            full_at: now,
            blocked_until: now,
            failures: 0,
            probed_until: now,
        });
        act(entry, now)
    }

    pub(super) fn set_pace(&self, host: &str, interval: Duration, burst: u32) {
        self.with(host, |h, _| {
            h.interval = interval;
            h.burst = burst.max(1);
        });
    }

    /// Takes a turn and says how long to wait for it; an error says how long when that is too long to queue.
    /// `jitter` (0 to 1) stretches the interval.
    fn reserve(&self, host: &str, max_wait: Duration, jitter: f64) -> Result<Duration, Duration> {
        self.with(host, |h, now| {
            let interval = h.interval.mul_f64(1.0 + jitter);
            let full_at = h.full_at.max(now) + interval;
            let slack = h.interval.saturating_mul(h.burst);
            let turn = full_at.checked_sub(slack).unwrap_or(now).max(h.blocked_until).max(h.probed_until);
            let wait = turn.saturating_duration_since(now);
            if wait > max_wait {
                return Err(wait);
            }
            h.full_at = full_at;
            if h.failures >= BREAKER_FAILURES {
                h.probed_until = now + wait + PROBE_TIME;
            }
            Ok(wait)
        })
    }

    /// Waits for a turn at the host. A host that asked to be left alone meanwhile is.
    ///
    /// # Errors
    /// [`FetchError::RateLimited`] when the turn is further away than [`MAX_QUEUE_WAIT`]: the driver waits better.
    pub(super) async fn turn(&self, host: &str, jitter: f64, clock: &dyn Clock) -> Result<(), FetchError> {
        let too_long = |wait: Duration| {
            let secs = i64::try_from(wait.as_secs()).unwrap_or(i64::MAX).saturating_add(1);
            FetchError::RateLimited { until: clock.now().plus_secs(secs) }
        };
        tokio::time::sleep(self.reserve(host, MAX_QUEUE_WAIT, jitter).map_err(too_long)?).await;
        let blocked = self.with(host, |h, now| h.blocked_until.saturating_duration_since(now));
        if blocked.is_zero() { Ok(()) } else { Err(too_long(blocked)) }
    }

    /// What the status of an answer means for the host and for the request; `until` is when the server wants to be
    /// asked again.
    ///
    /// # Errors
    /// By class, for everything that is no success.
    pub(super) fn judge(
        &self,
        host: &str,
        path: &str,
        status: u16,
        until: Option<Timestamp>,
        clock: &dyn Clock,
    ) -> Result<(), FetchError> {
        let place = || format!("{status} from {host}{path}");
        let rest = |until: Timestamp| {
            let micros = until.micros_since(clock.now()).max(0);
            self.block(host, Duration::from_micros(micros.unsigned_abs()));
        };
        match (status, until) {
            (200..=299 | 304, until) => {
                self.note_success(host);
                until.into_iter().for_each(rest);
                Ok(())
            }
            (429, until) => {
                let until = until.unwrap_or_else(|| clock.now().plus_secs(DEFAULT_RETRY_SECS));
                rest(until);
                Err(FetchError::RateLimited { until })
            }
            (503, Some(until)) => {
                rest(until);
                Err(FetchError::RateLimited { until })
            }
            (500.., _) => {
                self.note_failure(host);
                Err(FetchError::Transient(place()))
            }
            // The host answers, whatever it thinks of the request.
            _ => {
                self.note_success(host);
                Err(match status {
                    401 | 403 | 451 => FetchError::Refused(place()),
                    404 | 410 => FetchError::Gone(place()),
                    _ => FetchError::BadUpstream(place()),
                })
            }
        }
    }

    fn block(&self, host: &str, rest: Duration) {
        self.with(host, |h, now| h.blocked_until = h.blocked_until.max(now + rest));
    }

    fn note_success(&self, host: &str) {
        self.with(host, |h, now| {
            h.failures = 0;
            h.probed_until = now;
        });
    }

    pub(super) fn note_failure(&self, host: &str) {
        self.with(host, |h, now| {
            h.failures = h.failures.saturating_add(1);
            if let Some(over) = h.failures.checked_sub(BREAKER_FAILURES) {
                let rest = BREAKER_REST.saturating_mul(1 << over.min(8)).min(BREAKER_MAX_REST);
                h.blocked_until = h.blocked_until.max(now + rest);
            }
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[tokio::test(start_paused = true)]
    async fn a_burst_then_one_per_interval() {
        let hosts = Hosts::new(SECOND, 3);
        let waits: Vec<_> = (0..5).map(|_| hosts.reserve("a", SECOND * 60, 0.0).unwrap().as_secs()).collect();
        assert_eq!(waits, [0, 0, 0, 1, 2]);
        assert_eq!(hosts.reserve("b", SECOND * 60, 0.0), Ok(Duration::ZERO), "hosts do not share a bucket");
    }

    #[tokio::test(start_paused = true)]
    async fn the_breaker_opens_and_closes() {
        let hosts = Hosts::new(SECOND, 3);
        for _ in 0..BREAKER_FAILURES {
            hosts.note_failure("a");
        }
        assert!(hosts.reserve("a", SECOND, 0.0).is_err());
        tokio::time::advance(BREAKER_REST).await;
        assert!(hosts.reserve("a", SECOND, 0.0).is_ok());
        assert!(hosts.reserve("a", SECOND, 0.0).is_err(), "one tries, the others wait for what it finds");
        hosts.note_success("a");
        assert!(hosts.reserve("a", SECOND, 0.0).is_ok());
    }
}
