//! The walks: from the newest page back to what is known, on through what an earlier walk left, forward.

use std::collections::BTreeSet;

use streife_domain::{Event, EventKind};

use super::Poll;
use super::state::{Step, TargetState, Unread};
use super::target::{Onward, Order, Target, Walk};
use crate::{Change, FetchError, Observation, Parsed, ParsedEvent, Request, Seen};

/// Pages walked back over several fetches to close one gap; what lies beyond is counted as lost.
const MAX_CATCH_UP_PAGES: usize = 500;
/// Gaps remembered at a time.
const MAX_UNREAD: usize = 8;
/// Attempts at a page in the middle of a walk that cannot be read.
const MAX_TRIES: u8 = 5;
/// Items of the newest page that are watched for being taken down.
const MAX_WATCHED: usize = 200;

/// A page whose known posts have been taken out.
struct Page {
    parsed: Parsed,
    new: usize,
    known: usize,
    /// Nothing on it could be read.
    is_broken: bool,
    older: Option<Step>,
    /// All ids on it, newest first.
    ids: Vec<String>,
    platform: Option<String>,
    observation: Observation,
}

impl Page {
    /// New posts give way to known ones. A few known posts alone mean nothing: pinned ones stand on top for ever.
    const fn joins(&self) -> bool {
        self.known > 0 && self.known >= self.new
    }
}

impl Poll {
    /// What is new at a target, and whether more is there to be read at once.
    pub(super) async fn walk(
        &self,
        target: &Target,
        state: &mut TargetState,
    ) -> Result<(Parsed, bool), FetchError> {
        if let Walk::Onward(next) = target.walk {
            return self.walk_onward(target, next, state).await;
        }
        let mut pages = self.walk_newest(target, state).await?;
        if pages.len() < target.max_pages
            && let Some(mut unread) = state.unread.pop()
        {
            let room = target.max_pages - pages.len();
            let left = self.walk_unread(target, &mut unread, room, &mut state.seen, &mut pages).await;
            state.unread.extend(left.then_some(unread));
        }
        let has_more = state.unread.iter().any(|unread| unread.tries == 0);
        Ok((published(pages, target.order), has_more))
    }

    /// From the newest page back to what is known. What is left unread goes into the state.
    async fn walk_newest(&self, target: &Target, state: &mut TargetState) -> Result<Vec<Parsed>, FetchError> {
        let is_first_visit = state.seen.is_empty();
        let now = self.clock.now();
        let mut request = conditional(&target.newest(now), state);
        let mut here: Option<Step> = None;
        let (mut pages, mut walked) = (Vec::new(), Vec::new());
        loop {
            let response = match self.http.send(&request).await {
                Ok(response) => response,
                // The newest page failed: so did the fetch. An older one: it is read on from there.
                Err(error) if here.is_none() => return Err(error),
                Err(error) => {
                    tracing::info!(source.name = %target.context.source, %error, "a walk stops and goes on later");
                    break;
                }
            };
            if response.not_modified() {
                return Ok(pages);
            }
            if here.is_none() {
                let own = |name: &str| response.header(name).map(str::to_owned);
                (state.etag, state.last_modified) = (own("etag"), own("last-modified"));
            }
            let page = self.read(target, response.observation(&request), &mut state.seen);
            walked.extend(page.ids.iter().cloned());
            let (joins, older) = (page.joins() && !is_first_visit, page.older.clone());
            let stays = page.is_broken && here.is_some();
            let mut parsed = page.parsed;
            if here.is_none() && target.absence_means_gone && !page.is_broken {
                state.newest_page.truncate(MAX_WATCHED);
                let watched = std::mem::replace(&mut state.newest_page, page.ids);
                let platform = page.platform.as_deref().unwrap_or_default();
                for id in vanished(&watched, &state.newest_page) {
                    let source = &target.context.source;
                    let gone =
                        Event::new(EventKind::Gone, source, platform, id, page.observation.observed_at);
                    parsed.push(gone, page.observation.body.clone());
                }
            }
            pages.push(parsed);
            match older {
                _ if stays => break,
                _ if joins => return Ok(pages),
                None => return Ok(pages),
                Some(step) => {
                    request = target.at(&step, now);
                    here = Some(step);
                }
            }
            if pages.len() >= target.max_pages {
                break;
            }
        }
        let Some(from) = here else { return Ok(pages) };
        if is_first_visit && pages.len() >= target.max_pages {
            // History before the first visit is not what the source was set up for.
            if let Some(last) = pages.last_mut() {
                last.ignore("pages_before_the_first_visit");
            }
        } else if state.unread.len() < MAX_UNREAD {
            let pages_left = if is_first_visit { target.max_pages - pages.len() } else { MAX_CATCH_UP_PAGES };
            state.unread.push(Unread { from, pages: pages_left, tries: 0 });
        } else {
            give_up(target, &mut pages, "too many gaps at a time");
        }
        Ok(pages)
    }

