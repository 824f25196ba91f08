//! A MISP event: addresses, account, text and hashes as attributes, tags for TLP and purpose.

use serde_json::{Value, json};
use streife_domain::Timestamp;

use super::{STIX_NAMESPACE, Tlp, name_uuid};
use crate::input::ReferralInput;
use crate::merkle::sha256_hex;

/// The event, not published, for the own organisation only until a person decides otherwise.
pub fn misp_event(input: &ReferralInput, created: Timestamp, tlp: Tlp) -> Value {
    let case = &input.head.case_no;
    let mut attributes = Vec::new();
    let mut add = |kind: &str, category: &str, value: &str, comment: &str| {
        if value.trim().is_empty() {
            return;
        }
        attributes.push(json!({
            "uuid": name_uuid(STIX_NAMESPACE, &format!("{case} {kind} {value} {comment}")), "type": kind,
            "category": category, "value": value, "comment": comment, "to_ids": false, "distribution": "0",
            "timestamp": created.as_secs().to_string(),
        }));
    };
    for (at, item) in input.items.iter().enumerate() {
        let comment = format!("{} {:04}", item.post.platform, at + 1);
        add("url", "External analysis", &item.post.url, &comment);
        add("text", "External analysis", &item.post.text, &comment);
        add("sha256", "External analysis", &sha256_hex(&item.response.body), &format!("{comment} raw.bin"));
        add(
            "text",
            "Other",
            &format!("{} {}", item.account.native_id, item.account.handle),
            &format!("{comment} account"),
        );
    }
    for offence in &input.offences {
        add("text", "Internal reference", &offence.norm, "Bewertung, keine Tatsache");
    }
    let tag = |name: String| json!({"name": name});
    json!({"Event": {
        "uuid": name_uuid(STIX_NAMESPACE, &format!("{case} misp")),
        "info": format!("{case}: {}", input.act.accusation),
        "date": created.to_string().get(..10).unwrap_or_default(), "timestamp": created.as_secs().to_string(),
        "threat_level_id": "4", "analysis": "2", "distribution": "0", "published": false,
        "Orgc": {"name": input.head.authority, "uuid": name_uuid(STIX_NAMESPACE, &input.head.authority)},
        "Tag": [
            tag(format!("tlp:{}", tlp.as_str())),
            tag(format!("streife:purpose=\"{}\"", input.legal.purpose.as_str())),
            tag(format!("streife:legal-basis=\"{}\"", input.legal.legal_basis.replace('"', "'"))),
            tag(format!("streife:review-by=\"{}\"", input.legal.review_by)),
        ],
        "Attribute": attributes,
    }})
}
