//! What window rules remember: bounded, by event time, and kept over a restart by a snapshot that is stored with
//! the offsets it belongs to.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::limits::MAX_WINDOW_GROUPS;
use crate::syntax::ast::Compare;
use crate::syntax::{Counted, Group, Window};

/// Steps of the past that tell what is usual for a burst.
const BURST_STEPS: i64 = 96;
/// Fewest posts in a step that can be a burst.
const MIN_BURST: u32 = 5;

/// The values of a post that windows count and group by; hashes of whatever identifies them.
#[derive(Debug, Clone, Default)]
pub struct WindowKeys {
    /// Event time in seconds since 1970.
    pub at_secs: i64,
    /// Identifies the post.
    pub post: u64,
    /// Value hashes by group; several for tags and domains.
    pub values: Vec<(Group, u64)>,
}

/// What all window rules of a set remember.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct WindowState {
    rules: BTreeMap<String, RuleState>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct RuleState {
    version: u32,
    groups: BTreeMap<u64, GroupState>,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct GroupState {
    /// Newest event time.
    latest: i64,
    /// Counted values with the newest time each was seen; the oldest goes when there are more than needed.
    seen: Vec<(u64, i64)>,
    /// Posts by step, for bursts; at most [`BURST_STEPS`] + 1.
    steps: Vec<(i64, u32)>,
}

impl WindowState {
    /// A post matched the stateless part of `rule`: is its window's condition met now?
    pub fn observe(&mut self, rule: &str, version: u32, window: &Window, keys: &WindowKeys) -> bool {
        if !self.rules.contains_key(rule) {
            self.rules.insert(rule.to_owned(), RuleState::default());
        }
        let Some(state) = self.rules.get_mut(rule) else { return false };
        if state.version != version {
            *state = RuleState { version, ..RuleState::default() };
        }
        let group = match window {
            Window::Count { by, .. } => *by,
            Window::Burst { of, .. } => *of,
        };
        let mut met = false;
        for value in values(keys, group) {
            met |= state.group(value, keys.at_secs).observe(window, keys);
        }
        met
    }

    /// Forgets rules that are no longer in the set.
    pub fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        self.rules.retain(|rule, _| keep(rule));
    }
}

fn values(keys: &WindowKeys, group: Group) -> Vec<u64> {
    match group {
        Group::Rule => vec![0],
        group => keys.values.iter().filter(|(of, _)| *of == group).map(|(_, value)| *value).collect(),
    }
}

impl RuleState {
    fn group(&mut self, value: u64, now: i64) -> &mut GroupState {
        if self.groups.len() >= MAX_WINDOW_GROUPS && !self.groups.contains_key(&value) {
            // Forgetting a tenth at once keeps the search for the oldest rare.
            let mut latest: Vec<i64> = self.groups.values().map(|group| group.latest).collect();
            let tenth = latest.len() / 10;
            let (_, cut, _) = latest.select_nth_unstable(tenth);
            let cut = *cut;
            self.groups.retain(|_, group| group.latest > cut);
        }
        let group = self.groups.entry(value).or_default();
        group.latest = group.latest.max(now);
        group
    }
}

impl GroupState {
    fn observe(&mut self, window: &Window, keys: &WindowKeys) -> bool {
        match window {
            Window::Count { counted, over_secs, compare, threshold, .. } => {
                let counted_values = match counted {
                    Counted::Posts => vec![keys.post],
                    Counted::Distinct(group) => values(keys, *group),
                };
                let needed = threshold + u32::from(*compare == Compare::Over);
                for value in counted_values {
                    self.see(value, keys.at_secs, needed as usize);
                }
                let from = keys.at_secs - over_secs;
                self.seen.iter().filter(|(_, at)| *at > from && *at <= keys.at_secs).count()
                    >= needed as usize
            }
            Window::Burst { sigma, over_secs, .. } => self.burst(keys.at_secs.div_euclid(*over_secs), *sigma),
        }
    }

