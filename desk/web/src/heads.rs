//! The head of each queue view, kept for seconds: people who open the queue at the same time share one query, nobody
//! waits for it who can be shown a head of some seconds ago, and a page or a claim costs the store only posts that were not
//! read before. Lives inside [`crate::audited`], so that what it keeps is read on record all the same.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use streife_cases::store::CaseStore;
use streife_domain::{PostId, Timestamp};

use crate::fault::Fault;
use crate::priority::{Order, with_guard};
use crate::reader::{FlaggedItem, FlaggedReader, Place, QueueFilter, QueueSize, ReadError};

/// A head older than this is read anew, beside the request that is shown it.
const FRESH_SECS: i64 = 2;
/// A head older than this is shown to nobody: the request waits for a new one.
const STALE_SECS: i64 = 10;
/// How old the counts of a head may be.
const COUNTED_SECS: i64 = 15;
/// Places kept of a head: several days' budgets.
const PLACES: usize = 500;
/// Decided items skipped at most while looking for places; people decide far fewer before these are erased.
const MAX_DECIDED: usize = 20_000;
/// Views kept; beyond that all are forgotten.
const MAX_VIEWS: usize = 64;
/// Posts kept; beyond that all are forgotten.
const MAX_POSTS: usize = 2_000;
/// Posts that are read ahead of those who will be given them: more than a large team takes within a head's life.
const READ_AHEAD: usize = 100;
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
    /// Held by the one who reads it anew.
    reading: Arc<tokio::sync::Mutex<()>>,
}

/// Where heads come from, and which one.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) reader: Arc<dyn FlaggedReader>,
    pub(crate) cases: CaseStore,
    pub(crate) filter: QueueFilter,
    pub(crate) order: Order,
    pub(crate) now: Timestamp,
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

impl Asked {
    fn key(&self) -> (String, Order) {
        (format!("{:?}", self.filter), self.order)
    }
}

impl Heads {
    /// The head, at most [`STALE_SECS`] old. One older than [`FRESH_SECS`] is read anew meanwhile.
    pub(crate) async fn head(self: &Arc<Self>, asked: Asked) -> Result<Arc<QueueHead>, Fault> {
        let (known, reading) = self.view(&asked);
        match known {
            Some(head) if asked.now < head.at.plus_secs(FRESH_SECS) => Ok(head),
            Some(head) if asked.now < head.at.plus_secs(STALE_SECS) => {
                if let Ok(turn) = reading.try_lock_owned() {
                    let itself = Arc::clone(self);
                    tokio::spawn(async move {
                        // The fault tells the log what is wrong; once the head is too old, a request meets it.
                        let _ = itself.read(&asked).await;
                        drop(turn);
                    });
                }
                Ok(head)
            }
            known => self.newer_than(known.as_deref(), asked).await,
        }
    }

    /// A head read after `seen`; waits for whoever reads it already.
    pub(crate) async fn newer_than(
        &self,
        seen: Option<&QueueHead>,
        asked: Asked,
    ) -> Result<Arc<QueueHead>, Fault> {
        let (_, reading) = self.view(&asked);
        let _turn = reading.lock().await;
        match self.view(&asked).0 {
            Some(head)
                if seen.is_none_or(|seen| head.at > seen.at) && asked.now < head.at.plus_secs(STALE_SECS) =>
            {
                Ok(head)
            }
            _ => self.read(&asked).await,
        }
    }

    fn view(&self, asked: &Asked) -> (Option<Arc<QueueHead>>, Arc<tokio::sync::Mutex<()>>) {
        let (mut views, key) = (locked(&self.views), asked.key());
        if views.len() >= MAX_VIEWS && !views.contains_key(&key) {
            views.clear();
        }
        let view = views.entry(key).or_default();
        (view.head.clone(), Arc::clone(&view.reading))
    }

