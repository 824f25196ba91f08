//! A time-stamp service inside the program, for demonstration and tests only. Its certificates say so, and they
//! lead to no root that anyone trusts.

use std::str::FromStr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use cms::cert::{CertificateChoices, IssuerAndSerialNumber};
use cms::content_info::{CmsVersion, ContentInfo};
use cms::signed_data::{
    CertificateSet, EncapsulatedContentInfo, SignedData, SignerIdentifier, SignerInfo, SignerInfos,
};
use der::asn1::{BitString, OctetString, SetOfVec, UtcTime};
use der::oid::{AssociatedOid, ObjectIdentifier};
use der::pem::LineEnding;
use der::{Any, Decode, Encode, EncodePem, Sequence, Tag};
use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_ASN1_SIGNING, EcdsaKeyPair, KeyPair};
use streife_domain::{Clock, Timestamp};
use x509_cert::attr::Attribute;
use x509_cert::certificate::{Certificate, TbsCertificate, Version};
use x509_cert::ext::Extension;
use x509_cert::ext::pkix::{BasicConstraints, ExtendedKeyUsage, KeyUsage, KeyUsages};
use x509_cert::name::Name;
use x509_cert::serial_number::SerialNumber;
use x509_cert::spki::{AlgorithmIdentifierOwned, SubjectPublicKeyInfoOwned};
use x509_cert::time::{Time, Validity};
use x509_tsp::TimeStampReq;

use super::TimeStampService;
use super::token::{
    EC_PUBLIC_KEY, ECDSA_SHA256, EssCertIdV2, ID_CONTENT_TYPE, ID_MESSAGE_DIGEST, ID_SIGNED_DATA,
    ID_SIGNING_CERT_V2, ID_TIME_STAMPING, ID_TST_INFO, SHA256, SigningCertificateV2, TstInfo,
};
use super::tsp::integer;
use crate::merkle::sha256;

const P256: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.2.840.10045.3.1.7");
/// From the arc for examples (RFC 5612 style): a policy that promises nothing.
const POLICY: ObjectIdentifier = ObjectIdentifier::new_unwrap("1.3.6.1.4.1.32473.1");
const VALID_BEFORE_SECS: i64 = 86_400;
const VALID_AFTER_SECS: i64 = 10 * 365 * 86_400;

/// Why a demonstration service could not be made.
#[derive(Debug, thiserror::Error)]
pub enum DemoTsaError {
    /// A key could not be made or used.
    #[error("demonstration time stamps: no key")]
    Key,
    /// A structure could not be encoded.
    #[error("demonstration time stamps: {0}")]
    Der(#[from] der::Error),
}

/// A time-stamp service for demonstration.
pub struct DemoTsa {
    name: String,
    key: EcdsaKeyPair,
    certificate: Certificate,
    anchor_pem: String,
    serial: AtomicU64,
    clock: Arc<dyn Clock>,
}

impl DemoTsa {
    /// A service with fresh keys, valid around `clock`'s present.
    ///
    /// # Errors
    /// [`DemoTsaError`] when no key can be made.
    pub fn new(name: &str, clock: Arc<dyn Clock>) -> Result<Self, DemoTsaError> {
        let now = clock.now();
        let root_name =
            Name::from_str(&format!("CN=Streife Demonstration {name} ohne Beweiswert,O=Demonstration"))?;
        let leaf_name =
            Name::from_str(&format!("CN=Streife Demonstration Zeitstempel {name},O=Demonstration"))?;
        let (root_key, key) = (new_key()?, new_key()?);
        let root_extensions = vec![
            extension(true, &BasicConstraints { ca: true, path_len_constraint: Some(0) })?,
            extension(true, &KeyUsage(KeyUsages::KeyCertSign.into()))?,
        ];
        let root = certificate(&root_name, 1, &root_name, &root_key, &root_key, root_extensions, now)?;
        let leaf_extensions = vec![
            extension(true, &ExtendedKeyUsage(vec![ID_TIME_STAMPING]))?,
            extension(true, &KeyUsage(KeyUsages::DigitalSignature.into()))?,
        ];
        let certificate = certificate(&leaf_name, 2, &root_name, &key, &root_key, leaf_extensions, now)?;
        let anchor_pem = root.to_pem(LineEnding::LF)?;
        Ok(Self { name: name.to_owned(), key, certificate, anchor_pem, serial: AtomicU64::new(1), clock })
    }

