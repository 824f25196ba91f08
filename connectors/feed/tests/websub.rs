//! A feed with a hub, over the wire: a small hub that subscribes, verifies and pushes as the Recommendation says, and people who
//! only pretend to be one.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod contract;

use std::collections::HashMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use axum::extract::{Form, State};
use axum::http::{HeaderMap, StatusCode};
use axum::response::IntoResponse;
use axum::routing::{get, post};
use contract::rss;
use hmac::{Hmac, Mac};
use sha2::Sha256;
use streife_sdk::conformance::{Memory, check, deps};
use streife_sdk::websub::{WebSub, WebSubConfig};
use streife_sdk::{Connector, Deps, HealthBoard, RunOptions, SourceConfig, run_source};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio_util::sync::CancellationToken;

/// Nothing here takes longer.
const PATIENCE: Duration = Duration::from_secs(20);

/// Publisher and hub in one server.
#[derive(Clone)]
struct Site {
    address: SocketAddr,
    posts: Arc<AtomicU64>,
    /// How often the feed was asked, and how often without a validator.
    asked: Arc<AtomicUsize>,
    whole: Arc<AtomicUsize>,
    lease_secs: Arc<AtomicU64>,
    denies: Arc<AtomicBool>,
    /// What was asked of the hub, in order.
    requests: Arc<Mutex<Vec<HashMap<String, String>>>>,
    /// Answers to the hub's verifications: status and body.
    verified: Arc<Mutex<Vec<(u16, String)>>>,
}

async fn page(State(site): State<Site>, headers: HeaderMap) -> impl IntoResponse {
    site.asked.fetch_add(1, Ordering::SeqCst);
    let posts = site.posts.load(Ordering::SeqCst);
    let tag = format!("\"{posts}\"");
    match headers.get("if-none-match") {
        Some(known) if known.to_str().unwrap() == tag => return StatusCode::NOT_MODIFIED.into_response(),
        Some(_) => {}
        None => _ = site.whole.fetch_add(1, Ordering::SeqCst),
    }
    let items: Vec<_> = (1..=posts).rev().map(|n| (n.to_string(), format!("t{n}"))).collect();
    let body = rss(&items.iter().map(|(id, text)| (id.as_str(), text.as_str())).collect::<Vec<_>>());
    let link = format!("<http://{0}/hub>; rel=hub, <http://{0}/feed>; rel=self", site.address);
    ([("etag", tag), ("link", link)], body).into_response()
}

async fn subscribe(State(site): State<Site>, Form(asked): Form<HashMap<String, String>>) -> StatusCode {
    site.requests.lock().unwrap().push(asked.clone());
    let denies = site.denies.load(Ordering::SeqCst);
    tokio::spawn(async move {
        let answer =
            if denies { site.deny(&asked).await } else { site.verify(&asked, "subscribe", "c-0815").await };
        site.verified.lock().unwrap().push(answer);
    });
    StatusCode::ACCEPTED
}

impl Site {
    async fn open() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let site = Self {
            address: listener.local_addr().unwrap(),
            posts: Arc::new(AtomicU64::new(3)),
            asked: Arc::default(),
            whole: Arc::default(),
            lease_secs: Arc::new(AtomicU64::new(3_600)),
            denies: Arc::default(),
            requests: Arc::default(),
            verified: Arc::default(),
        };
        let pages = axum::Router::new()
            .route("/feed", get(page))
            .route("/hub", post(subscribe))
            .with_state(site.clone());
        tokio::spawn(async move { axum::serve(listener, pages).await });
        site
    }

    async fn verify(&self, asked: &HashMap<String, String>, mode: &str, challenge: &str) -> (u16, String) {
        let lease = self.lease_secs.load(Ordering::SeqCst).to_string();
        let query = [
            ("hub.mode", mode),
            ("hub.topic", &asked["hub.topic"]),
            ("hub.challenge", challenge),
            ("hub.lease_seconds", &lease),
        ];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        get_page(&format!("{}?{query}", asked["hub.callback"])).await
    }

    async fn deny(&self, asked: &HashMap<String, String>) -> (u16, String) {
        let query = [("hub.mode", "denied"), ("hub.topic", &asked["hub.topic"]), ("hub.reason", "no")];
        let query = url::form_urlencoded::Serializer::new(String::new()).extend_pairs(query).finish();
        get_page(&format!("{}?{query}", asked["hub.callback"])).await
    }

    fn last_request(&self) -> HashMap<String, String> {
        self.requests.lock().unwrap().last().unwrap().clone()
    }

    /// A push as a hub sends it.
    async fn push(&self) -> u16 {
        let asked = self.last_request();
        let body = "<rss/>";
        push(&asked["hub.callback"], &[&sign(&asked["hub.secret"], body)], body).await
    }
}

