//! CPU threads for pure work over many items. The order of results never depends on the threads.

use std::num::NonZeroUsize;

use streife_rules::Scratch;

use crate::analyse::{Analyser, Analysis, Passage};

/// Fewer items than this are not worth a thread.
const MIN_ITEMS_PER_THREAD: usize = 16;
/// Posts that go through a stage together: enough that its tables are read once, few enough that the texts stay near.
const POSTS_PER_STAGE: usize = 128;

/// Threads, each with its buffers.
pub struct Workers(Vec<Scratch>);

impl Workers {
    /// So many threads.
    pub fn new(threads: NonZeroUsize) -> Self {
        Self((0..threads.get()).map(|_| Scratch::default()).collect())
    }

    /// Applies `job` to every item, spread over the threads; results are in the order of the items.
    pub(crate) fn map<T: Send, R: Send>(
        &mut self,
        items: Vec<T>,
        job: impl Fn(T, &mut Scratch) -> R + Sync,
    ) -> Vec<R> {
        self.map_shares(items, |share, scratch| share.into_iter().map(|item| job(item, scratch)).collect())
    }

    /// Applies `job` to a share of the items on each thread; results are in the order of the items.
    pub(crate) fn map_shares<T: Send, R: Send>(
        &mut self,
        items: Vec<T>,
        job: impl Fn(Vec<T>, &mut Scratch) -> Vec<R> + Sync,
    ) -> Vec<R> {
        let size = items.len().div_ceil(self.0.len()).max(MIN_ITEMS_PER_THREAD);
        if items.len() <= size
            && let Some(scratch) = self.0.first_mut()
        {
            return job(items, scratch);
        }
        let job = &job;
        std::thread::scope(|scope| {
            let running: Vec<_> = shares(items, size)
                .into_iter()
                .zip(&mut self.0)
                .map(|(share, scratch)| scope.spawn(move || job(share, scratch)))
                .collect();
            running
                .into_iter()
                .flat_map(|thread| thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)))
                .collect()
        })
    }

    /// All stages over many texts: the cheap ones spread over these threads, the encoder over its sessions.
    pub fn analyse(&mut self, analyser: &Analyser, passages: &[Passage<'_>]) -> Vec<Analysis> {
        let drafts = self.map_shares(passages.iter().collect(), |share, scratch| {
            share.chunks(POSTS_PER_STAGE).flat_map(|posts| analyser.drafts(posts, scratch)).collect()
        });
        let asked: Vec<_> = passages
            .iter()
            .zip(&drafts)
            .filter(|(_, draft)| draft.wants_encoder)
            .map(|(passage, draft)| (passage.read(), draft.language()))
            .collect();
        let mut encoded = analyser.encode(&asked).into_iter();
        let with_scores: Vec<_> = passages
            .iter()
            .zip(drafts)
            .map(|(passage, draft)| {
                let scores = if draft.wants_encoder { encoded.next() } else { None };
                (passage, draft, scores)
            })
            .collect();
        self.map(with_scores, |(passage, draft, scores), scratch| {
            analyser.finish(passage, draft, scores, scratch)
        })
    }
}

/// Cuts items into shares of one size, the last one smaller.
fn shares<T>(mut items: Vec<T>, size: usize) -> Vec<Vec<T>> {
    let mut shares = Vec::new();
    while items.len() > size {
        let rest = items.split_off(size);
        shares.push(std::mem::replace(&mut items, rest));
    }
    shares.push(items);
    shares
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn results_keep_the_order_for_any_number_of_threads(items in proptest::collection::vec(any::<u32>(), 0..300), threads in 1usize..5) {
            let mut workers = Workers::new(NonZeroUsize::new(threads).unwrap());
            let doubled = workers.map(items.clone(), |item, _| u64::from(item) * 2);
            prop_assert_eq!(doubled, items.iter().map(|item| u64::from(*item) * 2).collect::<Vec<_>>());
        }
    }
}
