//! Handing a package over: what travels, and what the notice says. Sending itself is the caller's, who has HTTP.
//!
//! An upload is one request: the container as body, with headers that say what it is and a signature over them, so
//! that a box can refuse what does not come from us before it keeps a byte. The notice by mail names the case number
//! and the container's hash and nothing else: no content, no names, no address of a post.

use ed25519_dalek::{Signer, SigningKey, Verifier, VerifyingKey};
use serde::{Deserialize, Serialize};
use streife_domain::Timestamp;

use crate::flow::PackageRecord;

/// Headers of an upload, in the order in which they are signed.
pub const SIGNED_HEADERS: [&str; 5] =
    ["streife-case", "streife-file", "streife-sha256", "streife-bytes", "streife-sent-at"];
/// The header that carries the signature, hex.
pub const SIGNATURE_HEADER: &str = "streife-signature";
/// The header that carries the public key, hex.
pub const KEY_HEADER: &str = "streife-key";

/// An upload to a box.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parcel {
    /// Headers to send, signature included.
    pub headers: Vec<(String, String)>,
}

/// What a box answers: it has the container, and this is what it has.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// SHA-256 of what the box received, hex.
    pub sha256: String,
    /// The recipient's number for it, when it gives one at once.
    #[serde(default)]
    pub file_number: Option<String>,
}

/// Why a receipt is not believed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReceiptError {
    /// Not JSON with a hash.
    #[error("the box did not answer with a receipt: {0}")]
    Unreadable(String),
    /// It has something else.
    #[error("the box says that it received {received}, sent was {sent}")]
    OtherContent {
        /// Hash in the receipt.
        received: String,
        /// Hash of the container.
        sent: String,
    },
}

/// Makes the headers of an upload.
pub fn parcel(case_no: &str, record: &PackageRecord, at: Timestamp, key: &SigningKey) -> Parcel {
    let values = [
        case_no.to_owned(),
        format!("{}.zip", record.name),
        record.sha256.clone(),
        record.bytes.to_string(),
        at.to_string(),
    ];
    let mut headers: Vec<(String, String)> =
        SIGNED_HEADERS.iter().zip(values).map(|(name, value)| ((*name).to_owned(), value)).collect();
    let signature = hex::encode(key.sign(&signed_bytes(&headers)).to_bytes());
    headers.push((SIGNATURE_HEADER.to_owned(), signature));
    headers.push((KEY_HEADER.to_owned(), hex::encode(key.verifying_key().as_bytes())));
    Parcel { headers }
}

fn signed_bytes(headers: &[(String, String)]) -> Vec<u8> {
    let value = |name: &str| headers.iter().find(|(n, _)| n == name).map_or("", |(_, value)| value.as_str());
    let lines: Vec<String> = SIGNED_HEADERS.iter().map(|name| format!("{name}: {}\n", value(name))).collect();
    lines.concat().into_bytes()
}

/// What a box checks before it keeps a parcel; here for tests and for boxes written in Rust.
pub fn is_genuine(headers: &[(String, String)], key: &VerifyingKey) -> bool {
    let signature = headers.iter().find(|(name, _)| name == SIGNATURE_HEADER);
    let signature = signature.and_then(|(_, value)| hex::decode(value).ok());
    let signature = signature.and_then(|raw| ed25519_dalek::Signature::from_slice(&raw).ok());
    signature.is_some_and(|signature| key.verify(&signed_bytes(headers), &signature).is_ok())
}

/// Reads a box's answer and holds it against what was sent.
///
/// # Errors
/// [`ReceiptError`]: then the hand-over did not happen as far as the case is concerned.
pub fn receipt(body: &[u8], record: &PackageRecord) -> Result<Receipt, ReceiptError> {
    let receipt: Receipt =
        serde_json::from_slice(body).map_err(|error| ReceiptError::Unreadable(error.to_string()))?;
    if receipt.sha256.eq_ignore_ascii_case(&record.sha256) {
        Ok(receipt)
    } else {
        let received = receipt.sha256.chars().take(64).collect();
        Err(ReceiptError::OtherContent { received, sent: record.sha256.clone() })
    }
}

/// What a message is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Notice {
    /// A package was handed over.
    HandedOver,
    /// It is called back.
    Recalled,
}

