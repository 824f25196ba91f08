//! `streife rules fmt|import|export`: rule files as text.

use std::path::{Path, PathBuf};

use serde_json::json;
use streife_rules::{
    Exchanged, Problem, SourceFile, export_keywords, export_sigma, format, import_keywords, import_sigma,
};

use super::rules::{compile, folder, tongue};
use crate::cli::{RuleShape, RulesDir};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::say::{self, tr};

/// Days until an imported list is looked at again.
const REVIEW_DAYS: i64 = 90;

/// Formats the files, or all of the folder; with `check` only says which are not formatted.
pub(crate) fn fmt(dir: &RulesDir, files: &[PathBuf], check: bool) -> CommandResult {
    let files = if files.is_empty() { yaml_files(&folder(dir)?)? } else { files.to_vec() };
    let mut fine = true;
    for path in &files {
        let text = read(path)?;
        let name = path.display().to_string();
        match format(&SourceFile { path: &name, text: &text }) {
            Ok(formatted) if formatted == text => {}
            Ok(_) if check => {
                fine = false;
                say::line(&format!("{name}: {}", tr("nicht formatiert", "not formatted")));
            }
            Ok(formatted) => {
                write_whole(path, &formatted)?;
                say::line(&format!("{name}: {}", tr("formatiert", "formatted")));
            }
            Err(problem) => {
                fine = false;
                say::line(&problem.render(tongue()));
            }
        }
    }
    Ok(Outcome::fine_if(fine))
}

/// Prints what a foreign file is as a document for a rules folder; what could not be taken over goes to stderr.
pub(crate) fn import(shape: RuleShape, file: &Path, name: Option<&str>, owner: &str) -> CommandResult {
    let text = read(file)?;
    let path = file.display().to_string();
    let imported = match shape {
        RuleShape::Keywords => {
            let stem = file.file_stem().map(|stem| stem.to_string_lossy().into_owned());
            let name = name.map(str::to_owned).or(stem).unwrap_or_default();
            let plain = |c: char| if c.is_alphanumeric() { c } else { '_' };
            let name: String = name.to_lowercase().chars().map(plain).collect();
            let review = crate::open::day(crate::open::clock().now().plus_secs(REVIEW_DAYS * 86_400));
            import_keywords(&name, owner, &review, &text)
        }
        RuleShape::Sigma => import_sigma(&SourceFile { path: &path, text: &text })
            .map_err(|problem| Failure::usage(problem.render(tongue())))?,
    };
    print(&imported)
}

/// Prints a list as plain keywords, or a rule in Sigma's shape.
pub(crate) fn export(dir: &RulesDir, shape: RuleShape, name: &str) -> CommandResult {
    let folder = folder(dir)?;
    match shape {
        RuleShape::Keywords => {
            let mut texts = Vec::new();
            for path in yaml_files(&folder)? {
                texts.push((path.display().to_string(), read(&path)?));
            }
            let files: Vec<SourceFile<'_>> =
                texts.iter().map(|(path, text)| SourceFile { path, text }).collect();
            let exported = export_keywords(&files, name.trim_start_matches('$'))
                .ok_or_else(|| Failure::usage(format!("no list {name:?}")))?;
            print(&exported)
        }
        RuleShape::Sigma => {
            let (set, problems) = compile(&folder)?;
            let Some(rule) = set.rules().iter().find(|rule| rule.id == name) else {
                let of_rule = |problem: &&Problem| problem.rule.as_deref() == Some(name);
                let why = problems.iter().find(of_rule).map(|problem| problem.render(tongue()));
                return Err(Failure::usage(why.unwrap_or_else(|| format!("no rule {name:?}"))));
            };
            match export_sigma(rule) {
                Ok(text) => print(&Exchanged { text, left_out: Vec::new() }),
                Err(left_out) => print(&Exchanged { text: String::new(), left_out }),
            }
        }
    }
}

fn print(exchanged: &Exchanged) -> CommandResult {
    if !exchanged.text.is_empty() {
        say::line(exchanged.text.trim_end());
    }
    for left in &exchanged.left_out {
        say::note(&json!({"left_out": left.what, "why": left.why}).to_string());
    }
    Ok(Outcome::fine_if(exchanged.left_out.is_empty()))
}

fn read(path: &Path) -> Result<String, Failure> {
    std::fs::read_to_string(path).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

/// Writes beside the file and renames, so that a reader sees the old text or the new one.
fn write_whole(path: &Path, text: &str) -> Result<(), Failure> {
    let beside = path.with_extension("yaml.new");
    std::fs::write(&beside, text)
        .and_then(|()| std::fs::rename(&beside, path))
        .map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
}

fn yaml_files(folder: &Path) -> Result<Vec<PathBuf>, Failure> {
    let failed = |error: std::io::Error| Failure::usage(format!("{}: {error}", folder.display()));
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(failed)? {
        let path = entry.map_err(failed)?.path();
        if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            paths.push(path);
        }
    }
    paths.sort();
    Ok(paths)
}
