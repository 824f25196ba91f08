//! The simulated site: one log, one sink, workers that are killed and started again.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;
use streife_domain::{Clock, ManualClock, Position, PseudonymKey, Timestamp};
use streife_log::{EventLog, MemoryLog};
use streife_rules::{RuleSet, SourceFile};
use streife_runtime::score::{ScoreOptions, ScoreWorker};
use streife_runtime::store::StoreWorker;
use streife_runtime::{Analyser, Backoff, Encode, names, parse_topics, score, store};
use streife_scoring::Models;
use streife_store::BatchLimits;
use streife_text::language::Identifier;
use tokio_util::sync::CancellationToken;

use crate::faults::{Dice, FaultyLog};
use crate::input::{self, Expected};
use crate::sink::SimSink;

/// Records of one run.
const RECORDS: usize = 160;
/// The longest a run may take, in simulated time.
const PATIENCE: Duration = Duration::from_secs(3_600);

pub struct World {
    seed: u64,
    dice: Dice,
    log: Arc<FaultyLog>,
    pub sink: Arc<SimSink>,
    clock: Arc<ManualClock>,
    analyser: Arc<ArcSwap<Analyser>>,
}

fn rules() -> RuleSet {
    let yaml = format!(
        "id: sim\nversion: 1\ntitle: Simulation\nowner: a\napproved_by: b\nstate: live\npurpose: demonstration\nlegal_basis: none\n\
         review_by: 2027-01-31\nseverity: medium\nwhen: {}\ntests: [{{text: {}, expect: hit}}]\n",
        input::WATCHED,
        input::WATCHED
    );
    let compiled = RuleSet::compile(&[SourceFile { path: "sim.yaml", text: &yaml }], "2026-11-22");
    assert_eq!(compiled.set.rules().len(), 1, "{:?}", compiled.problems);
    compiled.set
}

impl World {
    pub async fn new(seed: u64) -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-11-22T12:00:00Z").unwrap()));
        let dice = Dice::new(seed);
        let log = Arc::new(FaultyLog { inner: MemoryLog::with_clock(clock.clone()), dice: dice.clone() });
        let mut topics = parse_topics(include_str!("../../schemas/topics.toml"), 1).unwrap();
        topics.iter_mut().for_each(|topic| topic.partitions = topic.partitions.min(3));
        log.inner.ensure_topics(&topics).await.unwrap();
        let analyser = Analyser::new(
            Arc::new(Identifier::rules_only()),
            Arc::new(Models::off()),
            Arc::new(rules()),
            Encode::None,
        );
        let sink = Arc::new(SimSink::new(dice.clone()));
        Self { seed, dice, log, sink, clock, analyser: Arc::new(ArcSwap::from_pointee(analyser)) }
    }

    /// Publishes the input, without faults: what the log accepted is the start of the accounting.
    pub async fn publish(&self) -> BTreeMap<Position, Expected> {
        let mut rng = ChaCha8Rng::seed_from_u64(self.seed ^ 0x5eed);
        let mut expected = BTreeMap::new();
        for (record, outcome) in input::make(&mut rng, RECORDS, self.clock.now()) {
            let positions = self.log.inner.append(names::RAW, vec![record]).await.unwrap();
            expected.insert(positions[0], outcome);
        }
        expected
    }

    /// Runs the workers, kills them at random moments and starts them again, until all is stored.
    pub async fn run_until_done(&self) {
        let finished = tokio::time::timeout(PATIENCE, async {
            loop {
                let stop = CancellationToken::new();
                let score = tokio::spawn(self.score_worker().run(stop.clone()));
                let store = tokio::spawn(self.store_worker().run(stop.clone()));
                let lifetime = Duration::from_millis(self.dice.below(4_000));
                let mut lived = Duration::ZERO;
                while lived < lifetime && !self.done().await {
                    tokio::time::sleep(Duration::from_millis(50)).await;
                    self.clock.advance_micros(50_000);
                    lived += Duration::from_millis(50);
                    assert!(
                        !score.is_finished() && !store.is_finished(),
                        "seed {}: a worker ended by itself",
                        self.seed
                    );
                }
                // Aborting is a kill: no destructor of ours flushes or commits.
                score.abort();
                store.abort();
                let _ = (score.await, store.await);
                self.log.inner.crash_subscriptions();
                self.dice.count();
                if self.done().await {
                    return;
                }
            }
        });
        finished.await.unwrap_or_else(|_| panic!("seed {}: not done in time", self.seed));
    }

    fn score_worker(&self) -> ScoreWorker {
        ScoreWorker {
            log: self.log.clone(),
            analyser: self.analyser.clone(),
            pseudonyms: PseudonymKey::new([7; 32]),
            clock: self.clock.clone(),
            options: ScoreOptions {
                max_batch_records: 1 + self.dice.below(40) as usize,
                threads: NonZeroUsize::MIN,
                legal: Arc::default(),
                backoff: Backoff::default(),
            },
        }
    }

    fn store_worker(&self) -> StoreWorker {
        StoreWorker {
            log: self.log.clone(),
            sink: self.sink.clone(),
            clock: self.clock.clone(),
            limits: BatchLimits {
                rows: 1 + self.dice.below(60) as usize,
                bytes: 1 << 20,
                age_micros: 200_000,
            },
            backoff: Backoff::default(),
        }
    }

    async fn behind(&self, group: &str, topic: &str) -> bool {
        let ends = self.log.bounds(topic).await.unwrap();
        let committed = self.log.committed(group, topic).await.unwrap();
        ends.iter().zip(committed).any(|((first, end), next)| next.unwrap_or(*first) < *end)
    }

    async fn done(&self) -> bool {
        if self.behind(score::GROUP, names::RAW).await {
            return false;
        }
        for topic in [names::SCORED, names::FLAGGED, names::DEAD] {
            if self.behind(store::GROUP, topic).await {
                return false;
            }
        }
        true
    }

    /// Different records in the dead-letter topic, by where they came from.
    pub async fn dead_letters(&self) -> usize {
        let mut origins = std::collections::BTreeSet::new();
        self.log
            .read_all(names::DEAD, &mut |message| {
                let header = |name: &str| message.header(name).cloned().unwrap_or_default();
                origins.insert((header("partition"), header("offset")));
            })
            .await
            .unwrap();
        origins.len()
    }

    /// Nothing is committed beyond what the sink holds, which the outcomes showed; and nothing is left.
    pub async fn assert_committed_to_the_end(&self, seed: u64) {
        assert!(self.done().await, "seed {seed}: offsets are behind");
    }

    pub fn faults_fired(&self) -> u64 {
        self.dice.fired()
    }
}
