//! The two ledgers: append-only entries, each carrying the hash of the one before.
//!
//! *Audit* has one chain per year (`audit/2026`); a sealed year can be erased, its Merkle root stays.
//! *Custody* has one chain per case (`custody/<case>`) and lives as long as the case.
//! What can be changed unseen? Nothing before the last signed checkpoint; after it only by whoever holds both
//! the database and the signing key.

use ed25519_dalek::{Signature, Signer, SigningKey, Verifier, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use streife_domain::Timestamp;

use crate::canonical::{canonical, canonical_sha256};
use crate::merkle::{self, Hash};
use crate::tenant::Tenant;

/// What the first entry of a chain names as the one before it.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// One line of a ledger.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Entry {
    /// Which chain: `audit/2026` or `custody/<case>`.
    pub ledger: String,
    /// Place in the chain, from 0.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who: user id, or `system`.
    pub actor: String,
    /// In which role.
    pub role: String,
    /// What was done, such as `read.item`.
    pub action: String,
    /// To what: post id, case number, rule id.
    pub subject: String,
    /// Why, or the case number that is the reason.
    pub reason: String,
    /// Further facts; never post text.
    pub details: Value,
    /// Hash of the entry before; [`GENESIS`] for the first.
    pub prev: String,
    /// SHA-256 over the canonical JSON of all fields above.
    pub hash: String,
}

/// What is to be written; the chain fields come with appending.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// In which role.
    pub role: String,
    /// What was done.
    pub action: String,
    /// To what.
    pub subject: String,
    /// Why.
    pub reason: String,
    /// Further facts; never post text.
    pub details: Value,
}

/// The name of the audit chain that `at` belongs to.
pub fn audit_ledger(at: Timestamp) -> String {
    // RFC 3339 starts with the year; times outside years 0..=9999 do not occur on our own clock.
    format!("audit/{}", at.to_string().chars().take(4).collect::<String>())
}

/// The name of the audit chain of a tenant that `at` belongs to: each has its own, the house's has no second name.
pub fn audit_ledger_of(tenant: &Tenant, at: Timestamp) -> String {
    let house = audit_ledger(at);
    if tenant.is_house() { house } else { format!("{house}/{}", tenant.as_str()) }
}

/// The name of a case's custody chain.
pub fn custody_ledger(case: &str) -> String {
    format!("custody/{case}")
}

impl Entry {
    /// The entry that follows (`prev_seq`, `prev_hash`); `None` when it is the first of its chain.
    ///
    /// # Errors
    /// When the details have no JSON form.
    pub fn after(ledger: &str, previous: Option<(u64, &str)>, note: Note) -> Result<Self, serde_json::Error> {
        let (seq, prev) = previous.map_or((0, GENESIS), |(seq, hash)| (seq + 1, hash));
        let mut entry = Self {
            ledger: ledger.to_owned(),
            seq,
            at: note.at,
            actor: note.actor,
            role: note.role,
            action: note.action,
            subject: note.subject,
            reason: note.reason,
            details: note.details,
            prev: prev.to_owned(),
            hash: String::new(),
        };
        entry.hash = entry.computed_hash()?;
        Ok(entry)
    }

    /// The hash this entry should have.
    ///
    /// # Errors
    /// When the details have no JSON form.
    pub fn computed_hash(&self) -> Result<String, serde_json::Error> {
        let mut value = serde_json::to_value(self)?;
        if let Value::Object(map) = &mut value {
            map.remove("hash");
        }
        canonical_sha256(&value)
    }

    /// The leaf of the segment's Merkle tree: RFC 6962 leaf hash over the canonical JSON of the whole entry.
    ///
    /// # Errors
    /// When the details have no JSON form.
    pub fn leaf(&self) -> Result<Hash, serde_json::Error> {
        Ok(merkle::leaf_hash(&canonical(self)?))
    }
}

/// A statement about a chain at one moment, signed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Checkpoint {
    /// Which chain.
    pub ledger: String,
    /// How many entries it had.
    pub size: u64,
    /// Hash of its last entry; [`GENESIS`] when empty.
    pub head: String,
    /// Merkle root over all entries, hexadecimal.
    pub root: String,
    /// When it was made.
    pub at: Timestamp,
    /// Ed25519 public key, hexadecimal.
    pub key: String,
    /// Ed25519 signature over the canonical JSON of the fields above, hexadecimal.
    pub signature: String,
}

/// What `verify` found wrong, in words for a person.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum LedgerFault {
    /// Content and hash disagree.
    #[error("{ledger} entry {seq}: the content does not match its hash; it was changed after it was written")]
    Changed {
        /// Chain.
        ledger: String,
        /// Place.
        seq: u64,
    },
    /// The chain is broken: an entry is missing, doubled or moved.
    #[error(
        "{ledger}: at place {place} stands entry {seq}, which does not follow the one before; entries were removed or reordered"
    )]
    Broken {
        /// Chain.
        ledger: String,
        /// Place in the list.
        place: u64,
        /// The entry found there.
        seq: u64,
    },
    /// The checkpoint says otherwise.
    #[error(
        "{ledger}: the signed checkpoint over {size} entries does not match; entries were removed or rewritten"
    )]
    Checkpoint {
        /// Chain.
        ledger: String,
        /// Entries the checkpoint spoke of.
        size: u64,
    },
    /// The checkpoint's signature is not by the expected key.
    #[error("{ledger}: the checkpoint's signature is not valid for the expected key")]
    Signature {
        /// Chain.
        ledger: String,
    },
    /// An entry has no canonical form.
    #[error("{ledger}: an entry cannot be read: {message}")]
    Unreadable {
        /// Chain.
        ledger: String,
        /// Why.
        message: String,
    },
}

