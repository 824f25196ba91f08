//! One suite for every implementation of the log: what one promises, all keep.
//!
//! Apache Kafka and Tansu take part where a broker is named in `STREIFE_TEST_KAFKA` or `STREIFE_TEST_TANSU`:
//! `STREIFE_TEST_KAFKA=127.0.0.1:19092 cargo test -p streife-log --test conformance -- --ignored kafka_server`
//! (`tests/servers/kafka.sh start 19092 FOLDER` runs one; `tests/servers/tansu.sh` likewise).

#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]
#![expect(clippy::print_stdout, reason = "a test tells what it measured or skipped")]

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

/// The broker that this variable of the environment names.
fn server(variable: &str) -> Option<Bench> {
    let Ok(brokers) = std::env::var(variable) else {
        println!("skipped: no broker is named in {variable}");
        return None;
    };
    let log: Arc<dyn EventLog> = Arc::new(KafkaLog::connect(config(&brokers)).unwrap());
    Some(Bench::new(log))
}

/// For each promise a test on each implementation. Tansu reports wrong end offsets, so what rests on those is
/// not asked of it.
macro_rules! promises {
    (everywhere: $($name:ident),*; not_on_tansu: $($ends:ident),*;) => {
        mod memory_log { $(#[tokio::test] async fn $name() { crate::suite::$name(&crate::memory()).await; })*
            $(#[tokio::test] async fn $ends() { crate::suite::$ends(&crate::memory()).await; })* }
        mod embedded_log {
            promises!(@threads embedded; $($name)* $($ends)*);
        }
        mod kafka_mock {
            promises!(@threads mock; $($name)* $($ends)*);
        }
        mod kafka_server {
            promises!(@server "STREIFE_TEST_KAFKA"; $($name)* $($ends)* a_compacted_topic_keeps_the_newest_of_each_key);
        }
        mod tansu_server {
            promises!(@server "STREIFE_TEST_TANSU"; $($name)*);
        }
    };
    (@threads $bench:ident; $($name:ident)*) => {
        $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() { crate::suite::$name(&crate::$bench()).await; })*
    };
    (@server $variable:literal; $($name:ident)*) => {
        $(#[ignore = "long: needs a broker, named in the environment"]
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            if let Some(bench) = crate::server($variable) { crate::suite::$name(&bench).await; }
        })*
    };
}

promises!(
    everywhere:
    records_of_one_key_keep_their_order,
    a_record_comes_back_whole,
    the_partition_follows_from_the_key,
    what_was_committed_is_not_read_again_and_the_rest_is,
    two_members_share_and_the_survivor_takes_over,
    a_revoked_partition_cannot_be_committed,
    a_pause_stops_records_and_keeps_the_membership,
    two_groups_read_independently,
    what_cannot_succeed_is_refused;
    not_on_tansu:
    read_all_ends_at_the_present_end,
    bounds_and_commits_are_told;
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
}
