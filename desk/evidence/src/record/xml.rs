//! `referral.xml`: the structured data set after StrafAktUebV s. 2 (2), in our own schema
//! (`schemas/referral/referral.v1.xsd`). Structured after XJustiz, not certified as XJustiz.

use std::fmt::Write;

use streife_domain::Timestamp;

use super::Evidence;
use crate::input::{Handover, Party, ReferralInput};

/// The namespace of the schema.
pub const NAMESPACE: &str = "urn:streife:referral:1";

/// The data set.
pub fn xml(input: &ReferralInput, created_at: Timestamp, documents: &[Evidence]) -> String {
    let mut out = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n");
    let _ = writeln!(out, "<uebermittlung xmlns=\"{NAMESPACE}\" version=\"1\">");
    let head = &input.head;
    out.push_str("  <kopf>\n");
    field(&mut out, "aktenfuehrendeBehoerde", &head.authority);
    field(&mut out, "organisationseinheit", &head.unit);
    if let Some(number) = &head.prosecutor_file_no {
        field(&mut out, "aktenzeichenStaatsanwaltschaft", number);
    }
    field(&mut out, "vorgangsnummerPolizei", &head.case_no);
    if let Some(number) = &head.related_file_no {
        field(&mut out, "aktenzeichenBezugsverfahren", number);
    }
    let handover = match head.handover {
        Handover::File => "akte",
        Handover::Representation => "repraesentat",
    };
    field(&mut out, "uebergeben", handover);
    field(&mut out, "erstelltAm", &created_at.to_string());
    field(&mut out, "gefahrFuerLeib", if head.danger_to_life { "true" } else { "false" });
    field(&mut out, "demonstration", if head.demonstration { "true" } else { "false" });
    out.push_str("  </kopf>\n  <tat>\n");
    let at = input.act.at.map_or_else(|| "unbekannt".to_owned(), |at| at.to_string());
    field(&mut out, "tatzeit", &at);
    field(&mut out, "tatort", &input.act.place);
    field(&mut out, "tatvorwurf", &input.act.accusation);
    for offence in &input.offences {
        field(&mut out, "norm", &offence.norm);
    }
    out.push_str("  </tat>\n");
    out.push_str("  <beschuldigte>\n");
    parties(&mut out, &input.act.accused);
    out.push_str("  </beschuldigte>\n  <geschaedigte>\n");
    parties(&mut out, &input.act.injured);
    out.push_str("  </geschaedigte>\n  <dokumente>\n");
    for (number, document) in documents.iter().enumerate() {
        let _ = writeln!(
            out,
            "    <dokument nummer=\"{}\" datei=\"{}\" bezeichnung=\"{}\" bytes=\"{}\" sha256=\"{}\"/>",
            number + 1,
            escape(&document.path),
            escape(&document.role),
            document.bytes,
            document.sha256
        );
    }
    out.push_str("  </dokumente>\n</uebermittlung>\n");
    out
}

fn field(out: &mut String, name: &str, value: &str) {
    let _ = writeln!(out, "    <{name}>{}</{name}>", escape(value));
}

fn parties(out: &mut String, parties: &[Party]) {
    if parties.is_empty() {
        out.push_str("    <unbekannt/>\n");
    }
    for party in parties {
        let _ = writeln!(
            out,
            "    <person name=\"{}\" angaben=\"{}\"/>",
            escape(&party.name),
            escape(&party.note)
        );
    }
}

/// XML text: five escapes; characters that XML 1.0 cannot hold become U+FFFD.
fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\r' => out.push_str("&#13;"),
            '\n' | '\t' => out.push(c),
            '\u{0}'..='\u{1f}' | '\u{fffe}' | '\u{ffff}' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_outside_can_leave_its_field() {
        assert_eq!(escape("a<b>&\"\u{0}\u{1b}é\n"), "a&lt;b&gt;&amp;&quot;\u{fffd}\u{fffd}é\n");
    }
}
