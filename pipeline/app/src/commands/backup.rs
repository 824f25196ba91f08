//! `streife backup` and `streife restore`: the case database and the evidence folder in one folder of files, with the hash
//! of each. Keys are named by their fingerprint and never copied: whoever holds a backup must not hold them too.

use std::fs::File;
use std::io::{BufReader, BufWriter, Read, Write};
use std::path::Path;

use anyhow::Context;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use streife_cases::store::StoreError;

use crate::cli::{BackupArgs, RestoreArgs};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::open;
use crate::paths::Paths;
use crate::roles::{desk, run_task};
use crate::say::{self, tr};

const CASES: &str = "cases.jsonl";
const EVIDENCE: &str = "evidence.tar";
const INDEX: &str = "backup.json";

#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Index {
    version: String,
    at: String,
    files: Vec<FileHash>,
    keys: Vec<FileHash>,
}

#[derive(Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct FileHash {
    name: String,
    sha256: String,
}

pub(crate) fn backup(args: &BackupArgs, json: bool) -> CommandResult {
    let (config, data) = (args.role.config.config.as_deref(), args.role.data.as_deref());
    run_task(config, data, |role| async move {
        new_folder(&args.out)?;
        let cases = desk::open_cases(&role.config, &role.paths).await?;
        cases.migrate().await.map_err(failed)?;
        let mut out = BufWriter::new(File::create(args.out.join(CASES))?);
        let rows = cases.dump(&mut out).await.map_err(failed)?;
        out.flush()?;
        out.get_ref().sync_all()?;
        let evidence = role.paths.data.join("evidence");
        let mut tar = tar::Builder::new(BufWriter::new(File::create(args.out.join(EVIDENCE))?));
        tar.follow_symlinks(false);
        if evidence.is_dir() {
            tar.append_dir_all(".", &evidence).context("packing the evidence")?;
        }
        tar.into_inner()?
            .into_inner()
            .map_err(|e| Failure::from(anyhow::Error::from(e.into_error())))?
            .sync_all()?;
        let hash = |name: &str| {
            anyhow::Ok(FileHash { name: name.to_owned(), sha256: sha256(&args.out.join(name))? })
        };
        let index = Index {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            at: open::clock().now().to_string(),
            files: vec![hash(CASES)?, hash(EVIDENCE)?],
            keys: keys(&role.paths),
        };
        std::fs::write(
            args.out.join(INDEX),
            serde_json::to_vec_pretty(&index).map_err(anyhow::Error::from)?,
        )?;
        if json {
            say::json(&serde_json::json!({ "rows": rows, "files": index.files, "keys": index.keys }))?;
        } else {
            say::line(&format!("{}: {}", tr("Sicherung", "backup"), args.out.display()));
            for key in &index.keys {
                say::line(&format!(
                    "{}: {} ({})",
                    tr("Schlüssel, gesondert zu sichern", "key, to be kept apart"),
                    key.name,
                    key.sha256
                ));
            }
        }
        Ok(Outcome::Fine)
    })
}

pub(crate) fn restore(args: &RestoreArgs, json: bool) -> CommandResult {
    let (config, data) = (args.role.config.config.as_deref(), args.role.data.as_deref());
    run_task(config, data, |role| async move {
        let index: Index = serde_json::from_slice(&std::fs::read(args.from.join(INDEX))?)
            .map_err(|e| Failure::configuration(format!("{INDEX}: {e}")))?;
        for file in &index.files {
            // Names come from a file: only the two that we write are opened.
            if ![CASES, EVIDENCE].contains(&file.name.as_str())
                || sha256(&args.from.join(&file.name))? != file.sha256
            {
                return Err(Failure::configuration(format!(
                    "{}: {}",
                    file.name,
                    tr(
                        "passt nicht zu seinem Hash; nichts wurde geändert",
                        "does not match its hash; nothing was changed"
                    )
                )));
            }
        }
        let evidence = role.paths.data.join("evidence");
        if evidence.is_dir() && std::fs::read_dir(&evidence)?.next().is_some() {
            return Err(Failure::configuration(format!(
                "{}: {}",
                evidence.display(),
                tr("ist nicht leer", "is not empty")
            )));
        }
        let cases = desk::open_cases(&role.config, &role.paths).await?;
        let mut input = BufReader::new(File::open(args.from.join(CASES))?);
        let rows = cases.restore(&mut input).await.map_err(failed)?;
        std::fs::create_dir_all(&evidence)?;
        // Keeps every entry below the folder, whatever its name says.
        tar::Archive::new(BufReader::new(File::open(args.from.join(EVIDENCE))?)).unpack(&evidence)?;
        let missing: Vec<FileHash> = {
            let here = keys(&role.paths);
            index.keys.into_iter().filter(|key| !here.contains(key)).collect()
        };
        if json {
            say::json(&serde_json::json!({ "rows": rows, "missing_keys": missing }))?;
        } else {
            say::line(tr("Wiederhergestellt.", "Restored."));
            for key in &missing {
                say::line(&format!(
                    "{}: {} ({})",
                    tr(
                        "Dieser Schlüssel fehlt noch oder ist ein anderer",
                        "this key is missing or another one"
                    ),
                    key.name,
                    key.sha256
                ));
            }
        }
        Ok(Outcome::fine_if(missing.is_empty()))
    })
}

#[expect(clippy::needless_pass_by_value, reason = "used as a function over errors")]
fn failed(error: StoreError) -> Failure {
    Failure::upstream(error.to_string())
}

fn new_folder(out: &Path) -> Result<(), Failure> {
    if out.exists() && std::fs::read_dir(out)?.next().is_some() {
        return Err(Failure::usage(format!("{}: {}", out.display(), tr("ist nicht leer", "is not empty"))));
    }
    Ok(std::fs::create_dir_all(out)?)
}

fn sha256(path: &Path) -> anyhow::Result<String> {
    let mut file = File::open(path).with_context(|| path.display().to_string())?;
    let (mut hasher, mut buffer) = (Sha256::new(), vec![0u8; 1 << 16]);
    loop {
        match file.read(&mut buffer)? {
            0 => return Ok(hex::encode(hasher.finalize())),
            read => hasher.update(&buffer[..read]),
        }
    }
}

/// The keys of this installation by fingerprint.
fn keys(paths: &Paths) -> Vec<FileHash> {
    let files =
        [("signing.key", paths.data.join("signing.key")), ("pseudonym.key", paths.pseudonym_key.clone())];
    let found = files.into_iter().filter_map(|(name, path)| Some((name, sha256(&path).ok()?)));
    found.map(|(name, sha256)| FileHash { name: name.to_owned(), sha256 }).collect()
}
