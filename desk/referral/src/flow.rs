//! The steps of the evidence: secure, stamp, package, export. Each is durable before it is said to be done, can be
//! repeated after a crash at any point, and stands in the custody ledger.
//!
//! Order of writing is what makes this safe: captures first, then the manifest over their hashes. Without a manifest
//! nothing counts as secured. A case is sealed by the workflow only when every service has stamped every capture;
//! until then it stands at "capturing", and [`Evidence::status`] says what is pending and why.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use ed25519_dalek::SigningKey;
use futures::StreamExt;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use streife_cases::ledger::{Note, custody_ledger};
use streife_cases::store::{CaseStore, StoreError};
use streife_cases::workflow::{Actor, Case, CaseState, Move, Seal as CaseSeal, UNDO_SECS};
use streife_domain::{Clock, Timestamp};
use streife_evidence::exchange::{self, Tlp};
use streife_evidence::merkle::sha256_hex;
use streife_evidence::package::{self, Built, PackageKey};
use streife_evidence::seal::{Seal, StampState, TimeStampService};
use streife_evidence::{CapturedItem, CreateError, Created, ReferralInput, capture};

use crate::compose::{self, ComposeError, Decided, Site};
use crate::found::{Circumstances, Found, RawDamaged};
use crate::vault::{Certificate, Vault, VaultError};

/// Different time-stamp services that a seal needs.
pub const MIN_SERVICES: usize = 2;
/// Cases worked on at the same time.
const PARALLEL_CASES: usize = 8;
/// Cases looked at in one round.
const MAX_CASES: i64 = 1_000;
/// First wait after a failure, doubled each time.
const FIRST_RETRY_SECS: i64 = 15;
/// Longest wait after a failure.
const MAX_RETRY_SECS: i64 = 3_600;
/// After so many failures of a capture in a row only a person starts it again.
const MAX_TRIES: u32 = 8;
/// Longest reason written into the ledger.
const MAX_REASON_CHARS: usize = 300;

/// Stamps are renewed when the certificate behind one of them ends within half a year.
const RENEW_BEFORE_SECS: i64 = 180 * 86_400;

const RENEWALS: &str = "renewals/";
const MANIFEST: &str = "manifest";
const FOUND: &str = "found";
const PACKAGE: &str = "package";
const CONTAINER: &str = "container";

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

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// There is no such case.
    #[error("there is no case {0:?}")]
    NoCase(String),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The case database, or the workflow refused.
    #[error(transparent)]
    Cases(#[from] StoreError),
    /// The post could not be read or captured.
    #[error("{0}")]
    Collect(String),
    /// The store's bytes are not those collected.
    #[error(transparent)]
    Raw(#[from] RawDamaged),
    /// The case is not ready for a referral.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// The package could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// Something needed is not in the vault.
    #[error("case {case}: {what} is not there; secure the evidence first")]
    Missing {
        /// The case.
        case: String,
        /// What.
        what: &'static str,
    },
    /// A worker thread ended.
    #[error("the evidence worker ended unexpectedly")]
    Worker,
}

type Result<T> = std::result::Result<T, EvidenceError>;

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
}

#[derive(Debug, Clone)]
struct Wait {
    tries: u32,
    next: Timestamp,
    why: String,
}

