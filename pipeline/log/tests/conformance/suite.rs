//! The promises of `EventLog`, each as a function over any implementation.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use bytes::Bytes;
use streife_log::{
    Delivery, EventLog, LogError, Message, Record, Retention, Subscription, Topic, TopicPartition,
    partition_of,
};

/// Brokers take their time over a first rebalance.
const PATIENCE: Duration = Duration::from_secs(180);
const QUIET: Duration = Duration::from_millis(700);
const PARTITIONS: u32 = 4;

type CreateTopic = Box<dyn Fn(&Topic)>;

/// A log under test.
pub(crate) struct Bench {
    pub(crate) log: Arc<dyn EventLog>,
    create: Option<CreateTopic>,
    _folder: Option<tempfile::TempDir>,
}

impl Bench {
    pub(crate) fn new(log: Arc<dyn EventLog>) -> Self {
        Self { log, create: None, _folder: None }
    }

    pub(crate) fn keeping(mut self, folder: tempfile::TempDir) -> Self {
        self._folder = Some(folder);
        self
    }

    pub(crate) fn creating_topics_by(mut self, create: impl Fn(&Topic) + 'static) -> Self {
        self.create = Some(Box::new(create));
        self
    }

    /// A new topic of its own for each test, since a server is shared.
    async fn topic(&self, retention: Retention) -> String {
        static LAST: AtomicU32 = AtomicU32::new(0);
        let number = LAST.fetch_add(1, Ordering::SeqCst);
        let topic = Topic {
            name: format!("test.{}.{number}.{}", std::process::id(), rand::random::<u32>()),
            partitions: PARTITIONS,
            retention,
            replication: 1,
        };
        if let Some(create) = &self.create {
            create(&topic);
        }
        self.log.ensure_topics(std::slice::from_ref(&topic)).await.unwrap();
        self.log.ensure_topics(std::slice::from_ref(&topic)).await.unwrap();
        topic.name
    }

    async fn append_numbered(&self, topic: &str, numbers: std::ops::Range<u32>) {
        let records = numbers.map(|n| record(&format!("key{}", n % 37), &n.to_string())).collect();
        self.log.append(topic, records).await.unwrap();
    }
}

fn record(key: &str, value: &str) -> Record {
    Record {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        headers: vec![],
    }
}

fn number(message: &Message) -> u32 {
    std::str::from_utf8(&message.record.value).unwrap().parse().unwrap()
}

fn place(message: &Message) -> TopicPartition {
    TopicPartition { topic: message.topic.clone(), partition: message.partition }
}

/// A member of a group with what it was told and what it read.
struct Reader {
    subscription: Box<dyn Subscription>,
    owned: BTreeSet<TopicPartition>,
    read: Vec<Message>,
    next: BTreeMap<TopicPartition, i64>,
}

impl Reader {
    async fn join(bench: &Bench, group: &str, topic: &str) -> Self {
        let subscription = bench.log.subscribe(group, &[topic]).await.unwrap();
        Self { subscription, owned: BTreeSet::new(), read: Vec::new(), next: BTreeMap::new() }
    }

    /// Takes one delivery if there is one soon.
    async fn step(&mut self, wait: Duration) -> bool {
        let Ok(delivery) = tokio::time::timeout(wait, self.subscription.next(100)).await else {
            return false;
        };
        match delivery.unwrap() {
            Delivery::Messages(messages) => {
                assert!(!messages.is_empty() && messages.len() <= 100);
                for message in &messages {
                    let id = place(message);
                    assert!(self.owned.contains(&id), "a record of a partition that is not ours");
                    if let Some(next) = self.next.insert(id, message.offset + 1) {
                        assert_eq!(message.offset, next, "in order and without gap");
                    }
                }
                self.read.extend(messages);
            }
            Delivery::Assigned(partitions) => {
                for partition in partitions {
                    assert!(self.owned.insert(partition), "assigned twice");
                }
            }
            Delivery::Revoked(partitions) => {
                for partition in partitions {
                    assert!(self.owned.remove(&partition), "revoked what was not ours");
                    self.next.remove(&partition);
                }
            }
        }
        true
    }

