//! One group of a news server live, by article number, plain or over TLS, without log-in.
//!
//! The cursor is the next number, and which article had the one before. A server that renumbered its group (its highest
//! number lies below ours, or another article has the number) is read from its lowest number again; articles known by
//! their Message-ID are dropped as duplicates later.

use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use streife_sdk::net::{self, Connection};
use streife_sdk::{
    ConfigError, Connector, Cursor, Deps, FetchError, Fetched, Observation, Pace, ParseContext, Parsed,
    SourceConfig, settings,
};
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};

use crate::MAX_ARTICLE_BYTES;

/// Articles per fetch.
const MAX_ARTICLES: u64 = 50;
/// A first visit begins so many articles back.
const FIRST_VISIT: u64 = 200;
/// The longest line of an answer.
const MAX_LINE_BYTES: u64 = 64 * 1024;
/// Longer ones are not allowed (RFC 3977, section 3.6).
const MAX_ID_BYTES: usize = 250;
/// One line of an answer: a server that says nothing for so long is given up.
const LINE_TIMEOUT: Duration = Duration::from_secs(30);
/// A whole fetch, whatever the server drips.
const FETCH_TIMEOUT: Duration = Duration::from_secs(600);

/// Settings of a news source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Name of the server.
    pub host: String,
    /// TLS from the first byte (RFC 8143).
    #[serde(default)]
    pub tls: bool,
    /// 119, with TLS 563, unless said otherwise.
    #[serde(default)]
    pub port: Option<u16>,
    /// `de.soc.politik.misc`.
    pub group: String,
}

impl Config {
    fn port(&self) -> u16 {
        self.port.unwrap_or(if self.tls { 563 } else { 119 })
    }
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings or a group that is no name.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let is_name = |c: char| c.is_ascii_alphanumeric() || "._+-".contains(c);
    if settings.group.is_empty() || !settings.group.chars().all(is_name) {
        return Err(ConfigError::new(&config.name, "settings.group is no name of a group"));
    }
    Ok(Box::new(News { context: ParseContext::new(&config.name), config: settings, deps: deps.clone() }))
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    next: Option<u64>,
    /// Number and Message-ID of the last article read.
    #[serde(default)]
    last: Option<(u64, String)>,
}

struct News {
    context: ParseContext,
    config: Config,
    deps: Deps,
}

struct Line {
    stream: BufReader<Box<dyn Connection>>,
    host: String,
}

impl Line {
    async fn read(&mut self) -> Result<Vec<u8>, FetchError> {
        let mut line = Vec::new();
        let broken = |e: std::io::Error| FetchError::Transient(format!("{}: {e}", self.host));
        let reading = async { (&mut self.stream).take(MAX_LINE_BYTES).read_until(b'\n', &mut line).await };
        tokio::time::timeout(LINE_TIMEOUT, reading)
            .await
            .map_err(|_| {
                let secs = LINE_TIMEOUT.as_secs();
                FetchError::Transient(format!("{} said nothing for {secs} s", self.host))
            })?
            .map_err(broken)?;
        if line.ends_with(b"\n") {
            return Ok(line);
        }
        Err(FetchError::Transient(format!("{} broke off or sent an endless line", self.host)))
    }

    /// Sends a command; the code and text of the answer's first line.
    async fn ask(&mut self, command: &str) -> Result<(u16, String), FetchError> {
        if !command.is_empty() {
            let sent = self.stream.get_mut().write_all(format!("{command}\r\n").as_bytes()).await;
            sent.map_err(|e| FetchError::Transient(format!("{}: {e}", self.host)))?;
        }
        let line = self.read().await?;
        let text = String::from_utf8_lossy(&line).trim_end().to_owned();
        let code = text.get(..3).and_then(|c| c.parse().ok());
        code.map(|code| (code, text))
            .ok_or_else(|| FetchError::BadUpstream(format!("{} does not speak NNTP", self.host)))
    }