impl Evidence {
    /// From its parts.
    pub fn new(parts: EvidenceParts) -> Self {
        Self { parts, locks: Mutex::default(), waits: Mutex::default() }
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

    /// Takes a suspected case as far as it goes: starts the capture, secures, stamps, and seals it in the workflow.
    ///
    /// # Errors
    /// [`EvidenceError`]; the workflow then records that the capture failed.
    pub async fn advance(&self, case_id: &str, actor: &Actor) -> Result<Secured> {
        let cases = &self.parts.cases;
        let case = self.case(case_id).await?;
        let kept = self.manifest(case_id)?.is_some();
        if case.state == CaseState::Suspect || (case.state == CaseState::Danger && !kept) {
            cases.apply(case_id, actor.clone(), Move::StartCapture, self.now()).await?;
        }
        let by = case.suspected_by.clone().unwrap_or_else(|| actor.user.clone());
        match self.seal(&case, &by).await {
            Ok(Secured::Sealed(seal)) => {
                if self.case(case_id).await?.seal.is_none() {
                    let what = Move::SealEvidence { seal: seal.clone() };
                    cases.apply(case_id, actor.clone(), what, self.now()).await?;
                }
                Ok(Secured::Sealed(seal))
            }
            Ok(pending) => Ok(pending),
            Err(error) => {
                let reason: String = error.to_string().chars().take(MAX_REASON_CHARS).collect();
                cases.apply(case_id, actor.clone(), Move::CaptureFailed { reason }, self.now()).await?;
                Err(error)
            }
        }
    }

    /// Secures and stamps; repeating it goes on where it stood. Moves of the workflow are the caller's.
    ///
    /// # Errors
    /// [`EvidenceError`]; then nothing counts as secured that was not before.
    pub async fn seal(&self, case: &Case, by: &str) -> Result<Secured> {
        let lock = self.lock(&case.id);
        let _held = lock.lock().await;
        if self.manifest(&case.id)?.is_none() {
            self.keep(case, by).await?;
        }
        self.stamp(&case.id, by).await
    }

    /// Collects, hashes and keeps.
    async fn keep(&self, case: &Case, by: &str) -> Result<()> {
        let collected = self.parts.collector.collect(case, by).await.map_err(EvidenceError::Collect)?;
        let mut items = vec![collected.found.capture(&collected.circumstances)?];
        items.extend(collected.captures);
        let (vault, id, now) = (self.parts.vault.clone(), case.id.clone(), self.now());
        let services = self.parts.services.clone();
        let details = blocking(move || {
            let services: Vec<&dyn TimeStampService> = services.iter().map(AsRef::as_ref).collect();
            let mut manifest = String::new();
            let mut noted = Vec::new();
            for (at, item) in items.iter_mut().enumerate() {
                item.seal = None;
                let files = capture::objects(item);
                let named = files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
                let seal = Seal::over(named, &services, now);
                vault.put_json(&id, &item_name(at), item)?;
                vault.put_json(&id, &seal_name(at), &seal)?;
                let _ = writeln!(manifest, "{} {}", package::item_folder(at), seal.root);
                let missing: Vec<&str> = item.missing.iter().map(|missing| missing.what.as_str()).collect();
                noted.push(json!({"folder": package::item_folder(at), "role": item.role, "root": seal.root, "missing": missing}));
            }
            vault.put_json(&id, FOUND, &collected.found)?;
            // From here on it counts.
            vault.put(&id, MANIFEST, manifest.as_bytes())?;
            Ok(json!({"manifest_sha256": sha256_hex(manifest.as_bytes()), "items": noted}))
        })
        .await?;
        self.note(&case.id, by, "evidence.secured", details).await
    }

    /// Asks for the stamps whose time has come.
    async fn stamp(&self, case_id: &str, by: &str) -> Result<Secured> {
        let (vault, id) = (self.parts.vault.clone(), case_id.to_owned());
        let (services, clock) = (self.parts.services.clone(), Arc::clone(&self.parts.clock));
        let (seals, changed) = blocking(move || {
            let services: Vec<&dyn TimeStampService> = services.iter().map(AsRef::as_ref).collect();
            let (mut seals, mut changed) = (Vec::new(), false);
            for at in 0.. {
                let Some(mut seal) = vault.get_json::<Seal>(&id, &seal_name(at))? else { break };
                // A service that was configured since is asked too; one that was removed is not waited for.
                seal.match_services(&services, clock.now());
                let before = seal.clone();
                seal.stamp(&services, &*clock);
                if seal != before {
                    changed |= seal.pending().count() < before.pending().count();
                    vault.put_json(&id, &seal_name(at), &seal)?;
                }
                seals.push(seal);
            }
            Ok((seals, changed))
        })
        .await?;
        let manifest = self.manifest(case_id)?.ok_or_else(|| missing(case_id, "the manifest"))?;
        let pending: Vec<String> = seals.iter().flat_map(Seal::pending).map(pending_text).collect();
        if self.parts.services.len() < MIN_SERVICES {
            let why = format!(
                "{} Zeitstempeldienste eingerichtet, {MIN_SERVICES} sind nötig ([evidence] time_stamp)",
                self.parts.services.len()
            );
            return Ok(Secured::Pending(vec![why]));
        }
        if !pending.is_empty() {
            return Ok(Secured::Pending(pending));
        }
        let time_stamps: Vec<String> = seals
            .first()
            .map(|seal| seal.stamps.iter().map(|stamp| stamp.service.clone()).collect())
            .unwrap_or_default();
        let manifest_sha256 = sha256_hex(manifest.as_bytes());
        if changed {
            let details = json!({"manifest_sha256": manifest_sha256, "services": time_stamps});
            self.note(case_id, by, "evidence.stamped", details).await?;
        }
        let package = case_id.to_owned();
        Ok(Secured::Sealed(CaseSeal {
            manifest_sha256,
            package,
            at: self.now(),
            by: by.to_owned(),
            time_stamps,
        }))
    }

    /// One round over all cases: starts captures of suspected posts once the decision can no longer be taken back,
    /// asks for pending stamps, makes packages of approved cases. Returns how many cases it brought forward.
    ///
    /// # Errors
    /// When the case database fails; failures of single cases are kept for [`Self::status`] and tried again.
    pub async fn work(&self) -> Result<usize> {
        let now = self.now();
        let mut due: Vec<Case> = Vec::new();
        for state in [CaseState::Danger, CaseState::Capturing, CaseState::Suspect, CaseState::Approved] {
            for row in self.parts.cases.cases(Some(state), MAX_CASES).await? {
                let settled = state != CaseState::Suspect || row.updated_at.plus_secs(UNDO_SECS) < now;
                let open = match state {
                    CaseState::Approved => self.packed(&row.case.id).await.is_err(),
                    _ => row.case.seal.is_none(),
                };
                if settled && open && self.may_try(&row.case.id, now) {
                    due.push(row.case);
                }
            }
        }
        let mut steps = futures::stream::iter(due.into_iter().map(|case| self.bring_forward(case)))
            .buffer_unordered(PARALLEL_CASES);
        let mut done = 0;
        while let Some(forward) = steps.next().await {
            done += usize::from(forward);
        }
        Ok(done)
    }

    async fn bring_forward(&self, case: Case) -> bool {
        let outcome = match case.state {
            CaseState::Approved => self.package(&case.id).await.map(|_| true),
            _ => {
                let advanced = self.advance(&case.id, &Actor::system()).await;
                advanced.map(|secured| matches!(secured, Secured::Sealed(_)))
            }
        };
        self.remember(&case.id, &outcome);
        outcome.unwrap_or(false)
    }

    fn may_try(&self, case: &str, now: Timestamp) -> bool {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.get(case).is_none_or(|wait| wait.next <= now && wait.tries < MAX_TRIES)
    }

    fn remember<T>(&self, case: &str, outcome: &Result<T>) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(_) => {
                waits.remove(case);
            }
            Err(error) => {
                let tries = waits.get(case).map_or(0, |wait| wait.tries).saturating_add(1);
                let wait = FIRST_RETRY_SECS.saturating_mul(1 << tries.min(10)).min(MAX_RETRY_SECS);
                let why: String = error.to_string().chars().take(MAX_REASON_CHARS).collect();
                tracing::warn!(case, tries, "evidence: {why}");
                waits.insert(case.to_owned(), Wait { tries, next: self.now().plus_secs(wait), why });
            }
        }
    }

    /// Makes the package of an approved case, once per approval.
    ///
    /// # Errors
    /// [`EvidenceError`]; then there is none.
    pub async fn package(&self, case_id: &str) -> Result<PackageRecord> {
        let lock = self.lock(case_id);
        let _held = lock.lock().await;
        let case = self.case(case_id).await?;
        let approved_at = self.approval(&case).await?;
        if let Some(record) = self.package_of(case_id)?.filter(|record| record.approved_at == approved_at) {
            return Ok(record);
        }
        let input = self.input(&case).await?;
        let (services, clock) = (self.parts.services.clone(), Arc::clone(&self.parts.clock));
        let (vault, id, key) =
            (self.parts.vault.clone(), case_id.to_owned(), PackageKey::new(self.signing_key()));
        let at = self.now();
        let record = blocking(move || {
            let services: Vec<&dyn TimeStampService> = services.iter().map(AsRef::as_ref).collect();
            let built = package::build(&input, &key, &services, &*clock)?;
            let others = exchange::files(&input, at, Tlp::Amber).map_err(CreateError::from)?;
            let record = PackageRecord {
                name: built.name,
                sha256: sha256_hex(&built.container),
                bytes: built.container.len() as u64,
                at,
                approved_at,
                court: built.court.keys().cloned().collect(),
                exchange: others.keys().cloned().collect(),
                missing_glyphs: built.missing_glyphs,
            };
            vault.put(&id, CONTAINER, &built.container)?;
            for (name, content) in &built.court {
                vault.put(&id, &court_name(name), content)?;
            }
            for (name, content) in &others {
                vault.put(&id, &exchange_name(name), content)?;
            }
            vault.put_json(&id, PACKAGE, &record)?;
            Ok(record)
        })
        .await?;
        let details = json!({"container": format!("{}.zip", record.name), "sha256": record.sha256, "bytes": record.bytes});
        self.note(case_id, "system", "evidence.packaged", details).await?;
        Ok(record)
    }

    /// When the approval was given that the case stands on now. A package of an earlier one is void.
    async fn approval(&self, case: &Case) -> Result<Timestamp> {
        let stands = matches!(
            case.state,
            CaseState::Approved
                | CaseState::Sent
                | CaseState::Acknowledged
                | CaseState::Outcome
                | CaseState::Recalled
        );
        let events = if stands { self.parts.cases.events(&case.id).await? } else { Vec::new() };
        let approval = events.iter().rev().find(|event| matches!(event.what, Move::Approve));
        Ok(approval.ok_or(ComposeError::NotApproved(case.state.as_str()))?.at)
    }

    /// The package that stands for the case now.
    async fn packed(&self, case_id: &str) -> Result<PackageRecord> {
        let approved_at = self.approval(&self.case(case_id).await?).await?;
        let record = self.package_of(case_id)?.filter(|record| record.approved_at == approved_at);
        record.ok_or_else(|| missing(case_id, "the package"))
    }

    /// The referral as it would be packed now.
    ///
    /// # Errors
    /// When the case is not decided or the evidence is not whole.
    pub async fn input(&self, case: &Case) -> Result<ReferralInput> {
        let (vault, id) = (self.parts.vault.clone(), case.id.clone());
        let (found, items) = blocking(move || {
            let found: Option<Found> = vault.get_json(&id, FOUND)?;
            let mut items = Vec::new();
            for at in 0.. {
                let Some(mut item) = vault.get_json::<CapturedItem>(&id, &item_name(at))? else { break };
                item.seal = vault.get_json(&id, &seal_name(at))?;
                items.push(item);
            }
            Ok((found, items))
        })
        .await?;
        let found = found.ok_or_else(|| missing(&case.id, "the post as found"))?;
        let cases = &self.parts.cases;
        let ledger_name = custody_ledger(&case.id);
        let checkpoint = cases.checkpoint(&ledger_name, self.now(), &self.signing_key()).await?;
        let mut ledger = cases.ledger(&ledger_name).await?;
        // Whatever was written since the checkpoint belongs to the next one.
        ledger.truncate(usize::try_from(checkpoint.size).unwrap_or(usize::MAX));
        let names: BTreeMap<String, String> =
            cases.users().await?.into_iter().map(|user| (user.id, user.name)).collect();
        let events = cases.events(&case.id).await?;
        let decided = Decided {
            case,
            events: &events,
            ledger: &ledger,
            checkpoint: &checkpoint,
            found: &found,
            items,
            names: &names,
        };
        Ok(compose::referral(decided, &self.parts.site)?)
    }

    /// Stamps the evidence of every sealed case anew whose stamps end soon: over the manifest, every seal with its
    /// tokens and every earlier renewal, so that the chain of proof is never broken. Returns how many.
    ///
    /// # Errors
    /// When the case database fails; single cases are tried again in the next round.
    pub async fn renew_due(&self) -> Result<usize> {
        let mut renewed = 0;
        for row in self.parts.cases.cases(None, MAX_CASES).await? {
            let case = row.case;
            if case.seal.is_none() || case.state == CaseState::Erased {
                continue;
            }
            match self.renew(&case.id).await {
                Ok(true) => renewed += 1,
                Ok(false) => {}
                Err(error) => tracing::warn!(case = case.id, "the evidence was not stamped anew: {error}"),
            }
        }
        Ok(renewed)
    }

    async fn renew(&self, case_id: &str) -> Result<bool> {
        let lock = self.lock(case_id);
        let _held = lock.lock().await;
        let (vault, id) = (self.parts.vault.clone(), case_id.to_owned());
        let (services, clock) = (self.parts.services.clone(), Arc::clone(&self.parts.clock));
        let renewal = blocking(move || {
            let mut objects: Vec<(String, Vec<u8>)> = Vec::new();
            let mut until: Option<Timestamp> = None;
            for name in vault.names(&id)? {
                let counts = name == MANIFEST || name.ends_with(".seal");
                let Some(content) = vault.get(&id, &name)?.filter(|_| counts) else { continue };
                if name.starts_with(RENEWALS) || name.starts_with("items/") {
                    let seal: Option<Seal> = vault.get_json(&id, &name)?;
                    let ends = seal.and_then(|seal| seal.reliable_until());
                    // The newest proof counts: names of renewals sort behind those of items.
                    until = if name.starts_with(RENEWALS) {
                        ends
                    } else {
                        until.map_or(ends, |u| ends.map(|e| e.min(u)))
                    };
                }
                objects.push((name, content));
            }
            let now = clock.now();
            if objects.is_empty() || until.is_some_and(|until| now.plus_secs(RENEW_BEFORE_SECS) < until) {
                return Ok(None);
            }
            let services: Vec<&dyn TimeStampService> = services.iter().map(AsRef::as_ref).collect();
            let named = objects.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
            let mut seal = Seal::over(named, &services, now);
            seal.stamp(&services, &*clock);
            // Half a renewal is none; the next round makes it whole.
            if !seal.is_complete() || services.len() < MIN_SERVICES {
                return Ok(None);
            }
            let number = objects.iter().filter(|(name, _)| name.starts_with(RENEWALS)).count() + 1;
            vault.put_json(&id, &format!("{RENEWALS}{number:04}.seal"), &seal)?;
            Ok(Some(seal.root))
        })
        .await?;
        let Some(root) = renewal else { return Ok(false) };
        self.note(case_id, "system", "evidence.renewed", json!({"root": root})).await?;
        Ok(true)
    }

    /// Writes both outputs of the package into `out`.
    ///
    /// # Errors
    /// When there is no package or it cannot be written.
    pub async fn export(&self, case_id: &str, out: &Path, by: &str) -> Result<Created> {
        let record = self.packed(case_id).await?;
        let (vault, id, folder) = (self.parts.vault.clone(), case_id.to_owned(), out.to_owned());
        let created = blocking(move || {
            let container = vault.get(&id, CONTAINER)?.ok_or_else(|| missing(&id, "the container"))?;
            let mut court = BTreeMap::new();
            for name in &record.court {
                let content = vault.get(&id, &court_name(name))?;
                court.insert(name.clone(), content.ok_or_else(|| missing(&id, "the court set"))?);
            }
            let mut others = Vec::new();
            for name in &record.exchange {
                let content = vault.get(&id, &exchange_name(name))?;
                others.push((name.clone(), content.ok_or_else(|| missing(&id, "a file for exchange"))?));
            }
            let others_folder = folder.join(format!("{}_austausch", record.name));
            let built = Built { name: record.name, container, court, missing_glyphs: record.missing_glyphs };
            std::fs::create_dir_all(&folder)
                .map_err(|source| VaultError::Io { path: PathBuf::from(&folder), source })?;
            for (name, content) in others {
                let path = others_folder.join(name);
                std::fs::create_dir_all(&others_folder)
                    .and_then(|()| std::fs::write(&path, content))
                    .map_err(|source| VaultError::Io { path, source })?;
            }
            Ok(package::write(&built, &folder)?)
        })
        .await?;
        let details = json!({"to": out.display().to_string(), "sha256": created.container_sha256});
        self.note(case_id, by, "evidence.exported", details).await?;
        Ok(created)
    }

    /// The container of a packed case, for a hand-over.
    ///
    /// # Errors
    /// When there is none.
    pub async fn container(&self, case_id: &str) -> Result<(PackageRecord, Vec<u8>)> {
        let record = self.packed(case_id).await?;
        let (vault, id) = (self.parts.vault.clone(), case_id.to_owned());
        blocking(move || {
            let container = vault.get(&id, CONTAINER)?.ok_or_else(|| missing(&id, "the container"))?;
            Ok((record, container))
        })
        .await
    }

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

    async fn case(&self, id: &str) -> Result<Case> {
        self.parts.cases.case(id).await?.ok_or_else(|| EvidenceError::NoCase(id.to_owned()))
    }

    fn manifest(&self, case_id: &str) -> Result<Option<String>> {
        let manifest = self.parts.vault.get(case_id, MANIFEST)?;
        Ok(manifest.map(|bytes| String::from_utf8_lossy(&bytes).into_owned()))
    }

    fn package_of(&self, case_id: &str) -> Result<Option<PackageRecord>> {
        Ok(self.parts.vault.get_json(case_id, PACKAGE)?)
    }
}

fn item_name(at: usize) -> String {
    format!("items/{:04}.item", at + 1)
}

fn seal_name(at: usize) -> String {
    format!("items/{:04}.seal", at + 1)
}

fn court_name(name: &str) -> String {
    format!("court/{name}")
}

fn exchange_name(name: &str) -> String {
    format!("exchange/{name}")
}

fn missing(case: &str, what: &'static str) -> EvidenceError {
    EvidenceError::Missing { case: case.to_owned(), what }
}

fn pending_text(stamp: &streife_evidence::seal::Stamp) -> String {
    match &stamp.state {
        StampState::Pending { tries, last_error, .. } => format!(
            "{}: {} (Versuch {tries})",
            stamp.service,
            last_error.as_deref().unwrap_or("noch nicht gefragt")
        ),
        StampState::Stamped { .. } => stamp.service.clone(),
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

/// Disk, hashing and time-stamp services block; they do so on their own threads.
async fn blocking<T: Send + 'static>(work: impl FnOnce() -> Result<T> + Send + 'static) -> Result<T> {
    tokio::task::spawn_blocking(work).await.map_err(|_| EvidenceError::Worker)?
}
