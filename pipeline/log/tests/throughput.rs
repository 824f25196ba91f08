//! How fast the durable log takes and gives records of 1 KB:
//! `cargo test -p streife-log --release --test throughput -- --ignored --nocapture`

#![expect(clippy::print_stdout, reason = "a test tells what it measured or skipped")]

use std::sync::Arc;
use std::time::Instant;

use streife_domain::SystemClock;
use streife_log::{Delivery, EmbeddedLog, EventLog, Record, Retention, Topic};

const BATCH: usize = 500;

fn batch(number: usize) -> Vec<Record> {
    // Not compressible to nothing, as text is not.
    let value = |n: usize| {
        let mut state = (number * BATCH + n) as u64 | 1;
        let mut word = || {
            state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            format!("{:x} ", state >> 33)
        };
        let mut text = String::new();
        while text.len() < 1_000 {
            text.push_str(&word());
        }
        text.truncate(1_000);
        text
    };
    (0..BATCH)
        .map(|n| Record { key: format!("k{n}").into(), value: value(n).into(), headers: vec![] })
        .collect()
}

#[ignore = "long: a measurement"]
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn embedded() {
    for writers in [1_usize, 4] {
        let folder = tempfile::tempdir().unwrap();
        let log = EmbeddedLog::open(folder.path(), Arc::new(SystemClock)).unwrap();
        let topic =
            Topic { name: "t".to_owned(), partitions: 12, retention: Retention::Hours(72), replication: 1 };
        log.ensure_topics(&[topic]).await.unwrap();
        let batches = 200 / writers;
        let work: Vec<Vec<Vec<Record>>> =
            (0..writers).map(|w| (0..batches).map(|n| batch(w * batches + n)).collect()).collect();
        let started = Instant::now();
        let mut tasks = Vec::new();
        for batches in work {
            let log = log.clone();
            tasks.push(tokio::spawn(async move {
                for batch in batches {
                    log.append("t", batch).await.unwrap();
                }
            }));
        }
        for task in tasks {
            task.await.unwrap();
        }
        let total = writers * batches * BATCH;
        let rate = total as f64 / started.elapsed().as_secs_f64();
        println!("{writers} writers, batches of {BATCH}: {rate:.0} records/s durable");

        let mut subscription = log.subscribe("g", &["t"]).await.unwrap();
        let (mut count, started) = (0, Instant::now());
        while count < total {
            if let Delivery::Messages(messages) = subscription.next(BATCH).await.unwrap() {
                count += messages.len();
            }
        }
        println!("  read: {:.0} records/s", total as f64 / started.elapsed().as_secs_f64());
    }
}
