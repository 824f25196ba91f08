//! What lies in the bag: seals, web archive, report, record, custody.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::{Steps, VerifyOptions, bag, file};
use crate::custody::{self, Proof};
use crate::input::CustodyExtract;
use crate::merkle::{Hash, sha256_hex};
use crate::package::zip::Files;
use crate::package::{evidence_of, item_folder};
use crate::record::SCHEMA;
use crate::seal::{self, MAX_CLOCK_DISTANCE_MICROS, Seal, StampState, root_of};
use crate::{wacz, warc};

/// Most items looked at.
const MAX_ITEMS: usize = 9_999;

pub(super) fn check(files: &Files, options: &VerifyOptions, steps: &mut Steps<'_>) {
    let items = item_count(files);
    if items == 0 {
        steps.add("seals", vec!["there is no item".into()], "");
    }
    for at in 0..items {
        steps.result(&format!("seal-{:04}", at + 1), seal(files, at, options));
    }
    archive(files, items, steps);
    steps.result("report", report(files));
    steps.result("record", record(files, items));
    steps.result("people", people(files));
    custody(files, items, options, steps);
}

/// The record itself must show that two people decided, and that every capture was made before they did.
fn people(files: &Files) -> Result<String, String> {
    let record: Value = json(files, "data/referral.json")?;
    let of = |role: &str| -> Vec<(String, String)> {
        let people = record.get("people").and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
        let text =
            |person: &Value, key: &str| person.get(key).and_then(Value::as_str).unwrap_or("").to_owned();
        let one = |person: &Value| (text(person, "id"), text(person, "at"));
        people.iter().filter(|person| person["role"] == role).map(one).collect()
    };
    let (drafters, approvers) = (of("drafter"), of("approver"));
    let (Some(drafter), Some(approver)) = (drafters.last(), approvers.last()) else {
        return Err("data/referral.json names no drafter or no approver".into());
    };
    if approvers.iter().any(|(id, _)| id.is_empty() || drafters.iter().any(|(other, _)| other == id)) {
        return Err("data/referral.json: drafter and approver are not two different people".into());
    }
    Ok(format!("drafted by {} at {}, approved by {} at {}", drafter.0, drafter.1, approver.0, approver.1))
}

/// What the ledger says was sealed is what lies here. Ledgers of other makers say nothing about it.
fn sealed_as_noted(files: &Files, items: usize, lines: &[String]) -> Result<Option<String>, String> {
    let mut manifest = String::new();
    for at in 0..items {
        let seal: Seal = json(files, &format!("{}/seal.json", item_folder(at)))?;
        manifest.push_str(&format!("{} {}\n", item_folder(at), seal.root));
    }
    let is = sha256_hex(manifest.as_bytes());
    for line in lines {
        let entry: Value = serde_json::from_str(line).unwrap_or_default();
        let noted = entry.pointer("/details/seal/manifest_sha256").and_then(Value::as_str);
        match noted {
            Some(noted) if noted == is => return Ok(Some(is)),
            Some(noted) => {
                return Err(format!("data/audit/log.jsonl: {noted} was sealed, data/items holds {is}"));
            }
            None => {}
        }
    }
    Ok(None)
}

fn item_count(files: &Files) -> usize {
    (0..MAX_ITEMS).take_while(|at| files.contains_key(&format!("{}/seal.json", item_folder(*at)))).count()
}

fn json<T: serde::de::DeserializeOwned>(files: &Files, name: &str) -> Result<T, String> {
    serde_json::from_slice(file(files, name)?).map_err(|error| format!("{name}: {error}"))
}

