//! Feeds, asked in turn; one that a hub tells of at once, one with a live subscription less often.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use streife_sdk::poll::{Poll, Target, Visit};
use streife_sdk::websub::{HubLinks, Subscriber, WebSub};
use streife_sdk::{Connector, Cursor, Deps, FetchError, Fetched, Pace};
use tokio::time::Instant;

use super::links;
use crate::feed;

/// A feed whose hub tells of news is still asked, so many times less often: a push may be lost.
const LIVE_FACTOR: u32 = 4;
/// But at least so often.
const MAX_LIVE_INTERVAL: Duration = Duration::from_secs(6 * 3_600);

/// What the page read last says of hubs: `None` when it was not read, `Some(None)` when it names none.
type Found = Arc<Mutex<Option<Option<HubLinks>>>>;

/// The connector.
pub(crate) struct Followed {
    poll: Poll,
    found: Found,
    subscriber: Subscriber,
    interval: Duration,
    feeds: Vec<Feed>,
}

/// When a feed is asked next, and whether its page has been read since the start: only then its links are known.
#[derive(Clone, Copy)]
struct Feed {
    due: Instant,
    is_read: bool,
}

impl Followed {
    pub(crate) fn new(targets: Vec<Target>, interval: Duration, websub: &WebSub, deps: &Deps) -> Self {
        let found = Found::default();
        let feeds = vec![Feed { due: Instant::now(), is_read: false }; targets.len()];
        let note = Arc::clone(&found);
        let poll = Poll::new(
            targets,
            move |observation, context| {
                *note.lock().unwrap_or_else(PoisonError::into_inner) = Some(links::of(observation));
                feed::parse(observation, context)
            },
            deps,
        );
        Self { poll, found, subscriber: websub.subscriber(), interval, feeds }
    }

    /// The feed a hub told of, else the one that has waited longest.
    fn next(&self) -> usize {
        let hinted = self.subscriber.take_hint().filter(|feed| *feed < self.feeds.len());
        let waiting = || self.feeds.iter().enumerate().min_by_key(|(_, feed)| feed.due).map(|(at, _)| at);
        hinted.or_else(waiting).unwrap_or(0)
    }

    fn found(&self) -> Option<Option<HubLinks>> {
        self.found.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// When to ask a feed again that has just been asked.
    fn pause(&self, feed: usize) -> Duration {
        if self.subscriber.is_live(feed) {
            self.interval.saturating_mul(LIVE_FACTOR).min(MAX_LIVE_INTERVAL).max(self.interval)
        } else {
            self.interval
        }
    }
}

#[async_trait]
impl Connector for Followed {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let at = self.next();
        let asked_at = Instant::now();
        let visit = match self.feeds.get(at) {
            Some(Feed { is_read: true, .. }) => Visit::Conditional,
            _ => Visit::Whole,
        };
        // Where it fails, the others come first.
        if let Some(feed) = self.feeds.get_mut(at) {
            feed.due = asked_at + self.interval;
        }
        self.found();
        let mut fetched = self.poll.fetch_target(at, cursor, visit).await?;
        if let Some(links) = self.found() {
            self.subscriber.follow(at, links);
        }
        let pause = self.pause(at);
        if let Some(feed) = self.feeds.get_mut(at) {
            *feed = Feed { due: asked_at + pause, is_read: true };
        }
        if fetched.pace == Pace::Interval {
            let wait = self.feeds.iter().map(|feed| feed.due.saturating_duration_since(Instant::now())).min();
            fetched.pace = match wait {
                Some(Duration::ZERO) => Pace::Now,
                Some(wait) => Pace::After(wait),
                None => Pace::Interval,
            };
        }
        Ok(fetched)
    }

    async fn hinted(&mut self) {
        self.subscriber.hinted().await;
    }
}
