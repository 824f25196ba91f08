//! Evidence on disk: one folder per case, every file encrypted under the case's own key.
//!
//! The keys lie in a folder of their own, to be backed up apart and with a shorter life. Erasing a case destroys its
//! key: what remains of the files, here and on every backup, is noise. That is what the certificate states, and no
//! more: it cannot speak of copies of the key that somebody made elsewhere.
//!
//! A file is `STRV1`, 12 bytes of nonce, then ChaCha20-Poly1305 over the content with case and name as associated
//! data, so that no file can stand in for another.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};
use ring::aead::{Aad, CHACHA20_POLY1305, LessSafeKey, NONCE_LEN, Nonce, UnboundKey};
use serde::{Deserialize, Serialize};
use streife_domain::Timestamp;
use streife_evidence::merkle::sha256_hex;

const MAGIC: &[u8] = b"STRV1";
const KEY_LEN: usize = 32;
/// Most files of one case.
const MAX_FILES: usize = 20_000;
const CERTIFICATES: &str = "certificates";

/// What is wrong with the vault.
#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    /// A case number or file name that is no plain name.
    #[error("{0:?} cannot be a name in the vault")]
    Name(String),
    /// Reading or writing failed.
    #[error("evidence vault, {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The case's key was destroyed, or never made.
    #[error("the key of case {0} is not there: its evidence was erased, or the keys were not restored")]
    NoKey(String),
    /// A file is not what was written.
    #[error("{0} is damaged or was changed on disk")]
    Damaged(PathBuf),
    /// Encryption failed.
    #[error("the evidence could not be encrypted")]
    Cipher,
}

/// Proof of an erasure; its SHA-256 goes into the case.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Certificate {
    /// The case.
    pub case: String,
    /// When.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// What was done.
    pub method: String,
    /// SHA-256 of the destroyed key: proves later that a key found somewhere was, or was not, this one.
    pub key_sha256: Option<String>,
    /// The encrypted files that became unreadable: name and SHA-256 as they lay on disk, also in backups.
    pub files: Vec<(String, String)>,
    /// Ed25519 public key of the site, hex.
    pub signer: String,
    /// Signature over the JSON of all fields above, hex.
    pub signature: String,
}

impl Certificate {
    fn signed_bytes(&self) -> Vec<u8> {
        let unsigned = Self { signature: String::new(), ..self.clone() };
        serde_json::to_vec(&unsigned).unwrap_or_default()
    }

    /// Is the signature that of `key`?
    pub fn signed_by(&self, key: &VerifyingKey) -> bool {
        let signature = hex::decode(&self.signature).ok();
        let signature = signature.and_then(|raw| ed25519_dalek::Signature::from_slice(&raw).ok());
        self.signer == hex::encode(key.as_bytes())
            && signature.is_some_and(|signature| key.verify(&self.signed_bytes(), &signature).is_ok())
    }

    /// SHA-256 of the certificate, hex.
    pub fn sha256(&self) -> String {
        sha256_hex(&serde_json::to_vec(self).unwrap_or_default())
    }
}

/// The vault.
#[derive(Debug, Clone)]
pub struct Vault {
    folder: PathBuf,
    keys: PathBuf,
}

impl Vault {
    /// In `folder`, with the keys in `keys`; both are made when missing.
    ///
    /// # Errors
    /// When they cannot be made.
    pub fn open(folder: &Path, keys: &Path) -> Result<Self, VaultError> {
        for path in [folder, keys] {
            fs::create_dir_all(path).map_err(at(path))?;
        }
        restrict(keys).map_err(at(keys))?;
        restrict(folder).map_err(at(folder))?;
        Ok(Self { folder: folder.to_owned(), keys: keys.to_owned() })
    }

    /// Writes a file durably; a reader sees the old content or the new, never a part.
    ///
    /// # Errors
    /// [`VaultError`]; then the old content stands.
    pub fn put(&self, case: &str, name: &str, content: &[u8]) -> Result<(), VaultError> {
        let path = self.path(case, name)?;
        let key = self.key(case, true)?;
        let nonce: [u8; NONCE_LEN] = rand::random();
        let mut sealed = content.to_vec();
        cipher(&key)?
            .seal_in_place_append_tag(Nonce::assume_unique_for_key(nonce), aad(case, name), &mut sealed)
            .map_err(|_| VaultError::Cipher)?;
        write_durably(&path, &[MAGIC, &nonce, &sealed]).map_err(at(&path))
    }

