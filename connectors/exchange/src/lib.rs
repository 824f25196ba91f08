//! Indicators and reports from MISP and STIX/TAXII feeds, as articles: what partners pass on under a traffic light.
//!
//! The marking (TLP) travels as a tag. What is revoked or deleted there is a deletion here.

pub mod misp;
pub mod stix;

use serde::Deserialize;
use streife_sdk::poll::{Poll, Target};
use streife_sdk::{
    ConfigError, Connector, Deps, Kind, Observation, ParseContext, Parsed, Request, SecretSource,
    SourceConfig, settings,
};

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[
    Kind { name: misp::KIND, parse: misp::parse, connect: misp::connect },
    Kind { name: stix::KIND, parse: stix::parse, connect: stix::connect },
];

/// Settings of an exchange source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Addresses of events (MISP) or of a collection's objects (TAXII).
    pub urls: Vec<String>,
    /// A token, where the server asks for one.
    #[serde(default)]
    pub token: Option<SecretSource>,
}

fn connect(
    config: &SourceConfig,
    deps: &Deps,
    accept: &str,
    parse: fn(&Observation, &ParseContext) -> Parsed,
) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let token = settings.token.as_ref().map(|t| t.read(&config.name)).transpose()?;
    if settings.urls.is_empty() {
        return Err(ConfigError::new(&config.name, "settings.urls: name at least one address"));
    }
    let targets = settings.urls.iter().map(|url| {
        let request = Request::get(url).header("accept", accept);
        let request = match &token {
            Some(token) => request.secret_header("authorization", token),
            None => request,
        };
        Target::new(request, ParseContext::new(&config.name))
    });
    Ok(Box::new(Poll::new(targets.collect(), parse, deps)))
}
