//! Identities: a post's own, and an author's pseudonym.

use std::fmt;
use std::str::FromStr;

use hmac::{Hmac, Mac};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de};
use sha2::{Digest, Sha256};

/// A post's identity across all of Streife: the first 16 bytes of SHA-256 over platform, a zero byte and the
/// platform's own id. The same post seen through two sources of one platform has one identity, and the id
/// tells nothing about the author. Written as 32 lower-case hex digits.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PostId(pub u128);

impl PostId {
    /// The identity of `native_id` on `platform`.
    pub fn of(platform: &str, native_id: &str) -> Self {
        let mut hasher = Sha256::new();
        hasher.update(platform.as_bytes());
        hasher.update([0]);
        hasher.update(native_id.as_bytes());
        Self(first_16_bytes(&hasher.finalize()))
    }
}

fn first_16_bytes(digest: &[u8]) -> u128 {
    digest.iter().take(16).fold(0, |id, byte| (id << 8) | u128::from(*byte))
}

impl fmt::Display for PostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for PostId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "PostId({self})")
    }
}

impl FromStr for PostId {
    type Err = String;
    fn from_str(text: &str) -> Result<Self, String> {
        if text.len() != 32 {
            return Err(format!("a post id has 32 hex digits, this has {}", text.len()));
        }
        u128::from_str_radix(text, 16).map(Self).map_err(|e| format!("a post id is hexadecimal: {e}"))
    }
}

impl Serialize for PostId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for PostId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// What a reviewer sees instead of an author: stable within one installation, meaningless outside it.
/// Written as 16 lower-case hex digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Pseudonym(pub u64);

impl fmt::Display for Pseudonym {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:016x}", self.0)
    }
}

impl Serialize for Pseudonym {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl FromStr for Pseudonym {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u64::from_str_radix(text, 16).map(Self)
    }
}

impl<'de> Deserialize<'de> for Pseudonym {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(de::Error::custom)
    }
}

/// The installation's secret behind all [`Pseudonym`]s (HMAC-SHA-256). Destroying it cuts every tie from
/// pseudonym to author. Its `Debug` form shows nothing.
#[derive(Clone)]
pub struct PseudonymKey([u8; 32]);

impl PseudonymKey {
    /// From 32 secret bytes.
    pub const fn new(secret: [u8; 32]) -> Self {
        Self(secret)
    }

    /// The pseudonym of `author_id` on `platform`.
    pub fn pseudonym(&self, platform: &str, author_id: &str) -> Pseudonym {
        // HMAC takes keys of any length, so this cannot fail; the fallback keeps the signature honest.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.0) else { return Pseudonym(0) };
        mac.update(platform.as_bytes());
        mac.update(&[0]);
        mac.update(author_id.as_bytes());
        Pseudonym((first_16_bytes(&mac.finalize().into_bytes()) >> 64) as u64)
    }
}

impl fmt::Debug for PseudonymKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("PseudonymKey(secret)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn platform_and_native_id_do_not_run_together() {
        assert_ne!(PostId::of("ab", "c"), PostId::of("a", "bc"));
    }

    #[test]
    fn post_id_reads_back() {
        let id = PostId::of("bluesky", "did:plc:x/3k");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert!("xyz".parse::<PostId>().is_err());
    }

    #[test]
    fn a_key_hides_itself_and_changes_every_pseudonym() {
        let (a, b) = (PseudonymKey::new([1; 32]), PseudonymKey::new([2; 32]));
        assert_ne!(a.pseudonym("bluesky", "did:x"), b.pseudonym("bluesky", "did:x"));
        assert_eq!(format!("{a:?}"), "PseudonymKey(secret)");
    }
}
