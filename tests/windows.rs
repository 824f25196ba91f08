//! Window rules on the stream: score workers and the window worker are killed at random moments; the oracle knows which
//! posts come after enough others.

use std::collections::BTreeSet;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use streife_domain::{
    Author, Clock, Event, EventKind, FlaggedRecord, ManualClock, PostId, PseudonymKey, Timestamp,
};
use streife_log::{EventLog, MemoryLog};
use streife_rules::{RuleSet, SourceFile};
use streife_runtime::collect::event_record;
use streife_runtime::score::{self, ScoreOptions, ScoreWorker};
use streife_runtime::windows::{self, WindowWorker};
use streife_runtime::{Analyser, Backoff, Encode, names, parse_topics};
use streife_scoring::Models;
use streife_text::language::Identifier;
use tokio_util::sync::CancellationToken;

/// Authors that must have written before a post counts.
const AUTHORS: usize = 5;
const POSTS: usize = 40;
const SEEDS: u64 = 20;

struct World {
    log: Arc<MemoryLog>,
    clock: Arc<ManualClock>,
    analyser: Arc<ArcSwap<Analyser>>,
}

impl World {
    async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-11-22T12:00:00Z").unwrap()));
        let log = Arc::new(MemoryLog::with_clock(clock.clone()));
        let mut topics = parse_topics(include_str!("../schemas/topics.toml"), 1).unwrap();
        // One partition of posts.raw, so that the oracle knows the order in which posts are counted.
        topics.iter_mut().for_each(|topic| topic.partitions = 1);
        log.ensure_topics(&topics).await.unwrap();
        let yaml = format!(
            "id: wave\nversion: 1\ntitle: Wave\nowner: a\napproved_by: b\nstate: live\npurpose: demonstration\nlegal_basis: none\n\
             review_by: 2027-01-31\nseverity: medium\nwhen: gartenzwerg\nwindow: count(distinct author) over 1h by source >= {AUTHORS}\n\
             tests: [{{text: gartenzwerg, expect: hit}}]\n"
        );
        let compiled = RuleSet::compile(&[SourceFile { path: "wave.yaml", text: &yaml }], "2026-11-22");
        assert_eq!(compiled.set.rules().len(), 1, "{:?}", compiled.problems);
        let identifier = Arc::new(Identifier::rules_only());
        let analyser =
            Analyser::new(identifier, Arc::new(Models::off()), Arc::new(compiled.set), Encode::None);
        Self { log, clock, analyser: Arc::new(ArcSwap::from_pointee(analyser)) }
    }

    /// Publishes posts of authors drawn from a few; returns those that come when enough authors have written.
    async fn publish(&self, rng: &mut ChaCha8Rng) -> BTreeSet<PostId> {
        let (mut authors, mut wanted) = (BTreeSet::new(), BTreeSet::new());
        for number in 0..POSTS {
            let watched = rng.random_bool(0.7);
            let author = rng.random_range(0..12);
            let now = self.clock.now();
            let mut event = Event::new(EventKind::Post, "sim", "sim", &format!("p{number}"), now);
            event.text = format!("{} {number}", if watched { "ein gartenzwerg" } else { "ein garten" });
            event.author = Some(Author { id: format!("a{author}"), ..Author::default() });
            self.log.append(names::RAW, vec![event_record(&event, &Bytes::new())]).await.unwrap();
            if watched {
                authors.insert(author);
                if authors.len() >= AUTHORS {
                    wanted.insert(event.post_id());
                }
            }
        }
        wanted
    }

    async fn behind(&self, group: &str, topic: &str) -> bool {
        let ends = self.log.bounds(topic).await.unwrap();
        let committed = self.log.committed(group, topic).await.unwrap();
        ends.iter().zip(committed).any(|((first, end), next)| next.unwrap_or(*first) < *end)
    }

    async fn done(&self) -> bool {
        !self.behind(score::GROUP, names::RAW).await && !self.behind(windows::GROUP, names::WINDOWED).await
    }

    /// Runs both workers for a random while, kills them, and again until all is counted.
    async fn run_until_done(&self, rng: &mut ChaCha8Rng) {
        while !self.done().await {
            let stop = CancellationToken::new();
            let score = ScoreWorker {
                log: self.log.clone(),
                analyser: self.analyser.clone(),
                pseudonyms: PseudonymKey::new([7; 32]),
                clock: self.clock.clone(),
                options: ScoreOptions {
                    max_batch_records: 3,
                    threads: NonZeroUsize::MIN,
                    legal: Arc::default(),
                    backoff: Backoff::default(),
                },
            };
            let log: Arc<dyn EventLog> = self.log.clone();
            let window = WindowWorker { log, analyser: self.analyser.clone(), backoff: Backoff::default() };
            let running = [
                tokio::spawn({
                    let stop = stop.clone();
                    async move { score.run(stop).await.unwrap() }
                }),
                tokio::spawn({
                    let stop = stop.clone();
                    async move { window.run(stop).await.unwrap() }
                }),
            ];
            tokio::time::sleep(Duration::from_millis(rng.random_range(0..3_000))).await;
            for task in running {
                task.abort();
                let _ = task.await;
            }
            self.log.crash_subscriptions();
        }
    }

    async fn flagged(&self) -> BTreeSet<PostId> {
        let mut found = BTreeSet::new();
        let mut visit = |message: streife_log::Message| {
            let record: FlaggedRecord = serde_json::from_slice(&message.record.value).unwrap();
            assert_eq!(record.verdict.hits.iter().map(|hit| hit.rule.as_str()).collect::<Vec<_>>(), ["wave"]);
            assert!(record.verdict.is_flagged());
            found.insert(record.post.post_id);
        };
        self.log.read_all(names::FLAGGED, &mut visit).await.unwrap();
        found
    }
}

#[test]
fn windows_count_every_post_once_whatever_is_killed() {
    for seed in 0..SEEDS {
        let runtime =
            tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let mut rng = ChaCha8Rng::seed_from_u64(seed);
            let world = World::new().await;
            let wanted = world.publish(&mut rng).await;
            world.run_until_done(&mut rng).await;
            assert!(!wanted.is_empty() && wanted.len() < POSTS, "seed {seed}: the input proves nothing");
            assert_eq!(world.flagged().await, wanted, "seed {seed}");
        });
    }
}
