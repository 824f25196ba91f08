//! Copies and near-copies: campaigns of one text posted again and again.
//!
//! * [`exact_key`] is equal for equal folded texts.
//! * [`signature`] sums a folded text up so that signatures of near-copies are alike: another link or mention
//!   appended, another number, a word exchanged.
//! * [`CampaignIndex`] remembers the signatures seen last and gives each post the key of the campaign it
//!   belongs to: that of the first member. Memory is fixed, the cost per post constant, and the same posts in
//!   the same order give the same keys.

mod index;
mod signature;

pub use index::CampaignIndex;
pub use signature::{Signature, signature};

use xxhash_rust::xxh3::xxh3_64;

/// A key that equal texts share: XXH3 with 64 bits, of a folded text.
pub fn exact_key(normalised: &str) -> u64 {
    xxh3_64(normalised.as_bytes())
}