    /// The lines up to the single dot, which is kept as the end mark.
    async fn body(&mut self) -> Result<Vec<u8>, FetchError> {
        let mut body = Vec::new();
        loop {
            let line = self.read().await?;
            // What is over the limit is read over, so that the conversation goes on; parse sees that it is too large.
            if body.len() <= MAX_ARTICLE_BYTES {
                body.extend_from_slice(&line);
            }
            if line.trim_ascii_end() == b"." {
                return Ok(body);
            }
        }
    }
}

impl News {
    async fn open(&self) -> Result<Line, FetchError> {
        let host = self.config.host.clone();
        let stream = net::connect(&self.deps.http, &host, self.config.port(), self.config.tls).await?;
        let mut line = Line { stream: BufReader::new(stream), host };
        match line.ask("").await? {
            (200 | 201, _) => {}
            (400, text) => return Err(FetchError::Transient(text)),
            (_, text) => return Err(FetchError::Refused(text)),
        }
        // Some servers begin as transit servers; the answer does not matter.
        line.ask("MODE READER").await?;
        Ok(line)
    }

    async fn read(&self, place: &mut Place) -> Result<(Parsed, bool), FetchError> {
        let mut line = self.open().await?;
        let (low, high) = match line.ask(&format!("GROUP {}", self.config.group)).await? {
            (211, text) => {
                let numbers: Vec<u64> =
                    text.split_whitespace().skip(2).take(2).filter_map(|n| n.parse().ok()).collect();
                let [low, high] = numbers[..] else {
                    return Err(FetchError::BadUpstream(format!("{}: {text:.80}", line.host)));
                };
                (low, high)
            }
            (411, _) => {
                return Err(FetchError::Gone(format!("{} has no group {}", line.host, self.config.group)));
            }
            (480 | 481 | 502, text) => return Err(FetchError::Refused(text)),
            (_, text) => return Err(FetchError::Transient(text)),
        };
        let is_renumbered = match &place.last {
            Some((number, id)) if (low..=high).contains(number) => {
                let (code, text) = line.ask(&format!("STAT {number}")).await?;
                // An article that was cancelled or has expired says nothing.
                code == 223 && message_id(&text).is_some_and(|now| now != *id)
            }
            _ => place.next.is_some_and(|next| next > high.saturating_add(1)),
        };
        let first = match place.next {
            Some(_) if is_renumbered => low,
            Some(next) => next.max(low),
            None => low.max(high.saturating_sub(FIRST_VISIT - 1)),
        };
        let last = high.min(first.saturating_add(MAX_ARTICLES - 1));
        let mut parsed = Parsed::default();
        for number in first..=last {
            match line.ask(&format!("ARTICLE {number}")).await? {
                (220, status) => {
                    place.last = message_id(&status).map(|id| (number, id));
                    let mut article = format!("{status}\r\n").into_bytes();
                    article.extend(line.body().await?);
                    let url = format!("news://{}/{}/{number}", line.host, self.config.group);
                    let observation = Observation::new(url, Bytes::from(article), self.deps.clock.now());
                    parsed.append(crate::parse(&observation, &self.context));
                }
                (423 | 430, _) => parsed.ignore("article_gone"),
                (_, text) => return Err(FetchError::Transient(text)),
            }
        }
        place.next = Some(last.saturating_add(1).max(first));
        line.ask("QUIT").await.ok();
        Ok((parsed, last < high))
    }
}

/// The third word of an answer that names an article.
fn message_id(answer: &str) -> Option<String> {
    answer.split_whitespace().nth(2).filter(|id| id.len() <= MAX_ID_BYTES).map(str::to_owned)
}

#[async_trait]
impl Connector for News {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let mut place: Place = Cursor::read(cursor);
        let (parsed, has_more) = tokio::time::timeout(FETCH_TIMEOUT, self.read(&mut place))
            .await
            .map_err(|_| FetchError::Transient(format!("{} did not answer in time", self.config.host)))??;
        let newest = parsed.events.iter().filter_map(|e| e.event.posted_at).max();
        let pace = if has_more { Pace::Now } else { Pace::Interval };
        Ok(Fetched { parsed, cursor: Cursor::of(&place)?, pace, newest })
    }
}
