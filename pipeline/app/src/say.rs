//! Messages to people, in German or English; JSON to programs.

use std::io::{self, Write};
use std::sync::OnceLock;

use serde::Serialize;

use crate::cli::Lang;

static LANGUAGE: OnceLock<Lang> = OnceLock::new();

/// Sets the language of messages: as asked, else from `LC_ALL` or `LANG`, else English.
pub(crate) fn set_language(asked: Option<Lang>) {
    let from_environment = || {
        let locale = std::env::var("LC_ALL").or_else(|_| std::env::var("LANG")).unwrap_or_default();
        if locale.starts_with("de") { Lang::De } else { Lang::En }
    };
    let _ = LANGUAGE.set(asked.unwrap_or_else(from_environment));
}

/// Picks the message in the language in use.
pub(crate) fn tr<'a>(german: &'a str, english: &'a str) -> &'a str {
    match LANGUAGE.get() {
        Some(Lang::De) => german,
        _ => english,
    }
}

/// A line for people. A closed pipe ends the output, not the command.
pub(crate) fn line(text: &str) {
    let _ = writeln!(io::stdout().lock(), "{text}");
}

/// A line for programs: one JSON object.
pub(crate) fn json(value: &impl Serialize) -> anyhow::Result<()> {
    let mut text = serde_json::to_string(value)?;
    text.push('\n');
    let _ = io::stdout().lock().write_all(text.as_bytes());
    Ok(())
}

/// A remark for people, beside the output: it goes to stderr, so that programs are not disturbed.
pub(crate) fn note(text: &str) {
    let _ = writeln!(io::stderr().lock(), "streife: {text}");
}
