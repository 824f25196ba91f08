//! Indicators and reports from MISP and STIX/TAXII feeds, as articles: what partners pass on under a traffic light.
//!
//! The marking (TLP) travels as a tag. What is revoked or deleted there is a deletion here.

pub mod misp;
pub mod stix;

use serde::Deserialize;
use streife_sdk::{Kind, Request, Secret, SecretSource};

/// The lines of the application's registration table.
pub const KINDS: &[Kind] = &[
    Kind { name: misp::KIND, parse: misp::parse, connect: misp::connect },
    Kind { name: stix::KIND, parse: stix::parse, connect: stix::connect },
];

/// Settings of an exchange source.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// Addresses of single events (MISP) or of collections' objects (TAXII).
    #[serde(default)]
    pub urls: Vec<String>,
    /// Folders of MISP feeds, which hold a `manifest.json`.
    #[serde(default)]
    pub feeds: Vec<String>,
    /// A token, where the server asks for one.
    #[serde(default)]
    pub token: Option<SecretSource>,
}

/// A request with the token where there is one.
fn request(url: &str, accept: &str, token: Option<&Secret>) -> Request {
    let request = Request::get(url).header("accept", accept);
    match token {
        Some(token) => request.secret_header("authorization", token),
        None => request,
    }
}
