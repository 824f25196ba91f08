//! `streife sources add`: a new source in the configuration file, by flags or, on a terminal, by questions.
//!
//! What is written has been checked as `sources check` would check it, and the connector has been built from it. The file is
//! only added to; what stands in it stays as it was. A secret is named by where it lies.

mod judged;
mod questions;
mod values;

use std::io::IsTerminal;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use streife_sdk::SourceConfig;
use toml::{Table, Value};

use questions::{Question, Questions};

use crate::cli::SourceAddArgs;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::roles::collect;
use crate::say::{self, tr};
use crate::{config, kinds, open, paths};

/// The configuration file where none is named.
const DEFAULT_FILE: &str = "streife.toml";
/// Kinds whose terms need an agreement.
const LICENSED: [&str; 4] = ["x", "reddit", "tiktok", "vk"];

/// A source as it stands in a file.
#[derive(Serialize, Deserialize)]
struct Sources<T> {
    source: Vec<T>,
}

pub(super) fn run(args: &SourceAddArgs) -> CommandResult {
    let known: Vec<&str> = kinds::all().iter().map(|kind| kind.name).collect();
    let Some(kind) = kinds::find(&args.kind) else {
        return Err(Failure::usage(format!(
            "kind {:?} is not known; known are {}",
            args.kind,
            known.join(", ")
        )));
    };
    let template = template(kind.name)?;
    let asking = args.ask || (std::io::stdin().is_terminal() && !args.no_questions);
    let file = args.config.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
    let taken = names_in(&file)?;
    let table = filled(args, &template, &taken, &Questions { asking })?;
    let source: SourceConfig = SourceConfig::deserialize(table.clone())
        .map_err(|e| Failure::configuration(e.to_string().trim().to_owned()))?;
    check(&source, &file)?;
    append(&file, &Sources { source: vec![table] })?;
    say::line(&format!(
        "{} {} {}. {}: streife sources test {} --config {}",
        source.name,
        tr("steht in", "is in"),
        file.display(),
        tr("Probe", "Try it"),
        source.name,
        file.display()
    ));
    Ok(Outcome::Fine)
}

/// The shipped template of a kind, as a table; an empty one for kinds without.
fn template(kind: &str) -> Result<Table, Failure> {
    // Files are read by one kind, whatever is in them.
    let name = if collect::FILE_KINDS.contains(&kind) { "archive" } else { kind };
    let path = paths::home().join("config/sources").join(format!("{name}.toml"));
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(Table::new()) };
    let mut sources: Sources<Table> =
        toml::from_str(&text).map_err(|e| Failure::configuration(format!("{}: {e}", path.display())))?;
    Ok(sources.source.pop().unwrap_or_default())
}

/// The sources that the file has already.
fn names_in(file: &Path) -> Result<Vec<String>, Failure> {
    if !file.exists() {
        return Ok(Vec::new());
    }
    Ok(config::load(Some(file))?.source.into_iter().map(|source| source.name).collect())
}

/// The source as flags and answers say; the template gives what neither does, but never a purpose or a secret.
fn filled(
    args: &SourceAddArgs,
    template: &Table,
    taken: &[String],
    ask: &Questions,
) -> Result<Table, Failure> {
    let shown = |name: &str| template.get(name).cloned();
    let text = |what: &str, flag: &Option<String>, judge: &dyn Fn(&str) -> Result<String, String>| {
        ask.ask(&Question { what, flag: flag.as_deref(), default: None }, judge).map(Value::from)
    };
    let mut table = Table::new();
    table.insert("name".to_owned(), text(tr("Name", "name"), &args.name, &|name| judged::name(name, taken))?);
    table.insert("kind".to_owned(), args.kind.clone().into());
    table.insert("enabled".to_owned(), true.into());
    if let Some(seconds) = args.interval_secs.map(Value::Integer).or_else(|| shown("interval_secs")) {
        table.insert("interval_secs".to_owned(), seconds);
    }
    if !collect::FILE_KINDS.contains(&args.kind.as_str()) {
        let purpose = format!("{} ({})", tr("Zweck", "purpose"), judged::PURPOSES.join(", "));
        let basis = tr("Rechtsgrundlage oder Anordnung", "legal basis or order");
        let review = tr("Pruefen bis (JJJJ-MM-TT)", "review by (YYYY-MM-DD)");
        let legal = Table::from_iter([
            ("purpose".to_owned(), text(&purpose, &args.purpose, &judged::purpose)?),
            ("legal_basis".to_owned(), text(basis, &args.legal_basis, &judged::words)?),
            ("review_by".to_owned(), text(review, &args.review_by, &judged::day)?),
        ]);
        table.insert("legal".to_owned(), legal.into());
    }
    if LICENSED.contains(&args.kind.as_str()) {
        let agreement = tr("Vereinbarung mit der Plattform", "agreement with the platform");
        let until = tr("gilt bis (JJJJ-MM-TT)", "valid until (YYYY-MM-DD)");
        let gate = Table::from_iter([
            ("agreement".to_owned(), text(agreement, &args.agreement, &judged::words)?),
            ("valid_until".to_owned(), text(until, &args.valid_until, &judged::day)?),
        ]);
        table.insert("legal_gate".to_owned(), gate.into());
    }
    let examples = match shown("settings") {
        Some(Value::Table(examples)) => examples,
        _ => Table::new(),
    };
    table.insert("settings".to_owned(), settings(args, &examples, ask)?.into());
    Ok(table)
}

