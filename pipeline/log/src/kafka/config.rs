//! How to reach a Kafka cluster, and what Streife sets for its clients.

use std::collections::BTreeMap;
use std::fmt;
use std::path::{Path, PathBuf};

use rdkafka::ClientConfig;
use serde::Deserialize;

use crate::{LogError, MAX_RECORD_BYTES};

/// Room for Kafka's own bytes around a record.
pub(super) const BATCH_OVERHEAD_BYTES: usize = 1024 * 1024;
/// Records and KiB waiting in the producer; a full queue makes `append` wait.
const PRODUCER_QUEUE_RECORDS: usize = 100_000;
const PRODUCER_QUEUE_KIB: usize = 64 * 1024;
/// KiB fetched ahead inside librdkafka.
const FETCH_AHEAD_KIB: usize = 16 * 1024;
/// Asked of a partition in one fetch; larger records are fetched all the same.
const FETCH_BYTES: usize = 4 * 1024 * 1024;
/// How long the producer waits for more records before it sends, milliseconds.
const LINGER_MS: u32 = 5;
/// After so long without an acknowledgement `append` fails, milliseconds.
const DELIVERY_TIMEOUT_MS: u32 = 120_000;
/// A member that is silent for so long is taken for dead, milliseconds.
const SESSION_TIMEOUT_MS: u32 = 15_000;
/// How often lag is reported, milliseconds.
const STATISTICS_MS: u32 = 5_000;

/// Properties that the guarantees of this crate rest on; `properties` may not change them.
const OURS: [&str; 12] = [
    "acks",
    "auto.offset.reset",
    "bootstrap.servers",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "partition.assignment.strategy",
    "partitioner",
    "request.required.acks",
    "statistics.interval.ms",
];

/// How the connection is protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KafkaSecurity {
    /// Neither encrypted nor authenticated: a broker on this machine.
    #[default]
    Plaintext,
    /// TLS; with `certificate_file` and `key_file` the client proves who it is.
    Ssl,
    /// User and password without encryption.
    SaslPlaintext,
    /// User and password inside TLS.
    SaslSsl,
}

/// How user and password are proved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum SaslMechanism {
    /// The password itself is sent.
    #[serde(rename = "PLAIN")]
    Plain,
    /// Salted challenge and response.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// Salted challenge and response.
    #[default]
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
}

/// How records are compressed on the wire and on the brokers' disks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum KafkaCompression {
    /// Fast.
    #[default]
    Lz4,
    /// Smaller.
    Zstd,
}

/// A Kafka cluster and how to reach it. Secrets are never in here, only the files that hold them.
#[derive(Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct KafkaConfig {
    /// `host:port` of some brokers; the others are found through them.
    pub brokers: Vec<String>,
    /// Name of this client in the brokers' logs and quotas.
    pub client_id: String,
    /// How the connection is protected.
    pub security: KafkaSecurity,
    /// How user and password are proved (`sasl_*`).
    pub mechanism: SaslMechanism,
    /// User (`sasl_*`).
    pub username: Option<String>,
    /// File with the user's password (`sasl_*`).
    pub password_file: Option<PathBuf>,
    /// File with the authority's certificates in PEM; else the system's.
    pub ca_file: Option<PathBuf>,
    /// File with this client's certificate in PEM.
    pub certificate_file: Option<PathBuf>,
    /// File with this client's key in PEM.
    pub key_file: Option<PathBuf>,
    /// File with the password of `key_file`.
    pub key_password_file: Option<PathBuf>,
    /// How records are compressed.
    pub compression: KafkaCompression,
    /// Further properties of librdkafka, for what is not covered here. Not for secrets.
    pub properties: BTreeMap<String, String>,
}

impl Default for KafkaConfig {
    fn default() -> Self {
        Self {
            brokers: vec!["127.0.0.1:9092".to_owned()],
            client_id: "streife".to_owned(),
            security: KafkaSecurity::default(),
            mechanism: SaslMechanism::default(),
            username: None,
            password_file: None,
            ca_file: None,
            certificate_file: None,
            key_file: None,
            key_password_file: None,
            compression: KafkaCompression::default(),
            properties: BTreeMap::new(),
        }
    }
}

impl fmt::Debug for KafkaConfig {
    /// Values of `properties` stay out: someone will put a secret there.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KafkaConfig")
            .field("brokers", &self.brokers)
            .field("client_id", &self.client_id)
            .field("security", &self.security)
            .field("properties", &self.properties.keys())
            .finish_non_exhaustive()
    }
}

impl KafkaConfig {
    /// What all clients share. Reads the secrets.
    pub(super) fn client(&self) -> Result<ClientConfig, LogError> {
        if self.brokers.is_empty() {
            return Err(LogError::Refused("Kafka: no brokers are configured".to_owned()));
        }
        if let Some(ours) = self.properties.keys().find(|key| OURS.contains(&key.as_str())) {
            return Err(LogError::Refused(format!(
                "Kafka: property {ours} cannot be set; delivery without loss rests on its value"
            )));
        }
        let mut client = ClientConfig::new();
        client.set("bootstrap.servers", self.brokers.join(",")).set("client.id", &self.client_id);
        self.set_security(&mut client)?;
        for (key, value) in &self.properties {
            client.set(key, value);
        }
        Ok(client)
    }

