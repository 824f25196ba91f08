//! RFC 3161: asking for a time stamp and judging the answer.
//!
//! A token is believed only when one signer signed it, its certificate is the one that the signed attributes name,
//! is made for time stamping and nothing else, and leads to one of the given roots *at the time in the token*.

use cms::cert::CertificateChoices;
use cms::cert::x509::Certificate;
use cms::cert::x509::ext::pkix::ExtendedKeyUsage;
use cms::signed_data::{SignedData, SignerIdentifier, SignerInfo};
use der::asn1::{Int, Null, OctetString};
use der::oid::ObjectIdentifier;
use der::{Any, Decode, Encode};
use pki_types::{CertificateDer, SignatureVerificationAlgorithm, TrustAnchor, UnixTime};
use sha2::{Digest, Sha384, Sha512};
use streife_domain::Timestamp;
use webpki::{EndEntityCert, KeyUsage};
use x509_cert::spki::AlgorithmIdentifier;
use x509_tsp::{MessageImprint, TimeStampReq, TimeStampResp, TspVersion};

use super::token::{
    EC_PUBLIC_KEY, ECDSA_SHA256, ECDSA_SHA384, ID_CONTENT_TYPE, ID_MESSAGE_DIGEST, ID_SIGNED_DATA,
    ID_SIGNING_CERT, ID_SIGNING_CERT_V2, ID_TIME_STAMPING, ID_TST_INFO, RSA, RSA_SHA256, RSA_SHA384,
    RSA_SHA512, SHA256, SHA384, SHA512, SigningCertificate, SigningCertificateV2, TstInfo, read_time,
};
use crate::merkle::{Hash, sha256, sha256_hex};

/// Largest response looked at.
pub(super) const MAX_RESPONSE_BYTES: usize = 256 * 1024;
/// DER value of the key purpose "time stamping".
const TIME_STAMPING: &[u8] = &[43, 6, 1, 5, 5, 7, 3, 8];

/// Why a time stamp is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TspError {
    /// The bytes are not what RFC 3161 describes.
    #[error("{what} does not read: {why}")]
    Format {
        /// Which part.
        what: &'static str,
        /// What the decoder said.
        why: String,
    },
    /// The service refused.
    #[error("the service refused (status {0})")]
    Refused(String),
    /// The token is for other data.
    #[error("the time stamp is for other data: it covers {is}, expected {expected}")]
    Imprint {
        /// Hash in the token.
        is: String,
        /// Hash that was asked for.
        expected: String,
    },
    /// The answer belongs to another question.
    #[error("the answer carries another nonce than the question")]
    Nonce,
    /// The signature or its attributes are not in order.
    #[error("signature of the time stamp: {0}")]
    Signature(&'static str),
    /// The certificate does not lead to a trusted root at the time of the stamp.
    #[error("certificate of the time-stamp service: {0}")]
    Chain(String),
}

/// A root certificate that time stamps may lead to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Anchor(Vec<u8>);

impl Anchor {
    /// sha256 of the certificate, hex.
    pub fn fingerprint(&self) -> String {
        sha256_hex(&self.0)
    }
}

/// What a good time stamp says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stamped {
    /// The time.
    pub at: Timestamp,
    /// Subject of the signing certificate.
    pub signer: String,
    /// sha256 of the signing certificate, hex: tells two services apart.
    pub signer_fingerprint: String,
    /// sha256 of the root it leads to, hex.
    pub anchor_fingerprint: String,
    /// Serial number of the token, hex.
    pub serial: String,
    /// The service's policy.
    pub policy: String,
    /// Until when the signing certificate was made to be relied on.
    pub valid_until: Timestamp,
}

/// Reads root certificates from PEM.
///
/// # Errors
/// [`TspError::Format`] when there is none or one does not read.
pub fn parse_anchors(pem: &str) -> Result<Vec<Anchor>, TspError> {
    // The loader slices without checking, so it never sees an empty text.
    let certificates =
        if pem.contains("-----BEGIN CERTIFICATE-----") && pem.contains("-----END CERTIFICATE-----") {
            Certificate::load_pem_chain(pem.trim().as_bytes())
                .map_err(|error| format("root certificate", &error))?
        } else {
            Vec::new()
        };
    if certificates.is_empty() {
        return Err(TspError::Format { what: "root certificate", why: "no certificate in it".into() });
    }
    certificates.iter().map(|c| c.to_der().map(Anchor).map_err(|e| format("root certificate", &e))).collect()
}

