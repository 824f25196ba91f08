//! What is asked, and which way the pages lead.

use bytes::Bytes;
use serde_json::Value;
use streife_domain::Timestamp;

use super::state::Step;
use crate::{Observation, ParseContext, Parsed, Request};

/// Pages walked in one fetch, so that a first visit or a long pause does not hold up the other targets.
const MAX_PAGES: usize = 20;

/// In which order a page lists its posts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Order {
    /// Most interfaces.
    NewestFirst,
    /// Pages made for reading.
    OldestFirst,
}

/// Where a walk forward goes on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Onward {
    /// The next page, or the address that will show what comes later.
    pub url: String,
    /// Is it there already?
    pub is_there: bool,
}

/// Finds another page in what was read.
type Find<T> = fn(&Observation, &Parsed) -> Option<T>;

#[derive(Clone, Copy)]
pub(super) enum Walk {
    /// One page is all there is.
    One,
    /// Back in time, by address.
    Back(Find<String>),
    /// Back in time, by fields of a POST's JSON body.
    BackByBody(Find<String>),
    /// Forward.
    Onward(Find<Onward>),
}

/// One address to ask.
#[derive(Clone)]
pub struct Target {
    /// The newest page.
    pub request: Request,
    /// For its parse.
    pub context: ParseContext,
    pub(super) walk: Walk,
    pub(super) max_pages: usize,
    pub(super) order: Order,
    pub(super) absence_means_gone: bool,
    renew: Option<fn(&Request, Timestamp) -> Request>,
}

impl Target {
    /// A target of one page, newest first.
    pub const fn new(request: Request, context: ParseContext) -> Self {
        Self {
            request,
            context,
            walk: Walk::One,
            max_pages: 1,
            order: Order::NewestFirst,
            absence_means_gone: false,
            renew: None,
        }
    }

    /// A target whose older pages are found by `next`; `max_pages` are walked in one fetch.
    #[must_use]
    pub fn paged(mut self, max_pages: usize, next: Find<String>) -> Self {
        self.walk = Walk::Back(next);
        self.max_pages = max_pages.clamp(1, MAX_PAGES);
        self
    }

    /// As [`Self::paged`], where `next` gives the fields (a JSON object) by which the body of the POST changes.
    #[must_use]
    pub fn paged_by_body(mut self, max_pages: usize, next: Find<String>) -> Self {
        self.walk = Walk::BackByBody(next);
        self.max_pages = max_pages.clamp(1, MAX_PAGES);
        self
    }

    /// A target that begins at its request and is followed forward by `next`.
    #[must_use]
    pub const fn onward(mut self, next: Find<Onward>) -> Self {
        self.walk = Walk::Onward(next);
        self.max_pages = MAX_PAGES;
        self.order = Order::OldestFirst;
        self
    }

    /// Pages that list the oldest first.
    #[must_use]
    pub const fn oldest_first(mut self) -> Self {
        self.order = Order::OldestFirst;
        self
    }

    /// The list is complete: what stood between others and stands there no more has been taken down.
    #[must_use]
    pub const fn complete(mut self) -> Self {
        self.absence_means_gone = true;
        self
    }

    /// A request that holds the time: it is written anew before every visit.
    #[must_use]
    pub const fn renewed_by(mut self, renew: fn(&Request, Timestamp) -> Request) -> Self {
        self.renew = Some(renew);
        self
    }

    /// The request of the newest page, now.
    pub(super) fn newest(&self, now: Timestamp) -> Request {
        self.renew.map_or_else(|| self.request.clone(), |renew| renew(&self.request, now))
    }

    /// Its name in the cursor.
    pub(super) fn key(&self) -> String {
        match &self.request.body {
            None => self.request.url.clone(),
            Some(body) => format!("{} {:016x}", self.request.url, crate::seen::short_hash(body)),
        }
    }

    /// The page before the one in `observation`.
    pub(super) fn older(&self, observation: &Observation, parsed: &Parsed) -> Option<Step> {
        match self.walk {
            Walk::Back(next) => next(observation, parsed).map(Step::Url),
            Walk::BackByBody(next) => next(observation, parsed).map(Step::Body),
            Walk::One | Walk::Onward(_) => None,
        }
    }

    /// The request of a page.
    pub(super) fn at(&self, step: &Step, now: Timestamp) -> Request {
        match step {
            Step::Url(url) => self.request.to(url),
            Step::Body(fields) => {
                let newest = self.newest(now);
                let body = merged(newest.body.as_deref().unwrap_or_default(), fields);
                newest.with_body(body)
            }
        }
    }
}

/// A JSON object with some fields replaced.
fn merged(body: &[u8], fields: &str) -> Bytes {
    let object = |bytes: &[u8]| match serde_json::from_slice(bytes) {
        Ok(Value::Object(object)) => object,
        _ => serde_json::Map::new(),
    };
    let mut all = object(body);
    all.extend(object(fields.as_bytes()));
    Value::Object(all).to_string().into()
}