fn sign(secret: &str, body: &str) -> String {
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap();
    mac.update(body.as_bytes());
    format!("sha256={}", hex::encode(mac.finalize().into_bytes()))
}

/// Sends bytes to the server of an address and reads its whole answer: status and body.
async fn talk(address: &str, head: &str, body: &[u8]) -> (u16, String) {
    let (host, path) = address.strip_prefix("http://").unwrap().split_once('/').unwrap();
    let mut socket = TcpStream::connect(host).await.unwrap();
    let head = head.replace("PATH", &format!("/{path}")).replace("HOST", host);
    socket.write_all(head.as_bytes()).await.unwrap();
    // A server that refuses closes before it has read everything.
    let _ = socket.write_all(body).await;
    let mut answer = Vec::new();
    let _ = socket.read_to_end(&mut answer).await;
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split_whitespace().nth(1).and_then(|s| s.parse().ok()).unwrap_or(0);
    (status, answer.split_once("\r\n\r\n").map_or_else(String::new, |(_, body)| body.to_owned()))
}

async fn get_page(address: &str) -> (u16, String) {
    talk(address, "GET PATH HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\n\r\n", b"").await
}

async fn push(callback: &str, signatures: &[&str], body: &str) -> u16 {
    let signatures: String = signatures.iter().map(|s| format!("X-Hub-Signature: {s}\r\n")).collect();
    let head = format!(
        "POST PATH HTTP/1.1\r\nHost: HOST\r\nConnection: close\r\nContent-Length: {}\r\n{signatures}\r\n",
        body.len()
    );
    talk(callback, &head, body.as_bytes()).await.0
}

/// Our side: the listener, the worker that asks hubs, the source under its driver.
struct Ours {
    site: Site,
    deps: Deps,
    stop: CancellationToken,
}

impl Ours {
    async fn open(change: impl FnOnce(&mut WebSubConfig)) -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let mut config = WebSubConfig::new(format!("http://{}/websub", listener.local_addr().unwrap()));
        config.min_renewal = Duration::from_millis(100);
        config.retry = Duration::from_millis(200);
        change(&mut config);
        let mut deps = deps();
        let websub = WebSub::new(config, deps.http.clone(), rand::random);
        deps.websub = Some(websub.clone());
        let pages = streife_feed::websub::router(websub.clone());
        let stop = CancellationToken::new();
        let ended = stop.clone();
        tokio::spawn(async move { axum::serve(listener, pages).await });
        tokio::spawn(async move { websub.run(ended).await });
        Self { site: Site::open().await, deps, stop }
    }

    fn connect(&self, interval_secs: u64) -> Box<dyn Connector> {
        let text = format!(
            "name='t'\nkind='feed'\ninterval_secs={interval_secs}\n[settings]\nurls=['http://{}/feed']",
            self.site.address
        );
        let config: SourceConfig = toml::from_str(&text).unwrap();
        streife_feed::feed::connect(&config, &self.deps).unwrap()
    }

    /// Runs the source until the test is over.
    fn run(&self, interval_secs: u64, memory: Arc<Memory>) {
        let (connector, stop) = (self.connect(interval_secs), self.stop.clone());
        let options = RunOptions {
            name: "t".to_owned(),
            kind: "feed",
            interval: Duration::from_secs(interval_secs),
            clock: self.deps.clock.clone(),
            health: HealthBoard::default(),
            seed: 1,
        };
        tokio::spawn(async move { run_source(connector, options, &*memory, &*memory, stop).await });
    }

    /// Until the hub's verification has been answered so often.
    async fn verified(&self, times: usize) -> (u16, String) {
        until(|| self.site.verified.lock().unwrap().len() >= times).await;
        self.site.verified.lock().unwrap()[times - 1].clone()
    }
}

