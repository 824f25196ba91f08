//! The same case for a reporting office that takes a table or a small record: short description, time, place,
//! account, proof.

use serde_json::{Value, json};
use streife_domain::Timestamp;

use crate::input::ReferralInput;
use crate::merkle::sha256_hex;

const COLUMNS: [&str; 12] = [
    "vorgang",
    "gefaehrdungssachverhalt",
    "kurzbeschreibung",
    "normen",
    "veroeffentlicht",
    "gesichert",
    "plattform",
    "url",
    "konto",
    "deutschlandbezug",
    "sha256_rohdaten",
    "kontakt",
];

fn values(input: &ReferralInput) -> [String; 12] {
    let head = &input.head;
    let item = input.items.first();
    let of = |value: Option<String>| value.unwrap_or_default();
    [
        head.case_no.clone(),
        if head.danger_to_life { "ja" } else { "nein" }.to_owned(),
        input.act.accusation.clone(),
        input.offences.iter().map(|offence| offence.norm.clone()).collect::<Vec<_>>().join("; "),
        of(item.and_then(|item| item.post.posted_at).map(|at| at.to_string())),
        of(item.and_then(|item| item.seal.as_ref()).map(|seal| seal.sealed_at.to_string())),
        of(item.map(|item| item.post.platform.clone())),
        of(item.map(|item| item.post.url.clone())),
        of(item.map(|item| format!("{} ({})", item.account.handle, item.account.native_id))),
        input.assessment.germany_link.clone(),
        of(item.map(|item| sha256_hex(&item.response.body))),
        head.contact.join(", "),
    ]
}

/// A table with a head and one line (RFC 4180). Cells that a spreadsheet would take for a formula begin with an
/// apostrophe.
pub fn office_csv(input: &ReferralInput) -> String {
    let line = |cells: &[String]| cells.iter().map(|cell| quoted(cell)).collect::<Vec<_>>().join(",");
    format!("{}\r\n{}\r\n", COLUMNS.join(","), line(&values(input)))
}

fn quoted(cell: &str) -> String {
    let formula = cell.starts_with(['=', '+', '-', '@', '\t', '\r']);
    format!("\"{}{}\"", if formula { "'" } else { "" }, cell.replace('"', "\"\""))
}

/// The same as a record, with TLP and purpose.
pub fn office_json(input: &ReferralInput, created_at: Timestamp, tlp: super::Tlp) -> Value {
    let fields: serde_json::Map<String, Value> =
        COLUMNS.iter().zip(values(input)).map(|(name, value)| ((*name).to_owned(), value.into())).collect();
    json!({
        "schema": "streife.report/1", "created_at": created_at, "tlp": tlp.as_str(), "fields": fields,
        "purpose": input.legal.purpose, "legal_basis": input.legal.legal_basis, "review_by": input.legal.review_by,
        "demonstration": input.head.demonstration,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_cell_is_a_formula_or_leaves_its_place() {
        assert_eq!(quoted("=HYPERLINK(\"x\")"), "\"'=HYPERLINK(\"\"x\"\")\"");
        assert_eq!(quoted("a, b\r\nc"), "\"a, b\r\nc\"");
    }
}
