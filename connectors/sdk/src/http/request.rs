//! What is asked and what came back.

use std::time::Duration;

use bytes::Bytes;
use http::Method;
use streife_domain::Timestamp;

use crate::{Observation, Secret};

/// The largest answer read unless a connector says otherwise.
const DEFAULT_MAX_BYTES: usize = 8 * 1024 * 1024;

/// A request. `get` is for pages and feeds found on the web (robots.txt applies through [`Request::as_crawler`]),
/// documented interfaces are asked without.
#[derive(Debug, Clone)]
pub struct Request {
    pub(super) method: Method,
    /// Where.
    pub url: String,
    /// Request headers, without credentials.
    pub headers: Vec<(String, String)>,
    /// Headers that must not be kept or follow a redirect to another host.
    pub(super) secrets: Vec<(String, Secret)>,
    pub(crate) body: Option<Bytes>,
    /// The body holds a secret: it follows no redirect to another host.
    secret_body: bool,
    pub(super) robots: bool,
    /// The largest answer read, after decompression.
    pub max_bytes: usize,
    pub(super) timeout: Option<Duration>,
}

impl Request {
    /// A GET.
    pub fn get(url: impl Into<String>) -> Self {
        Self {
            method: Method::GET,
            url: url.into(),
            headers: Vec::new(),
            secrets: Vec::new(),
            body: None,
            secret_body: false,
            robots: false,
            max_bytes: DEFAULT_MAX_BYTES,
            timeout: None,
        }
    }

    /// A POST with a body.
    pub fn post(url: impl Into<String>, content_type: &str, body: impl Into<Bytes>) -> Self {
        let mut request = Self::get(url).header("content-type", content_type);
        request.method = Method::POST;
        request.body = Some(body.into());
        request
    }

    /// The same request to another address.
    #[must_use]
    pub fn to(&self, url: impl Into<String>) -> Self {
        Self { url: url.into(), ..self.clone() }
    }

    /// The same request with another body.
    #[must_use]
    pub fn with_body(&self, body: impl Into<Bytes>) -> Self {
        Self { body: Some(body.into()), ..self.clone() }
    }

    /// The body, where there is one.
    pub fn body(&self) -> Option<&Bytes> {
        self.body.as_ref()
    }

    /// Adds a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.to_ascii_lowercase(), value.into()));
        self
    }

    /// Adds `Authorization: <scheme> <secret>`.
    #[must_use]
    pub fn authorization(self, scheme: &str, secret: &Secret) -> Self {
        self.secret_header("authorization", &Secret::new(format!("{scheme} {}", secret.expose())))
    }

    /// Adds a header whose value is a secret.
    #[must_use]
    pub fn secret_header(mut self, name: &str, secret: &Secret) -> Self {
        self.secrets.push((name.to_ascii_lowercase(), secret.clone()));
        self
    }

    /// Its body holds a secret, which must not follow a redirect to another host.
    #[must_use]
    pub const fn secret_body(mut self) -> Self {
        self.secret_body = true;
        self
    }

    pub(super) fn holds_secrets(&self) -> bool {
        self.secret_body || !self.secrets.is_empty()
    }

    /// Obeys robots.txt.
    #[must_use]
    pub const fn as_crawler(mut self) -> Self {
        self.robots = true;
        self
    }

    /// Another time limit for this request (long polls, streams).
    #[must_use]
    pub const fn timeout(mut self, timeout: Duration) -> Self {
        self.timeout = Some(timeout);
        self
    }
}

/// An answer of status 2xx or 304.
#[derive(Debug, Clone)]
pub struct Response {
    /// HTTP status.
    pub status: u16,
    /// The final address.
    pub url: String,
    /// Headers, names in lower case.
    pub headers: Vec<(String, String)>,
    /// The body, decompressed; empty for 304.
    pub body: Bytes,
    /// When it had been read.
    pub observed_at: Timestamp,
}

impl Response {
    /// A header by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The source says that nothing changed.
    pub const fn not_modified(&self) -> bool {
        self.status == 304
    }

    /// What a parse function reads; keeps the headers that matter of both sides.
    pub fn observation(&self, request: &Request) -> Observation {
        let headers = self.headers.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let mut observation = Observation::new(self.url.clone(), self.body.clone(), self.observed_at)
            .with_response_headers(headers);
        observation.status = self.status;
        observation.request_headers.clone_from(&request.headers);
        observation
    }
}
