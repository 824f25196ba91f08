//! One subscription: wanted, asked for, live, renewed, refused.

use std::sync::Arc;
use std::time::Duration;

use tokio::time::Instant;

use super::{Hints, HubLinks, TOKEN_BYTES, WebSubConfig};

/// A refusal is believed for a day: the feed is asked as usual.
const DENIED_RETRY: Duration = Duration::from_secs(24 * 3_600);
/// No lease is believed for longer.
const MAX_LEASE: Duration = Duration::from_secs(30 * 24 * 3_600);
/// Failures beyond this change the wait no more.
const MAX_DOUBLINGS: u32 = 12;

pub(super) struct Subscription {
    pub(super) links: HubLinks,
    pub(super) secret: [u8; TOKEN_BYTES],
    hints: Arc<Hints>,
    feed: usize,
    /// Asked for, and to be verified until then.
    pending_until: Option<Instant>,
    live_until: Option<Instant>,
    next_try: Instant,
    failures: u32,
}

impl Subscription {
    pub(super) const fn new(
        links: HubLinks,
        secret: [u8; TOKEN_BYTES],
        hints: Arc<Hints>,
        feed: usize,
        now: Instant,
    ) -> Self {
        Self { links, secret, hints, feed, pending_until: None, live_until: None, next_try: now, failures: 0 }
    }

    /// When something has to be done about it.
    pub(super) fn due(&self) -> Instant {
        self.pending_until.unwrap_or(self.next_try)
    }

    /// What to ask the hub for now; nothing where a request went unanswered, which is a failure to wait after.
    pub(super) fn ask(&mut self, now: Instant, config: &WebSubConfig) -> Option<HubLinks> {
        if self.pending_until.take().is_some() {
            self.note_failure(now, None, config);
            return None;
        }
        // Before the request: a hub may verify before it answers.
        self.pending_until = Some(now + config.verification);
        Some(self.links.clone())
    }

    pub(super) fn note_failure(&mut self, now: Instant, asked_wait: Option<Duration>, config: &WebSubConfig) {
        let wait = config.retry.saturating_mul(1 << self.failures.min(MAX_DOUBLINGS)).min(config.max_retry);
        self.pending_until = None;
        self.failures = self.failures.saturating_add(1);
        self.next_try = now + wait.max(asked_wait.unwrap_or_default()).min(config.max_retry);
    }

    pub(super) fn is_live(&self, now: Instant) -> bool {
        self.live_until.is_some_and(|until| until > now)
    }

    /// The hub verifies what we asked for. Once: a second one for the same request is a replay.
    pub(super) fn confirm(
        &mut self,
        topic: &str,
        lease: Duration,
        now: Instant,
        config: &WebSubConfig,
    ) -> bool {
        let is_asked_for = self.pending_until.is_some_and(|until| until > now) && self.links.topic == topic;
        if is_asked_for {
            let lease = lease.min(MAX_LEASE);
            self.pending_until = None;
            self.failures = 0;
            self.live_until = Some(now + lease);
            // In time before its end, with room for a few tries.
            self.next_try = now + (lease * 4 / 5).max(config.min_renewal);
        }
        is_asked_for
    }

    /// The hub refuses, or ends it.
    pub(super) fn deny(&mut self, topic: &str, now: Instant) -> bool {
        let is_ours = self.links.topic == topic;
        if is_ours {
            self.pending_until = None;
            self.live_until = None;
            self.next_try = now + DENIED_RETRY;
        }
        is_ours
    }

    pub(super) fn hint(&self) {
        self.hints.give(self.feed);
    }
}
