//! Faults of a real cluster: a killed reader, a killed broker, a reader slower than Kafka's patience.
//!
//! `STREIFE_TEST_KAFKA=127.0.0.1:19092 STREIFE_TEST_KAFKA_FOLDER=FOLDER cargo test -p streife-log --test kafka_faults
//! -- --ignored --nocapture --test-threads=1`, with the broker that `tests/servers/kafka.sh start 19092 FOLDER` runs.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::print_stdout, reason = "a test tells what it measured or skipped")]

use std::collections::{BTreeMap, BTreeSet};
use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use streife_log::{
    Delivery, EventLog, KafkaConfig, KafkaLog, LogError, Message, Record, Retention, Topic, TopicPartition,
};

const PARTITIONS: u32 = 6;
const PATIENCE: Duration = Duration::from_secs(90);
/// In the child: topic to read.
const CHILD_TOPIC: &str = "STREIFE_LOG_CHILD_TOPIC";
const GROUP: &str = "fault-readers";

fn connect(more: &[(&str, &str)]) -> Option<KafkaLog> {
    let Ok(brokers) = std::env::var("STREIFE_TEST_KAFKA") else {
        println!("skipped: no broker is named in STREIFE_TEST_KAFKA");
        return None;
    };
    let fixed =
        [("broker.address.family", "v4"), ("heartbeat.interval.ms", "500"), ("session.timeout.ms", "6000")];
    let config = KafkaConfig {
        brokers: vec![brokers],
        properties: fixed.iter().chain(more).map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect(),
        ..KafkaConfig::default()
    };
    Some(KafkaLog::connect(config).unwrap())
}

async fn new_topic(log: &KafkaLog) -> String {
    let name = format!("fault.{:x}", rand::random::<u64>());
    let topic =
        Topic { name: name.clone(), partitions: PARTITIONS, retention: Retention::Hours(1), replication: 1 };
    log.ensure_topics(&[topic]).await.unwrap();
    name
}

fn batch(numbers: std::ops::Range<u32>) -> Vec<Record> {
    let value = |n: u32| format!("{n} {}", "x".repeat(1_000)).into();
    numbers
        .map(|n| Record { key: format!("k{}", n % 101).into(), value: value(n), headers: vec![] })
        .collect()
}

fn number(message: &Message) -> u32 {
    std::str::from_utf8(&message.record.value).unwrap().split(' ').next().unwrap().parse().unwrap()
}

async fn fill(log: &KafkaLog, topic: &str, count: u32) {
    let started = Instant::now();
    for start in (0..count).step_by(500) {
        log.append(topic, batch(start..start + 500)).await.unwrap();
    }
    let rate = f64::from(count) / started.elapsed().as_secs_f64();
    println!("appended {count} records of 1 KB in batches of 500, one after the other: {rate:.0}/s");
}

fn next_offsets(messages: &[Message]) -> Vec<(TopicPartition, i64)> {
    let mut next = BTreeMap::new();
    for message in messages {
        let id = TopicPartition { topic: message.topic.clone(), partition: message.partition };
        next.insert(id, message.offset + 1);
    }
    next.into_iter().collect()
}

fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Not a test of its own: a member that reads slowly and commits every second delivery only.
#[ignore = "long: the child process of another test"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_member_that_gets_killed() {
    let Ok(topic) = std::env::var(CHILD_TOPIC) else { return };
    let log = connect(&[]).unwrap();
    let mut subscription = log.subscribe(GROUP, &[&topic]).await.unwrap();
    let mut deliveries = 0_u32;
    loop {
        let Delivery::Messages(messages) = subscription.next(200).await.unwrap() else { continue };
        for message in &messages {
            tell(&format!("read {} {}\n", message.partition, message.offset));
        }
        deliveries += 1;
        if deliveries.is_multiple_of(2) {
            subscription.commit(&next_offsets(&messages)).await.unwrap();
            for (id, next) in next_offsets(&messages) {
                tell(&format!("committed {} {next}\n", id.partition));
            }
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

#[ignore = "long: needs a broker, named in STREIFE_TEST_KAFKA"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_killed_in_mid_read_loses_nothing() {
    const COUNT: u32 = 60_000;
    let Some(log) = connect(&[]) else { return };
    let topic = new_topic(&log).await;
    fill(&log, &topic, COUNT).await;

    let mut child = Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_member_that_gets_killed", "--ignored", "--nocapture"])
        .env(CHILD_TOPIC, &topic)
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut child_read: BTreeSet<(i32, i64)> = BTreeSet::new();
    let mut child_committed: BTreeMap<i32, i64> = BTreeMap::new();
    for line in BufReader::new(child.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["read", partition, offset] => {
                child_read.insert((partition.parse().unwrap(), offset.parse().unwrap()));
            }
            ["committed", partition, next] => {
                child_committed.insert(partition.parse().unwrap(), next.parse().unwrap());
            }
            _ => {}
        }
        if child_read.len() == 5_000 {
            child.kill().unwrap();
        }
    }
    child.wait().unwrap();
    assert!(child_read.len() >= 5_000 && child_read.len() < COUNT as usize && !child_committed.is_empty());

    let killed = Instant::now();
    let mut survivor = log.subscribe(GROUP, &[&topic]).await.unwrap();
    let mut seen: BTreeSet<(i32, i64)> = BTreeSet::new();
    let mut first_after = None;
    let total: i64 = log.bounds(&topic).await.unwrap().iter().map(|(_, end)| end).sum();
    assert_eq!(total, i64::from(COUNT), "the idempotent producer wrote each once");
    // The kill may fall between a commit and the word of it, so the brokers know best; never less than was told.
    let committed: Vec<i64> =
        log.committed(GROUP, &topic).await.unwrap().into_iter().map(Option::unwrap_or_default).collect();
    for (partition, told) in &child_committed {
        assert!(committed[usize::try_from(*partition).unwrap()] >= *told, "a commit was lost");
    }
    let expected = total - committed.iter().sum::<i64>();
    while i64::try_from(seen.len()).unwrap() < expected {
        let delivery =
            tokio::time::timeout(PATIENCE, survivor.next(1_000)).await.expect("all records in time");
        let Delivery::Messages(messages) = delivery.unwrap() else { continue };
        first_after.get_or_insert(killed.elapsed());
        seen.extend(messages.iter().map(|m| (m.partition, m.offset)));
        survivor.commit(&next_offsets(&messages)).await.unwrap();
    }
    for (partition, (_, end)) in (0..).zip(log.bounds(&topic).await.unwrap()) {
        let from = committed[usize::try_from(partition).unwrap()];
        let missing = (from..end).find(|offset| !seen.contains(&(partition, *offset)));
        assert_eq!(missing, None, "partition {partition}");
        assert!(
            seen.iter().all(|(p, offset)| *p != partition || *offset >= from),
            "committed records come back"
        );
    }
    println!(
        "killed after {} records; the next member got records after {:.1?}; {} were read twice, none was lost",
        child_read.len(),
        first_after.unwrap(),
        child_read.intersection(&seen).count()
    );
    let ends: Vec<_> = log.bounds(&topic).await.unwrap().iter().map(|(_, end)| Some(*end)).collect();
    assert_eq!(log.committed(GROUP, &topic).await.unwrap(), ends);
}

