//! A log that fails as brokers do: before an append took effect, and after it did with the answer lost.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use streife_domain::Position;
use streife_log::{EventLog, LogError, MemoryLog, Message, Record, Subscription, Topic};

/// Where faults come from; shared by log and sink so that one seed decides all.
#[derive(Clone)]
pub struct Dice {
    rng: Arc<Mutex<ChaCha8Rng>>,
    fired: Arc<AtomicU64>,
}

impl Dice {
    pub fn new(seed: u64) -> Self {
        Self { rng: Arc::new(Mutex::new(ChaCha8Rng::seed_from_u64(seed))), fired: Arc::default() }
    }

    /// A fault, in so many of a hundred cases.
    pub fn fault(&self, percent: u32) -> bool {
        let hit = self.rng.lock().unwrap().random_range(0..100) < percent;
        if hit {
            self.fired.fetch_add(1, Ordering::Relaxed);
        }
        hit
    }

    pub fn below(&self, end: u64) -> u64 {
        self.rng.lock().unwrap().random_range(0..end)
    }

    pub fn fired(&self) -> u64 {
        self.fired.load(Ordering::Relaxed)
    }

    pub fn count(&self) {
        self.fired.fetch_add(1, Ordering::Relaxed);
    }
}

/// The in-memory log with faults.
pub struct FaultyLog {
    pub inner: MemoryLog,
    pub dice: Dice,
}

fn down() -> LogError {
    LogError::Unavailable("simulated".to_owned())
}

#[async_trait]
impl EventLog for FaultyLog {
    async fn ensure_topics(&self, topics: &[Topic]) -> Result<(), LogError> {
        self.inner.ensure_topics(topics).await
    }

    async fn append(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Position>, LogError> {
        tokio::task::yield_now().await;
        if self.dice.fault(6) {
            return Err(down());
        }
        // A part of the batch may be written before the connection breaks.
        if self.dice.fault(3) {
            let some = records.len() / 2;
            self.inner.append(topic, records.into_iter().take(some).collect()).await?;
            return Err(down());
        }
        let positions = self.inner.append(topic, records).await?;
        if self.dice.fault(4) { Err(down()) } else { Ok(positions) }
    }

    async fn subscribe(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Subscription>, LogError> {
        if self.dice.fault(5) { Err(down()) } else { self.inner.subscribe(group, topics).await }
    }

    async fn read_all(&self, topic: &str, visit: &mut (dyn FnMut(Message) + Send)) -> Result<(), LogError> {
        self.inner.read_all(topic, visit).await
    }

    async fn bounds(&self, topic: &str) -> Result<Vec<(i64, i64)>, LogError> {
        self.inner.bounds(topic).await
    }

    async fn committed(&self, group: &str, topic: &str) -> Result<Vec<Option<i64>>, LogError> {
        self.inner.committed(group, topic).await
    }
}