impl Checkpoint {
    /// Signs the state of a whole chain.
    ///
    /// # Errors
    /// When an entry has no JSON form.
    pub fn sign(
        ledger: &str,
        entries: &[Entry],
        at: Timestamp,
        key: &SigningKey,
    ) -> Result<Self, serde_json::Error> {
        let leaves = entries.iter().map(Entry::leaf).collect::<Result<Vec<_>, _>>()?;
        let mut checkpoint = Self {
            ledger: ledger.to_owned(),
            size: entries.len() as u64,
            head: entries.last().map_or(GENESIS, |e| e.hash.as_str()).to_owned(),
            root: hex::encode(merkle::root(&leaves)),
            at,
            key: hex::encode(key.verifying_key().as_bytes()),
            signature: String::new(),
        };
        checkpoint.signature = hex::encode(key.sign(&checkpoint.signed_bytes()?).to_bytes());
        Ok(checkpoint)
    }

    fn signed_bytes(&self) -> Result<Vec<u8>, serde_json::Error> {
        let mut value = serde_json::to_value(self)?;
        if let Value::Object(map) = &mut value {
            map.remove("signature");
        }
        canonical(&value)
    }

    /// Is the signature valid, and by `expected`?
    pub fn signed_by(&self, expected: &VerifyingKey) -> bool {
        let signature = hex::decode(&self.signature).ok().and_then(|raw| Signature::from_slice(&raw).ok());
        let (Some(signature), Ok(bytes)) = (signature, self.signed_bytes()) else { return false };
        self.key == hex::encode(expected.as_bytes()) && expected.verify(&bytes, &signature).is_ok()
    }
}

/// Checks a whole chain from its first entry, and every checkpoint against it. All faults, none hidden.
pub fn verify(
    ledger: &str,
    entries: &[Entry],
    checkpoints: &[Checkpoint],
    key: &VerifyingKey,
) -> Vec<LedgerFault> {
    let mut faults = Vec::new();
    let mut prev = GENESIS;
    let mut leaves = Vec::with_capacity(entries.len());
    for (place, entry) in (0u64..).zip(entries) {
        match (entry.computed_hash(), entry.leaf()) {
            (Ok(hash), Ok(leaf)) => {
                if hash != entry.hash {
                    faults.push(LedgerFault::Changed { ledger: ledger.to_owned(), seq: entry.seq });
                }
                leaves.push(leaf);
            }
            (Err(e), _) | (_, Err(e)) => {
                faults.push(LedgerFault::Unreadable { ledger: ledger.to_owned(), message: e.to_string() });
            }
        }
        if entry.seq != place || entry.prev != prev || entry.ledger != ledger {
            faults.push(LedgerFault::Broken { ledger: ledger.to_owned(), place, seq: entry.seq });
        }
        prev = &entry.hash;
    }
    for checkpoint in checkpoints {
        if checkpoint.ledger != ledger || !checkpoint.signed_by(key) {
            faults.push(LedgerFault::Signature { ledger: ledger.to_owned() });
            continue;
        }
        let covered = usize::try_from(checkpoint.size).ok().and_then(|size| leaves.get(..size));
        let holds = covered.is_some_and(|covered| hex::encode(merkle::root(covered)) == checkpoint.root);
        if !holds {
            faults.push(LedgerFault::Checkpoint { ledger: ledger.to_owned(), size: checkpoint.size });
        }
    }
    faults
}

/// A proof that one entry lies in a checkpointed chain; travels in evidence packages.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct InclusionProof {
    /// Chain.
    pub ledger: String,
    /// Place of the entry.
    pub index: u64,
    /// Entries in the tree.
    pub size: u64,
    /// Leaf hash, hexadecimal.
    pub leaf: String,
    /// Audit path from the leaf upwards, hexadecimal.
    pub path: Vec<String>,
    /// Root, hexadecimal.
    pub root: String,
}

impl InclusionProof {
    /// The proof for the entry at `index`; `None` when there is none.
    ///
    /// # Errors
    /// When an entry has no JSON form.
    pub fn of(ledger: &str, entries: &[Entry], index: usize) -> Result<Option<Self>, serde_json::Error> {
        let leaves = entries.iter().map(Entry::leaf).collect::<Result<Vec<_>, _>>()?;
        Ok(merkle::inclusion_proof(&leaves, index).map(|path| Self {
            ledger: ledger.to_owned(),
            index: index as u64,
            size: leaves.len() as u64,
            leaf: leaves.get(index).map(hex::encode).unwrap_or_default(),
            path: path.iter().map(hex::encode).collect(),
            root: hex::encode(merkle::root(&leaves)),
        }))
    }

    /// Does it hold?
    pub fn holds(&self) -> bool {
        let hash = |text: &str| hex::decode(text).ok().and_then(|raw| Hash::try_from(raw.as_slice()).ok());
        let path: Option<Vec<Hash>> = self.path.iter().map(|step| hash(step)).collect();
        let (Some(leaf), Some(root), Some(path)) = (hash(&self.leaf), hash(&self.root), path) else {
            return false;
        };
        let (Ok(index), Ok(size)) = (usize::try_from(self.index), usize::try_from(self.size)) else {
            return false;
        };
        merkle::verify_inclusion(&leaf, index, size, &path, &root)
    }
}
