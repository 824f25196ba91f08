//! The covering letter (`Übersendungsschreiben`) of the court set.

use streife_domain::Timestamp;

use super::blocks::{Block, Nature, Style};
use super::content::moment;
use crate::input::ReferralInput;

/// What a covering letter speaks of.
#[derive(Debug, Clone)]
pub struct Letter {
    /// Number of this message, from 1.
    pub message: usize,
    /// Number of all messages.
    pub messages: usize,
    /// Files in this message: name, what it is, sha256.
    pub enclosed: Vec<(String, String, String)>,
    /// File name of the container, handed over another way.
    pub container: String,
    /// Its sha256.
    pub container_sha256: String,
}

/// The letter.
pub(super) fn blocks(input: &ReferralInput, created_at: Timestamp, letter: &Letter) -> Vec<Block> {
    let head = &input.head;
    let field =
        |label: &str, value: String| Block::Field { label: label.into(), value, nature: Nature::Neutral };
    let mut out = vec![
        Block::text(Style::Bold, head.authority.as_str()),
        Block::text(Style::Small, [std::slice::from_ref(&head.unit), &head.contact[..]].concat().join(" · ")),
        Block::text(Style::Body, head.addressee.join("\n")),
        Block::text(Style::Title, "Übersendungsschreiben"),
        field("Vorgangsnummer Polizei", head.case_no.clone()),
        field("Datum", moment(created_at)),
    ];
    if let Some(number) = &head.prosecutor_file_no {
        out.push(field("Aktenzeichen Staatsanwaltschaft", number.clone()));
    }
    if letter.messages > 1 {
        out.push(field("Sendung", format!("{} von {}", letter.message, letter.messages)));
    }
    out.push(Block::text(
        Style::Body,
        "In der oben bezeichneten Sache wird der Vorgang mit den unten aufgeführten Dokumenten übersandt. Es wird um \
         Mitteilung des Aktenzeichens und zu gegebener Zeit des Ausgangs gebeten.",
    ));
    out.push(Block::text(Style::Heading, "Dokumente dieser Sendung"));
    for (name, what, sha256) in &letter.enclosed {
        out.push(field(name, what.clone()));
        out.push(Block::text(Style::Mono, format!("sha256 {sha256}")));
    }
    out.push(Block::text(Style::Heading, "Beweismittelpaket"));
    out.push(Block::text(
        Style::Body,
        "Die Sicherungen mit Rohdaten, Siegeln und Zeitstempeln werden als Paket auf anderem Weg übergeben (Postfach \
         der Dienststelle oder Datenträger), weil es kein im Rechtsverkehr zugelassenes Dokumentformat hat:",
    ));
    out.push(field("Datei", letter.container.clone()));
    out.push(Block::text(Style::Mono, format!("sha256 {}", letter.container_sha256)));
    out.push(Block::Signature { under: "Unterschrift, Amtsbezeichnung".into() });
    out
}
