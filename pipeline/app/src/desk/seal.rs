//! The evidence as the desk's pages see it.

use std::sync::Arc;

use async_trait::async_trait;
use streife_cases::workflow::{Case, CaseState, Seal};
use streife_domain::{Identity, Timestamp};
use streife_referral::{Evidence, EvidenceError, Secured, Status};
use streife_web::reader::FlaggedItem;
use streife_web::{EvidenceFault, EvidenceLine, EvidenceSealer, Sent, Trouble};

use super::evidence::{HandoverError, Handovers};

/// Secures, shows, hands over and destroys evidence for the desk.
pub(crate) struct Sealer {
    pub(crate) evidence: Arc<Evidence>,
    pub(crate) handover: Handovers,
}

#[async_trait]
impl EvidenceSealer for Sealer {
    async fn seal(
        &self,
        case: &Case,
        _: &FlaggedItem,
        _: &Identity,
        by: &str,
        _: Timestamp,
    ) -> Result<Option<Seal>, EvidenceFault> {
        match self.evidence.seal(case, by).await {
            Ok(Secured::Sealed(seal)) => Ok(Some(seal)),
            Ok(Secured::Pending(_)) => Ok(None),
            Err(error) => Err(fault(error)),
        }
    }

    async fn status(&self, case: &Case) -> Vec<EvidenceLine> {
        let mut shown = match self.evidence.status(&case.id).await {
            Ok(status) => lines(&status),
            Err(error) => vec![EvidenceLine { key: "waiting", value: error.to_string(), done: false }],
        };
        if case.state == CaseState::Recalled && case.recall_confirmed.is_empty() {
            let by_hand = self.handover.to_be_told_by_hand(&self.evidence, case).await.unwrap_or_default();
            shown.extend(by_hand.into_iter().map(|value| EvidenceLine { key: "recall", value, done: false }));
        }
        shown
    }

    fn channels(&self) -> Vec<String> {
        self.handover.names()
    }

    async fn approved(&self, case: &Case) {
        // What fails is told in the status and tried again by the round over all cases.
        if let Err(error) = self.evidence.package(&case.id).await {
            tracing::warn!(case = case.id, "the package is not made yet: {error}");
        }
    }

    async fn send(&self, case: &Case, channel: &str, by: &str) -> Result<Sent, EvidenceFault> {
        self.handover.send(&self.evidence, case, channel, by).await.map_err(handover_fault)
    }

    async fn recalled(&self, case: &Case, by: &str) -> Result<(), EvidenceFault> {
        self.handover.recalled(&self.evidence, case, by).await.map_err(handover_fault)
    }

    async fn erase(&self, case: &Case, by: &str) -> Result<Option<String>, EvidenceFault> {
        let certificate = self.evidence.erase(&case.id, by).await.map_err(fault)?;
        Ok(Some(certificate.sha256()))
    }
}

/// What a person is told; the details go to the log and to the case.
fn fault(error: EvidenceError) -> EvidenceFault {
    let trouble = match error {
        EvidenceError::Cases(error) => return EvidenceFault::Cases(error),
        EvidenceError::Vault(_) => Trouble::Vault,
        EvidenceError::Collect(_) => Trouble::Capture,
        EvidenceError::Raw(_) => Trouble::Damaged,
        EvidenceError::Compose(_) => Trouble::NotReady,
        EvidenceError::Create(_) => Trouble::Package,
        EvidenceError::NoCase(_) | EvidenceError::Missing { .. } => Trouble::NotSecured,
        EvidenceError::Worker => Trouble::Worker,
    };
    EvidenceFault::Trouble(trouble, error.to_string())
}

fn handover_fault(error: HandoverError) -> EvidenceFault {
    match error {
        HandoverError::Evidence(error) => fault(error),
        HandoverError::Box(_) | HandoverError::Io { .. } => {
            EvidenceFault::Trouble(Trouble::Handover, error.to_string())
        }
    }
}

fn lines(status: &Status) -> Vec<EvidenceLine> {
    let line = |key, value, done| EvidenceLine { key, value, done };
    let mut lines = Vec::new();
    for item in &status.items {
        let root = item.root.get(..16).unwrap_or_default();
        lines.push(line("capture", format!("{:04}, {} · {root}…", item.number, item.files), true));
        for (what, why) in &item.missing {
            lines.push(line("missing", format!("{:04}, {what}: {why}", item.number), true));
        }
        for (service, stamp) in &item.stamps {
            let (value, done) = match stamp {
                Ok(at) => (format!("{:04}, {service}: {at}", item.number), true),
                Err(why) => (format!("{:04}, {service}: {why}", item.number), false),
            };
            lines.push(line("stamp", value, done));
        }
    }
    if let Some(package) = &status.package {
        lines.push(line("package", format!("{}.zip · sha256 {}", package.name, package.sha256), true));
    }
    if let Some((why, next)) = &status.waiting {
        lines.push(line("waiting", format!("{why} · {next}"), false));
    }
    lines
}
