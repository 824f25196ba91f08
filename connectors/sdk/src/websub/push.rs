//! What arrives at the listener. No function here waits, and none keeps what it is given.

use std::time::Duration;

use tokio::time::Instant;
use url::form_urlencoded;

use super::{WebSub, signature};
use crate::metrics::{WEBSUB_PUSHES, WEBSUB_VERIFICATIONS};

/// A challenge is echoed up to this length.
const MAX_CHALLENGE_BYTES: usize = 2_048;

/// What the hub is answered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Answer {
    /// HTTP status.
    pub status: u16,
    /// Plain text.
    pub body: String,
}

impl Answer {
    const fn status(status: u16) -> Self {
        Self { status, body: String::new() }
    }
}

impl WebSub {
    /// A GET at `token`: the hub verifies that we asked for a subscription, or says that it refuses or ends it. A challenge
    /// is echoed only while exactly that was asked for; everything else is not found.
    pub fn verify(&self, token: &str, query: &str) -> Answer {
        let (answer, result) = self.judge_verification(token, query);
        WEBSUB_VERIFICATIONS.with_label_values(&[result]).inc();
        answer
    }

    fn judge_verification(&self, token: &str, query: &str) -> (Answer, &'static str) {
        let value = |name: &str| {
            form_urlencoded::parse(query.as_bytes()).find(|(n, _)| n == name).map(|(_, v)| v.into_owned())
        };
        let refused = (Answer::status(404), "refused");
        let (Some(mode), Some(topic)) = (value("hub.mode"), value("hub.topic")) else { return refused };
        let now = Instant::now();
        let is_done = self.with(|all| {
            let subscription = all.get_mut(token)?;
            Some(match mode.as_str() {
                "denied" => subscription.deny(&topic, now).then(|| (Answer::status(200), "denied")),
                "subscribe" => {
                    let challenge = value("hub.challenge").filter(|c| c.len() <= MAX_CHALLENGE_BYTES)?;
                    let lease = value("hub.lease_seconds")?
                        .parse()
                        .ok()
                        .filter(|secs| *secs > 0)
                        .map(Duration::from_secs)?;
                    let confirmed = subscription.confirm(&topic, lease, now, &self.0.config);
                    confirmed.then_some((Answer { status: 200, body: challenge }, "confirmed"))
                }
                // We never ask to be unsubscribed: whoever wants that verified is not our hub.
                _ => None,
            })
        });
        if is_done.as_ref().is_some_and(Option::is_some) {
            // The next renewal may be due earlier now.
            self.0.changed.notify_one();
        }
        is_done.flatten().unwrap_or(refused)
    }

    /// Is there a subscription whose callback this is? Nothing is read from anybody else.
    pub fn knows(&self, token: &str) -> bool {
        self.with(|all| all.contains_key(token))
    }

    /// A POST at `token`: something new, says the hub. It is believed when it bears the subscription's signature; other pushes are
    /// thanked for, as the Recommendation wants it, counted and dropped.
    pub fn push(&self, token: &str, signatures: &[&str], body: &[u8]) -> Answer {
        let now = Instant::now();
        let known = self.with(|all| all.get(token).map(|s| (s.secret, s.is_live(now))));
        let result = match known {
            None => "unknown",
            Some((_, false)) => "not_live",
            Some((_, true)) if signatures.is_empty() => "unsigned",
            Some((secret, true)) => {
                match signature::is_good(signatures, hex::encode(secret).as_bytes(), body) {
                    true => "taken",
                    false => "forged",
                }
            }
        };
        WEBSUB_PUSHES.with_label_values(&[result]).inc();
        if result == "taken" {
            self.with(|all| all.get(token).inspect(|subscription| subscription.hint()).is_some());
        }
        Answer::status(if result == "unknown" { 404 } else { 202 })
    }

    /// A push that the listener did not read.
    pub fn note_unread(&self, result: Unread) {
        WEBSUB_PUSHES.with_label_values(&[result.as_str()]).inc();
    }
}

/// Why a push was not read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unread {
    /// Over the listener's limit.
    TooLarge,
    /// Its bytes did not come in time.
    TooSlow,
    /// Too many at a time.
    TooMany,
}

impl Unread {
    const fn as_str(self) -> &'static str {
        match self {
            Self::TooLarge => "too_large",
            Self::TooSlow => "too_slow",
            Self::TooMany => "too_many",
        }
    }
}
