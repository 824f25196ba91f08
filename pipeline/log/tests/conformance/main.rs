//! One suite for every implementation of the log: what one promises, all keep.
//!
//! Apache Kafka and Tansu take part where a broker is named:
//! `STREIFE_TEST_KAFKA=127.0.0.1:19092 cargo test -p streife-log --test conformance -- --ignored kafka_server`
//! (`tests/servers/kafka.sh start 19092 FOLDER` runs one).

mod suite;

use std::sync::Arc;

use rdkafka::mocking::MockCluster;
use streife_domain::SystemClock;
use streife_log::{EmbeddedLog, EventLog, KafkaConfig, KafkaLog, MemoryLog};
use suite::Bench;

fn memory() -> Bench {
    Bench::new(Arc::new(MemoryLog::with_clock(Arc::new(SystemClock))))
}

fn embedded() -> Bench {
    let folder = tempfile::tempdir().unwrap();
    let log = EmbeddedLog::open(folder.path(), Arc::new(SystemClock)).unwrap();
    Bench::new(Arc::new(log)).keeping(folder)
}

fn mock() -> Bench {
    let cluster = MockCluster::new(1).unwrap();
    let log = KafkaLog::connect(config(&cluster.bootstrap_servers())).unwrap();
    // The mock has no admin calls: topics come from the cluster itself.
    let create = move |topic: &streife_log::Topic| {
        cluster.create_topic(&topic.name, i32::try_from(topic.partitions).unwrap(), 1).unwrap();
    };
    Bench::new(Arc::new(log)).creating_topics_by(create)
}

fn config(brokers: &str) -> KafkaConfig {
    KafkaConfig {
        brokers: brokers.split(',').map(str::to_owned).collect(),
        properties: [("broker.address.family", "v4"), ("heartbeat.interval.ms", "300")]
            .map(|(key, value)| (key.to_owned(), value.to_owned()))
            .into(),
        ..KafkaConfig::default()
    }
}

fn server() -> Option<Bench> {
    let Ok(brokers) = std::env::var("STREIFE_TEST_KAFKA") else {
        println!("skipped: no broker is named in STREIFE_TEST_KAFKA");
        return None;
    };
    let log: Arc<dyn EventLog> = Arc::new(KafkaLog::connect(config(&brokers)).unwrap());
    Some(Bench::new(log))
}

/// For each promise a test on each implementation.
macro_rules! promises {
    ($($name:ident),* $(,)?) => {
        mod memory_log { $(#[tokio::test] async fn $name() { crate::suite::$name(&crate::memory()).await; })* }
        mod embedded_log {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { crate::suite::$name(&crate::embedded()).await; })*
        }
        mod kafka_mock {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() { crate::suite::$name(&crate::mock()).await; })*
        }
        mod kafka_server {
            $(#[ignore = "long: needs a broker, named in STREIFE_TEST_KAFKA"]
            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $name() {
                if let Some(bench) = crate::server() { crate::suite::$name(&bench).await; }
            })*
        }
    };
}

promises!(
    records_of_one_key_keep_their_order,
    a_record_comes_back_whole,
    the_partition_follows_from_the_key,
    what_was_committed_is_not_read_again_and_the_rest_is,
    two_members_share_and_the_survivor_takes_over,
    a_revoked_partition_cannot_be_committed,
    a_pause_stops_records_and_keeps_the_membership,
    two_groups_read_independently,
    read_all_ends_at_the_present_end,
    bounds_and_commits_are_told,
    what_cannot_succeed_is_refused,
);

mod compaction {
    #[tokio::test]
    async fn memory_log() {
        crate::suite::a_compacted_topic_keeps_the_newest_of_each_key(&crate::memory()).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn embedded_log() {
        crate::suite::a_compacted_topic_keeps_the_newest_of_each_key(&crate::embedded()).await;
    }

    #[ignore = "long: needs a broker, named in STREIFE_TEST_KAFKA"]
    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn kafka_server() {
        if let Some(bench) = crate::server() {
            crate::suite::a_compacted_topic_keeps_the_newest_of_each_key(&bench).await;
        }
    }
}
