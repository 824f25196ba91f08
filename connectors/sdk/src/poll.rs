//! A connector for everything that is read by asking again: feeds, pages, interfaces that list the newest first.
//!
//! It walks from the newest page down until it meets something known, tells new from changed by a content hash, and
//! asks conditionally. What a kind adds is its requests, its pure parse, and how to find the next page.

use std::collections::BTreeMap;

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use streife_domain::EventKind;

use crate::{
    Change, Connector, Cursor, Deps, FetchError, Fetched, Http, Observation, Pace, ParseContext, Parsed,
    Request, Seen,
};

/// Pages walked in one fetch, so that a first visit or a long pause does not read a whole site.
const MAX_PAGES: usize = 20;

/// A parse that may carry settings of its own.
type PureParse = dyn Fn(&Observation, &ParseContext) -> Parsed + Send + Sync;

/// One address to ask.
#[derive(Clone)]
pub struct Target {
    /// The newest page.
    pub request: Request,
    /// For its parse.
    pub context: ParseContext,
    /// Finds the page before this one; `None` when the first page is all there is.
    pub next: Option<fn(&Observation, &Parsed) -> Option<String>>,
    /// How many pages are walked at most (at least 1).
    pub max_pages: usize,
}

impl Target {
    /// A target of one page.
    pub const fn new(request: Request, context: ParseContext) -> Self {
        Self { request, context, next: None, max_pages: 1 }
    }

    /// A target whose older pages are found by `next`.
    #[must_use]
    pub fn paged(mut self, max_pages: usize, next: fn(&Observation, &Parsed) -> Option<String>) -> Self {
        self.next = Some(next);
        self.max_pages = max_pages.clamp(1, MAX_PAGES);
        self
    }
}

/// What is kept of a target between fetches.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct TargetState {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    etag: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    last_modified: Option<String>,
    #[serde(default)]
    seen: Seen,
}

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct State {
    /// By address.
    targets: BTreeMap<String, TargetState>,
}

/// The connector.
pub struct Poll {
    targets: Vec<Target>,
    parse: Box<PureParse>,
    http: Http,
    /// Which target is next. Not in the cursor: one target that fails must not hold up the others.
    turn: usize,
}

impl Poll {
    /// A connector over `targets`, one a fetch, in turn.
    pub fn new(
        targets: Vec<Target>,
        parse: impl Fn(&Observation, &ParseContext) -> Parsed + Send + Sync + 'static,
        deps: &Deps,
    ) -> Self {
        Self { targets, parse: Box::new(parse), http: deps.http.clone(), turn: 0 }
    }

    async fn walk(&self, target: &Target, state: &mut TargetState) -> Result<Parsed, FetchError> {
        let mut request = target.request.clone();
        // Both, word for word as the server gave them.
        if let Some(etag) = &state.etag {
            request = request.header("if-none-match", etag);
        }
        if let Some(date) = &state.last_modified {
            request = request.header("if-modified-since", date);
        }
        let mut pages: Vec<Parsed> = Vec::new();
        let mut validators = (None, None);
        for page in 0..target.max_pages.max(1) {
            let response = self.http.send(&request).await?;
            if response.not_modified() {
                return Ok(Parsed::default());
            }
            if page == 0 {
                let own = |name: &str| response.header(name).map(str::to_owned);
                validators = (own("etag"), own("last-modified"));
            }
            let observation = response.observation(&request);
            let parsed = (self.parse)(&observation, &target.context);
            let older = target.next.and_then(|next| next(&observation, &parsed));
            let (fresh, met_known) = only_fresh(parsed, &mut state.seen);
            pages.push(fresh);
            match older {
                Some(url) if !met_known => request = target.request.to(url),
                _ => break,
            }
        }
        (state.etag, state.last_modified) = validators;
        // Oldest first.
        let mut all = Parsed::default();
        for mut page in pages.into_iter().rev() {
            page.events.reverse();
            all.append(page);
        }
        Ok(all)
    }
}

/// Drops what is known; what changed becomes an edit. Says whether anything was known.
fn only_fresh(parsed: Parsed, seen: &mut Seen) -> (Parsed, bool) {
    let mut met_known = false;
    let Parsed { events, problems, ignored } = parsed;
    let mut fresh = Parsed { events: Vec::new(), problems, ignored };
    for mut parsed_event in events {
        let event = &mut parsed_event.event;
        let content = format!("{:?}\n{}\n{:?}", event.event, event.text, event.media);
        match seen.note(&event.native_id, content.as_bytes()) {
            Change::Known => met_known = true,
            Change::Changed => {
                met_known = true;
                if event.event == EventKind::Post {
                    event.event = EventKind::Edit;
                }
                fresh.events.push(parsed_event);
            }
            Change::New => fresh.events.push(parsed_event),
        }
    }
    (fresh, met_known)
}

#[async_trait]
impl Connector for Poll {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let mut state: State = Cursor::read(cursor);
        let count = self.targets.len().max(1);
        let turn = self.turn % count;
        self.turn = turn + 1;
        let Some(target) = self.targets.get(turn) else {
            return Err(FetchError::Refused("the source names nothing to read".to_owned()));
        };
        let entry = state.targets.entry(target.request.url.clone()).or_default();
        let parsed = self.walk(target, entry).await?;
        // Targets taken out of the configuration are forgotten.
        state.targets.retain(|url, _| self.targets.iter().any(|t| t.request.url == *url));
        let newest = parsed.events.iter().filter_map(|e| e.event.posted_at).max();
        let pace = if self.turn < count { Pace::Now } else { Pace::Interval };
        Ok(Fetched { parsed, cursor: Cursor::of(&state)?, pace, newest })
    }
}
