//! The folder of models: what is installed, is it what was released, and the card of each model.

use std::path::{Path, PathBuf};

use serde::Serialize;
use streife_domain::Head;

use crate::encoder::Encoder;
use crate::gate::Gate;
use crate::manifest::{Header, Kind, MANIFEST_FILE, Manifest, Role};
use crate::{OpenOptions, ScoringError};

/// What people wrote about the model, and what its recipe measured.
const CARD_FILES: [&str; 2] = ["card.md", "figures.md"];

/// One installed model, a line of `streife models list`.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Installed {
    /// Name.
    pub name: String,
    /// Release.
    pub version: String,
    /// `encoder`, `gate` or `lid`.
    pub kind: &'static str,
    /// In use?
    pub active: bool,
    /// In use, recorded beside the one in use, or in reserve.
    pub role: Role,
    /// Version string as it stands in verdicts (gate and encoder), else the hash of the first file.
    pub sha256: String,
    /// Licence of the weights.
    pub licence: String,
    /// Heads (labels), in the order of the outputs.
    pub labels: Vec<Head>,
    /// Languages with at least one usable head; for language identification the languages told.
    pub languages: Vec<String>,
    /// Size of all files.
    pub bytes: u64,
}

/// One check of `streife models verify`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Check {
    /// The model's name or folder.
    pub model: String,
    /// `manifest`, a file's name, or `golden scores`.
    pub step: String,
    /// Is it as released?
    pub ok: bool,
    /// What was found.
    pub detail: String,
}

/// The folders in `models` that hold a manifest, sorted.
fn folders(models: &Path) -> Result<Vec<PathBuf>, ScoringError> {
    let read = |source| ScoringError::Read { path: models.to_owned(), source };
    let mut folders = Vec::new();
    for entry in std::fs::read_dir(models).map_err(read)? {
        let path = entry.map_err(read)?.path();
        if path.join(MANIFEST_FILE).is_file() {
            folders.push(path);
        }
    }
    folders.sort();
    Ok(folders)
}

/// The folders of a kind and role.
pub(crate) fn with_role(models: &Path, kind: Kind, role: Role) -> Result<Vec<PathBuf>, ScoringError> {
    let mut found = Vec::new();
    for folder in folders(models)? {
        let header = Header::read(&folder)?;
        if header.kind == kind && header.role == role {
            found.push(folder);
        }
    }
    Ok(found)
}

/// The one active model of a kind.
pub(crate) fn active(models: &Path, kind: Kind) -> Result<PathBuf, ScoringError> {
    let mut found = with_role(models, kind, Role::Active)?;
    match (found.pop(), found.pop()) {
        (Some(folder), None) => Ok(folder),
        (None, _) => Err(ScoringError::NoModel { folder: models.to_owned(), kind: kind.as_str() }),
        (Some(second), Some(first)) => Err(ScoringError::Manifest {
            path: second.join(MANIFEST_FILE),
            message: format!(
                "{} is active too; set role = \"shadow\" or \"reserve\" in one of them",
                first.display()
            ),
        }),
    }
}

/// The versions of all models that [`crate::Models::open`] would open, in one line: it changes when a model is released into the
/// folder. Reads manifests only, no weights.
///
/// # Errors
/// [`ScoringError`] when a manifest is missing or broken.
pub fn released(models: &Path, encoder: bool) -> Result<String, ScoringError> {
    let mut folders = vec![active(models, Kind::Gate)?];
    if encoder {
        folders.push(active(models, Kind::Encoder)?);
        folders.extend(with_role(models, Kind::Encoder, Role::Shadow)?);
    }
    let versions: Result<Vec<String>, _> =
        folders.iter().map(|folder| Manifest::read(folder).map(|manifest| manifest.version())).collect();
    Ok(versions?.join(" "))
}

/// What is installed. A broken manifest is an error of its own line, the others are listed.
///
/// # Errors
/// [`ScoringError::Read`] when the folder itself cannot be read.
pub fn list(models: &Path) -> Result<Vec<Result<Installed, ScoringError>>, ScoringError> {
    Ok(folders(models)?.iter().map(|folder| installed(folder)).collect())
}

