//! What was received, byte for byte, and under which circumstances.

use bytes::Bytes;
use sha2::{Digest, Sha256};
use streife_domain::Timestamp;

/// Response headers that say something about the content, its version, its limits. Others are not kept:
/// they may carry session data.
const KEPT_HEADERS: [&str; 17] = [
    "content-type",
    "content-language",
    "content-location",
    "date",
    "etag",
    "expires",
    "cache-control",
    "last-modified",
    "link",
    "location",
    "retry-after",
    "server",
    "x-ratelimit-limit",
    "x-ratelimit-remaining",
    "x-ratelimit-reset",
    "x-ratelimit-used",
    "x-taxii-date-added-last",
];

/// One answer of a source, or one recorded file.
#[derive(Debug, Clone)]
pub struct Observation {
    /// The bytes after transport decoding (chunking, gzip), before any charset decoding.
    pub body: Bytes,
    /// SHA-256 of `body`, hexadecimal.
    pub sha256: String,
    /// Where it was read: the final address after redirects, or the name of a file.
    pub url: String,
    /// HTTP status; 200 for files and stream frames.
    pub status: u16,
    /// Request headers that shaped the answer (conditional requests, accepted types). Never credentials.
    pub request_headers: Vec<(String, String)>,
    /// Response headers that matter, names in lower case.
    pub response_headers: Vec<(String, String)>,
    /// When it was received.
    pub observed_at: Timestamp,
}

impl Observation {
    /// An observation without headers: a file, a frame of a stream.
    pub fn new(url: impl Into<String>, body: impl Into<Bytes>, observed_at: Timestamp) -> Self {
        let body = body.into();
        Self {
            sha256: hex::encode(Sha256::digest(&body)),
            body,
            url: url.into(),
            status: 200,
            request_headers: Vec::new(),
            response_headers: Vec::new(),
            observed_at,
        }
    }

    /// Takes over the headers that matter.
    #[must_use]
    pub fn with_response_headers<'a>(mut self, headers: impl Iterator<Item = (&'a str, &'a str)>) -> Self {
        for (name, value) in headers {
            let name = name.to_ascii_lowercase();
            if KEPT_HEADERS.contains(&name.as_str()) {
                self.response_headers.push((name, value.to_owned()));
            }
        }
        self
    }

    /// A response header, by its name in lower case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.response_headers.iter().find(|(n, _)| n == name).map(|(_, value)| value.as_str())
    }

    /// The charset that the `Content-Type` header names.
    pub fn charset(&self) -> Option<&str> {
        let (_, parameters) = self.header("content-type")?.split_once(';')?;
        parameters.split(';').find_map(|parameter| {
            let (name, value) = parameter.split_once('=')?;
            name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches(['"', '\'']))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_headers_that_matter_are_kept() {
        let headers = [("Content-Type", "text/html; charset=\"ISO-8859-1\""), ("Set-Cookie", "secret")];
        let o = Observation::new("x", &b"abc"[..], Timestamp::default())
            .with_response_headers(headers.into_iter());
        assert_eq!(o.charset(), Some("ISO-8859-1"));
        assert_eq!(o.response_headers.len(), 1);
        assert!(o.sha256.starts_with("ba7816bf"));
    }
}
