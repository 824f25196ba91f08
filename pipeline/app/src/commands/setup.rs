//! `streife setup`: fetches what is pinned and missing.

use std::path::Path;

use crate::failure::{CommandResult, Failure, Outcome};
use crate::paths::Paths;
use crate::say::{self, tr};
use crate::{config, parts};

pub(crate) fn run(from: Option<&Path>, json: bool) -> CommandResult {
    let config = config::load(None)?;
    let paths = Paths::new(&config, None);
    fetch_missing(&paths, from, true)?;
    let mut fine = true;
    for part in parts::pinned()? {
        let verified = part.verify(&paths.parts);
        fine &= verified.is_ok() || part.optional;
        let detail = verified.err().map(|e| format!("{e:#}"));
        if json {
            say::json(
                &serde_json::json!({"part": part.name, "version": part.version, "ok": detail.is_none(), "detail": detail}),
            )?;
        } else {
            let state = detail.unwrap_or_else(|| tr("liegt bereit", "in place").to_owned());
            say::line(&format!("{} {} ({}): {state}", part.name, part.version, part.what));
        }
    }
    Ok(Outcome::fine_if(fine))
}

/// Fetches what is missing and cannot be done without; quick when nothing is.
pub(crate) fn ensure(paths: &Paths) -> Result<(), Failure> {
    fetch_missing(paths, None, false)
}

fn fetch_missing(paths: &Paths, from: Option<&Path>, optional_too: bool) -> Result<(), Failure> {
    for part in parts::missing(&paths.parts)?.into_iter().filter(|part| optional_too || !part.optional) {
        eprintln!("streife: {} {} {} ...", tr("hole", "fetching"), part.name, part.version);
        let fetched = parts::fetch(&part, &paths.parts, from);
        if let (Err(error), true) = (&fetched, part.optional) {
            eprintln!("streife: {}: {error:#}", tr("geht auch ohne", "works without"));
            continue;
        }
        fetched.map_err(|error| {
            Failure::upstream(format!(
                "{error:#}; check the package client, or take the files from a folder: streife setup --from FOLDER"
            ))
        })?;
    }
    Ok(())
}
