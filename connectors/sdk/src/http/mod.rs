//! The one HTTP client of the process: polite, bounded, honest about who asks.
//!
//! Per host: a token bucket, `Retry-After`, a circuit breaker, robots.txt. Per answer: limits on size, time,
//! redirects and decompression. No private address is reached unless the configuration allows it. Nothing here
//! retries: errors carry the class by which [`crate::run_source`] decides.

mod body;
#[cfg(test)]
mod day_tests;
mod guard;
mod pace;
mod request;
mod robots;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use streife_domain::{Clock, Timestamp};
use tokio::time::Instant;
use url::Url;

use crate::FetchError;
pub use body::BodyStream;
pub use guard::{Guard, is_public};
use pace::Hosts;
pub use request::{Request, Response};
pub use robots::Robots;

/// Redirects followed before a site is said to go in circles.
const MAX_REDIRECTS: usize = 5;
/// robots.txt is believed for this long (RFC 9309 says at most 24 hours).
const ROBOTS_LIFETIME: Duration = Duration::from_secs(24 * 3_600);
/// A robots.txt out of reach is asked for again after this long.
const ROBOTS_RETRY: Duration = Duration::from_secs(600);
/// What of a robots.txt is read (RFC 9309 asks for at least 500 KiB).
const MAX_ROBOTS_BYTES: usize = 512 * 1024;
/// Hosts whose robots.txt is remembered.
const MAX_ROBOTS_HOSTS: usize = 4_096;

/// Settings of the client.
#[derive(Debug, Clone)]
pub struct HttpConfig {
    /// Who operates this installation, in the User-Agent: a web address or mail address.
    pub contact: String,
    /// Reach private and loopback addresses too (a forum in the own network, tests).
    pub allow_private: bool,
    /// `socks5h://host:port` for onion services; without it `.onion` names are refused.
    pub socks_proxy: Option<String>,
    /// Time between two requests to one host, on average.
    pub host_interval: Duration,
    /// Requests to one host that may follow each other at once.
    pub host_burst: u32,
    /// A request ends after this long, whatever the server sends.
    pub timeout: Duration,
    /// Seed of the jitter.
    pub seed: u64,
}

impl Default for HttpConfig {
    fn default() -> Self {
        Self {
            contact: "no contact configured".to_owned(),
            allow_private: false,
            socks_proxy: None,
            host_interval: Duration::from_secs(1),
            host_burst: 3,
            timeout: Duration::from_secs(30),
            seed: 0,
        }
    }
}

/// The client. Cheap to clone; all clones share the hosts' state.
#[derive(Clone)]
pub struct Http(Arc<Inner>);

struct Inner {
    direct: reqwest::Client,
    onion: Option<reqwest::Client>,
    guard: Guard,
    hosts: Hosts,
    robots: Mutex<HashMap<String, (Instant, Rules)>>,
    rng: Mutex<ChaCha8Rng>,
    clock: Arc<dyn Clock>,
    user_agent: String,
}

/// A host's robots.txt, or why it is out of reach.
type Rules = Result<Arc<Robots>, String>;

impl Http {
    /// The client of this process.
    ///
    /// # Errors
    /// [`FetchError::Refused`] when TLS or the proxy address cannot be set up.
    pub fn new(config: &HttpConfig, clock: Arc<dyn Clock>) -> Result<Self, FetchError> {
        let guard = Guard::new(config.allow_private);
        let user_agent = format!("Streife/{} (+{})", env!("CARGO_PKG_VERSION"), config.contact);
        let builder = || {
            reqwest::Client::builder()
                .user_agent(&user_agent)
                .timeout(config.timeout)
                .connect_timeout(config.timeout.min(Duration::from_secs(10)))
                .redirect(reqwest::redirect::Policy::none())
                .no_gzip()
                .no_brotli()
                .no_deflate()
                .no_proxy()
        };
        let refused = |error: reqwest::Error| FetchError::Refused(format!("the HTTP client: {error}"));
        let direct = builder().dns_resolver(Arc::new(guard.clone())).build().map_err(refused)?;
        let onion = match &config.socks_proxy {
            // The proxy resolves the names, ours must not even ask for them.
            Some(address) => {
                let proxy = reqwest::Proxy::all(address).map_err(refused)?;
                Some(builder().proxy(proxy).build().map_err(refused)?)
            }
            None => None,
        };
        Ok(Self(Arc::new(Inner {
            direct,
            onion,
            guard,
            hosts: Hosts::new(config.host_interval, config.host_burst),
            robots: Mutex::default(),
            rng: Mutex::new(ChaCha8Rng::seed_from_u64(config.seed)),
            clock,
            user_agent,
        })))
    }

    /// How this installation introduces itself.
    pub fn user_agent(&self) -> &str {
        &self.0.user_agent
    }

    /// The address guard, for connections other than HTTP.
    pub fn guard(&self) -> &Guard {
        &self.0.guard
    }

    /// A host's own pace, where its terms name one (1 request a second, 10 s per thread).
    pub fn set_host_pace(&self, host: &str, interval: Duration, burst: u32) {
        self.0.hosts.set_pace(host, interval, burst);
    }

