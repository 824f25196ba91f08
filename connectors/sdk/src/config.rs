//! The envelope of every configured source, and secrets.

use std::fmt;
use std::path::PathBuf;
use std::time::Duration;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use streife_domain::{LegalLabel, Purpose};

use crate::MediaSettings;

/// The default time between two fetches.
const DEFAULT_INTERVAL_SECS: u64 = 300;
/// No source is asked more often than this (streams have their own pace).
const MIN_INTERVAL_SECS: u64 = 1;
/// Names become file names, metric labels and Kafka keys.
const MAX_NAME_CHARS: usize = 64;

/// A configuration that cannot work.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("source {source_name:?}: {message}")]
pub struct ConfigError {
    /// The source's name.
    pub source_name: String,
    /// What is wrong and what to do.
    pub message: String,
}

impl ConfigError {
    /// An error of the source `name`.
    pub fn new(name: &str, message: impl Into<String>) -> Self {
        Self { source_name: name.to_owned(), message: message.into() }
    }
}

/// The agreement that a platform's terms ask for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalGate {
    /// Contract or approval, such as `agreement 2026-17 with ...`.
    pub agreement: String,
    /// The day (`YYYY-MM-DD`) until which it holds.
    pub valid_until: String,
}

/// One `[[source]]` of the configuration.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SourceConfig {
    /// Unique; letters, digits, `-` and `_`.
    pub name: String,
    /// Which connector reads it.
    pub kind: String,
    /// Switched off sources are listed, not run.
    #[serde(default = "yes")]
    pub enabled: bool,
    /// Purpose and legal basis; a live source does not start without.
    #[serde(default)]
    pub legal: Option<LegalLabel>,
    /// The agreement, where the platform's terms need one.
    #[serde(default)]
    pub legal_gate: Option<LegalGate>,
    /// Seconds between two fetches.
    #[serde(default = "default_interval_secs")]
    pub interval_secs: u64,
    /// What is done with the pictures its posts refer to.
    #[serde(default)]
    pub media: MediaSettings,
    /// The settings of the kind.
    #[serde(default)]
    pub settings: toml::Table,
}

const fn yes() -> bool {
    true
}

const fn default_interval_secs() -> u64 {
    DEFAULT_INTERVAL_SECS
}

impl SourceConfig {
    /// The time between two fetches.
    pub const fn interval(&self) -> Duration {
        Duration::from_secs(self.interval_secs)
    }

    /// Everything that is wrong with the envelope, at once. `today` is `YYYY-MM-DD`. Files (`live = false`) need no
    /// legal label of their own; live sources do, and a demonstration is no purpose for them.
    pub fn problems(&self, live: bool, today: &str) -> Vec<ConfigError> {
        let mut problems = Vec::new();
        let mut say = |message: String| problems.push(ConfigError::new(&self.name, message));
        let is_name = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || self.name.len() > MAX_NAME_CHARS || !self.name.chars().all(is_name) {
            say(format!("name: 1 to {MAX_NAME_CHARS} letters, digits, - or _"));
        }
        if self.interval_secs < MIN_INTERVAL_SECS {
            say(format!("interval_secs: at least {MIN_INTERVAL_SECS}"));
        }
        match &self.legal {
            None if live => say("legal: missing; name purpose, legal_basis and review_by".to_owned()),
            Some(legal) if live && legal.purpose == Purpose::Demonstration => {
                say("legal.purpose: demonstration is no purpose for a live source".to_owned());
            }
            Some(legal) if legal.legal_basis.trim().is_empty() => {
                say("legal.legal_basis: name the order, statute or agreement".to_owned());
            }
            Some(legal) if !is_day(&legal.review_by) => say("legal.review_by: a day, YYYY-MM-DD".to_owned()),
            Some(legal) if legal.review_by.as_str() < today => {
                say(format!("legal.review_by: {} has passed; review the source first", legal.review_by));
            }
            _ => {}
        }
        if let Some(gate) = &self.legal_gate
            && (!is_day(&gate.valid_until) || gate.valid_until.as_str() < today)
        {
            say(format!("legal_gate.valid_until: {:?} is no day from today on", gate.valid_until));
        }
        self.media.problems().into_iter().for_each(say);
        problems
    }

