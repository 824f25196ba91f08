//! `manifest.toml`: what a model is, which files it consists of, what its scores mean, and how to see that it still works.
//!
//! Nothing is implied: every pair of head and language is either calibrated or listed as unusable with the reason. A text in a
//! language that is not listed gets no scores.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use streife_domain::{Head, Heads, Language};

use crate::ScoringError;
use crate::calibration::Calibration;

/// The file that makes a folder a model.
pub const MANIFEST_FILE: &str = "manifest.toml";
/// No manifest is larger; a larger file is not read.
const MAX_MANIFEST_BYTES: u64 = 1 << 20;

/// What a model is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The transformer.
    Encoder,
    /// The linear model that sees every post.
    Gate,
    /// Language identification; used by `streife-text`, only listed and verified here.
    #[serde(rename = "language-identification")]
    Lid,
}

impl Kind {
    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Encoder => "encoder",
            Self::Gate => "gate",
            Self::Lid => "lid",
        }
    }
}

/// Is the model used?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Role {
    /// Its scores are the scores.
    #[default]
    Active,
    /// Its scores are recorded beside the active model's, and not used.
    Shadow,
    /// Installed and verified, never opened: it costs nothing until its manifest gives it another role.
    Reserve,
}

impl Role {
    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Shadow => "shadow",
            Self::Reserve => "reserve",
        }
    }
}

/// A file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelFile {
    /// Name in the model's folder.
    pub name: String,
    /// SHA-256, hex.
    pub sha256: String,
    /// Size.
    pub bytes: u64,
}

/// What is read of a manifest to know what kind it is.
#[derive(Deserialize)]
struct OnlyKind {
    kind: Kind,
}

/// What is read here of a language model's manifest: one file, described at the top level.
#[derive(Deserialize)]
struct LanguageModel {
    name: String,
    version: u32,
    licence: String,
    #[serde(default)]
    data: Vec<String>,
    languages: Vec<String>,
    file: String,
    size_bytes: u64,
    sha256: String,
}

/// What every manifest says, of whatever kind.
#[derive(Debug, Clone, PartialEq, Deserialize)]
pub struct Header {
    /// Name of the model; part of every version string.
    pub name: String,
    /// Release.
    #[serde(default)]
    pub version: String,
    /// What it is for.
    pub kind: Kind,
    /// Is it used?
    #[serde(default)]
    pub role: Role,
    /// Licence of the weights (SPDX), apart from the code's.
    #[serde(default)]
    pub licence: String,
    /// Whom to name.
    #[serde(default)]
    pub attribution: Vec<String>,
    /// Languages with scores, or languages told.
    #[serde(default)]
    pub languages: Vec<String>,
    /// The files.
    #[serde(default, rename = "file")]
    pub files: Vec<ModelFile>,
}

/// The graph of an encoder.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Graph {
    /// Names of the inputs: token ids and attention mask, in this order.
    pub inputs: [String; 2],
    /// Name of the output with one logit for each head.
    pub output: String,
    /// Put before every text.
    pub prefix: String,
    /// Longer texts are cut.
    pub max_tokens: usize,
    /// `fp32`, `fp16` or `int8`.
    pub precision: String,
    /// May texts share a run? Only where their scores do not depend on each other, which a start checks: true of `fp32` and
    /// `fp16`, and of `int8` with scales that were fixed when the model was made.
    #[serde(default)]
    pub together: bool,
}

/// When a gate lets a text pass: `sigmoid(scale * output + shift) >= threshold`.
#[derive(Debug, Clone, Copy, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pass {
    /// Slope.
    pub scale: f64,
    /// Intercept.
    pub shift: f64,
    /// From here on a text passes.
    pub threshold: f64,
}

/// How texts are read whose language cannot be told for sure.
#[derive(Debug, Clone, Default, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Undetermined {
    /// A language told with less confidence counts as undetermined.
    pub below: f32,
    /// Language to assume, by script (ISO 15924); other scripts get no scores.
    pub scripts: BTreeMap<String, String>,
}

/// A text with the scores it had when the model was released. Written by ourselves.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Golden {
    /// The language it is scored as.
    pub language: String,
    /// The text.
    pub text: String,
    /// The calibrated scores.
    pub scores: Heads<f32>,
}

#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
struct Unusable {
    language: String,
    head: Head,
    reason: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    name: String,
    version: String,
    kind: Kind,
    #[serde(default)]
    role: Role,
    licence: String,
    attribution: Vec<String>,
    languages: Vec<String>,
    heads: Vec<Head>,
    golden_tolerance: f32,
    #[serde(default)]
    undetermined: Undetermined,
    #[serde(rename = "file")]
    files: Vec<ModelFile>,
    graph: Option<Graph>,
    #[serde(default)]
    pass: BTreeMap<String, Pass>,
    calibration: BTreeMap<String, Heads<Calibration>>,
    #[serde(default)]
    unusable: Vec<Unusable>,
    golden: Vec<Golden>,
}

