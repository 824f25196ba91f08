//! What was found lately, by address and by SHA-256: a picture that goes around is fetched and read once.

use std::collections::{HashMap, VecDeque};
use std::time::Duration;

use streife_domain::{BankMatch, Media};
use streife_media::Seen;
use tokio::time::Instant;

use super::Unseen;

/// Findings remembered.
const MAX_KNOWN: usize = 10_000;
/// For so long: an address may show another picture tomorrow, and text of strangers is not to stay in memory.
const LIFETIME: Duration = Duration::from_secs(3_600);

/// What is noted of a picture.
#[derive(Debug, Clone)]
pub(super) struct Finding {
    sha256: String,
    bytes: u64,
    pdq: Option<String>,
    text: Option<String>,
    banks: Vec<BankMatch>,
}

impl From<Seen> for Finding {
    fn from(seen: Seen) -> Self {
        let pdq = seen.pdq.map(|hash| hash.to_hex());
        let text = seen.text.filter(|text| !text.is_empty());
        Self { sha256: seen.sha256, bytes: seen.bytes, pdq, text, banks: seen.banks }
    }
}

impl Finding {
    pub(super) fn note(self, media: &mut Media) {
        media.sha256 = Some(self.sha256);
        media.bytes = Some(self.bytes);
        media.pdq = self.pdq;
        media.text = self.text;
        media.banks = self.banks;
    }
}

type Outcome = Result<Finding, Unseen>;

#[derive(Default)]
pub(super) struct Known {
    found: HashMap<String, (Instant, Outcome)>,
    /// Keys, the oldest first.
    order: VecDeque<String>,
}

impl Known {
    pub(super) fn get(&mut self, key: &str, now: Instant) -> Option<Outcome> {
        let (since, outcome) = self.found.get(key)?;
        (now.saturating_duration_since(*since) < LIFETIME).then(|| outcome.clone())
    }

    pub(super) fn put(&mut self, key: String, outcome: Outcome, now: Instant) {
        while let Some(oldest) = self.order.front() {
            let is_old = self
                .found
                .get(oldest)
                .is_none_or(|(since, _)| now.saturating_duration_since(*since) >= LIFETIME);
            if !is_old && self.order.len() < MAX_KNOWN {
                break;
            }
            self.found.remove(oldest);
            self.order.pop_front();
        }
        if self.found.insert(key.clone(), (now, outcome)).is_none() {
            self.order.push_back(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn memory_is_bounded_by_number_and_by_age() {
        let mut known = Known::default();
        let start = Instant::now();
        for n in 0..MAX_KNOWN + 5 {
            known.put(n.to_string(), Err(Unseen::Broken), start);
        }
        assert_eq!((known.found.len(), known.order.len()), (MAX_KNOWN, MAX_KNOWN));
        assert!(known.get("0", start).is_none() && known.get("9000", start).is_some());
        assert!(known.get("9000", start + LIFETIME).is_none());
        known.put("new".to_owned(), Err(Unseen::Gone), start + LIFETIME);
        assert_eq!((known.found.len(), known.order.len()), (1, 1));
    }
}
