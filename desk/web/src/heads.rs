//! The head of each queue view, kept for two seconds: people who open the queue at the same time share one query, and
//! a page costs the store only posts that nobody looked at before. Lives inside [`crate::audited`], so that what it keeps
//! is read on record all the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streife_cases::store::CaseStore;
use streife_domain::{PostId, Timestamp};

use crate::fault::Fault;
use crate::priority::{Order, with_guard};
use crate::reader::{FlaggedItem, FlaggedReader, Place, QueueFilter, QueueSize, ReadError};

/// How old a head may be.
const FRESH_SECS: i64 = 2;
/// How old the counts of a head may be.
const COUNTED_SECS: i64 = 15;
/// A refresh that takes longer is taken for lost, and the next request tries again.
const PATIENCE_SECS: i64 = 10;
/// Places kept of a head: several days' budgets.
const PLACES: usize = 500;
/// Decided items skipped at most while looking for places; people decide far fewer before these are erased.
const MAX_DECIDED: usize = 20_000;
/// Views kept; beyond that all are forgotten.
const MAX_VIEWS: usize = 64;
/// Posts kept; beyond that all are forgotten.
const MAX_POSTS: usize = 2_000;
/// How long a reserved post stays with the request that reserved it.
const RESERVED_SECS: i64 = 2;

/// What waits, ranked.
#[derive(Debug)]
pub(crate) struct QueueHead {
    at: Timestamp,
    counted_at: Timestamp,
    /// Places of undecided posts.
    pub(crate) places: Vec<Place>,
    /// All undecided posts that the filter shows.
    pub(crate) size: QueueSize,
}

#[derive(Default)]
struct View {
    head: Option<Arc<QueueHead>>,
    refreshing_since: Option<Timestamp>,
}

#[derive(Default)]
pub(crate) struct Heads {
    views: Mutex<HashMap<(String, Order), View>>,
    posts: Mutex<HashMap<PostId, (u64, FlaggedItem)>>,
    reserved: Mutex<HashMap<PostId, Timestamp>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    // What is kept here can always be read again, so a panic elsewhere does not matter.
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Heads {
    pub(crate) async fn head(
        &self,
        reader: &dyn FlaggedReader,
        cases: &CaseStore,
        filter: &QueueFilter,
        order: Order,
        now: Timestamp,
    ) -> Result<Arc<QueueHead>, Fault> {
        let key = (format!("{filter:?}"), order);
        let known = {
            let mut views = locked(&self.views);
            if views.len() >= MAX_VIEWS && !views.contains_key(&key) {
                views.clear();
            }
            let view = views.entry(key.clone()).or_default();
            if let Some(head) = &view.head {
                let busy = view.refreshing_since.is_some_and(|since| now < since.plus_secs(PATIENCE_SECS));
                if now < head.at.plus_secs(FRESH_SECS) || busy {
                    return Ok(Arc::clone(head));
                }
            }
            view.refreshing_since = Some(now);
            view.head.clone()
        };
        let read = read_head(reader, cases, filter, order, now, known.as_deref()).await;
        let mut views = locked(&self.views);
        let view = views.entry(key).or_default();
        view.refreshing_since = None;
        let head = Arc::new(read?);
        view.head = Some(Arc::clone(&head));
        Ok(head)
    }

    /// The posts of these places; those of a known version come from memory.
    pub(crate) async fn items(
        &self,
        reader: &dyn FlaggedReader,
        places: &[Place],
    ) -> Result<Vec<FlaggedItem>, ReadError> {
        let known = |posts: &HashMap<PostId, (u64, FlaggedItem)>, place: &Place| {
            posts
                .get(&place.id)
                .filter(|(version, _)| place.version != 0 && *version == place.version)
                .cloned()
        };
        let missing: Vec<PostId> = {
            let posts = locked(&self.posts);
            places.iter().filter(|place| known(&posts, place).is_none()).map(|place| place.id).collect()
        };
        let mut fresh: HashMap<PostId, FlaggedItem> = if missing.is_empty() {
            HashMap::new()
        } else {
            reader.items(&missing).await?.into_iter().map(|item| (item.post.post_id, item)).collect()
        };
        let mut posts = locked(&self.posts);
        if posts.len() + fresh.len() > MAX_POSTS {
            posts.clear();
        }
        let mut items = Vec::with_capacity(places.len());
        for place in places {
            if let Some(item) = fresh.remove(&place.id) {
                posts.insert(place.id, (place.version, item.clone()));
                items.push(item);
            } else if let Some((_, item)) = known(&posts, place) {
                items.push(item);
            }
        }
        Ok(items)
    }

    /// Keeps a post for the caller. `false` when somebody else keeps it.
    pub(crate) fn reserve(&self, id: PostId, now: Timestamp) -> bool {
        let mut reserved = locked(&self.reserved);
        reserved.retain(|_, until| *until > now);
        if reserved.contains_key(&id) {
            return false;
        }
        reserved.insert(id, now.plus_secs(RESERVED_SECS));
        true
    }
}

async fn read_head(
    reader: &dyn FlaggedReader,
    cases: &CaseStore,
    filter: &QueueFilter,
    order: Order,
    now: Timestamp,
    known: Option<&QueueHead>,
) -> Result<QueueHead, Fault> {
    let settled = usize::try_from(cases.settled().await?).unwrap_or(MAX_DECIDED).min(MAX_DECIDED);
    let limit = PLACES + settled;
    let mut places = reader.head(filter, order, limit).await?;
    if order == Order::Mixed {
        let oldest = reader.head(filter, Order::Oldest, limit).await?;
        places = with_guard(&places, &oldest, now);
    }
    let open = |states: Vec<(String, String, String)>| -> std::collections::HashSet<String> {
        states.into_iter().filter(|(_, state, _)| state != "claimed").map(|(post, ..)| post).collect()
    };
    let decided = open(cases.touched().await?);
    let before = places.len();
    places.retain(|place| !decided.contains(&place.id.to_string()));
    let decided_here = (before - places.len()) as u64;
    let (size, counted_at) = match known {
        Some(known) if now < known.counted_at.plus_secs(COUNTED_SECS) => (known.size, known.counted_at),
        _ => {
            let stored = reader.size(filter).await?;
            // Without a filter every decided post counts; with one, those seen among its first places.
            let all = *filter == QueueFilter { sources: filter.sources.clone(), ..QueueFilter::default() };
            let decided = if all { settled as u64 } else { decided_here };
            let total = stored.total.saturating_sub(decided).max(places.len() as u64);
            (QueueSize { total, high: stored.high }, now)
        }
    };
    places.truncate(PLACES);
    Ok(QueueHead { at: now, counted_at, places, size })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_post_is_kept_for_one_and_comes_free_again() {
        let (heads, now) = (Heads::default(), Timestamp::from_secs(1_790_000_000));
        assert!(heads.reserve(PostId(1), now));
        assert!(!heads.reserve(PostId(1), now));
        assert!(heads.reserve(PostId(2), now));
        assert!(heads.reserve(PostId(1), now.plus_secs(RESERVED_SECS)));
    }
}
