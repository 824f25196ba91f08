//! A connector for sources that list their items with a version: the threads of an imageboard, the events of a MISP feed,
//! the pages of a sitemap. It reads the list, then every item whose version is another than the one last read.
//!
//! What a kind adds: its pure parse, how to read its list, and how to tell new posts of an item from known ones.

use std::collections::{BTreeMap, HashSet, VecDeque};

use async_trait::async_trait;
use serde::{Deserialize, Serialize};
use streife_domain::{Event, EventKind};

use crate::seen::short_hash;
use crate::{
    Connector, Cursor, Deps, FetchError, Fetched, Http, Observation, Pace, ParseContext, Parsed, Request,
};

/// Items read in one fetch.
const MAX_PER_FETCH: usize = 10;
/// Items remembered of one source: some 400 KB of cursor. Lists beyond it are read to here, and it is counted.
const MAX_ITEMS: usize = 10_000;
/// Lists that lists may name (an index of sitemaps).
const MAX_LISTS: usize = 100;

/// A line of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Entry {
    /// An item.
    Item {
        /// Its name, unique in the source.
        key: String,
        /// Changes whenever the item does.
        version: String,
        /// Where it is read.
        url: String,
    },
    /// Another list.
    List(String),
}

/// A list to begin with.
#[derive(Debug, Clone)]
pub struct List {
    /// Where it is.
    pub request: Request,
    /// For the parse of its items.
    pub context: ParseContext,
}

/// How new posts of an item that is read again are told from known ones.
#[derive(Debug, Clone, Copy)]
pub enum Freshness {
    /// Posts have numbers that grow.
    Numbered(fn(&Event) -> Option<u64>),
    /// An item is one post; other content is an edit, an item that is gone is gone.
    Whole,
}

/// What a kind adds.
#[derive(Clone, Copy)]
pub struct Reading {
    /// Reads a list; an error says why it is none.
    pub list: fn(&Observation, &List) -> Result<Vec<Entry>, String>,
    /// Reads an item.
    pub parse: fn(&Observation, &ParseContext) -> Parsed,
    /// Tells new from known.
    pub freshness: Freshness,
    /// So many items, the latest versions, are read on a first visit.
    pub first_visit: usize,
}

/// Attempts at an item that cannot be read; then it counts as read until its version changes.
const MAX_TRIES: u64 = 5;

/// What is known of an item: hash of its version (below [`MAX_TRIES`]: failed attempts), and the highest number or the
/// hash of its content.
type Known = (u64, u64);

#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct State {
    /// By hash of the key. `None` before the first list was read.
    items: Option<BTreeMap<u64, Known>>,
}

/// The connector.
pub struct Listing {
    lists: Vec<List>,
    reading: Reading,
    http: Http,
    /// What the last reading of the lists found to be read. Not in the cursor: it can be found again.
    due: VecDeque<(Entry, List)>,
    /// Items that failed since the lists were read; they are tried again with the next.
    failed: HashSet<u64>,
}

impl Listing {
    /// A connector over `lists`.
    pub fn new(lists: Vec<List>, reading: Reading, deps: &Deps) -> Self {
        let http = deps.http.clone();
        Self { lists, reading, http, due: VecDeque::new(), failed: HashSet::new() }
    }

    /// Reads the lists and finds what is due: oldest versions first, so that none is starved.
    async fn read_lists(&mut self, state: &mut State, parsed: &mut Parsed) -> Result<(), FetchError> {
        let mut lists: VecDeque<List> = self.lists.clone().into();
        let mut read = 0;
        let mut items: Vec<(String, String, String, List)> = Vec::new();
        while let Some(list) = lists.pop_front() {
            read += 1;
            if read > MAX_LISTS {
                parsed.ignore("lists_beyond_limit");
                break;
            }
            let observation = self.http.send(&list.request).await?.observation(&list.request);
            let entries = (self.reading.list)(&observation, &list)
                .map_err(|why| FetchError::BadUpstream(format!("{}: {why}", list.request.url)))?;
            for entry in entries {
                match entry {
                    Entry::List(url) => {
                        lists.push_back(List { request: list.request.to(url), ..list.clone() });
                    }
                    Entry::Item { key, version, url } if items.len() < MAX_ITEMS => {
                        items.push((key, version, url, list.clone()));
                    }
                    Entry::Item { .. } => parsed.ignore("items_beyond_limit"),
                }
            }
        }
        items.sort_by(|a, b| a.1.cmp(&b.1));
        let is_first_visit = state.items.is_none();
        let known = state.items.get_or_insert_default();
        if is_first_visit {
            // What lies further back is history: it is known, not read.
            for (key, version, ..) in &items[..items.len().saturating_sub(self.reading.first_visit)] {
                known.insert(short_hash(key.as_bytes()), (short_hash(version.as_bytes()), 0));
                parsed.ignore("items_before_the_first_visit");
            }
        }
        let listed: HashSet<u64> = items.iter().map(|(key, ..)| short_hash(key.as_bytes())).collect();
        known.retain(|key, _| listed.contains(key));
        self.failed.clear();
        self.due = items
            .into_iter()
            .map(|(key, version, url, list)| (Entry::Item { key, version, url }, list))
            .collect();
        Ok(())
    }

