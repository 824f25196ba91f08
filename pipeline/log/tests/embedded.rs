//! What only the durable log promises: one process, damage noticed, retention, nothing lost by a restart.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use streife_domain::{Clock, ManualClock, Timestamp};
use streife_log::{
    Delivery, EmbeddedLog, EventLog, LogError, MemoryLog, Record, Retention, Subscription, Topic,
    TopicPartition,
};

const HOUR: i64 = 3_600_000_000;

fn topic(retention: Retention) -> Topic {
    Topic { name: "t".to_owned(), partitions: 2, retention, replication: 1 }
}

fn clock() -> Arc<ManualClock> {
    Arc::new(ManualClock::new(Timestamp::from_secs(1_800_000_000)))
}

fn record(key: &str, value: &str) -> Record {
    Record {
        key: Bytes::copy_from_slice(key.as_bytes()),
        value: Bytes::copy_from_slice(value.as_bytes()),
        headers: vec![],
    }
}

fn records(count: usize) -> Vec<Record> {
    (0..count).map(|n| record(&format!("k{n}"), &format!("{n} {}", "x".repeat(500)))).collect()
}

async fn values(log: &dyn EventLog) -> Vec<String> {
    let mut values = Vec::new();
    log.read_all("t", &mut |m| values.push(String::from_utf8(m.record.value.to_vec()).unwrap()))
        .await
        .unwrap();
    values.sort();
    values
}

/// Reads until `count` records came.
async fn read(subscription: &mut dyn Subscription, count: usize) -> Vec<(TopicPartition, i64)> {
    let mut places = Vec::new();
    while places.len() < count {
        if let Delivery::Messages(messages) = subscription.next(10).await.unwrap() {
            places.extend(
                messages
                    .into_iter()
                    .map(|m| (TopicPartition { topic: m.topic, partition: m.partition }, m.offset + 1)),
            );
        }
    }
    places
}

#[tokio::test]
async fn a_second_opener_is_refused_and_welcome_after_the_first_has_closed() {
    let folder = tempfile::tempdir().unwrap();
    let first = EmbeddedLog::open(folder.path(), clock()).unwrap();
    let second = EmbeddedLog::open(folder.path(), clock()).err().unwrap();
    assert!(matches!(&second, LogError::Refused(m) if m.contains("another process")), "{second}");
    drop(first);
    EmbeddedLog::open(folder.path(), clock()).unwrap();
}

#[tokio::test]
async fn a_restart_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let (before, bounds) = {
        let log = EmbeddedLog::open(folder.path(), clock()).unwrap();
        log.ensure_topics(&[topic(Retention::Hours(72))]).await.unwrap();
        log.append("t", records(100)).await.unwrap();
        let mut subscription = log.subscribe("g", &["t"]).await.unwrap();
        let read = read(subscription.as_mut(), 100).await;
        subscription.commit(&read).await.unwrap();
        (values(&log).await, log.bounds("t").await.unwrap())
    };
    let log = EmbeddedLog::open(folder.path(), clock()).unwrap();
    assert_eq!(values(&log).await, before);
    assert_eq!(log.bounds("t").await.unwrap(), bounds);
    let ends: Vec<_> = bounds.iter().map(|(_, end)| Some(*end)).collect();
    assert_eq!(log.committed("g", "t").await.unwrap(), ends);
    let positions = log.append("t", records(100)).await.unwrap();
    assert!(positions.iter().all(|p| p.offset >= bounds[usize::try_from(p.partition).unwrap()].1));
}

fn journals(folder: &Path) -> Vec<PathBuf> {
    let files = std::fs::read_dir(folder.join("database")).unwrap();
    let mut files: Vec<PathBuf> = files.map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|e| e == "jnl"));
    files
}

/// A log with 100 groups of writes, closed.
async fn written() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path(), clock()).unwrap();
    log.ensure_topics(&[topic(Retention::Hours(72))]).await.unwrap();
    for _ in 0..100 {
        log.append("t", records(3)).await.unwrap();
    }
    folder
}

#[tokio::test]
async fn damage_anywhere_in_the_journal_is_noticed_and_never_silent_loss() {
    for share in [0.02, 0.3, 0.5, 0.8, 0.99] {
        let folder = written().await;
        let path = journals(folder.path()).pop().unwrap();
        let mut bytes = std::fs::read(&path).unwrap();
        let length = bytes.iter().rposition(|b| *b != 0).unwrap();
        let at = (length as f64 * share) as usize;
        bytes[at..at + 8].iter_mut().for_each(|byte| *byte ^= 0x5a);
        std::fs::write(&path, bytes).unwrap();
        // Opened all the same is fine only if every record is there.
        match EmbeddedLog::open(folder.path(), clock()) {
            Err(LogError::Corrupt(_)) => {}
            Err(other) => panic!("at {share}: {other}"),
            Ok(log) => panic!("at {share}: opened, with {} of 300 records", values(&log).await.len()),
        }
    }
}

