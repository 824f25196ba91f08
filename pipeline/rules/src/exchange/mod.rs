//! Rules and lists of other systems: plain keyword lists, and rules in the shape of Sigma.
//!
//! What comes in is text for people to look at, never live by itself: a rule arrives as a draft whose purpose, legal
//! basis and tests are empty, so that it is refused until somebody writes them. What cannot be said is named, on both
//! ways.

mod keywords;
mod sigma;

pub use keywords::{export_keywords, import_keywords};
pub use sigma::{export_sigma, import_sigma};

/// Something that was left out, and why.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct LeftOut {
    /// What, as written.
    pub what: String,
    /// Why, in English.
    pub why: String,
}

/// A text for a rules folder or for another system, and what is not in it.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Exchanged {
    /// The text.
    pub text: String,
    /// What could not be said.
    pub left_out: Vec<LeftOut>,
}

/// A YAML scalar in single quotes.
fn quoted(text: &str) -> String {
    format!("'{}'", text.replace(['\n', '\r'], " ").replace('\'', "''"))
}
