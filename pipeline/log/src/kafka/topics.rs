//! Topics: creating them, their partitions, their first and end offsets, committed offsets. All blocking, but
//! for [`create`].

use std::time::{Duration, Instant};

use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::RDKafkaErrorCode as Code;
use rdkafka::{Offset, TopicPartitionList};

use super::config::{BATCH_OVERHEAD_BYTES, KafkaConfig};
use super::error::{class_of, class_of_code};
use crate::{LogError, MAX_RECORD_BYTES, Retention, Topic};

/// Longest wait for one answer of the brokers.
pub(super) const REQUEST: Duration = Duration::from_secs(20);
/// Longest wait until a new topic is known to all brokers.
const CREATION: Duration = Duration::from_secs(30);
const CREATION_PAUSE: Duration = Duration::from_millis(100);

const MS_PER_HOUR: i64 = 3_600_000;

/// A client that only asks questions.
pub(super) type Inquirer = BaseConsumer;

/// Number of partitions; `None` when there is no such topic.
pub(super) fn partitions(client: &Inquirer, topic: &str) -> Result<Option<i32>, LogError> {
    let doing = format!("asking for topic {topic}");
    let metadata = client.fetch_metadata(Some(topic), REQUEST).map_err(|e| class_of(&doing, &e))?;
    let Some(found) = metadata.topics().iter().find(|found| found.name() == topic) else { return Ok(None) };
    match found.error().map(Code::from) {
        Some(Code::UnknownTopicOrPartition | Code::UnknownTopic) => return Ok(None),
        Some(code) if code != Code::LeaderNotAvailable => {
            return Err(class_of_code(format!("{doing}: {code}"), Some(code)));
        }
        _ => {}
    }
    // Between creation and election a topic has partitions without a leader; it is not there yet.
    let led = found.partitions().iter().all(|partition| partition.leader() >= 0);
    let count = i32::try_from(found.partitions().len()).unwrap_or(i32::MAX);
    Ok((count > 0 && led).then_some(count))
}

pub(super) fn existing_partitions(client: &Inquirer, topic: &str) -> Result<i32, LogError> {
    partitions(client, topic)?
        .ok_or_else(|| LogError::Refused(format!("topic {topic} does not exist; create it first")))
}

/// Creates topics, with settings from our list; one that exists already is no error.
pub(super) async fn create(config: &KafkaConfig, topics: &[Topic]) -> Result<(), LogError> {
    let admin: AdminClient<DefaultClientContext> =
        config.client()?.create().map_err(|e| class_of("creating topics", &e))?;
    let max_bytes = (MAX_RECORD_BYTES + BATCH_OVERHEAD_BYTES).to_string();
    let retentions: Vec<String> = topics.iter().map(retention_ms).collect();
    let new: Vec<NewTopic<'_>> = topics
        .iter()
        .zip(&retentions)
        .map(|(topic, retention)| {
            let partitions = i32::try_from(topic.partitions).unwrap_or(i32::MAX);
            let new =
                NewTopic::new(&topic.name, partitions, TopicReplication::Fixed(i32::from(topic.replication)))
                    .set("max.message.bytes", &max_bytes);
            match topic.retention {
                Retention::Hours(_) => new.set("cleanup.policy", "delete").set("retention.ms", retention),
                Retention::Compact => new.set("cleanup.policy", "compact"),
            }
        })
        .collect();
    let options = AdminOptions::new().operation_timeout(Some(REQUEST)).request_timeout(Some(REQUEST));
    let created = admin.create_topics(&new, &options).await.map_err(|e| class_of("creating topics", &e))?;
    for result in created {
        match result {
            Ok(_) | Err((_, Code::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                return Err(class_of_code(format!("creating topic {name}: {code}"), Some(code)));
            }
        }
    }
    Ok(())
}

fn retention_ms(topic: &Topic) -> String {
    match topic.retention {
        Retention::Hours(hours) => (i64::from(hours) * MS_PER_HOUR).to_string(),
        Retention::Compact => "-1".to_owned(),
    }
}

/// Which of `topics` do not exist; one with another number of partitions is reported and left as it is.
pub(super) fn missing(client: &Inquirer, topics: &[Topic]) -> Result<Vec<Topic>, LogError> {
    let mut missing = Vec::new();
    for topic in topics {
        match partitions(client, &topic.name)? {
            None => missing.push(topic.clone()),
            Some(count) if u32::try_from(count) != Ok(topic.partitions) => tracing::warn!(
                topic = topic.name,
                found = count,
                wanted = topic.partitions,
                "topic has another number of partitions; it is used as it is"
            ),
            Some(_) => {}
        }
    }
    Ok(missing)
}

/// Waits until all of `topics` can be used.
pub(super) fn await_creation(client: &Inquirer, topics: &[Topic]) -> Result<(), LogError> {
    let started = Instant::now();
    for topic in topics {
        while partitions(client, &topic.name)?.is_none() {
            if started.elapsed() > CREATION {
                return Err(LogError::Unavailable(format!(
                    "topic {} was created but has no leader yet",
                    topic.name
                )));
            }
            std::thread::sleep(CREATION_PAUSE);
        }
    }
    Ok(())
}

pub(super) fn bounds(client: &Inquirer, topic: &str) -> Result<Vec<(i64, i64)>, LogError> {
    let count = existing_partitions(client, topic)?;
    let bounds = |partition| client.fetch_watermarks(topic, partition, REQUEST);
    (0..count)
        .map(bounds)
        .collect::<Result<_, _>>()
        .map_err(|e| class_of(&format!("asking for {topic}'s ends"), &e))
}

/// `client` must bear the group's name.
pub(super) fn committed(client: &Inquirer, topic: &str) -> Result<Vec<Option<i64>>, LogError> {
    let mut wanted = TopicPartitionList::new();
    for partition in 0..existing_partitions(client, topic)? {
        wanted.add_partition(topic, partition);
    }
    let found = client
        .committed_offsets(wanted, REQUEST)
        .map_err(|e| class_of(&format!("asking for committed offsets of {topic}"), &e))?;
    let mut elements = found.elements();
    elements.sort_by_key(rdkafka::topic_partition_list::TopicPartitionListElem::partition);
    Ok(elements
        .iter()
        .map(|element| match element.offset() {
            Offset::Offset(next) => Some(next),
            _ => None,
        })
        .collect())
}