    /// From now until then.
    pub(crate) fn until(&self, then: Timestamp) -> Duration {
        Duration::from_micros(then.micros_since(self.0.clock.now()).max(0).unsigned_abs())
    }

    /// When a server that said 429 may be asked again, by its `Retry-After`; a minute from now without one.
    pub(crate) fn retry_at(&self, header: Option<&str>) -> Timestamp {
        let now = self.0.clock.now();
        header
            .and_then(|value| retry_after(value, now))
            .unwrap_or_else(|| now.plus_secs(pace::DEFAULT_RETRY_SECS))
    }

    /// Waits for a turn at the host, asks, and reads the whole answer.
    ///
    /// # Errors
    /// By class: 429 and 503 with `Retry-After` rate limited, other 5xx and network transient, 401, 403, 451
    /// and robots.txt refused, 404 and 410 gone, a broken or oversized answer bad upstream.
    pub async fn send(&self, request: &Request) -> Result<Response, FetchError> {
        let (mut response, url) = self.start(request).await?;
        let status = response.status().as_u16();
        let headers = text_headers(&response);
        let encoding = headers.iter().find(|(n, _)| n == "content-encoding").map(|(_, v)| v.clone());
        let body = body::read_all(&mut response, encoding.as_deref(), request.max_bytes).await;
        let body = self.note_result(&url, body)?;
        Ok(Response { status, url: url.into(), headers, body, observed_at: self.0.clock.now() })
    }

    /// Like [`Self::send`] for an answer without end (server-sent events): chunks as they come.
    ///
    /// # Errors
    /// As [`Self::send`].
    pub async fn open(&self, request: &Request) -> Result<BodyStream, FetchError> {
        let (response, _) = self.start(request).await?;
        Ok(BodyStream::new(response))
    }

    async fn start(&self, request: &Request) -> Result<(reqwest::Response, Url), FetchError> {
        let mut url = parse_url(&request.url)?;
        for _ in 0..=MAX_REDIRECTS {
            if request.robots {
                self.check_robots(&url).await?;
            }
            let response = self.ask(request, &url).await?;
            let status = response.status();
            if status.is_redirection() && status.as_u16() != 304 {
                let target = response
                    .headers()
                    .get("location")
                    .and_then(|v| v.to_str().ok())
                    .and_then(|location| url.join(location).ok())
                    .ok_or_else(|| {
                        FetchError::BadUpstream(format!("{status} without a target from {}", host_of(&url)))
                    })?;
                // Credentials must not follow to another host.
                if request.holds_secrets() && host_of(&target) != host_of(&url) {
                    return Err(FetchError::Refused(format!("{} redirects to another host", host_of(&url))));
                }
                url = target;
                continue;
            }
            return self.by_status(response, &url).map(|response| (response, url));
        }
        Err(FetchError::BadUpstream(format!("more than {MAX_REDIRECTS} redirects from {}", request.url)))
    }

    /// One request to one address, in the host's pace.
    async fn ask(&self, request: &Request, url: &Url) -> Result<reqwest::Response, FetchError> {
        let host = host_of(url);
        let is_onion = url.host_str().is_some_and(|h| h.ends_with(".onion"));
        let client = match (is_onion, &self.0.onion) {
            (false, _) => {
                self.0.guard.check_url(url)?;
                &self.0.direct
            }
            (true, Some(onion)) => onion,
            (true, None) => {
                return Err(FetchError::Refused(format!("{host}: onion services need http.socks_proxy")));
            }
        };
        self.wait_for_turn(&host).await?;
        let mut builder =
            client.request(request.method.clone(), url.clone()).header("accept-encoding", "gzip, deflate");
        for (name, value) in &request.headers {
            builder = builder.header(name, value);
        }
        for (name, secret) in &request.secrets {
            builder = builder.header(name, secret.expose());
        }
        if let Some(timeout) = request.timeout {
            builder = builder.timeout(timeout);
        }
        if let Some(body) = &request.body {
            builder = builder.body(body.clone());
        }
        let answer = builder.send().await.map_err(|error| network_error(&error, &host));
        self.note_result(url, answer)
    }

    async fn wait_for_turn(&self, host: &str) -> Result<(), FetchError> {
        let jitter = self.0.rng.lock().unwrap_or_else(PoisonError::into_inner).random_range(0.0..0.1);
        self.0.hosts.turn(host, jitter, &*self.0.clock).await
    }

    /// Lets the circuit breaker know how a request ended.
    fn note_result<T>(&self, url: &Url, result: Result<T, FetchError>) -> Result<T, FetchError> {
        if let Err(FetchError::Transient(_)) = &result {
            self.0.hosts.note_failure(&host_of(url));
        }
        result
    }

    fn by_status(&self, response: reqwest::Response, url: &Url) -> Result<reqwest::Response, FetchError> {
        let now = self.0.clock.now();
        let status = response.status().as_u16();
        let asked_for = || {
            let header = response.headers().get("retry-after")?.to_str().ok()?;
            retry_after(header, now)
        };
        let until = match status {
            200..=299 | 304 => rate_limit_reset(&response, now),
            _ => asked_for().or_else(|| rate_limit_reset(&response, now)),
        };
        self.0.hosts.judge(&host_of(url), url.path(), status, until, &*self.0.clock).map(|()| response)
    }

