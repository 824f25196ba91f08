//! The certificate of a run: what was due, what was erased, what the proof found afterwards. Counts and hashes, nothing
//! about a person; signed with the site's key and kept as a file.

use std::path::{Path, PathBuf};

use anyhow::Context;
use ed25519_dalek::{Signer, SigningKey};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use streife_domain::{PostId, Timestamp};
use streife_store::ErasureCount;

/// What one run of retention did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Certificate {
    /// The run.
    pub(super) run: String,
    /// When it ended.
    pub(super) at: Timestamp,
    /// The version of Streife.
    pub(super) version: String,
    /// Counts by kind of thing and purpose.
    pub(super) counts: Vec<ErasureCount>,
    /// SHA-256 over the sorted ids of the erased posts: whoever knows an id can show that it was, or was not, among them
    /// by asking for the list, which is not kept.
    pub(super) posts_sha256: String,
    /// Rows found before and after, by table.
    pub(super) rows: Vec<(String, u64, u64)>,
    /// When the last copies in the record log are gone by its own retention; until then tombstones keep them out.
    pub(super) log_gone_by: Timestamp,
    /// Ed25519 public key of the site, hex.
    pub(super) signer: String,
    /// Signature over the JSON of all fields above, hex.
    pub(super) signature: String,
}

impl Certificate {
    /// Fills in signer and signature.
    pub(super) fn sign(mut self, key: &SigningKey) -> anyhow::Result<Self> {
        self.signer = hex::encode(key.verifying_key().as_bytes());
        self.signature = String::new();
        self.signature = hex::encode(key.sign(&serde_json::to_vec(&self)?).to_bytes());
        Ok(self)
    }

    /// Is the signature that of `key`?
    #[cfg(test)]
    pub(super) fn signed_by(&self, key: &ed25519_dalek::VerifyingKey) -> bool {
        let unsigned = Self { signature: String::new(), ..self.clone() };
        let signature = hex::decode(&self.signature).ok();
        let signature = signature.and_then(|raw| ed25519_dalek::Signature::from_slice(&raw).ok());
        let (Some(signature), Ok(bytes)) = (signature, serde_json::to_vec(&unsigned)) else { return false };
        self.signer == hex::encode(key.as_bytes()) && key.verify_strict(&bytes, &signature).is_ok()
    }

    /// SHA-256 of the certificate, hex.
    pub(super) fn sha256(&self) -> anyhow::Result<String> {
        Ok(hex::encode(Sha256::digest(serde_json::to_vec(self)?)))
    }

    /// Writes it into the folder of certificates.
    pub(super) fn keep(&self, folder: &Path) -> anyhow::Result<PathBuf> {
        std::fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
        let path = folder.join(format!("{}.json", self.run));
        let text = serde_json::to_string(self)? + "\n";
        std::fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        Ok(path)
    }
}

/// The hash of a set of posts, whatever their order.
pub(super) fn posts_sha256(posts: &[PostId]) -> String {
    let mut ids: Vec<u128> = posts.iter().map(|post| post.0).collect();
    ids.sort_unstable();
    let mut hash = Sha256::new();
    ids.iter().for_each(|id| hash.update(id.to_be_bytes()));
    hex::encode(hash.finalize())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn certificate() -> Certificate {
        Certificate {
            run: "r".to_owned(),
            at: Timestamp::from_secs(1_800_000_000),
            version: "0".to_owned(),
            counts: Vec::new(),
            posts_sha256: posts_sha256(&[PostId(2), PostId(1)]),
            rows: vec![("hits".to_owned(), 3, 0)],
            log_gone_by: Timestamp::from_secs(1_801_000_000),
            signer: String::new(),
            signature: String::new(),
        }
    }

    #[test]
    fn a_changed_certificate_does_not_verify() {
        let key = SigningKey::from_bytes(&[7; 32]);
        let signed = certificate().sign(&key).unwrap();
        assert!(signed.signed_by(&key.verifying_key()));
        let other = SigningKey::from_bytes(&[8; 32]);
        assert!(!signed.signed_by(&other.verifying_key()));
        let changed = Certificate { rows: vec![("hits".to_owned(), 3, 1)], ..signed.clone() };
        assert!(!changed.signed_by(&key.verifying_key()));
        assert_ne!(changed.sha256().unwrap(), signed.sha256().unwrap());
    }

    #[test]
    fn the_hash_of_posts_does_not_know_their_order() {
        assert_eq!(posts_sha256(&[PostId(1), PostId(2)]), posts_sha256(&[PostId(2), PostId(1)]));
        assert_ne!(posts_sha256(&[PostId(1)]), posts_sha256(&[PostId(2)]));
    }

    #[test]
    fn it_is_kept_as_a_file_that_reads_back() {
        let folder = tempfile::tempdir().unwrap();
        let signed = certificate().sign(&SigningKey::from_bytes(&[7; 32])).unwrap();
        let path = signed.keep(folder.path()).unwrap();
        let read: Certificate = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
        assert_eq!(read, signed);
    }
}
