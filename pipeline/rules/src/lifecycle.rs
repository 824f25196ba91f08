//! Who may switch a rule live, when a rule stops filing, when its hit rate is odd. Pure values and functions.

use serde::{Deserialize, Serialize};

use crate::{Rule, State};

/// Why a rule may not go live.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotLive {
    /// Owner and approver are one person.
    #[error("{0} owns the rule; a second person switches it live")]
    SamePerson(String),
    /// Nobody approves.
    #[error("nobody approves the rule; a second person switches it live")]
    Nobody,
    /// The rule was never run over history.
    #[error("the rule has no backtest report; run one first")]
    NoBacktest,
    /// The rule is retired for good.
    #[error("the rule is retired; write a new version")]
    Retired,
    /// One of its tests fails.
    #[error("test {0} of the rule fails; make it pass first")]
    TestFails(usize),
}

/// May `approver` switch the rule live? `failing_test` is the number of its first failing test.
///
/// # Errors
/// [`NotLive`] says why not.
pub fn may_go_live(
    rule: &Rule,
    approver: &str,
    has_backtest: bool,
    failing_test: Option<usize>,
) -> Result<(), NotLive> {
    let approver = approver.trim();
    if rule.state == State::Retired {
        return Err(NotLive::Retired);
    }
    if approver.is_empty() {
        return Err(NotLive::Nobody);
    }
    if approver.eq_ignore_ascii_case(rule.owner.trim()) {
        return Err(NotLive::SamePerson(approver.to_owned()));
    }
    match failing_test {
        Some(test) => Err(NotLive::TestFails(test)),
        None if has_backtest => Ok(()),
        None => Err(NotLive::NoBacktest),
    }
}

/// What the quota says of a hit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Filing {
    /// Put it in front of people.
    File,
    /// The first hit past the quota: say so once.
    TripsNow,
    /// Count it only.
    CountOnly,
}

/// Hits of one rule on one day: a circuit breaker that goes on counting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct DayCount {
    /// Days since 1970-01-01 UTC.
    pub day: i64,
    /// Hits so far.
    pub hits: u32,
}

impl DayCount {
    /// Counts a hit on `day` under `quota`. A late hit of an earlier day counts on the current one.
    pub fn count(&mut self, day: i64, quota: Option<u32>) -> Filing {
        if day > self.day {
            *self = Self { day, hits: 0 };
        }
        self.hits = self.hits.saturating_add(1);
        match quota {
            Some(quota) if self.hits == quota.saturating_add(1) => Filing::TripsNow,
            Some(quota) if self.hits > quota => Filing::CountOnly,
            _ => Filing::File,
        }
    }
}

/// Hits among posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Rate {
    /// Hits.
    pub hits: u64,
    /// Posts.
    pub posts: u64,
}

/// Chance below which a hit rate is called odd.
pub const ALARM_CHANCE: f64 = 1e-6;
/// Fewest posts of the past that tell a usual rate.
pub const ALARM_MIN_POSTS: u64 = 10_000;

/// The chance to see as many hits as `now` or more, were the rate that of the `past` (binomial, upper tail; the
/// past is smoothed by one hit). `None` while the past tells too little.
pub fn chance_of(past: Rate, now: Rate) -> Option<f64> {
    if past.posts < ALARM_MIN_POSTS || now.posts == 0 {
        return None;
    }
    let p = (past.hits as f64 + 1.0) / (past.posts as f64 + 2.0);
    let (n, k) = (now.posts as f64, now.hits as f64);
    if k <= n * p {
        return Some(1.0);
    }
    // From the term for k upwards each term is the one before times (n-i)/(i+1) * p/(1-p); above the mean they
    // fall at least geometrically.
    let ratio = p / (1.0 - p);
    let mut term = (ln_choose(n, k) + k * p.ln() + (n - k) * (1.0 - p).ln()).exp();
    let mut sum = 0.0;
    let mut i = k;
    while i <= n && term > sum * 1e-12 && term > 0.0 {
        sum += term;
        term *= (n - i) / (i + 1.0) * ratio;
        i += 1.0;
    }
    Some(sum.min(1.0))
}

/// Is the hit rate of `now` far above that of the `past`?
pub fn is_odd(past: Rate, now: Rate) -> bool {
    chance_of(past, now).is_some_and(|chance| chance < ALARM_CHANCE)
}

fn ln_choose(n: f64, k: f64) -> f64 {
    ln_factorial(n) - ln_factorial(k) - ln_factorial(n - k)
}

/// Stirling's series; exact sums below 20.
fn ln_factorial(n: f64) -> f64 {
    if n < 20.0 {
        return (2..=n as u32).map(|i| f64::from(i).ln()).sum();
    }
    n * n.ln() - n + 0.5 * (2.0 * std::f64::consts::PI * n).ln() + 1.0 / (12.0 * n)
        - 1.0 / (360.0 * n.powi(3))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_quota_trips_once_and_the_next_day_starts_anew() {
        let mut count = DayCount::default();
        let seen: Vec<Filing> = (0..4).map(|_| count.count(7, Some(2))).collect();
        assert_eq!(seen, [Filing::File, Filing::File, Filing::TripsNow, Filing::CountOnly]);
        assert_eq!(count.count(8, Some(2)), Filing::File);
        assert_eq!(count.hits, 1);
    }

    #[test]
    fn the_binomial_tail_is_right_and_alarms_only_on_jumps() {
        // P(X >= 3), X ~ Bin(10, 1/2) is 968/1024.
        let half = Rate { hits: 49_999, posts: 99_998 };
        let chance = chance_of(half, Rate { hits: 8, posts: 10 }).unwrap();
        assert!((chance - 56.0 / 1024.0).abs() < 1e-9, "{chance}");
        let past = Rate { hits: 100, posts: 1_000_000 };
        assert!(!is_odd(past, Rate { hits: 3, posts: 10_000 }));
        assert!(is_odd(past, Rate { hits: 30, posts: 10_000 }));
        assert_eq!(chance_of(Rate::default(), past), None);
    }
}
