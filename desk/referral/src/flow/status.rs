//! How far the evidence of a case is, for the case page.

use std::sync::PoisonError;

use serde::{Deserialize, Serialize};
use streife_cases::workflow::Seal as CaseSeal;
use streife_domain::Timestamp;
use streife_evidence::CapturedItem;
use streife_evidence::seal::{Seal, StampState};

use super::errors::Result;
use super::{Evidence, MANIFEST, blocking, item_name, missing, seal_name};

/// How far the evidence of a case is.
#[derive(Debug, Clone, PartialEq)]
pub enum Secured {
    /// Every service has stamped every capture.
    Sealed(CaseSeal),
    /// Hashes are taken and kept; these stamps are still to come (`service: reason`).
    Pending(Vec<String>),
}

/// One capture and its stamps, for the case page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ItemStatus {
    /// Number of the capture, from 1.
    pub number: usize,
    /// Root over its files, hex.
    pub root: String,
    /// Files it consists of.
    pub files: usize,
    /// Captures that failed: what, and why.
    pub missing: Vec<(String, String)>,
    /// Per service: when it stamped, or what it said last.
    pub stamps: Vec<(String, std::result::Result<Timestamp, String>)>,
}

/// What is there of a case's evidence.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Status {
    /// The captures.
    pub items: Vec<ItemStatus>,
    /// The package, once made.
    pub package: Option<PackageRecord>,
    /// Why the last try to capture or pack failed, and when the next comes.
    pub waiting: Option<(String, Timestamp)>,
}

/// The package of a case, as kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PackageRecord {
    /// Stem of both outputs.
    pub name: String,
    /// SHA-256 of the container, hex.
    pub sha256: String,
    /// Size of the container.
    pub bytes: u64,
    /// When it was made.
    pub at: Timestamp,
    /// The approval it was made on; after another approval it is made anew.
    pub approved_at: Timestamp,
    /// Files of the court set.
    pub court: Vec<String>,
    /// Files for others than the prosecution: exchange formats, forms.
    pub exchange: Vec<String>,
    /// Characters without a font.
    pub missing_glyphs: Vec<String>,
}

impl Evidence {
    /// What is there of a case's evidence, and what is pending.
    ///
    /// # Errors
    /// When the vault cannot be read.
    pub async fn status(&self, case_id: &str) -> Result<Status> {
        let (vault, id) = (self.parts.vault.clone(), case_id.to_owned());
        let waiting = {
            let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
            waits.get(case_id).map(|wait| (wait.why.clone(), wait.next))
        };
        // A package of an approval that was taken back is not shown as one.
        let package = self.packed(case_id).await.ok();
        blocking(move || {
            let mut status = Status { waiting, ..Status::default() };
            if vault.names(&id)?.is_empty() || vault.get(&id, MANIFEST)?.is_none() {
                return Ok(status);
            }
            for at in 0.. {
                let Some(seal) = vault.get_json::<Seal>(&id, &seal_name(at))? else { break };
                let item: CapturedItem =
                    vault.get_json(&id, &item_name(at))?.ok_or_else(|| missing(&id, "a capture"))?;
                status.items.push(item_status(at + 1, &seal, &item));
            }
            status.package = package;
            Ok(status)
        })
        .await
    }
}

fn item_status(number: usize, seal: &Seal, item: &CapturedItem) -> ItemStatus {
    ItemStatus {
        number,
        root: seal.root.clone(),
        files: seal.objects.len(),
        missing: item.missing.iter().map(|missing| (missing.what.clone(), missing.why.clone())).collect(),
        stamps: seal
            .stamps
            .iter()
            .map(|stamp| match &stamp.state {
                StampState::Stamped { at, .. } => (stamp.service.clone(), Ok(*at)),
                StampState::Pending { last_error, .. } => {
                    (stamp.service.clone(), Err(last_error.clone().unwrap_or_default()))
                }
            })
            .collect(),
    }
}
