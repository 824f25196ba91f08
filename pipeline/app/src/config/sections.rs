//! One struct for each section; names are nouns with their unit last.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::num::{NonZeroU32, NonZeroUsize};
use std::path::PathBuf;

use serde::Deserialize;
use streife_log::KafkaConfig;
use streife_sdk::{SecretSource, SourceConfig};

/// The whole configuration. Every section may be left out.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct Config {
    /// Folders.
    pub(crate) paths: PathsSection,
    /// The record log.
    pub(crate) log: LogSection,
    /// The Kafka cluster, for `log.kind = "kafka"`.
    pub(crate) kafka: KafkaConfig,
    /// ClickHouse.
    pub(crate) clickhouse: ClickHouseSection,
    /// Scoring.
    pub(crate) scoring: ScoringSection,
    /// The desk.
    pub(crate) desk: DeskSection,
    /// Metrics and health of each role.
    pub(crate) metrics: MetricsSection,
    /// Posts followed through all roles.
    pub(crate) tracing: TracingSection,
    /// How long things are kept.
    pub(crate) retention: RetentionSection,
    /// Sealing and referral.
    pub(crate) evidence: super::evidence::EvidenceSection,
    /// Machines of the house that translate and transcribe.
    pub(crate) assist: streife_assist::AssistConfig,
    /// Who asks, told to every server that is read.
    pub(crate) collect: CollectSection,
    /// Where publishers tell of news.
    pub(crate) websub: super::WebSubSection,
    /// What is read.
    pub(crate) source: Vec<SourceConfig>,
}

/// Folders; relative ones are taken from where Streife lies, `data` from where it is started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PathsSection {
    pub(crate) data: Option<PathBuf>,
    pub(crate) models: Option<PathBuf>,
    pub(crate) rules: Option<PathBuf>,
    pub(crate) parts: Option<PathBuf>,
    /// File with the pseudonym key, 64 hex digits (default: made in the data folder). Machines that share a log share it.
    pub(crate) pseudonym_key: Option<PathBuf>,
}

/// Which log.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum LogKind {
    /// In the data folder; one process.
    #[default]
    Embedded,
    /// A Kafka cluster.
    Kafka,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct LogSection {
    pub(crate) kind: LogKind,
    /// Copies of each partition when topics are created on a cluster.
    pub(crate) replication: u16,
}