    /// Reads a file; `None` when it was never written.
    ///
    /// # Errors
    /// [`VaultError::NoKey`] after erasure, [`VaultError::Damaged`] when it was changed.
    pub fn get(&self, case: &str, name: &str) -> Result<Option<Vec<u8>>, VaultError> {
        let path = self.path(case, name)?;
        let bytes = match fs::read(&path) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            Err(source) => return Err(VaultError::Io { path, source }),
        };
        let key = self.key(case, false)?;
        let damaged = || VaultError::Damaged(path.clone());
        let rest = bytes.strip_prefix(MAGIC).ok_or_else(damaged)?;
        let (nonce, sealed) = rest.split_at_checked(NONCE_LEN).ok_or_else(damaged)?;
        let nonce = Nonce::try_assume_unique_for_key(nonce).map_err(|_| damaged())?;
        let mut opened = sealed.to_vec();
        let length =
            cipher(&key)?.open_in_place(nonce, aad(case, name), &mut opened).map_err(|_| damaged())?.len();
        opened.truncate(length);
        Ok(Some(opened))
    }

    /// Writes a value as JSON.
    ///
    /// # Errors
    /// As [`Self::put`].
    pub fn put_json(&self, case: &str, name: &str, value: &impl Serialize) -> Result<(), VaultError> {
        self.put(case, name, &serde_json::to_vec(value).map_err(|_| VaultError::Name(name.to_owned()))?)
    }

    /// Reads a value written by [`Self::put_json`].
    ///
    /// # Errors
    /// As [`Self::get`]; damaged when it does not read.
    pub fn get_json<T: serde::de::DeserializeOwned>(
        &self,
        case: &str,
        name: &str,
    ) -> Result<Option<T>, VaultError> {
        let Some(bytes) = self.get(case, name)? else { return Ok(None) };
        let path = self.path(case, name)?;
        serde_json::from_slice(&bytes).map(Some).map_err(|_| VaultError::Damaged(path))
    }

    /// Names of the files of a case, sorted.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn names(&self, case: &str) -> Result<Vec<String>, VaultError> {
        check_name(case)?;
        let folder = self.folder.join(case);
        let mut names = Vec::new();
        match fs::read_dir(&folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(names),
            Err(source) => return Err(VaultError::Io { path: folder, source }),
            Ok(entries) => {
                for entry in entries.take(MAX_FILES) {
                    let name = entry.map_err(at(&folder))?.file_name().to_string_lossy().into_owned();
                    if !name.ends_with(".part") {
                        names.push(name.replace('+', "/"));
                    }
                }
            }
        }
        names.sort();
        Ok(names)
    }

    /// Every case of which something lies here, sorted.
    ///
    /// # Errors
    /// When the folder cannot be read.
    pub fn cases(&self) -> Result<Vec<String>, VaultError> {
        let mut cases = Vec::new();
        for entry in fs::read_dir(&self.folder).map_err(at(&self.folder))? {
            let name = entry.map_err(at(&self.folder))?.file_name().to_string_lossy().into_owned();
            // What is no case (certificates, lost+found) is not ours to read as one.
            if check_name(&name).is_ok() && self.folder.join(&name).is_dir() {
                cases.push(name);
            }
        }
        cases.sort();
        Ok(cases)
    }

    /// Destroys the key of a case and then its files, and certifies it. Nothing is readable after the first half, so
    /// a crash between the halves loses no erasure; calling it again finishes it.
    ///
    /// # Errors
    /// When the key could not be destroyed.
    pub fn shred(
        &self,
        case: &str,
        by: &str,
        now: Timestamp,
        signer: &SigningKey,
    ) -> Result<Certificate, VaultError> {
        check_name(case)?;
        let mut files = Vec::new();
        for name in self.names(case)? {
            let path = self.path(case, &name)?;
            files.push((name, sha256_hex(&fs::read(&path).map_err(at(&path))?)));
        }
        let key_path = self.key_path(case);
        let key_sha256 = match fs::read(&key_path) {
            Ok(key) => {
                // Overwritten before it is unlinked: on plain disks its bytes are gone, elsewhere as far as the
                // medium goes; keys of a site with flash or copy-on-write storage belong on a volume that is
                // encrypted itself.
                overwrite(&key_path, key.len()).map_err(at(&key_path))?;
                fs::remove_file(&key_path).map_err(at(&key_path))?;
                sync_folder(&self.keys).map_err(at(&self.keys))?;
                Some(sha256_hex(&key))
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => None,
            Err(source) => return Err(VaultError::Io { path: key_path, source }),
        };
        let folder = self.folder.join(case);
        if folder.exists() {
            fs::remove_dir_all(&folder).map_err(at(&folder))?;
        }
        let mut certificate = Certificate {
            case: case.to_owned(),
            at: now,
            by: by.to_owned(),
            method: "key of the case destroyed (ChaCha20-Poly1305, one key per case), files removed"
                .to_owned(),
            key_sha256,
            files,
            signer: hex::encode(signer.verifying_key().as_bytes()),
            signature: String::new(),
        };
        certificate.signature = hex::encode(signer.sign(&certificate.signed_bytes()).to_bytes());
        let path = self.folder.join(CERTIFICATES).join(format!("{case}-{}.json", now.as_micros()));
        let json = serde_json::to_vec(&certificate).unwrap_or_default();
        write_durably(&path, &[&json]).map_err(at(&path))?;
        Ok(certificate)
    }

    fn path(&self, case: &str, name: &str) -> Result<PathBuf, VaultError> {
        check_name(case)?;
        if !name.split('/').all(|part| check_name(part).is_ok()) || name.len() > 180 {
            return Err(VaultError::Name(name.to_owned()));
        }
        Ok(self.folder.join(case).join(name.replace('/', "+")))
    }

    fn key_path(&self, case: &str) -> PathBuf {
        self.keys.join(format!("{case}.key"))
    }

    fn key(&self, case: &str, make: bool) -> Result<[u8; KEY_LEN], VaultError> {
        let path = self.key_path(case);
        match fs::read(&path) {
            Ok(bytes) => bytes.try_into().map_err(|_| VaultError::Damaged(path)),
            Err(error) if error.kind() == io::ErrorKind::NotFound && make => {
                // Files without a key were erased, or their keys not restored: a new key must not hide that.
                if !self.names(case)?.is_empty() {
                    return Err(VaultError::NoKey(case.to_owned()));
                }
                let key: [u8; KEY_LEN] = rand::random();
                write_durably(&path, &[&key]).map_err(at(&path))?;
                Ok(key)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Err(VaultError::NoKey(case.to_owned())),
            Err(source) => Err(VaultError::Io { path, source }),
        }
    }
}

fn at(path: &Path) -> impl FnOnce(io::Error) -> VaultError + use<> {
    let path = path.to_owned();
    move |source| VaultError::Io { path, source }
}

fn check_name(name: &str) -> Result<(), VaultError> {
    let plain = !name.is_empty()
        && name.len() <= 100
        && !name.starts_with('.')
        && name != CERTIFICATES
        && name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-".contains(&b));
    if plain { Ok(()) } else { Err(VaultError::Name(name.to_owned())) }
}

fn cipher(key: &[u8; KEY_LEN]) -> Result<LessSafeKey, VaultError> {
    UnboundKey::new(&CHACHA20_POLY1305, key).map(LessSafeKey::new).map_err(|_| VaultError::Cipher)
}

fn aad(case: &str, name: &str) -> Aad<Vec<u8>> {
    Aad::from([case.as_bytes(), b"\0", name.as_bytes()].concat())
}

fn write_durably(path: &Path, parts: &[&[u8]]) -> io::Result<()> {
    let folder = path.parent().unwrap_or(Path::new("."));
    fs::create_dir_all(folder)?;
    let mut part = path.as_os_str().to_owned();
    part.push(".part");
    let part = PathBuf::from(part);
    let written = (|| {
        let mut file = create_private(&part)?;
        for bytes in parts {
            file.write_all(bytes)?;
        }
        file.sync_all()?;
        fs::rename(&part, path)?;
        sync_folder(folder)
    })();
    if written.is_err() {
        // A full disk leaves a part behind that helps nobody.
        let _ = fs::remove_file(&part);
    }
    written
}

fn create_private(path: &Path) -> io::Result<fs::File> {
    let mut options = fs::OpenOptions::new();
    options.write(true).create(true).truncate(true);
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600);
    }
    options.open(path)
}