    /// Refuses what robots.txt does not allow.
    async fn check_robots(&self, url: &Url) -> Result<(), FetchError> {
        let host = host_of(url);
        let known = {
            let cache = self.0.robots.lock().unwrap_or_else(PoisonError::into_inner);
            cache.get(&host).filter(|(until, _)| *until > Instant::now()).map(|(_, robots)| robots.clone())
        };
        let robots = match known {
            Some(robots) => robots,
            None => self.fetch_robots(url, &host).await?,
        };
        // Nothing may be read meanwhile (RFC 9309, 2.3.1.4), but it is the host that fails, not a person who forbids it.
        let robots =
            robots.map_err(|why| FetchError::Transient(format!("robots.txt is out of reach: {why}")))?;
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        if robots.allows("streife", path) {
            Ok(())
        } else {
            Err(FetchError::Refused(format!("robots.txt of {host} disallows {}", url.path())))
        }
    }

    async fn fetch_robots(&self, url: &Url, host: &str) -> Result<Rules, FetchError> {
        let address = url.join("/robots.txt").map_err(|e| FetchError::BadUpstream(format!("{host}: {e}")))?;
        let mut request = Request::get(address.as_str());
        request.max_bytes = MAX_ROBOTS_BYTES;
        let (robots, lifetime) = match Box::pin(self.send(&request)).await {
            Ok(response) => (Ok(Robots::parse(&String::from_utf8_lossy(&response.body))), ROBOTS_LIFETIME),
            Err(error @ FetchError::RateLimited { .. }) => return Err(error),
            // 4xx: no rules. A file over the limit: no rules that a crawler could be asked to read.
            Err(FetchError::Gone(_) | FetchError::Refused(_) | FetchError::BadUpstream(_)) => {
                (Ok(Robots::allow_all()), ROBOTS_LIFETIME)
            }
            Err(error) => (Err(error.to_string()), ROBOTS_RETRY),
        };
        let robots = robots.map(Arc::new);
        let mut cache = self.0.robots.lock().unwrap_or_else(PoisonError::into_inner);
        if cache.len() >= MAX_ROBOTS_HOSTS {
            cache.clear();
        }
        cache.insert(host.to_owned(), (Instant::now() + lifetime, robots.clone()));
        Ok(robots)
    }
}

/// The clock and the client of a connector meet here: `Retry-After` in seconds or as an HTTP date.
fn retry_after(value: &str, now: Timestamp) -> Option<Timestamp> {
    match value.trim().parse::<i64>() {
        Ok(seconds) => Some(now.plus_secs(seconds.clamp(0, 86_400))),
        Err(_) => crate::dates::parse(value, now),
    }
}

/// When a spent `X-RateLimit` budget is renewed: an ISO time, seconds from now, or seconds since the epoch.
fn rate_limit_reset(response: &reqwest::Response, now: Timestamp) -> Option<Timestamp> {
    let header = |name: &str| response.headers().get(name).and_then(|v| v.to_str().ok());
    let remaining: f64 =
        header("x-ratelimit-remaining").or_else(|| header("ratelimit-remaining"))?.trim().parse().ok()?;
    if remaining >= 1.0 {
        return None;
    }
    let reset = header("x-ratelimit-reset").or_else(|| header("ratelimit-reset"))?.trim();
    match reset.parse::<f64>() {
        Ok(seconds) if seconds < 1e9 => Some(now.plus_secs(seconds as i64)),
        Ok(epoch) => Some(Timestamp::from_secs(epoch as i64)),
        Err(_) => Timestamp::parse(reset).ok(),
    }
}

fn parse_url(text: &str) -> Result<Url, FetchError> {
    let url =
        Url::parse(text).map_err(|e| FetchError::BadUpstream(format!("{text:?} is no address: {e}")))?;
    if !matches!(url.scheme(), "http" | "https") {
        return Err(FetchError::BadUpstream(format!("{text:?}: only http and https are read")));
    }
    Ok(url)
}

/// Host with port where it is not the scheme's own: the unit of politeness.
fn host_of(url: &Url) -> String {
    let host = url.host_str().unwrap_or_default();
    url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
}

fn network_error(error: &reqwest::Error, host: &str) -> FetchError {
    let mut cause: &dyn std::error::Error = error;
    while let Some(source) = cause.source() {
        if let Some(refused) = source.downcast_ref::<guard::PrivateAddress>() {
            return FetchError::Refused(refused.to_string());
        }
        cause = source;
    }
    if error.is_timeout() {
        return FetchError::Transient(format!("{host} did not answer in time"));
    }
    FetchError::Transient(format!("{host}: {cause}"))
}

fn text_headers(response: &reqwest::Response) -> Vec<(String, String)> {
    let text = |value: &http::HeaderValue| String::from_utf8_lossy(value.as_bytes()).into_owned();
    response.headers().iter().map(|(name, value)| (name.as_str().to_owned(), text(value))).collect()
}
