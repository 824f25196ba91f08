//! `streife models`: list, verify, eval, card.

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::PathBuf;

use streife_scoring::{
    Device, LabelledText, Measured, Models, OpenOptions, ScoringError, card, eval, list, verify,
};

use crate::cli::{EncodeArg, ModelsCommand, ModelsDir};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::paths::Paths;
use crate::say::{self, tr};
use crate::{config, open};

struct Folders {
    models: PathBuf,
    parts: PathBuf,
}

fn folders(dir: &ModelsDir) -> Result<Folders, Failure> {
    let config = config::load(None)?;
    let paths = Paths::new(&config, None);
    super::setup::ensure(&paths)?;
    Ok(Folders { models: dir.models.clone().unwrap_or(paths.models), parts: paths.parts })
}

impl Folders {
    fn options(&self, encoder: bool) -> OpenOptions<'_> {
        OpenOptions {
            models: &self.models,
            parts: &self.parts,
            encoder,
            device: Device::Cpu,
            sessions: open::cores().get(),
        }
    }
}

pub(crate) fn run(command: ModelsCommand, json: bool) -> CommandResult {
    match command {
        ModelsCommand::List(dir) => list_all(&folders(&dir)?, json),
        ModelsCommand::Verify(dir) => verify_all(&folders(&dir)?, json),
        ModelsCommand::Eval { dir, file, encode } => evaluate(&folders(&dir)?, &file, encode, json),
        ModelsCommand::Card { dir, name } => {
            say::line(&card(&folders(&dir)?.models, &name)?);
            Ok(Outcome::Fine)
        }
    }
}

fn list_all(folders: &Folders, json: bool) -> CommandResult {
    let mut fine = true;
    for installed in list(&folders.models)? {
        match installed {
            Ok(model) if json => say::json(&model)?,
            Ok(model) => say::line(&format!(
                "{} {} ({}, {}, {}, {} MB): {}",
                model.name,
                model.version,
                model.kind,
                model.role.as_str(),
                model.licence,
                model.bytes / 1_000_000,
                model.sha256
            )),
            Err(error) => {
                fine = false;
                eprintln!("{error}");
            }
        }
    }
    Ok(Outcome::fine_if(fine))
}

fn verify_all(folders: &Folders, json: bool) -> CommandResult {
    let checks = verify(&folders.options(true))?;
    for check in &checks {
        if json {
            say::json(check)?;
        } else {
            say::line(&format!(
                "{} {}: {} {}",
                check.model,
                check.step,
                if check.ok { "ok" } else { tr("FALSCH", "WRONG") },
                check.detail
            ));
        }
    }
    Ok(Outcome::fine_if(checks.iter().all(|check| check.ok)))
}

fn evaluate(folders: &Folders, file: &std::path::Path, encode: EncodeArg, json: bool) -> CommandResult {
    let measured = match encode {
        EncodeArg::None => Measured::Gate,
        EncodeArg::All => Measured::Encoder,
        EncodeArg::Gated => {
            return Err(Failure::usage(
                "eval measures --encode all (the encoder) or none (the gate)".to_owned(),
            ));
        }
    };
    let models = Models::open(&folders.options(measured == Measured::Encoder))?;
    let lines =
        BufReader::new(File::open(file).map_err(|e| Failure::usage(format!("{}: {e}", file.display())))?)
            .lines();
    let rows = lines.enumerate().map(|(i, line)| {
        let line = line.map_err(|source| ScoringError::Read { path: file.to_owned(), source })?;
        LabelledText::parse(&line, i + 1)
    });
    let metrics = eval(rows, &models, measured)?;
    let figure = |value: Option<f64>| value.map_or_else(|| "-".to_owned(), |value| format!("{value:.3}"));
    if !json {
        say::line("head            lang      n  pos  macro-F1 [95 %]        AP     P@R.5  P@R.8  ECE");
    }
    for row in &metrics {
        if json {
            say::json(row)?;
        } else {
            say::line(&format!(
                "{:<15} {:<4} {:>6} {:>4}  {:<5} {:<15} {:<5}  {:<5}  {:<5}  {}",
                row.head.as_str(),
                row.lang,
                row.n,
                row.positives,
                figure(row.macro_f1),
                row.interval.map_or_else(
                    || tr("sagt nichts", "says nothing").to_owned(),
                    |[low, high]| format!("[{low:.3}, {high:.3}]")
                ),
                figure(row.average_precision),
                figure(row.precision_at_recall_05),
                figure(row.precision_at_recall_08),
                figure(row.ece)
            ));
        }
    }
    Ok(Outcome::Fine)
}
