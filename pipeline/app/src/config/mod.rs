//! Configuration: TOML, overridden by `STREIFE__SECTION__KEY` from the environment. Unknown keys are refused with a
//! proposal, and all errors are told at once.

mod access;
mod check;
mod evidence;
mod pictures;
mod sections;
mod websub;

use std::path::{Path, PathBuf};

pub(crate) use access::AlertSection;
pub(crate) use check::read;
pub(crate) use evidence::{EvidenceSection, HandoverSection, HandoverTo, TimeStampSection};
pub(crate) use pictures::{BankSection, OcrSection, PicturesSection};
pub(crate) use sections::{Config, DeskSection, DeskTlsSection, LogKind, TracingSection};
pub(crate) use websub::{WebSubSection, websub};

use crate::failure::Failure;

/// Reads the file (or the defaults), with the environment's overrides.
pub(crate) fn load(path: Option<&Path>) -> Result<Config, Failure> {
    let text = match path {
        None => String::new(),
        Some(path) => std::fs::read_to_string(path).map_err(|e| {
            Failure::configuration(format!("{}: {e}; name an existing file with --config", path.display()))
        })?,
    };
    let name = path.map_or_else(|| PathBuf::from("(defaults)"), Path::to_owned);
    let overrides: Vec<(String, String)> = std::env::vars().collect();
    read(&text, &overrides).map_err(|problems| {
        let lines: Vec<String> = problems.iter().map(|p| format!("{}:{p}", name.display())).collect();
        Failure::configuration(lines.join("\n"))
    })
}
