//! The bag: its declaration, its manifests in both directions, signature and time stamps.

use std::collections::BTreeMap;

use ed25519_dalek::pkcs8::DecodePublicKey;
use ed25519_dalek::{Signature, VerifyingKey};
use streife_domain::Timestamp;

use super::{DEFAULT_SERVICES, Steps, VerifyOptions, file};
use crate::merkle::{sha256, sha256_hex};
use crate::package::zip::{Files, check_name};
use crate::package::{MANIFEST, SIGNATURE, SIGNER, TAG_MANIFEST, anchor_name, stamp_name};
use crate::seal::{self, Anchor, MAX_CLOCK_DISTANCE_MICROS, Stamped};

/// Most services looked for.
const MAX_SERVICES: usize = 9;
/// Longest time between the making of a package and its stamps.
const MAX_STAMP_DELAY_MICROS: i64 = 24 * 3_600 * 1_000_000;

pub(super) fn check(files: &Files, options: &VerifyOptions, steps: &mut Steps<'_>) {
    steps.result("bag", declaration(files));
    let payload: Vec<&String> = files.keys().filter(|name| name.starts_with("data/")).collect();
    manifest(steps, "manifest", files, MANIFEST, &payload);
    let tags: Vec<&String> =
        files.keys().filter(|name| !name.starts_with("data/") && !is_over_tag_manifest(name)).collect();
    manifest(steps, "tag-manifest", files, TAG_MANIFEST, &tags);
    steps.result("signature", signature(files, options));
    stamps(files, options, steps);
}

/// The files that speak about the tag manifest and so cannot be in it.
fn is_over_tag_manifest(name: &str) -> bool {
    name == TAG_MANIFEST || name == SIGNATURE || (1..=MAX_SERVICES).any(|number| name == stamp_name(number))
}

fn declaration(files: &Files) -> Result<String, String> {
    if file(files, "bagit.txt")? != b"BagIt-Version: 1.0\nTag-File-Character-Encoding: UTF-8\n" {
        return Err("bagit.txt is not the declaration of BagIt 1.0".into());
    }
    let info = std::str::from_utf8(file(files, "bag-info.txt")?).map_err(|_| "bag-info.txt is not UTF-8")?;
    let said = info.lines().find_map(|line| line.strip_prefix("Payload-Oxum: ")).unwrap_or_default();
    let payload = files.iter().filter(|(name, _)| name.starts_with("data/"));
    let (bytes, count) =
        payload.fold((0, 0), |(bytes, count), (_, content)| (bytes + content.len(), count + 1));
    if said != format!("{bytes}.{count}") {
        return Err(format!("bag-info.txt: Payload-Oxum says {said}, there is {bytes}.{count}"));
    }
    for name in ["LIESMICH.txt", SIGNER, MANIFEST, TAG_MANIFEST] {
        file(files, name)?;
    }
    Ok(format!("BagIt 1.0, {count} payload files, {bytes} bytes"))
}

/// Every listed file is there with its hash, every file that should be listed is, none twice, in order.
fn manifest(steps: &mut Steps<'_>, step: &str, files: &Files, name: &str, expected: &[&String]) {
    let text = match file(files, name).map(std::str::from_utf8) {
        Ok(Ok(text)) => text,
        Ok(Err(_)) => return steps.add(step, vec![format!("{name} is not UTF-8")], ""),
        Err(missing) => return steps.add(step, vec![missing], ""),
    };
    let mut findings = Vec::new();
    let mut listed: BTreeMap<&str, &str> = BTreeMap::new();
    let mut last = "";
    for (number, line) in text.split_terminator('\n').enumerate() {
        let Some((hash, path)) = line.split_once("  ").filter(|(_, path)| check_name(path).is_ok()) else {
            findings.push(format!("{name} line {}: not a hash and a path", number + 1));
            continue;
        };
        if path <= last {
            findings.push(format!("{name} line {}: {path} is out of order or listed twice", number + 1));
        }
        last = path;
        listed.insert(path, hash);
        match files.get(path) {
            None => findings.push(format!("{path} is listed in {name} but missing")),
            Some(content) if sha256_hex(content) != hash => findings.push(format!("{path} was changed")),
            Some(_) if !expected.iter().any(|e| *e == path) => {
                findings.push(format!("{path} should not be listed in {name}"));
            }
            Some(_) => {}
        }
    }
    if !text.ends_with('\n') {
        findings.push(format!("{name} does not end with a line feed"));
    }
    for path in expected {
        if !listed.contains_key(path.as_str()) {
            findings.push(format!("{path} is there but not listed in {name}"));
        }
    }
    steps.add(step, findings, &format!("{} files, every sha256 as listed, none more", listed.len()));
}

