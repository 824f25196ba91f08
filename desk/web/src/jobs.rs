//! Backtests under way: what the page shows of them.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU32, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use tokio::sync::Semaphore;

/// Jobs kept in mind; the finished ones go first.
const MAX_JOBS: usize = 64;
/// Backtests at the same time: each reads the whole recent history.
const CONCURRENT_BACKTESTS: usize = 1;

/// One backtest.
#[derive(Debug, Default)]
pub(crate) struct Job {
    permille: AtomicU32,
    hits: AtomicU64,
    failed: AtomicBool,
    done: AtomicBool,
}

impl Job {
    /// Notes how far it is; is that worth telling (a fiftieth further)?
    pub(crate) fn advance(&self, permille: u32, hits: u64) -> bool {
        self.hits.store(hits, Ordering::Relaxed);
        let before = self.permille.swap(permille.min(1_000), Ordering::Relaxed);
        permille / 20 != before / 20
    }

    pub(crate) fn end(&self, failed: bool) {
        self.failed.store(failed, Ordering::Relaxed);
        self.done.store(true, Ordering::Relaxed);
    }

    pub(crate) fn view(&self) -> JobView {
        JobView {
            percent: self.permille.load(Ordering::Relaxed) / 10,
            hits: self.hits.load(Ordering::Relaxed),
            failed: self.failed.load(Ordering::Relaxed),
            running: !self.done.load(Ordering::Relaxed),
        }
    }
}

/// What a page shows of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct JobView {
    pub(crate) percent: u32,
    pub(crate) hits: u64,
    pub(crate) failed: bool,
    pub(crate) running: bool,
}

/// All jobs, by rule and version.
#[derive(Debug)]
pub(crate) struct Jobs {
    jobs: Mutex<HashMap<(String, i64), Arc<Job>>>,
    /// Whose turn it is.
    pub(crate) turns: Arc<Semaphore>,
}

impl Default for Jobs {
    fn default() -> Self {
        Self { jobs: Mutex::default(), turns: Arc::new(Semaphore::new(CONCURRENT_BACKTESTS)) }
    }
}

impl Jobs {
    /// A new job; `None` while one of the same version runs or too many wait.
    pub(crate) fn begin(&self, id: &str, version: i64) -> Option<Arc<Job>> {
        let mut jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (id.to_owned(), version);
        if jobs.get(&key).is_some_and(|job| job.view().running) {
            return None;
        }
        if jobs.len() >= MAX_JOBS {
            jobs.retain(|_, job| job.view().running);
            if jobs.len() >= MAX_JOBS {
                return None;
            }
        }
        let job = Arc::new(Job::default());
        jobs.insert(key, Arc::clone(&job));
        Some(job)
    }

    pub(crate) fn view(&self, id: &str, version: i64) -> Option<JobView> {
        let jobs = self.jobs.lock().unwrap_or_else(PoisonError::into_inner);
        jobs.get(&(id.to_owned(), version)).map(|job| job.view())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_has_one_running_backtest() {
        let jobs = Jobs::default();
        let job = jobs.begin("w", 1).unwrap();
        assert!(jobs.begin("w", 1).is_none());
        assert!(jobs.begin("w", 2).is_some());
        assert!(job.advance(40, 3));
        assert!(!job.advance(41, 3));
        job.end(false);
        assert_eq!(jobs.view("w", 1), Some(JobView { percent: 4, hits: 3, failed: false, running: false }));
        assert!(jobs.begin("w", 1).is_some());
    }
}
