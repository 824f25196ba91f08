//! What was acknowledged survives a kill: a child process appends and commits, reports each acknowledgement, and
//! is killed (SIGKILL) in the middle, ten times on one folder. The parent then opens the folder and compares.

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::print_stdout, reason = "a test tells what it measured or skipped")]

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rand::Rng;
use streife_domain::SystemClock;
use streife_log::{Delivery, EmbeddedLog, EventLog, Record, Retention, Topic, TopicPartition};

const ROUNDS: usize = 10;
const WRITERS: usize = 4;
const TOPIC: &str = "crash";
const GROUP: &str = "readers";
/// Set in the child: the folder of the log.
const FOLDER: &str = "STREIFE_LOG_CRASH_FOLDER";

fn topic() -> Topic {
    Topic { name: TOPIC.to_owned(), partitions: 3, retention: Retention::Hours(1), replication: 1 }
}

fn open(folder: &Path) -> EmbeddedLog {
    EmbeddedLog::open(folder, Arc::new(SystemClock)).unwrap()
}

/// A line to the parent, past the test harness, which would hold it back.
fn tell(line: &str) {
    let mut out = std::io::stdout().lock();
    out.write_all(line.as_bytes()).unwrap();
    out.flush().unwrap();
}

/// Not a test of its own: the child of the test below.
#[ignore = "long: the child process of another test"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn child_that_gets_killed() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let log = open(&PathBuf::from(folder));
    log.ensure_topics(&[topic()]).await.unwrap();
    let run = rand::random::<u64>();
    for writer in 0..WRITERS {
        let log = log.clone();
        tokio::spawn(async move {
            for number in 0_u64.. {
                let batch = rand::rng().random_range(1..40);
                let records: Vec<Record> = (0..batch)
                    .map(|i| Record {
                        key: format!("{writer}-{}", i % 5).into(),
                        value: format!("{run:x}/{writer}/{number}/{i}/{}", "x".repeat(i * 13)).into(),
                        headers: vec![],
                    })
                    .collect();
                let values: Vec<_> = records.iter().map(|record| record.value.clone()).collect();
                let positions = log.append(TOPIC, records).await.unwrap();
                for (position, value) in positions.iter().zip(values) {
                    let value = std::str::from_utf8(&value).unwrap();
                    tell(&format!("have {} {} {value}\n", position.partition, position.offset));
                }
            }
        });
    }
    let mut subscription = log.subscribe(GROUP, &[TOPIC]).await.unwrap();
    loop {
        let Delivery::Messages(messages) = subscription.next(50).await.unwrap() else { continue };
        let mut next: BTreeMap<i32, i64> = BTreeMap::new();
        messages.iter().for_each(|message| {
            next.insert(message.partition, message.offset + 1);
        });
        let offsets: Vec<_> = next
            .iter()
            .map(|(partition, next)| {
                (TopicPartition { topic: TOPIC.to_owned(), partition: *partition }, *next)
            })
            .collect();
        subscription.commit(&offsets).await.unwrap();
        for (partition, next) in next {
            tell(&format!("committed {partition} {next}\n"));
        }
    }
}

fn start_child(folder: &Path) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["--exact", "child_that_gets_killed", "--ignored", "--nocapture"])
        .env(FOLDER, folder)
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

#[derive(Default)]
struct Acknowledged {
    records: BTreeMap<(i32, i64), String>,
    committed: BTreeMap<i32, i64>,
}

impl Acknowledged {
    /// A torn last line tells nothing.
    fn note(&mut self, line: &str) {
        let Some(line) = line.strip_suffix('\n') else { return };
        let words: Vec<&str> = line.split(' ').collect();
        match words[..] {
            ["have", partition, offset, value] => {
                let place = (partition.parse().unwrap(), offset.parse().unwrap());
                assert_eq!(self.records.insert(place, value.to_owned()), None, "an offset given twice");
            }
            ["committed", partition, next] => {
                let (partition, next) = (partition.parse().unwrap(), next.parse().unwrap());
                let before = self.committed.insert(partition, next);
                assert!(before.is_none_or(|before| before <= next), "a commit went back");
            }
            _ => {}
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn everything_acknowledged_survives_kills() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = Acknowledged::default();
    let mut kills_in_work = 0;
    for _ in 0..ROUNDS {
        let before = acknowledged.records.len();
        let mut child = start_child(folder.path());
        let mut lines = BufReader::new(child.stdout.take().unwrap());
        let mut deadline = None;
        let mut line = String::new();
        while lines.read_line(&mut line).unwrap() > 0 {
            acknowledged.note(&line);
            line.clear();
            // The clock starts when it works, however slow the machine is.
            if deadline.is_none() && acknowledged.records.len() > before {
                deadline = Some(Instant::now() + Duration::from_millis(rand::rng().random_range(5..250)));
            }
            if deadline.is_some_and(|deadline| Instant::now() > deadline) {
                child.kill().unwrap();
                deadline = Some(Instant::now() + Duration::from_secs(3_600));
            }
        }
        child.wait().unwrap();
        kills_in_work += usize::from(acknowledged.records.len() > before);
        compare(folder.path(), &acknowledged).await;
    }
    assert_eq!(kills_in_work, ROUNDS, "a kill that hits nothing proves nothing");
    println!("{ROUNDS} kills, {} acknowledged records", acknowledged.records.len());
}

async fn compare(folder: &Path, acknowledged: &Acknowledged) {
    let log = open(folder);
    let mut found: BTreeMap<(i32, i64), String> = BTreeMap::new();
    let mut next: BTreeMap<i32, i64> = BTreeMap::new();
    let mut last_of_writer: BTreeMap<(String, String, String), (u64, u64)> = BTreeMap::new();
    log.read_all(TOPIC, &mut |message| {
        let expected = next.entry(message.partition).or_default();
        assert_eq!(message.offset, *expected, "a gap");
        *expected += 1;
        let value = String::from_utf8(message.record.value.to_vec()).unwrap();
        let key = String::from_utf8(message.record.key.to_vec()).unwrap();
        let parts: Vec<&str> = value.split('/').collect();
        let order = (parts[2].parse().unwrap(), parts[3].parse().unwrap());
        let writer = (parts[0].to_owned(), parts[1].to_owned(), key);
        let before = last_of_writer.insert(writer, order);
        assert!(before.is_none_or(|before| before < order), "out of order");
        found.insert((message.partition, message.offset), value);
    })
    .await
    .unwrap();
    for (place, value) in &acknowledged.records {
        assert_eq!(found.get(place), Some(value), "acknowledged and lost: {place:?}");
    }
    let committed = log.committed(GROUP, TOPIC).await.unwrap();
    for (partition, next) in &acknowledged.committed {
        let stands = committed[usize::try_from(*partition).unwrap()].unwrap();
        assert!(stands >= *next, "a commit was lost: {stands} < {next}");
    }
}
