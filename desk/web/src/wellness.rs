//! Protection of those who read hate all day: when a break is due, and what stays veiled.

use streife_domain::{Head, Timestamp};

/// A pause of this length counts as a break.
const BREAK_SECS: i64 = 10 * 60;

/// How many of `times` (newest first) lie after the last break: the gap between two of them, or between the newest and
/// `now`, that was long enough.
pub(crate) fn since_break(times: &[Timestamp], now: Timestamp) -> usize {
    let mut later = now;
    for (n, time) in times.iter().enumerate() {
        if later.micros_since(*time) >= BREAK_SECS * 1_000_000 {
            return n;
        }
        later = *time;
    }
    times.len()
}

/// Is a post with these labels veiled? Where the person opened every one of its categories it is not; a post without
/// category stays veiled.
pub(crate) fn veiled(blur: bool, open: &[Head], labels: &[Head]) -> bool {
    blur && (labels.is_empty() || labels.iter().any(|label| !open.contains(label)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_break_starts_the_count_anew() {
        let at = |minutes: i64| Timestamp::from_secs(1_790_000_000 + minutes * 60);
        let times = [at(40), at(39), at(25), at(24), at(23)];
        assert_eq!(since_break(&times, at(41)), 2, "fourteen minutes lie between");
        assert_eq!(since_break(&times, at(51)), 0, "the break is now");
        assert_eq!(since_break(&[], at(0)), 0);
    }

    #[test]
    fn a_post_is_open_only_when_all_its_categories_are() {
        let (hate, violence) = (Head::GroupHate, Head::Violence);
        assert!(!veiled(true, &[hate], &[hate]));
        assert!(veiled(true, &[hate], &[hate, violence]));
        assert!(veiled(true, &[hate], &[]));
        assert!(!veiled(false, &[], &[violence]));
    }

    proptest::proptest! {
        #[test]
        fn never_more_than_was_decided(gaps in proptest::collection::vec(0i64..2_000, 0..50)) {
            let now = Timestamp::from_secs(1_790_000_000);
            let mut at = now;
            let times: Vec<Timestamp> = gaps.iter().map(|gap| { at = at.plus_secs(-gap); at }).collect();
            let n = since_break(&times, now);
            proptest::prop_assert!(n <= times.len());
            proptest::prop_assert!(gaps.iter().take(n).all(|gap| *gap < BREAK_SECS));
        }
    }
}
