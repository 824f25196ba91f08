//! What rules look at: one post, borrowed.

use streife_domain::{Head, Heads};

/// The near-identical copies of a post that were seen so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ClusterView {
    /// Posts in the cluster, this one included.
    pub size: u32,
    /// Different accounts.
    pub accounts: u32,
    /// Different platforms.
    pub platforms: u32,
}

/// A post as rules see it. Everything but `text` may be empty or absent: an absent field matches nothing and
/// never stops a rule by itself.
#[derive(Debug, Clone, Copy, Default)]
pub struct PostView<'a> {
    /// The text as published.
    pub text: &'a str,
    /// Text found in pictures.
    pub ocr: &'a str,
    /// Text heard in sound and video.
    pub asr: &'a str,
    /// Hashtags, with or without `#`.
    pub tags: &'a [String],
    /// Addresses the post links to.
    pub urls: &'a [String],
    /// Accounts mentioned, with or without `@`.
    pub mentions: &'a [String],
    /// Text of the post that it quotes.
    pub quote: &'a str,
    /// Language code, `und` or empty when it cannot be told.
    pub language: &'a str,
    /// Platform.
    pub platform: &'a str,
    /// Configured source.
    pub source: &'a str,
    /// `post`, `reply`, `quote` ...
    pub kind: &'a str,
    /// Native id of the post that it answers.
    pub reply_to: &'a str,
    /// Scores. `None`: not known yet, see `Evaluation::pending`. `Some` without a head: that head says nothing.
    pub scores: Option<&'a Heads<f32>>,
    /// Heads over their threshold; counts only together with `scores`.
    pub labels: &'a [Head],
    /// The cluster it belongs to.
    pub cluster: Option<ClusterView>,
    /// Perceptual hashes of its pictures (256 bits each).
    pub hashes: &'a [[u8; 32]],
    /// Symbols found in its pictures, with their score.
    pub symbols: &'a [(String, f32)],
}
