//! The contract of `schemas/`: every example fits its schema and the Rust type, comes back equal, and together the
//! examples use every field that a schema names; so no field can be in one place only.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use serde_json::Value;
use streife_domain::*;
use streife_store::{DeadNotice, Rows};

fn schemas() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas")
}

fn read(path: &Path) -> Value {
    serde_json::from_slice(&std::fs::read(path).unwrap())
        .unwrap_or_else(|e| panic!("{}: {e}", path.display()))
}

fn schema(name: &str) -> Value {
    read(&schemas().join(format!("events/{name}.v1.schema.json")))
}

fn examples(name: &str) -> Vec<(String, Value)> {
    let mut found: Vec<_> = std::fs::read_dir(schemas().join("examples").join(name))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .map(|path| (path.display().to_string(), read(&path)))
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    assert!(found.len() >= 2, "examples of {name}");
    found
}

/// The part of JSON Schema that our schemas use. Notes for each object schema which of its fields were seen.
struct Checker<'a> {
    root: &'a Value,
    seen: BTreeMap<String, BTreeSet<String>>,
}

impl<'a> Checker<'a> {
    fn check(&mut self, at: &str, schema: &'a Value, value: &Value) -> Result<(), String> {
        if let Some(reference) = schema["$ref"].as_str() {
            let target = self.root.pointer(&reference[1..]).ok_or_else(|| format!("no {reference}"))?;
            return self.check(reference, target, value);
        }
        if let Some(values) = schema["enum"].as_array()
            && !values.contains(value)
        {
            return Err(format!("{at}: {value} is none of {values:?}"));
        }
        if !schema["const"].is_null() && schema["const"] != *value {
            return Err(format!("{at}: {value} is not {}", schema["const"]));
        }
        let fits = match schema["type"].as_str() {
            Some("object") => value.is_object(),
            Some("array") => value.is_array(),
            Some("string") => value.is_string(),
            Some("integer") => value.is_i64(),
            Some("number") => value.is_number(),
            Some("boolean") => value.is_boolean(),
            Some(other) => return Err(format!("{at}: type {other} is not known here")),
            None => true,
        };
        if !fits {
            return Err(format!("{at}: {value} is no {}", schema["type"]));
        }
        for item in value.as_array().into_iter().flatten() {
            self.check(&format!("{at}/items"), &schema["items"], item)?;
        }
        let Some(object) = value.as_object() else { return Ok(()) };
        for required in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !object.contains_key(required) {
                return Err(format!("{at}: {required} is missing"));
            }
        }
        for (key, field) in object {
            let property = &schema["properties"][key];
            if property.is_null() {
                return Err(format!("{at}: {key} is not in the schema"));
            }
            self.seen.entry(at.to_owned()).or_default().insert(key.clone());
            self.check(&format!("{at}/properties/{key}"), property, field)?;
        }
        Ok(())
    }
}

/// Every object schema within `schema`, with the fields it names.
fn objects(at: &str, schema: &Value, out: &mut BTreeMap<String, BTreeSet<String>>) {
    if let Some(properties) = schema["properties"].as_object() {
        out.insert(at.to_owned(), properties.keys().cloned().collect());
        for (key, property) in properties {
            objects(&format!("{at}/properties/{key}"), property, out);
        }
    }
    if !schema["items"].is_null() {
        objects(&format!("{at}/items"), &schema["items"], out);
    }
    for (name, definition) in schema["$defs"].as_object().into_iter().flatten() {
        objects(&format!("#/$defs/{name}"), definition, out);
    }
}

fn contract_holds(name: &str, back: impl Fn(&Value) -> Value) {
    let schema = schema(name);
    let mut checker = Checker { root: &schema, seen: BTreeMap::new() };
    for (file, example) in examples(name) {
        checker.check("#", &schema, &example).unwrap_or_else(|e| panic!("{file}: {e}"));
        assert_eq!(back(&example), example, "{file} does not come back equal");
    }
    let mut named = BTreeMap::new();
    objects("#", &schema, &mut named);
    for (at, fields) in named {
        let seen = checker.seen.remove(&at).unwrap_or_default();
        assert_eq!(fields, seen, "{name} {at}: fields of the schema and of all examples together");
    }
}