impl Default for LogSection {
    fn default() -> Self {
        Self { kind: LogKind::Embedded, replication: 1 }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ClickHouseSection {
    /// `https://host:8443` or `http://host:8123`; without it `up` starts the embedded engine.
    pub(crate) url: Option<String>,
    /// File with the certificates, in PEM, of the only authorities that may vouch for the server (default: the web's).
    pub(crate) ca_file: Option<PathBuf>,
    pub(crate) database: String,
    pub(crate) user: String,
    pub(crate) password: Option<SecretSource>,
    /// Bring the tables to this version when a role starts. Off where the roles' users may not: `streife migrate` runs first.
    pub(crate) migrate: bool,
    /// A batch is written when it has so many rows,
    pub(crate) batch_rows: usize,
    /// or is so old.
    pub(crate) batch_age_ms: u64,
}

impl Default for ClickHouseSection {
    fn default() -> Self {
        Self {
            url: None,
            ca_file: None,
            database: "streife".to_owned(),
            user: "streife".to_owned(),
            password: None,
            migrate: true,
            batch_rows: 50_000,
            batch_age_ms: 500,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct ScoringSection {
    /// `cpu`, `cuda` or `cuda:N`.
    pub(crate) device: String,
    /// `gated`, `all` or `none`.
    pub(crate) encode: String,
    /// CPU threads for everything but the encoder (default: cores).
    pub(crate) threads: Option<NonZeroUsize>,
    /// Encoder sessions, one thread each (default: cores).
    pub(crate) sessions: Option<NonZeroUsize>,
    /// Records per batch at most.
    pub(crate) batch_records: usize,
}

impl Default for ScoringSection {
    fn default() -> Self {
        Self {
            device: "cpu".to_owned(),
            encode: "gated".to_owned(),
            threads: None,
            sessions: None,
            batch_records: 256,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct DeskSection {
    pub(crate) listen: SocketAddr,
    /// `https://desk.example.org`, where browsers reach it; cookies are `Secure` when it begins with https.
    pub(crate) public_url: Option<String>,
    /// `postgres://...`; default: SQLite in the data folder.
    pub(crate) database_url: Option<SecretSource>,
    /// Log-in at an identity provider.
    pub(crate) oidc: Option<super::access::OidcSection>,
    /// HTTPS without a proxy.
    pub(crate) tls: Option<DeskTlsSection>,
    /// `https://grafana.example`: the desk links to its dashboards there.
    pub(crate) grafana_url: Option<String>,
    /// Receivers of alarms by name.
    pub(crate) alerts: BTreeMap<String, super::access::AlertSection>,
}

impl Default for DeskSection {
    fn default() -> Self {
        Self {
            listen: SocketAddr::from(([127, 0, 0, 1], 8420)),
            public_url: None,
            database_url: None,
            oidc: None,
            tls: None,
            grafana_url: None,
            alerts: BTreeMap::new(),
        }
    }
}

impl DeskSection {
    /// Do browsers reach it over HTTPS, by itself or through a proxy?
    pub(crate) fn is_https(&self) -> bool {
        self.tls.is_some() || self.public_url.as_deref().is_some_and(|url| url.starts_with("https:"))
    }
}

/// Files in PEM; a new certificate is taken up within a minute.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct DeskTlsSection {
    /// The certificate and those between it and its authority.
    pub(crate) certificate_file: PathBuf,
    /// Its private key.
    pub(crate) key_file: PathBuf,
}

#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct MetricsSection {
    /// Address of `/metrics`, `/healthz`, `/readyz` of the roles without a desk.
    pub(crate) listen: Option<SocketAddr>,
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct TracingSection {
    /// An OpenTelemetry collector (OTLP over HTTP), `http://127.0.0.1:4318`. Without it nothing is followed.
    pub(crate) endpoint: Option<String>,
    /// One post in so many.
    pub(crate) one_in: NonZeroU32,
}

impl Default for TracingSection {
    fn default() -> Self {
        Self { endpoint: None, one_in: const { NonZeroU32::new(1_000).unwrap() } }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct RetentionSection {
    /// Posts that are not flagged.
    pub(crate) recent_hours: u32,
    /// Flagged and dismissed.
    pub(crate) dismissed_days: u32,
    /// Flagged, whatever became of it, where the purpose has no term of its own.
    pub(crate) flagged_days: u32,
    /// Flagged, by purpose (`prosecution`, ...); a post of an open case stays.
    pub(crate) days_by_purpose: BTreeMap<String, u32>,
    /// Keys of backups.
    pub(crate) backup_days: u32,
}

impl Default for RetentionSection {
    fn default() -> Self {
        Self {
            recent_hours: 72,
            dismissed_days: 14,
            flagged_days: 180,
            days_by_purpose: BTreeMap::new(),
            backup_days: 35,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct CollectSection {
    /// Mail address or page by which the operator of a server reaches you.
    pub(crate) contact: String,
    /// Read private addresses too (own test servers).
    pub(crate) allow_private: bool,
    /// `socks5h://127.0.0.1:9050`: the proxy for onion services, which are refused without.
    pub(crate) socks_proxy: Option<String>,
    /// Pictures of posts.
    pub(crate) pictures: super::PicturesSection,
}

impl Default for CollectSection {
    fn default() -> Self {
        Self {
            contact: "https://example.org/streife".to_owned(),
            allow_private: false,
            socks_proxy: None,
            pictures: super::PicturesSection::default(),
        }
    }
}