#[ignore = "long: needs a broker, named in STREIFE_TEST_KAFKA"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_rebalance_under_load_loses_nothing() {
    const COUNT: u32 = 60_000;
    let Some(log) = connect(&[]) else { return };
    let topic = new_topic(&log).await;
    fill(&log, &topic, COUNT).await;
    let read = |pause_ms: u64, limit: usize| {
        let (log, topic) = (log.clone(), topic.clone());
        tokio::spawn(async move {
            let mut subscription = log.subscribe("rebalance", &[&topic]).await.unwrap();
            let (mut numbers, mut changes) = (Vec::new(), 0);
            while numbers.len() < limit {
                match tokio::time::timeout(Duration::from_secs(8), subscription.next(500)).await {
                    Err(_) => break,
                    Ok(Ok(Delivery::Messages(messages))) => {
                        tokio::time::sleep(Duration::from_millis(pause_ms)).await;
                        subscription.commit(&next_offsets(&messages)).await.unwrap();
                        numbers.extend(messages.iter().map(number));
                    }
                    Ok(Ok(_)) => changes += 1,
                    Ok(Err(e)) => panic!("{e}"),
                }
            }
            (numbers, changes)
        })
    };
    // The third leaves early, the second comes late.
    let first = read(60, usize::MAX);
    let third = read(60, 3_000);
    tokio::time::sleep(Duration::from_secs(2)).await;
    let second = read(60, usize::MAX);
    let results = [first.await.unwrap(), second.await.unwrap(), third.await.unwrap()];
    let all: BTreeSet<u32> = results.iter().flat_map(|(numbers, _)| numbers).copied().collect();
    let count: usize = results.iter().map(|(numbers, _)| numbers.len()).sum();
    assert_eq!(all.len(), COUNT as usize);
    println!(
        "three members read {:?} records with {:?} changes of partitions; {} twice",
        results.each_ref().map(|(numbers, _)| numbers.len()),
        results.each_ref().map(|(_, changes)| *changes),
        count - all.len()
    );
}

#[ignore = "long: needs a broker, named in STREIFE_TEST_KAFKA"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_slower_than_kafkas_patience_keeps_its_partitions() {
    const COUNT: u32 = 40_000;
    let Some(log) = connect(&[("max.poll.interval.ms", "7000")]) else { return };
    let topic = new_topic(&log).await;
    fill(&log, &topic, COUNT).await;
    let mut subscription = log.subscribe("slow", &[&topic]).await.unwrap();
    let mut numbers = BTreeSet::new();
    let mut assigned = 0;
    let mut slept = false;
    while numbers.len() < COUNT as usize {
        let delivery =
            tokio::time::timeout(PATIENCE, subscription.next(500)).await.expect("all records in time");
        match delivery.unwrap() {
            Delivery::Assigned(partitions) => assigned += partitions.len(),
            Delivery::Revoked(partitions) => panic!("lost {partitions:?}"),
            Delivery::Messages(messages) => {
                for message in &messages {
                    assert!(numbers.insert(number(message)), "read twice");
                }
                subscription.commit(&next_offsets(&messages)).await.unwrap();
                if !slept {
                    tokio::time::sleep(Duration::from_secs(15)).await;
                    slept = true;
                }
            }
        }
    }
    assert_eq!(assigned, PARTITIONS as usize);
    println!(
        "slept 15 s with max.poll.interval.ms=7000: no partition lost, each of {COUNT} records read once"
    );
}

fn broker(script_arguments: &[&str]) {
    let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/servers/kafka.sh");
    assert!(Command::new(script).args(script_arguments).status().unwrap().success());
}

#[ignore = "long: needs a broker, named in STREIFE_TEST_KAFKA, that lies in STREIFE_TEST_KAFKA_FOLDER"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_killed_in_mid_append_loses_nothing() {
    const COUNT: u32 = 60_000;
    let Ok(folder) = std::env::var("STREIFE_TEST_KAFKA_FOLDER") else {
        println!("skipped: no folder of a broker is named in STREIFE_TEST_KAFKA_FOLDER");
        return;
    };
    let Some(log) = connect(&[]) else { return };
    let port = std::env::var("STREIFE_TEST_KAFKA").unwrap().rsplit(':').next().unwrap().to_owned();
    let topic = new_topic(&log).await;
    let appending = tokio::spawn({
        let (log, topic) = (log.clone(), topic.clone());
        async move {
            let mut acknowledged = BTreeMap::new();
            for start in (0..COUNT).step_by(500) {
                let positions = log.append(&topic, batch(start..start + 500)).await.unwrap();
                acknowledged
                    .extend(positions.into_iter().map(|p| (p.partition, p.offset)).zip(start..start + 500));
            }
            acknowledged
        }
    });
    tokio::time::sleep(Duration::from_millis(700)).await;
    tokio::task::spawn_blocking(move || {
        broker(&["kill", &folder]);
        broker(&["start", &port, &folder]);
    })
    .await
    .unwrap();
    let during = !appending.is_finished();
    let acknowledged = appending.await.unwrap();
    let mut found = BTreeMap::new();
    log.read_all(&topic, &mut |m| {
        found.insert((m.partition, m.offset), number(&m));
    })
    .await
    .unwrap();
    assert_eq!(acknowledged.len(), COUNT as usize);
    for (place, number) in &acknowledged {
        assert_eq!(found.get(place), Some(number), "acknowledged and lost: {place:?}");
    }
    println!("broker killed while appending ({during}): {COUNT} acknowledged, {} found", found.len());
}