fn format(what: &'static str, why: &dyn std::fmt::Display) -> TspError {
    TspError::Format { what, why: why.to_string() }
}

/// A `TimeStampReq` (DER) for a sha256, asking for the signer's certificate.
///
/// # Errors
/// [`TspError::Format`] should the encoder refuse.
pub fn request(hash: &Hash, nonce: Option<u64>) -> Result<Vec<u8>, TspError> {
    let encode = || -> der::Result<Vec<u8>> {
        TimeStampReq {
            version: TspVersion::V1,
            message_imprint: MessageImprint {
                hash_algorithm: AlgorithmIdentifier { oid: SHA256, parameters: Some(Any::from(Null)) },
                hashed_message: OctetString::new(hash.to_vec())?,
            },
            req_policy: None,
            nonce: nonce.map(integer).transpose()?,
            cert_req: true,
            extensions: None,
        }
        .to_der()
    };
    encode().map_err(|error| format("request", &error))
}

/// A whole number in DER's shortest form.
pub(super) fn integer(nonce: u64) -> der::Result<Int> {
    Int::new(&nonce_bytes(nonce))
}

fn nonce_bytes(nonce: u64) -> Vec<u8> {
    let bytes = nonce.to_be_bytes();
    let first = bytes.iter().position(|b| *b != 0).unwrap_or(7);
    let mut out = bytes[first..].to_vec();
    if out[0] & 0x80 != 0 {
        out.insert(0, 0);
    }
    out
}

/// Judges a `TimeStampResp` (DER) over `hash`.
///
/// # Errors
/// [`TspError`] for the first reason not to believe it.
pub fn check(
    response: &[u8],
    hash: &Hash,
    nonce: Option<u64>,
    anchors: &[Anchor],
) -> Result<Stamped, TspError> {
    if response.len() > MAX_RESPONSE_BYTES {
        return Err(TspError::Format { what: "response", why: "larger than is allowed".into() });
    }
    let response = TimeStampResp::from_der(response).map_err(|error| format("response", &error))?;
    let token = response
        .time_stamp_token
        .ok_or_else(|| TspError::Refused(format!("{:?}", response.status.status)))?;
    if token.content_type != ID_SIGNED_DATA {
        return Err(TspError::Format { what: "token", why: "not signed data".into() });
    }
    let signed: SignedData = token.content.decode_as().map_err(|error| format("token", &error))?;
    if signed.encap_content_info.econtent_type != ID_TST_INFO {
        return Err(TspError::Format { what: "token", why: "does not contain a TSTInfo".into() });
    }
    let content = signed.encap_content_info.econtent.as_ref();
    let content = content
        .and_then(|any| any.decode_as::<OctetString>().ok())
        .ok_or_else(|| TspError::Format { what: "token", why: "no content".into() })?;
    let info = TstInfo::from_der(content.as_bytes()).map_err(|error| format("TSTInfo", &error))?;
    let at = read_time(&info.gen_time)
        .ok_or_else(|| TspError::Format { what: "genTime", why: "no UTC time".into() })?;
    check_imprint(&info, hash)?;
    if let Some(nonce) = nonce
        && info.nonce.as_ref().map(|n| n.as_bytes().to_vec()) != Some(nonce_bytes(nonce))
    {
        return Err(TspError::Nonce);
    }
    let [signer] = signed.signer_infos.0.as_slice() else {
        return Err(TspError::Signature("not exactly one signer"));
    };
    let certificates: Vec<&Certificate> = signed
        .certificates
        .iter()
        .flat_map(|set| set.0.iter())
        .filter_map(|choice| if let CertificateChoices::Certificate(c) = choice { Some(c) } else { None })
        .collect();
    let certificate = certificates
        .iter()
        .find(|certificate| is_signer(certificate, signer))
        .ok_or(TspError::Signature("the signer's certificate is not in the token"))?;
    let certificate_der = certificate.to_der().map_err(|error| format("certificate", &error))?;
    check_attributes(signer, content.as_bytes(), &certificate_der)?;
    check_purpose(certificate)?;
    let others: Vec<Vec<u8>> = certificates.iter().filter_map(|c| c.to_der().ok()).collect();
    let anchor = check_signature_and_chain(signer, &certificate_der, &others, anchors, at)?;
    Ok(Stamped {
        at,
        signer: certificate.tbs_certificate.subject.to_string(),
        signer_fingerprint: sha256_hex(&certificate_der),
        anchor_fingerprint: anchor.fingerprint(),
        serial: hex::encode(info.serial_number.as_bytes()),
        policy: info.policy.to_string(),
        valid_until: valid_until(certificate),
    })
}

