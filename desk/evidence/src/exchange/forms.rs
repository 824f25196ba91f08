//! Forms for others than the prosecution, as data and as a page to print: a notice to a hosting service (Art. 16
//! Digital Services Act) and the draft of a removal order for terrorist content (Regulation (EU) 2021/784, annex I).
//!
//! Both are drafts for a person to check and send. A removal order is issued by the competent authority alone; what
//! only it can decide is left open and marked so.

use serde_json::{Map, Value, json};
use streife_domain::Timestamp;

use crate::input::{ItemRole, ReferralInput};
use crate::report::{self, ReportError};

/// Name and version of the data's shape.
const SCHEMA: &str = "streife.form/1";
/// What a person must fill in.
const OPEN: &str = "[von der anordnenden Behörde auszufüllen]";

/// One line of a form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FormField {
    /// Name in the data.
    pub key: &'static str,
    /// Label on paper.
    pub label: &'static str,
    /// What stands there.
    pub value: String,
    /// Somebody's conclusion, not a fact.
    pub assessment: bool,
}

/// A filled-in form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Form {
    /// Its name, also of its files.
    pub name: &'static str,
    /// Title on paper.
    pub title: &'static str,
    /// The provision it follows, and what its clock is.
    pub basis: &'static str,
    /// Its lines.
    pub fields: Vec<FormField>,
}

impl Form {
    /// The data.
    pub fn json(&self, input: &ReferralInput, created_at: Timestamp) -> Value {
        let fields: Map<String, Value> =
            self.fields.iter().map(|field| (field.key.to_owned(), field.value.as_str().into())).collect();
        json!({
            "schema": SCHEMA, "form": self.name, "basis": self.basis, "created_at": created_at,
            "case_no": input.head.case_no, "demonstration": input.head.demonstration, "draft": true,
            "purpose": input.legal.purpose, "legal_basis": input.legal.legal_basis, "fields": fields,
        })
    }

    /// The page to print, PDF/A-2a.
    ///
    /// # Errors
    /// [`ReportError`]
    pub fn pdf(&self, input: &ReferralInput, created_at: Timestamp) -> Result<Vec<u8>, ReportError> {
        report::form(input, created_at, self)
    }
}

fn fact(key: &'static str, label: &'static str, value: impl Into<String>) -> FormField {
    FormField { key, label, value: value.into(), assessment: false }
}

fn assessment(key: &'static str, label: &'static str, value: impl Into<String>) -> FormField {
    FormField { key, label, value: value.into(), assessment: true }
}

fn locations(input: &ReferralInput) -> String {
    // The post alone: profile and neighbours are context, not what is notified.
    let of_the_post = input.items.iter().filter(|item| matches!(item.role, ItemRole::Post | ItemRole::Page));
    let mut urls: Vec<&str> = of_the_post.map(|item| item.response.url.as_str()).collect();
    urls.sort_unstable();
    urls.dedup();
    urls.join("\n")
}

fn norms(input: &ReferralInput) -> String {
    input.offences.iter().map(|o| format!("{} ({})", o.norm, o.title)).collect::<Vec<_>>().join("\n")
}

fn post_id(input: &ReferralInput) -> String {
    let post = input.items.first().map(|item| &item.post);
    post.map(|post| format!("{}, {}", post.platform, post.native_id)).unwrap_or_default()
}

/// The notice of Art. 16 (2) DSA: reasons, exact place, who notifies, good faith.
pub fn dsa_notice(input: &ReferralInput) -> Form {
    let head = &input.head;
    Form {
        name: "dsa_art16_meldung",
        title: "Meldung rechtswidriger Inhalte nach Art. 16 DSA (Entwurf)",
        basis: "Art. 16 Abs. 2 Verordnung (EU) 2022/2065; der Dienst bestätigt den Eingang unverzüglich (Abs. 4) und teilt \
                seine Entscheidung mit (Abs. 5)",
        fields: vec![
            assessment(
                "reasons",
                "Begründung (Abs. 2 a)",
                format!("{}\nIn Betracht kommend: {}", input.act.accusation, norms(input)),
            ),
            fact("location", "Genaue Fundstelle (Abs. 2 b)", locations(input)),
            fact("content_id", "Plattform und Kennung", post_id(input)),
            fact("notifier", "Meldende Stelle (Abs. 2 c)", format!("{}, {}", head.authority, head.unit)),
            fact("contact", "Kontakt (Abs. 2 c)", head.contact.join(", ")),
            assessment(
                "good_faith",
                "Erklärung (Abs. 2 d)",
                "Die meldende Stelle ist in gutem Glauben davon überzeugt, dass die Angaben und Anführungen dieser Meldung \
                 richtig und vollständig sind.",
            ),
            fact(
                "preservation",
                "Bitte",
                "Der Inhalt wird zugleich einer Strafverfolgungsbehörde mitgeteilt. Es wird gebeten, vor einer Löschung \
                 die Bestandsdaten und den Inhalt für ein Auskunftsersuchen zu sichern.",
            ),
        ],
    }
}

/// The draft of a removal order after annex I of Regulation (EU) 2021/784.
pub fn removal_order(input: &ReferralInput) -> Form {
    let head = &input.head;
    let post = input.items.first().map(|item| &item.post);
    Form {
        name: "tco_entfernungsanordnung",
        title: "Entfernungsanordnung, terroristische Online-Inhalte (Entwurf)",
        basis: "Art. 3 und Anhang I Verordnung (EU) 2021/784; Entfernung innerhalb einer Stunde nach Erhalt (Art. 3 Abs. 3); \
                an denselben Dienst zum ersten Mal: Unterrichtung zwölf Stunden vorher, außer in Eilfällen (Art. 3 Abs. 2)",
        fields: vec![
            fact("authority", "Anordnende Behörde", OPEN),
            fact("prepared_by", "Vorbereitet durch", format!("{}, {}", head.authority, head.unit)),
            fact("reference", "Aktenzeichen", head.case_no.clone()),
            fact("provider", "Hostingdienst oder Vertreter", OPEN),
            fact("location", "Genaue URL", locations(input)),
            fact("content_id", "Weitere Angaben zur Auffindung", post_id(input)),
            fact(
                "content_hash",
                "Prüfsumme des gesicherten Inhalts",
                input
                    .items
                    .first()
                    .map(|item| crate::merkle::sha256_hex(&item.response.body))
                    .unwrap_or_default(),
            ),
            fact(
                "posted_at",
                "Veröffentlicht",
                post.and_then(|post| post.posted_at)
                    .map_or_else(|| "nicht bekannt".to_owned(), |at| at.to_string()),
            ),
            assessment("category", "Kategorie nach Art. 2 Nr. 7 a bis e", OPEN),
            assessment("reasons", "Begründung", input.act.accusation.clone()),
            fact(
                "received_at",
                "Eingang beim Dienst (Beginn der Stundenfrist)",
                "[bei Zustellung einzutragen]",
            ),
            fact("due_at", "Ende der Frist", "[Eingang plus eine Stunde]"),
            assessment(
                "non_disclosure",
                "Nichtoffenlegung nach Art. 11 Abs. 3 (höchstens sechs Wochen)",
                OPEN,
            ),
            fact("contact", "Rückfragen", head.contact.join(", ")),
            fact("redress", "Rechtsbehelf", OPEN),
        ],
    }
}
