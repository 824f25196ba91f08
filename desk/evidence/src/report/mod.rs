//! The report and the covering letter as PDF/A-2a (ISO 19005-2): tagged, searchable, fonts embedded.
//!
//! Three steps: *what* is said (`content`, blocks of text), *where* it stands (`layout`, pages of shaped lines), and
//! the file (`draw`). The first two are pure, so the page breaks of a report can be tested without a PDF.

mod blocks;
mod content;
mod draw;
mod fonts;
mod layout;
mod letter;
mod names;
mod shape;
mod when;

use std::collections::BTreeSet;

use streife_domain::Timestamp;

use crate::exchange::Form;
use crate::input::ReferralInput;
use crate::record::Evidence;
use blocks::{Block, Frame, Style};

pub use letter::Letter;

/// Why no PDF came out.
#[derive(Debug, thiserror::Error)]
pub enum ReportError {
    /// A font of the program does not read.
    #[error("the built-in font {0} does not read")]
    Font(&'static str),
    /// The PDF library refused, naming the rule of PDF/A that would be broken.
    #[error("the document would not be PDF/A: {0}")]
    Pdf(String),
}

/// Most characters named in the note on missing ones.
const MAX_LISTED: usize = 60;

/// A drawn document.
#[derive(Debug)]
pub struct Drawn {
    /// The PDF.
    pub pdf: Vec<u8>,
    /// Characters no font had, as `U+XXXX`; they are printed in this form.
    pub missing_glyphs: Vec<String>,
}

/// The report.
///
/// # Errors
/// [`ReportError`]
pub fn report(
    input: &ReferralInput,
    created_at: Timestamp,
    annex: &[Evidence],
) -> Result<Drawn, ReportError> {
    let frame = Frame {
        title: format!("Bericht zum Vorgang {}", input.head.case_no),
        author: input.head.authority.clone(),
        footer: format!("Vorgang {}", input.head.case_no),
        banner: banner(input),
        created_at,
    };
    render(&frame, content::blocks(input, created_at, annex))
}

/// The covering letter of one message of the court set.
///
/// # Errors
/// [`ReportError`]
pub fn letter(input: &ReferralInput, created_at: Timestamp, letter: &Letter) -> Result<Vec<u8>, ReportError> {
    let frame = Frame {
        title: format!("Übersendungsschreiben zum Vorgang {}", input.head.case_no),
        author: input.head.authority.clone(),
        footer: format!("Vorgang {}", input.head.case_no),
        banner: banner(input),
        created_at,
    };
    render(&frame, letter::blocks(input, created_at, letter)).map(|drawn| drawn.pdf)
}

/// A form for others than the prosecution.
///
/// # Errors
/// [`ReportError`]
pub fn form(input: &ReferralInput, created_at: Timestamp, form: &Form) -> Result<Vec<u8>, ReportError> {
    let frame = Frame {
        title: format!("{}, Vorgang {}", form.title, input.head.case_no),
        author: input.head.authority.clone(),
        footer: format!("Vorgang {}", input.head.case_no),
        banner: banner(input),
        created_at,
    };
    let mut blocks = vec![
        Block::text(Style::Title, form.title),
        Block::text(Style::Small, form.basis),
        Block::Field {
            label: "Erstellt".into(),
            value: content::moment(created_at),
            nature: blocks::Nature::Neutral,
        },
    ];
    blocks.extend(form.fields.iter().map(|field| Block::Field {
        label: field.label.to_owned(),
        value: field.value.clone(),
        nature: if field.assessment { blocks::Nature::Assessment } else { blocks::Nature::Fact },
    }));
    blocks.push(Block::Signature { under: "Ort, Datum, Unterschrift, Amtsbezeichnung".into() });
    render(&frame, blocks).map(|drawn| drawn.pdf)
}

fn banner(input: &ReferralInput) -> Option<String> {
    input.head.demonstration.then(|| "DEMONSTRATION: erfundener Inhalt, kein Vorgang".to_owned())
}

fn render(frame: &Frame, mut blocks: Vec<Block>) -> Result<Drawn, ReportError> {
    let fonts = fonts::Fonts::load()?;
    let mut missing = BTreeSet::new();
    let mut document = layout::lay_out(&blocks, &fonts, &mut missing);
    if !missing.is_empty() {
        blocks.push(missing_note(&missing));
        document = layout::lay_out(&blocks, &fonts, &mut missing);
    }
    let drawn = draw::draw(frame, &document, &fonts);
    let pictures = blocks.iter().any(|block| matches!(block, Block::Picture { .. }));
    let pdf = match drawn {
        // A picture that does not decode must not cost the report; the file itself lies in the package.
        Err(_) if pictures => {
            for block in &mut blocks {
                if let Block::Picture { alt, .. } = block {
                    *block = Block::text(Style::Body, format!("Nicht darstellbar: {alt}"));
                }
            }
            document = layout::lay_out(&blocks, &fonts, &mut missing);
            draw::draw(frame, &document, &fonts)?
        }
        drawn => drawn?,
    };
    Ok(Drawn { pdf, missing_glyphs: missing.into_iter().collect() })
}

/// Tells the reader what was printed as a number and where the characters themselves are.
fn missing_note(missing: &BTreeSet<String>) -> Block {
    let listed: Vec<&str> = missing.iter().take(MAX_LISTED).map(String::as_str).collect();
    let more = if missing.len() > MAX_LISTED { " und weitere" } else { "" };
    Block::text(
        Style::Small,
        format!(
            "Für {} Zeichen war keine Schrift vorhanden; sie sind als [U+Nummer] gedruckt und stehen im Wortlaut in \
             text.txt der Sicherung: {}{more}.",
            missing.len(),
            listed.join(" ")
        ),
    )
}

#[cfg(test)]
mod tests;
