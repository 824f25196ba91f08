//! A time-stamp service (RFC 3161) over HTTP. What it answers is judged by the evidence crate; here it is only fetched.

use std::time::Duration;

use streife_evidence::seal::{TimeStampService, parse_anchors};
use streife_sdk::{Http, Request, Secret};
use tokio::runtime::Handle;

use crate::config::TimeStampSection;
use crate::failure::Failure;

/// A service that takes longer is asked again later.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Tokens with a chain take some kilobytes.
const MAX_RESPONSE_BYTES: usize = 256 * 1024;
/// 500 captures an hour, four objects each, and bursts of them.
const HOST_INTERVAL: Duration = Duration::from_millis(50);
const HOST_BURST: u32 = 50;
const QUERY: &str = "application/timestamp-query";
const REPLY: &str = "application/timestamp-reply";

/// A configured service.
pub(crate) struct HttpTsa {
    name: String,
    url: String,
    anchor_pem: String,
    authorization: Option<Secret>,
    http: Http,
    runtime: Handle,
}

impl HttpTsa {
    /// From its section; reads the root certificate. Must be made inside a runtime.
    pub(crate) fn new(section: &TimeStampSection, http: Http) -> Result<Self, Failure> {
        let place = format!("evidence.time_stamp {:?}", section.name);
        let anchor_pem = std::fs::read_to_string(&section.root)
            .map_err(|e| Failure::configuration(format!("{place}: root {}: {e}", section.root.display())))?;
        parse_anchors(&anchor_pem)
            .map_err(|e| Failure::configuration(format!("{place}: root {}: {e}", section.root.display())))?;
        let authorization = match &section.authorization {
            Some(secret) => Some(secret.read(&place).map_err(|e| Failure::configuration(e.to_string()))?),
            None => None,
        };
        if let Some(host) = url::Url::parse(&section.url).ok().as_ref().and_then(host_key) {
            http.set_host_pace(&host, HOST_INTERVAL, HOST_BURST);
        }
        Ok(Self {
            name: section.name.clone(),
            url: section.url.clone(),
            anchor_pem,
            authorization,
            http,
            runtime: Handle::current(),
        })
    }
}

/// Host and port as the client counts them.
fn host_key(url: &url::Url) -> Option<String> {
    let host = url.host_str()?;
    Some(url.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}")))
}

impl TimeStampService for HttpTsa {
    fn name(&self) -> &str {
        &self.name
    }

    fn anchor_pem(&self) -> &str {
        &self.anchor_pem
    }

    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, String> {
        let mut request =
            Request::post(&self.url, QUERY, request.to_vec()).header("accept", REPLY).timeout(TIMEOUT);
        request.max_bytes = MAX_RESPONSE_BYTES;
        if let Some(authorization) = &self.authorization {
            request = request.secret_header("authorization", authorization);
        }
        // Called on a thread that may block, never on one of the runtime's own.
        let response = self.runtime.block_on(self.http.send(&request)).map_err(|error| error.to_string())?;
        match response.header("content-type").map(|value| value.split(';').next().unwrap_or("").trim()) {
            Some(REPLY) => Ok(response.body.to_vec()),
            other => Err(format!("{} answered {:?} instead of {REPLY}", self.url, other.unwrap_or(""))),
        }
    }
}

#[cfg(test)]
#[path = "tsa_tests.rs"]
mod tests;
