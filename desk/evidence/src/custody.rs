//! The custody ledger as it travels in a package: a hash chain of canonical JSON lines under a signed checkpoint.

use ed25519_dalek::{Signature, Signer, SigningKey, VerifyingKey};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use streife_domain::Timestamp;

use crate::input::CustodyExtract;
use crate::merkle::{self, Hash, leaf_hash, sha256_hex};

/// What the first entry names as its predecessor.
pub const GENESIS: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// The fields of an entry that are checked or shown.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
pub struct Line {
    /// Which chain.
    pub ledger: String,
    /// Place, from 0.
    pub seq: u64,
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// In which role.
    pub role: String,
    /// What was done.
    pub action: String,
    /// Why.
    pub reason: String,
    /// Hash of the entry before.
    pub prev: String,
    /// Hash of this entry.
    pub hash: String,
}

/// A signed statement about the chain.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Checkpoint {
    /// Which chain.
    pub ledger: String,
    /// Number of entries.
    pub size: u64,
    /// Hash of the last entry.
    pub head: String,
    /// Root of the tree over all entries, hex.
    pub root: String,
    /// When.
    pub at: Timestamp,
    /// Ed25519 public key, hex.
    pub key: String,
    /// Ed25519 signature over the canonical JSON of the fields above, hex.
    pub signature: String,
}

/// A proof for one entry, as `inclusion_proof.json` holds it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Proof {
    /// Place of the entry.
    pub index: u64,
    /// Entries in the tree.
    pub size: u64,
    /// Leaf hash, hex.
    pub leaf: String,
    /// Siblings from leaf to root, hex.
    pub path: Vec<String>,
}

/// What is wrong with a ledger.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum CustodyError {
    /// There is no entry.
    #[error("the custody ledger is empty")]
    Empty,
    /// An entry does not read or is not in canonical form.
    #[error("custody entry {0} does not read or is not in its canonical form")]
    Format(usize),
    /// Content and hash disagree.
    #[error("custody entry {0} was changed: its content does not match its hash")]
    Changed(usize),
    /// The chain is broken.
    #[error("custody entry {0} does not follow the one before it")]
    Broken(usize),
    /// The checkpoint does not read or speaks of other entries.
    #[error("the checkpoint does not cover these entries: {0}")]
    Checkpoint(&'static str),
    /// The checkpoint's signature is wrong.
    #[error("the signature of the checkpoint does not verify")]
    Signature,
    /// A proof does not hold.
    #[error("the inclusion proof of entry {0} does not hold")]
    Proof(usize),
}

/// JSON with sorted keys and no white space, as the ledgers hash it.
pub fn canonical(value: &Value) -> String {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort();
            let fields: Vec<String> = keys
                .iter()
                .map(|key| format!("{}:{}", Value::from(key.as_str()), canonical(&map[*key])))
                .collect();
            format!("{{{}}}", fields.join(","))
        }
        Value::Array(items) => format!("[{}]", items.iter().map(canonical).collect::<Vec<_>>().join(",")),
        plain => plain.to_string(),
    }
}

fn without(mut value: Value, field: &str) -> Value {
    if let Some(map) = value.as_object_mut() {
        map.remove(field);
    }
    value
}

/// Checks chain and checkpoint and returns both, read.
///
/// # Errors
/// The first fault.
pub fn check(extract: &CustodyExtract) -> Result<(Vec<Line>, Checkpoint), CustodyError> {
    let mut lines: Vec<Line> = Vec::with_capacity(extract.lines.len());
    let mut prev = GENESIS.to_owned();
    for (at, text) in extract.lines.iter().enumerate() {
        let value: Value = serde_json::from_str(text).map_err(|_| CustodyError::Format(at))?;
        let line: Line = serde_json::from_value(value.clone()).map_err(|_| CustodyError::Format(at))?;
        if canonical(&value) != *text {
            return Err(CustodyError::Format(at));
        }
        if sha256_hex(canonical(&without(value, "hash")).as_bytes()) != line.hash {
            return Err(CustodyError::Changed(at));
        }
        let same_ledger = lines.first().is_none_or(|first| first.ledger == line.ledger);
        if line.prev != prev || line.seq != at as u64 || !same_ledger {
            return Err(CustodyError::Broken(at));
        }
        prev.clone_from(&line.hash);
        lines.push(line);
    }
    let first = lines.first().ok_or(CustodyError::Empty)?;
    let unreadable = |_| CustodyError::Checkpoint("it does not read");
    let value: Value = serde_json::from_str(&extract.checkpoint).map_err(unreadable)?;
    let checkpoint: Checkpoint = serde_json::from_value(value.clone()).map_err(unreadable)?;
    if checkpoint.ledger != first.ledger || checkpoint.size != lines.len() as u64 || checkpoint.head != prev {
        return Err(CustodyError::Checkpoint("ledger, number of entries or last hash differ"));
    }
    if checkpoint.root != hex::encode(merkle::root(&leaves(extract))) {
        return Err(CustodyError::Checkpoint("the root differs"));
    }
    let signed = canonical(&without(value, "signature"));
    let good = || -> Option<bool> {
        let key = VerifyingKey::from_bytes(&hex::decode(&checkpoint.key).ok()?.try_into().ok()?).ok()?;
        let signature = Signature::from_slice(&hex::decode(&checkpoint.signature).ok()?).ok()?;
        Some(key.verify_strict(signed.as_bytes(), &signature).is_ok())
    };
    if good() != Some(true) {
        return Err(CustodyError::Signature);
    }
    Ok((lines, checkpoint))
}