fn signature(files: &Files, options: &VerifyOptions) -> Result<String, String> {
    let pem = std::str::from_utf8(file(files, SIGNER)?).map_err(|_| format!("{SIGNER} is not UTF-8"))?;
    let key =
        VerifyingKey::from_public_key_pem(pem).map_err(|_| format!("{SIGNER} is not an Ed25519 key"))?;
    let signature =
        Signature::from_slice(file(files, SIGNATURE)?).map_err(|_| format!("{SIGNATURE} is not 64 bytes"))?;
    key.verify_strict(file(files, TAG_MANIFEST)?, &signature)
        .map_err(|_| format!("{SIGNATURE} does not sign {TAG_MANIFEST}"))?;
    let known = hex::encode(key.as_bytes());
    if options.signer_keys.is_empty() {
        return Ok(format!("Ed25519 by the key in the package, compare it with the sender: {known}"));
    }
    if !options.signer_keys.contains(key.as_bytes()) {
        return Err(format!("signed by {known}, which is not among the trusted keys"));
    }
    Ok(format!("Ed25519 by the trusted key {known}"))
}

fn stamps(files: &Files, options: &VerifyOptions, steps: &mut Steps<'_>) {
    let Some(tag_manifest) = files.get(TAG_MANIFEST) else {
        return steps.add("timestamp", vec![format!("{TAG_MANIFEST} is missing")], "");
    };
    let hash = sha256(tag_manifest);
    let made = made_at(files);
    let mut good: Vec<Stamped> = Vec::new();
    for number in 1..=MAX_SERVICES {
        let Some(response) = files.get(&stamp_name(number)) else {
            if files.contains_key(&anchor_name(number)) {
                steps.add(
                    &format!("timestamp-{number}"),
                    vec![format!("{} is missing", stamp_name(number))],
                    "",
                );
            }
            continue;
        };
        let outcome = stamp(files, number, response, &hash, made, options);
        match outcome {
            Ok((stamped, detail)) => {
                steps.add(&format!("timestamp-{number}"), Vec::new(), &detail);
                good.push(stamped);
            }
            Err(why) => {
                steps.add(&format!("timestamp-{number}"), vec![format!("{}: {why}", stamp_name(number))], "");
            }
        }
    }
    let mut signers: Vec<&str> = good.iter().map(|s| s.signer_fingerprint.as_str()).collect();
    signers.sort_unstable();
    signers.dedup();
    let needed = if options.services == 0 { DEFAULT_SERVICES } else { options.services };
    let findings = if signers.len() < needed {
        vec![format!("stamped by {} different services, {needed} are needed", signers.len())]
    } else {
        Vec::new()
    };
    steps.add("timestamps", findings, &format!("{} different services", signers.len()));
}

/// `created_at` of the record.
fn made_at(files: &Files) -> Option<Timestamp> {
    let record: serde_json::Value = serde_json::from_slice(files.get("data/referral.json")?).ok()?;
    Timestamp::parse(record.get("created_at")?.as_str()?).ok()
}

fn stamp(
    files: &Files,
    number: usize,
    response: &[u8],
    hash: &[u8; 32],
    made: Option<Timestamp>,
    options: &VerifyOptions,
) -> Result<(Stamped, String), String> {
    let enclosed = enclosed_anchors(files, number)?;
    let (anchors, said) = choose(&enclosed, options);
    let stamped = seal::check(response, hash, None, anchors).map_err(|e| e.to_string())?;
    if let Some(made) = made {
        let delay = stamped.at.micros_since(made);
        if !(-MAX_CLOCK_DISTANCE_MICROS..=MAX_STAMP_DELAY_MICROS).contains(&delay) {
            return Err(format!(
                "stamped at {}, which does not fit the making of the package at {made}",
                stamped.at
            ));
        }
    }
    if options.now.is_some_and(|now| stamped.at.micros_since(now) > MAX_CLOCK_DISTANCE_MICROS) {
        return Err(format!("stamped at {}, which lies in the future", stamped.at));
    }
    let detail = format!("{} by {}; {said} {}", stamped.at, stamped.signer, stamped.anchor_fingerprint);
    Ok((stamped, detail))
}

pub(super) fn enclosed_anchors(files: &Files, number: usize) -> Result<Vec<Anchor>, String> {
    let name = anchor_name(number);
    let pem = std::str::from_utf8(file(files, &name)?).map_err(|_| format!("{name} is not UTF-8"))?;
    seal::parse_anchors(pem).map_err(|error| format!("{name}: {error}"))
}

/// Trusted roots when the options name some, else the enclosed ones; and how to say so.
pub(super) fn choose<'a>(enclosed: &'a [Anchor], options: &'a VerifyOptions) -> (&'a [Anchor], &'static str) {
    if options.anchors.is_empty() {
        (enclosed, "leads to the root certificate in the package, compare its sha256 with the service:")
    } else {
        (&options.anchors, "leads to the trusted root with sha256")
    }
}
