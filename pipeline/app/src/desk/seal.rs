//! Seals what was collected of an item when a reviewer calls it suspect: the bytes as observed, their hashes, a
//! signed manifest. Files lie under `evidence/` in the data folder, one folder for each case.

use std::path::PathBuf;
use std::sync::Arc;

use async_trait::async_trait;
use ed25519_dalek::{Signer, SigningKey};
use sha2::{Digest, Sha256};
use streife_cases::workflow::{Case, Seal};
use streife_domain::{Identity, Timestamp};
use streife_evidence::seal::{DemoTsa, Seal as StampedSeal, TimeStampService};
use streife_store::Store;
use streife_web::EvidenceSealer;
use streife_web::reader::FlaggedItem;

use crate::open;

/// Writes sealed items.
pub(crate) struct Sealer {
    folder: PathBuf,
    key: SigningKey,
    store: Arc<Store>,
    services: Vec<DemoTsa>,
}

impl Sealer {
    /// In `folder`. A demonstration has time-stamp services of its own, which prove nothing and say so.
    pub(crate) fn new(folder: PathBuf, key: [u8; 32], store: Arc<Store>, demo: bool) -> anyhow::Result<Self> {
        let services = if demo {
            vec![DemoTsa::new("Dienst 1", open::clock())?, DemoTsa::new("Dienst 2", open::clock())?]
        } else {
            Vec::new()
        };
        Ok(Self { folder, key: SigningKey::from_bytes(&key), store, services })
    }

    fn write(
        &self,
        case: &Case,
        files: &[(&str, Vec<u8>)],
        at: Timestamp,
    ) -> anyhow::Result<(String, Vec<String>)> {
        let services: Vec<&dyn TimeStampService> = self.services.iter().map(|service| service as _).collect();
        let mut seal =
            StampedSeal::over(files.iter().map(|(name, bytes)| (*name, bytes.as_slice())), &services, at);
        seal.stamp(&services, &*open::clock());
        let manifest = serde_json::to_vec_pretty(&seal)?;
        let folder = self.folder.join(&case.id);
        let unfinished = self.folder.join(format!(".{}.part", case.id));
        std::fs::create_dir_all(&unfinished)?;
        for (name, bytes) in files {
            std::fs::write(unfinished.join(name), bytes)?;
        }
        std::fs::write(unfinished.join("manifest.json"), &manifest)?;
        let signature = hex::encode(self.key.sign(&manifest).to_bytes());
        std::fs::write(unfinished.join("manifest.json.sig"), signature)?;
        // A folder appears whole or not at all; an earlier seal of the case is kept beside.
        if folder.exists() {
            std::fs::rename(&folder, self.folder.join(format!("{}.{}", case.id, at.as_micros())))?;
        }
        std::fs::rename(&unfinished, &folder)?;
        Ok((
            hex::encode(Sha256::digest(&manifest)),
            self.services.iter().map(|s| s.name().to_owned()).collect(),
        ))
    }
}

#[async_trait]
impl EvidenceSealer for Sealer {
    async fn seal(
        &self,
        case: &Case,
        item: &FlaggedItem,
        identity: &Identity,
        by: &str,
        at: Timestamp,
    ) -> Result<Seal, String> {
        let collected = self.store.identity(item.post.post_id).await.map_err(|e| e.to_string())?;
        let raw = collected.map(|found| found.raw.to_vec()).unwrap_or_default();
        let encoded = |value: Result<Vec<u8>, serde_json::Error>| value.map_err(|e| e.to_string());
        let files = [
            ("post.json", encoded(serde_json::to_vec_pretty(&item.post))?),
            ("verdict.json", encoded(serde_json::to_vec_pretty(&item.verdict))?),
            ("identity.json", encoded(serde_json::to_vec_pretty(identity))?),
            ("raw.bin", raw),
        ];
        let (manifest_sha256, time_stamps) = self.write(case, &files, at).map_err(|e| format!("{e:#}"))?;
        Ok(Seal { manifest_sha256, package: case.id.clone(), at, by: by.to_owned(), time_stamps })
    }
}
