//! Where hubs reach this installation.

use std::net::SocketAddr;

use serde::Deserialize;
use streife_sdk::websub::WebSubConfig;

use super::Config;

/// Off unless both are named.
#[derive(Debug, Clone, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct WebSubSection {
    /// Where `collect` listens for hubs, such as `127.0.0.1:8430`; a proxy brings TLS.
    pub(crate) listen: Option<SocketAddr>,
    /// Under which address hubs reach it, such as `https://patrol.example.org/websub`.
    pub(crate) public_address: Option<String>,
}

/// The listener and what hubs are told; `None` where it is off.
///
/// # Errors
/// What is wrong with the section, and what to do.
pub(crate) fn websub(config: &Config) -> Result<Option<(SocketAddr, WebSubConfig)>, String> {
    let WebSubSection { listen, public_address } = &config.websub;
    let (listen, address) = match (listen, public_address) {
        (None, None) => return Ok(None),
        (Some(listen), Some(address)) => (*listen, address),
        (Some(_), None) => {
            return Err("[websub] public_address is missing: under it hubs reach the listener".to_owned());
        }
        (None, Some(_)) => return Err("[websub] listen is missing: nobody would hear the hubs".to_owned()),
    };
    let told = WebSubConfig::new(address);
    match told.problem(config.collect.allow_private) {
        Some(problem) => Err(format!("[websub] public_address {problem}")),
        None => Ok(Some((listen, told))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Result<Option<(SocketAddr, WebSubConfig)>, String> {
        websub(&super::super::read(text, &[]).unwrap())
    }

    #[test]
    fn it_is_off_or_whole_and_reached_over_tls() {
        assert!(of("").unwrap().is_none());
        let listen = "[websub]\nlisten = '127.0.0.1:0'\n";
        assert!(of(listen).unwrap_err().contains("public_address is missing"));
        assert!(
            of("[websub]\npublic_address = 'https://p.test/w'").unwrap_err().contains("listen is missing")
        );
        for wrong in ["p.test", "http://p.test/w", "https://p.test/w?x=1", "ftp://p.test/"] {
            let text = format!("{listen}public_address = '{wrong}'");
            assert!(
                of(&text).unwrap_err().contains("https address")
                    || of(&text).unwrap_err().contains("no web address"),
                "{wrong}"
            );
        }
        assert!(of(&format!("{listen}public_address = 'https://p.test/w'")).unwrap().is_some());
        let own = format!("[collect]\nallow_private = true\n{listen}public_address = 'http://127.0.0.1:1/w'");
        assert!(of(&own).unwrap().is_some());
    }
}
