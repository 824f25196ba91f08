//! A connector for everything that is read by asking again: feeds, pages, interfaces that list the newest first.
//!
//! It walks from the newest page down until it meets what is known, tells new from changed by a content hash, and
//! asks conditionally. A walk that reaches its limit of pages is not given up: where it stopped goes into the cursor
//! and the next fetches walk on from there. What a kind adds is its requests, its pure parse, and how to find the next
//! page. [`Target::onward`] walks the other way: a thread page by page to its end.

mod state;
mod target;
mod walk;

use std::sync::Arc;

use async_trait::async_trait;
use streife_domain::Clock;

use crate::{Connector, Cursor, Deps, FetchError, Fetched, Http, Observation, Pace, ParseContext, Parsed};
use state::State;
pub use target::{Onward, Order, Target};

/// A parse that may carry settings of its own.
type PureParse = dyn Fn(&Observation, &ParseContext) -> Parsed + Send + Sync;

/// The connector.
pub struct Poll {
    targets: Vec<Target>,
    parse: Box<PureParse>,
    http: Http,
    clock: Arc<dyn Clock>,
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
        Self { targets, parse: Box::new(parse), http: deps.http.clone(), clock: deps.clock.clone(), turn: 0 }
    }
}

/// How a target is asked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Visit {
    /// Whatever has changed since the last visit.
    Conditional,
    /// The page, changed or not: what stands around its posts is wanted too.
    Whole,
}

impl Poll {
    /// One target by its number; the pace does not look at the others.
    ///
    /// # Errors
    /// As [`Connector::fetch`].
    pub async fn fetch_target(
        &self,
        number: usize,
        cursor: Option<&Cursor>,
        visit: Visit,
    ) -> Result<Fetched, FetchError> {
        let mut state: State = Cursor::read(cursor);
        let Some(target) = self.targets.get(number) else {
            return Err(FetchError::Refused("the source names nothing to read".to_owned()));
        };
        let entry = state.targets.entry(target.key()).or_default();
        if visit == Visit::Whole {
            (entry.etag, entry.last_modified) = (None, None);
        }
        let (parsed, has_more) = self.walk(target, entry).await?;
        // Targets taken out of the configuration are forgotten.
        let keys: Vec<String> = self.targets.iter().map(Target::key).collect();
        state.targets.retain(|key, _| keys.contains(key));
        let newest = parsed.events.iter().filter_map(|e| e.event.posted_at).max();
        let pace = if has_more { Pace::Now } else { Pace::Interval };
        Ok(Fetched { parsed, cursor: Cursor::of(&state)?, pace, newest })
    }
}

#[async_trait]
impl Connector for Poll {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let count = self.targets.len().max(1);
        let turn = self.turn % count;
        self.turn = turn + 1;
        let mut fetched = self.fetch_target(turn, cursor, Visit::Conditional).await?;
        if self.turn < count {
            fetched.pace = Pace::Now;
        }
        Ok(fetched)
    }
}
