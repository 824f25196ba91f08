//! Stamps anew over the old ones, before the certificates behind them end.

use std::sync::Arc;

use serde_json::json;
use streife_cases::workflow::CaseState;
use streife_domain::Timestamp;
use streife_evidence::seal::{Seal, TimeStampService};

use super::errors::Result;
use super::{Evidence, MANIFEST, MIN_SERVICES, blocking};

/// Stamps are renewed when the certificate behind one of them ends within half a year.
const RENEW_BEFORE_SECS: i64 = 180 * 86_400;

const RENEWALS: &str = "renewals/";

impl Evidence {
    /// Stamps the evidence of every sealed case anew whose stamps end soon: over the manifest, every seal with its
    /// tokens and every earlier renewal, so that the chain of proof is never broken. Returns how many.
    ///
    /// # Errors
    /// When the case database fails; single cases are tried again in the next round.
    pub async fn renew_due(&self) -> Result<usize> {
        let vault = self.parts.vault.clone();
        // Asked of the vault: the database hands out its latest cases, and it is the oldest whose stamps end.
        let kept = blocking(move || Ok(vault.cases()?)).await?;
        let mut renewed = 0;
        for id in kept {
            let Some(case) = self.parts.cases.case(&id).await? else { continue };
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
            let mut newest: Option<String> = None;
            for name in vault.names(&id)? {
                let counts = name == MANIFEST || name.ends_with(".seal");
                let Some(content) = vault.get(&id, &name)?.filter(|_| counts) else { continue };
                if name.starts_with(RENEWALS) || name.starts_with("items/") {
                    let seal: Option<Seal> = vault.get_json(&id, &name)?;
                    let ends = seal.as_ref().and_then(Seal::reliable_until);
                    newest = seal.filter(|_| name.starts_with(RENEWALS)).map(|seal| seal.root).or(newest);
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
                return Ok((false, newest));
            }
            let services: Vec<&dyn TimeStampService> = services.iter().map(AsRef::as_ref).collect();
            let named = objects.iter().map(|(name, content)| (name.as_str(), content.as_slice()));
            let mut seal = Seal::over(named, &services, now);
            seal.stamp(&services, &*clock);
            // Half a renewal is none; the next round makes it whole.
            if !seal.is_complete() || services.len() < MIN_SERVICES {
                return Ok((false, newest));
            }
            let number = objects.iter().filter(|(name, _)| name.starts_with(RENEWALS)).count() + 1;
            vault.put_json(&id, &format!("{RENEWALS}{number:04}.seal"), &seal)?;
            Ok((true, Some(seal.root)))
        })
        .await?;
        let (renewed, newest) = renewal;
        if let Some(root) = newest {
            self.note_once(case_id, "system", "evidence.renewed", "root", json!({"root": root})).await?;
        }
        Ok(renewed)
    }
}
