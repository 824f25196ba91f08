//! Small readers for JSON interfaces: a document, or why not; fields of values without panics.

use serde_json::Value;
use streife_domain::{RejectCode, Timestamp};

use crate::{Observation, Parsed, dates};

/// The document in an observation, or the refusal that says where it breaks.
///
/// # Errors
/// A [`Parsed`] with one problem that keeps the bytes.
pub fn document(observation: &Observation) -> Result<Value, Box<Parsed>> {
    serde_json::from_slice(&observation.body).map_err(|error| {
        let message = format!("not JSON at line {} column {}", error.line(), error.column());
        Box::new(Parsed::refused(RejectCode::BadJson, message, observation))
    })
}

/// A text that is there and not empty.
pub fn text<'a>(value: &'a Value, field: &str) -> Option<&'a str> {
    value.get(field).and_then(Value::as_str).filter(|t| !t.is_empty())
}

/// An id, written as a number or a text.
pub fn id(value: &Value, field: &str) -> Option<String> {
    match value.get(field)? {
        Value::String(text) if !text.is_empty() => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        _ => None,
    }
}

/// A count.
pub fn count(value: &Value, field: &str) -> Option<u64> {
    let value = value.get(field)?;
    value.as_u64().or_else(|| value.as_str()?.parse().ok())
}

/// A time in any notation, or seconds since 1970.
pub fn time(value: &Value, field: &str, reference: Timestamp) -> Option<Timestamp> {
    match value.get(field)? {
        Value::String(text) => dates::parse(text, reference),
        Value::Number(number) => {
            let seconds = number.as_f64().filter(|s| (1.0..4e9).contains(s))?;
            Some(Timestamp::from_secs(seconds as i64))
        }
        _ => None,
    }
}

/// The items of a list; nothing for anything else.
pub fn items<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    value.get(field).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

/// Ends a parse: an answer in which nothing was found is counted under `reason`.
pub fn finished(mut parsed: Parsed, reason: &'static str) -> Parsed {
    if parsed.events.is_empty() && parsed.problems.is_empty() && parsed.ignored.is_empty() {
        parsed.ignore(reason);
    }
    parsed
}