fn installed(folder: &Path) -> Result<Installed, ScoringError> {
    let header = Header::read(folder)?;
    let first_hash = || header.files.first().map(|file| file.sha256.clone()).unwrap_or_default();
    let (labels, sha256) = match header.kind {
        Kind::Lid => (Vec::new(), first_hash()),
        Kind::Encoder | Kind::Gate => {
            let manifest = Manifest::read(folder)?;
            let version = manifest.version();
            (manifest.heads, version)
        }
    };
    Ok(Installed {
        bytes: header.files.iter().map(|file| file.bytes).sum(),
        name: header.name,
        version: header.version,
        kind: header.kind.as_str(),
        active: header.role == Role::Active,
        role: header.role,
        sha256,
        licence: header.licence,
        labels,
        languages: header.languages,
    })
}

/// Checks everything: manifests, sizes, hashes, and all golden scores.
///
/// # Errors
/// [`ScoringError::Read`] when the folder itself cannot be read; what is wrong with a model is a [`Check`].
pub fn verify(options: &OpenOptions<'_>) -> Result<Vec<Check>, ScoringError> {
    let mut checks = Vec::new();
    for folder in folders(options.models)? {
        let name = folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        let mut check = |step: &str, outcome: Result<String, ScoringError>| {
            let ok = outcome.is_ok();
            let detail = outcome.unwrap_or_else(|error| error.to_string());
            checks.push(Check { model: name.clone(), step: step.to_owned(), ok, detail });
        };
        let header = match Header::read(&folder) {
            Ok(header) => header,
            Err(error) => {
                check("manifest", Err(error));
                continue;
            }
        };
        for file in &header.files {
            check(&file.name, header.check_file(&folder, file).map(|_| format!("SHA-256 {}", file.sha256)));
        }
        if header.kind != Kind::Lid {
            check("golden scores", golden(&folder, header.kind, options));
        }
    }
    Ok(checks)
}

fn golden(folder: &Path, kind: Kind, options: &OpenOptions<'_>) -> Result<String, ScoringError> {
    let manifest = Manifest::read(folder)?;
    let number = match kind {
        Kind::Gate => {
            let texts = manifest.golden.len();
            Gate::open(manifest).map(|_| texts)?
        }
        Kind::Encoder | Kind::Lid if !options.encoder => {
            return Ok("not checked: the encoder is off".to_owned());
        }
        Kind::Encoder | Kind::Lid => {
            Encoder::open(manifest, &OpenOptions { sessions: 1, ..*options })?.check_golden(usize::MAX)?
        }
    };
    Ok(format!("{number} texts give the scores of the release"))
}

/// The card of a model as Markdown: facts from the manifest, what people wrote, what the recipe measured.
///
/// # Errors
/// [`ScoringError::Manifest`] when no model has this name, or its manifest is broken.
pub fn card(models: &Path, name: &str) -> Result<String, ScoringError> {
    let mut names = Vec::new();
    for folder in folders(models)? {
        let header = Header::read(&folder)?;
        let folder_name =
            folder.file_name().map(|name| name.to_string_lossy().into_owned()).unwrap_or_default();
        if header.name == name || folder_name == name {
            return written(&folder, &header);
        }
        names.push(header.name);
    }
    let message = format!("no model is called {name:?}; there are {}", names.join(", "));
    Err(ScoringError::Manifest { path: models.to_owned(), message })
}

fn written(folder: &Path, header: &Header) -> Result<String, ScoringError> {
    let mut card = format!(
        "# {} {}\n\nKind: {}. Licence of the weights: {}.\n",
        header.name,
        header.version,
        header.kind.as_str(),
        header.licence
    );
    for line in &header.attribution {
        card += &format!("- {line}\n");
    }
    card += "\n| file | bytes | SHA-256 |\n|---|---|---|\n";
    for file in &header.files {
        card += &format!("| {} | {} | {} |\n", file.name, file.bytes, file.sha256);
    }
    if header.kind != Kind::Lid {
        card += &heads_table(&Manifest::read(folder)?);
    }
    for file in CARD_FILES {
        let path = folder.join(file);
        if path.is_file() {
            card.push('\n');
            card += &std::fs::read_to_string(&path).map_err(|source| ScoringError::Read { path, source })?;
        }
    }
    Ok(card)
}

fn heads_table(manifest: &Manifest) -> String {
    let mut table =
        "\n| language | head | threshold | says nothing because |\n|---|---|---|---|\n".to_owned();
    for language in &manifest.header.languages {
        for &head in &manifest.heads {
            let calibration = manifest.calibration.get(language).and_then(|heads| heads.get(head));
            let threshold =
                calibration.map(|calibration| format!("{:.4}", calibration.threshold)).unwrap_or_default();
            let reason = manifest.unusable.get(&(language.clone(), head)).map_or("", String::as_str);
            table += &format!("| {language} | {head} | {threshold} | {reason} |\n");
        }
    }
    table
}
