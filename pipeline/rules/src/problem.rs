//! What is wrong, where, and what to write instead: in German and English, with line, column and caret.

use std::fmt::Write as _;

use serde::Serialize;

/// How bad a [`Problem`] is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// The rule works; a person should look.
    Warning,
    /// The rule, list or suppression does not work and is left out.
    Error,
}

/// A language of messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Tongue {
    /// German.
    German,
    /// English.
    #[default]
    English,
}

/// What is wrong and what to do, in one language.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Wording {
    /// What is wrong.
    pub message: String,
    /// What to write instead; may be empty.
    pub hint: String,
}

/// A finding about a rule, a list or a suppression.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The rule, list or suppression, when its name could be read.
    pub rule: Option<String>,
    /// The file.
    pub file: String,
    /// Line, counted from 1.
    pub line: u32,
    /// Column in characters, counted from 1.
    pub column: u32,
    /// What is wrong, in English.
    pub message: String,
    /// What to write instead, in English; may be empty.
    pub hint: String,
    /// The same in German.
    pub german: Wording,
    /// The source line.
    pub excerpt: String,
    /// How bad.
    pub severity: Severity,
}

impl Problem {
    /// Does it keep the rule from working?
    pub fn is_error(&self) -> bool {
        self.severity == Severity::Error
    }

    /// Message and hint in a language.
    pub fn wording(&self, tongue: Tongue) -> (&str, &str) {
        match tongue {
            Tongue::German => (&self.german.message, &self.german.hint),
            Tongue::English => (&self.message, &self.hint),
        }
    }

    /// For people: place, message, the line with a caret under the column, hint.
    pub fn render(&self, tongue: Tongue) -> String {
        let (message, hint) = self.wording(tongue);
        let kind = match (self.severity, tongue) {
            (Severity::Error, Tongue::German) => "Fehler",
            (Severity::Error, Tongue::English) => "error",
            (Severity::Warning, Tongue::German) => "Warnung",
            (Severity::Warning, Tongue::English) => "warning",
        };
        let mut out = format!("{}:{}:{}: {kind}: ", self.file, self.line, self.column);
        if let Some(rule) = &self.rule {
            let _ = write!(out, "{rule}: ");
        }
        let _ = writeln!(out, "{message}");
        if !self.excerpt.is_empty() {
            let before = self.excerpt.chars().take(self.column.saturating_sub(1) as usize);
            let pad: String = before.map(|c| if c == '\t' { '\t' } else { ' ' }).collect();
            let _ = writeln!(out, "    {}\n    {pad}^", self.excerpt);
        }
        if !hint.is_empty() {
            let label = if tongue == Tongue::German { "Hilfe" } else { "help" };
            let _ = writeln!(out, "    {label}: {hint}");
        }
        out
    }
}

/// A finding in an expression, before it is known where the expression lies in a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    /// Byte offset in the expression.
    pub at: usize,
    /// How bad.
    pub severity: Severity,
    /// In English.
    pub english: Wording,
    /// In German.
    pub german: Wording,
}

impl Finding {
    /// An error at `at`; each text is message and hint.
    pub fn error(
        at: usize,
        english: (impl Into<String>, impl Into<String>),
        german: (impl Into<String>, impl Into<String>),
    ) -> Self {
        Self {
            at,
            severity: Severity::Error,
            english: Wording { message: english.0.into(), hint: english.1.into() },
            german: Wording { message: german.0.into(), hint: german.1.into() },
        }
    }

    /// The same as a warning.
    #[must_use]
    pub fn as_warning(mut self) -> Self {
        self.severity = Severity::Warning;
        self
    }
}