    async fn until(&mut self, what: &str, done: impl Fn(&Self) -> bool) {
        let deadline = tokio::time::Instant::now() + PATIENCE;
        while !done(self) {
            assert!(tokio::time::Instant::now() < deadline, "in vain: {what}; read {}", self.read.len());
            self.step(Duration::from_millis(200)).await;
        }
    }

    async fn until_read(&mut self, count: usize) {
        self.until(&format!("{count} records"), |reader| reader.read.len() >= count).await;
    }

    async fn commit_all(&mut self) {
        let offsets: Vec<_> = self.next.iter().map(|(id, next)| (id.clone(), *next)).collect();
        self.subscription.commit(&offsets).await.unwrap();
    }

    fn numbers(&self) -> BTreeSet<u32> {
        self.read.iter().map(number).collect()
    }
}

pub(crate) async fn records_of_one_key_keep_their_order(bench: &Bench) {
    let topic = bench.topic(Retention::Hours(1)).await;
    for start in (0..1_000).step_by(100) {
        bench.append_numbered(&topic, start..start + 100).await;
    }
    let mut reader = Reader::join(bench, "g-order", &topic).await;
    reader.until_read(1_000).await;
    let mut last: BTreeMap<Bytes, u32> = BTreeMap::new();
    for message in &reader.read {
        let n = number(message);
        if let Some(before) = last.insert(message.record.key.clone(), n) {
            assert!(before < n);
        }
    }
    assert_eq!(reader.numbers(), (0..1_000).collect());
    assert!(!reader.step(QUIET).await, "nothing twice");
}

pub(crate) async fn a_record_comes_back_whole(bench: &Bench) {
    let topic = bench.topic(Retention::Hours(1)).await;
    let sent = vec![
        Record {
            key: Bytes::from_static(b"\x00\xff"),
            value: Bytes::from_static(b"\xf0\x9f\x92\xa9\x00"),
            headers: vec![("raw".to_owned(), vec![7; 100_000].into()), ("leer".to_owned(), Bytes::new())],
        },
        Record::default(),
        Record { value: vec![1; 900_000].into(), ..Record::default() },
    ];
    let positions = bench.log.append(&topic, sent.clone()).await.unwrap();
    let mut got: BTreeMap<(i32, i64), Record> = BTreeMap::new();
    bench
        .log
        .read_all(&topic, &mut |m| {
            assert!(m.timestamp_ms > 0);
            got.insert((m.partition, m.offset), m.record);
        })
        .await
        .unwrap();
    for (position, record) in positions.iter().zip(&sent) {
        assert_eq!(&got[&(position.partition, position.offset)], record);
    }
}

pub(crate) async fn the_partition_follows_from_the_key(bench: &Bench) {
    let topic = bench.topic(Retention::Hours(1)).await;
    let keys: Vec<String> = (0..200).map(|n| if n == 0 { String::new() } else { format!("k{n}") }).collect();
    let records = keys.iter().map(|key| record(key, "x")).collect();
    let positions = bench.log.append(&topic, records).await.unwrap();
    for (key, position) in keys.iter().zip(positions) {
        assert_eq!(position.partition, partition_of(key.as_bytes(), PARTITIONS), "{key:?}");
    }
}

pub(crate) async fn what_was_committed_is_not_read_again_and_the_rest_is(bench: &Bench) {
    let topic = bench.topic(Retention::Hours(1)).await;
    bench.append_numbered(&topic, 0..500).await;
    let mut first = Reader::join(bench, "g-resume", &topic).await;
    first.until_read(200).await;
    first.commit_all().await;
    let committed = first.numbers();
    first.until_read(300).await;
    drop(first);
    let mut second = Reader::join(bench, "g-resume", &topic).await;
    second.until_read(500 - committed.len()).await;
    let expected: BTreeSet<u32> = (0..500).filter(|n| !committed.contains(n)).collect();
    assert_eq!(second.numbers(), expected);
    assert!(!second.step(QUIET).await);
}

