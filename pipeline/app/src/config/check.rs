//! Reading with all errors at once.
//!
//! Every key is read by itself, so that one wrong key hides no other; serde's own message names the key, and the
//! nearest known one is proposed.

use std::fmt;

use serde::de::DeserializeOwned;
use toml::{Table, Value};

use super::sections::Config;

/// Overrides from the environment begin so.
const ENVIRONMENT_PREFIX: &str = "STREIFE__";

/// Something wrong, with its line where there is one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ConfigProblem {
    pub(crate) line: usize,
    pub(crate) key: String,
    pub(crate) message: String,
}

impl fmt::Display for ConfigProblem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.line, self.key, self.message)
    }
}

/// Reads a configuration. `environment` holds all variables; those that begin with `STREIFE__` override.
pub(crate) fn read(text: &str, environment: &[(String, String)]) -> Result<Config, Vec<ConfigProblem>> {
    let mut table: Table = text.parse().map_err(|e: toml::de::Error| {
        let line = e.span().map_or(1, |span| text[..span.start.min(text.len())].matches('\n').count() + 1);
        vec![ConfigProblem { line, key: "(syntax)".to_owned(), message: e.message().to_owned() }]
    })?;
    apply_environment(&mut table, environment);
    let mut problems = Vec::new();
    for (section, value) in &table {
        for key_table in single_keys(value) {
            let mut document = Table::new();
            document.insert(section.clone(), key_table.value);
            if let Err(message) = try_read::<Config>(document) {
                let key = key_table.key.map_or_else(|| section.clone(), |key| format!("{section}.{key}"));
                let line = line_of(text, section, key.rsplit('.').next().unwrap_or(section));
                problems.push(ConfigProblem { line, key, message });
            }
        }
    }
    if !problems.is_empty() {
        return Err(problems);
    }
    try_read::<Config>(table)
        .map_err(|message| vec![ConfigProblem { line: 1, key: "(whole file)".to_owned(), message }])
}

struct SingleKey {
    key: Option<String>,
    value: Value,
}

/// A section cut into tables of one key each; what is no table stays whole.
fn single_keys(value: &Value) -> Vec<SingleKey> {
    match value {
        Value::Table(table) if !table.is_empty() => table
            .iter()
            .map(|(key, value)| {
                let mut one = Table::new();
                one.insert(key.clone(), value.clone());
                SingleKey { key: Some(key.clone()), value: Value::Table(one) }
            })
            .collect(),
        Value::Array(items) => items
            .iter()
            .map(|item| SingleKey {
                key: item.get("name").and_then(Value::as_str).map(str::to_owned),
                value: Value::Array(vec![item.clone()]),
            })
            .collect(),
        whole => vec![SingleKey { key: None, value: whole.clone() }],
    }
}

fn try_read<T: DeserializeOwned>(document: Table) -> Result<T, String> {
    T::deserialize(document).map_err(|error| with_proposal(error.message()))
}

/// `unknown field `brokres`, expected one of `brokers`, ...` becomes a question after the nearest name.
fn with_proposal(message: &str) -> String {
    let message = message.trim().to_owned();
    if !message.starts_with("unknown field") && !message.starts_with("unknown variant") {
        return message;
    }
    let names: Vec<&str> = message.split('`').skip(1).step_by(2).collect();
    let Some((wrong, known)) = names.split_first() else { return message };
    match known.iter().min_by_key(|name| edit_distance(wrong, name)) {
        Some(nearest) if edit_distance(wrong, nearest) <= 1 + wrong.len() / 3 => {
            format!("unknown key {wrong:?}; did you mean {nearest:?}?")
        }
        _ => format!("unknown key {wrong:?}; known are {}", known.join(", ")),
    }
}

/// Levenshtein distance by characters.
fn edit_distance(a: &str, b: &str) -> usize {
    let b: Vec<char> = b.chars().collect();
    let mut row: Vec<usize> = (0..=b.len()).collect();
    for (i, ca) in a.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, cb) in b.iter().enumerate() {
            let substituted = diagonal + usize::from(ca != *cb);
            diagonal = row[j + 1];
            row[j + 1] = substituted.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[b.len()]
}

/// The line on which `key` is set within `section`, else the section's own line, else 1.
fn line_of(text: &str, section: &str, key: &str) -> usize {
    let is_header = |line: &str| line.trim_start().starts_with('[');
    let mut in_section = false;
    let mut section_line = 1;
    for (number, line) in (1..).zip(text.lines()) {
        if is_header(line) {
            in_section = line.trim().trim_matches(['[', ']']).trim() == section;
            if in_section {
                section_line = number;
            }
        } else if in_section && line.split('=').next().is_some_and(|name| name.trim() == key) {
            return number;
        }
    }
    section_line
}

fn apply_environment(table: &mut Table, environment: &[(String, String)]) {
    for (name, value) in environment {
        let Some(path) = name.strip_prefix(ENVIRONMENT_PREFIX) else { continue };
        let Some((section, key)) = path.split_once("__") else { continue };
        let section = table.entry(section.to_lowercase()).or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(section) = section {
            section.insert(key.to_lowercase(), parse_value(value));
        }
    }
}

/// Numbers, booleans and lists as in TOML; everything else is a string.
fn parse_value(text: &str) -> Value {
    format!("v = {text}")
        .parse::<Table>()
        .ok()
        .and_then(|mut table| table.remove("v"))
        .unwrap_or_else(|| Value::String(text.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::LogKind;

    #[test]
    fn all_errors_are_told_at_once_with_lines_and_proposals() {
        let text = "[log]\nkind = \"kafka\"\nreplicaton = 1\n\n[scoring]\nbatch_records = \"many\"\n[dessk]\nx = 1\n";
        let problems = read(text, &[]).unwrap_err();
        let told: Vec<String> = problems.iter().map(ToString::to_string).collect();
        assert_eq!(told.len(), 3, "{told:?}");
        assert!(
            told.iter()
                .any(|p| p.starts_with("3: log.replicaton") && p.contains("did you mean \"replication\"")),
            "{told:?}"
        );
        assert!(told.iter().any(|p| p.starts_with("6: scoring.batch_records")), "{told:?}");
        assert!(told.iter().any(|p| p.contains("did you mean \"desk\"")), "{told:?}");
    }

    #[test]
    fn the_environment_overrides_the_file() {
        let set = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        let environment =
            [set("STREIFE__LOG__KIND", "kafka"), set("STREIFE__LOG__REPLICATION", "3"), set("HOME", "/")];
        let config = read("[log]\nreplication = 1\n", &environment).unwrap();
        assert_eq!((config.log.kind, config.log.replication), (LogKind::Kafka, 3));
    }

    #[test]
    fn an_empty_file_is_the_default() {
        assert_eq!(read("", &[]), Ok(Config::default()));
    }

    #[test]
    fn broken_toml_names_its_line() {
        assert_eq!(read("[log]\nkind = \n", &[]).unwrap_err()[0].line, 2);
    }
}
