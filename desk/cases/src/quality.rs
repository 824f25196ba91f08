//! How well people agree, and whether a rule's hits turn sour. Pure values and functions; figures are aggregates,
//! there is none of a person.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::workflow::Opinion;

/// Of a thousand decided items so many are looked at again, blind (3 to 5 %).
pub const SAMPLE_PERMILLE: u64 = 40;
/// Pairs from which on an agreement is shown; fewer tell nothing and may tell who.
pub const MIN_PAIRS: u64 = 10;
/// Chance below which a rise of dismissals is called drift.
pub const DRIFT_CHANCE: f64 = 1e-3;
/// Fewest decisions of a rule's past, and of its present, for a drift alarm.
pub const DRIFT_MIN: u64 = 20;

/// Is this item drawn for a second, blind look? The same for everybody, and nobody can steer it: it follows from the
/// item and the installation's secret.
pub fn drawn(secret: &[u8], post_id: &str) -> bool {
    let mut hasher = Sha256::new();
    hasher.update(b"blind review\0");
    hasher.update(secret);
    hasher.update(post_id.as_bytes());
    let digest = hasher.finalize();
    let value = u64::from_be_bytes(digest.first_chunk::<8>().copied().unwrap_or_default());
    value % 1_000 < SAMPLE_PERMILLE
}

/// Two opinions on one item: the deciding one (or the golden answer), and the blind one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pair {
    /// What was decided, or is known to be right.
    pub reference: Opinion,
    /// What was said without knowing it.
    pub blind: Opinion,
}

/// A two by two table of one norm.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Table {
    /// Both say yes.
    pub both: u64,
    /// Only the reference says yes.
    pub only_first: u64,
    /// Only the blind opinion says yes.
    pub only_second: u64,
    /// Neither says yes.
    pub neither: u64,
}

impl Table {
    /// Pairs.
    pub const fn pairs(self) -> u64 {
        self.both + self.only_first + self.only_second + self.neither
    }

    /// Counts one pair.
    pub fn add(&mut self, first: bool, second: bool) {
        match (first, second) {
            (true, true) => self.both += 1,
            (true, false) => self.only_first += 1,
            (false, true) => self.only_second += 1,
            (false, false) => self.neither += 1,
        }
    }

    /// The share on which both agree.
    pub fn agreement(self) -> Option<f64> {
        let n = self.pairs();
        (n > 0).then(|| share(self.both + self.neither, n))
    }

