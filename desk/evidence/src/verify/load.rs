//! Getting the files of a package, from a container or from the folder it was unpacked into.

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};

use crate::package::zip::{self, Files, MAX_ARCHIVE_BYTES, MAX_ENTRIES, check_name};

/// Deepest folder looked into.
const MAX_DEPTH: usize = 8;

/// Files of the bag, by path within it, and what was wrong on the way.
#[derive(Debug, Default)]
pub(super) struct Loaded {
    pub(super) files: Files,
    pub(super) problems: Vec<String>,
    pub(super) described: String,
}

/// The package cannot be read at all.
#[derive(Debug, thiserror::Error)]
#[error("cannot read {path}: {why}")]
pub(super) struct LoadError {
    path: PathBuf,
    why: String,
}

pub(super) fn load(path: &Path) -> Result<Loaded, LoadError> {
    let error = |why: String| LoadError { path: path.to_owned(), why };
    let meta = fs::metadata(path).map_err(|e| error(e.to_string()))?;
    if meta.is_dir() {
        let mut loaded = Loaded::default();
        let mut bytes = 0;
        read_folder(path, "", 0, &mut bytes, &mut loaded)?;
        loaded.described = format!("folder with {} files", loaded.files.len());
        return Ok(loaded);
    }
    if !meta.is_file() {
        return Err(error("neither a file nor a folder".into()));
    }
    let mut container = Vec::new();
    let file = fs::File::open(path).map_err(|e| error(e.to_string()))?;
    file.take(MAX_ARCHIVE_BYTES as u64 + 1).read_to_end(&mut container).map_err(|e| error(e.to_string()))?;
    Ok(from_zip(&container))
}

/// All files lie in one folder of the container; its name is taken off.
pub(super) fn from_zip(container: &[u8]) -> Loaded {
    let archive = zip::read(container);
    let mut loaded =
        Loaded { problems: archive.problems.iter().map(ToString::to_string).collect(), ..Loaded::default() };
    let folder = archive
        .files
        .keys()
        .find_map(|name| name.strip_suffix("/bagit.txt").filter(|folder| !folder.contains('/')))
        .map(|folder| format!("{folder}/"));
    let Some(folder) = folder else {
        if loaded.problems.is_empty() {
            loaded.problems.push("bagit.txt is not in the one folder of the container".into());
        }
        return loaded;
    };
    for (name, content) in archive.files {
        match name.strip_prefix(&folder) {
            Some(inner) => {
                loaded.files.insert(inner.to_owned(), content);
            }
            None => loaded.problems.push(format!("{name} lies outside the folder {folder}")),
        }
    }
    loaded.described = format!("{} files in canonical form, folder {folder}", loaded.files.len());
    loaded
}

fn read_folder(
    folder: &Path,
    prefix: &str,
    depth: usize,
    bytes: &mut usize,
    loaded: &mut Loaded,
) -> Result<(), LoadError> {
    let error =
        |path: &Path, why: &dyn std::fmt::Display| LoadError { path: path.to_owned(), why: why.to_string() };
    let entries = fs::read_dir(folder).map_err(|e| error(folder, &e))?;
    for entry in entries {
        let entry = entry.map_err(|e| error(folder, &e))?;
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let kind = entry.file_type().map_err(|e| error(&entry.path(), &e))?;
        if let Err(why) = check_name(&name) {
            loaded.problems.push(format!("{name}: {why}"));
        } else if kind.is_dir() && depth < MAX_DEPTH {
            read_folder(&entry.path(), &format!("{name}/"), depth + 1, bytes, loaded)?;
        } else if kind.is_file() && loaded.files.len() < MAX_ENTRIES {
            let content = fs::read(entry.path()).map_err(|e| error(&entry.path(), &e))?;
            *bytes = bytes.saturating_add(content.len());
            if *bytes > MAX_ARCHIVE_BYTES {
                return Err(error(folder, &"larger than a package may be"));
            }
            loaded.files.insert(name, content);
        } else {
            loaded
                .problems
                .push(format!("{name} is neither a plain file nor a folder, or there is too much"));
        }
    }
    Ok(())
}
