//! Hands packages over by the ways of the configuration: into a folder, or as a signed upload over HTTPS. The notice
//! without content is written as a mail into the outbox, which [`super::carrier`] or the site's own mail system empties.

use std::path::PathBuf;
use std::time::Duration;

use ed25519_dalek::SigningKey;
use serde_json::json;
use streife_cases::workflow::Case;
use streife_referral::compose::case_number;
use streife_referral::flow::PackageRecord;
use streife_referral::handover::{Notice, mail, parcel, receipt};
use streife_referral::{Evidence, EvidenceError};
use streife_sdk::{Http, HttpConfig, Request};
use streife_web::Sent;

use super::carrier::OUTBOX;
use crate::config::{Config, HandoverSection, HandoverTo};
use crate::failure::Failure;
use crate::open;
use crate::paths::Paths;
use crate::roles::desk::signing_key;

/// A container of some hundred megabytes over a slow line.
const UPLOAD_TIMEOUT: Duration = Duration::from_secs(600);
/// A receipt is small.
const MAX_RECEIPT_BYTES: usize = 64 * 1024;

/// The way of a demonstration.
const DEMO_WAY: &str = "demo-folder";

/// The configured ways.
pub(crate) struct Handovers {
    ways: Vec<HandoverSection>,
    from: String,
    outbox: PathBuf,
    key: SigningKey,
    http: Http,
}

/// Why nothing was handed over.
#[derive(Debug, thiserror::Error)]
pub(crate) enum HandoverError {
    #[error(transparent)]
    Evidence(#[from] EvidenceError),
    #[error("{0}")]
    Box(String),
    #[error("{path}: {source}")]
    Io { path: PathBuf, source: std::io::Error },
}

impl Handovers {
    /// From the configuration. In a demonstration that names no way there is one: a folder beside the data.
    pub(crate) fn new(config: &Config, paths: &Paths, demo: bool) -> Result<Self, Failure> {
        let mut ways = config.evidence.handover.clone();
        if demo && ways.is_empty() {
            let to = HandoverTo::Folder(paths.data.join("handover"));
            ways.push(HandoverSection { name: DEMO_WAY.to_owned(), to, notify: None });
        }
        for way in &config.evidence.handover {
            if let HandoverTo::Box { url, .. } = &way.to {
                check_url(url).map_err(|why| {
                    Failure::configuration(format!("evidence.handover {}: {why}", way.name))
                })?;
            }
        }
        let http = HttpConfig {
            contact: config.collect.contact.clone(),
            allow_private: true,
            ..HttpConfig::default()
        };
        Ok(Self {
            ways,
            from: address(&config.evidence.contact).unwrap_or("streife@localhost").to_owned(),
            outbox: paths.data.join(OUTBOX),
            key: SigningKey::from_bytes(&signing_key(paths)?),
            http: Http::new(&http, open::clock()).map_err(|e| Failure::configuration(e.to_string()))?,
        })
    }

    /// The names of the ways.
    pub(crate) fn names(&self) -> Vec<String> {
        self.ways.iter().map(|way| way.name.clone()).collect()
    }

    /// Hands over by the way named `channel`; another text is what a person did by hand, and recorded as such.
    pub(crate) async fn send(
        &self,
        evidence: &Evidence,
        case: &Case,
        channel: &str,
        by: &str,
    ) -> Result<Sent, HandoverError> {
        // Without a package nothing was handed over, whatever a person says.
        let record = evidence.package(&case.id).await?;
        // On record before a byte leaves: a recall must reach whoever may have it.
        let begun = json!({"channel": channel, "sha256": record.sha256});
        evidence.note(&case.id, by, "evidence.handover_begun", begun).await?;
        let Some(way) = self.ways.iter().find(|way| way.name == channel) else {
            self.note(evidence, case, by, channel, &record, None).await?;
            return Ok(Sent { channel: channel.to_owned(), file_number: None });
        };
        let file_number = match &way.to {
            HandoverTo::Folder(folder) => {
                evidence.export(&case.id, folder, by).await?;
                None
            }
            HandoverTo::Box { url, authorization } => {
                let (record, container) = evidence.container(&case.id).await?;
                let parcel = parcel(&case_number(case), &record, open::clock().now(), &self.key);
                let mut request = Request::post(url, "application/zip", container).timeout(UPLOAD_TIMEOUT);
                request.max_bytes = MAX_RECEIPT_BYTES;
                for (name, value) in parcel.headers {
                    request = request.header(&name, value);
                }
                if let Some(secret) = authorization {
                    let secret = secret.read(&way.name).map_err(|e| HandoverError::Box(e.to_string()))?;
                    request = request.secret_header("authorization", &secret);
                }
                let answer = self.http.send(&request).await.map_err(|e| HandoverError::Box(e.to_string()))?;
                let receipt =
                    receipt(&answer.body, &record).map_err(|e| HandoverError::Box(e.to_string()))?;
                receipt.file_number
            }
        };
        self.note(evidence, case, by, channel, &record, file_number.as_deref()).await?;
        self.notify(Notice::HandedOver, way, case, &record)?;
        Ok(Sent { channel: channel.to_owned(), file_number })
    }

