//! Keeps requests out of the own network: a feed must not make us ask the router.
//!
//! Literal addresses are checked before asking, names when they are resolved, by the very answer that is then
//! connected to (so a name that resolves anew a second later gains nothing). Redirects pass here again.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use reqwest::dns::{Addrs, Name, Resolve, Resolving};
use url::{Host, Url};

use crate::FetchError;

/// A name or address that leads into a network that is not public.
#[derive(Debug, thiserror::Error)]
#[error("{0} is no public address; [collect] allow_private = true permits it")]
pub(super) struct PrivateAddress(String);

/// Decides which addresses may be reached.
#[derive(Debug, Clone)]
pub struct Guard {
    allow_private: bool,
}

impl Guard {
    /// A guard; `allow_private` opens everything.
    pub const fn new(allow_private: bool) -> Self {
        Self { allow_private }
    }

    /// Are private addresses reached too?
    pub const fn allows_private(&self) -> bool {
        self.allow_private
    }

    /// Checks literal addresses in a URL; names are checked when resolved.
    ///
    /// # Errors
    /// [`FetchError::Refused`] for private addresses.
    pub fn check_url(&self, url: &Url) -> Result<(), FetchError> {
        let ip = match url.host() {
            Some(Host::Ipv4(ip)) => IpAddr::V4(ip),
            Some(Host::Ipv6(ip)) => IpAddr::V6(ip),
            Some(Host::Domain(_)) => return Ok(()),
            None => return Err(FetchError::BadUpstream(format!("{url} names no host"))),
        };
        if self.allow_private || is_public(ip) {
            return Ok(());
        }
        Err(FetchError::Refused(PrivateAddress(ip.to_string()).to_string()))
    }

    /// Resolves a host to addresses that may be reached.
    ///
    /// # Errors
    /// [`FetchError::Transient`] when the name does not resolve, [`FetchError::Refused`] when it leads inside.
    pub async fn resolve(&self, host: &str, port: u16) -> Result<Vec<SocketAddr>, FetchError> {
        let all: Vec<_> = tokio::net::lookup_host((host.trim_matches(['[', ']']), port))
            .await
            .map_err(|e| FetchError::Transient(format!("{host}: {e}")))?
            .collect();
        self.admit(host, all).map_err(|e| FetchError::Refused(e.to_string()))
    }

    /// One private address spoils the whole answer: a mixed answer is an attack or a mistake.
    fn admit(&self, host: &str, all: Vec<SocketAddr>) -> Result<Vec<SocketAddr>, PrivateAddress> {
        if self.allow_private || all.iter().all(|address| is_public(address.ip())) {
            return Ok(all);
        }
        Err(PrivateAddress(host.to_owned()))
    }
}

impl Resolve for Guard {
    fn resolve(&self, name: Name) -> Resolving {
        let guard = self.clone();
        Box::pin(async move {
            let all: Vec<_> = tokio::net::lookup_host((name.as_str(), 0)).await?.collect();
            let admitted = guard.admit(name.as_str(), all)?;
            Ok(Box::new(admitted.into_iter()) as Addrs)
        })
    }
}

/// Is this an address of the public internet? By the IANA special-purpose registries.
pub fn is_public(ip: IpAddr) -> bool {
    match ip {
        IpAddr::V4(v4) => is_public_v4(v4),
        IpAddr::V6(v6) => is_public_v6(v6),
    }
}

fn is_public_v4(ip: Ipv4Addr) -> bool {
    let [a, b, c, _] = ip.octets();
    !(ip.is_private()
        || ip.is_loopback()
        || ip.is_link_local()
        || ip.is_multicast()
        || ip.is_documentation()
        || a == 0
        || a >= 240
        || (a == 100 && (64..128).contains(&b))
        || (a == 192 && b == 0 && c == 0)
        || (a == 192 && b == 88 && c == 99)
        || (a == 198 && (b == 18 || b == 19)))
}

fn is_public_v6(ip: Ipv6Addr) -> bool {
    // Addresses that carry an IPv4 address are as public as that is: mapped, compatible, NAT64, 6to4.
    if let Some(v4) = ip.to_ipv4() {
        return is_public_v4(v4);
    }
    let s = ip.segments();
    let embedded = |high: u16, low: u16| Ipv4Addr::from((u32::from(high) << 16) | u32::from(low));
    match s[0] {
        0x64 if s[1] == 0xff9b => s[2..6] == [0; 4] && is_public_v4(embedded(s[6], s[7])),
        0x2002 => is_public_v4(embedded(s[1], s[2])),
        // Teredo, ORCHID, documentation and the rest of 2001::/23.
        0x2001 => s[1] >= 0x200 && s[1] != 0xdb8,
        0x3fff => s[1] >= 0x1000,
        // Global unicast is 2000::/3; everything else is local, multicast or unassigned.
        first => first & 0xe000 == 0x2000,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn private_addresses_in_every_dress_are_refused() {
        for text in [
            "127.0.0.1",
            "10.1.2.3",
            "172.16.0.1",
            "192.168.1.1",
            "169.254.169.254",
            "0.0.0.0",
            "100.64.0.1",
            "255.255.255.255",
            "224.0.0.1",
            "198.18.0.1",
            "::1",
            "::",
            "fe80::1",
            "fc00::1",
            "ff02::1",
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "64:ff9b::7f00:1",
            "2002:7f00:1::",
            "2001:db8::1",
            "2001::1",
        ] {
            assert!(!is_public(text.parse().unwrap()), "{text}");
        }
        for text in
            ["1.1.1.1", "193.99.144.85", "2a02:2e0:3fe:1001::1", "2001:4860:4860::8888", "64:ff9b::101:101"]
        {
            assert!(is_public(text.parse().unwrap()), "{text}");
        }
    }

    #[test]
    fn a_mixed_answer_is_refused_as_a_whole() {
        let mixed = vec!["1.1.1.1:0".parse().unwrap(), "127.0.0.1:0".parse().unwrap()];
        assert!(Guard::new(false).admit("x.test", mixed.clone()).is_err());
        assert_eq!(Guard::new(true).admit("x.test", mixed).unwrap().len(), 2);
    }

    #[test]
    fn decimal_and_hex_addresses_are_seen_through() {
        for text in ["http://2130706433/", "http://0x7f.1/", "http://[::ffff:7f00:1]/"] {
            assert!(Guard::new(false).check_url(&Url::parse(text).unwrap()).is_err(), "{text}");
        }
    }
}