/// The manifest of a gate or an encoder, checked.
#[derive(Debug, Clone, PartialEq)]
pub struct Manifest {
    /// The model's folder.
    pub folder: PathBuf,
    /// Name, version, kind, role, licence, files.
    pub header: Header,
    /// The heads in the order of the outputs.
    pub heads: Vec<Head>,
    /// How far a golden score may be off.
    pub golden_tolerance: f32,
    /// What to do with texts whose language cannot be told.
    pub undetermined: Undetermined,
    /// Present for encoders.
    pub graph: Option<Graph>,
    /// By language; for gates.
    pub pass: BTreeMap<String, Pass>,
    /// By language.
    pub calibration: BTreeMap<String, Heads<Calibration>>,
    /// Why a head says nothing in a language.
    pub unusable: BTreeMap<(String, Head), String>,
    /// Texts with the scores of the release.
    pub golden: Vec<Golden>,
    /// SHA-256 of the manifest itself.
    pub sha256: [u8; 32],
}

impl Header {
    /// Reads what all manifests have in common.
    ///
    /// # Errors
    /// [`ScoringError::Read`] and [`ScoringError::Manifest`].
    pub fn read(folder: &Path) -> Result<Self, ScoringError> {
        let path = folder.join(MANIFEST_FILE);
        let text = read_text(&path)?;
        let wrong = |error: toml::de::Error| broken(&path, &error.to_string());
        let OnlyKind { kind } = toml::from_str(&text).map_err(wrong)?;
        if kind != Kind::Lid {
            return toml::from_str(&text).map_err(wrong);
        }
        let model: LanguageModel = toml::from_str(&text).map_err(wrong)?;
        Ok(Self {
            name: model.name,
            version: model.version.to_string(),
            kind,
            role: Role::Active,
            licence: model.licence,
            attribution: model.data,
            languages: model.languages,
            files: vec![ModelFile { name: model.file, sha256: model.sha256, bytes: model.size_bytes }],
        })
    }

    /// The path of a file, checked for size and, if asked for, hash.
    ///
    /// # Errors
    /// [`ScoringError::MissingFile`] and [`ScoringError::WrongFile`].
    pub fn check_file(&self, folder: &Path, file: &ModelFile) -> Result<Vec<u8>, ScoringError> {
        let path = folder.join(&file.name);
        let missing = || ScoringError::MissingFile { model: self.name.clone(), path: path.clone() };
        let wrong = |expected: String, found: String| ScoringError::WrongFile {
            model: self.name.clone(),
            path: path.clone(),
            expected,
            found,
        };
        let size = std::fs::metadata(&path).map_err(|_| missing())?.len();
        if size != file.bytes {
            return Err(wrong(format!("{} bytes", file.bytes), format!("{size} bytes")));
        }
        let bytes =
            std::fs::read(&path).map_err(|source| ScoringError::Read { path: path.clone(), source })?;
        let hash = hex::encode(Sha256::digest(&bytes));
        if hash == file.sha256 {
            Ok(bytes)
        } else {
            Err(wrong(format!("SHA-256 {}", file.sha256), format!("SHA-256 {hash}")))
        }
    }
}

impl Manifest {
    /// Reads and checks the manifest in a model's folder.
    ///
    /// # Errors
    /// [`ScoringError::Read`], or [`ScoringError::Manifest`] with place and remedy.
    pub fn read(folder: &Path) -> Result<Self, ScoringError> {
        let path = folder.join(MANIFEST_FILE);
        let text = read_text(&path)?;
        Self::parse(folder, &text).map_err(|message| broken(&path, &message))
    }

    fn parse(folder: &Path, text: &str) -> Result<Self, String> {
        let raw: Raw = toml::from_str(text).map_err(|error| error.to_string())?;
        let unusable =
            raw.unusable.into_iter().map(|entry| ((entry.language, entry.head), entry.reason)).collect();
        let manifest = Self {
            folder: folder.to_owned(),
            header: Header {
                name: raw.name,
                version: raw.version,
                kind: raw.kind,
                role: raw.role,
                licence: raw.licence,
                attribution: raw.attribution,
                languages: raw.languages,
                files: raw.files,
            },
            heads: raw.heads,
            golden_tolerance: raw.golden_tolerance,
            undetermined: raw.undetermined,
            graph: raw.graph,
            pass: raw.pass,
            calibration: raw.calibration,
            unusable,
            golden: raw.golden,
            sha256: Sha256::digest(text.as_bytes()).into(),
        };
        manifest.check()?;
        Ok(manifest)
    }

