//! Captures pages on suspicion: the HTTP exchange as it was, and by a headless browser what a reader would have seen.
//! Whatever fails is named in the capture; nothing here can stop the post itself from being sealed.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use futures::future::join_all;
use streife_domain::{Clock, Timestamp};
use streife_evidence::capture::browser::{self, BrowserOptions, PageCapture};
use streife_evidence::merkle::sha256_hex;
use streife_evidence::{
    AccountFacts, CaptureLog, CapturedItem, Collected, HttpRequest, ItemRole, Missing, PostFacts,
};
use streife_referral::found::Circumstances;
use streife_sdk::Guard;
use url::Url;

use super::changed::{self, Change, Look};
use super::proxy::CaptureProxy;
use crate::config::Config;
use crate::failure::Failure;
use crate::open;
use crate::paths::Paths;

/// Redirects followed.
const MAX_REDIRECTS: usize = 5;
/// Largest page kept.
const MAX_PAGE_BYTES: usize = 16 * 1024 * 1024;
const HTTP_TIMEOUT: Duration = Duration::from_secs(20);
/// Parts of a path or query by which a redirect to a log-in is known.
const LOGIN_MARKS: [&str; 5] = ["login", "log-in", "signin", "anmelden", "accounts/"];
/// Headers that belong to the transport or to a session, not to the content.
const LEFT_OUT: [&str; 4] = ["set-cookie", "transfer-encoding", "connection", "keep-alive"];

/// A page to capture, and whose it is.
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) role: ItemRole,
    pub(crate) url: String,
    /// The post the page shows, as far as known.
    pub(crate) post: PostFacts,
    pub(crate) account: AccountFacts,
    pub(crate) keep: Keep,
}

/// What of an address is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Keep {
    /// A page: the exchange, and what a reader would see.
    Page,
    /// A file: the exchange alone.
    File,
    /// A file's hash.
    Hash,
}

/// Captures pages.
pub(crate) struct Pages {
    client: reqwest::Client,
    guard: Guard,
    user_agent: String,
    browser: Option<BrowserOptions>,
    /// A browser keeps a core busy: more at once than there are cores would only run into each other's time limits.
    browsers: tokio::sync::Semaphore,
    browser_bytes: u64,
    scratch: PathBuf,
    clock: Arc<dyn Clock>,
}

/// What an exchange brought.
#[derive(Debug, Default)]
struct Fetched {
    hops: Vec<String>,
    url: String,
    status: Option<u16>,
    headers: Vec<(String, String)>,
    body: Vec<u8>,
    address: Option<String>,
    certificate_sha256: Option<String>,
    missing: Vec<Missing>,
}

impl Fetched {
    fn look(&self) -> Look<'_> {
        Look { status: self.status, body: &self.body }
    }
}