    /// Reads the head and, ahead of those who will be given them, its first posts.
    async fn read(&self, asked: &Asked) -> Result<Arc<QueueHead>, Fault> {
        let known = self.view(asked).0;
        let (head, free) = read_head(asked, known.as_deref()).await?;
        self.items(&*asked.reader, &free).await?;
        let head = Arc::new(head);
        locked(&self.views).entry(asked.key()).or_default().head = Some(Arc::clone(&head));
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

/// The head, and the first posts of it that nobody holds.
async fn read_head(asked: &Asked, known: Option<&QueueHead>) -> Result<(QueueHead, Vec<Place>), Fault> {
    let Asked { reader, cases, filter, order, now } = asked;
    let touched: HashMap<String, bool> =
        cases.touched().await?.into_iter().map(|(post, state, _)| (post, state == "claimed")).collect();
    let claimed = touched.values().filter(|claimed| **claimed).count();
    let settled = usize::try_from(cases.settled().await?).unwrap_or(MAX_DECIDED).min(MAX_DECIDED);
    // What others hold is shown, and takes nobody's place.
    let wanted = PLACES + claimed;
    let mut places = reader.head(filter, *order, wanted + settled).await?;
    if *order == Order::Mixed {
        let oldest = reader.head(filter, Order::Oldest, wanted + settled).await?;
        places = with_guard(&places, &oldest, *now);
    }
    let state: Vec<Option<bool>> =
        places.iter().map(|place| touched.get(&place.id.to_string()).copied()).collect();
    let decided_here = state.iter().filter(|state| **state == Some(false)).count() as u64;
    let mut free = Vec::new();
    let mut waiting = Vec::new();
    for (place, state) in
        places.into_iter().zip(state).filter(|(_, state)| *state != Some(false)).take(wanted)
    {
        if state.is_none() && free.len() < READ_AHEAD {
            free.push(place);
        }
        waiting.push(place);
    }
    let (size, counted_at) = match known {
        Some(known) if *now < known.counted_at.plus_secs(COUNTED_SECS) => (known.size, known.counted_at),
        _ => {
            let stored = reader.size(filter).await?;
            // Without a filter every decided post counts; with one, those seen among its first places.
            let all = *filter == QueueFilter { sources: filter.sources.clone(), ..QueueFilter::default() };
            let decided = if all { settled as u64 } else { decided_here };
            let total = stored.total.saturating_sub(decided).max(waiting.len() as u64);
            (QueueSize { total, high: stored.high }, *now)
        }
    };
    Ok((QueueHead { at: *now, counted_at, places: waiting, size }, free))
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use async_trait::async_trait;
    use streife_domain::Identity;
    use tokio::sync::Semaphore;

    use super::*;
    use crate::sample::sample_items;

    const NOW: Timestamp = Timestamp::from_secs(1_790_000_000);

    /// Answers a question for the head only with a permit.
    struct Slow {
        permits: Semaphore,
        asked: AtomicUsize,
        items: Vec<FlaggedItem>,
    }

    #[async_trait]
    impl FlaggedReader for Slow {
        async fn flagged(&self, _: &QueueFilter, limit: usize) -> Result<Vec<FlaggedItem>, ReadError> {
            self.permits.acquire().await.map_err(|e| ReadError(e.to_string()))?.forget();
            self.asked.fetch_add(1, Ordering::SeqCst);
            Ok(self.items.iter().take(limit).cloned().collect())
        }

        async fn item(&self, id: PostId) -> Result<Option<FlaggedItem>, ReadError> {
            Ok(self.items.iter().find(|item| item.post.post_id == id).cloned())
        }

        async fn identity(&self, _: PostId) -> Result<Option<Identity>, ReadError> {
            Ok(None)
        }
    }

    /// Reads of one head: by rank, the oldest, their number.
    const READS: usize = 3;

    async fn slow(folder: &std::path::Path) -> (Arc<Heads>, Arc<Slow>, Asked) {
        let cases = CaseStore::sqlite(folder).await.unwrap();
        cases.migrate().await.unwrap();
        let items = sample_items(NOW);
        let reader = Arc::new(Slow { permits: Semaphore::new(READS), asked: AtomicUsize::default(), items });
        let asked = Asked {
            reader: Arc::<Slow>::clone(&reader),
            cases,
            filter: QueueFilter::default(),
            order: Order::Mixed,
            now: NOW,
        };
        (Arc::default(), reader, asked)
    }

    #[tokio::test]
    async fn nobody_waits_for_a_head_while_one_of_some_seconds_ago_is_there() {
        let folder = tempfile::tempdir().unwrap();
        let (heads, reader, asked) = slow(folder.path()).await;
        let first = heads.head(asked.clone()).await.unwrap();
        assert!(!first.places.is_empty());
        let later = Asked { now: NOW.plus_secs(FRESH_SECS), ..asked.clone() };
        for _ in 0..3 {
            // The store does not answer, the desk does; and asks it once.
            let shown = heads.head(later.clone()).await.unwrap();
            assert_eq!(shown.at, first.at);
        }
        reader.permits.add_permits(READS);
        while heads.head(later.clone()).await.unwrap().at == first.at {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        assert_eq!(
            reader.asked.load(Ordering::SeqCst),
            2 * READS - 1,
            "the number is kept longer than the head"
        );
    }

    #[tokio::test]
    async fn a_head_that_is_too_old_is_shown_to_nobody() {
        let folder = tempfile::tempdir().unwrap();
        let (heads, reader, asked) = slow(folder.path()).await;
        heads.head(asked.clone()).await.unwrap();
        let late = Asked { now: NOW.plus_secs(STALE_SECS), ..asked };
        let waits = tokio::time::timeout(Duration::from_millis(50), heads.head(late.clone())).await;
        assert!(waits.is_err(), "the store does not answer");
        reader.permits.add_permits(2 * READS);
        assert_eq!(heads.head(late.clone()).await.unwrap().at, late.now);
    }

    #[tokio::test]
    async fn who_found_nothing_free_gets_a_head_read_since() {
        let folder = tempfile::tempdir().unwrap();
        let (heads, reader, asked) = slow(folder.path()).await;
        let seen = heads.head(asked.clone()).await.unwrap();
        reader.permits.add_permits(READS);
        let later = Asked { now: NOW.plus_secs(1), ..asked };
        assert_eq!(heads.newer_than(Some(&seen), later.clone()).await.unwrap().at, later.now);
    }

    #[test]
    fn a_post_is_kept_for_one_and_comes_free_again() {
        let (heads, now) = (Heads::default(), NOW);
        assert!(heads.reserve(PostId(1), now));
        assert!(!heads.reserve(PostId(1), now));
        assert!(heads.reserve(PostId(2), now));
        assert!(heads.reserve(PostId(1), now.plus_secs(RESERVED_SECS)));
    }
}