    /// Nothing is left open and nothing contradicts.
    fn check(&self) -> Result<(), String> {
        let heads: BTreeSet<Head> = self.heads.iter().copied().collect();
        if heads.len() != self.heads.len() || heads.is_empty() {
            return Err("heads: each head once, at least one".to_owned());
        }
        if self.header.licence.is_empty() || self.header.attribution.is_empty() {
            return Err("licence and attribution must be stated".to_owned());
        }
        if self.header.files.iter().any(|file| file.name.contains(['/', '\\']) || file.name.starts_with('.'))
        {
            return Err("file: names lie in the model's own folder".to_owned());
        }
        if self.golden.is_empty() {
            return Err("golden: at least one text with its scores is needed".to_owned());
        }
        for language in &self.header.languages {
            let calibrated = self.calibration.get(language);
            for &head in &self.heads {
                let calibration = calibrated.and_then(|heads| heads.get(head));
                let reason = self.unusable.contains_key(&(language.clone(), head));
                match calibration {
                    Some(calibration) if !reason => calibration
                        .check()
                        .map_err(|what| format!("calibration.{language}.{head}: {what}"))?,
                    None if reason => {}
                    Some(_) => {
                        return Err(format!("{head} in {language} is both calibrated and unusable; decide"));
                    }
                    None => {
                        return Err(format!(
                            "{head} in {language}: add [calibration.{language}.{head}] or list it under [[unusable]] with the reason"
                        ));
                    }
                }
            }
            if self.header.kind == Kind::Gate && !self.pass.contains_key(language) {
                return Err(format!("add [pass.{language}]: a gate needs a threshold for each language"));
            }
        }
        if let Some(language) =
            self.calibration.keys().find(|language| !self.header.languages.contains(language))
        {
            return Err(format!("calibration.{language}: {language} is not among the languages"));
        }
        if let Some(language) =
            self.undetermined.scripts.values().find(|language| !self.header.languages.contains(language))
        {
            return Err(format!("undetermined: {language} is not among the languages"));
        }
        match (self.header.kind, &self.graph) {
            (Kind::Encoder, None) => {
                Err("add [graph]: an encoder needs inputs, output, prefix, max_tokens, precision".to_owned())
            }
            (Kind::Lid, _) => Err("kind \"lid\" is opened by the language identifier".to_owned()),
            _ => Ok(()),
        }
    }

    /// The language whose calibration a text gets; nothing when its scores would mean nothing.
    pub fn language_for(&self, language: &Language) -> Option<&str> {
        if let Some(known) = self.header.languages.iter().find(|known| **known == language.code) {
            return Some(known);
        }
        if language.is_undetermined() || language.confidence < self.undetermined.below {
            return self.undetermined.scripts.get(language.script.as_str()).map(String::as_str);
        }
        None
    }

    /// Calibrated scores from the raw outputs; usable heads only.
    pub fn calibrated(&self, language: &str, logits: &[f32]) -> Heads<f32> {
        let Some(calibration) = self.calibration.get(language) else { return Heads::default() };
        self.heads
            .iter()
            .zip(logits)
            .filter_map(|(&head, &logit)| Some((head, calibration.get(head)?.probability(logit))))
            .collect()
    }

    /// The heads over their threshold, in order.
    pub fn labels(&self, language: &str, scores: &Heads<f32>) -> Vec<Head> {
        let Some(calibration) = self.calibration.get(language) else { return Vec::new() };
        let over = |(head, score): (Head, &f32)| {
            (f64::from(*score) >= calibration.get(head)?.threshold).then_some(head)
        };
        scores.iter().filter_map(over).collect()
    }

    /// `name@` and the first 12 hex digits of the SHA-256 over manifest and files.
    pub fn version(&self) -> String {
        let mut hash = Sha256::new_with_prefix(self.sha256);
        for file in &self.header.files {
            hash.update(file.sha256.as_bytes());
        }
        let digits = hex::encode(hash.finalize());
        format!("{}@{}", self.header.name, digits.get(..12).unwrap_or_default())
    }

    /// The file of this name, checked and read.
    ///
    /// # Errors
    /// [`ScoringError::MissingFile`] when the manifest does not name it or it is not there, [`ScoringError::WrongFile`].
    pub fn file(&self, name: &str) -> Result<Vec<u8>, ScoringError> {
        let file = self.header.files.iter().find(|file| file.name == name);
        let file = file.ok_or_else(|| ScoringError::Manifest {
            path: self.folder.join(MANIFEST_FILE),
            message: format!("add a [[file]] named {name:?}: this kind of model needs it"),
        })?;
        self.header.check_file(&self.folder, file)
    }

    /// [`ScoringError::Unsupported`] for a file of this model.
    pub(crate) fn unsupported(&self, name: &str, message: String) -> ScoringError {
        ScoringError::Unsupported { model: self.header.name.clone(), path: self.folder.join(name), message }
    }
}

fn read_text(path: &Path) -> Result<String, ScoringError> {
    let read = |source| ScoringError::Read { path: path.to_owned(), source };
    if std::fs::metadata(path).map_err(read)?.len() > MAX_MANIFEST_BYTES {
        return Err(broken(path, "over 1 MiB: this is no manifest"));
    }
    std::fs::read_to_string(path).map_err(read)
}

fn broken(path: &Path, message: &str) -> ScoringError {
    ScoringError::Manifest { path: path.to_owned(), message: message.to_owned() }
}
