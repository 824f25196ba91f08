//! The pace of each host: a token bucket, blocks imposed by the server, and a circuit breaker.

use std::collections::HashMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// Hosts remembered; beyond it those at rest are forgotten.
const MAX_HOSTS: usize = 10_000;
/// Failures in a row after which a host is left alone.
const BREAKER_FAILURES: u32 = 5;
/// The first rest; doubles with every further failure.
const BREAKER_REST: Duration = Duration::from_secs(30);
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
    pub(super) fn reserve(&self, host: &str, max_wait: Duration, jitter: f64) -> Result<Duration, Duration> {
        self.with(host, |h, now| {
            let interval = h.interval.mul_f64(1.0 + jitter);
            let full_at = h.full_at.max(now) + interval;
            let slack = h.interval.saturating_mul(h.burst);
            let turn = full_at.checked_sub(slack).unwrap_or(now).max(h.blocked_until);
            let wait = turn.saturating_duration_since(now);
            if wait > max_wait {
                return Err(wait);
            }
            h.full_at = full_at;
            Ok(wait)
        })
    }

    pub(super) fn block(&self, host: &str, rest: Duration) {
        self.with(host, |h, now| h.blocked_until = h.blocked_until.max(now + rest));
    }

    pub(super) fn note_success(&self, host: &str) {
        self.with(host, |h, _| h.failures = 0);
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

    /// A day of 1,000 sources on 50 hosts with mixed intervals: no host over its limit, no source starved.
    #[tokio::test(start_paused = true)]
    async fn a_day_of_a_thousand_sources() {
        let hosts = Hosts::new(SECOND, 2);
        let start = Instant::now();
        let mut due: Vec<(u64, usize)> = (0..1_000).map(|i| (i as u64 % 60, i)).collect();
        let mut asked: HashMap<usize, Vec<u64>> = HashMap::new();
        let mut fetched = vec![0u32; 1_000];
        for second in (0..86_400u64).step_by(5) {
            tokio::time::advance(
                (start + SECOND * u32::try_from(second).unwrap()).saturating_duration_since(Instant::now()),
            )
            .await;
            for (next, source) in &mut due {
                if *next > second {
                    continue;
                }
                let (host, interval) = (*source % 50, 60 + (*source as u64 % 7) * 240);
                match hosts.reserve(&host.to_string(), SECOND * 20, 0.05) {
                    Ok(wait) => {
                        asked
                            .entry(host)
                            .or_default()
                            .push(second * 1_000 + u64::try_from(wait.as_millis()).unwrap());
                        fetched[*source] += 1;
                        *next = second + interval;
                    }
                    Err(wait) => *next = second + wait.as_secs().max(1),
                }
            }
        }
        for (host, mut times) in asked {
            times.sort_unstable();
            let over = times.windows(12).filter(|w| w[11] - w[0] < 9_000).count();
            assert_eq!(over, 0, "host {host} was asked more than 11 times in 9 seconds");
        }
        for (source, count) in fetched.iter().enumerate() {
            let interval = 60 + (source as u32 % 7) * 240;
            assert!(*count * 2 >= 86_400 / interval, "source {source} was fetched {count} times");
        }
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
    }
}