impl Pages {
    /// From the configuration.
    pub(crate) fn new(config: &Config, paths: &Paths) -> Result<Self, Failure> {
        let section = &config.evidence;
        let guard = Guard::new(config.collect.allow_private);
        let user_agent = format!("Streife/{} (+{})", env!("CARGO_PKG_VERSION"), config.collect.contact);
        let client = reqwest::Client::builder()
            .user_agent(&user_agent)
            .timeout(HTTP_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .dns_resolver(Arc::new(guard.clone()))
            .tls_info(true)
            .no_gzip()
            .no_brotli()
            .no_deflate()
            .no_proxy()
            .build()
            .map_err(|e| Failure::configuration(format!("the HTTP client for captures: {e}")))?;
        let browser = (!section.browser.is_empty()).then(|| BrowserOptions {
            program: PathBuf::from(&section.browser),
            arguments: section.browser_arguments.clone(),
            time_limit: Duration::from_secs(section.browser_secs),
            ..BrowserOptions::default()
        });
        Ok(Self {
            client,
            guard,
            user_agent,
            browser,
            browsers: tokio::sync::Semaphore::new(open::cores().get()),
            browser_bytes: section.browser_megabytes * 1024 * 1024,
            scratch: paths.data.join("evidence-scratch"),
            clock: open::clock(),
        })
    }

    /// Captures all pages at the same time.
    pub(crate) async fn capture_all(
        &self,
        wanted: &[Wanted],
        circumstances: &Circumstances,
    ) -> Vec<CapturedItem> {
        join_all(wanted.iter().map(|wanted| self.capture(wanted, circumstances))).await
    }

    async fn capture(&self, wanted: &Wanted, circumstances: &Circumstances) -> CapturedItem {
        let url = wanted.url.as_str();
        let started_at = self.clock.now();
        let (mut fetched, (page, hosts), change) = match wanted.keep {
            Keep::Page => {
                let (fetched, seen) = tokio::join!(self.fetch(url), self.browse(url, started_at));
                let change = self.change_since(url, &fetched).await;
                (fetched, seen, change)
            }
            // A file is the same bytes for everybody; fetching it twice would tell nothing that its hash does not.
            Keep::File | Keep::Hash => (self.fetch(url).await, Default::default(), Change::None),
        };
        if wanted.keep == Keep::Hash && !fetched.body.is_empty() {
            let body = std::mem::take(&mut fetched.body);
            let why = format!("nicht aufbewahrt; {} Byte, sha256 {}", body.len(), sha256_hex(&body));
            fetched.missing.push(missing("Datei", why));
        }
        let ended_at = self.clock.now();
        let mut tool = concat!("Streife ", env!("CARGO_PKG_VERSION")).to_owned();
        if let Some(version) = &page.version {
            tool = format!("{tool}, {version}");
        }
        let mut missing = fetched.missing;
        missing.extend(page.missing);
        missing.extend(change.note(ended_at));
        let addresses: Vec<String> = hosts.iter().map(|(host, ip)| format!("{host} = {ip}")).collect();
        CapturedItem {
            role: wanted.role,
            post: wanted.post.clone(),
            account: wanted.account.clone(),
            translation: None,
            capture: CaptureLog {
                tool,
                method: method(wanted.keep, &addresses),
                operator: circumstances.by.clone(),
                started_at,
                ended_at,
                zone: circumstances.zone.clone(),
                clock_offset_ms: circumstances.clock_offset_ms,
                time_source: circumstances.time_source.clone(),
                resolver: resolver(),
                server_address: fetched.address,
                tls_chain_sha256: fetched.certificate_sha256.into_iter().collect(),
                redirects: fetched.hops,
            },
            request: fetched.status.map(|_| HttpRequest {
                method: "GET".to_owned(),
                headers: vec![
                    ("User-Agent".to_owned(), self.user_agent.clone()),
                    ("Accept-Encoding".to_owned(), "identity".to_owned()),
                ],
            }),
            response: Collected {
                url: fetched.url,
                status: fetched.status,
                media_type: media_type(&fetched.headers),
                headers: fetched.headers,
                body: fetched.body,
            },
            screenshot: page.screenshot,
            screenshot_plain: page.screenshot_plain,
            page_pdf: page.page_pdf,
            dom_html: page.dom_html,
            missing,
            seal: None,
        }
    }

    /// The exchange, hop by hop. A failure is something missing, with its reason.
    async fn fetch(&self, url: &str) -> Fetched {
        let mut fetched = Fetched { url: url.to_owned(), ..Fetched::default() };
        if let Err(why) = self.follow(&mut fetched).await {
            fetched.missing.push(missing("Seite", why));
        }
        fetched
    }

    /// Looks once more at a page that was there, for what became of it in the meantime.
    async fn change_since(&self, url: &str, first: &Fetched) -> Change {
        if !first.status.is_some_and(|status| (200..300).contains(&status)) {
            return Change::None;
        }
        let last = self.fetch(url).await;
        changed::between(first.look(), last.look())
    }

    async fn follow(&self, fetched: &mut Fetched) -> Result<(), String> {
        let mut url = Url::parse(&fetched.url).map_err(|error| error.to_string())?;
        for _ in 0..=MAX_REDIRECTS {
            self.guard.check_url(&url).map_err(|error| error.to_string())?;
            let asked = self.client.get(url.clone()).header("accept-encoding", "identity").send().await;
            let mut response = asked.map_err(|error| network(&error))?;
            fetched.url = url.to_string();
            fetched.address = response.remote_addr().map(|address| address.ip().to_string());
            let tls = response.extensions().get::<reqwest::tls::TlsInfo>();
            fetched.certificate_sha256 = tls.and_then(|tls| tls.peer_certificate()).map(sha256_hex);
            let status = response.status();
            let location = response.headers().get("location").and_then(|value| value.to_str().ok());
            if let (true, Some(location)) = (status.is_redirection(), location) {
                fetched.hops.push(format!("{status} {url}"));
                url = url.join(location).map_err(|error| format!("Weiterleitung: {error}"))?;
                continue;
            }
            fetched.status = Some(status.as_u16());
            fetched.headers = headers(response.headers());
            if let Some(why) = walled(&url, status.as_u16(), fetched.hops.len()) {
                fetched.missing.push(missing("Inhalt der Seite", why));
            }
            fetched.body = read(&mut response).await?;
            return Ok(());
        }
        Err(format!("mehr als {MAX_REDIRECTS} Weiterleitungen"))
    }

    /// What the browser shows, and the servers it spoke to.
    async fn browse(&self, url: &str, at: Timestamp) -> (PageCapture, Vec<(String, String)>) {
        let Some(browser) = &self.browser else {
            let why = "kein Browser eingerichtet ([evidence] browser)";
            return (
                PageCapture { missing: vec![missing("Bildschirmfoto", why)], ..PageCapture::default() },
                Vec::new(),
            );
        };
        let failed = |why: String| {
            (
                PageCapture { missing: vec![missing("Bildschirmfoto", why)], ..PageCapture::default() },
                Vec::new(),
            )
        };
        // Never closed, so there is always a turn; its error could only mean the end of the program.
        let _turn = self.browsers.acquire().await;
        let proxy = match CaptureProxy::start(self.guard.clone(), self.browser_bytes).await {
            Ok(proxy) => proxy,
            Err(error) => return failed(error.to_string()),
        };
        let mut options = browser.clone();
        options.arguments.extend(proxy.arguments());
        let scratch = self.scratch.join(hex::encode(rand::random::<[u8; 8]>()));
        let address = url.to_owned();
        let captured = tokio::task::spawn_blocking(move || {
            if let Err(error) = std::fs::create_dir_all(&scratch) {
                let why = missing("Bildschirmfoto", error.to_string());
                return PageCapture { missing: vec![why], ..PageCapture::default() };
            }
            let page = browser::capture(&address, at, &options, &scratch);
            // What the page left behind is in the capture; a left-over is only a waste of disk.
            let _ = std::fs::remove_dir_all(&scratch);
            page
        })
        .await;
        match captured {
            Ok(mut page) => {
                if proxy.exceeded() {
                    let why = format!("die Seite wollte mehr als {} MB laden", self.browser_bytes >> 20);
                    page.missing.push(missing("Teile der Seite", why));
                }
                (page, proxy.hosts())
            }
            Err(error) => failed(error.to_string()),
        }
    }
}

fn missing(what: &str, why: impl Into<String>) -> Missing {
    Missing { what: what.to_owned(), why: why.into() }
}

fn method(keep: Keep, addresses: &[String]) -> String {
    let mut method = match keep {
        Keep::Page => "Abruf der Seite (HTTP), dazu Darstellung im Browser ohne Anmeldung".to_owned(),
        Keep::File => "Abruf der Datei (HTTP) ohne Anmeldung".to_owned(),
        Keep::Hash => "Abruf der Datei (HTTP) ohne Anmeldung, davon die Prüfsumme".to_owned(),
    };
    if !addresses.is_empty() {
        method.push_str("; Server des Browsers: ");
        method.push_str(&addresses.join(", "));
    }
    method
}

/// The first name server of this machine; the browser's proxy and the client ask the same.
fn resolver() -> Option<String> {
    let text = std::fs::read_to_string("/etc/resolv.conf").ok()?;
    text.lines().find_map(|line| line.strip_prefix("nameserver ")).map(|address| address.trim().to_owned())
}

fn network(error: &reqwest::Error) -> String {
    let mut said = error.to_string();
    let mut source = std::error::Error::source(error);
    while let Some(inner) = source {
        said = inner.to_string();
        source = inner.source();
    }
    if error.is_timeout() { format!("keine Antwort in {} s", HTTP_TIMEOUT.as_secs()) } else { said }
}

fn headers(map: &reqwest::header::HeaderMap) -> Vec<(String, String)> {
    map.iter()
        .filter(|(name, _)| !LEFT_OUT.contains(&name.as_str()))
        .map(|(name, value)| (name.to_string(), String::from_utf8_lossy(value.as_bytes()).into_owned()))
        .collect()
}

fn media_type(headers: &[(String, String)]) -> String {
    let value = headers.iter().find(|(name, _)| name == "content-type").map(|(_, value)| value.as_str());
    let kind = value.unwrap_or("application/octet-stream").split(';').next().unwrap_or_default().trim();
    kind.chars().filter(|c| c.is_ascii_graphic()).take(100).collect()
}

/// Why this answer is not the content that was wanted.
fn walled(url: &Url, status: u16, hops: usize) -> Option<String> {
    let path = format!("{}?{}", url.path(), url.query().unwrap_or_default()).to_ascii_lowercase();
    match status {
        404 | 410 => Some(format!("die Seite ist nicht mehr da ({status}); gesichert ist diese Antwort")),
        401 | 403 => Some(format!("die Seite verlangt eine Anmeldung ({status}); es wurde keine versucht")),
        _ if hops > 0 && LOGIN_MARKS.iter().any(|mark| path.contains(mark)) => {
            Some("Weiterleitung zu einer Anmeldung; es wurde keine versucht".to_owned())
        }
        400.. => Some(format!("der Server meldet einen Fehler ({status})")),
        _ => None,
    }
}

async fn read(response: &mut reqwest::Response) -> Result<Vec<u8>, String> {
    let too_large =
        || format!("größer als {} MB, nicht gesichert; die Kopfzeilen liegen vor", MAX_PAGE_BYTES >> 20);
    if response.content_length().is_some_and(|length| length > MAX_PAGE_BYTES as u64) {
        return Err(too_large());
    }
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(|error| network(&error))? {
        if body.len() + chunk.len() > MAX_PAGE_BYTES {
            return Err(too_large());
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body)
}

#[cfg(test)]
#[path = "pages_tests.rs"]
mod tests;

#[cfg(test)]
#[path = "real_pages_tests.rs"]
mod real_pages_tests;
