//! `X-Hub-Signature: METHOD=HEX`, the HMAC of the pushed bytes (section 7 of the Recommendation).

use hmac::{Hmac, Mac};
use sha1::Sha1;
use sha2::{Sha256, Sha384, Sha512};

/// Methods, the strongest first.
const METHODS: [&str; 4] = ["sha512", "sha384", "sha256", "sha1"];

/// Is the strongest signature given that of `body`? A good weak one beside a wrong strong one proves nothing. Compared in
/// constant time.
pub(super) fn is_good(signatures: &[&str], secret: &[u8], body: &[u8]) -> bool {
    let given = |method: &str| {
        signatures.iter().find_map(|signature| {
            let (name, digits) = signature.trim().split_once('=')?;
            name.eq_ignore_ascii_case(method).then_some(digits)
        })
    };
    let Some((method, digits)) = METHODS.iter().find_map(|method| Some((*method, given(method)?))) else {
        return false;
    };
    let Ok(wanted) = hex::decode(digits) else { return false };
    match method {
        "sha512" => matches::<Hmac<Sha512>>(secret, body, &wanted),
        "sha384" => matches::<Hmac<Sha384>>(secret, body, &wanted),
        "sha256" => matches::<Hmac<Sha256>>(secret, body, &wanted),
        _ => matches::<Hmac<Sha1>>(secret, body, &wanted),
    }
}

fn matches<M: Mac + hmac::digest::KeyInit>(secret: &[u8], body: &[u8], wanted: &[u8]) -> bool {
    let Ok(mut mac) = <M as Mac>::new_from_slice(secret) else { return false };
    mac.update(body);
    mac.verify_slice(wanted).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 2202, RFC 4231, case 2: key `Jefe`.
    const BODY: &[u8] = b"what do ya want for nothing?";
    const SHA1: &str = "sha1=effcdf6ae5eb2fa2d27416d5f184df9c259a7c79";
    const SHA256: &str = "sha256=5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
    const SHA384: &str = "sha384=af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649";
    const SHA512: &str = "sha512=164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fdcaeab1a34d4a6b4b636e070a38bce737";

    #[test]
    fn the_published_vectors_of_every_method_are_good() {
        for signature in [SHA1, SHA256, SHA384, SHA512] {
            assert!(is_good(&[signature], b"Jefe", BODY), "{signature}");
            assert!(!is_good(&[signature], b"jefe", BODY), "{signature}");
            assert!(!is_good(&[signature], b"Jefe", b"what else"), "{signature}");
            assert!(!is_good(&[&signature[..signature.len() - 2]], b"Jefe", BODY), "{signature}: cut off");
        }
        assert!(is_good(&[&SHA256.to_uppercase()], b"Jefe", BODY));
    }

    #[test]
    fn a_weak_signature_beside_a_wrong_strong_one_proves_nothing() {
        assert!(!is_good(&["sha256=00", SHA1], b"Jefe", BODY));
        assert!(is_good(&[SHA1, SHA256], b"Jefe", BODY));
        for nonsense in ["", "=", "sha256=", "sha256=zz", "md5=00", "effcdf6a"] {
            assert!(!is_good(&[nonsense], b"Jefe", BODY), "{nonsense:?}");
        }
    }
}