    /// Tells everybody who was given the package that it is called back, and nobody else: the notice itself says that
    /// there is a case. Who was given it by hand is named in the ledger, to be told by hand.
    pub(crate) async fn recalled(
        &self,
        evidence: &Evidence,
        case: &Case,
        by: &str,
    ) -> Result<(), HandoverError> {
        let (record, _) = evidence.container(&case.id).await?;
        let by_hand = self.to_be_told_by_hand(evidence, case).await?;
        let mut told = Vec::new();
        for channel in evidence.handed_over_by(&case.id).await? {
            if let Some(way) = self.with_notice(&channel) {
                self.notify(Notice::Recalled, way, case, &record)?;
                told.push(channel);
            }
        }
        let details = json!({"sha256": record.sha256, "told": told, "to_be_told_by_hand": by_hand});
        evidence.note(&case.id, by, "evidence.recall_notified", details).await?;
        Ok(())
    }

    /// Ways of a hand-over whose recipients no mail of ours reaches.
    pub(crate) async fn to_be_told_by_hand(
        &self,
        evidence: &Evidence,
        case: &Case,
    ) -> Result<Vec<String>, EvidenceError> {
        let mut ways = evidence.handed_over_by(&case.id).await?;
        ways.retain(|channel| self.with_notice(channel).is_none());
        Ok(ways)
    }

    fn with_notice(&self, channel: &str) -> Option<&HandoverSection> {
        self.ways.iter().find(|way| way.name == channel && way.notify.is_some())
    }

    async fn note(
        &self,
        evidence: &Evidence,
        case: &Case,
        by: &str,
        channel: &str,
        record: &PackageRecord,
        file_number: Option<&str>,
    ) -> Result<(), EvidenceError> {
        let details = json!({"channel": channel, "sha256": record.sha256, "bytes": record.bytes, "file_number": file_number});
        evidence.note(&case.id, by, "evidence.handed_over", details).await
    }

    fn notify(
        &self,
        notice: Notice,
        way: &HandoverSection,
        case: &Case,
        record: &PackageRecord,
    ) -> Result<(), HandoverError> {
        let Some(to) = &way.notify else { return Ok(()) };
        let number = case_number(case);
        let text = mail(notice, &self.from, to, &number, record, open::clock().now());
        let kind = if notice == Notice::Recalled { "rueckruf" } else { "uebergabe" };
        let hash = record.sha256.get(..12).unwrap_or_default();
        // One mail for each way: two recipients of one package are both told.
        let place = self.ways.iter().position(|other| other.name == way.name).map_or(0, |at| at + 1);
        let path = self.outbox.join(format!("{number}-{hash}-{place}-{kind}.eml"));
        // Whoever empties the folder takes whole files ending in `.eml` only.
        let part = path.with_extension("eml.part");
        std::fs::create_dir_all(&self.outbox)
            .and_then(|()| std::fs::write(&part, text))
            .and_then(|()| std::fs::rename(&part, &path))
            .map_err(|source| HandoverError::Io { path, source })
    }
}

/// The mail address among the lines of the contact, which people write as they like.
fn address(contact: &[String]) -> Option<&str> {
    let words = contact.iter().flat_map(|line| line.split([' ', ',', ';', '<', '>', '(', ')']));
    words.map(|word| word.trim_end_matches('.')).find(|word| word.contains('@'))
}

/// HTTPS, or plain HTTP to this very machine.
fn check_url(url: &str) -> Result<(), String> {
    let parsed = url::Url::parse(url).map_err(|e| format!("{url}: {e}"))?;
    let loopback = match parsed.host() {
        Some(url::Host::Ipv4(ip)) => ip.is_loopback(),
        Some(url::Host::Ipv6(ip)) => ip.is_loopback(),
        _ => false,
    };
    if parsed.scheme() == "https" || (parsed.scheme() == "http" && loopback) {
        Ok(())
    } else {
        Err(format!("{url}: evidence travels over https only"))
    }
}

#[cfg(test)]
#[path = "handover_tests.rs"]
mod tests;
