//! Where things lie. Shipped files (models, rules, sources) are found beside the checkout or the binary; data where the
//! configuration says; native parts in the user's cache, shared by all data folders.

use std::path::{Path, PathBuf};

use crate::config::Config;

/// Folders of this installation.
#[derive(Debug, Clone)]
pub(crate) struct Paths {
    pub(crate) data: PathBuf,
    pub(crate) models: PathBuf,
    pub(crate) rules: PathBuf,
    pub(crate) parts: PathBuf,
    pub(crate) sample: PathBuf,
    /// The installation's pseudonym key.
    pub(crate) pseudonym_key: PathBuf,
}

impl Paths {
    /// From the configuration; `data` from the command line goes first.
    pub(crate) fn new(config: &Config, data: Option<&Path>) -> Self {
        let home = home();
        let shipped = |configured: &Option<PathBuf>, default: &str| match configured {
            Some(path) if path.is_absolute() => path.clone(),
            Some(path) => home.join(path),
            None => home.join(default),
        };
        let data = data
            .map(Path::to_owned)
            .or_else(|| config.paths.data.clone())
            .unwrap_or_else(|| PathBuf::from("data"));
        Self {
            pseudonym_key: config.paths.pseudonym_key.clone().unwrap_or_else(|| data.join("pseudonym.key")),
            data,
            models: shipped(&config.paths.models, "models"),
            rules: shipped(&config.paths.rules, "config/rules"),
            parts: config.paths.parts.clone().unwrap_or_else(default_parts),
            sample: home.join("config/sample"),
        }
    }
}

/// Makes a folder, and those above it that are missing, for this user alone. One that is there stays as it is: `streife doctor`
/// tells when it is open to others.
pub(crate) fn create_private(folder: &Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

/// `STREIFE_HOME`, else the first folder above the binary or the working folder that holds `config/rules`.
pub(crate) fn home() -> PathBuf {
    if let Some(home) = std::env::var_os("STREIFE_HOME") {
        return PathBuf::from(home);
    }
    let start = [std::env::current_exe().ok(), std::env::current_dir().ok()];
    start
        .iter()
        .flatten()
        .flat_map(|path| path.ancestors())
        .find(|folder| folder.join("config/rules").is_dir())
        .map_or_else(|| PathBuf::from("."), Path::to_owned)
}

/// `STREIFE_PARTS`, else `streife/parts` in the user's cache.
fn default_parts() -> PathBuf {
    if let Some(parts) = std::env::var_os("STREIFE_PARTS") {
        return PathBuf::from(parts);
    }
    let cache = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache")))
        .unwrap_or_else(std::env::temp_dir);
    cache.join("streife/parts")
}