#[tokio::test]
async fn a_journal_cut_short_is_noticed() {
    let folder = written().await;
    let path = journals(folder.path()).pop().unwrap();
    let bytes = std::fs::read(&path).unwrap();
    let length = bytes.iter().rposition(|b| *b != 0).unwrap();
    std::fs::write(&path, &bytes[..length * 9 / 10]).unwrap();
    let error = EmbeddedLog::open(folder.path(), clock()).err().unwrap();
    assert!(matches!(&error, LogError::Corrupt(m) if m.contains("acknowledged")), "{error}");
}

#[tokio::test]
async fn retention_removes_what_is_too_old_and_nothing_else() {
    let folder = tempfile::tempdir().unwrap();
    let clock = clock();
    let log = EmbeddedLog::open(folder.path(), clock.clone()).unwrap();
    log.ensure_topics(&[topic(Retention::Hours(8))]).await.unwrap();
    for hour in 0..12 {
        log.append("t", vec![record("a", &format!("{hour:02}"))]).await.unwrap();
        clock.advance_micros(HOUR);
        log.retain(clock.now()).await.unwrap();
    }
    // It is 12 o'clock: what is from 4 on must be there, what is older than 3 must not.
    let expected: Vec<String> = (4..12).map(|hour| format!("{hour:02}")).collect();
    let mut kept = values(&log).await;
    if kept.len() == 9 {
        assert_eq!(kept.remove(0), "03", "one segment more than the retention at most");
    }
    assert_eq!(kept, expected);
    let bounds = log.bounds("t").await.unwrap();
    drop(log);

    let log = EmbeddedLog::open(folder.path(), clock.clone()).unwrap();
    assert_eq!(log.bounds("t").await.unwrap(), bounds);
    let mut subscription = log.subscribe("late", &["t"]).await.unwrap();
    read(subscription.as_mut(), 8).await;
    // A topic that nobody writes to any more empties, and offsets go on where they were.
    clock.advance_micros(20 * HOUR);
    log.retain(clock.now()).await.unwrap();
    clock.advance_micros(20 * HOUR);
    log.retain(clock.now()).await.unwrap();
    assert_eq!(values(&log).await, Vec::<String>::new());
    assert_eq!(log.append("t", vec![record("a", "new")]).await.unwrap()[0].offset, 12);
}

async fn deletions_go_after_a_day(log: &dyn EventLog, clock: &ManualClock, retain: impl AsyncFn()) {
    log.ensure_topics(&[topic(Retention::Compact)]).await.unwrap();
    log.append("t", vec![record("a", "1"), record("a", "")]).await.unwrap();
    assert_eq!(values(log).await, [""]);
    let end = log.bounds("t").await.unwrap();
    clock.advance_micros(25 * HOUR);
    retain().await;
    assert_eq!(values(log).await, Vec::<String>::new());
    assert_eq!(log.bounds("t").await.unwrap(), end);
}

#[tokio::test]
async fn a_deletion_is_forgotten_after_a_day_and_its_offset_never_given_again() {
    let at = clock();
    let memory = MemoryLog::with_clock(at.clone());
    deletions_go_after_a_day(&memory, &at, async || memory.retain(at.now())).await;

    let folder = tempfile::tempdir().unwrap();
    let at = clock();
    let log = EmbeddedLog::open(folder.path(), at.clone()).unwrap();
    deletions_go_after_a_day(&log, &at, async || log.retain(at.now()).await.unwrap()).await;
    let end = log.bounds("t").await.unwrap();
    drop(log);
    let log = EmbeddedLog::open(folder.path(), at).unwrap();
    assert_eq!(log.bounds("t").await.unwrap(), end);
}