fn valid_until(certificate: &Certificate) -> Timestamp {
    let end = certificate.tbs_certificate.validity.not_after.to_unix_duration().as_secs();
    Timestamp::from_secs(i64::try_from(end).unwrap_or(i64::MAX / 1_000_000))
}

fn check_imprint(info: &TstInfo, hash: &Hash) -> Result<(), TspError> {
    let imprint = &info.message_imprint;
    if info.version != 1 || imprint.hash_algorithm.oid != SHA256 || imprint.hashed_message.as_bytes() != hash
    {
        return Err(TspError::Imprint {
            is: hex::encode(imprint.hashed_message.as_bytes()),
            expected: hex::encode(hash),
        });
    }
    Ok(())
}

fn is_signer(certificate: &Certificate, signer: &SignerInfo) -> bool {
    match &signer.sid {
        SignerIdentifier::IssuerAndSerialNumber(sid) => {
            sid.issuer == certificate.tbs_certificate.issuer
                && sid.serial_number == certificate.tbs_certificate.serial_number
        }
        SignerIdentifier::SubjectKeyIdentifier(sid) => certificate
            .tbs_certificate
            .get::<x509_cert::ext::pkix::SubjectKeyIdentifier>()
            .is_ok_and(|found| found.is_some_and(|(_, key)| key == *sid)),
    }
}

/// The signed attributes name the content, its digest and the certificate itself.
fn check_attributes(signer: &SignerInfo, content: &[u8], certificate: &[u8]) -> Result<(), TspError> {
    let attributes = signer.signed_attrs.as_ref().ok_or(TspError::Signature("no signed attributes"))?;
    let value = |oid: ObjectIdentifier| -> Option<&Any> {
        let mut found = attributes.iter().filter(|attribute| attribute.oid == oid);
        let (Some(attribute), None) = (found.next(), found.next()) else { return None };
        if let [value] = attribute.values.as_slice() { Some(value) } else { None }
    };
    let content_type = value(ID_CONTENT_TYPE).and_then(|v| v.decode_as::<ObjectIdentifier>().ok());
    if content_type != Some(ID_TST_INFO) {
        return Err(TspError::Signature("content type is not TSTInfo"));
    }
    let digest = digest(signer.digest_alg.oid, content)?;
    let said = value(ID_MESSAGE_DIGEST).and_then(|v| v.decode_as::<OctetString>().ok());
    if said.is_none_or(|said| said.as_bytes() != digest) {
        return Err(TspError::Signature("message digest does not match the content"));
    }
    let v2 = value(ID_SIGNING_CERT_V2).and_then(|v| v.decode_as::<SigningCertificateV2>().ok());
    let v1 = value(ID_SIGNING_CERT).and_then(|v| v.decode_as::<SigningCertificate>().ok());
    let bound = if let Some(first) = v2.as_ref().and_then(|v2| v2.certs.first()) {
        let algorithm = first.hash_algorithm.as_ref().map_or(SHA256, |algorithm| algorithm.oid);
        self::digest(algorithm, certificate)? == first.cert_hash.as_bytes()
    } else if let Some(first) = v1.as_ref().and_then(|v1| v1.certs.first()) {
        let sha1 = ring::digest::digest(&ring::digest::SHA1_FOR_LEGACY_USE_ONLY, certificate);
        sha1.as_ref() == first.cert_hash.as_bytes()
    } else {
        return Err(TspError::Signature("does not name its certificate"));
    };
    if bound { Ok(()) } else { Err(TspError::Signature("names another certificate than the signer's")) }
}

fn digest(algorithm: ObjectIdentifier, bytes: &[u8]) -> Result<Vec<u8>, TspError> {
    match algorithm {
        SHA256 => Ok(sha256(bytes).to_vec()),
        SHA384 => Ok(Sha384::digest(bytes).to_vec()),
        SHA512 => Ok(Sha512::digest(bytes).to_vec()),
        _ => Err(TspError::Signature("digest other than sha256, sha384, sha512")),
    }
}

