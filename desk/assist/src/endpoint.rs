//! A server of the house: where post text may go, and how long and how large its answers may be.

use std::net::IpAddr;
use std::time::Duration;

use reqwest::header::{ACCEPT, AUTHORIZATION, CONTENT_TYPE};
use serde::de::DeserializeOwned;
use url::{Host, Url};

use crate::AssistError;

/// A translation on a small machine takes seconds, a long recording a minute.
pub const TIMEOUT: Duration = Duration::from_secs(120);
/// Time to reach the server.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// A longer answer is not read.
pub const MAX_ANSWER_BYTES: usize = 2 * 1024 * 1024;
/// Names that stay in the house whatever they resolve to.
const HOUSE_SUFFIXES: [&str; 5] = [".local", ".lan", ".internal", ".intern", ".home.arpa"];

/// The address of a server with the client that speaks to it. Redirects are not followed: they could lead outside.
#[derive(Clone)]
pub struct Endpoint {
    base: Url,
    key: Option<String>,
    client: reqwest::Client,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("host", &self.host()).field("key", &self.key.is_some()).finish()
    }
}

/// Does the address lie in the own machine or network?
fn in_the_house(url: &Url) -> bool {
    match url.host() {
        Some(Host::Ipv4(address)) => house_address(IpAddr::V4(address)),
        Some(Host::Ipv6(address)) => house_address(IpAddr::V6(address)),
        // A name without a dot is a host of the own network, such as a container's.
        Some(Host::Domain(name)) => {
            let name = name.trim_end_matches('.').to_ascii_lowercase();
            name == "localhost"
                || !name.contains('.')
                || HOUSE_SUFFIXES.iter().any(|suffix| name.ends_with(suffix))
        }
        None => false,
    }
}

const fn house_address(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => address.is_loopback() || address.is_private() || address.is_link_local(),
        IpAddr::V6(address) => {
            address.is_loopback() || address.is_unique_local() || address.is_unicast_link_local()
        }
    }
}

impl Endpoint {
    /// A server at `base`. An address outside the own network needs `allow_remote`, and then HTTPS.
    ///
    /// # Errors
    /// [`AssistError::Address`].
    pub fn new(base: &str, key: Option<String>, allow_remote: bool) -> Result<Self, AssistError> {
        let wrong =
            |message: &str| AssistError::Address { url: base.to_owned(), message: message.to_owned() };
        let mut base_url = Url::parse(base).map_err(|error| wrong(&error.to_string()))?;
        if !matches!(base_url.scheme(), "http" | "https") || !base_url.has_host() {
            return Err(wrong("write an address such as http://127.0.0.1:5000"));
        }
        if !base_url.username().is_empty() || base_url.password().is_some() {
            return Err(AssistError::Address {
                url: "[assist] url".to_owned(),
                message: "no user name or password in an address; name a key_file".to_owned(),
            });
        }
        if !in_the_house(&base_url) {
            if !allow_remote {
                return Err(wrong(
                    "lies outside the own network, and post text would leave the house; set allow_remote = true only where that is lawful and agreed",
                ));
            }
            if base_url.scheme() != "https" {
                return Err(wrong("outside the own network only https is used"));
            }
        }
        base_url.set_query(None);
        base_url.set_fragment(None);
        if !base_url.path().ends_with('/') {
            let path = format!("{}/", base_url.path());
            base_url.set_path(&path);
        }
        let client = reqwest::Client::builder()
            .timeout(TIMEOUT)
            .connect_timeout(CONNECT_TIMEOUT)
            .redirect(reqwest::redirect::Policy::none())
            .no_proxy()
            .build()
            .map_err(|error| wrong(&error.to_string()))?;
        Ok(Self { base: base_url, key, client })
    }

    /// Host and port, for messages and for the mark beside a result.
    pub fn host(&self) -> String {
        let host = self.base.host_str().unwrap_or_default();
        self.base.port().map_or_else(|| host.to_owned(), |port| format!("{host}:{port}"))
    }

    /// The key, where the server wants it in the body.
    pub(crate) fn key(&self) -> Option<&str> {
        self.key.as_deref()
    }

    /// Posts a body and reads a JSON answer.
    pub(crate) async fn post<T: DeserializeOwned>(
        &self,
        path: &str,
        content_type: &str,
        body: Vec<u8>,
        bearer: bool,
    ) -> Result<T, AssistError> {
        let url = self.base.join(path).map_err(|error| self.unusable(&error.to_string()))?;
        let mut request =
            self.client.post(url).header(CONTENT_TYPE, content_type).header(ACCEPT, "application/json");
        if let (true, Some(key)) = (bearer, &self.key) {
            request = request.header(AUTHORIZATION, format!("Bearer {key}"));
        }
        let mut response = request.body(body).send().await.map_err(|error| self.unreachable(&error))?;
        let status = response.status();
        if !status.is_success() {
            return Err(AssistError::Refused { host: self.host(), status: status.as_u16() });
        }
        let mut answer = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(|error| self.unreachable(&error))? {
            if answer.len() + chunk.len() > MAX_ANSWER_BYTES {
                return Err(self.unusable("it is larger than 2 MiB"));
            }
            answer.extend_from_slice(&chunk);
        }
        // The place of the error, not its context: the answer holds post text.
        serde_json::from_slice(&answer).map_err(|error| {
            self.unusable(&format!(
                "not the JSON expected (line {}, column {})",
                error.line(),
                error.column()
            ))
        })
    }

    pub(crate) fn unusable(&self, message: &str) -> AssistError {
        AssistError::Answer { host: self.host(), message: message.to_owned() }
    }

    fn unreachable(&self, error: &reqwest::Error) -> AssistError {
        let message = if error.is_timeout() {
            "no answer in time"
        } else if error.is_connect() {
            "no connection"
        } else {
            "the connection broke"
        };
        AssistError::Unreachable { host: self.host(), message: message.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn post_text_stays_in_the_house_unless_allowed() {
        for house in [
            "http://127.0.0.1:5000",
            "http://[::1]:5000/v1",
            "http://10.1.2.3",
            "http://192.168.0.9:8000",
            "http://translate:5000",
            "http://llm.police.intern",
            "https://localhost",
        ] {
            assert!(Endpoint::new(house, None, false).is_ok(), "{house}");
        }
        for outside in [
            "https://translate.example.org",
            "http://8.8.8.8",
            "http://127.0.0.1.example.org",
            "https://[2606::1]",
        ] {
            assert!(
                matches!(Endpoint::new(outside, None, false), Err(AssistError::Address { .. })),
                "{outside}"
            );
        }
        assert!(Endpoint::new("https://translate.example.org", None, true).is_ok());
        assert!(Endpoint::new("http://translate.example.org", None, true).is_err(), "outside only encrypted");
        for wrong in ["", "translate", "file:///etc/passwd", "http://", "http://user:pass@127.0.0.1"] {
            assert!(Endpoint::new(wrong, None, true).is_err(), "{wrong}");
        }
    }

    #[test]
    fn a_key_is_never_printed() {
        let endpoint = Endpoint::new("http://127.0.0.1:1", Some("geheim".to_owned()), false).unwrap();
        assert!(!format!("{endpoint:?}").contains("geheim"));
    }
}
