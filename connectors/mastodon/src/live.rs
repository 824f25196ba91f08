//! Timelines live: REST pages walked forward by `min_id`, and the event stream where the source has a user's token.
//!
//! The stream replays nothing. So it is opened first, and then the timeline is walked forward to its end: what appears in
//! between comes twice and is known by its id. Edits and deletions are told by the stream alone.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use streife_domain::EventKind;
use streife_sdk::{
    Change, ConfigError, Connector, Cursor, Deps, FetchError, Fetched, Observation, Pace, ParseContext,
    Parsed, Request, Secret, SecretSource, Seen, SourceConfig, settings,
};
use url::Url;

use crate::parse;
use crate::stream::{self, EventStream};

/// The most that servers give a page.
const PAGE: usize = 40;
/// Ids of Mastodon hold milliseconds above these bits.
const ID_TIME_SHIFT: u32 = 16;
/// Statuses of other servers arrive late, with ids of their own time: so far back a refill begins.
const LATE_MILLIS: u64 = 10 * 60 * 1_000;
/// Ids that hold a time are larger than this.
const FIRST_TIMED_ID: u64 = 1_000_000_000_000_000;

/// Settings of a Mastodon source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `https://social.example`.
    pub server: String,
    /// A hashtag without `#`; the public timeline when absent.
    #[serde(default)]
    pub tag: Option<String>,
    /// Only posts of the server's own accounts.
    #[serde(default)]
    pub local: bool,
    /// An application token (`read:statuses`), where the server shows its timelines only to those; for the stream a
    /// user's token.
    #[serde(default)]
    pub token: Option<SecretSource>,
    /// Listen to the event stream too. Needs a token.
    #[serde(default)]
    pub streaming: bool,
    /// Where the stream is, when not on the server itself (`configuration.urls.streaming`, with `https`).
    #[serde(default)]
    pub streaming_server: Option<String>,
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings, a server that is no web address, an unreadable token, a stream without token.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let address = |field: &str, text: &str| {
        Url::parse(text)
            .ok()
            .filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host() && !u.cannot_be_a_base())
            .ok_or_else(|| ConfigError::new(&config.name, format!("settings.{field} is no web address")))
    };
    let server = address("server", &settings.server)?;
    let streaming_server = match &settings.streaming_server {
        Some(text) => address("streaming_server", text)?,
        None => server.clone(),
    };
    let token = settings.token.as_ref().map(|t| t.read(&config.name)).transpose()?;
    if settings.streaming && token.is_none() {
        return Err(ConfigError::new(&config.name, "settings.streaming needs settings.token (a user's)"));
    }
    let host = server.host_str().unwrap_or_default().to_owned();
    let context = ParseContext::scoped(&config.name, host);
    let deps = deps.clone();
    Ok(Box::new(Mastodon { context, server, streaming_server, config: settings, token, deps, stream: None }))
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The newest status that the log has.
    #[serde(default)]
    min_id: Option<String>,
    /// Statuses that the log has, where stream and timeline overlap.
    #[serde(default, skip_serializing_if = "Seen::is_empty")]
    seen: Seen,
}

impl Place {
    /// Takes out what is known, notes what is not.
    fn note(&mut self, parsed: &mut Parsed, scope: &str, is_overlapping: bool) {
        let Self { min_id, seen } = self;
        if is_overlapping {
            parsed.events.retain(|e| {
                e.event.event != EventKind::Post || seen.note(&e.event.native_id, b"") == Change::New
            });
        }
        let posts = parsed.events.iter().filter(|e| e.event.event == EventKind::Post);
        let newest = posts.filter_map(|e| e.event.native_id.strip_prefix(scope)).max_by(|a, b| by_age(a, b));
        if let Some(newest) = newest
            && min_id.as_deref().is_none_or(|known| by_age(newest, known).is_gt())
        {
            *min_id = Some(newest.to_owned());
        }
    }
}

/// Ids are strings of one length and order, or longer when later.
fn by_age(a: &str, b: &str) -> std::cmp::Ordering {
    a.len().cmp(&b.len()).then_with(|| a.cmp(b))
}

/// A little before a status, by the time in its id; ids without time stay as they are.
fn a_little_before(id: &str) -> String {
    match id.parse::<u64>() {
        Ok(number) if number > FIRST_TIMED_ID => (number - (LATE_MILLIS << ID_TIME_SHIFT)).to_string(),
        _ => id.to_owned(),
    }
}

struct Mastodon {
    context: ParseContext,
    server: Url,
    streaming_server: Url,
    config: Config,
    token: Option<Secret>,
    deps: Deps,
    stream: Option<Open>,
}

/// A stream, and where the refill of what was missed stands; `None` when it is done.
struct Open {
    events: EventStream,
    refill: Option<Option<String>>,
}