pub(crate) async fn two_members_share_and_the_survivor_takes_over(bench: &Bench) {
    let topic = bench.topic(Retention::Hours(1)).await;
    bench.append_numbered(&topic, 0..200).await;
    let mut first = Reader::join(bench, "g-share", &topic).await;
    first.until_read(200).await;
    first.commit_all().await;
    let mut second = Reader::join(bench, "g-share", &topic).await;
    share(&mut first, &mut second, |a, b| a.owned.len() == 2 && b.owned.len() == 2).await;
    assert!(first.owned.is_disjoint(&second.owned));

    bench.append_numbered(&topic, 200..400).await;
    share(&mut first, &mut second, |a, b| a.read.len() + b.read.len() >= 400).await;
    assert!(!second.read.is_empty());
    let both: BTreeSet<u32> = first.numbers().union(&second.numbers()).copied().collect();
    assert_eq!(both, (0..400).collect());
    first.commit_all().await;

    // The second had committed nothing of its share: the first reads that again.
    let unsure = second.numbers();
    drop(second);
    let before = first.read.len();
    first.until("all partitions back", |reader| reader.owned.len() == 4).await;
    first.until_read(before + unsure.len()).await;
    let again: BTreeSet<u32> = first.read[before..].iter().map(number).collect();
    assert_eq!(again, unsure);
}

async fn share(a: &mut Reader, b: &mut Reader, done: impl Fn(&Reader, &Reader) -> bool) {
    let deadline = tokio::time::Instant::now() + PATIENCE;
    while !done(a, b) {
        assert!(
            tokio::time::Instant::now() < deadline,
            "in vain: {} and {} partitions",
            a.owned.len(),
            b.owned.len()
        );
        a.step(Duration::from_millis(100)).await;
        b.step(Duration::from_millis(100)).await;
    }
}

pub(crate) async fn a_revoked_partition_cannot_be_committed(bench: &Bench) {
    let topic = bench.topic(Retention::Hours(1)).await;
    bench.append_numbered(&topic, 0..200).await;
    let mut first = Reader::join(bench, "g-fence", &topic).await;
    first.until_read(200).await;
    let stale: Vec<_> = first.next.iter().map(|(id, next)| (id.clone(), *next)).collect();
    let mut second = Reader::join(bench, "g-fence", &topic).await;
    share(&mut first, &mut second, |a, b| a.owned.len() == 2 && b.owned.len() == 2).await;
    first.subscription.commit(&stale).await.unwrap();
    let committed = bench.log.committed("g-fence", &topic).await.unwrap();
    for (id, next) in stale {
        let expected = first.owned.contains(&id).then_some(next);
        assert_eq!(committed[usize::try_from(id.partition).unwrap()], expected, "{id:?}");
    }
}

pub(crate) async fn a_pause_stops_records_and_keeps_the_membership(bench: &Bench) {
    let topic = bench.topic(Retention::Hours(1)).await;
    bench.append_numbered(&topic, 0..100).await;
    let mut reader = Reader::join(bench, "g-pause", &topic).await;
    reader.until_read(100).await;
    reader.subscription.pause(true).await.unwrap();
    bench.append_numbered(&topic, 100..200).await;
    assert!(!reader.step(QUIET).await, "nothing while paused");
    assert_eq!(reader.owned.len(), 4);

    // A pause holds through a rebalance.
    let mut other = Reader::join(bench, "g-pause", &topic).await;
    share(&mut reader, &mut other, |a, b| a.owned.len() == 2 && b.owned.len() == 2).await;
    drop(other);
    reader.until("all partitions back", |reader| reader.owned.len() == 4).await;
    assert!(!reader.step(QUIET).await, "nothing while paused");
    assert_eq!(reader.read.len(), 100);

    reader.subscription.pause(false).await.unwrap();
    reader.until("the rest", |reader| reader.numbers().len() == 200).await;
}