    /// Keeps the `needed` newest values: with fewer the condition cannot be met, more are not asked for.
    fn see(&mut self, value: u64, at: i64, needed: usize) {
        match self.seen.iter_mut().find(|(known, _)| *known == value) {
            Some((_, latest)) => *latest = at.max(*latest),
            None => self.seen.push((value, at)),
        }
        if self.seen.len() > needed
            && let Some(oldest) = (0..self.seen.len()).min_by_key(|i| self.seen[*i].1)
        {
            self.seen.swap_remove(oldest);
        }
    }

    /// Posts of this step against mean and spread of the steps before; the spread is at least that of a Poisson
    /// process of the same mean, so that a quiet past does not make every post a burst.
    fn burst(&mut self, step: i64, sigma: f64) -> bool {
        match self.steps.iter_mut().find(|(known, _)| *known == step) {
            Some((_, count)) => *count = count.saturating_add(1),
            None => self.steps.push((step, 1)),
        }
        let newest = self.steps.iter().map(|(step, _)| *step).max().unwrap_or(step);
        self.steps.retain(|(known, _)| *known >= newest - BURST_STEPS);
        let now = self.steps.iter().find(|(known, _)| *known == step).map_or(0, |(_, count)| *count);
        let past =
            || self.steps.iter().filter(|(known, _)| *known < step).map(|(_, count)| f64::from(*count));
        let n = BURST_STEPS as f64;
        let mean = past().sum::<f64>() / n;
        let variance = past().map(|count| count * count).sum::<f64>() / n - mean * mean;
        now >= MIN_BURST && f64::from(now) > mean + sigma * variance.max(mean).max(1.0 / n).sqrt()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::syntax::parse_window;

    fn keys(at_secs: i64, author: u64, cluster: u64) -> WindowKeys {
        WindowKeys {
            at_secs,
            post: author * 1_000 + at_secs as u64,
            values: vec![(Group::Author, author), (Group::Cluster, cluster)],
        }
    }

    #[test]
    fn distinct_authors_within_the_window_count_and_a_snapshot_goes_on() {
        let window = parse_window("count(distinct author) over 1h by cluster >= 3").window.unwrap();
        let mut state = WindowState::default();
        assert!(!state.observe("r", 1, &window, &keys(0, 1, 9)));
        assert!(!state.observe("r", 1, &window, &keys(10, 1, 9)));
        assert!(!state.observe("r", 1, &window, &keys(20, 2, 9)));
        assert!(!state.observe("r", 1, &window, &keys(20, 3, 8)));
        let stored = serde_json::to_string(&state).unwrap();
        let mut restored: WindowState = serde_json::from_str(&stored).unwrap();
        assert!(restored.observe("r", 1, &window, &keys(30, 3, 9)));
        assert!(!restored.observe("r", 1, &window, &keys(3_700, 4, 9)));
        assert!(!restored.observe("r", 2, &window, &keys(3_701, 5, 9)), "a new version starts anew");
    }

    #[test]
    fn a_burst_stands_out_from_its_past() {
        let window = parse_window("burst(cluster) > 6 sigma over 15m").window.unwrap();
        let mut state = WindowState::default();
        for step in 0..90 {
            assert!(!state.observe("r", 1, &window, &keys(step * 900, 1, 9)));
        }
        let met = (0..30).filter(|i| state.observe("r", 1, &window, &keys(90 * 900 + i, 1, 9))).count();
        assert!((15..30).contains(&met), "{met}");
    }

    #[test]
    fn memory_is_bounded() {
        let window = parse_window("count(posts) over 1h by cluster >= 2").window.unwrap();
        let mut state = WindowState::default();
        for cluster in 0..(MAX_WINDOW_GROUPS as u64 + 5_000) {
            state.observe("r", 1, &window, &keys(cluster as i64, 1, cluster));
        }
        assert!(state.rules["r"].groups.len() <= MAX_WINDOW_GROUPS);
    }
}
