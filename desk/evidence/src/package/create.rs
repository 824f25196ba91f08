//! From a complete input to both outputs on disk.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Value, json};
use streife_domain::{Clock, Timestamp};

use super::bag::{Bag, PackageKey};
use super::court::{self, CourtError};
use super::item_folder;
use super::zip::{self, Files, WriteError};
use crate::capture::{self, pretty};
use crate::custody::{self, CustodyError};
use crate::input::{CapturedItem, PersonRole, ReferralInput};
use crate::merkle::sha256_hex;
use crate::record::{self, Evidence};
use crate::report::{self, ReportError};
use crate::seal::{StampState, TimeStampService};
use crate::wacz;
use crate::warc::Exchange;

const SOFTWARE: &str = concat!("Streife ", env!("CARGO_PKG_VERSION"));

/// Why no package was made. Nothing half-made stays on disk.
#[derive(Debug, thiserror::Error)]
pub enum CreateError {
    /// Nothing was captured.
    #[error("there is no captured item; secure the post first")]
    NoItem,
    /// An item is not sealed, or stamps are missing.
    #[error("item {item} is not sealed: {why}; a referral needs a complete seal")]
    NotSealed {
        /// Which item, from 1.
        item: usize,
        /// What is missing.
        why: String,
    },
    /// An item does not hold what was sealed.
    #[error("item {0} was changed after it was sealed")]
    ChangedAfterSeal(usize),
    /// Drafted and approved by one person, or not approved.
    #[error("a referral needs a drafter and an approver who are two different people")]
    TwoPeople,
    /// The field that the case law asks for is empty.
    #[error("the field \"other readings considered\" is empty; fill it in before a referral is made")]
    OtherReadings,
    /// The custody ledger does not hold together.
    #[error("custody ledger: {0}")]
    Custody(#[from] CustodyError),
    /// A service gave no stamp over the package.
    #[error("time-stamp service {service}: {why}; the package is made once every service answers")]
    Stamp {
        /// Which service.
        service: String,
        /// What it said.
        why: String,
    },
    /// No service was given.
    #[error("no time-stamp service is configured; a package needs at least one")]
    NoService,
    /// The report could not be drawn.
    #[error("report: {0}")]
    Report(#[from] ReportError),
    /// The container would be too large or has a path that is not allowed.
    #[error("container: {0}")]
    Container(#[from] WriteError),
    /// The court set does not fit its limits.
    #[error("court set: {0}")]
    Court(#[from] CourtError),
    /// Writing failed.
    #[error("cannot write {path}: {source}")]
    Io {
        /// Where.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

/// What was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Created {
    /// The container.
    pub container: PathBuf,
    /// sha256 of the container, hex: goes into the letter and the ledger.
    pub container_sha256: String,
    /// The folder of the court set.
    pub court_set: PathBuf,
    /// Characters for which no font was there, as `U+XXXX`; the report names them too.
    pub missing_glyphs: Vec<String>,
}

/// Both outputs in memory.
#[derive(Debug)]
pub struct Built {
    /// Folder name inside the container, and stem of both outputs.
    pub name: String,
    /// The container.
    pub container: Vec<u8>,
    /// Files of the court set, with folders where it takes several messages.
    pub court: Files,
    /// Characters for which no font was there.
    pub missing_glyphs: Vec<String>,
}

/// Builds both outputs and writes them into `out_dir`: `<name>.zip` and the folder `<name>_gericht`.
///
/// # Errors
/// [`CreateError`]; then nothing new lies in `out_dir`.
pub fn create(
    input: &ReferralInput,
    key: &PackageKey,
    services: &[&dyn TimeStampService],
    clock: &dyn Clock,
    out_dir: &Path,
) -> Result<Created, CreateError> {
    write(&build(input, key, services, clock)?, out_dir)
}

/// Writes both outputs of a package into `out_dir`.
///
/// # Errors
/// [`CreateError::Io`]; then nothing new lies in `out_dir`.
pub fn write(built: &Built, out_dir: &Path) -> Result<Created, CreateError> {
    let container = out_dir.join(format!("{}.zip", built.name));
    let court_set = out_dir.join(format!("{}_gericht", built.name));
    let parts = out_dir.join(format!(".{}.part", built.name));
    let written = write_all(built, &parts, &container, &court_set);
    if written.is_err() {
        // Half a package must not look like one; the first error is the one worth telling.
        let _ = fs::remove_dir_all(&parts);
    }
    written?;
    let container_sha256 = sha256_hex(&built.container);
    Ok(Created { container, container_sha256, court_set, missing_glyphs: built.missing_glyphs.clone() })
}

/// Writes beside the final place, to disk, then moves.
fn write_all(built: &Built, parts: &Path, container: &Path, court_set: &Path) -> Result<(), CreateError> {
    let io = |path: &Path| {
        let path = path.to_owned();
        move |source| CreateError::Io { path, source }
    };
    let parts_court = parts.join("court");
    for (name, content) in &built.court {
        write_file(&parts_court.join(name), content).map_err(io(&parts_court.join(name)))?;
    }
    let parts_container = parts.join("container.zip");
    write_file(&parts_container, &built.container).map_err(io(&parts_container))?;
    fs::rename(&parts_court, court_set).map_err(io(court_set))?;
    fs::rename(&parts_container, container).map_err(io(container))?;
    fs::remove_dir_all(parts).map_err(io(parts))
}

fn write_file(path: &Path, content: &[u8]) -> std::io::Result<()> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    let mut file = fs::File::create(path)?;
    file.write_all(content)?;
    file.sync_all()
}

/// Builds both outputs in memory.
///
/// # Errors
/// [`CreateError`] for everything but writing.
pub fn build(
    input: &ReferralInput,
    key: &PackageKey,
    services: &[&dyn TimeStampService],
    clock: &dyn Clock,
) -> Result<Built, CreateError> {
    check_input(input)?;
    if services.is_empty() {
        return Err(CreateError::NoService);
    }
    let created_at = Timestamp::from_secs(clock.now().as_secs());
    let mut payload = payload(input, created_at)?;
    let annex = evidence(&payload);
    let drawn = report::report(input, created_at, &annex)?;
    payload.insert("data/report.pdf".into(), drawn.pdf.clone());
    let all = evidence(&payload);
    payload.insert("data/referral.json".into(), pretty(&record::record(input, created_at, &all)));
    let xml = record::xml(input, created_at, &all);
    payload.insert("data/referral.xml".into(), xml.clone().into_bytes());
    let bag = Bag {
        payload,
        organization: input.head.authority.clone(),
        contact: input.head.contact.join(", "),
        case_no: input.head.case_no.clone(),
        created_at,
    };
    let stamped =
        bag.finish(key, services, clock).map_err(|(service, why)| CreateError::Stamp { service, why })?;
    let name = name(input, created_at);
    let files =
        stamped.files.into_iter().map(|(path, content)| (format!("{name}/{path}"), content)).collect();
    let container = zip::write(&files)?;
    let court =
        court::court_set(input, created_at, &drawn.pdf, &sha256_hex(&container), &format!("{name}.zip"))?;
    Ok(Built { name, container, court, missing_glyphs: drawn.missing_glyphs })
}

fn check_input(input: &ReferralInput) -> Result<(), CreateError> {
    if input.items.is_empty() {
        return Err(CreateError::NoItem);
    }
    for (at, item) in input.items.iter().enumerate() {
        let seal = item
            .seal
            .as_ref()
            .ok_or_else(|| CreateError::NotSealed { item: at + 1, why: "no hashes were taken".into() })?;
        if let Some(pending) = seal.pending().next() {
            return Err(CreateError::NotSealed {
                item: at + 1,
                why: format!("{} is pending", pending.service),
            });
        }
        if !seal.is_complete() {
            return Err(CreateError::NotSealed { item: at + 1, why: "no time stamp".into() });
        }
        if !capture::is_unchanged_since_seal(item) {
            return Err(CreateError::ChangedAfterSeal(at + 1));
        }
    }
    let ids = |role: PersonRole| input.people.iter().filter(move |p| p.role == role).map(|p| p.id.as_str());
    let drafters: Vec<&str> = ids(PersonRole::Drafter).filter(|id| !id.trim().is_empty()).collect();
    let approvers: Vec<&str> = ids(PersonRole::Approver).filter(|id| !id.trim().is_empty()).collect();
    if drafters.is_empty() || approvers.is_empty() || approvers.iter().any(|id| drafters.contains(id)) {
        return Err(CreateError::TwoPeople);
    }
    if !input
        .assessment
        .other_readings
        .iter()
        .any(|r| !r.considered.trim().is_empty() && !r.result.trim().is_empty())
    {
        return Err(CreateError::OtherReadings);
    }
    custody::check(&input.custody)?;
    Ok(())
}

/// Everything below `data/` but report and record.
fn payload(input: &ReferralInput, created_at: Timestamp) -> Result<Files, CreateError> {
    let mut files = Files::new();
    for (at, item) in input.items.iter().enumerate() {
        let folder = item_folder(at);
        for (name, content) in capture::objects(item) {
            files.insert(format!("{folder}/{name}"), content);
        }
        if let Some(translation) = &item.translation {
            files.insert(format!("{folder}/translation.json"), pretty(&json!(translation)));
        }
        if let Some(seal) = &item.seal {
            files.insert(format!("{folder}/seal.json"), pretty(&json!(seal)));
            for (number, stamp) in seal.stamps.iter().enumerate() {
                if let StampState::Stamped { response, .. } = &stamp.state {
                    let token = STANDARD.decode(response).unwrap_or_default();
                    files.insert(format!("{folder}/seal-{}.tsr", number + 1), token);
                }
            }
        }
    }
    files.insert("data/archive/capture.wacz".into(), archive(input, created_at)?);
    files.insert("data/context/thread.json".into(), pretty(&json!(input.context)));
    files.insert("data/why.json".into(), pretty(&json!(input.why)));
    let log: String = input.custody.lines.iter().map(|line| format!("{line}\n")).collect();
    files.insert("data/audit/log.jsonl".into(), log.into_bytes());
    files.insert("data/audit/inclusion_proof.json".into(), pretty(&json!(custody::proofs(&input.custody))));
    files.insert("data/audit/checkpoint.txt".into(), format!("{}\n", input.custody.checkpoint).into_bytes());
    Ok(files)
}

fn archive(input: &ReferralInput, created_at: Timestamp) -> Result<Vec<u8>, WriteError> {
    let exchanges: Vec<Exchange<'_>> = input.items.iter().map(exchange).collect();
    let pages: Vec<wacz::Page<'_>> = input
        .items
        .iter()
        .map(|item| wacz::Page {
            url: &item.response.url,
            title: &item.post.native_id,
            at: item.capture.ended_at,
        })
        .collect();
    wacz::write(SOFTWARE, &input.head.case_no, created_at, &exchanges, &pages)
}

fn exchange(item: &CapturedItem) -> Exchange<'_> {
    Exchange {
        url: &item.response.url,
        at: item.capture.ended_at,
        server_address: item.capture.server_address.as_deref(),
        request: item.request.as_ref().map(|request| (request.method.as_str(), request.headers.as_slice())),
        response: item.response.status.map(|status| (status, item.response.headers.as_slice())),
        media_type: &item.response.media_type,
        body: &item.response.body,
    }
}

fn evidence(files: &Files) -> Vec<Evidence> {
    files
        .iter()
        .map(|(path, content)| Evidence {
            path: path.clone(),
            sha256: sha256_hex(content),
            bytes: content.len() as u64,
            role: role(path).to_owned(),
        })
        .collect()
}

/// What a file is, in German, by its path.
fn role(path: &str) -> &'static str {
    match path.rsplit('/').next().unwrap_or(path) {
        "report.pdf" => "Bericht",
        "capture.wacz" => "Webarchiv aller Sicherungen",
        "thread.json" => "Gesprächsverlauf",
        "why.json" => "Grund der Auffindung",
        "log.jsonl" => "Kette der Verwahrung",
        "inclusion_proof.json" => "Nachweise zur Kette der Verwahrung",
        "checkpoint.txt" => "Unterschriebener Stand der Kette",
        "post.json" => "Angaben der Plattform",
        "headers.json" => "Kopfzeilen des Abrufs",
        "raw.bin" => "Rohdaten wie empfangen",
        "text.txt" => "Text im Wortlaut",
        "screenshot.png" => "Bildschirmfoto mit Beschriftung",
        "screenshot-plain.png" => "Bildschirmfoto ohne Beschriftung",
        "page.pdf" => "Seitenausdruck",
        "dom.html" => "Dokument der Seite",
        "translation.json" => "Übersetzung",
        "seal.json" => "Siegel",
        name if name.ends_with(".tsr") => "Zeitstempel",
        _ => "Datei",
    }
}

/// `<case>_<item>_<utc>` in characters every file system takes.
fn name(input: &ReferralInput, created_at: Timestamp) -> String {
    let time: String = created_at.to_string().chars().filter(|c| *c != '-' && *c != ':').collect();
    let item = input.items.first().map(|item| item.post.native_id.as_str()).unwrap_or_default();
    format!("{}_{}_{time}", plain(&input.head.case_no), plain(item))
}

/// Longest part of a folder name that comes from a number or id.
const MAX_NAME_PART: usize = 40;

fn plain(text: &str) -> String {
    let kept: String = text
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .skip_while(|c| *c == '-')
        .take(MAX_NAME_PART)
        .collect();
    let kept = kept.trim_end_matches('-');
    if kept.is_empty() { "0".to_owned() } else { kept.to_owned() }
}

/// Reads `referral.json` for the verifier: the evidence table.
pub(crate) fn evidence_of(record: &Value) -> Option<Vec<Evidence>> {
    serde_json::from_value(record.get("evidence")?.clone()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_from_outside_become_plain() {
        assert_eq!(plain("../VG 12/2026 ä"), "VG-12-2026");
        assert_eq!(plain("مثال"), "0");
    }
}