fn leaves(extract: &CustodyExtract) -> Vec<Hash> {
    extract.lines.iter().map(|line| leaf_hash(line.as_bytes())).collect()
}

/// Proofs for every entry.
pub fn proofs(extract: &CustodyExtract) -> Vec<Proof> {
    let leaves = leaves(extract);
    let proof = |(index, leaf): (usize, &Hash)| Proof {
        index: index as u64,
        size: leaves.len() as u64,
        leaf: hex::encode(leaf),
        path: merkle::prove(&leaves, index).unwrap_or_default().iter().map(hex::encode).collect(),
    };
    leaves.iter().enumerate().map(proof).collect()
}

/// Do the proofs lead from every line to the checkpoint's root?
///
/// # Errors
/// [`CustodyError::Proof`] for the first that does not.
pub fn check_proofs(
    extract: &CustodyExtract,
    checkpoint: &Checkpoint,
    proofs: &[Proof],
) -> Result<(), CustodyError> {
    let hash = |text: &String| hex::decode(text).ok().and_then(|bytes| Hash::try_from(bytes.as_slice()).ok());
    if proofs.len() != extract.lines.len() {
        return Err(CustodyError::Proof(proofs.len().min(extract.lines.len())));
    }
    for (at, (line, proof)) in extract.lines.iter().zip(proofs).enumerate() {
        let leaf = leaf_hash(line.as_bytes());
        let path: Option<Vec<Hash>> = proof.path.iter().map(hash).collect();
        let holds = path
            .zip(hash(&checkpoint.root))
            .is_some_and(|(path, root)| merkle::includes(&root, checkpoint.size, at as u64, &leaf, &path));
        if !holds
            || proof.index != at as u64
            || proof.size != checkpoint.size
            || proof.leaf != hex::encode(leaf)
        {
            return Err(CustodyError::Proof(at));
        }
    }
    Ok(())
}

/// Writes a chain of `(at, actor, role, action, reason)` and signs it: for demonstration and tests; the desk's
/// ledger does this for real cases.
pub fn chain(
    ledger: &str,
    notes: &[(Timestamp, &str, &str, &str, &str)],
    key: &SigningKey,
) -> CustodyExtract {
    let mut prev = GENESIS.to_owned();
    let mut lines = Vec::new();
    for (seq, (at, actor, role, action, reason)) in notes.iter().enumerate() {
        let mut entry = serde_json::json!({
            "ledger": ledger, "seq": seq, "at": at, "actor": actor, "role": role, "action": action,
            "subject": ledger, "reason": reason, "details": {}, "prev": prev,
        });
        prev = sha256_hex(canonical(&entry).as_bytes());
        if let Some(map) = entry.as_object_mut() {
            map.insert("hash".into(), prev.clone().into());
        }
        lines.push(canonical(&entry));
    }
    let mut extract = CustodyExtract { lines, checkpoint: String::new() };
    let mut checkpoint = serde_json::json!({
        "ledger": ledger, "size": notes.len(), "head": prev, "root": hex::encode(merkle::root(&leaves(&extract))),
        "at": notes.last().map_or_else(Timestamp::default, |note| note.0),
        "key": hex::encode(key.verifying_key().as_bytes()),
    });
    let signature = hex::encode(key.sign(canonical(&checkpoint).as_bytes()).to_bytes());
    if let Some(map) = checkpoint.as_object_mut() {
        map.insert("signature".into(), signature.into());
    }
    extract.checkpoint = canonical(&checkpoint);
    extract
}

#[cfg(test)]
mod tests {
    use super::*;

    fn extract() -> CustodyExtract {
        let at = Timestamp::from_secs(1_700_000_000);
        let notes: Vec<_> = (0..5).map(|_| (at, "u1", "reviewer", "seal", "case")).collect();
        chain("custody/1", &notes, &SigningKey::from_bytes(&[7; 32]))
    }

    #[test]
    fn a_sound_chain_is_accepted_with_its_proofs() {
        let (lines, checkpoint) = check(&extract()).unwrap();
        assert_eq!(lines.len(), 5);
        check_proofs(&extract(), &checkpoint, &proofs(&extract())).unwrap();
        let mut wrong = proofs(&extract());
        wrong.swap(1, 2);
        assert_eq!(check_proofs(&extract(), &checkpoint, &wrong), Err(CustodyError::Proof(1)));
    }

    #[test]
    fn changed_removed_and_reordered_entries_are_found() {
        let mut changed = extract();
        changed.lines[2] = changed.lines[2].replace("\"seal\"", "\"send\"");
        assert_eq!(check(&changed), Err(CustodyError::Changed(2)));
        let mut removed = extract();
        removed.lines.remove(1);
        assert_eq!(check(&removed), Err(CustodyError::Broken(1)));
        let mut cut = extract();
        cut.lines.pop();
        assert!(matches!(check(&cut), Err(CustodyError::Checkpoint(_))));
        let mut spaced = extract();
        spaced.lines[0].insert(1, ' ');
        assert_eq!(check(&spaced), Err(CustodyError::Format(0)));
        let mut forged = extract();
        forged.checkpoint = forged.checkpoint.replacen("2023", "2024", 1);
        assert_eq!(check(&forged), Err(CustodyError::Signature));
    }
}
