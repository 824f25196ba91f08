//! `streife sources add`: a new source in the configuration file, by flags or, on a terminal, by questions.
//!
//! What is written has been checked as `sources check` would check it, and the connector has been built from it. The file is
//! only added to; what stands in it stays as it was.

use std::io::{BufRead, IsTerminal, Write};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use streife_sdk::SourceConfig;
use toml::{Table, Value};

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
    let asking = std::io::stdin().is_terminal() && !args.no_questions;
    let table = filled(args, template, asking)?;
    let source: SourceConfig = SourceConfig::deserialize(table.clone())
        .map_err(|e| Failure::configuration(e.to_string().trim().to_owned()))?;
    let file = args.config.config.clone().unwrap_or_else(|| PathBuf::from(DEFAULT_FILE));
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
    let path = paths::home().join("config/sources").join(format!("{kind}.toml"));
    let Ok(text) = std::fs::read_to_string(&path) else { return Ok(Table::new()) };
    let mut sources: Sources<Table> =
        toml::from_str(&text).map_err(|e| Failure::configuration(format!("{}: {e}", path.display())))?;
    Ok(sources.source.pop().unwrap_or_default())
}

/// The source as flags and answers say; the template gives what neither does, but never a purpose or a secret.
fn filled(args: &SourceAddArgs, template: Table, asking: bool) -> Result<Table, Failure> {
    let mut ask = Questions { asking };
    let shown = |name: &str| template.get(name).cloned();
    let mut table = Table::new();
    let name = ask.text(tr("Name", "name"), args.name.as_deref(), None)?;
    table.insert("name".to_owned(), name.into());
    table.insert("kind".to_owned(), args.kind.clone().into());
    table.insert("enabled".to_owned(), true.into());
    if let Some(seconds) = args.interval_secs.map(Value::Integer).or_else(|| shown("interval_secs")) {
        table.insert("interval_secs".to_owned(), seconds);
    }
    if !collect::FILE_KINDS.contains(&args.kind.as_str()) {
        let purpose = tr(
            "Zweck (danger_prevention, crime_prevention, prosecution, media_supervision)",
            "purpose (danger_prevention, crime_prevention, prosecution, media_supervision)",
        );
        let mut legal = Table::new();
        legal.insert("purpose".to_owned(), ask.text(purpose, args.purpose.as_deref(), None)?.into());
        let basis = tr("Rechtsgrundlage oder Anordnung", "legal basis or order");
        legal.insert("legal_basis".to_owned(), ask.text(basis, args.legal_basis.as_deref(), None)?.into());
        let review = tr("Pruefen bis (JJJJ-MM-TT)", "review by (YYYY-MM-DD)");
        legal.insert("review_by".to_owned(), ask.text(review, args.review_by.as_deref(), None)?.into());
        table.insert("legal".to_owned(), legal.into());
    }
    if LICENSED.contains(&args.kind.as_str()) {
        let mut gate = Table::new();
        let agreement = tr("Vereinbarung mit der Plattform", "agreement with the platform");
        gate.insert("agreement".to_owned(), ask.text(agreement, args.agreement.as_deref(), None)?.into());
        let until = tr("gilt bis (JJJJ-MM-TT)", "valid until (YYYY-MM-DD)");
        gate.insert("valid_until".to_owned(), ask.text(until, args.valid_until.as_deref(), None)?.into());
        table.insert("legal_gate".to_owned(), gate.into());
    }
    let examples = match shown("settings") {
        Some(Value::Table(examples)) => examples,
        _ => Table::new(),
    };
    table.insert("settings".to_owned(), settings(args, &examples, &mut ask)?.into());
    Ok(table)
}

/// `--set key=value`, and on a terminal a question for each setting of the template.
fn settings(args: &SourceAddArgs, examples: &Table, ask: &mut Questions) -> Result<Table, Failure> {
    let mut settings = Table::new();
    for pair in &args.set {
        let (key, value) =
            pair.split_once('=').ok_or_else(|| Failure::usage(format!("--set {pair:?}: write key=value")))?;
        settings.insert(key.trim().to_owned(), value_of(value, examples.get(key.trim())));
    }
    if !ask.asking {
        return Ok(settings);
    }
    for (key, example) in examples {
        if settings.contains_key(key) {
            continue;
        }
        let answer = ask.text(key, None, Some(&example.to_string()))?;
        settings.insert(key.clone(), value_of(&answer, Some(example)));
    }
    Ok(settings)
}

/// TOML where it is TOML; a list may be written with commas; anything else is a text.
fn value_of(text: &str, example: Option<&Value>) -> Value {
    let text = text.trim();
    if let Ok(mut table) = toml::from_str::<Table>(&format!("v = {text}"))
        && let Some(value) = table.remove("v")
    {
        return match (value, example) {
            (value @ Value::Array(_), _) | (value, None) => value,
            (value, Some(Value::Array(_))) => Value::Array(vec![value]),
            (value, Some(_)) => value,
        };
    }
    match example {
        Some(Value::Array(_)) => {
            text.split(',').map(|item| Value::String(item.trim().to_owned())).collect::<Vec<_>>().into()
        }
        _ => Value::String(text.to_owned()),
    }
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

/// Asks on the terminal what flags leave open.
struct Questions {
    asking: bool,
}

impl Questions {
    /// The flag, else the answer, else the default; an error that names the flag where nobody can be asked.
    fn text(&mut self, what: &str, flag: Option<&str>, default: Option<&str>) -> Result<String, Failure> {
        if let Some(given) = flag {
            return Ok(given.to_owned());
        }
        if !self.asking {
            return Err(Failure::usage(format!(
                "{what}: {}",
                tr("fehlt, siehe --help", "missing, see --help")
            )));
        }
        let hint = default.map(|d| format!(" [{d}]")).unwrap_or_default();
        let mut out = std::io::stderr();
        write!(out, "{what}{hint}: ")?;
        out.flush()?;
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line)?;
        let answer = line.trim();
        Ok(if answer.is_empty() { default.unwrap_or_default().to_owned() } else { answer.to_owned() })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_the_template_shows_them() {
        let list = Value::Array(vec!["x".into()]);
        let texts = |items: &[&str]| Value::Array(items.iter().map(|i| Value::from(*i)).collect());
        assert_eq!(
            value_of("https://a.test/, https://b.test/", Some(&list)),
            texts(&["https://a.test/", "https://b.test/"])
        );
        assert_eq!(value_of("[\"a\"]", Some(&list)), texts(&["a"]));
        assert_eq!(value_of("de.test", None), "de.test".into());
        assert_eq!(value_of("3", Some(&1.into())), 3.into());
        assert_eq!(value_of("true", None), true.into());
        assert!(value_of("{ env = \"A\" }", None).is_table());
    }

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
