//! WebSub (W3C Recommendation of 23 January 2018), the subscriber's side: feeds whose publishers tell of news.
//!
//! What a hub sends is a hint and nothing more. A push that bears the subscription's signature ends the wait, and the source asks
//! the publisher's own server at once, conditionally. So a post has one way into the log: the fetched page with its own headers is
//! the observation, the cursor is saved after the log has it, and a push that is lost, forged, doubled or cut off by a crash changes
//! nothing but a time. The pushed bytes are dropped. Asking goes on, only less often, while a subscription is live.
//!
//! Subscriptions live in memory. After a restart each is asked for anew under a new callback; the old one answers 404, and its
//! lease runs out at the hub.

mod push;
mod signature;
mod state;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use futures::StreamExt;
use tokio::sync::Notify;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::{FetchError, Http, Request, metrics};
pub use push::{Answer, Unread};
use state::Subscription;

/// A subscription's callback and its secret are so many random bytes each.
pub const TOKEN_BYTES: usize = 32;
/// Subscriptions at a time; further feeds are asked as usual.
const MAX_SUBSCRIPTIONS: usize = 10_000;
/// Hubs asked at the same time.
const MAX_REQUESTS: usize = 8;
/// A hub's answer says nothing that is read.
const MAX_HUB_ANSWER_BYTES: usize = 64 * 1024;
/// Addresses of hubs and topics are no longer than this.
const MAX_URL_BYTES: usize = 2_048;
/// Without anything to do, the worker looks again after this long.
const IDLE: Duration = Duration::from_secs(3_600);

/// How subscriptions are asked for.
#[derive(Debug, Clone)]
pub struct WebSubConfig {
    /// The address under which hubs reach the listener, such as `https://patrol.example.org/websub`.
    pub public_address: String,
    /// The lease asked for; the hub decides.
    pub lease: Duration,
    /// A subscription is renewed no more often than this, however short its leases are.
    pub min_renewal: Duration,
    /// A hub has so long to verify what was asked for.
    pub verification: Duration,
    /// The first wait after a hub that failed or refused; doubles up to [`Self::max_retry`].
    pub retry: Duration,
    /// The longest.
    pub max_retry: Duration,
}

impl WebSubConfig {
    /// The usual times, with the address of this installation.
    pub fn new(public_address: impl Into<String>) -> Self {
        Self {
            public_address: public_address.into(),
            lease: Duration::from_secs(5 * 24 * 3_600),
            min_renewal: Duration::from_secs(600),
            verification: Duration::from_secs(900),
            retry: Duration::from_secs(60),
            max_retry: Duration::from_secs(24 * 3_600),
        }
    }

    /// What is wrong with the public address, where something is. Without TLS (`allow_plain`) strangers on the way could read
    /// callbacks.
    pub fn problem(&self, allow_plain: bool) -> Option<String> {
        let Ok(url) = Url::parse(&self.public_address) else {
            return Some(format!("{:?} is no web address", self.public_address));
        };
        let is_web = url.scheme() == "https" || (allow_plain && url.scheme() == "http");
        if !is_web || !url.has_host() || url.query().is_some() || url.fragment().is_some() {
            return Some(format!("{:?}: an https address without ? and #", self.public_address));
        }
        None
    }
}

/// All subscriptions of this process. Cheap to clone.
#[derive(Clone)]
pub struct WebSub(Arc<Inner>);

struct Inner {
    config: WebSubConfig,
    http: Http,
    random: fn() -> [u8; TOKEN_BYTES],
    subscriptions: Mutex<HashMap<String, Subscription>>,
    changed: Notify,
}

/// What a hub is asked for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HubLinks {
    /// The hub.
    pub hub: String,
    /// The feed as its publisher calls it (`rel=self`).
    pub topic: String,
}

impl WebSub {
    /// No subscriptions yet. `random` gives bytes that nobody can guess.
    pub fn new(config: WebSubConfig, http: Http, random: fn() -> [u8; TOKEN_BYTES]) -> Self {
        Self(Arc::new(Inner {
            config,
            http,
            random,
            subscriptions: Mutex::default(),
            changed: Notify::new(),
        }))
    }

    /// The subscriptions of one source.
    pub fn subscriber(&self) -> Subscriber {
        Subscriber { websub: self.clone(), hints: Arc::new(Hints::default()), tokens: HashMap::new() }
    }

