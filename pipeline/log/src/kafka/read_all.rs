//! Reading a whole topic up to where it ends at the start of the reading.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::message::Message as _;
use rdkafka::{Offset, TopicPartitionList};
use tokio::sync::mpsc;

use super::error::class_of;
use super::{convert, topics};
use crate::limits::READ_ALL_RECORDS;
use crate::{LogError, Message};

const POLL: Duration = Duration::from_millis(200);
/// Without any record for so long the brokers are taken for out of reach.
const SILENCE: Duration = Duration::from_secs(60);

/// Sends batches of records until the end. `client` must report ends of partitions. Blocking; ends early when
/// nobody receives any more.
pub(super) fn read_all(
    client: &BaseConsumer,
    topic: &str,
    batches: &mpsc::Sender<Vec<Message>>,
) -> Result<(), LogError> {
    let doing = || format!("reading all of {topic}");
    let failed = |e: &KafkaError| class_of(&doing(), e);
    let mut open: BTreeMap<i32, i64> = BTreeMap::new();
    let mut assignment = TopicPartitionList::new();
    for (partition, (first, end)) in (0..).zip(topics::bounds(client, topic)?) {
        if first < end {
            open.insert(partition, end);
            assignment
                .add_partition_offset(topic, partition, Offset::Offset(first))
                .map_err(|e| failed(&e))?;
        }
    }
    client.assign(&assignment).map_err(|e| failed(&e))?;

    let mut batch = Vec::new();
    let mut last_news = Instant::now();
    while !open.is_empty() {
        match client.poll(POLL) {
            None if last_news.elapsed() > SILENCE => {
                return Err(LogError::Unavailable(format!(
                    "{}: no answer for {} s",
                    doing(),
                    SILENCE.as_secs()
                )));
            }
            None => {}
            // The last offsets may be gone through compaction; then only this tells the end.
            Some(Err(KafkaError::PartitionEOF(partition))) => {
                open.remove(&partition);
            }
            Some(Err(e)) => return Err(failed(&e)),
            Some(Ok(message)) => {
                last_news = Instant::now();
                let Some(end) = open.get(&message.partition()).copied() else { continue };
                if message.offset() < end {
                    batch.push(convert::message(&message));
                }
                if message.offset() + 1 >= end {
                    open.remove(&message.partition());
                }
            }
        }
        if batch.len() >= READ_ALL_RECORDS && batches.blocking_send(std::mem::take(&mut batch)).is_err() {
            return Ok(());
        }
    }
    // Nobody left to receive is no failure.
    drop(batches.blocking_send(batch));
    Ok(())
}