    /// Reads one item into `parsed`; its new mark, or `None` when nothing of it could be read.
    async fn read_item(
        &self,
        url: &str,
        list: &List,
        known: Option<Known>,
        parsed: &mut Parsed,
    ) -> Result<Option<u64>, FetchError> {
        let request = list.request.to(url);
        let observation = match self.http.send(&request).await {
            Ok(response) => response.observation(&request),
            Err(FetchError::Gone(_)) => {
                parsed.ignore("item_gone");
                return Ok(Some(known.map_or(0, |(_, mark)| mark)));
            }
            Err(error) => return Err(error),
        };
        let mut item = (self.reading.parse)(&observation, &list.context);
        if item.events.is_empty() && !item.problems.is_empty() {
            parsed.append(item);
            return Ok(None);
        }
        let mark = match self.reading.freshness {
            Freshness::Numbered(number) => {
                let mark = known.map_or(0, |(_, mark)| mark);
                item.events.retain(|e| number(&e.event).is_none_or(|n| n > mark));
                item.events.iter().filter_map(|e| number(&e.event)).max().unwrap_or(mark)
            }
            Freshness::Whole => {
                let content: String =
                    item.events.iter().map(|e| format!("{:?}\n{}\n", e.event.event, e.event.text)).collect();
                let mark = short_hash(content.as_bytes());
                match known {
                    Some((_, old)) if old == mark => item.events.clear(),
                    // 0: listed on the first visit, never read.
                    Some((_, 1..)) => {
                        for e in item.events.iter_mut().filter(|e| e.event.event == EventKind::Post) {
                            e.event.event = EventKind::Edit;
                        }
                    }
                    Some((_, 0)) | None => {}
                }
                mark
            }
        };
        parsed.append(item);
        Ok(Some(mark))
    }
}

#[async_trait]
impl Connector for Listing {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let mut state: State = Cursor::read(cursor);
        let mut parsed = Parsed::default();
        if self.due.is_empty() || state.items.is_none() {
            self.read_lists(&mut state, &mut parsed).await?;
        }
        let known = state.items.get_or_insert_default();
        let mut read = 0;
        let mut stopped = None;
        // An entry leaves the queue when it has been dealt with: a fetch that is dropped half-way starts there again.
        while let Some((Entry::Item { key, version, url }, list)) = self.due.front().cloned() {
            let (key, version) = (short_hash(key.as_bytes()), short_hash(version.as_bytes()));
            let before = known.get(&key).copied();
            let is_due = before.is_none_or(|(seen, _)| seen != version) && !self.failed.contains(&key);
            if is_due {
                if read >= MAX_PER_FETCH {
                    break;
                }
                read += 1;
                match self.read_item(&url, &list, before, &mut parsed).await {
                    Ok(Some(mark)) => _ = known.insert(key, (version, mark)),
                    Ok(None) => {
                        let (tries, mark) = before.unwrap_or_default();
                        let tries = if tries < MAX_TRIES { tries + 1 } else { 1 };
                        known.insert(key, (if tries < MAX_TRIES { tries } else { version }, mark));
                        self.failed.insert(key);
                    }
                    Err(error @ FetchError::RateLimited { .. }) => {
                        stopped = Some(error);
                        break;
                    }
                    Err(error) => {
                        tracing::info!(source.name = %list.context.source, %error, "an item is tried again later");
                        parsed.ignore("item_failed");
                        self.failed.insert(key);
                    }
                }
            }
            self.due.pop_front();
        }
        if let Some(error) = stopped
            && parsed.events.is_empty()
        {
            return Err(error);
        }
        let newest = parsed.events.iter().filter_map(|e| e.event.posted_at).max();
        let pace = if self.due.is_empty() { Pace::Interval } else { Pace::Now };
        Ok(Fetched { parsed, cursor: Cursor::of(&state)?, pace, newest })
    }
}