impl Drop for Ours {
    fn drop(&mut self) {
        self.stop.cancel();
    }
}

async fn until(mut holds: impl FnMut() -> bool) {
    let begun = std::time::Instant::now();
    while !holds() {
        assert!(begun.elapsed() < PATIENCE, "it did not happen");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}

/// Pushes counted so far under `result`.
fn pushes(result: &str) -> u64 {
    let families = prometheus::default_registry().gather();
    let family = families.iter().find(|family| family.name() == "streife_websub_pushes_total");
    let metrics = family.map(|family| family.get_metric()).unwrap_or_default();
    let ours = metrics.iter().find(|metric| metric.get_label().iter().any(|label| label.value() == result));
    ours.map_or(0, |metric| metric.get_counter().get_value() as u64)
}

/// What is pushed is asked for at its publisher, at once, conditionally, and once.
#[tokio::test]
async fn a_push_brings_the_page_at_once_through_the_usual_path() {
    let ours = Ours::open(|_| {}).await;
    let memory = Arc::new(Memory::default());
    ours.run(3_600, memory.clone());
    assert_eq!(ours.verified(1).await, (200, "c-0815".to_owned()), "the challenge comes back");
    let asked = ours.site.last_request();
    assert_eq!(
        (asked["hub.mode"].as_str(), asked["hub.topic"].as_str()),
        ("subscribe", format!("http://{}/feed", ours.site.address).as_str())
    );
    let token = asked["hub.callback"].rsplit('/').next().unwrap();
    assert!(token.len() >= 32 && token.bytes().all(|b| b.is_ascii_hexdigit()), "{token}");
    assert_ne!(token, asked["hub.secret"]);
    until(|| memory.events().len() == 3).await;
    for round in 0..3 {
        ours.site.posts.fetch_add(1, Ordering::SeqCst);
        assert_eq!(ours.site.push().await, 202);
        until(|| memory.events().len() == 4 + round).await;
    }
    let events = memory.events();
    let mut ids: Vec<&str> = events.iter().map(|e| e.native_id.as_str()).collect();
    ids.sort_unstable();
    assert_eq!(ids, ["urn:1", "urn:2", "urn:3", "urn:4", "urn:5", "urn:6"]);
    assert_eq!(ours.site.whole.load(Ordering::SeqCst), 1, "only the first visit reads what has not changed");
}

/// A restart at any moment loses nothing and doubles nothing, with pushes coming all the time.
#[tokio::test]
async fn a_feed_with_a_hub_conforms_while_it_is_pushed() {
    let ours = Ours::open(|_| {}).await;
    let site = ours.site.clone();
    let pushing = tokio::spawn(async move {
        loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            if !site.requests.lock().unwrap().is_empty() {
                site.push().await;
            }
        }
    });
    check(&streife_feed::KINDS[0], || ours.connect(1), &["urn:1", "urn:2", "urn:3"]).await;
    pushing.abort();
}

