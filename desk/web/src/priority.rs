//! The place in the queue as parts a person can check: severity x confidence x reach x decay.

use streife_domain::{Head, Priority, Timestamp};

use crate::reader::FlaggedItem;

/// After how many hours an item counts half.
const HALF_LIFE_HOURS: f64 = 24.0;
/// Items older than this come first in the mixed order, whatever their parts: nothing starves.
pub const STARVATION_HOURS: i64 = 48;

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
            decay: 0.5f64.powf(hours / HALF_LIFE_HOURS).max(0.1),
        }
    }

    /// The product; orders work, is never shown alone.
    pub fn product(&self) -> f64 {
        self.severity * self.confidence * self.reach * self.decay
    }
}

/// How a queue is ordered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Order {
    /// By the product, but what waits longer than [`STARVATION_HOURS`] first.
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

/// Sorts items for a queue; ties by age and id, so that everybody sees one order.
pub fn rank(items: &mut [(FlaggedItem, Parts)], order: Order, now: Timestamp) {
    items.sort_by(|(a, pa), (b, pb)| {
        let starved = |i: &FlaggedItem| now > i.post.observed_at.plus_secs(STARVATION_HOURS * 3_600);
        let key = match order {
            Order::Oldest => std::cmp::Ordering::Equal,
            Order::Severity => {
                b.verdict.priority.cmp(&a.verdict.priority).then(pb.severity.total_cmp(&pa.severity))
            }
            Order::Mixed => starved(b).cmp(&starved(a)).then(pb.product().total_cmp(&pa.product())),
        };
        key.then(a.post.observed_at.cmp(&b.post.observed_at)).then(a.post.post_id.cmp(&b.post.post_id))
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::sample_items;

    #[test]
    fn graver_and_fresher_comes_first_and_nothing_starves() {
        let now = Timestamp::from_secs(1_790_000_000);
        let with = |items: Vec<FlaggedItem>| -> Vec<(FlaggedItem, Parts)> {
            items
                .into_iter()
                .map(|i| {
                    let p = Parts::of(&i, now);
                    (i, p)
                })
                .collect()
        };
        let mut items = with(sample_items(now));
        rank(&mut items, Order::Severity, now);
        assert_eq!(items.first().unwrap().0.verdict.priority, Priority::High);
        let mut old = items.last().unwrap().0.clone();
        old.post.observed_at = now.plus_secs(-STARVATION_HOURS * 3_600 - 1);
        let id = old.post.post_id;
        items.pop();
        items.push((old.clone(), Parts::of(&old, now)));
        rank(&mut items, Order::Mixed, now);
        assert_eq!(items.first().unwrap().0.post.post_id, id);
    }
}
