//! Slows down guessing: a bounded count of failures per name and per client.

use std::collections::HashMap;
use std::sync::Mutex;

use streife_domain::Timestamp;

/// Failures per window of one account.
pub(crate) const MAX_FAILURES: u32 = 5;
/// Failures per window of one network address, behind which a whole office may sit.
pub(crate) const MAX_ADDRESS_FAILURES: u32 = 30;
/// Length of a window.
pub(crate) const WINDOW_SECS: i64 = 5 * 60;
/// Keys remembered; beyond that the oldest windows go first.
const MAX_KEYS: usize = 10_000;

#[derive(Default)]
pub(crate) struct Throttle(Mutex<HashMap<String, (u32, Timestamp)>>);

impl Throttle {
    /// May `key` try again?
    pub(crate) fn allows(&self, key: &str, now: Timestamp) -> bool {
        self.allows_up_to(key, MAX_FAILURES, now)
    }

    /// May `key` try again, with `max` failures per window?
    pub(crate) fn allows_up_to(&self, key: &str, max: u32, now: Timestamp) -> bool {
        let Ok(seen) = self.0.lock() else { return false };
        seen.get(key).is_none_or(|(n, since)| *n < max || now > since.plus_secs(WINDOW_SECS))
    }

    /// `key` failed. Returns how often in this window.
    pub(crate) fn failed(&self, key: &str, now: Timestamp) -> u32 {
        let Ok(mut seen) = self.0.lock() else { return u32::MAX };
        if seen.len() >= MAX_KEYS {
            seen.retain(|_, (_, since)| now <= since.plus_secs(WINDOW_SECS));
        }
        if seen.len() >= MAX_KEYS && !seen.contains_key(key) {
            let oldest = seen.iter().min_by_key(|(_, (_, since))| *since).map(|(key, _)| key.clone());
            if let Some(oldest) = oldest {
                seen.remove(&oldest);
            }
        }
        let entry = seen.entry(key.to_owned()).or_insert((0, now));
        if now > entry.1.plus_secs(WINDOW_SECS) {
            *entry = (0, now);
        }
        entry.0 = entry.0.saturating_add(1);
        entry.0
    }
}
