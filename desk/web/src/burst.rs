//! Bursts: hours in which something is seen far more often than in the hours before.

/// Hours taken together as "now".
const NOW_HOURS: usize = 3;
/// Hours of the past that tell what is usual.
const MIN_PAST_HOURS: usize = 12;
/// Posts below which nothing is called a burst.
const MIN_POSTS: u64 = 8;
/// From how many standard deviations on it is called one.
const SIGMA: f64 = 6.0;

/// By how many standard deviations the last three hours lie above what the hours before let expect (counts taken as
/// Poisson, the usual count smoothed by one post); `None` while it is no burst or the past tells too little.
#[expect(clippy::cast_precision_loss, reason = "counts of posts")]
pub(crate) fn burst(per_hour: &[u64]) -> Option<f64> {
    let past_hours = per_hour.len().checked_sub(NOW_HOURS).filter(|hours| *hours >= MIN_PAST_HOURS)?;
    let (past, now) = per_hour.split_at(past_hours);
    let now: u64 = now.iter().sum();
    let expected = (past.iter().sum::<u64>() as f64 + 1.0) / past_hours as f64 * NOW_HOURS as f64;
    let sigma = (now as f64 - expected) / expected.max(1.0).sqrt();
    (now >= MIN_POSTS && sigma >= SIGMA).then_some(sigma)
}

/// Does the past tell what is usual? A site that has just begun to collect sees everything for the first time, which is
/// no wave. `observed`: posts of all kinds, by hour.
pub(crate) fn past_is_known(observed: &[u64]) -> bool {
    let past = observed.len().saturating_sub(NOW_HOURS);
    observed.iter().take(past).filter(|posts| **posts > 0).count() >= MIN_PAST_HOURS
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wave_is_a_burst_and_noise_is_none() {
        let mut hours = vec![2u64; 48];
        assert_eq!(burst(&hours), None);
        hours[47] = 30;
        assert!(burst(&hours).unwrap() > SIGMA);
        assert_eq!(burst(&hours[40..]), None, "too little past");
        assert_eq!(burst(&[vec![0; 45], vec![0, 3, 4]].concat()), None, "too few posts");
    }

    #[test]
    fn a_site_that_has_just_begun_has_no_past() {
        assert!(!past_is_known(&[vec![0; 45], vec![0, 0, 528]].concat()));
        assert!(!past_is_known(&[]));
        assert!(past_is_known(&[5; 48]));
    }

    proptest::proptest! {
        #[test]
        fn more_posts_now_never_end_a_burst(past in proptest::collection::vec(0u64..50, 45), now in 0u64..500, more in 0u64..500) {
            let with = |n: u64| burst(&[past.clone(), vec![0, 0, n]].concat());
            if let Some(sigma) = with(now) {
                proptest::prop_assert!(with(now + more).unwrap() >= sigma);
            }
        }
    }
}