/// Objects as sealed, root right, every stamp on the root.
fn seal(files: &Files, at: usize, options: &VerifyOptions) -> Result<String, String> {
    let folder = item_folder(at);
    let seal: Seal = json(files, &format!("{folder}/seal.json"))?;
    for object in &seal.objects {
        let name = format!("{folder}/{}", object.name);
        let content = file(files, &name)?;
        if sha256_hex(content) != object.sha256 || content.len() as u64 != object.bytes {
            return Err(format!("{name} is not what was sealed"));
        }
    }
    for needed in ["post.json", "raw.bin", "headers.json"] {
        if !seal.objects.iter().any(|object| object.name == needed) {
            return Err(format!("{folder}/{needed} is not covered by the seal"));
        }
    }
    let prefix = format!("{folder}/");
    for name in files.keys().filter_map(|name| name.strip_prefix(&prefix)) {
        let sealed = seal.objects.iter().any(|object| object.name == name);
        let beside = name == "seal.json" || name == "translation.json";
        let stamp = (1..=seal.stamps.len()).any(|number| name == format!("seal-{number}.tsr"));
        if !sealed && !beside && !stamp {
            return Err(format!("{folder}/{name} is not covered by the seal"));
        }
    }
    let root: Hash = root_of(&seal.objects);
    if seal.root != hex::encode(root) {
        return Err(format!("{folder}/seal.json: the root is not that of the objects"));
    }
    if seal.stamps.is_empty() {
        return Err(format!("{folder}/seal.json: no time stamp"));
    }
    let mut times = Vec::new();
    for (number, stamp) in seal.stamps.iter().enumerate() {
        let name = format!("{folder}/seal-{}.tsr", number + 1);
        let StampState::Stamped { at, response, anchor_pem } = &stamp.state else {
            return Err(format!("{folder}/seal.json: {} is pending", stamp.service));
        };
        let token = file(files, &name)?;
        if STANDARD.decode(response).ok().as_deref() != Some(token) {
            return Err(format!("{name} is not the token in seal.json"));
        }
        let enclosed = seal::parse_anchors(anchor_pem).map_err(|e| format!("{folder}/seal.json: {e}"))?;
        let (anchors, _) = bag::choose(&enclosed, options);
        let stamped = seal::check(token, &root, None, anchors).map_err(|e| format!("{name}: {e}"))?;
        if stamped.at != *at || stamped.at.micros_since(seal.sealed_at) < -MAX_CLOCK_DISTANCE_MICROS {
            return Err(format!("{name}: its time {} does not fit seal.json", stamped.at));
        }
        times.push(format!("{} {}", stamp.service, stamped.at));
    }
    Ok(format!("{} objects under root {}, stamped by {}", seal.objects.len(), seal.root, times.join(", ")))
}

/// WARC records, WACZ rules, and that the archive holds the same bytes as the items.
fn archive(files: &Files, items: usize, steps: &mut Steps<'_>) {
    let name = "data/archive/capture.wacz";
    let read = match file(files, name) {
        Err(missing) => return steps.add("wacz", vec![missing], ""),
        Ok(bytes) => match wacz::read(bytes) {
            Ok(read) => read,
            Err(error) => {
                let step = if matches!(error, wacz::WaczError::Warc(_)) { "warc" } else { "wacz" };
                return steps.add(step, vec![format!("{name}: {error}")], "");
            }
        },
    };
    let bodies: Vec<&warc::ReadRecord> = read
        .records
        .iter()
        .filter(|record| matches!(record.kind.as_str(), "response" | "resource"))
        .collect();
    let mut findings = Vec::new();
    if bodies.len() != items {
        findings.push(format!("{name}: {} records for {items} items", bodies.len()));
    }
    for (at, record) in bodies.iter().enumerate() {
        let raw = format!("{}/raw.bin", item_folder(at));
        if files.get(&raw).is_none_or(|content| *content != record.payload) {
            findings.push(format!("{name}: record {} is not {raw}", at + 1));
        }
    }
    steps.add("warc", findings, &format!("{} records, block and payload digests right", read.records.len()));
    steps.add(
        "wacz",
        Vec::new(),
        &format!("WACZ 1.1.1 with {} pages, files and index complete", read.pages.len()),
    );
}

/// The report is a whole PDF and has the hash that manifest and record name.
fn report(files: &Files) -> Result<String, String> {
    let name = "data/report.pdf";
    let pdf = file(files, name)?;
    if !pdf.starts_with(b"%PDF-") || !pdf.trim_ascii_end().ends_with(b"%%EOF") {
        return Err(format!("{name} is not a whole PDF"));
    }
    let hash = sha256_hex(pdf);
    let record: Value = json(files, "data/referral.json")?;
    let named = evidence_of(&record).and_then(|list| list.into_iter().find(|entry| entry.path == name));
    if named.is_none_or(|entry| entry.sha256 != hash) {
        return Err(format!("{name} is not the report that referral.json names"));
    }
    Ok(format!("sha256 {hash} in manifest and record"))
}

