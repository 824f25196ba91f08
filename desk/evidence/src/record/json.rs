//! `referral.json`: the machine-readable record (`schemas/referral/referral.v1.schema.json`).

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use streife_domain::Timestamp;

use crate::input::ReferralInput;

/// Name and version of the record's shape.
pub const SCHEMA: &str = "streife.referral/1";

/// A file of the package, named in the record.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Evidence {
    /// Path within the package.
    pub path: String,
    /// sha256, lower-case hex.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
    /// What it is, in German.
    pub role: String,
}

/// The record. Bytes of captures are left out: they lie beside it, named in `evidence`.
pub fn record(input: &ReferralInput, created_at: Timestamp, evidence: &[Evidence]) -> Value {
    let items: Vec<Value> = input
        .items
        .iter()
        .enumerate()
        .map(|(at, item)| {
            json!({
                "folder": crate::package::item_folder(at), "role": item.role, "post": item.post,
                "account": item.account, "translation": item.translation, "capture": item.capture,
                "missing": item.missing, "merkle_root": item.seal.as_ref().map(|seal| seal.root.as_str()),
            })
        })
        .collect();
    let checkpoint: Value = serde_json::from_str(&input.custody.checkpoint).unwrap_or(Value::Null);
    json!({
        "schema": SCHEMA, "created_at": created_at, "head": input.head, "act": input.act,
        "offences": input.offences, "complaint": input.complaint, "assessment": input.assessment, "items": items,
        "context": input.context, "why": input.why, "people": input.people, "measures": input.measures,
        "legal": input.legal, "retention_until": input.retention_until, "evidence": evidence,
        "log_checkpoint": checkpoint,
    })
}
