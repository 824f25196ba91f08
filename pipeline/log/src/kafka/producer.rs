//! Appending: many records in flight, in order, each acknowledged by all in-sync replicas.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::future_producer::{DeliveryFuture, OwnedDeliveryResult};
use rdkafka::producer::{FutureProducer, FutureRecord};
use streife_domain::Position;

use super::config::KafkaConfig;
use super::error::{class_of, ends_producer};
use crate::{LogError, Record};

/// Between two tries when the local queue is full and nothing of ours is in it.
const QUEUE_FULL_PAUSE: Duration = Duration::from_millis(10);

pub(super) struct Producer {
    config: KafkaConfig,
    /// Made anew after a fatal error, since an idempotent producer cannot go on then.
    current: Mutex<Arc<FutureProducer>>,
}

impl Producer {
    pub(super) fn new(config: &KafkaConfig) -> Result<Self, LogError> {
        Ok(Self { config: config.clone(), current: Mutex::new(Arc::new(make(config)?)) })
    }

    fn current(&self) -> Arc<FutureProducer> {
        Arc::clone(&self.current.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn replace(&self, failed: &Arc<FutureProducer>) -> Result<(), LogError> {
        let mut current = self.current.lock().unwrap_or_else(PoisonError::into_inner);
        // Another caller may have been faster.
        if Arc::ptr_eq(&current, failed) {
            *current = Arc::new(make(&self.config)?);
        }
        Ok(())
    }

    /// When it fails some of the records may be in the log all the same.
    pub(super) async fn append(&self, topic: &str, records: &[Record]) -> Result<Vec<Position>, LogError> {
        let producer = self.current();
        let mut in_flight: VecDeque<DeliveryFuture> = VecDeque::new();
        let mut positions = Vec::with_capacity(records.len());
        let mut failure = None;
        'records: for record in records {
            let mut outgoing = outgoing(topic, record);
            loop {
                match producer.send_result(outgoing) {
                    Ok(delivery) => {
                        in_flight.push_back(delivery);
                        continue 'records;
                    }
                    Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                        outgoing = back;
                        match in_flight.pop_front() {
                            Some(oldest) => delivered(oldest.await.ok(), &mut positions, &mut failure),
                            None => tokio::time::sleep(QUEUE_FULL_PAUSE).await,
                        }
                    }
                    Err((e, _)) => {
                        failure = Some(e);
                        break 'records;
                    }
                }
            }
        }
        // Every report is awaited, also after a failure, so that a retry does not overtake what is in flight.
        for delivery in in_flight {
            delivered(delivery.await.ok(), &mut positions, &mut failure);
        }
        let Some(error) = failure else { return Ok(positions) };
        if ends_producer(&error) {
            tracing::error!(error = %error, topic, "the producer failed for good or did not deliver in time, and is made anew");
            self.replace(&producer)?;
        }
        Err(class_of(&format!("appending to {topic}"), &error))
    }
}

fn make(config: &KafkaConfig) -> Result<FutureProducer, LogError> {
    config.producer()?.create().map_err(|e| class_of("making a producer", &e))
}

/// The key is always there, if only empty, so that the partition follows from it; an empty value is none, which
/// is how Kafka deletes a key.
fn outgoing<'a>(topic: &'a str, record: &'a Record) -> FutureRecord<'a, [u8], [u8]> {
    let mut outgoing = FutureRecord::to(topic).key(&record.key[..]);
    if !record.value.is_empty() {
        outgoing = outgoing.payload(&record.value[..]);
    }
    if record.headers.is_empty() {
        return outgoing;
    }
    let mut headers = OwnedHeaders::new_with_capacity(record.headers.len());
    for (key, value) in &record.headers {
        headers = headers.insert(Header { key, value: Some(&value[..]) });
    }
    outgoing.headers(headers)
}

/// Keeps the first failure.
fn delivered(
    report: Option<OwnedDeliveryResult>,
    positions: &mut Vec<Position>,
    failure: &mut Option<KafkaError>,
) {
    match report {
        Some(Ok(delivery)) => {
            positions.push(Position { partition: delivery.partition, offset: delivery.offset });
        }
        Some(Err((e, _))) => {
            failure.get_or_insert(e);
        }
        None => {
            failure.get_or_insert(KafkaError::Canceled);
        }
    }
}