    fn answer(&self, request: &[u8]) -> Result<Vec<u8>, DemoTsaError> {
        let request = TimeStampReq::from_der(request)?;
        let time: String =
            self.clock.now().to_string().chars().filter(char::is_ascii_digit).take(14).collect();
        let info = TstInfo {
            version: 1,
            policy: POLICY,
            message_imprint: request.message_imprint,
            serial_number: integer(self.serial.fetch_add(1, Ordering::SeqCst))?,
            gen_time: Any::new(Tag::GeneralizedTime, format!("{time}Z").as_bytes())?,
            accuracy: None,
            ordering: false,
            nonce: request.nonce,
            tsa: None,
            extensions: None,
        };
        let content = info.to_der()?;
        let certificate = self.certificate.to_der()?;
        let names = SigningCertificateV2 {
            certs: vec![EssCertIdV2 {
                hash_algorithm: None,
                cert_hash: OctetString::new(sha256(&certificate).to_vec())?,
                issuer_serial: None,
            }],
            policies: None,
        };
        let signed_attrs = SetOfVec::try_from(vec![
            attribute(ID_CONTENT_TYPE, Any::encode_from(&ID_TST_INFO)?)?,
            attribute(ID_MESSAGE_DIGEST, Any::encode_from(&OctetString::new(sha256(&content).to_vec())?)?)?,
            attribute(ID_SIGNING_CERT_V2, Any::encode_from(&names)?)?,
        ])?;
        let signature = sign(&self.key, &signed_attrs.to_der()?)?;
        let sha256_id = AlgorithmIdentifierOwned { oid: SHA256, parameters: None };
        let signer = SignerInfo {
            version: CmsVersion::V1,
            sid: SignerIdentifier::IssuerAndSerialNumber(IssuerAndSerialNumber {
                issuer: self.certificate.tbs_certificate.issuer.clone(),
                serial_number: self.certificate.tbs_certificate.serial_number.clone(),
            }),
            digest_alg: sha256_id.clone(),
            signed_attrs: Some(signed_attrs),
            signature_algorithm: AlgorithmIdentifierOwned { oid: ECDSA_SHA256, parameters: None },
            signature: OctetString::new(signature)?,
            unsigned_attrs: None,
        };
        let signed = SignedData {
            version: CmsVersion::V3,
            digest_algorithms: SetOfVec::try_from(vec![sha256_id])?,
            encap_content_info: EncapsulatedContentInfo {
                econtent_type: ID_TST_INFO,
                econtent: Some(Any::encode_from(&OctetString::new(content)?)?),
            },
            certificates: Some(CertificateSet(SetOfVec::try_from(vec![CertificateChoices::Certificate(
                self.certificate.clone(),
            )])?)),
            crls: None,
            signer_infos: SignerInfos(SetOfVec::try_from(vec![signer])?),
        };
        let token = ContentInfo { content_type: ID_SIGNED_DATA, content: Any::encode_from(&signed)? };
        Ok(Response { status: Status { status: 0 }, token }.to_der()?)
    }
}

/// `PKIStatusInfo` with status "granted".
#[derive(Sequence)]
struct Status {
    status: u8,
}

/// `TimeStampResp` of a granted request.
#[derive(Sequence)]
struct Response {
    status: Status,
    token: ContentInfo,
}

impl TimeStampService for DemoTsa {
    fn name(&self) -> &str {
        &self.name
    }
    fn anchor_pem(&self) -> &str {
        &self.anchor_pem
    }
    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, String> {
        self.answer(request).map_err(|error| error.to_string())
    }
}

fn new_key() -> Result<EcdsaKeyPair, DemoTsaError> {
    let rng = SystemRandom::new();
    let document =
        EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, &rng).map_err(|_| DemoTsaError::Key)?;
    EcdsaKeyPair::from_pkcs8(&ECDSA_P256_SHA256_ASN1_SIGNING, document.as_ref(), &rng)
        .map_err(|_| DemoTsaError::Key)
}

fn sign(key: &EcdsaKeyPair, message: &[u8]) -> Result<Vec<u8>, DemoTsaError> {
    key.sign(&SystemRandom::new(), message).map(|s| s.as_ref().to_vec()).map_err(|_| DemoTsaError::Key)
}

fn attribute(oid: ObjectIdentifier, value: Any) -> Result<Attribute, DemoTsaError> {
    Ok(Attribute { oid, values: SetOfVec::try_from(vec![value])? })
}

fn extension<T: AssociatedOid + Encode>(critical: bool, value: &T) -> Result<Extension, DemoTsaError> {
    Ok(Extension { extn_id: T::OID, critical, extn_value: OctetString::new(value.to_der()?)? })
}

fn certificate(
    subject: &Name,
    serial: u8,
    issuer: &Name,
    key: &EcdsaKeyPair,
    signer: &EcdsaKeyPair,
    extensions: Vec<Extension>,
    now: Timestamp,
) -> Result<Certificate, DemoTsaError> {
    let algorithm = AlgorithmIdentifierOwned { oid: ECDSA_SHA256, parameters: None };
    let tbs_certificate = TbsCertificate {
        version: Version::V3,
        serial_number: SerialNumber::new(&[serial])?,
        signature: algorithm.clone(),
        issuer: issuer.clone(),
        validity: Validity {
            not_before: certificate_time(now.plus_secs(-VALID_BEFORE_SECS))?,
            not_after: certificate_time(now.plus_secs(VALID_AFTER_SECS))?,
        },
        subject: subject.clone(),
        subject_public_key_info: SubjectPublicKeyInfoOwned {
            algorithm: AlgorithmIdentifierOwned {
                oid: EC_PUBLIC_KEY,
                parameters: Some(Any::encode_from(&P256)?),
            },
            subject_public_key: BitString::from_bytes(key.public_key().as_ref())?,
        },
        issuer_unique_id: None,
        subject_unique_id: None,
        extensions: Some(extensions),
    };
    let signature = BitString::from_bytes(&sign(signer, &tbs_certificate.to_der()?)?)?;
    Ok(Certificate { tbs_certificate, signature_algorithm: algorithm, signature })
}

