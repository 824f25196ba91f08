//! Secures and stamps: collected, hashed and kept under a manifest, then time-stamped by every service.

use std::fmt::Write as _;
use std::sync::Arc;

use serde_json::json;
use streife_cases::workflow::{Actor, Case, CaseState, Move, Seal as CaseSeal};
use streife_evidence::merkle::sha256_hex;
use streife_evidence::seal::{Seal, StampState, TimeStampService};
use streife_evidence::{CapturedItem, ItemRole, capture, package};

use super::errors::Result;
use super::{
    Evidence, EvidenceError, FOUND, MANIFEST, MAX_REASON_CHARS, MIN_SERVICES, Secured, blocking, item_name,
    missing, seal_name,
};
use crate::vault::Vault;

impl Evidence {
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
        self.note_secured(&case.id, by).await?;
        self.stamp(&case.id, by).await
    }

    /// Collects, hashes and keeps. Captures of an earlier try that was cut short (a full disk, a crash) stay and come
    /// first: the page may have gone since.
    async fn keep(&self, case: &Case, by: &str) -> Result<()> {
        let collected = self.parts.collector.collect(case, by).await.map_err(EvidenceError::Collect)?;
        let mut items = vec![collected.found.capture(&collected.circumstances)?];
        items.extend(collected.captures);
        let (vault, id, now) = (self.parts.vault.clone(), case.id.clone(), self.now());
        let services = self.parts.services.clone();
        blocking(move || {
            let services: Vec<&dyn TimeStampService> = services.iter().map(AsRef::as_ref).collect();
            let mut kept = captures(&vault, &id)?;
            items.retain(|item| !kept.iter().any(|(earlier, _)| is_same_post(earlier, item)));
            for mut item in items {
                item.seal = None;
                let files = capture::objects(&item);
                let named = files.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
                let seal = Seal::over(named, &services, now);
                vault.put_json(&id, &item_name(kept.len()), &item)?;
                vault.put_json(&id, &seal_name(kept.len()), &seal)?;
                kept.push((item, seal));
            }
            let mut manifest = String::new();
            for (at, (_, seal)) in kept.iter().enumerate() {
                let _ = writeln!(manifest, "{} {}", package::item_folder(at), seal.root);
            }
            vault.put_json(&id, FOUND, &collected.found)?;
            // From here on it counts.
            Ok(vault.put(&id, MANIFEST, manifest.as_bytes())?)
        })
        .await
    }

    /// What was secured, and what is missing of it, in the custody ledger.
    async fn note_secured(&self, case_id: &str, by: &str) -> Result<()> {
        let (vault, id) = (self.parts.vault.clone(), case_id.to_owned());
        let details = blocking(move || {
            let manifest = vault.get(&id, MANIFEST)?.ok_or_else(|| missing(&id, "the manifest"))?;
            let mut noted = Vec::new();
            for (at, (item, seal)) in captures(&vault, &id)?.iter().enumerate() {
                let missing: Vec<&str> = item.missing.iter().map(|missing| missing.what.as_str()).collect();
                noted.push(json!({"folder": package::item_folder(at), "role": item.role, "root": seal.root, "missing": missing}));
            }
            Ok(json!({"manifest_sha256": sha256_hex(&manifest), "items": noted}))
        })
        .await?;
        self.note_once(case_id, by, "evidence.secured", "manifest_sha256", details).await
    }

    /// Asks for the stamps whose time has come.
    async fn stamp(&self, case_id: &str, by: &str) -> Result<Secured> {
        let (vault, id) = (self.parts.vault.clone(), case_id.to_owned());
        let (services, clock) = (self.parts.services.clone(), Arc::clone(&self.parts.clock));
        let seals = blocking(move || {
            let services: Vec<&dyn TimeStampService> = services.iter().map(AsRef::as_ref).collect();
            let mut seals = Vec::new();
            for at in 0.. {
                let Some(mut seal) = vault.get_json::<Seal>(&id, &seal_name(at))? else { break };
                // A service that was configured since is asked too; one that was removed is not waited for.
                seal.match_services(&services, clock.now());
                let before = seal.clone();
                seal.stamp(&services, &*clock);
                if seal != before {
                    vault.put_json(&id, &seal_name(at), &seal)?;
                }
                seals.push(seal);
            }
            Ok(seals)
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
        let details = json!({"manifest_sha256": manifest_sha256, "services": time_stamps});
        self.note_once(case_id, by, "evidence.stamped", "manifest_sha256", details).await?;
        let package = case_id.to_owned();
        Ok(Secured::Sealed(CaseSeal {
            manifest_sha256,
            package,
            at: self.now(),
            by: by.to_owned(),
            time_stamps,
        }))
    }
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

/// The whole captures that are there, with their seals.
fn captures(vault: &Vault, case: &str) -> Result<Vec<(CapturedItem, Seal)>> {
    let mut kept = Vec::new();
    if vault.names(case)?.is_empty() {
        return Ok(kept);
    }
    for at in 0.. {
        let item = vault.get_json::<CapturedItem>(case, &item_name(at))?;
        let (Some(item), Some(seal)) = (item, vault.get_json::<Seal>(case, &seal_name(at))?) else { break };
        kept.push((item, seal));
    }
    Ok(kept)
}

/// The post itself comes from the same bytes in every try; once is enough.
fn is_same_post(earlier: &CapturedItem, later: &CapturedItem) -> bool {
    earlier.role == ItemRole::Post
        && later.role == ItemRole::Post
        && earlier.response.body == later.response.body
}