/// The record reads, names every file of the payload with its hash, and the data set goes with it.
fn record(files: &Files, items: usize) -> Result<String, String> {
    let name = "data/referral.json";
    let record: Value = json(files, name)?;
    if record.get("schema").and_then(Value::as_str) != Some(SCHEMA) {
        return Err(format!("{name}: schema is not {SCHEMA}"));
    }
    let evidence = evidence_of(&record).ok_or_else(|| format!("{name}: no table of evidence"))?;
    for entry in &evidence {
        let content = file(files, &entry.path)?;
        if sha256_hex(content) != entry.sha256 || content.len() as u64 != entry.bytes {
            return Err(format!("{} is not what {name} names", entry.path));
        }
    }
    let xml = "data/referral.xml";
    for path in files.keys().filter(|path| path.starts_with("data/") && *path != name && *path != xml) {
        if !evidence.iter().any(|entry| entry.path == *path) {
            return Err(format!("{path} is not named in {name}"));
        }
    }
    let text = String::from_utf8_lossy(file(files, xml)?);
    if let Some(entry) = evidence.iter().find(|entry| !text.contains(&format!("sha256=\"{}\"", entry.sha256)))
    {
        return Err(format!("{xml} does not list {}", entry.path));
    }
    let listed = record.get("items").and_then(Value::as_array).map_or(0, Vec::len);
    if listed != items {
        return Err(format!("{name} lists {listed} items, there are {items}"));
    }
    Ok(format!("{} files named, each with its sha256", evidence.len()))
}

fn custody(files: &Files, items: usize, options: &VerifyOptions, steps: &mut Steps<'_>) {
    let extract = || -> Result<CustodyExtract, String> {
        let text = |name: &str| {
            String::from_utf8(file(files, name)?.to_vec()).map_err(|_| format!("{name} is not UTF-8"))
        };
        Ok(CustodyExtract {
            lines: text("data/audit/log.jsonl")?.split_terminator('\n').map(str::to_owned).collect(),
            checkpoint: text("data/audit/checkpoint.txt")?.trim_end_matches('\n').to_owned(),
        })
    };
    let extract = match extract() {
        Ok(extract) => extract,
        Err(missing) => return steps.add("custody", vec![missing], ""),
    };
    let (lines, checkpoint) = match custody::check(&extract) {
        Ok(sound) => sound,
        Err(error) => return steps.add("custody", vec![format!("data/audit: {error}")], ""),
    };
    let trusted = options.ledger_keys.iter().map(hex::encode).any(|key| key == checkpoint.key);
    let (findings, said) = if options.ledger_keys.is_empty() {
        (Vec::new(), "compare its key with the sender:")
    } else if trusted {
        (Vec::new(), "by the trusted key")
    } else {
        (vec![format!("checkpoint signed by {}, which is not among the trusted keys", checkpoint.key)], "")
    };
    let good =
        format!("{} entries chained, checkpoint of {} {said} {}", lines.len(), checkpoint.at, checkpoint.key);
    steps.add("custody", findings, &good);
    match sealed_as_noted(files, items, &extract.lines) {
        Ok(None) => {}
        Ok(Some(manifest)) => {
            steps.add("sealed", Vec::new(), &format!("the captures are those the ledger names: {manifest}"));
        }
        Err(finding) => steps.add("sealed", vec![finding], ""),
    }
    let proofs: Result<Vec<Proof>, String> = json(files, "data/audit/inclusion_proof.json");
    let proven = proofs.and_then(|proofs| {
        custody::check_proofs(&extract, &checkpoint, &proofs)
            .map_err(|error| format!("data/audit/inclusion_proof.json: {error}"))
    });
    steps.result("inclusion", proven.map(|()| format!("every entry lies under root {}", checkpoint.root)));
}