    /// Goes on where an earlier walk stopped, for `room` pages; is something left?
    async fn walk_unread(
        &self,
        target: &Target,
        unread: &mut Unread,
        room: usize,
        seen: &mut Seen,
        pages: &mut Vec<Parsed>,
    ) -> bool {
        for _ in 0..room {
            let request = target.at(&unread.from, self.clock.now());
            let page = match self.http.send(&request).await {
                Ok(response) => Some(self.read(target, response.observation(&request), seen)),
                Err(FetchError::RateLimited { .. }) => return true,
                Err(_) => None,
            };
            let Some(page) = page.filter(|page| !page.is_broken) else {
                unread.tries += 1;
                if unread.tries < MAX_TRIES {
                    return true;
                }
                give_up(target, pages, "a page cannot be read");
                return false;
            };
            unread.tries = 0;
            let is_joined = page.new == 0 && page.known > 0;
            pages.push(page.parsed);
            unread.pages = unread.pages.saturating_sub(1);
            match page.older {
                Some(step) if !is_joined => unread.from = step,
                _ => return false,
            }
            if unread.pages == 0 {
                give_up(target, pages, "the gap is too long");
                return false;
            }
        }
        true
    }

    /// Page by page to the end, from where it was left.
    async fn walk_onward(
        &self,
        target: &Target,
        next: fn(&Observation, &Parsed) -> Option<Onward>,
        state: &mut TargetState,
    ) -> Result<(Parsed, bool), FetchError> {
        let mut all = Parsed::default();
        for number in 0..target.max_pages {
            let url = state.onward.clone().unwrap_or_else(|| target.request.url.clone());
            let request = conditional(&target.request.to(&url), state);
            let response = match self.http.send(&request).await {
                Ok(response) => response,
                Err(error) if number == 0 => return Err(error),
                Err(_) => return Ok((all, false)),
            };
            if response.not_modified() {
                return Ok((all, false));
            }
            let own = |name: &str| response.header(name).map(str::to_owned);
            let validators = (own("etag"), own("last-modified"));
            let observation = response.observation(&request);
            let parsed = (self.parse)(&observation, &target.context);
            let onward = next(&observation, &parsed).filter(|o| o.url != url);
            all.append(only_fresh(parsed, &mut state.seen).0);
            let Some(Onward { url, is_there }) = onward else {
                (state.etag, state.last_modified) = validators;
                return Ok((all, false));
            };
            state.onward = Some(url);
            (state.etag, state.last_modified) = (None, None);
            if !is_there {
                return Ok((all, false));
            }
        }
        Ok((all, true))
    }

    fn read(&self, target: &Target, observation: Observation, seen: &mut Seen) -> Page {
        let parsed = (self.parse)(&observation, &target.context);
        let is_broken = parsed.events.is_empty() && !parsed.problems.is_empty();
        let older = target.older(&observation, &parsed);
        let platform = parsed.events.first().map(|e| e.event.platform.clone());
        let mut ids: Vec<String> = parsed.events.iter().map(|e| e.event.native_id.clone()).collect();
        if target.order == Order::OldestFirst {
            ids.reverse();
        }
        let (parsed, new, known) = only_fresh(parsed, seen);
        Page { parsed, new, known, is_broken, older, ids, platform, observation }
    }
}