fn restrict(folder: &Path) -> io::Result<()> {
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(folder, fs::Permissions::from_mode(0o700))?;
    }
    Ok(())
}

fn overwrite(path: &Path, length: usize) -> io::Result<()> {
    let mut file = fs::OpenOptions::new().write(true).open(path)?;
    file.write_all(&vec![0; length])?;
    file.sync_all()
}

fn sync_folder(folder: &Path) -> io::Result<()> {
    fs::File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault(folder: &Path) -> Vault {
        Vault::open(&folder.join("evidence"), &folder.join("keys")).unwrap()
    }

    fn key() -> SigningKey {
        SigningKey::from_bytes(&[7; 32])
    }

    #[test]
    fn what_is_kept_reads_back_and_lies_encrypted_on_disk() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(folder.path());
        vault.put("c1", "items/0001", b"some plain words").unwrap();
        assert_eq!(vault.get("c1", "items/0001").unwrap().unwrap(), b"some plain words");
        assert_eq!(vault.get("c1", "items/0002").unwrap(), None);
        assert_eq!(vault.names("c1").unwrap(), ["items/0001"]);
        let on_disk = fs::read(folder.path().join("evidence/c1/items+0001")).unwrap();
        assert!(!on_disk.windows(5).any(|w| w == b"plain"));
    }

    #[test]
    fn a_changed_swapped_or_cut_file_is_found() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(folder.path());
        vault.put("c1", "a", b"one").unwrap();
        vault.put("c1", "b", b"two").unwrap();
        let (a, b) = (folder.path().join("evidence/c1/a"), folder.path().join("evidence/c1/b"));
        fs::copy(&b, &a).unwrap();
        assert!(matches!(vault.get("c1", "a"), Err(VaultError::Damaged(_))));
        let good = fs::read(&b).unwrap();
        for at in 0..good.len() {
            let mut changed = good.clone();
            changed[at] ^= 1;
            fs::write(&b, &changed).unwrap();
            assert!(matches!(vault.get("c1", "b"), Err(VaultError::Damaged(_))), "byte {at}");
            fs::write(&b, &good[..at]).unwrap();
            assert!(matches!(vault.get("c1", "b"), Err(VaultError::Damaged(_))), "cut at {at}");
        }
    }

    #[test]
    fn names_cannot_leave_the_vault() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(folder.path());
        for name in ["", "..", "../x", "a/../b", "/etc/x", ".hidden", "a b", "a+b"] {
            assert!(matches!(vault.put("c1", name, b""), Err(VaultError::Name(_))), "{name}");
            assert!(matches!(vault.put(name, "a", b""), Err(VaultError::Name(_))), "{name}");
        }
    }

    fn copy_folder(from: &Path, to: &Path) {
        fs::create_dir_all(to).unwrap();
        for entry in fs::read_dir(from).unwrap() {
            let entry = entry.unwrap();
            let target = to.join(entry.file_name());
            if entry.file_type().unwrap().is_dir() {
                copy_folder(&entry.path(), &target);
            } else {
                fs::copy(entry.path(), target).unwrap();
            }
        }
    }

    #[test]
    fn a_backup_restores_and_a_backup_of_an_erased_case_stays_unreadable() {
        let folder = tempfile::tempdir().unwrap();
        let (live, backup) = (folder.path().join("live"), folder.path().join("backup"));
        let vault = vault(&live);
        vault.put("kept", "items/0001", b"kept words").unwrap();
        vault.put("gone", "items/0001", b"gone words").unwrap();
        copy_folder(&live.join("evidence"), &backup.join("evidence"));
        let certificate =
            vault.shred("gone", "leitung", Timestamp::from_secs(1_800_000_000), &key()).unwrap();
        assert!(certificate.signed_by(&key().verifying_key()));
        assert_eq!(certificate.files.len(), 1);
        assert_eq!(vault.get("gone", "items/0001").unwrap(), None);
        // The disk fails; evidence comes from the backup of before the erasure, keys from the present.
        fs::remove_dir_all(live.join("evidence")).unwrap();
        copy_folder(&backup.join("evidence"), &live.join("evidence"));
        let restored = self::vault(&live);
        assert_eq!(restored.get("kept", "items/0001").unwrap().unwrap(), b"kept words");
        assert!(matches!(restored.get("gone", "items/0001"), Err(VaultError::NoKey(_))));
        // Nor can it be written to as if nothing had been: the old files would look current.
        assert!(matches!(restored.put("gone", "items/0002", b"x"), Err(VaultError::NoKey(_))));
    }

    #[test]
    fn a_changed_certificate_is_not_signed() {
        let folder = tempfile::tempdir().unwrap();
        let vault = vault(folder.path());
        vault.put("c1", "a", b"one").unwrap();
        let good = vault.shred("c1", "leitung", Timestamp::from_secs(1_800_000_000), &key()).unwrap();
        let changed = Certificate { by: "other".into(), ..good.clone() };
        assert!(good.signed_by(&key().verifying_key()) && !changed.signed_by(&key().verifying_key()));
        assert_ne!(good.sha256(), changed.sha256());
        // Erasing what is erased is no error, and says that there was nothing left.
        let again = vault.shred("c1", "leitung", Timestamp::from_secs(1_800_000_001), &key()).unwrap();
        assert!(again.key_sha256.is_none() && again.files.is_empty());
    }
}