/// Nothing but the subscription's own signature ends a wait; everybody is thanked, and counted.
#[tokio::test]
async fn forged_unsigned_and_unknown_pushes_move_nobody() {
    let ours = Ours::open(|_| {}).await;
    let memory = Arc::new(Memory::default());
    ours.run(3_600, memory.clone());
    ours.verified(1).await;
    until(|| memory.events().len() == 3).await;
    ours.site.posts.fetch_add(1, Ordering::SeqCst);
    let asked = ours.site.last_request();
    let (callback, secret) = (asked["hub.callback"].as_str(), asked["hub.secret"].as_str());
    let body = "<rss/>";
    let before = (pushes("unsigned"), pushes("forged"), pushes("unknown"));
    assert_eq!(push(callback, &[], body).await, 202);
    for forged in [
        sign("guessed", body),
        sign(secret, "<rss>other</rss>"),
        sign(secret, body).replace("sha256=", "sha1="),
        sign(secret, body).replace("sha256=", "md5="),
        "sha256=".to_owned(),
    ] {
        assert_eq!(push(callback, &[&forged], body).await, 202, "{forged}");
    }
    assert_eq!(
        push(callback, &["sha512=00", &sign(secret, body)], body).await,
        202,
        "the strongest has to be right"
    );
    let elsewhere = format!("{}0", &callback[..callback.len() - 1]);
    let elsewhere =
        if elsewhere == callback { format!("{}1", &callback[..callback.len() - 1]) } else { elsewhere };
    assert_eq!(push(&elsewhere, &[&sign(secret, body)], body).await, 404);
    assert!(
        pushes("unsigned") > before.0 && pushes("forged") >= before.1 + 6 && pushes("unknown") > before.2
    );
    // Longer than a hint waits for its turn.
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    assert_eq!(ours.site.asked.load(Ordering::SeqCst), 1, "somebody was believed");
    assert_eq!(ours.site.push().await, 202);
    until(|| memory.events().len() == 4).await;
}

/// A challenge is echoed for what was asked for, once.
#[tokio::test]
async fn a_verification_is_answered_once_and_only_for_what_was_asked_for() {
    let ours = Ours::open(|_| {}).await;
    ours.run(3_600, Arc::new(Memory::default()));
    assert_eq!(ours.verified(1).await.0, 200);
    let asked = ours.site.last_request();
    assert_eq!(ours.site.verify(&asked, "subscribe", "again").await.0, 404, "a replay");
    assert_eq!(ours.site.verify(&asked, "unsubscribe", "x").await.0, 404, "never asked for");
    let mut other = asked.clone();
    other.insert("hub.topic".to_owned(), "http://other.test/feed".to_owned());
    assert_eq!(ours.site.verify(&other, "subscribe", "x").await.0, 404);
    assert_eq!(ours.site.deny(&other).await.0, 404, "nobody ends what is not theirs");
    let nowhere = HashMap::from([
        ("hub.topic".to_owned(), asked["hub.topic"].clone()),
        ("hub.callback".to_owned(), format!("{}00", asked["hub.callback"])),
    ]);
    assert_eq!(ours.site.verify(&nowhere, "subscribe", "x").await.0, 404);
    for query in ["", "?", "?hub.mode=subscribe", "?hub.challenge=x"] {
        assert_eq!(get_page(&format!("{}{query}", asked["hub.callback"])).await.0, 404, "{query}");
    }
    assert_eq!(ours.site.push().await, 202, "the subscription stands");
}