fn through<T: serde::de::DeserializeOwned + serde::Serialize>(value: &Value) -> Value {
    let typed: T = serde_json::from_value(value.clone()).unwrap();
    // By text, as it lies in the log.
    serde_json::from_str(&serde_json::to_string(&typed).unwrap()).unwrap()
}

#[test]
fn events_keep_the_contract() {
    contract_holds("event", through::<Event>);
}

#[test]
fn scored_records_keep_the_contract() {
    contract_holds("scored", through::<ScoredRecord>);
}

#[test]
fn flagged_records_keep_the_contract() {
    contract_holds("flagged", through::<FlaggedRecord>);
}

#[test]
fn dead_letters_keep_the_contract() {
    contract_holds("dead", |example| {
        let header = |name: &str| example[name].as_str().map(str::as_bytes);
        let notice = DeadNotice::from_headers(header, Timestamp::default()).unwrap();
        let mut back = example.clone();
        back["code"] = notice.code.as_str().into();
        back["partition"] = notice.position.partition.to_string().into();
        back["offset"] = notice.position.offset.to_string().into();
        back
    });
    assert!(DeadNotice::from_headers(|_| None, Timestamp::default()).unwrap_err().contains("code"));
}

#[test]
fn lists_of_values_are_those_of_the_types() {
    let strings = |value: &Value| -> Vec<String> {
        value.as_array().unwrap().iter().map(|v| v.as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(
        strings(&schema("scored")["properties"]["reason"]["enum"]),
        DropReason::ALL.map(|r| r.as_str().to_owned())
    );
    assert_eq!(
        strings(&schema("dead")["properties"]["code"]["enum"]),
        RejectCode::ALL.map(|c| c.as_str().to_owned())
    );
    assert_eq!(
        strings(&schema("flagged")["$defs"]["head"]["enum"]),
        Head::ALL.map(|h| h.as_str().to_owned())
    );
}

/// The rows of the examples, field by field: a change here is a change of what is stored.
#[test]
fn rows_of_the_examples_are_as_recorded() {
    let mut all = Vec::new();
    for (_, example) in examples("scored") {
        all.push(Rows::of_scored(&serde_json::from_value(example).unwrap()));
    }
    for (_, example) in examples("flagged") {
        let raw = bytes::Bytes::from_static(b"example");
        all.push(Rows::of_flagged(&serde_json::from_value(example).unwrap(), raw));
    }
    let mut text = String::new();
    for rows in &all {
        let mut line = |table: &str, row: Value| text.push_str(&format!("{table} {row}\n"));
        let json = |row: &dyn erased::Json| row.json();
        rows.recent_posts.iter().for_each(|row| line("recent_posts", json(row)));
        rows.flagged_identities.iter().for_each(|row| line("flagged_identities", json(row)));
        rows.hits.iter().for_each(|row| line("hits", json(row)));
        rows.scores.iter().for_each(|row| line("scores", json(row)));
        rows.post_changes.iter().for_each(|row| line("post_changes", json(row)));
        rows.flagged_posts.iter().for_each(|row| line("flagged_posts", json(row)));
        rows.outcomes.iter().for_each(|row| line("outcomes", json(row)));
    }
    let recorded = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/rows.txt");
    if std::env::var_os("STREIFE_RECORD").is_some() {
        std::fs::create_dir_all(recorded.parent().unwrap()).unwrap();
        std::fs::write(&recorded, &text).unwrap();
    }
    let expected = std::fs::read_to_string(&recorded).unwrap();
    for (got, expected) in text.lines().zip(expected.lines()) {
        assert_eq!(got, expected, "record again with STREIFE_RECORD=1 if this is meant");
    }
    assert_eq!(text.lines().count(), expected.lines().count());
}

mod erased {
    use serde_json::Value;

    /// A row as JSON, with 128-bit ids as text, which JSON numbers cannot hold.
    pub(crate) trait Json {
        fn json(&self) -> Value;
    }

    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> Value {
            let text = serde_json::to_string(self).unwrap();
            let end = |from: &str| from.find(|c: char| !c.is_ascii_digit()).unwrap();
            let text = match text.split_once("\"post_id\":") {
                Some((before, after)) => {
                    let (id, after) = after.split_at(end(after));
                    format!("{before}\"post_id\":\"{id}\"{after}")
                }
                None => text,
            };
            serde_json::from_str(&text).unwrap()
        }
    }
}