/// `--set key=value`, and a question for each other setting of the template.
fn settings(args: &SourceAddArgs, examples: &Table, ask: &Questions) -> Result<Table, Failure> {
    let mut settings = Table::new();
    for pair in &args.set {
        // What stands behind `=` may be a secret in the wrong place: it is not repeated.
        let (key, text) = pair.split_once('=').ok_or_else(|| {
            Failure::usage(tr("--set: schreiben Sie key=value", "--set: write key=value").to_owned())
        })?;
        let key = key.trim();
        let value = values::setting(key, text, examples.get(key))
            .map_err(|wrong| Failure::usage(format!("--set {key}: {wrong}")))?;
        settings.insert(key.to_owned(), value);
    }
    if !ask.asking {
        return Ok(settings);
    }
    for (key, example) in examples {
        if settings.contains_key(key) {
            continue;
        }
        let shown = example.to_string();
        let question = Question { what: key, flag: None, default: Some(&shown) };
        let value = ask.ask(&question, |text| {
            if text == shown {
                return if values::is_placeholder(text) && !example.is_table() {
                    Err(tr("das ist nur ein Beispiel", "that is only an example").to_owned())
                } else {
                    Ok(example.clone())
                };
            }
            values::setting(key, text, Some(example))
        })?;
        settings.insert(key.clone(), value);
    }
    Ok(settings)
}

/// Everything that `sources check` would say, and whether the connector can be built.
fn check(source: &SourceConfig, file: &Path) -> Result<(), Failure> {
    let existing = if file.exists() { config::load(Some(file))? } else { config::load(None)? };
    let mut all = if file.exists() { existing.source.clone() } else { Vec::new() };
    all.push(source.clone());
    let mut problems = collect::problems(&all);
    problems.retain(|problem| problem.contains(&format!("{:?}", source.name)));
    let deps = collect::deps(&existing, open::clock())?;
    if let Some(kind) = kinds::find(&source.kind)
        && let Err(error) = (kind.connect)(source, &deps)
    {
        problems.push(error.to_string());
    }
    if problems.is_empty() { Ok(()) } else { Err(Failure::configuration(problems.join("\n"))) }
}

/// Adds to the file; a crash leaves the old or the new one.
fn append(file: &Path, sources: &Sources<Table>) -> Result<(), Failure> {
    let wrong = |e: &dyn std::fmt::Display| Failure::configuration(format!("{}: {e}", file.display()));
    let mut text = match std::fs::read_to_string(file) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => String::new(),
        Err(error) => return Err(wrong(&error)),
    };
    if !text.is_empty() && !text.ends_with("\n\n") {
        text.push_str(if text.ends_with('\n') { "\n" } else { "\n\n" });
    }
    text.push_str(&toml::to_string(sources).map_err(|e| wrong(&e))?);
    let beside = file.with_extension("toml.new");
    std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, file)).map_err(|e| wrong(&e))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_file_is_only_added_to() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("s.toml");
        std::fs::write(&file, "# mine\n[paths]\ndata = \"d\"").unwrap();
        let mut table = Table::new();
        table.insert("name".to_owned(), "a".into());
        append(&file, &Sources { source: vec![table.clone()] }).unwrap();
        append(&file, &Sources { source: vec![table] }).unwrap();
        let text = std::fs::read_to_string(&file).unwrap();
        assert!(text.starts_with("# mine\n[paths]\ndata = \"d\"\n\n[[source]]\nname = \"a\"\n"), "{text}");
        assert_eq!(text.matches("[[source]]").count(), 2);
    }
}