async fn crashed_readers_read_again(log: &dyn EventLog, crash: impl Fn()) {
    log.ensure_topics(&[topic(Retention::Hours(1))]).await.unwrap();
    log.append("t", records(40)).await.unwrap();
    let mut first = log.subscribe("g", &["t"]).await.unwrap();
    let done = read(first.as_mut(), 20).await;
    first.commit(&done).await.unwrap();
    read(first.as_mut(), 10).await;
    crash();
    let error = first.next(10).await.unwrap_err();
    assert!(matches!(error, LogError::Unavailable(_)), "{error}");
    let committed = log.committed("g", "t").await.unwrap();
    first.commit(&done.iter().map(|(id, _)| (id.clone(), 0)).collect::<Vec<_>>()).await.unwrap();
    assert_eq!(log.committed("g", "t").await.unwrap(), committed, "the dead commit nothing");
    let missing = 40 - committed.iter().map(|next| next.unwrap_or(0)).sum::<i64>();
    let mut second = log.subscribe("g", &["t"]).await.unwrap();
    let count = usize::try_from(missing).unwrap();
    assert_eq!(read(second.as_mut(), count).await.len(), count);
    assert!(tokio::time::timeout(Duration::from_millis(200), second.next(10)).await.is_err());
}

#[tokio::test]
async fn a_crash_of_all_readers_loses_nothing() {
    let memory = MemoryLog::new();
    crashed_readers_read_again(&memory, || memory.crash_subscriptions()).await;
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path(), clock()).unwrap();
    crashed_readers_read_again(&log, || log.crash_subscriptions()).await;
}

#[tokio::test]
async fn a_record_of_twelve_megabytes_passes() {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path(), clock()).unwrap();
    log.ensure_topics(&[topic(Retention::Hours(1))]).await.unwrap();
    let large = Record { value: vec![b'x'; 12_000_000].into(), ..Record::default() };
    log.append("t", vec![large.clone(), large]).await.unwrap();
    drop(log);
    let log = EmbeddedLog::open(folder.path(), clock()).unwrap();
    let mut subscription = log.subscribe("g", &["t"]).await.unwrap();
    assert_eq!(read(subscription.as_mut(), 2).await.len(), 2);
}

/// The largest file below `folder`, once it holds several megabytes: a table of records.
fn table(folder: &Path) -> Option<PathBuf> {
    let mut folders = vec![folder.join("database/keyspaces")];
    let mut files = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let entry = entry.unwrap();
            if entry.file_type().unwrap().is_dir() {
                folders.push(entry.path());
            } else {
                files.push((entry.metadata().unwrap().len(), entry.path()));
            }
        }
    }
    files.into_iter().max().filter(|(size, _)| *size > 5_000_000).map(|(_, path)| path)
}

#[tokio::test]
async fn damage_in_a_table_is_told_when_it_is_read() {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path(), clock()).unwrap();
    log.ensure_topics(&[topic(Retention::Hours(1))]).await.unwrap();
    for _ in 0..40 {
        let value = || std::iter::repeat_with(rand::random).take(100_000).collect::<Vec<u8>>().into();
        let records = (0..10).map(|_| Record { value: value(), ..Record::default() }).collect();
        log.append("t", records).await.unwrap();
    }
    let mut waited = 0;
    while table(folder.path()).is_none() {
        assert!(waited < 300, "no table was written");
        tokio::time::sleep(Duration::from_millis(100)).await;
        waited += 1;
    }
    drop(log);
    let path = table(folder.path()).unwrap();
    let mut bytes = std::fs::read(&path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle..middle + 8].iter_mut().for_each(|byte| *byte ^= 0x5a);
    std::fs::write(&path, bytes).unwrap();
    let log = EmbeddedLog::open(folder.path(), clock()).unwrap();
    let error = log.read_all("t", &mut |_| {}).await.unwrap_err();
    assert!(matches!(&error, LogError::Corrupt(m) if m.contains("t/")), "{error}");
}

async fn the_unaware_commit_nothing_they_lost(log: &dyn EventLog) {
    log.ensure_topics(&[topic(Retention::Hours(1))]).await.unwrap();
    log.append("t", records(40)).await.unwrap();
    let mut first = log.subscribe("g", &["t"]).await.unwrap();
    let done = read(first.as_mut(), 40).await;
    // The second takes one partition; the first has not asked since.
    let second = log.subscribe("g", &["t"]).await.unwrap();
    first.commit(&done).await.unwrap();
    let committed = log.committed("g", "t").await.unwrap();
    assert_eq!(committed.iter().flatten().count(), 1, "only what is still its own: {committed:?}");
    // Back again, but in a new tenure that the first has not heard of either.
    drop(second);
    first.commit(&done).await.unwrap();
    assert_eq!(log.committed("g", "t").await.unwrap(), committed);
}

#[tokio::test]
async fn a_member_that_has_not_heard_of_its_loss_commits_nothing_it_lost() {
    the_unaware_commit_nothing_they_lost(&MemoryLog::new()).await;
    let folder = tempfile::tempdir().unwrap();
    the_unaware_commit_nothing_they_lost(&EmbeddedLog::open(folder.path(), clock()).unwrap()).await;
}
