//! How sure a share is: Wilson's score interval at 95 %, which stays honest for few observations.

/// The quantile of the normal distribution that leaves 2.5 % on each side.
const Z: f64 = 1.959_964;

/// The interval of the share `hits` of `all`; `None` without observations.
pub fn wilson(hits: u64, all: u64) -> Option<(f64, f64)> {
    if all == 0 || hits > all {
        return None;
    }
    #[expect(clippy::cast_precision_loss, reason = "counts of things people looked at")]
    let (k, n) = (hits as f64, all as f64);
    let (p, z2) = (k / n, Z * Z);
    let middle = (p + z2 / (2.0 * n)) / (1.0 + z2 / n);
    let half = Z * (p * (1.0 - p) / n + z2 / (4.0 * n * n)).sqrt() / (1.0 + z2 / n);
    Some(((middle - half).max(0.0), (middle + half).min(1.0)))
}

/// `62 % (48–74 %, n = 50)`; a dash without observations.
pub fn share(hits: u64, all: u64) -> String {
    let Some((low, high)) = wilson(hits, all) else { return "–".to_owned() };
    #[expect(clippy::cast_precision_loss, reason = "counts of things people looked at")]
    let p = hits as f64 / all as f64;
    format!("{:.0} % ({:.0}–{:.0} %, n = {all})", p * 100.0, low * 100.0, high * 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_values() {
        let (low, high) = wilson(8, 10).unwrap();
        assert!((low - 0.4902).abs() < 1e-3 && (high - 0.9433).abs() < 1e-3, "{low} {high}");
        assert_eq!(wilson(0, 0), None);
        assert_eq!(share(0, 0), "–");
        assert_eq!(share(1, 2), "50 % (9–91 %, n = 2)");
    }

    proptest::proptest! {
        #[test]
        fn it_holds_the_share_and_narrows(k in 0u64..500, more in 0u64..500) {
            let n = k + more;
            if let Some((low, high)) = wilson(k, n) {
                let p = k as f64 / n as f64;
                proptest::prop_assert!(low <= p + 1e-12 && p <= high + 1e-12);
                proptest::prop_assert!(low >= 0.0 && high <= 1.0);
                let (l, h) = wilson(k * 10, n * 10).unwrap();
                proptest::prop_assert!(h - l < high - low);
            }
        }
    }
}