pub(crate) async fn two_groups_read_independently(bench: &Bench) {
    let topic = bench.topic(Retention::Hours(1)).await;
    bench.append_numbered(&topic, 0..100).await;
    for group in ["g-one", "g-two"] {
        let mut reader = Reader::join(bench, group, &topic).await;
        reader.until_read(100).await;
        reader.commit_all().await;
        assert_eq!(reader.numbers().len(), 100);
    }
}

pub(crate) async fn read_all_ends_at_the_present_end(bench: &Bench) {
    let topic = bench.topic(Retention::Hours(1)).await;
    let mut none = 0;
    bench.log.read_all(&topic, &mut |_| none += 1).await.unwrap();
    assert_eq!(none, 0);
    bench.append_numbered(&topic, 0..2_500).await;
    let mut numbers = BTreeSet::new();
    bench
        .log
        .read_all(&topic, &mut |m| {
            assert!(numbers.insert(number(&m)));
        })
        .await
        .unwrap();
    assert_eq!(numbers.len(), 2_500);
}

pub(crate) async fn bounds_and_commits_are_told(bench: &Bench) {
    let topic = bench.topic(Retention::Hours(1)).await;
    assert_eq!(bench.log.bounds(&topic).await.unwrap(), [(0, 0); 4]);
    assert_eq!(bench.log.committed("g-bounds", &topic).await.unwrap(), [None; 4]);
    bench.append_numbered(&topic, 0..300).await;
    let bounds = bench.log.bounds(&topic).await.unwrap();
    assert_eq!(bounds.iter().map(|(first, end)| end - first).sum::<i64>(), 300);
    let mut reader = Reader::join(bench, "g-bounds", &topic).await;
    reader.until_read(300).await;
    reader.commit_all().await;
    let committed: Vec<i64> =
        bench.log.committed("g-bounds", &topic).await.unwrap().into_iter().map(Option::unwrap).collect();
    assert_eq!(committed, bounds.iter().map(|(_, end)| *end).collect::<Vec<_>>());
}

pub(crate) async fn what_cannot_succeed_is_refused(bench: &Bench) {
    let missing = "test.there-is-no-such-topic";
    assert!(matches!(bench.log.bounds(missing).await, Err(LogError::Refused(_))));
    assert!(matches!(bench.log.subscribe("g", &[missing]).await.err(), Some(LogError::Refused(_))));
    let topic = bench.topic(Retention::Hours(1)).await;
    let huge = Record { value: vec![0; streife_log::MAX_RECORD_BYTES + 1].into(), ..Record::default() };
    assert!(matches!(
        bench.log.append(&topic, vec![record("k", "1"), huge]).await,
        Err(LogError::Refused(_))
    ));
    assert_eq!(bench.log.bounds(&topic).await.unwrap(), [(0, 0); 4], "all or nothing");
}

pub(crate) async fn a_compacted_topic_keeps_the_newest_of_each_key(bench: &Bench) {
    let topic = bench.topic(Retention::Compact).await;
    for round in 0..3 {
        let records =
            (0..10).map(|key| record(&format!("source{key}"), &(round * 10 + key).to_string())).collect();
        bench.log.append(&topic, records).await.unwrap();
    }
    bench.log.append(&topic, vec![record("source0", "")]).await.unwrap();
    let mut state: BTreeMap<Bytes, Bytes> = BTreeMap::new();
    bench
        .log
        .read_all(&topic, &mut |m| {
            if m.record.value.is_empty() {
                state.remove(&m.record.key);
            } else {
                state.insert(m.record.key, m.record.value);
            }
        })
        .await
        .unwrap();
    let expected: BTreeMap<Bytes, Bytes> =
        (1..10).map(|key| (format!("source{key}").into(), (20 + key).to_string().into())).collect();
    assert_eq!(state, expected);
}
