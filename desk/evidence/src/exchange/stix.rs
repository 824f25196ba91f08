//! STIX 2.1: the post as observed data, the account, the accusation as a note, marked with TLP and purpose.

use serde_json::{Value, json};
use streife_domain::Timestamp;

use super::{STIX_NAMESPACE, Tlp, name_uuid};
use crate::custody::canonical;
use crate::input::ReferralInput;

/// Ids of the TLP marking definitions, fixed by STIX 2.1 s. 7.2.1.4.
const fn tlp_id(tlp: Tlp) -> &'static str {
    match tlp {
        Tlp::Red => "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed",
        Tlp::Amber => "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82",
        Tlp::Green => "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da",
    }
}

/// A STIX 2.1 bundle of the referral. Same input, same ids.
pub fn stix_bundle(input: &ReferralInput, created: Timestamp, tlp: Tlp) -> Value {
    let created = stix_time(created);
    let id = |kind: &str, name: &str| format!("{kind}--{}", name_uuid(STIX_NAMESPACE, name));
    let case = &input.head.case_no;
    let author = id("identity", &input.head.authority);
    let purpose = id("marking-definition", &format!("{case} purpose"));
    let marks = json!([tlp_id(tlp), purpose]);
    let statement = format!(
        "Zweck: {}; Rechtsgrundlage: {}; Prüftermin: {}",
        input.legal.purpose.as_str(),
        input.legal.legal_basis,
        input.legal.review_by
    );
    let mut objects = vec![
        json!({
            "type": "marking-definition", "spec_version": "2.1", "id": tlp_id(tlp),
            "created": "2017-01-20T00:00:00.000Z", "definition_type": "tlp",
            "name": format!("TLP:{}", tlp.as_str().to_uppercase()), "definition": {"tlp": tlp.as_str()},
        }),
        json!({
            "type": "marking-definition", "spec_version": "2.1", "id": purpose, "created": created,
            "definition_type": "statement", "definition": {"statement": statement},
        }),
        json!({
            "type": "identity", "spec_version": "2.1", "id": author, "created": created, "modified": created,
            "name": input.head.authority, "identity_class": "organization", "object_marking_refs": marks,
        }),
    ];
    let mut observed = Vec::new();
    for item in &input.items {
        let (post, account) = (&item.post, &item.account);
        let account_key = json!({
            "account_type": post.platform, "user_id": account.native_id, "account_login": account.handle,
        });
        let account_id = id("user-account", &canonical(&account_key));
        let url_id = id("url", &canonical(&json!({"value": post.url})));
        if !observed.iter().any(|(known, _)| *known == account_id) {
            objects.push(json!({
                "type": "user-account", "spec_version": "2.1", "id": account_id, "account_type": post.platform,
                "user_id": account.native_id, "account_login": account.handle, "object_marking_refs": marks,
            }));
        }
        objects.push(json!({
            "type": "url", "spec_version": "2.1", "id": url_id, "value": post.url, "object_marking_refs": marks,
        }));
        let data = id("observed-data", &format!("{case} {}", post.url));
        objects.push(json!({
            "type": "observed-data", "spec_version": "2.1", "id": data, "created": created, "modified": created,
            "created_by_ref": author, "first_observed": stix_time(post.first_seen),
            "last_observed": stix_time(post.last_seen), "number_observed": 1, "object_refs": [url_id, account_id],
            "object_marking_refs": marks,
        }));
        observed.push((account_id, data));
    }
    let text = input.items.first().map(|item| item.post.text.as_str()).unwrap_or_default();
    objects.push(json!({
        "type": "note", "spec_version": "2.1", "id": id("note", case), "created": created, "modified": created,
        "created_by_ref": author, "abstract": input.act.accusation, "content": text, "lang": "de",
        "object_refs": observed.iter().map(|(_, data)| data).collect::<Vec<_>>(), "object_marking_refs": marks,
    }));
    json!({"type": "bundle", "id": id("bundle", case), "objects": objects})
}

/// Milliseconds are always written, as STIX wants them.
fn stix_time(at: Timestamp) -> String {
    let text = at.to_string();
    let whole = text.get(..19).unwrap_or(&text);
    format!("{whole}.{:03}Z", at.as_millis().rem_euclid(1_000))
}