impl Mastodon {
    fn address(&self, base: &Url, path: &[&str]) -> Result<Url, FetchError> {
        let mut url = base.clone();
        url.path_segments_mut()
            .map_err(|()| FetchError::BadUpstream("settings.server has no path".to_owned()))?
            .pop_if_empty()
            .extend(path);
        Ok(url)
    }

    fn authorized(&self, url: Url) -> Request {
        let request = Request::get(url);
        match &self.token {
            Some(token) => request.authorization("Bearer", token),
            None => request,
        }
    }

    fn timeline(&self, min_id: Option<&str>) -> Result<Request, FetchError> {
        let mut url = match &self.config.tag {
            Some(tag) => self.address(&self.server, &["api", "v1", "timelines", "tag", tag])?,
            None => self.address(&self.server, &["api", "v1", "timelines", "public"])?,
        };
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("limit", &PAGE.to_string());
            if self.config.local {
                query.append_pair("local", "true");
            }
            if let Some(min_id) = min_id {
                query.append_pair("min_id", min_id);
            }
        }
        Ok(self.authorized(url))
    }

    /// One page of the timeline, oldest first; its newest id, and whether it was full.
    async fn page(&self, min_id: Option<&str>) -> Result<(Parsed, Option<String>, bool), FetchError> {
        let request = self.timeline(min_id)?;
        let response = self.deps.http.send(&request).await?;
        let mut parsed = parse(&response.observation(&request), &self.context);
        parsed.events.reverse();
        let scope = self.context.native_id("");
        let ids = parsed.events.iter().filter_map(|e| e.event.native_id.strip_prefix(&scope));
        let newest = ids.max_by(|a, b| by_age(a, b)).map(str::to_owned);
        let is_full = parsed.events.len() + parsed.problems.len() >= PAGE;
        Ok((parsed, newest, is_full))
    }

    async fn open_stream(&self) -> Result<EventStream, FetchError> {
        let path: &[&str] = match (&self.config.tag, self.config.local) {
            (Some(_), false) => &["api", "v1", "streaming", "hashtag"],
            (Some(_), true) => &["api", "v1", "streaming", "hashtag", "local"],
            (None, false) => &["api", "v1", "streaming", "public"],
            (None, true) => &["api", "v1", "streaming", "public", "local"],
        };
        let mut url = self.address(&self.streaming_server, path)?;
        if let Some(tag) = &self.config.tag {
            url.query_pairs_mut().append_pair("tag", tag);
        }
        EventStream::open(&self.deps.http, &self.authorized(url)).await
    }

    /// The refill after the stream was opened, page by page; then the stream.
    async fn follow(&mut self, place: &mut Place) -> Result<Parsed, FetchError> {
        // Taken out while reading: when this is dropped or fails, the next fetch opens a stream and refills.
        let mut open = match self.stream.take() {
            Some(open) => open,
            None => {
                let refill = place.min_id.as_deref().map(a_little_before);
                Open { events: self.open_stream().await?, refill: Some(refill) }
            }
        };
        let scope = self.context.native_id("");
        let mut parsed;
        if let Some(from) = open.refill.take() {
            let (page, newest, is_full) = self.page(from.as_deref()).await?;
            parsed = page;
            open.refill = newest.filter(|_| is_full && from.is_some()).map(Some);
        } else {
            let (bytes, has_ended) = open.events.batch().await?;
            let observation = Observation::new(self.streaming_server.as_str(), bytes, self.deps.clock.now());
            parsed = stream::parse(&observation, &self.context);
            if has_ended {
                place.note(&mut parsed, &scope, true);
                return Ok(parsed);
            }
        }
        place.note(&mut parsed, &scope, true);
        self.stream = Some(open);
        Ok(parsed)
    }
}

#[async_trait]
impl Connector for Mastodon {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let mut place: Place = Cursor::read(cursor);
        let (parsed, pace) = if self.config.streaming {
            (self.follow(&mut place).await?, Pace::Now)
        } else {
            let before = place.min_id.clone();
            let (mut parsed, _, is_full) = self.page(before.as_deref()).await?;
            place.note(&mut parsed, &self.context.native_id(""), false);
            let has_more = before.is_some() && is_full && place.min_id != before;
            (parsed, if has_more { Pace::Now } else { Pace::Interval })
        };
        let newest = parsed.events.last().and_then(|e| e.event.posted_at);
        Ok(Fetched { parsed, cursor: Cursor::of(&place)?, pace, newest })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refill_begins_ten_minutes_earlier_where_ids_hold_time() {
        let later = 115_000_000_000_000_000_u64;
        let before: u64 = a_little_before(&later.to_string()).parse().unwrap();
        assert_eq!((later - before) >> ID_TIME_SHIFT, LATE_MILLIS);
        assert_eq!(a_little_before("01J9XABCDEF"), "01J9XABCDEF");
        assert_eq!(a_little_before("105"), "105");
    }
}
