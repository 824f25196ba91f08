//! Passwords (Argon2id) and one-time codes (TOTP, RFC 6238 with SHA-1 as authenticator apps expect).

use argon2::password_hash::{PasswordHash, PasswordHasher, PasswordVerifier, SaltString};
use argon2::{Algorithm, Argon2, Params, Version};
use hmac::{Hmac, Mac};
use rand::RngCore;
use sha1::Sha1;
use streife_domain::Timestamp;
use subtle::ConstantTimeEq;

/// The shortest password accepted.
pub const MIN_PASSWORD_CHARS: usize = 12;
/// The longest, so that hashing stays bounded.
pub const MAX_PASSWORD_BYTES: usize = 256;
/// Seconds that one code lives.
const TOTP_STEP_SECS: i64 = 30;

/// A password cannot be used.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PasswordError {
    /// Too short or too long.
    #[error("a password has at least {MIN_PASSWORD_CHARS} characters and at most {MAX_PASSWORD_BYTES} bytes")]
    Length,
    /// Hashing failed.
    #[error("the password could not be hashed: {0}")]
    Hash(String),
}

/// Argon2id with the parameters of RFC 9106's second choice scaled to a small server: 19 MiB, 2 passes.
fn hasher() -> Argon2<'static> {
    Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::default())
}

/// The PHC string of `password`. Takes tens of milliseconds: call it off the async threads.
///
/// # Errors
/// [`PasswordError`] for a password of the wrong length.
pub fn hash(password: &str) -> Result<String, PasswordError> {
    if password.chars().count() < MIN_PASSWORD_CHARS || password.len() > MAX_PASSWORD_BYTES {
        return Err(PasswordError::Length);
    }
    let mut raw = [0u8; 16];
    rand::rng().fill_bytes(&mut raw);
    let salt = SaltString::encode_b64(&raw).map_err(|e| PasswordError::Hash(e.to_string()))?;
    let hashed = hasher().hash_password(password.as_bytes(), &salt);
    Ok(hashed.map_err(|e| PasswordError::Hash(e.to_string()))?.to_string())
}

/// Does `password` belong to the PHC string? Takes as long for an unknown user (`None`) as for a known one.
pub fn verify(password: &str, stored: Option<&str>) -> bool {
    // A hash of nothing anybody can type, so that the answer's time does not tell which users exist.
    const NOBODY: &str =
        "$argon2id$v=19$m=19456,t=2,p=1$c3RyZWlmZS1ub2JvZHk$W5Eb6JQpQOa1XvUoYVYbC0oC3sT6S0pPVDYpWc0Fv1o";
    if password.len() > MAX_PASSWORD_BYTES {
        return false;
    }
    let Ok(parsed) = PasswordHash::new(stored.unwrap_or(NOBODY)) else { return false };
    hasher().verify_password(password.as_bytes(), &parsed).is_ok() && stored.is_some()
}

/// A random password of 20 characters without look-alikes (about 115 bits), for demo accounts and resets.
pub fn random() -> String {
    const LETTERS: &[u8] = b"abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789";
    let mut rng = rand::rng();
    (0..20).map(|_| LETTERS[rand::Rng::random_range(&mut rng, 0..LETTERS.len())] as char).collect()
}

/// Bytes of a one-time code secret (RFC 4226 recommends 20).
const TOTP_SECRET_BYTES: usize = 20;

/// A new secret for one-time codes, hexadecimal.
pub fn new_totp_secret() -> String {
    let mut raw = [0u8; TOTP_SECRET_BYTES];
    rand::rng().fill_bytes(&mut raw);
    hex::encode(raw)
}

/// Is this a secret as [`new_totp_secret`] makes them?
pub fn usable_totp_secret(secret_hex: &str) -> bool {
    hex::decode(secret_hex).is_ok_and(|secret| secret.len() == TOTP_SECRET_BYTES)
}

/// A hexadecimal secret in the base 32 of RFC 4648, which authenticator apps read.
pub fn base32(secret_hex: &str) -> String {
    const LETTERS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
    let bits: Vec<u8> = hex::decode(secret_hex)
        .unwrap_or_default()
        .iter()
        .flat_map(|byte| (0..8).rev().map(move |bit| (byte >> bit) & 1))
        .collect();
    bits.chunks(5)
        .map(|five| {
            let value = five.iter().fold(0u8, |n, bit| (n << 1) | bit) << (5 - five.len());
            LETTERS[usize::from(value)] as char
        })
        .collect()
}

/// Which step of time a valid `code` of `secret` (hexadecimal) belongs to, one step before or after `now` allowed.
/// A code that is accepted once must not be accepted again: compare the step.
pub fn totp_step(secret_hex: &str, code: &str, now: Timestamp) -> Option<i64> {
    let secret = hex::decode(secret_hex).ok()?;
    let step = now.as_secs().div_euclid(TOTP_STEP_SECS);
    [step - 1, step, step + 1]
        .into_iter()
        .find(|step| totp(&secret, *step).as_bytes().ct_eq(code.trim().as_bytes()).into())
}

/// The code that an authenticator app with this secret (hexadecimal) shows at `now`.
pub fn totp_now(secret_hex: &str, now: Timestamp) -> Option<String> {
    Some(totp(&hex::decode(secret_hex).ok()?, now.as_secs().div_euclid(TOTP_STEP_SECS)))
}

/// Is `code` the one-time code of `secret` (hexadecimal) at `now`, one step before or after?
pub fn totp_matches(secret_hex: &str, code: &str, now: Timestamp) -> bool {
    totp_step(secret_hex, code, now).is_some()
}

fn totp(secret: &[u8], step: i64) -> String {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha1>::new_from_slice(secret) else { return String::new() };
    mac.update(&step.to_be_bytes());
    let digest = mac.finalize().into_bytes();
    let offset = usize::from(digest[19] & 0x0f);
    let number = digest[offset..offset + 4].iter().fold(0u32, |n, byte| (n << 8) | u32::from(*byte));
    format!("{:06}", (number & 0x7fff_ffff) % 1_000_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_password_is_verified_and_an_unknown_user_never_is() {
        let stored = hash("correct horse battery").unwrap();
        assert!(stored.starts_with("$argon2id$"));
        assert!(verify("correct horse battery", Some(&stored)));
        assert!(!verify("correct horse batterz", Some(&stored)));
        assert!(!verify("correct horse battery", None));
        assert_eq!(hash("short"), Err(PasswordError::Length));
    }

    #[test]
    fn base32_is_that_of_the_standard() {
        // RFC 4648, section 10, without padding.
        for (text, coded) in [("f", "MY"), ("fo", "MZXQ"), ("foobar", "MZXW6YTBOI")] {
            assert_eq!(base32(&hex::encode(text)), coded);
        }
        assert!(usable_totp_secret(&new_totp_secret()) && !usable_totp_secret("ab"));
    }

    #[test]
    fn codes_are_those_of_the_standard() {
        // RFC 6238, appendix B, last six digits.
        let secret = b"12345678901234567890";
        for (secs, code) in [(59, "287082"), (1_111_111_109, "081804"), (20_000_000_000, "353130")] {
            assert_eq!(totp(secret, secs / TOTP_STEP_SECS), code);
        }
        let hex = hex::encode(secret);
        assert!(totp_matches(&hex, "287082", Timestamp::from_secs(75)));
        assert!(!totp_matches(&hex, "287082", Timestamp::from_secs(150)));
    }
}
