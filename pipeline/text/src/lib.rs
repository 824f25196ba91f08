//! What a post's text is made of: spellings unified, words, sentences, language, near-duplicates. No IO but
//! the reading of two model files when a [`language::Identifier`] is opened; no state but the bounded
//! [`duplicate::CampaignIndex`].
//!
//! * [`fold`] unifies spellings at four levels and keeps a map back, so that a match in folded text can be
//!   shown in the original. Rule terms and post texts go through the same function.
//! * [`words`] and [`sentences`] cut: the meaning of positions and of `SENT` in watch rules.
//! * [`clean_for_models`] is the normalisation the classifiers were trained with.
//! * [`language`] tells the language, or honestly `und`.
//! * [`duplicate`] tells copies and near-copies at constant cost per post.
//!
//! Every function is total: any `&str` gives a value, spans lie on character borders.

mod chars;
mod clean;
pub mod duplicate;
mod fold;
pub mod language;
mod segment;

pub use clean::clean_for_models;
pub use fold::{FoldLevel, Folded, NORMALISER_VERSION, fold, fold_into};
pub use segment::{Word, sentences, words};