    fn with<T>(&self, act: impl FnOnce(&mut HashMap<String, Subscription>) -> T) -> T {
        act(&mut self.0.subscriptions.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Asks hubs for what is wanted and renews it in time, until `stop`.
    pub async fn run(&self, stop: CancellationToken) {
        loop {
            let now = Instant::now();
            let due = self.with(|all| all.values().map(Subscription::due).min()).unwrap_or(now + IDLE);
            tokio::select! {
                () = stop.cancelled() => return,
                () = self.0.changed.notified() => {}
                () = tokio::time::sleep_until(due.min(now + IDLE)) => {
                    tokio::select! {
                        () = stop.cancelled() => return,
                        () = self.ask_for_what_is_due() => {}
                    }
                }
            }
        }
    }

    async fn ask_for_what_is_due(&self) {
        let now = Instant::now();
        let config = &self.0.config;
        let due: Vec<(String, Request)> = self.with(|all| {
            let due = all.iter_mut().filter(|(_, subscription)| subscription.due() <= now);
            due.filter_map(|(token, subscription)| {
                let links = subscription.ask(now, config)?;
                Some((token.clone(), request(&links, &callback(config, token), &subscription.secret, config)))
            })
            .collect()
        });
        futures::stream::iter(due)
            .for_each_concurrent(MAX_REQUESTS, |(token, request)| async move {
                let answered = self.0.http.send(&request).await;
                let result = answered.as_ref().map_or_else(|e| e.class().as_str(), |_| "ok");
                metrics::WEBSUB_REQUESTS.with_label_values(&[result]).inc();
                if let Err(error) = answered {
                    tracing::warn!(%error, "a hub did not take a subscription; the feed is asked as usual");
                    let retry_at = retry_at(&error, &self.0.http);
                    self.with(|all| {
                        if let Some(subscription) = all.get_mut(&token) {
                            subscription.note_failure(Instant::now(), retry_at, config);
                        }
                    });
                }
            })
            .await;
    }
}

/// A server that says when it wants to be asked again is believed.
fn retry_at(error: &FetchError, http: &Http) -> Option<Duration> {
    match error {
        FetchError::RateLimited { until } => Some(http.until(*until)),
        _ => None,
    }
}

fn callback(config: &WebSubConfig, token: &str) -> String {
    format!("{}/{token}", config.public_address.trim_end_matches('/'))
}

fn request(links: &HubLinks, callback: &str, secret: &[u8], config: &WebSubConfig) -> Request {
    let body = url::form_urlencoded::Serializer::new(String::new())
        .append_pair("hub.mode", "subscribe")
        .append_pair("hub.topic", &links.topic)
        .append_pair("hub.callback", callback)
        .append_pair("hub.lease_seconds", &config.lease.as_secs().to_string())
        .append_pair("hub.secret", &hex::encode(secret))
        .finish();
    let mut request = Request::post(&links.hub, "application/x-www-form-urlencoded", body).secret_body();
    request.max_bytes = MAX_HUB_ANSWER_BYTES;
    request
}

/// Feeds of which a hub said that there is something new, and a bell.
#[derive(Default)]
struct Hints {
    feeds: Mutex<std::collections::BTreeSet<usize>>,
    bell: Notify,
}

impl Hints {
    fn give(&self, feed: usize) {
        self.feeds.lock().unwrap_or_else(PoisonError::into_inner).insert(feed);
        self.bell.notify_one();
    }
}

/// The subscriptions of one source, feed by feed; they end with it.
pub struct Subscriber {
    websub: WebSub,
    hints: Arc<Hints>,
    /// By feed.
    tokens: HashMap<usize, String>,
}

impl Subscriber {
    /// What the newest page of a feed says about hubs: subscribes, changes or gives up.
    pub fn follow(&mut self, feed: usize, links: Option<HubLinks>) {
        let links = links.filter(|links| self.is_acceptable(links));
        let current = self.tokens.get(&feed).cloned();
        let keeps = self.websub.with(|all| {
            current.as_ref().and_then(|token| all.get(token)).map(|subscription| subscription.links.clone())
        });
        if keeps == links {
            return;
        }
        if let Some(token) = self.tokens.remove(&feed) {
            self.websub.with(|all| all.remove(&token));
        }
        let Some(links) = links else { return };
        let random = self.websub.0.random;
        let token = hex::encode(random());
        let subscription = Subscription::new(links, random(), Arc::clone(&self.hints), feed, Instant::now());
        let is_taken = self.websub.with(|all| {
            let has_room = all.len() < MAX_SUBSCRIPTIONS;
            if has_room {
                all.insert(token.clone(), subscription);
            }
            has_room
        });
        if is_taken {
            self.tokens.insert(feed, token);
            self.websub.0.changed.notify_one();
        }
    }

    /// A secret goes over TLS only, and nobody is asked about an address without end.
    fn is_acceptable(&self, links: &HubLinks) -> bool {
        let Ok(hub) = Url::parse(&links.hub) else { return false };
        let is_safe = hub.scheme() == "https"
            || (hub.scheme() == "http" && self.websub.0.http.guard().allows_private());
        is_safe && links.hub.len() <= MAX_URL_BYTES && links.topic.len() <= MAX_URL_BYTES
    }

    /// Has a hub confirmed that it will tell of news of this feed?
    pub fn is_live(&self, feed: usize) -> bool {
        let now = Instant::now();
        self.websub.with(|all| {
            self.tokens.get(&feed).and_then(|token| all.get(token)).is_some_and(|s| s.is_live(now))
        })
    }

    /// A feed that a hub told of since the last call.
    pub fn take_hint(&self) -> Option<usize> {
        self.hints.feeds.lock().unwrap_or_else(PoisonError::into_inner).pop_first()
    }

    /// Ends when there is a hint.
    pub async fn hinted(&self) {
        loop {
            let bell = self.hints.bell.notified();
            if !self.hints.feeds.lock().unwrap_or_else(PoisonError::into_inner).is_empty() {
                return;
            }
            bell.await;
        }
    }
}

impl Drop for Subscriber {
    fn drop(&mut self) {
        self.websub.with(|all| self.tokens.values().for_each(|token| _ = all.remove(token)));
    }
}
