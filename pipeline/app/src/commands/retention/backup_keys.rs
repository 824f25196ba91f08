//! Keys of backups. Each backup is encrypted with the key of its day (`deploy/backup.sh`); when its deadline has passed, the
//! key is destroyed, and with it everything in the backup, wherever its copies lie.

use std::fs;
use std::io::{self, Write};
use std::path::Path;

use anyhow::Context;

/// Destroys the keys of days before `earliest` (`YYYY-MM-DD`); returns how many were due and how many are still there.
pub(super) fn destroy_before(folder: &Path, earliest: &str) -> anyhow::Result<(u64, u64)> {
    let entries = match fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((0, 0)),
        Err(error) => return Err(error).with_context(|| format!("reading {}", folder.display())),
    };
    let (mut due, mut left) = (0, 0);
    for entry in entries {
        let path = entry?.path();
        let Some(day) = day_of(&path) else { continue };
        if day.as_str() >= earliest {
            continue;
        }
        due += 1;
        destroy(&path).with_context(|| format!("destroying {}", path.display()))?;
        left += u64::from(path.exists());
    }
    Ok((due, left))
}

/// `2026-11-22.key` is of that day; other files are left alone.
fn day_of(path: &Path) -> Option<String> {
    let day = path.file_name()?.to_str()?.strip_suffix(".key")?;
    let shape = day.len() == 10
        && day
            .bytes()
            .enumerate()
            .all(|(i, b)| if i == 4 || i == 7 { b == b'-' } else { b.is_ascii_digit() });
    shape.then(|| day.to_owned())
}

/// Overwritten before it is unlinked. On media that write elsewhere (flash, copy on write) this goes as far as the medium
/// does: keep the folder on a volume that is encrypted itself.
fn destroy(path: &Path) -> io::Result<()> {
    let length = usize::try_from(fs::metadata(path)?.len()).unwrap_or(0);
    let mut file = fs::File::options().write(true).open(path)?;
    file.write_all(&vec![0; length])?;
    file.sync_all()?;
    fs::remove_file(path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_of_old_days_go_and_nothing_else() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["2026-01-01.key", "2026-03-01.key", "notes.key", "2026-01-01.txt"] {
            fs::write(folder.path().join(name), "secret").unwrap();
        }
        assert_eq!(destroy_before(folder.path(), "2026-02-01").unwrap(), (1, 0));
        let mut left: Vec<String> = fs::read_dir(folder.path())
            .unwrap()
            .map(|e| e.unwrap().file_name().into_string().unwrap())
            .collect();
        left.sort();
        assert_eq!(left, ["2026-01-01.txt", "2026-03-01.key", "notes.key"]);
        assert_eq!(destroy_before(&folder.path().join("none"), "2026-02-01").unwrap(), (0, 0));
    }
}