/// RFC 3161 s. 2.3: critical, and for time stamping alone.
fn check_purpose(certificate: &Certificate) -> Result<(), TspError> {
    let usage = certificate.tbs_certificate.get::<ExtendedKeyUsage>();
    let Ok(Some((critical, usage))) = usage else {
        return Err(TspError::Chain("no extended key usage".into()));
    };
    if !critical || usage.0.as_slice() != [ID_TIME_STAMPING] {
        return Err(TspError::Chain("not made for time stamping alone, or not marked critical".into()));
    }
    Ok(())
}

fn check_signature_and_chain<'a>(
    signer: &SignerInfo,
    certificate: &[u8],
    others: &[Vec<u8>],
    anchors: &'a [Anchor],
    at: Timestamp,
) -> Result<&'a Anchor, TspError> {
    let certificate = CertificateDer::from(certificate);
    let chain = |error: &dyn std::fmt::Display| TspError::Chain(error.to_string());
    let end = EndEntityCert::try_from(&certificate).map_err(|error| chain(&error))?;
    let attributes = signer.signed_attrs.as_ref().and_then(|attributes| attributes.to_der().ok());
    let attributes = attributes.ok_or(TspError::Signature("no signed attributes"))?;
    let algorithms = algorithms(signer);
    let signed = algorithms
        .iter()
        .any(|algorithm| end.verify_signature(*algorithm, &attributes, signer.signature.as_bytes()).is_ok());
    if !signed {
        return Err(TspError::Signature("does not verify, or an algorithm that is not supported"));
    }
    let seconds = u64::try_from(at.as_secs()).map_err(|_| TspError::Chain("a time before 1970".into()))?;
    let time = UnixTime::since_unix_epoch(std::time::Duration::from_secs(seconds));
    let intermediates: Vec<CertificateDer<'_>> =
        others.iter().map(|der| CertificateDer::from(der.as_slice())).collect();
    let mut last = "no root certificate is known for it".to_owned();
    // One root at a time, so that the report can name the one it leads to.
    for anchor in anchors {
        let root = CertificateDer::from(anchor.0.as_slice());
        let roots: [TrustAnchor<'_>; 1] = match webpki::anchor_from_trusted_cert(&root) {
            Ok(root) => [root],
            Err(error) => {
                last = error.to_string();
                continue;
            }
        };
        let verified = end.verify_for_usage(
            webpki::ALL_VERIFICATION_ALGS,
            &roots,
            &intermediates,
            time,
            // The signer's own purpose was checked strictly; authorities above it may be made for anything.
            KeyUsage::required_if_present(TIME_STAMPING),
            None,
            None,
        );
        match verified {
            Ok(_) => return Ok(anchor),
            Err(error) => last = error.to_string(),
        };
    }
    Err(TspError::Chain(format!("at {at}: {last}")))
}

/// The algorithms that fit what the signer says; which of them fits the key shows on verifying.
fn algorithms(signer: &SignerInfo) -> Vec<&'static dyn SignatureVerificationAlgorithm> {
    use webpki::ring as a;
    let hash = match signer.signature_algorithm.oid {
        RSA_SHA256 | ECDSA_SHA256 => SHA256,
        RSA_SHA384 | ECDSA_SHA384 => SHA384,
        RSA_SHA512 => SHA512,
        _ => signer.digest_alg.oid,
    };
    match (signer.signature_algorithm.oid, hash) {
        (RSA | RSA_SHA256, SHA256) => vec![a::RSA_PKCS1_2048_8192_SHA256],
        (RSA | RSA_SHA384, SHA384) => vec![a::RSA_PKCS1_2048_8192_SHA384],
        (RSA | RSA_SHA512, SHA512) => vec![a::RSA_PKCS1_2048_8192_SHA512],
        (EC_PUBLIC_KEY | ECDSA_SHA256, SHA256) => vec![a::ECDSA_P256_SHA256, a::ECDSA_P384_SHA256],
        (EC_PUBLIC_KEY | ECDSA_SHA384, SHA384) => vec![a::ECDSA_P256_SHA384, a::ECDSA_P384_SHA384],
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nonces_are_positive_and_minimal() {
        assert_eq!(nonce_bytes(0), [0]);
        assert_eq!(nonce_bytes(127), [127]);
        assert_eq!(nonce_bytes(0x80), [0, 0x80]);
        assert_eq!(nonce_bytes(0x1234), [0x12, 0x34]);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_answered_without_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            proptest::prop_assert!(check(&bytes, &[0; 32], None, &[]).is_err());
            let _ = parse_anchors(&String::from_utf8_lossy(&bytes));
        }
    }
}
