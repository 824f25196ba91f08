//! The place in the queue as parts a person can check: severity x confidence x reach x decay.

use std::collections::HashSet;

use streife_domain::{Head, Priority, Timestamp};

use crate::reader::{FlaggedItem, Place};

/// After how many hours an item counts half.
const HALF_LIFE_HOURS: f64 = 24.0;
/// Items older than this get every [`GUARD_EVERY`]th place of the mixed order, the oldest first: nothing starves.
pub const STARVATION_HOURS: i64 = 48;
/// Which places the guard against starvation takes.
pub const GUARD_EVERY: usize = 5;

/// The parts, each 0 to 1, and their product.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parts {
    /// How grave, by level and head.
    pub severity: f64,
    /// How sure: the highest calibrated score among the labels, or a rule hit.
    pub confidence: f64,
    /// How far it spread (logarithmic; one million views count fully).
    pub reach: f64,
    /// How fresh.
    pub decay: f64,
}

impl Parts {
    /// The parts of an item at `now`.
    pub fn of(item: &FlaggedItem, now: Timestamp) -> Self {
        let level = match item.verdict.priority {
            Priority::None => 0.0,
            Priority::Low => 0.4,
            Priority::Medium => 0.7,
            Priority::High => 1.0,
        };
        let grave = item
            .verdict
            .labels
            .iter()
            .any(|h| matches!(h, Head::Violence | Head::AttackOnOrder | Head::Antisemitism));
        let severity: f64 = if grave { level } else { level * 0.85 };
        let scores = item.verdict.labels.iter().filter_map(|head| item.verdict.scores.get(*head).copied());
        let best = scores.fold(0.0f32, f32::max);
        let by_rule = if item.verdict.hits.is_empty() { 0.0 } else { 0.8 };
        let seen =
            item.reach.and_then(|r| r.views.or(r.followers)).unwrap_or(0).saturating_add(item.copies * 100);
        #[expect(clippy::cast_precision_loss, reason = "a logarithm of a count")]
        let reach = 0.3 + 0.7 * ((seen as f64 + 1.0).log10() / 6.0).min(1.0);
        #[expect(clippy::cast_precision_loss, reason = "hours since it was seen")]
        let hours = now.micros_since(item.post.observed_at).max(0) as f64 / 3.6e9;
        Self {
            severity,
            confidence: f64::from(best).max(by_rule),
            reach,
            decay: 0.5f64.powf(hours / HALF_LIFE_HOURS),
        }
    }

    /// The product; orders work, is never shown alone.
    pub fn product(&self) -> f64 {
        self.severity * self.confidence * self.reach * self.decay
    }
}

/// How a queue is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Hash)]
pub enum Order {
    /// By the product, with places kept for what waits longer than [`STARVATION_HOURS`].
    #[default]
    Mixed,
    /// Oldest first.
    Oldest,
    /// Gravest first.
    Severity,
}

impl Order {
    /// From the written form; anything else is mixed.
    pub fn parse(name: &str) -> Self {
        match name {
            "oldest" => Self::Oldest,
            "severity" => Self::Severity,
            _ => Self::Mixed,
        }
    }
}

/// Sorts items for a queue; ties by age and id, so that everybody sees one order. The mixed order's guard against
/// starvation is [`with_guard`].
pub fn rank(items: &mut [(Parts, FlaggedItem)], order: Order) {
    items.sort_by(|(pa, a), (pb, b)| {
        let by_product = pb.product().total_cmp(&pa.product());
        let key = match order {
            Order::Oldest => std::cmp::Ordering::Equal,
            Order::Severity => b.verdict.priority.cmp(&a.verdict.priority).then(by_product),
            Order::Mixed => by_product,
        };
        key.then(a.post.observed_at.cmp(&b.post.observed_at)).then(a.post.post_id.cmp(&b.post.post_id))
    });
}

/// The ranked places with every [`GUARD_EVERY`]th one given to what has waited longest, as long as anything has
/// waited too long. Each post stands once.
pub fn with_guard(ranked: &[Place], oldest: &[Place], now: Timestamp) -> Vec<Place> {
    let limit = now.plus_secs(-STARVATION_HOURS * 3_600);
    let mut starved = oldest.iter().filter(|place| place.observed_at < limit);
    let mut seen = HashSet::new();
    let mut places = Vec::with_capacity(ranked.len());
    let mut ranked = ranked.iter();
    loop {
        let guarded = places.len() % GUARD_EVERY == GUARD_EVERY - 1;
        let turn = if guarded { starved.next().or_else(|| ranked.next()) } else { ranked.next() };
        match turn.or_else(|| starved.next()) {
            Some(place) if seen.insert(place.id) => places.push(*place),
            Some(_) => {}
            None => return places,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_items;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    #[test]
    fn graver_comes_first_and_an_order_never_changes_with_time() {
        let order_at = |order: Order, hours: i64| {
            let now = NOW.plus_secs(hours * 3_600);
            let mut items: Vec<_> = sample_items(NOW).into_iter().map(|i| (Parts::of(&i, now), i)).collect();
            rank(&mut items, order);
            items.into_iter().map(|(_, item)| (item.verdict.priority, item.post.post_id)).collect::<Vec<_>>()
        };
        assert_eq!(order_at(Order::Severity, 0)[0].0, Priority::High);
        assert_eq!(order_at(Order::Mixed, 0), order_at(Order::Mixed, 30));
    }

    #[test]
    fn every_fifth_place_goes_to_what_waits_too_long_and_no_post_stands_twice() {
        let place = |n: u128, hours: i64| Place {
            id: streife_domain::PostId(n),
            version: 0,
            observed_at: NOW.plus_secs(-hours * 3_600),
        };
        let fresh: Vec<Place> = (0..10).map(|n| place(n, 1)).chain([place(100, 90)]).collect();
        let old = vec![place(101, 99), place(100, 90), place(5, 1)];
        let order: Vec<u128> = with_guard(&fresh, &old, NOW).iter().map(|place| place.id.0).collect();
        assert_eq!(order, [0, 1, 2, 3, 101, 4, 5, 6, 7, 100, 8, 9]);
        assert_eq!(with_guard(&fresh[..10], &fresh[..10], NOW).len(), 10);
    }
}
