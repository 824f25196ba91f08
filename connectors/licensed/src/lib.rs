//! Platforms whose terms need an agreement: Reddit, X, TikTok, VK.
//!
//! The adapters follow the documented interfaces and are tested against contract servers that speak them. None starts unless `legal_gate` names the
//! agreement; until then the source is shown as not licensed. Recorded answers are read at any time.

pub mod reddit;
pub mod tiktok;
pub mod vk;
pub mod x;

use serde::Deserialize;
use streife_domain::Timestamp;
use streife_sdk::poll::{Poll, Target};
use streife_sdk::{
    ConfigError, Connector, Deps, Kind, Observation, ParseContext, Parsed, Request, SecretSource,
    SourceConfig, settings,
};

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[
    Kind { name: reddit::KIND, parse: reddit::parse, connect: reddit::connect },
    Kind { name: x::KIND, parse: x::parse, connect: x::connect },
    Kind { name: tiktok::KIND, parse: tiktok::parse, connect: tiktok::connect },
    Kind { name: vk::KIND, parse: vk::parse, connect: vk::connect },
];

/// Pages walked back on a visit.
const MAX_PAGES: usize = 10;

/// Settings of a source behind a legal gate.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// What is read, in the platform's own words: subreddits, search queries, owners of walls.
    pub targets: Vec<String>,
    /// The token that the agreement gives.
    pub token: SecretSource,
    /// Where the interface is; another address only for tests.
    #[serde(default)]
    pub base: Option<String>,
}

/// How a platform is asked.
struct Platform {
    name: &'static str,
    base: &'static str,
    /// How a target is asked for.
    target: fn(base: &str, target: &str) -> Asked,
    parse: fn(&Observation, &ParseContext) -> Parsed,
    /// The page before: its address, or what changes in the body.
    older: fn(&Observation, &Parsed) -> Option<String>,
}

/// One request of a platform.
enum Asked {
    /// A GET of this address.
    Address(String),
    /// A POST of a JSON body that holds the time.
    Query { address: String, body: String, renew: fn(&Request, Timestamp) -> Request },
}

fn connect(
    platform: &Platform,
    config: &SourceConfig,
    deps: &Deps,
) -> Result<Box<dyn Connector>, ConfigError> {
    // First of all: without the agreement nothing else is looked at.
    config.agreement(platform.name)?;
    let settings: Config = settings(config)?;
    let token = settings.token.read(&config.name)?;
    if settings.targets.is_empty() {
        return Err(ConfigError::new(&config.name, "settings.targets: name at least one"));
    }
    let base = settings.base.as_deref().unwrap_or(platform.base).trim_end_matches('/');
    let targets = settings.targets.iter().map(|target| {
        let context = ParseContext::new(&config.name);
        match (platform.target)(base, target) {
            Asked::Address(url) => {
                let request = Request::get(url).authorization("Bearer", &token);
                Target::new(request, context).paged(MAX_PAGES, platform.older)
            }
            Asked::Query { address, body, renew } => {
                let request =
                    Request::post(address, "application/json", body).authorization("Bearer", &token);
                Target::new(request, context).paged_by_body(MAX_PAGES, platform.older).renewed_by(renew)
            }
        }
    });
    Ok(Box::new(Poll::new(targets.collect(), platform.parse, deps)))
}

/// Percent-encodes what is not plain in a query.
fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || b"-_.~+".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use streife_domain::SystemClock;
    use streife_sdk::{Http, HttpConfig};

    #[test]
    fn no_platform_starts_without_its_agreement() {
        let clock = Arc::new(SystemClock);
        let http = Http::new(&HttpConfig::default(), clock.clone()).unwrap();
        let deps = Deps { http, clock, kinds: KINDS, websub: None };
        for kind in KINDS {
            let config = SourceConfig {
                name: "a".to_owned(),
                kind: kind.name.to_owned(),
                enabled: true,
                legal: None,
                legal_gate: None,
                interval_secs: 60,
                media: Default::default(),
                settings: Default::default(),
            };
            let Err(error) = (kind.connect)(&config, &deps) else { panic!("{} started", kind.name) };
            assert!(error.message.contains("not licensed"), "{error}");
        }
    }
}