    fn set_security(&self, client: &mut ClientConfig) -> Result<(), LogError> {
        let (protocol, tls, sasl) = match self.security {
            KafkaSecurity::Plaintext => ("plaintext", false, false),
            KafkaSecurity::Ssl => ("ssl", true, false),
            KafkaSecurity::SaslPlaintext => ("sasl_plaintext", false, true),
            KafkaSecurity::SaslSsl => ("sasl_ssl", true, true),
        };
        client.set("security.protocol", protocol);
        if sasl {
            let (Some(username), Some(password_file)) = (&self.username, &self.password_file) else {
                return Err(LogError::Refused(format!("Kafka: {protocol} needs username and password_file")));
            };
            let mechanism = match self.mechanism {
                SaslMechanism::Plain => "PLAIN",
                SaslMechanism::ScramSha256 => "SCRAM-SHA-256",
                SaslMechanism::ScramSha512 => "SCRAM-SHA-512",
            };
            client.set("sasl.mechanism", mechanism).set("sasl.username", username);
            client.set("sasl.password", read_secret(password_file)?);
        }
        if tls {
            let files = [
                ("ssl.ca.location", &self.ca_file),
                ("ssl.certificate.location", &self.certificate_file),
                ("ssl.key.location", &self.key_file),
            ];
            for (property, file) in files {
                if let Some(file) = file {
                    client.set(property, file.display().to_string());
                }
            }
            if let Some(file) = &self.key_password_file {
                client.set("ssl.key.password", read_secret(file)?);
            }
        }
        Ok(())
    }

    pub(super) fn producer(&self) -> Result<ClientConfig, LogError> {
        let compression = match self.compression {
            KafkaCompression::Lz4 => "lz4",
            KafkaCompression::Zstd => "zstd",
        };
        let mut producer = self.client()?;
        producer.set("acks", "all").set("enable.idempotence", "true").set("partitioner", "murmur2_random");
        set_unless_given(&mut producer, "compression.type", compression);
        set_unless_given(&mut producer, "linger.ms", LINGER_MS.to_string());
        set_unless_given(&mut producer, "message.timeout.ms", DELIVERY_TIMEOUT_MS.to_string());
        set_unless_given(
            &mut producer,
            "message.max.bytes",
            (MAX_RECORD_BYTES + BATCH_OVERHEAD_BYTES).to_string(),
        );
        set_unless_given(&mut producer, "queue.buffering.max.messages", PRODUCER_QUEUE_RECORDS.to_string());
        set_unless_given(&mut producer, "queue.buffering.max.kbytes", PRODUCER_QUEUE_KIB.to_string());
        Ok(producer)
    }

    /// A consumer that is told explicitly what to read.
    pub(super) fn reader(&self, group: &str) -> Result<ClientConfig, LogError> {
        let mut reader = self.client()?;
        reader
            .set("group.id", group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "earliest");
        set_unless_given(&mut reader, "queued.max.messages.kbytes", FETCH_AHEAD_KIB.to_string());
        set_unless_given(&mut reader, "fetch.message.max.bytes", FETCH_BYTES.to_string());
        Ok(reader)
    }

    /// A consumer that shares its topics with the other members of `group`.
    pub(super) fn member(&self, group: &str) -> Result<ClientConfig, LogError> {
        let mut member = self.reader(group)?;
        member
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("statistics.interval.ms", STATISTICS_MS.to_string());
        set_unless_given(&mut member, "session.timeout.ms", SESSION_TIMEOUT_MS.to_string());
        Ok(member)
    }
}

fn set_unless_given(config: &mut ClientConfig, key: &str, value: impl Into<String>) {
    if config.get(key).is_none() {
        config.set(key, value);
    }
}

fn read_secret(file: &Path) -> Result<String, LogError> {
    let secret = std::fs::read_to_string(file).map_err(|e| {
        LogError::Refused(format!("Kafka: the secret in {} cannot be read: {e}", file.display()))
    })?;
    Ok(secret.trim_end_matches(['\r', '\n']).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn secrets_come_from_files_and_stay_out_of_sight() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("password");
        std::fs::write(&file, "s3cret\n").unwrap();
        let config = KafkaConfig {
            security: KafkaSecurity::SaslSsl,
            username: Some("streife".to_owned()),
            password_file: Some(file),
            properties: [("debug".to_owned(), "hidden-value".to_owned())].into(),
            ..KafkaConfig::default()
        };
        let client = config.client().unwrap();
        assert_eq!(client.get("sasl.password"), Some("s3cret"));
        assert_eq!(client.get("sasl.mechanism"), Some("SCRAM-SHA-512"));
        assert!(!format!("{config:?}").contains("hidden-value"));
    }

    #[test]
    fn what_the_guarantees_rest_on_cannot_be_changed() {
        let with = |key: &str| KafkaConfig {
            properties: [(key.to_owned(), "0".to_owned())].into(),
            ..KafkaConfig::default()
        };
        assert!(matches!(with("acks").client(), Err(LogError::Refused(m)) if m.contains("acks")));
        assert_eq!(with("linger.ms").producer().unwrap().get("linger.ms"), Some("0"));
    }

    #[test]
    fn a_user_without_password_is_refused() {
        let config = KafkaConfig { security: KafkaSecurity::SaslSsl, ..KafkaConfig::default() };
        assert!(matches!(config.client(), Err(LogError::Refused(_))));
    }
}
