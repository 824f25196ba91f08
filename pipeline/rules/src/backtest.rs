//! A rule over stored history: a pure accumulator. The caller feeds posts that passed the prefilter.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::{PostView, RuleSet, Scratch};

/// Hits drawn at random for people to label.
pub const SAMPLE_SIZE: usize = 50;
/// Most days and most overlapping rules that a report names.
const MAX_KEYS: usize = 10_000;

/// A backtest under way.
#[derive(Debug)]
pub struct Backtest<'s> {
    set: &'s RuleSet,
    position: usize,
    scratch: Scratch,
    random: u64,
    report: BacktestReport,
}

/// The outcome so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub struct BacktestReport {
    /// The rule.
    pub rule: String,
    /// Its version.
    pub version: u32,
    /// The set it was run with.
    pub set: String,
    /// Posts evaluated exactly.
    pub candidates: u64,
    /// Posts that match.
    pub hits: u64,
    /// Hits by day (`YYYY-MM-DD`).
    pub per_day: BTreeMap<String, u64>,
    /// Hits that another live or shadow rule has too, by rule.
    pub overlap: BTreeMap<String, u64>,
    /// Ids of hits drawn at random, each hit with the same chance.
    pub sample: Vec<String>,
    /// Days on which the quota would have been exceeded.
    pub days_over_quota: u32,
}

impl<'s> Backtest<'s> {
    /// A backtest of the rule with this id; the same `seed` and posts give the same sample.
    pub fn new(set: &'s RuleSet, rule: &str, seed: u64) -> Option<Self> {
        let position = set.position(rule)?;
        let report = BacktestReport {
            rule: rule.to_owned(),
            version: set.rules()[position].version,
            set: set.version().to_owned(),
            ..BacktestReport::default()
        };
        Some(Self { set, position, scratch: Scratch::default(), random: seed | 1, report })
    }

    /// Evaluates one post of a day (`YYYY-MM-DD`); did it hit?
    pub fn feed(&mut self, id: &str, day: &str, post: &PostView<'_>) -> bool {
        self.report.candidates += 1;
        if !self.set.matches(self.position, post, &mut self.scratch) {
            return false;
        }
        self.report.hits += 1;
        add(&mut self.report.per_day, day);
        let evaluation = self.set.evaluate(post, &mut self.scratch);
        for hit in evaluation.hits.iter().chain(&evaluation.shadow).filter(|hit| hit.rule != self.report.rule)
        {
            add(&mut self.report.overlap, &hit.rule);
        }
        // Reservoir sampling: the n-th hit replaces a place with chance 50/n.
        if self.report.sample.len() < SAMPLE_SIZE {
            self.report.sample.push(id.to_owned());
        } else {
            let place = (self.next_random() % self.report.hits) as usize;
            if let Some(kept) = self.report.sample.get_mut(place) {
                id.clone_into(kept);
            }
        }
        true
    }

    /// The outcome so far.
    pub fn report(&self) -> BacktestReport {
        let mut report = self.report.clone();
        if let Some(quota) = self.set.rules()[self.position].quota_per_day {
            let over = report.per_day.values().filter(|hits| **hits > u64::from(quota)).count();
            report.days_over_quota = u32::try_from(over).unwrap_or(u32::MAX);
        }
        report
    }

    /// xorshift64*: enough for drawing a sample, and the same on every machine.
    fn next_random(&mut self) -> u64 {
        self.random ^= self.random >> 12;
        self.random ^= self.random << 25;
        self.random ^= self.random >> 27;
        self.random.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 11
    }
}

fn add(counts: &mut BTreeMap<String, u64>, key: &str) {
    if let Some(count) = counts.get_mut(key) {
        *count += 1;
    } else if counts.len() < MAX_KEYS {
        counts.insert(key.to_owned(), 1);
    }
}
