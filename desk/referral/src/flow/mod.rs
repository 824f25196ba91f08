//! The steps of the evidence: secure, stamp, package, export. Each is durable before it is said to be done, can be
//! repeated after a crash at any point, and stands in the custody ledger.
//!
//! * `secure`: captures are kept, then the manifest over their hashes. Without a manifest nothing counts as secured. A
//!   case is sealed by the workflow only when every service has stamped every capture; until then it stands at
//!   "capturing", and [`Evidence::status`] says what is pending and why.
//! * `rounds`: the machine's part, over all cases, with pauses after failures.
//! * `packing`: the package of an approved case, once per approval, and its way out.
//! * `renewal`: stamps anew before the old ones can no longer be relied on.

mod errors;
mod packing;
mod renewal;
mod rounds;
mod secure;
mod status;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ed25519_dalek::SigningKey;
use serde_json::Value;
use streife_cases::ledger::{Entry, Note, custody_ledger};
use streife_cases::store::CaseStore;
use streife_cases::workflow::Case;
use streife_domain::{Clock, Timestamp};
use streife_evidence::CapturedItem;
use streife_evidence::seal::TimeStampService;

use crate::compose::Site;
use crate::found::{Circumstances, Found};
use crate::vault::{Certificate, Vault};

pub use errors::EvidenceError;
use errors::Result;
use rounds::{Sweep, Wait};
pub use status::{ItemStatus, PackageRecord, Secured, Status};

/// Different time-stamp services that a seal needs.
pub const MIN_SERVICES: usize = 2;
/// Longest reason written into the ledger.
const MAX_REASON_CHARS: usize = 300;

/// What the custody ledger says of a package that left, or may have left.
const HANDED_OVER: [&str; 2] = ["evidence.handover_begun", "evidence.handed_over"];

const MANIFEST: &str = "manifest";
const FOUND: &str = "found";

/// Reads what is known of a case's post and captures what can be captured.
#[async_trait]
pub trait Collector: Send + Sync {
    /// Everything to be secured. Called once per case, unless it failed.
    ///
    /// # Errors
    /// A text for the person who works the case; never post text.
    async fn collect(&self, case: &Case, by: &str) -> std::result::Result<Collected, String>;
}

/// What a [`Collector`] brought.
#[derive(Debug)]
pub struct Collected {
    /// The post, from the bytes that were collected.
    pub found: Found,
    /// Under which circumstances.
    pub circumstances: Circumstances,
    /// Further captures: page, profile, the post it refers to.
    pub captures: Vec<CapturedItem>,
}

/// What [`Evidence`] works with.
pub struct EvidenceParts {
    /// The case database.
    pub cases: CaseStore,
    /// Where the evidence lies.
    pub vault: Vault,
    /// Time-stamp services; a case is sealed when all of them have stamped.
    pub services: Vec<Arc<dyn TimeStampService>>,
    /// The site's key: signs packages, checkpoints, certificates.
    pub key: [u8; 32],
    /// Who refers.
    pub site: Site,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// Reads and captures.
    pub collector: Arc<dyn Collector>,
}

/// The evidence of all cases.
pub struct Evidence {
    parts: EvidenceParts,
    locks: Mutex<HashMap<String, Arc<tokio::sync::Mutex<()>>>>,
    waits: Mutex<HashMap<String, Wait>>,
    sweep: Mutex<Sweep>,
}

impl Evidence {
    /// From its parts.
    pub fn new(parts: EvidenceParts) -> Self {
        Self { parts, locks: Mutex::default(), waits: Mutex::default(), sweep: Mutex::default() }
    }

    /// The vault.
    pub fn vault(&self) -> &Vault {
        &self.parts.vault
    }

    fn now(&self) -> Timestamp {
        self.parts.clock.now()
    }

    fn signing_key(&self) -> SigningKey {
        SigningKey::from_bytes(&self.parts.key)
    }

    fn lock(&self, case: &str) -> Arc<tokio::sync::Mutex<()>> {
        let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
        // Locks nobody holds are forgotten, so that the table does not grow with the cases.
        locks.retain(|_, lock| Arc::strong_count(lock) > 1);
        Arc::clone(locks.entry(case.to_owned()).or_default())
    }

    /// Destroys the evidence of a case. The workflow's own step follows with the certificate's hash.
    ///
    /// # Errors
    /// When the key could not be destroyed.
    pub async fn erase(&self, case_id: &str, by: &str) -> Result<Certificate> {
        let lock = self.lock(case_id);
        let _held = lock.lock().await;
        let (vault, id, by, now) = (self.parts.vault.clone(), case_id.to_owned(), by.to_owned(), self.now());
        let key = self.signing_key();
        blocking(move || Ok(vault.shred(&id, &by, now, &key)?)).await
    }

    /// The ways by which packages of a case were handed over, each once, as the custody ledger has them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn handed_over_by(&self, case_id: &str) -> Result<Vec<String>> {
        let ledger = self.parts.cases.ledger(&custody_ledger(case_id)).await?;
        // A hand-over that was begun may have arrived before the crash that hid it.
        let handed = ledger.iter().filter(|entry| HANDED_OVER.contains(&entry.action.as_str()));
        let mut ways: Vec<String> =
            handed.filter_map(|entry| entry.details.get("channel")?.as_str().map(str::to_owned)).collect();
        ways.sort_unstable();
        ways.dedup();
        Ok(ways)
    }

    /// Writes into the custody ledger of a case.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note(&self, case_id: &str, by: &str, action: &str, details: Value) -> Result<()> {
        let note = Note {
            at: self.now(),
            actor: by.to_owned(),
            role: "system".to_owned(),
            action: action.to_owned(),
            subject: case_id.to_owned(),
            reason: String::new(),
            details,
        };
        self.parts.cases.custody(case_id, note).await?;
        Ok(())
    }

    /// Writes into the custody ledger what was done, unless it stands there: a crash may have come between the deed and
    /// its note. `key` names the detail by which the two are the same.
    async fn note_once(
        &self,
        case_id: &str,
        by: &str,
        action: &str,
        key: &str,
        details: Value,
    ) -> Result<()> {
        let ledger = self.parts.cases.ledger(&custody_ledger(case_id)).await?;
        let is_this = |entry: &Entry| entry.action == action && entry.details.get(key) == details.get(key);
        if ledger.iter().any(is_this) { Ok(()) } else { self.note(case_id, by, action, details).await }
    }

    async fn case(&self, id: &str) -> Result<Case> {
        self.parts.cases.case(id).await?.ok_or_else(|| EvidenceError::NoCase(id.to_owned()))
    }

    fn manifest(&self, case_id: &str) -> Result<Option<String>> {
        let manifest = self.parts.vault.get(case_id, MANIFEST)?;
        Ok(manifest.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }
}

fn item_name(at: usize) -> String {
    format!("items/{:04}.item", at + 1)
}

fn seal_name(at: usize) -> String {
    format!("items/{:04}.seal", at + 1)
}

fn missing(case: &str, what: &'static str) -> EvidenceError {
    EvidenceError::Missing { case: case.to_owned(), what }
}

/// Disk, hashing and time-stamp services block; they do so on their own threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| EvidenceError::Worker)?
}
