//! The log on a Kafka cluster, through librdkafka. No transactions; an idempotent producer with `acks=all`,
//! cooperative-sticky groups, commits by hand after what was read is safe elsewhere.

mod config;
mod convert;
mod error;
mod inbox;
mod poll;
mod producer;
mod reach;
mod read_all;
mod subscription;
mod topics;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use async_trait::async_trait;
use rdkafka::ClientConfig;
use streife_domain::Position;
use tokio::sync::mpsc;

pub use config::{KafkaCompression, KafkaConfig, KafkaSecurity, SaslMechanism};
use error::class_of;
use producer::Producer;
use subscription::KafkaSubscription;
use topics::Inquirer;

use crate::local::{check_size, check_topic, payload_bytes};
use crate::{EventLog, LogError, Message, Record, Subscription, Topic, metrics};

/// Name of the group of clients that never join one; librdkafka wants a name.
const NO_GROUP: &str = "streife-inquirer";

/// Batches of records between the thread that reads a whole topic and its visitor.
const READ_ALL_BATCHES: usize = 2;

/// A Kafka cluster. Clones share one producer.
#[derive(Clone)]
pub struct KafkaLog {
    config: Arc<KafkaConfig>,
    producer: Arc<Producer>,
    /// With the time of its making.
    inquirer: Arc<Mutex<(Arc<Inquirer>, Instant)>>,
}

impl KafkaLog {
    /// Prepares the clients. Does not wait for the brokers: whether they answer shows with the first call.
    ///
    /// # Errors
    /// [`LogError::Refused`] when the configuration cannot be used.
    pub fn connect(config: KafkaConfig) -> Result<Self, LogError> {
        let producer = Producer::new(&config)?;
        let inquirer = (Arc::new(inquirer(&config.reader(NO_GROUP)?)?), Instant::now());
        Ok(Self {
            config: Arc::new(config),
            producer: Arc::new(producer),
            inquirer: Arc::new(Mutex::new(inquirer)),
        })
    }

    async fn ask<T: Send + 'static>(
        &self,
        doing: &str,
        question: impl FnOnce(&Inquirer) -> Result<T, LogError> + Send + 'static,
    ) -> Result<T, LogError> {
        let inquirer = Arc::clone(&self.inquirer.lock().unwrap_or_else(PoisonError::into_inner).0);
        let answer = blocking(doing, move || question(&inquirer)).await;
        if answer.as_ref().is_err_and(LogError::is_transient) {
            self.ask_anew()?;
        }
        answer
    }

    /// The next question goes to a new client: one that has lost all brokers does not find them again ([`reach`]).
    fn ask_anew(&self) -> Result<(), LogError> {
        let mut current = self.inquirer.lock().unwrap_or_else(PoisonError::into_inner);
        if current.1.elapsed() > reach::PATIENCE {
            *current = (Arc::new(inquirer(&self.config.reader(NO_GROUP)?)?), Instant::now());
        }
        Ok(())
    }
}

fn inquirer(config: &ClientConfig) -> Result<Inquirer, LogError> {
    config.create().map_err(|e| class_of("making a client", &e))
}

/// Runs a call of librdkafka that waits for brokers, off the async threads.
async fn blocking<T: Send + 'static>(
    doing: &str,
    call: impl FnOnce() -> Result<T, LogError> + Send + 'static,
) -> Result<T, LogError> {
    let joined = tokio::task::spawn_blocking(call).await;
    joined.map_err(|e| LogError::Unavailable(format!("{doing}: the call was cut off: {e}")))?
}

#[async_trait]
impl EventLog for KafkaLog {
    async fn ensure_topics(&self, topics: &[Topic]) -> Result<(), LogError> {
        topics.iter().try_for_each(check_topic)?;
        let wanted = topics.to_vec();
        let missing = self.ask("asking for topics", move |client| topics::missing(client, &wanted)).await?;
        if missing.is_empty() {
            return Ok(());
        }
        topics::create(&self.config, &missing).await?;
        self.ask("awaiting topics", move |client| topics::await_creation(client, &missing)).await
    }

    async fn append(&self, topic: &str, records: Vec<Record>) -> Result<Vec<Position>, LogError> {
        records.iter().try_for_each(check_size)?;
        let started = Instant::now();
        let positions = self.producer.append(topic, &records).await?;
        metrics::APPEND_SECONDS.observe(started.elapsed().as_secs_f64());
        let bytes: usize = records.iter().map(payload_bytes).sum();
        metrics::APPENDED_RECORDS.with_label_values(&[topic]).inc_by(records.len() as u64);
        metrics::APPENDED_BYTES.with_label_values(&[topic]).inc_by(bytes as u64);
        Ok(positions)
    }

    async fn subscribe(&self, group: &str, topics: &[&str]) -> Result<Box<dyn Subscription>, LogError> {
        let config = Arc::clone(&self.config);
        let group = group.to_owned();
        let topics: Vec<String> = topics.iter().map(|topic| (*topic).to_owned()).collect();
        self.ask("subscribing", move |client| {
            for topic in &topics {
                topics::existing_partitions(client, topic)?;
            }
            let names: Vec<&str> = topics.iter().map(String::as_str).collect();
            let subscription = KafkaSubscription::start(&config, &group, &names)?;
            Ok(Box::new(subscription) as Box<dyn Subscription>)
        })
        .await
    }

    async fn read_all(&self, topic: &str, visit: &mut (dyn FnMut(Message) + Send)) -> Result<(), LogError> {
        let mut config = self.config.reader(NO_GROUP)?;
        config.set("enable.partition.eof", "true");
        let name = topic.to_owned();
        let (batches, mut received) = mpsc::channel(READ_ALL_BATCHES);
        let reading =
            tokio::task::spawn_blocking(move || read_all::read_all(&inquirer(&config)?, &name, &batches));
        while let Some(batch) = received.recv().await {
            batch.into_iter().for_each(&mut *visit);
        }
        reading
            .await
            .map_err(|e| LogError::Unavailable(format!("reading all of {topic} was cut off: {e}")))?
    }

    async fn bounds(&self, topic: &str) -> Result<Vec<(i64, i64)>, LogError> {
        let topic = topic.to_owned();
        self.ask("asking for ends", move |client| topics::bounds(client, &topic)).await
    }

    async fn committed(&self, group: &str, topic: &str) -> Result<Vec<Option<i64>>, LogError> {
        let config = self.config.reader(group)?;
        let topic = topic.to_owned();
        blocking("asking for committed offsets", move || topics::committed(&inquirer(&config)?, &topic)).await
    }
}
