//! Exchange with reporting offices, hosting services and partners: STIX 2.1, MISP, a table and a record, forms; all
//! with purpose, the first four with TLP. Pure functions over the referral; sending is somebody else's act.

mod forms;
mod misp;
mod office;
mod stix;

use streife_domain::Timestamp;

use crate::input::ReferralInput;
use crate::package::zip::Files;
use crate::report::ReportError;

pub use forms::{Form, FormField, dsa_notice, removal_order};
pub use misp::misp_event;
pub use office::{office_csv, office_json};
pub use stix::stix_bundle;

use ring::digest::{SHA1_FOR_LEGACY_USE_ONLY, digest};

/// Everything for others than the prosecution, as files.
///
/// # Errors
/// [`ReportError`] when a form could not be drawn.
pub fn files(input: &ReferralInput, created_at: Timestamp, tlp: Tlp) -> Result<Files, ReportError> {
    let pretty = |value: serde_json::Value| crate::capture::pretty(&value);
    let mut files: Files = [
        ("stix.json", pretty(stix_bundle(input, created_at, tlp))),
        ("misp.json", pretty(misp_event(input, created_at, tlp))),
        ("meldestelle.json", pretty(office_json(input, created_at, tlp))),
        ("meldestelle.csv", office_csv(input).into_bytes()),
    ]
    .map(|(name, content)| (name.to_owned(), content))
    .into();
    for form in [dsa_notice(input), removal_order(input)] {
        files.insert(format!("{}.json", form.name), pretty(form.json(input, created_at)));
        files.insert(format!("{}.pdf", form.name), form.pdf(input, created_at)?);
    }
    Ok(files)
}

/// How far the content may be passed on (FIRST TLP 2.0).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tlp {
    /// For the named recipients only.
    Red,
    /// Within the recipient's organisation and its clients.
    Amber,
    /// Within the community.
    Green,
}

impl Tlp {
    /// The label in lower case.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Red => "red",
            Self::Amber => "amber",
            Self::Green => "green",
        }
    }
}

/// A UUID of version 5 (RFC 9562): the same name gives the same id. The format asks for sha1; nothing rests on it.
fn name_uuid(namespace: [u8; 16], name: &str) -> String {
    let hash = digest(&SHA1_FOR_LEGACY_USE_ONLY, &[&namespace[..], name.as_bytes()].concat());
    let mut id = [0; 16];
    id.copy_from_slice(&hash.as_ref()[..16]);
    id[6] = (id[6] & 0x0f) | 0x50;
    id[8] = (id[8] & 0x3f) | 0x80;
    let text = hex::encode(id);
    [&text[..8], &text[8..12], &text[12..16], &text[16..20], &text[20..]].join("-")
}

/// The namespace of ids made from names, fixed by the STIX 2.1 specification (s. 2.9).
const STIX_NAMESPACE: [u8; 16] =
    [0x00, 0xab, 0xed, 0xb4, 0xaa, 0x42, 0x46, 0x6c, 0x9c, 0x01, 0xfe, 0xd2, 0x33, 0x15, 0xa9, 0xb7];

#[cfg(test)]
mod tests {
    use ed25519_dalek::SigningKey;
    use streife_domain::Timestamp;

    use super::*;

    #[test]
    fn name_based_ids_are_those_of_the_standard() {
        // The example of RFC 9562 appendix A.4.
        let dns =
            [0x6b, 0xa7, 0xb8, 0x10, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8];
        assert_eq!(name_uuid(dns, "www.example.com"), "2ed6657d-e927-568b-95e1-2665a8aea6a2");
    }

    #[test]
    fn every_object_carries_its_marking_and_references_exist() {
        let now = Timestamp::parse("2026-07-04T12:00:00Z").unwrap();
        let input = crate::demo_referral(now, &SigningKey::from_bytes(&[1; 32]));
        let bundle = stix_bundle(&input, now, Tlp::Amber);
        let objects = bundle["objects"].as_array().unwrap();
        let ids: Vec<&str> = objects.iter().map(|o| o["id"].as_str().unwrap()).collect();
        for object in objects.iter().filter(|o| o["type"] != "marking-definition") {
            for key in ["object_refs", "object_marking_refs"] {
                for reference in object[key].as_array().unwrap_or(&Vec::new()) {
                    assert!(ids.contains(&reference.as_str().unwrap()), "{reference}");
                }
            }
            assert!(object["object_marking_refs"].is_array(), "{object}");
        }
        assert_eq!(stix_bundle(&input, now, Tlp::Amber), bundle);
        let files = files(&input, now, Tlp::Amber).unwrap();
        assert_eq!(files.len(), 8);
        assert!(files.iter().all(|(name, content)| !name.ends_with(".pdf") || content.starts_with(b"%PDF")));
        let order: serde_json::Value =
            serde_json::from_slice(&files["tco_entfernungsanordnung.json"]).unwrap();
        assert!(order["draft"] == true && order["fields"]["due_at"].is_string());
        let event = misp_event(&input, now, Tlp::Red);
        let tags = event["Event"]["Tag"].as_array().unwrap();
        let named = |name: &str| tags.iter().any(|tag| tag["name"] == name);
        assert!(named("tlp:red") && named("streife:purpose=\"demonstration\""));
    }
}