/// Asks with both validators, word for word as the server gave them.
fn conditional(request: &Request, state: &TargetState) -> Request {
    let mut request = request.clone();
    if let Some(etag) = &state.etag {
        request = request.header("if-none-match", etag);
    }
    if let Some(date) = &state.last_modified {
        request = request.header("if-modified-since", date);
    }
    request
}

/// Counts and tells that posts may be missing.
fn give_up(target: &Target, pages: &mut Vec<Parsed>, why: &str) {
    tracing::warn!(source.name = %target.context.source, why, "posts between two visits may be missing");
    let mut note = Parsed::default();
    note.ignore("gap_given_up");
    pages.push(note);
}

/// Posts that stood on the newest page and do not any more, although an older one still does.
fn vanished<'a>(watched: &'a [String], now: &[String]) -> Vec<&'a String> {
    let now: BTreeSet<&String> = now.iter().collect();
    let anchor = watched.iter().rposition(|id| now.contains(id)).unwrap_or(0);
    watched[..anchor].iter().filter(|id| !now.contains(id)).collect()
}

/// Drops what is known; what changed becomes an edit. Counts new and known posts. The first of two with one id counts:
/// a page that says both would else change its mind on every visit.
fn only_fresh(parsed: Parsed, seen: &mut Seen) -> (Parsed, usize, usize) {
    let Parsed { events, problems, ignored } = parsed;
    let mut fresh = Parsed { events: Vec::new(), problems, ignored };
    let (mut new, mut known) = (0, 0);
    seen.make_room(events.len());
    let mut on_this_page = BTreeSet::new();
    for ParsedEvent { mut event, raw } in events {
        if !on_this_page.insert(event.native_id.clone()) {
            fresh.ignore("repeated_id");
            continue;
        }
        let content = format!("{:?}\n{}\n{:?}", event.event, event.text, event.media);
        match seen.note(&event.native_id, content.as_bytes()) {
            Change::Known => known += 1,
            Change::Changed => {
                known += 1;
                if event.event == EventKind::Post {
                    event.event = EventKind::Edit;
                }
                fresh.events.push(ParsedEvent { event, raw });
            }
            Change::New => {
                new += 1;
                fresh.events.push(ParsedEvent { event, raw });
            }
        }
    }
    (fresh, new, known)
}

/// All pages, oldest first.
fn published(pages: Vec<Parsed>, order: Order) -> Parsed {
    let mut all = Parsed::default();
    for mut page in pages.into_iter().rev() {
        if order == Order::NewestFirst {
            page.events.reverse();
        }
        all.append(page);
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ids(text: &str) -> Vec<String> {
        text.split_whitespace().map(str::to_owned).collect()
    }

    #[test]
    fn only_what_stood_above_a_post_still_there_has_vanished() {
        let gone = |watched, now| vanished(&ids(watched), &ids(now)).into_iter().cloned().collect::<Vec<_>>();
        assert_eq!(gone("5 4 3 2 1", "6 5 3 2"), ["4"]);
        assert_eq!(gone("5 4 3", "4 3"), ["5"]);
        assert_eq!(gone("5 4 3", "9 8 7"), [""; 0], "the page has rolled on: nothing is known");
        assert_eq!(gone("5 4 3", "6 5 4"), [""; 0], "the oldest has rolled off the page");
    }

    #[test]
    fn a_page_that_says_two_things_of_one_id_does_not_flip_for_ever() {
        let mut parsed = Parsed::default();
        for text in ["a", "b"] {
            let mut event = Event::new(EventKind::Post, "s", "p", "1", streife_domain::Timestamp::default());
            event.text = text.to_owned();
            parsed.push(event, "");
        }
        let mut seen = Seen::default();
        let (first, new, _) = only_fresh(parsed.clone(), &mut seen);
        assert_eq!((first.events.len(), new, first.ignored["repeated_id"]), (1, 1, 1));
        assert!(only_fresh(parsed, &mut seen).0.events.is_empty());
    }
}
