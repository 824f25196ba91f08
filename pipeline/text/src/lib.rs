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
//! ```
//! use streife_text::{FoldLevel, fold, words};
//!
//! let post = "So ein Grüße-Sammelbuch: G r u e s s e!";
//! let folded = fold(post, FoldLevel::Std);
//! assert_eq!(folded.text, "so ein gruesse-sammelbuch: gruesse!");
//!
//! let mut found = Vec::new();
//! words(&folded.text, &mut found);
//! let last = found.last().unwrap();
//! let span = folded.original_span(last.start as usize, last.end as usize);
//! assert_eq!(&post[span.0 as usize..span.1 as usize], "G r u e s s e");
//! ```
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
pub use segment::{Word, joined, sentences, words};