    /// Cohen's kappa: agreement beyond chance, 1 at best, 0 for chance, below 0 for less than that. `None` without
    /// pairs, and where both always say the same single thing, for which kappa is not defined.
    pub fn kappa(self) -> Option<f64> {
        let n = self.pairs();
        let observed = self.agreement()?;
        let first = share(self.both + self.only_first, n);
        let second = share(self.both + self.only_second, n);
        let by_chance = first * second + (1.0 - first) * (1.0 - second);
        (by_chance < 1.0).then(|| (observed - by_chance) / (1.0 - by_chance))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of decisions")]
fn share(part: u64, all: u64) -> f64 {
    part as f64 / all as f64
}

/// Agreement on relevance as such (under the empty name), and on each norm that either side named.
pub fn agreement(pairs: &[Pair]) -> BTreeMap<String, Table> {
    let none = Vec::new();
    let norms = |opinion: &Opinion| match opinion {
        Opinion::Relevant { norms } => norms.clone(),
        _ => none.clone(),
    };
    let relevant = |opinion: &Opinion| matches!(opinion, Opinion::Relevant { .. });
    // Who cannot tell has no opinion that could agree or not.
    let told: Vec<&Pair> = pairs
        .iter()
        .filter(|pair| !matches!(pair.reference, Opinion::Unsure) && !matches!(pair.blind, Opinion::Unsure))
        .collect();
    let mut names: Vec<String> =
        told.iter().flat_map(|pair| [norms(&pair.reference), norms(&pair.blind)]).flatten().collect();
    names.sort();
    names.dedup();
    let mut tables: BTreeMap<String, Table> = BTreeMap::new();
    for pair in told {
        tables.entry(String::new()).or_default().add(relevant(&pair.reference), relevant(&pair.blind));
        for name in &names {
            let has = |opinion: &Opinion| norms(opinion).contains(name);
            tables.entry(name.clone()).or_default().add(has(&pair.reference), has(&pair.blind));
        }
    }
    tables
}

/// Dismissals among decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Dismissals {
    /// Dismissed.
    pub dismissed: u64,
    /// Decided.
    pub decided: u64,
}

/// Has the share of dismissals of a rule's hits risen beyond chance (one-sided test of two shares, pooled)?
pub fn drifts(past: Dismissals, now: Dismissals) -> bool {
    if past.decided < DRIFT_MIN || now.decided < DRIFT_MIN {
        return false;
    }
    let (a, b) = (share(past.dismissed, past.decided), share(now.dismissed, now.decided));
    let pooled = share(past.dismissed + now.dismissed, past.decided + now.decided);
    let spread = pooled * (1.0 - pooled) * (1.0 / share(past.decided, 1) + 1.0 / share(now.decided, 1));
    b > a && spread > 0.0 && upper_tail((b - a) / spread.sqrt()) < DRIFT_CHANCE
}

/// The chance of a standard normal value above `z` >= 0 (Abramowitz and Stegun 26.2.17, error below 7.5e-8).
fn upper_tail(z: f64) -> f64 {
    let t = 1.0 / (1.0 + 0.231_641_9 * z);
    let polynomial = t
        * (0.319_381_530
            + t * (-0.356_563_782 + t * (1.781_477_937 + t * (-1.821_255_978 + t * 1.330_274_429))));
    (-z * z / 2.0).exp() / (2.0 * std::f64::consts::PI).sqrt() * polynomial
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::workflow::DismissReason;

    fn yes(norm: &str) -> Opinion {
        Opinion::Relevant { norms: vec![norm.to_owned()] }
    }

    fn no() -> Opinion {
        Opinion::NotRelevant { reason: DismissReason::Opinion }
    }

    #[test]
    fn kappa_of_a_known_table() {
        // Cohen's textbook case: 20 and 15 agree, 5 and 10 do not: kappa 0.4.
        let table = Table { both: 20, only_first: 5, only_second: 10, neither: 15 };
        assert!((table.kappa().unwrap() - 0.4).abs() < 1e-12);
        assert_eq!(Table { both: 7, ..Table::default() }.kappa(), None);
        assert_eq!(Table::default().agreement(), None);
    }

    #[test]
    fn norms_are_told_apart_and_the_undecided_left_out() {
        let pair = |reference, blind| Pair { reference, blind };
        let pairs = [
            pair(yes("A"), yes("B")),
            pair(yes("A"), yes("A")),
            pair(no(), no()),
            pair(no(), Opinion::Unsure),
        ];
        let tables = agreement(&pairs);
        assert_eq!(tables[""], Table { both: 2, neither: 1, ..Table::default() });
        assert_eq!(tables["A"], Table { both: 1, only_first: 1, neither: 1, ..Table::default() });
        assert_eq!(tables["B"].only_second, 1);
    }

    #[test]
    fn drift_is_a_clear_rise_of_dismissals() {
        let of = |dismissed, decided| Dismissals { dismissed, decided };
        assert!(drifts(of(100, 200), of(45, 50)));
        assert!(!drifts(of(100, 200), of(27, 50)));
        assert!(!drifts(of(100, 200), of(19, 19)), "too few");
        assert!(!drifts(of(45, 50), of(100, 200)), "a fall is no alarm");
        assert!((upper_tail(1.96) - 0.024_998).abs() < 1e-5);
    }

    #[test]
    fn about_four_of_a_hundred_are_drawn() {
        let drawn = (0..20_000).filter(|n| drawn(b"secret", &format!("{n:032x}"))).count();
        assert!((600..1_000).contains(&drawn), "{drawn}");
    }

    proptest::proptest! {
        #[test]
        fn kappa_is_symmetric_and_bounded(a in 0u64..50, b in 0u64..50, c in 0u64..50, d in 0u64..50) {
            let table = Table { both: a, only_first: b, only_second: c, neither: d };
            let turned = Table { both: a, only_first: c, only_second: b, neither: d };
            proptest::prop_assert_eq!(table.kappa().is_some(), turned.kappa().is_some());
            if let (Some(one), Some(other)) = (table.kappa(), turned.kappa()) {
                proptest::prop_assert!((one - other).abs() < 1e-9);
                proptest::prop_assert!((-1.0..=1.0 + 1e-9).contains(&one));
                if b + c == 0 {
                    proptest::prop_assert!((one - 1.0).abs() < 1e-9);
                }
            }
        }
    }
}
