//! The container: a BagIt 1.0 bag (RFC 8493, sha256), signed and time-stamped over its tag manifest.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use ed25519_dalek::pkcs8::EncodePublicKey;
use ed25519_dalek::pkcs8::spki::der::pem::LineEnding;
use ed25519_dalek::{Signer, SigningKey};
use streife_domain::{Clock, Timestamp};

use super::zip::Files;
use super::{MANIFEST, SIGNATURE, SIGNER, TAG_MANIFEST, anchor_name, readme, stamp_name};
use crate::merkle::{sha256, sha256_hex};
use crate::seal::{StampState, TimeStampService, obtain};

/// The Ed25519 key that signs packages. Its bytes never show.
pub struct PackageKey(SigningKey);

impl PackageKey {
    /// From the key.
    pub fn new(key: SigningKey) -> Self {
        Self(key)
    }
    /// The public key.
    pub fn public(&self) -> [u8; 32] {
        self.0.verifying_key().to_bytes()
    }
}

impl std::fmt::Debug for PackageKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "PackageKey({})", hex::encode(self.public()))
    }
}

/// A bag before signing: payload and what its head says.
#[derive(Debug)]
pub struct Bag {
    /// Payload files, each under `data/`.
    pub payload: Files,
    /// Who sends it.
    pub organization: String,
    /// How to reach them, one line.
    pub contact: String,
    /// The case number.
    pub case_no: String,
    /// When it was made.
    pub created_at: Timestamp,
}

/// A finished bag.
#[derive(Debug)]
pub struct StampedBag {
    /// All files, without the folder in front.
    pub files: Files,
}

impl Bag {
    /// Adds tag files, manifests, signature and one time stamp per service.
    ///
    /// # Errors
    /// Name of the service that gave no stamp, and why.
    pub fn finish(
        self,
        key: &PackageKey,
        services: &[&dyn TimeStampService],
        clock: &dyn Clock,
    ) -> Result<StampedBag, (String, String)> {
        let mut files = self.payload;
        let manifest = manifest(&files);
        let bytes: usize = files.values().map(Vec::len).sum();
        let info = format!(
            "Source-Organization: {}\nContact-Name: {}\nExternal-Identifier: {}\nBagging-Date: {}\n\
             Payload-Oxum: {bytes}.{}\nBag-Software-Agent: Streife {}\n",
            line(&self.organization),
            line(&self.contact),
            line(&self.case_no),
            self.created_at.to_string().get(..10).unwrap_or_default(),
            files.len(),
            env!("CARGO_PKG_VERSION"),
        );
        let pem = key_pem(key)?;
        let mut tags: Files = [
            ("bagit.txt", b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n".to_vec()),
            ("bag-info.txt", info.into_bytes()),
            (MANIFEST, manifest.into_bytes()),
            (SIGNER, pem.into_bytes()),
            ("LIESMICH.txt", readme::readme(&self.case_no, services, &key.public()).into_bytes()),
        ]
        .map(|(name, content)| (name.to_owned(), content))
        .into();
        for (at, service) in services.iter().enumerate() {
            tags.insert(anchor_name(at + 1), service.anchor_pem().as_bytes().to_vec());
        }
        let tag_manifest = self::manifest(&tags).into_bytes();
        let hash = sha256(&tag_manifest);
        for (at, service) in services.iter().enumerate() {
            let state =
                obtain(*service, &hash, clock.now()).map_err(|why| (service.name().to_owned(), why))?;
            let response = match state {
                StampState::Stamped { response, .. } => STANDARD.decode(response).unwrap_or_default(),
                StampState::Pending { .. } => Vec::new(),
            };
            tags.insert(stamp_name(at + 1), response);
        }
        tags.insert(SIGNATURE.to_owned(), key.0.sign(&tag_manifest).to_bytes().to_vec());
        tags.insert(TAG_MANIFEST.to_owned(), tag_manifest);
        files.append(&mut tags);
        Ok(StampedBag { files })
    }
}

fn key_pem(key: &PackageKey) -> Result<String, (String, String)> {
    let pem = key.0.verifying_key().to_public_key_pem(LineEnding::LF);
    pem.map_err(|error| ("Ed25519".to_owned(), error.to_string()))
}

/// `hash  path` lines as `sha256sum` writes and checks them.
fn manifest(files: &Files) -> String {
    files.iter().map(|(path, content)| format!("{}  {path}\n", sha256_hex(content))).collect()
}

/// A value of `bag-info.txt` stays on its line.
fn line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