fn certificate_time(at: Timestamp) -> Result<Time, DemoTsaError> {
    let seconds = u64::try_from(at.as_secs()).unwrap_or(0);
    Ok(Time::UtcTime(UtcTime::from_unix_duration(std::time::Duration::from_secs(seconds))?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seal::{Seal, StampState, TspError, check, parse_anchors, request};
    use streife_domain::ManualClock;

    fn tsa(name: &str) -> (DemoTsa, Arc<ManualClock>) {
        let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-07-04T12:00:00Z").unwrap()));
        (DemoTsa::new(name, clock.clone()).unwrap(), clock)
    }

    #[test]
    fn a_stamp_is_believed_for_its_data_its_nonce_and_its_root_only() {
        let (one, _) = tsa("eins");
        let (two, _) = tsa("zwei");
        let hash = sha256(b"data");
        let response = one.exchange(&request(&hash, Some(77)).unwrap()).unwrap();
        let anchors = parse_anchors(one.anchor_pem()).unwrap();
        let stamped = check(&response, &hash, Some(77), &anchors).unwrap();
        assert_eq!(stamped.at.to_string(), "2026-07-04T12:00:00Z");
        assert!(stamped.signer.contains("Zeitstempel eins"), "{}", stamped.signer);
        assert!(matches!(check(&response, &sha256(b"other"), None, &anchors), Err(TspError::Imprint { .. })));
        assert_eq!(check(&response, &hash, Some(78), &anchors), Err(TspError::Nonce));
        let other = parse_anchors(two.anchor_pem()).unwrap();
        assert!(matches!(check(&response, &hash, None, &other), Err(TspError::Chain(_))));
        assert!(matches!(check(&response, &hash, None, &[]), Err(TspError::Chain(_))));
    }

    #[test]
    fn every_flipped_byte_of_a_token_is_found_or_harmless() {
        let (tsa, _) = tsa("eins");
        let hash = sha256(b"data");
        let response = tsa.exchange(&request(&hash, None).unwrap()).unwrap();
        let anchors = parse_anchors(tsa.anchor_pem()).unwrap();
        let good = check(&response, &hash, None, &anchors).unwrap();
        for at in 0..response.len() {
            let mut changed = response.clone();
            changed[at] ^= 0x01;
            // Bytes outside the signature's reach (such as the status) may change; what is said may not.
            if let Ok(stamped) = check(&changed, &hash, None, &anchors) {
                assert_eq!(stamped, good, "byte {at}");
            }
        }
    }

    #[test]
    fn an_expired_certificate_is_judged_at_the_time_of_the_stamp() {
        let (tsa, clock) = tsa("eins");
        let hash = sha256(b"data");
        let good = tsa.exchange(&request(&hash, None).unwrap()).unwrap();
        clock.set(Timestamp::parse("2044-01-01T00:00:00Z").unwrap());
        let late = tsa.exchange(&request(&hash, None).unwrap()).unwrap();
        let anchors = parse_anchors(tsa.anchor_pem()).unwrap();
        assert!(check(&good, &hash, None, &anchors).is_ok());
        assert!(matches!(check(&late, &hash, None, &anchors), Err(TspError::Chain(_))));
    }

    struct Down;
    impl TimeStampService for Down {
        fn name(&self) -> &str {
            "down"
        }
        fn anchor_pem(&self) -> &str {
            ""
        }
        fn exchange(&self, _: &[u8]) -> Result<Vec<u8>, String> {
            Err("connection refused".into())
        }
    }

    #[test]
    fn a_service_that_is_down_or_whose_clock_is_off_leaves_the_seal_visibly_pending() {
        let (tsa, tsa_clock) = tsa("eins");
        let clock = ManualClock::new(Timestamp::parse("2026-07-04T12:00:00Z").unwrap());
        let services: [&dyn TimeStampService; 2] = [&tsa, &Down];
        let mut seal = Seal::over([("raw.bin", &b"x"[..])], &services, clock.now());
        tsa_clock.advance_micros(3_600_000_000);
        assert_eq!(seal.stamp(&services, &clock), 2);
        assert!(!seal.is_complete());
        let StampState::Pending { tries: 1, last_error: Some(error), .. } = &seal.stamps[0].state else {
            panic!("{:?}", seal.stamps)
        };
        assert!(error.contains("off by more than"), "{error}");
        // Before its time nothing is tried again; then the service whose clock was set right stamps.
        tsa_clock.set(clock.now());
        assert_eq!(seal.stamp(&services, &clock), 2);
        clock.advance_micros(60_000_000);
        assert_eq!(seal.stamp(&services, &clock), 1);
        assert!(matches!(&seal.stamps[1].state, StampState::Pending { tries: 2, .. }));
    }
}
