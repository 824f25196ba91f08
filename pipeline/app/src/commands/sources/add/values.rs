//! From what a person writes to a value of the configuration.

use toml::{Table, Value};

use crate::say::tr;

/// Settings that hold secrets, whatever the kind. The configuration names where they lie, never what they are.
const SECRETS: [&str; 4] = ["token", "key", "password", "secret"];

/// Is this setting a secret, by its name or by how the template shows it?
fn is_secret(key: &str, example: Option<&Value>) -> bool {
    let names_a_place = |table: &Table| table.contains_key("env") || table.contains_key("file");
    SECRETS.contains(&key) || example.and_then(Value::as_table).is_some_and(names_a_place)
}

/// An example that is no answer.
pub(super) fn is_placeholder(text: &str) -> bool {
    text.contains("example") || text.contains("...")
}

/// The value of setting `key`. The text of a secret is repeated nowhere.
///
/// # Errors
/// What is wrong with it.
pub(super) fn setting(key: &str, text: &str, example: Option<&Value>) -> Result<Value, String> {
    if is_secret(key, example) {
        return place_of_secret(text).ok_or_else(|| {
            tr(
                "das Geheimnis selbst steht nie in der Konfiguration: env:NAME nennt eine Umgebungsvariable, file:/PFAD eine Datei",
                "the secret itself never stands in the configuration: env:NAME names an environment variable, file:/PATH a file",
            )
            .to_owned()
        });
    }
    if text.trim().is_empty() {
        return Err(tr("darf nicht leer sein", "must not be empty").to_owned());
    }
    if has_credentials(text) {
        let told = tr("eine Adresse ohne Zugangsdaten", "an address without credentials");
        return Err(told.to_owned());
    }
    let value = value_of(text, example);
    let fits = match (example, &value) {
        (Some(Value::String(_)), value) => value.is_str(),
        (Some(Value::Integer(_)), value) => value.is_integer(),
        (Some(Value::Boolean(_)), value) => value.is_bool(),
        (Some(Value::Array(_)), value) => value.is_array(),
        _ => true,
    };
    match example {
        Some(example) if !fits => {
            Err(format!("{} {}", tr("erwartet wird etwas wie", "expected is something like"), example))
        }
        _ => Ok(value),
    }
}

/// `https://name:password@host/`.
fn has_credentials(text: &str) -> bool {
    text.split("://")
        .skip(1)
        .any(|rest| rest.split(['/', '?', '#']).next().is_some_and(|host| host.contains('@')))
}

/// `env:NAME`, `file:/PATH`, or the table as the configuration has it.
fn place_of_secret(text: &str) -> Option<Value> {
    let text = text.trim();
    let place = |kind: &str, name: &str| {
        let name = name.trim();
        (!name.is_empty()).then(|| Table::from_iter([(kind.to_owned(), Value::from(name))]).into())
    };
    if let Some(name) = text.strip_prefix("env:") {
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '_';
        return name.trim().chars().all(is_name).then(|| place("env", name)).flatten();
    }
    if let Some(path) = text.strip_prefix("file:") {
        return place("file", path);
    }
    let Value::Table(table) = value_of(text, None) else { return None };
    let mut entries = table.iter();
    match (entries.next(), entries.next()) {
        (Some((kind, Value::String(name))), None) if kind == "env" || kind == "file" => place(kind, name),
        _ => None,
    }
}

/// TOML where it is TOML; a list may be written with commas; anything else is a text.
fn value_of(text: &str, example: Option<&Value>) -> Value {
    let text = text.trim();
    if let Ok(mut table) = toml::from_str::<Table>(&format!("v = {text}"))
        && table.len() == 1
        && let Some(value) = table.remove("v")
    {
        return match (value, example) {
            (value @ Value::Array(_), _) | (value, None) => value,
            (value, Some(Value::Array(_))) => Value::Array(vec![value]),
            // A name may look like a number.
            (value, Some(Value::String(_))) if !value.is_str() => Value::String(text.to_owned()),
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
        assert_eq!(value_of("3", Some(&"x".into())), "3".into());
        assert_eq!(value_of("true", None), true.into());
        assert!(value_of("{ env = \"A\" }", None).is_table());
        assert_eq!(value_of("1\nother = 2", None), "1\nother = 2".into(), "one answer is one value");
    }

    #[test]
    fn a_secret_is_named_by_its_place_and_never_repeated() {
        let env = setting("token", "env:A_B", None).unwrap();
        assert_eq!(env.to_string(), "{ env = \"A_B\" }");
        assert_eq!(setting("key", "{ file = \"/x/y\" }", None).unwrap().to_string(), "{ file = \"/x/y\" }");
        assert_eq!(setting("key", "file:/x/y", None).unwrap().to_string(), "{ file = \"/x/y\" }");
        for plain in [
            "hunter2",
            "env:",
            "file: ",
            "env:a b",
            "\"hunter2\"",
            "{ value = \"hunter2\" }",
            "[\"hunter2\"]",
            "",
        ] {
            let wrong = setting("token", plain, None).unwrap_err();
            assert!(!wrong.contains("hunter2") && wrong.contains("env:NAME"), "{wrong}");
        }
        let example = toml::from_str::<Table>("v = { env = \"X\" }").unwrap().remove("v");
        assert!(setting("api", "hunter2", example.as_ref()).is_err());
    }

    #[test]
    fn another_type_than_the_templates_is_refused() {
        assert!(setting("n", "many", Some(&1.into())).unwrap_err().contains('1'));
        assert!(setting("local", "perhaps", Some(&true.into())).is_err());
        assert!(setting("urls", "https://a:b@x.test/", None).is_err());
        assert!(setting("urls", "https://x.test/@a", None).is_ok());
        assert!(setting("server", " ", Some(&"x".into())).is_err());
    }
}