#[tokio::test]
async fn what_is_too_large_too_many_or_without_end_is_not_read() {
    let ours = Ours::open(|_| {}).await;
    let memory = Arc::new(Memory::default());
    ours.run(3_600, memory.clone());
    ours.verified(1).await;
    until(|| memory.events().len() == 3).await;
    let callback = ours.site.last_request()["hub.callback"].clone();
    let large = "x".repeat(streife_feed::websub::MAX_PUSH_BYTES + 1);
    assert_eq!(push(&callback, &[&sign(&ours.site.last_request()["hub.secret"], &large)], &large).await, 413);
    // Promised and not sent: such connections hold their places, and the next one is sent away.
    let mut idle = Vec::new();
    let host = callback.strip_prefix("http://").unwrap();
    let (host, path) = host.split_once('/').unwrap();
    for _ in 0..16 {
        let mut socket = TcpStream::connect(host).await.unwrap();
        let head = format!("POST /{path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 100\r\n\r\n");
        socket.write_all(head.as_bytes()).await.unwrap();
        idle.push(socket);
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(ours.site.push().await, 503);
    drop(idle);
    // A flood of good pushes is one visit, and another for what came meanwhile.
    tokio::time::sleep(Duration::from_millis(300)).await;
    let asked = ours.site.asked.load(Ordering::SeqCst);
    for _ in 0..200 {
        assert_eq!(ours.site.push().await, 202);
    }
    tokio::time::sleep(Duration::from_millis(1_500)).await;
    let more = ours.site.asked.load(Ordering::SeqCst) - asked;
    assert!((1..=6).contains(&more), "{more} visits for 200 pushes");
}

/// A short lease is renewed under the same callback before it ends.
#[tokio::test]
async fn a_lease_is_renewed_in_time() {
    let ours = Ours::open(|_| {}).await;
    ours.site.lease_secs.store(2, Ordering::SeqCst);
    ours.run(3_600, Arc::new(Memory::default()));
    ours.verified(1).await;
    let (begun, first) = (std::time::Instant::now(), ours.site.last_request());
    assert_eq!(ours.verified(2).await.0, 200);
    assert!(begun.elapsed() < Duration::from_secs(2), "the lease had ended: {:?}", begun.elapsed());
    assert_eq!(ours.site.last_request(), first);
    assert_eq!(ours.site.push().await, 202);
}

/// While a subscription is live its feed is asked less often; when it has ended or was denied, as usual. Never not at all.
#[tokio::test]
async fn asking_goes_on_slower_while_live_and_as_usual_without() {
    let live = Ours::open(|_| {}).await;
    let denied = Ours::open(|_| {}).await;
    denied.site.denies.store(true, Ordering::SeqCst);
    let memory = Arc::new(Memory::default());
    live.run(1, memory.clone());
    denied.run(1, Arc::new(Memory::default()));
    assert_eq!(live.verified(1).await.0, 200);
    assert_eq!(denied.verified(1).await, (200, String::new()));
    // No push tells of this post.
    live.site.posts.fetch_add(1, Ordering::SeqCst);
    let asked = || (live.site.asked.load(Ordering::SeqCst), denied.site.asked.load(Ordering::SeqCst));
    let before = asked();
    tokio::time::sleep(Duration::from_secs(8)).await;
    let (live_more, denied_more) = (asked().0 - before.0, asked().1 - before.1);
    assert!((1..=3).contains(&live_more), "{live_more}");
    assert!(denied_more >= 6, "{denied_more}");
    assert_eq!(memory.events().len(), 4, "what no push told of is found by asking");
    assert_eq!(denied.site.requests.lock().unwrap().len(), 1, "a refusal is believed");
}

/// A hub that takes a request and never verifies it is asked again, later and later; nothing is lost meanwhile.
#[tokio::test]
async fn a_hub_out_of_order_is_asked_again_and_the_feed_as_usual() {
    let ours = Ours::open(|config| config.verification = Duration::from_millis(200)).await;
    let site = ours.site.clone();
    // The lease cannot be read, so the verification is refused.
    site.lease_secs.store(0, Ordering::SeqCst);
    let memory = Arc::new(Memory::default());
    ours.run(1, memory.clone());
    until(|| site.requests.lock().unwrap().len() >= 3).await;
    ours.site.posts.fetch_add(1, Ordering::SeqCst);
    until(|| memory.events().len() == 4).await;
}

/// A source that ends takes its callbacks with it.
#[tokio::test]
async fn a_callback_ends_with_its_source() {
    let ours = Ours::open(|_| {}).await;
    let mut connector = ours.connect(3_600);
    connector.fetch(None).await.unwrap();
    ours.verified(1).await;
    assert_eq!(ours.site.push().await, 202);
    drop(connector);
    assert_eq!(ours.site.push().await, 404);
}
