//! Verification, offline, step by step. Stricter than the formats ask for: what is not expected is a finding.
//!
//! A step never stops the following ones unless they have nothing to look at, so that one damage is seen from every
//! side. Nothing here trusts the package about itself without saying so: root certificates and keys that come
//! from the package are named with their fingerprints, to be compared.

mod bag;
mod content;
mod load;

use std::path::Path;

use streife_domain::Timestamp;

use crate::package::zip::Files;
use crate::seal::Anchor;

/// What to hold the package against.
#[derive(Debug, Clone, Default)]
pub struct VerifyOptions {
    /// Roots that time stamps must lead to. Empty: those in the package are used, and named.
    pub anchors: Vec<Anchor>,
    /// Ed25519 keys that may sign packages. Empty: the one in the package is used, and named.
    pub signer_keys: Vec<[u8; 32]>,
    /// Ed25519 keys that may sign the ledger. Empty: the one in the checkpoint is used, and named.
    pub ledger_keys: Vec<[u8; 32]>,
    /// The present: nothing may be stamped later. `None` skips this check.
    pub now: Option<Timestamp>,
    /// Number of different time-stamp services a package needs; 0 means two.
    pub services: usize,
}

/// Number of time-stamp services asked for when the options name none.
pub const DEFAULT_SERVICES: usize = 2;

/// Reads an Ed25519 public key: PEM as in `unterzeichner.pem`, or 64 hex digits.
pub fn read_signer_key(text: &str) -> Option<[u8; 32]> {
    use ed25519_dalek::pkcs8::DecodePublicKey;
    let text = text.trim();
    if text.starts_with("-----BEGIN") {
        let key = ed25519_dalek::VerifyingKey::from_public_key_pem(text).ok()?;
        return Some(key.to_bytes());
    }
    hex::decode(text).ok()?.try_into().ok()
}

/// One step of the verification.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Step {
    /// Which: `container`, `bag`, `manifest` ...
    pub step: String,
    /// Whether it found everything in order.
    pub ok: bool,
    /// What was found, naming files.
    pub detail: String,
}

/// Verifies the package at `path` (a container, or the folder it was unpacked into), reporting every step.
/// Returns whether all were in order.
pub fn verify(path: &Path, options: &VerifyOptions, report: &mut dyn FnMut(Step)) -> bool {
    match load::load(path) {
        Ok(loaded) => verify_loaded(loaded, options, report),
        Err(error) => {
            report(Step { step: "container".into(), ok: false, detail: error.to_string() });
            false
        }
    }
}

/// Verifies a container in memory.
pub fn verify_bytes(container: &[u8], options: &VerifyOptions, report: &mut dyn FnMut(Step)) -> bool {
    verify_loaded(load::from_zip(container), options, report)
}

fn verify_loaded(loaded: load::Loaded, options: &VerifyOptions, report: &mut dyn FnMut(Step)) -> bool {
    let mut steps = Steps { report, all_ok: true };
    steps.add("container", loaded.problems, &loaded.described);
    if loaded.files.is_empty() {
        return false;
    }
    let files = loaded.files;
    bag::check(&files, options, &mut steps);
    content::check(&files, options, &mut steps);
    steps.all_ok
}

/// Collects steps.
struct Steps<'a> {
    report: &'a mut dyn FnMut(Step),
    all_ok: bool,
}

/// Most findings told in one step; the rest is counted.
const MAX_FINDINGS: usize = 20;

impl Steps<'_> {
    /// Reports a step: in order when there are no `findings`, then with `good` as detail.
    fn add(&mut self, step: &str, mut findings: Vec<String>, good: &str) {
        let ok = findings.is_empty();
        self.all_ok &= ok;
        let more = findings.len().saturating_sub(MAX_FINDINGS);
        findings.truncate(MAX_FINDINGS);
        if more > 0 {
            findings.push(format!("and {more} more"));
        }
        let detail = if ok { good.to_owned() } else { findings.join("; ") };
        (self.report)(Step { step: step.to_owned(), ok, detail });
    }

    fn result(&mut self, step: &str, outcome: Result<String, String>) {
        match outcome {
            Ok(good) => self.add(step, Vec::new(), &good),
            Err(finding) => self.add(step, vec![finding], ""),
        }
    }
}

/// The content of a file, or that it is missing.
fn file<'a>(files: &'a Files, name: &str) -> Result<&'a [u8], String> {
    files.get(name).map(Vec::as_slice).ok_or_else(|| format!("{name} is missing"))
}
