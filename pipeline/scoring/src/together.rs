//! Which of the waiting texts share a run of the encoder.
//!
//! The one that waits longest always goes next; with it go others of nearly its length. Nobody waits for company: what is there
//! goes, so an idle encoder runs each text as it comes, and a busy one fills its runs.

use std::collections::VecDeque;
use std::sync::mpsc::Receiver;

/// Texts of a run. With 48 tokens each, four or eight of them cost 0.8 of what they cost alone; with 24 tokens, eight cost 0.6.
pub(crate) const MAX_TEXTS: usize = 16;
/// Tokens of a run, padding included; more no longer fit into a core's cache.
pub(crate) const MAX_TOKENS: usize = 512;
/// The shortest text of a run has at least so many percent of the tokens of the longest.
pub(crate) const USEFUL_PERCENT: usize = 92;
/// Waiting texts that are looked at.
const LOOKED_AT: usize = 128;

/// A text on its way to a session.
pub(crate) struct Job<A> {
    pub(crate) ids: Vec<i64>,
    pub(crate) number: usize,
    pub(crate) answer: A,
}

/// The texts that wait, those before the queue's mouth included.
pub(crate) struct Waiting<A> {
    queue: Receiver<Job<A>>,
    seen: VecDeque<Job<A>>,
}

impl<A> Waiting<A> {
    pub(crate) const fn new(queue: Receiver<Job<A>>) -> Self {
        Self { queue, seen: VecDeque::new() }
    }

    /// The texts of the next run; waits until there is one. `None` at the end of the queue.
    pub(crate) fn next(&mut self, together: bool) -> Option<Vec<Job<A>>> {
        if self.seen.is_empty() {
            self.seen.push_back(self.queue.recv().ok()?);
        }
        if !together {
            return self.seen.pop_front().map(|job| vec![job]);
        }
        while self.seen.len() < LOOKED_AT
            && let Ok(job) = self.queue.try_recv()
        {
            self.seen.push_back(job);
        }
        let lengths: Vec<usize> = self.seen.iter().map(|job| job.ids.len()).collect();
        let mut chosen = chosen(&lengths);
        // From the back, so that the places before stay as they are.
        chosen.sort_unstable_by(|a, b| b.cmp(a));
        Some(chosen.into_iter().filter_map(|place| self.seen.remove(place)).collect())
    }
}

/// Which of the waiting texts, given by their lengths in tokens and the longest-waiting first, make the next run.
fn chosen(lengths: &[usize]) -> Vec<usize> {
    let Some(&first) = lengths.first() else { return Vec::new() };
    let mut others: Vec<usize> = (1..lengths.len()).collect();
    others.sort_by_key(|place| lengths[*place].abs_diff(first));
    let (mut chosen, mut shortest, mut longest) = (vec![0], first, first);
    for place in others {
        let (low, high) = (shortest.min(lengths[place]), longest.max(lengths[place]));
        let fits = low * 100 >= high * USEFUL_PERCENT && high * (chosen.len() + 1) <= MAX_TOKENS;
        if chosen.len() == MAX_TEXTS {
            break;
        }
        if fits {
            chosen.push(place);
            (shortest, longest) = (low, high);
        }
    }
    chosen
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc::channel;

    use proptest::prelude::*;

    use super::*;

    fn waiting(lengths: &[usize]) -> Waiting<()> {
        let (queue, jobs) = channel();
        for (number, length) in lengths.iter().enumerate() {
            queue.send(Job { ids: vec![7; *length], number, answer: () }).unwrap();
        }
        Waiting::new(jobs)
    }

    fn numbers(run: Option<Vec<Job<()>>>) -> Vec<usize> {
        let mut numbers: Vec<usize> = run.into_iter().flatten().map(|job| job.number).collect();
        numbers.sort_unstable();
        numbers
    }

    #[test]
    fn texts_of_one_length_go_together_and_the_oldest_is_among_them() {
        let mut waiting = waiting(&[40, 80, 40, 39, 41, 12]);
        assert_eq!(numbers(waiting.next(true)), [0, 2, 3, 4]);
        assert_eq!(numbers(waiting.next(true)), [1]);
        assert_eq!(numbers(waiting.next(true)), [5]);
        assert!(waiting.next(true).is_none());
    }

    #[test]
    fn a_graph_that_wants_texts_alone_gets_them_alone_in_order() {
        let mut waiting = waiting(&[9, 9, 9]);
        for number in 0..3 {
            assert_eq!(numbers(waiting.next(false)), [number]);
        }
    }

    proptest! {
        #[test]
        fn every_run_is_bounded_and_every_text_comes_once(lengths in prop::collection::vec(1..=256_usize, 1..300)) {
            let mut waiting = waiting(&lengths);
            let mut seen = vec![false; lengths.len()];
            while let Some(run) = waiting.next(true) {
                let (longest, shortest) = (run.iter().map(|job| job.ids.len()).max().unwrap(), run.iter().map(|job| job.ids.len()).min().unwrap());
                prop_assert!(run.len() <= MAX_TEXTS && longest * run.len() <= MAX_TOKENS);
                prop_assert!(shortest * 100 >= longest * USEFUL_PERCENT);
                let oldest = seen.iter().position(|seen| !seen);
                prop_assert!(run.iter().any(|job| Some(job.number) == oldest), "nobody is passed over");
                for job in run {
                    prop_assert!(!std::mem::replace(&mut seen[job.number], true));
                }
            }
            prop_assert!(seen.iter().all(|seen| *seen));
        }
    }
}