/// A mail (RFC 5322) that tells the recipient without telling anybody else anything.
pub fn mail(
    notice: Notice,
    from: &str,
    to: &str,
    case_no: &str,
    record: &PackageRecord,
    at: Timestamp,
) -> String {
    let (subject, body) = match notice {
        Notice::HandedOver => (
            format!("Vorgang {case_no}: Uebergabe"),
            format!(
                "Zum Vorgang {case_no} wurde ein Beweismittelpaket uebergeben.\r\n\r\n\
                 Datei:   {}.zip\r\nsha256:  {}\r\n\r\n\
                 Bitte vergleichen Sie die Pruefsumme, bestaetigen Sie den Eingang und nennen Sie Ihr Aktenzeichen.\r\n\
                 Diese Nachricht enthaelt bewusst keine Angaben zum Inhalt.\r\n",
                record.name, record.sha256
            ),
        ),
        Notice::Recalled => (
            format!("Vorgang {case_no}: RUECKRUF"),
            format!(
                "Das zum Vorgang {case_no} uebergebene Paket wird zurueckgerufen.\r\n\r\nsha256:  {}\r\n\r\n\
                 Bitte loeschen Sie alle Kopien oder sperren Sie sie, und bestaetigen Sie das unter Nennung der Pruefsumme.\r\n",
                record.sha256
            ),
        ),
    };
    format!(
        "From: {}\r\nTo: {}\r\nSubject: {}\r\nDate: {}\r\nMessage-ID: <{}@streife.invalid>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/plain; charset=us-ascii\r\n\r\n{body}",
        header(from),
        header(to),
        header(&subject),
        mail_date(at),
        message_id(notice, record, at),
    )
}

/// Another one for a recall, and for a second hand-over: mail systems drop what comes again under one id.
fn message_id(notice: Notice, record: &PackageRecord, at: Timestamp) -> String {
    let kind = match notice {
        Notice::HandedOver => "handover",
        Notice::Recalled => "recall",
    };
    format!("{}.{kind}.{}", record.sha256.get(..32).unwrap_or_default(), at.as_secs())
}

/// A value from outside stays within its header.
fn header(text: &str) -> String {
    text.chars().filter(|c| c.is_ascii() && !c.is_control()).take(200).collect()
}

/// `04 Jul 2026 12:00:00 +0000`.
fn mail_date(at: Timestamp) -> String {
    const MONTHS: [&str; 12] =
        ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
    let text = at.to_string();
    let part = |from: usize, to: usize| text.get(from..to).unwrap_or("00").to_owned();
    let month = part(5, 7).parse::<usize>().unwrap_or(1);
    format!("{} {} {} {} +0000", part(8, 10), MONTHS[(month.clamp(1, 12)) - 1], part(0, 4), part(11, 19))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> PackageRecord {
        PackageRecord {
            name: "F-1_2_20260704T120000Z".into(),
            sha256: "ab".repeat(32),
            bytes: 12,
            at: Timestamp::from_secs(1_783_166_400),
            approved_at: Timestamp::from_secs(1_783_166_400),
            court: Vec::new(),
            exchange: Vec::new(),
            missing_glyphs: Vec::new(),
        }
    }

    #[test]
    fn a_parcel_is_genuine_until_one_of_its_headers_is_changed() {
        let key = SigningKey::from_bytes(&[9; 32]);
        let parcel = parcel("F-1", &record(), Timestamp::from_secs(1_783_166_400), &key);
        assert!(is_genuine(&parcel.headers, &key.verifying_key()));
        assert!(!is_genuine(&parcel.headers, &SigningKey::from_bytes(&[8; 32]).verifying_key()));
        for at in 0..SIGNED_HEADERS.len() + 1 {
            let mut headers = parcel.headers.clone();
            headers[at].1.insert(0, '1');
            assert!(!is_genuine(&headers, &key.verifying_key()), "{}", headers[at].0);
        }
    }

    #[test]
    fn a_receipt_for_something_else_is_not_believed() {
        let good = format!("{{\"sha256\":\"{}\",\"file_number\":\"12 Js 3/26\"}}", "AB".repeat(32));
        assert_eq!(receipt(good.as_bytes(), &record()).unwrap().file_number.as_deref(), Some("12 Js 3/26"));
        let other = format!("{{\"sha256\":\"{}\"}}", "cd".repeat(32));
        assert!(matches!(receipt(other.as_bytes(), &record()), Err(ReceiptError::OtherContent { .. })));
        assert!(matches!(receipt(b"<html>thank you", &record()), Err(ReceiptError::Unreadable(_))));
    }

    #[test]
    fn a_mail_carries_number_and_hash_and_no_header_from_outside() {
        let mail = mail(
            Notice::HandedOver,
            "streife@polizei.example",
            "zac@justiz.example\r\nBcc: stranger@example.org",
            "F-1",
            &record(),
            Timestamp::from_secs(1_783_166_400),
        );
        let (head, body) = mail.split_once("\r\n\r\n").unwrap();
        assert!(!head.lines().any(|line| line.starts_with("Bcc")), "{head}");
        assert!(head.contains("Date: 04 Jul 2026 12:00:00 +0000"), "{head}");
        assert!(body.contains(&record().sha256) && mail.is_ascii());
    }
}
