//! What an answer has to be, as `sources check` will judge it.

use streife_sdk::SourceConfig;
use toml::{Table, Value};

use crate::open;
use crate::say::tr;

/// Purposes of live sources.
pub(super) const PURPOSES: [&str; 4] =
    ["danger_prevention", "crime_prevention", "prosecution", "media_supervision"];

/// A name that is free.
pub(super) fn name(text: &str, taken: &[String]) -> Result<String, String> {
    if taken.iter().any(|name| name == text) {
        return Err(tr(
            "der Name ist vergeben; die Quelle bleibt, wie sie ist",
            "the name is taken; that source stays as it is",
        )
        .to_owned());
    }
    let table =
        Table::from_iter([("name", text), ("kind", "feed")].map(|(k, v)| (k.to_owned(), Value::from(v))));
    let source: SourceConfig = table.try_into().map_err(|e: toml::de::Error| e.message().to_owned())?;
    let wrong = source.problems(false, &open::today()).into_iter().next();
    wrong.map_or_else(|| Ok(text.to_owned()), |problem| Err(problem.message))
}

pub(super) fn purpose(text: &str) -> Result<String, String> {
    if PURPOSES.contains(&text) {
        return Ok(text.to_owned());
    }
    Err(format!("{} {}", tr("eines von", "one of"), PURPOSES.join(", ")))
}

pub(super) fn words(text: &str) -> Result<String, String> {
    let text = text.trim();
    if text.is_empty() {
        Err(tr("darf nicht leer sein", "must not be empty").to_owned())
    } else {
        Ok(text.to_owned())
    }
}

/// A day from today on.
pub(super) fn day(text: &str) -> Result<String, String> {
    let is_day = streife_domain::Timestamp::parse(&format!("{text}T00:00:00Z")).is_ok();
    if is_day && text >= open::today().as_str() {
        return Ok(text.to_owned());
    }
    Err(tr("ein Tag von heute an, JJJJ-MM-TT", "a day from today on, YYYY-MM-DD").to_owned())
}