    /// The agreement, which sources with restricted terms need.
    ///
    /// # Errors
    /// When the configuration names none.
    pub fn agreement(&self, platform: &str) -> Result<&LegalGate, ConfigError> {
        self.legal_gate.as_ref().filter(|gate| !gate.agreement.trim().is_empty()).ok_or_else(|| {
            ConfigError::new(
                &self.name,
                format!(
                    "not licensed: the terms of {platform} need an agreement; name it in legal_gate.agreement"
                ),
            )
        })
    }
}

fn is_day(text: &str) -> bool {
    let bytes = text.as_bytes();
    bytes.len() == 10
        && bytes
            .iter()
            .enumerate()
            .all(|(i, b)| if i == 4 || i == 7 { *b == b'-' } else { b.is_ascii_digit() })
}

/// Reads the `settings` of a kind; unknown keys are refused.
///
/// # Errors
/// [`ConfigError`] naming the key.
pub fn settings<T: DeserializeOwned>(config: &SourceConfig) -> Result<T, ConfigError> {
    T::deserialize(config.settings.clone())
        .map_err(|error| ConfigError::new(&config.name, format!("settings: {}", error.to_string().trim())))
}

/// Where a secret lies. Never the secret itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum SecretSource {
    /// An environment variable.
    Env(String),
    /// A file; white space at its ends is cut off.
    File(PathBuf),
}

/// A secret in memory. Shows nothing when printed.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// From its value.
    pub fn new(value: impl Into<String>) -> Self {
        Self(value.into())
    }

    /// The value, to be put into one request.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(..)")
    }
}

impl SecretSource {
    /// Reads the secret.
    ///
    /// # Errors
    /// When the variable or file is missing or empty.
    pub fn read(&self, source_name: &str) -> Result<Secret, ConfigError> {
        let value = match self {
            Self::Env(name) => std::env::var(name).map_err(|_| {
                ConfigError::new(source_name, format!("environment variable {name} is not set"))
            })?,
            Self::File(path) => std::fs::read_to_string(path).map_err(|error| {
                ConfigError::new(source_name, format!("secret file {}: {error}", path.display()))
            })?,
        };
        let value = value.trim();
        if value.is_empty() {
            return Err(ConfigError::new(source_name, "the secret is empty"));
        }
        Ok(Secret::new(value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(text: &str) -> SourceConfig {
        toml::from_str(text).unwrap()
    }

    #[test]
    fn a_live_source_without_legal_basis_does_not_start() {
        let bare = config("name = 'a'\nkind = 'feed'");
        assert!(bare.problems(true, "2026-01-01")[0].message.contains("legal: missing"));
        assert!(bare.problems(false, "2026-01-01").is_empty());
        let demo = config(
            "name='a'\nkind='feed'\n[legal]\npurpose='demonstration'\nlegal_basis='x'\nreview_by='2027-01-01'",
        );
        assert_eq!(demo.problems(true, "2026-01-01").len(), 1);
        let late = config(
            "name='a'\nkind='feed'\n[legal]\npurpose='prosecution'\nlegal_basis='x'\nreview_by='2025-01-01'",
        );
        assert!(late.problems(true, "2026-01-01")[0].message.contains("has passed"));
    }

    #[test]
    fn unknown_settings_are_refused_by_name() {
        #[derive(Debug, Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Settings {
            #[expect(dead_code, reason = "only its presence matters")]
            url: String,
        }
        let c = config("name='a'\nkind='feed'\n[settings]\nurl='x'\nurls='y'");
        assert!(settings::<Settings>(&c).unwrap_err().message.contains("urls"));
    }

    #[test]
    fn a_secret_does_not_show_itself() {
        assert_eq!(format!("{:?}", Secret::new("abc")), "Secret(..)");
        assert!(SecretSource::Env("STREIFE_SURELY_NOT_SET".into()).read("a").is_err());
    }
}