/// Reads until `count` records came, committing each delivery.
async fn read(log: &KafkaLog, group: &str, topic: &str, count: usize) -> Result<usize, LogError> {
    let mut subscription = log.subscribe(group, &[topic]).await?;
    let mut found = 0;
    while found < count {
        let delivery = tokio::time::timeout(PATIENCE, subscription.next(500)).await;
        let delivery = delivery.map_err(|_| LogError::Unavailable("nothing came in time".to_owned()))??;
        if let Delivery::Messages(messages) = delivery {
            found += messages.len();
            subscription.commit(&next_offsets(&messages)).await?;
        }
    }
    Ok(found)
}

#[ignore = "long: needs a broker, named in STREIFE_TEST_KAFKA, that lies in STREIFE_TEST_KAFKA_FOLDER"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_broker_that_comes_back_with_a_truncated_log_is_refused() {
    const COUNT: u32 = 5_000;
    let Ok(folder) = std::env::var("STREIFE_TEST_KAFKA_FOLDER") else {
        println!("skipped: no folder of a broker is named in STREIFE_TEST_KAFKA_FOLDER");
        return;
    };
    let Some(log) = connect(&[]) else { return };
    let port = std::env::var("STREIFE_TEST_KAFKA").unwrap().rsplit(':').next().unwrap().to_owned();
    let topic = new_topic(&log).await;
    fill(&log, &topic, COUNT).await;
    assert_eq!(read(&log, "truncated", &topic, COUNT as usize).await.unwrap(), COUNT as usize);
    drop(log);
    let of_topic = topic.clone();
    tokio::task::spawn_blocking(move || {
        broker(&["stop", &folder]);
        for entry in std::fs::read_dir(format!("{folder}/data")).unwrap() {
            let entry = entry.unwrap();
            if entry.file_name().to_string_lossy().starts_with(&format!("{of_topic}-")) {
                for file in std::fs::read_dir(entry.path()).unwrap() {
                    let file = file.unwrap().path();
                    let lost = file
                        .extension()
                        .is_some_and(|e| ["log", "index", "timeindex", "snapshot"].iter().any(|of| e == *of));
                    if lost {
                        std::fs::remove_file(file).unwrap();
                    }
                }
            }
        }
        broker(&["start", &port, &folder]);
    })
    .await
    .unwrap();
    let log = connect(&[]).unwrap();
    fill(&log, &topic, 500).await;
    let error = read(&log, "truncated", &topic, 1).await.unwrap_err();
    assert!(matches!(&error, LogError::Corrupt(why) if why.contains("acknowledged")), "{error}");
    assert_eq!(
        read(&log, "another group", &topic, 500).await.unwrap(),
        500,
        "a new group reads what is there"
    );
    println!("refused: {error}");
}

#[ignore = "long: needs a broker, named in STREIFE_TEST_KAFKA"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_record_of_twelve_megabytes_passes() {
    let Some(log) = connect(&[]) else { return };
    let topic = new_topic(&log).await;
    // Random, so that compression does not make it small.
    let value: Vec<u8> = std::iter::repeat_with(rand::random).take(12_000_000).collect();
    let large = Record { value: value.into(), ..Record::default() };
    log.append(&topic, vec![large.clone(), large]).await.unwrap();
    let mut subscription = log.subscribe("large", &[&topic]).await.unwrap();
    let mut count = 0;
    while count < 2 {
        let delivery = tokio::time::timeout(PATIENCE, subscription.next(10)).await.expect("in time");
        if let Delivery::Messages(messages) = delivery.unwrap() {
            assert!(messages.iter().all(|m| m.record.value.len() == 12_000_000));
            count += messages.len();
        }
    }
}
