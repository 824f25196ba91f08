//! The package of an approved case: made once per approval, of exactly what was sealed; kept, exported, handed out.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use serde_json::json;
use streife_cases::ledger::custody_ledger;
use streife_cases::workflow::{Case, CaseState, Move};
use streife_domain::Timestamp;
use streife_evidence::exchange::{self, Tlp};
use streife_evidence::merkle::sha256_hex;
use streife_evidence::package::{self, Built, PackageKey};
use streife_evidence::seal::TimeStampService;
use streife_evidence::{CapturedItem, CreateError, Created, ReferralInput};

use super::errors::Result;
use super::{Evidence, FOUND, PackageRecord, blocking, item_name, missing, seal_name};
use crate::compose::{self, ComposeError, Decided};
use crate::found::Found;
use crate::vault::VaultError;

const PACKAGE: &str = "package";
const CONTAINER: &str = "container";

impl Evidence {
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
            self.note_packaged(case_id, &record).await?;
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
        self.note_packaged(case_id, &record).await?;
        Ok(record)
    }

    async fn note_packaged(&self, case_id: &str, record: &PackageRecord) -> Result<()> {
        let details = json!({"container": format!("{}.zip", record.name), "sha256": record.sha256, "bytes": record.bytes});
        self.note_once(case_id, "system", "evidence.packaged", "sha256", details).await
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

    fn package_of(&self, case_id: &str) -> Result<Option<PackageRecord>> {
        Ok(self.parts.vault.get_json(case_id, PACKAGE)?)
    }

    /// The package that stands for the case now.
    pub(super) async fn packed(&self, case_id: &str) -> Result<PackageRecord> {
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

    /// Writes both outputs of the package into `out`.
    ///
    /// # Errors
    /// When there is no package or it cannot be written.
    pub async fn export(&self, case_id: &str, out: &Path, by: &str) -> Result<Created> {
        let record = self.packed(case_id).await?;
        let details = json!({"to": out.display().to_string(), "sha256": record.sha256});
        // On record before a byte leaves: a crash must not leave a copy that nobody knows of.
        self.note(case_id, by, "evidence.export_begun", details.clone()).await?;
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
}

fn court_name(name: &str) -> String {
    format!("court/{name}")
}

fn exchange_name(name: &str) -> String {
    format!("exchange/{name}")
}
