//! Timelines live: REST pages walked forward by `min_id`.

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use streife_sdk::{
    ConfigError, Connector, Cursor, Deps, FetchError, Fetched, Pace, ParseContext, Request, Secret,
    SecretSource, SourceConfig, settings,
};
use url::Url;

use crate::parse;

/// The most that servers give a page.
const PAGE: usize = 40;

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
    /// An application token (`read:statuses`), where the server shows its timelines only to those.
    #[serde(default)]
    pub token: Option<SecretSource>,
}

/// Builds the connector.
///
/// # Errors
/// Unknown settings, a server that is no web address, an unreadable token.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let server = Url::parse(&settings.server)
        .ok()
        .filter(|u| matches!(u.scheme(), "http" | "https") && u.has_host())
        .ok_or_else(|| ConfigError::new(&config.name, "settings.server is no web address"))?;
    let token = settings.token.as_ref().map(|t| t.read(&config.name)).transpose()?;
    let host = server.host_str().unwrap_or_default().to_owned();
    let context = ParseContext::scoped(&config.name, host);
    Ok(Box::new(Mastodon { context, server, config: settings, token, deps: deps.clone() }))
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Place {
    /// The newest status that the log has.
    #[serde(default)]
    min_id: Option<String>,
}

struct Mastodon {
    context: ParseContext,
    server: Url,
    config: Config,
    token: Option<Secret>,
    deps: Deps,
}

impl Mastodon {
    fn request(&self, place: &Place) -> Result<Request, FetchError> {
        let mut url = self.server.clone();
        {
            let mut path = url
                .path_segments_mut()
                .map_err(|()| FetchError::BadUpstream("settings.server has no path".to_owned()))?;
            path.pop_if_empty().extend(["api", "v1", "timelines"]);
            match &self.config.tag {
                Some(tag) => path.extend(["tag", tag]),
                None => path.push("public"),
            };
        }
        {
            let mut query = url.query_pairs_mut();
            query.append_pair("limit", &PAGE.to_string());
            if self.config.local {
                query.append_pair("local", "true");
            }
            if let Some(min_id) = &place.min_id {
                query.append_pair("min_id", min_id);
            }
        }
        let request = Request::get(url);
        Ok(match &self.token {
            Some(token) => request.authorization("Bearer", token),
            None => request,
        })
    }
}

#[async_trait]
impl Connector for Mastodon {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let mut place: Place = Cursor::read(cursor);
        let request = self.request(&place)?;
        let response = self.deps.http.send(&request).await?;
        let observation = response.observation(&request);
        let mut parsed = parse(&observation, &self.context);
        // A page is newest first; published oldest first.
        parsed.events.reverse();
        let count = parsed.events.len() + parsed.problems.len();
        let scope = self.context.native_id("");
        // Ids are strings of one length and order, or longer when later.
        let newest = parsed
            .events
            .iter()
            .filter_map(|e| e.event.native_id.strip_prefix(&scope))
            .max_by(|a, b| a.len().cmp(&b.len()).then_with(|| a.cmp(b)))
            .map(str::to_owned);
        let has_more = place.min_id.is_some() && count >= PAGE;
        let moved = newest.is_some() && newest != place.min_id;
        place.min_id = newest.or(place.min_id);
        let pace = if has_more && moved { Pace::Now } else { Pace::Interval };
        let newest = parsed.events.last().and_then(|e| e.event.posted_at);
        Ok(Fetched { parsed, cursor: Cursor::of(&place)?, pace, newest })
    }
}
