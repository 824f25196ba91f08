//! The offence catalogue as data: `offences.toml`, compiled in and checked by a test.

use std::sync::OnceLock;

use serde::{Deserialize, Serialize};

const BUILT_IN: &str = include_str!("../offences.toml");

/// Does prosecution need a complaint by the injured person?
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Complaint {
    /// No.
    None,
    /// Yes.
    Required,
    /// Yes, unless the prosecution sees a special public interest, or the law's exceptions apply.
    UnlessPublicInterest,
    /// It follows the threatened act.
    Depends,
}

impl Complaint {
    /// Must its clock be set? Wherever a complaint may be needed, missing the deadline loses the case.
    pub const fn has_clock(self) -> bool {
        !matches!(self, Self::None)
    }
}

/// An element of the offence, or an exception from it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// Stable id within the norm.
    pub id: String,
    /// German.
    pub de: String,
    /// English.
    pub en: String,
}

/// One norm of the catalogue.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Offence {
    /// Such as `StGB-130`.
    pub id: String,
    /// The section's number.
    pub section: String,
    /// German title.
    pub title_de: String,
    /// English title.
    pub title_en: String,
    /// Does it need a complaint?
    pub complaint: Complaint,
    /// Must other readings be considered and excluded in writing?
    pub other_readings: bool,
    /// Is a reach snapshot required?
    pub reach: bool,
    /// What must hold.
    pub elements: Vec<Element>,
    /// What must be considered and excluded.
    pub exceptions: Vec<Element>,
}

/// All norms, in the order of their keys.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Catalogue {
    /// The norms.
    #[serde(rename = "offence")]
    pub offences: Vec<Offence>,
}

impl Catalogue {
    /// The catalogue that this build carries.
    pub fn built_in() -> &'static Self {
        static CATALOGUE: OnceLock<Catalogue> = OnceLock::new();
        // A test reads the file, so the empty fallback is never met; it refuses every norm rather than panic.
        CATALOGUE.get_or_init(|| Self::parse(BUILT_IN).unwrap_or(Self { offences: Vec::new() }))
    }

    /// From TOML.
    ///
    /// # Errors
    /// When the text is no catalogue; the message names line and column.
    pub fn parse(text: &str) -> Result<Self, toml::de::Error> {
        toml::from_str(text)
    }

    /// The norm with this id.
    pub fn get(&self, id: &str) -> Option<&Offence> {
        self.offences.iter().find(|offence| offence.id == id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn the_built_in_catalogue_reads_and_is_complete() {
        let catalogue = Catalogue::parse(BUILT_IN).unwrap();
        let mut ids = HashSet::new();
        for offence in &catalogue.offences {
            assert!(ids.insert(&offence.id), "{} stands twice", offence.id);
            assert!(!offence.elements.is_empty() && !offence.exceptions.is_empty(), "{}", offence.id);
            assert!(
                offence.other_readings,
                "{}: every norm of expression asks for other readings",
                offence.id
            );
        }
        for section in [
            "86", "86a", "111", "126", "126a", "130", "131", "140", "166", "185", "186", "188", "189",
            "192a", "241",
        ] {
            assert!(ids.contains(&format!("StGB-{section}")), "{section} is missing");
        }
    }

    #[test]
    fn insult_needs_a_complaint_and_section_188_a_reach_snapshot() {
        let catalogue = Catalogue::built_in();
        assert!(catalogue.get("StGB-185").unwrap().complaint.has_clock());
        assert!(catalogue.get("StGB-188").unwrap().reach);
        assert!(!catalogue.get("StGB-130").unwrap().complaint.has_clock());
    }
}
