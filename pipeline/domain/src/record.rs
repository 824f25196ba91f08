//! What `score` publishes and `store` writes: the records of `posts.scored` and `posts.flagged`.
//!
//! Every accepted record of `posts.raw` has exactly one [`ScoredRecord`] (or a dead letter); a flagged post has
//! a [`FlaggedRecord`] besides. Content and identity are apart: what reviewers see carries a pseudonym, who
//! published is in [`Identity`] and is stored in a table of its own.

mod wire;

use serde::{Deserialize, Serialize};

use crate::{
    Author, CampaignKey, EventKind, Hit, LegalLabel, Media, Outcome, Position, PostId, PostKind, Pseudonym,
    Reach, Timestamp, Verdict,
};

/// The version of the [`ScoredRecord`] and [`FlaggedRecord`] shapes written today.
pub const RECORD_SCHEMA: u16 = 1;

/// A post without any trace of who published it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PseudonymousPost {
    /// Identity.
    pub post_id: PostId,
    /// The configured source.
    pub source: String,
    /// The platform.
    pub platform: String,
    /// The author's pseudonym, when there is an author.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Pseudonym>,
    /// What kind of post.
    pub kind: PostKind,
    /// The text as published.
    pub text: String,
    /// Hashtags, without `#`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Addresses it links to. With text and tags this is all that rules read, so that a backtest equals the stream.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// When it was published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posted_at: Option<Timestamp>,
    /// When it was edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// When we saw it.
    pub observed_at: Timestamp,
    /// Near-identical texts share this key.
    pub campaign: CampaignKey,
}

/// A change of a post that was seen: deletion, disappearance, change of its account.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct PostChange {
    /// The post (for [`EventKind::Account`] the account's identity).
    pub post_id: PostId,
    /// What happened.
    pub event: EventKind,
    /// When we saw it.
    pub observed_at: Timestamp,
}

/// The end of one accepted record, with what is to be stored of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "wire::ScoredWire")]
pub struct ScoredRecord {
    /// Version of this shape: [`RECORD_SCHEMA`].
    pub schema: u16,
    /// Where the accepted record lies in `posts.raw`.
    pub position: Position,
    /// How it ended; never [`Outcome::Dead`], which has its own topic.
    #[serde(flatten)]
    pub outcome: Outcome,
    /// The configured source; a label of the counters.
    pub source: String,
    /// When the source saw it.
    pub observed_at: Timestamp,
    /// The post, when it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub post: Option<PseudonymousPost>,
    /// What was computed, when it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Verdict>,
    /// The words that rules compared, when it is stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub words: Option<FoldedWords>,
    /// Rules in shadow that matched: counted for their authors, filed nowhere.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub shadow_rules: Vec<String>,
    /// The change, when the event was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub change: Option<PostChange>,
}

/// A text's words folded to level `std`, for backtests: folding them again would cost as much as writing them down.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FoldedWords {
    /// The version that folded.
    pub normaliser: u32,
    /// The words, one space between two.
    pub words: String,
}

/// A post whose words match rules with a window: whether they count depends on other posts. It waits in
/// `posts.windowed` for the worker that sees all of them. The raw bytes travel in the record header `raw`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct WindowedRecord {
    /// What is flagged once a window says so; its verdict holds the hits that count already.
    pub flagged: FlaggedRecord,
    /// Hits whose window is asked.
    pub candidates: Vec<Hit>,
}

/// Who published and where: shown only on unmasking, with reason and log entry.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identity {
    /// The platform's own id of the post.
    pub native_id: String,
    /// Public address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The account.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
}

/// A post that goes in front of people. The raw bytes of the observation travel in the record header `raw`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FlaggedRecord {
    /// Version of this shape: [`RECORD_SCHEMA`].
    pub schema: u16,
    /// Where the accepted record lies in `posts.raw`.
    pub position: Position,
    /// The post without its author.
    pub post: PseudonymousPost,
    /// Its author and address.
    pub identity: Identity,
    /// What was computed.
    pub verdict: Verdict,
    /// Native id of the post it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Native id of the post it quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote_of: Option<String>,
    /// Pictures, videos and files referred to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
    /// How far it had spread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
    /// Purpose and legal basis of the source.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub legal: Option<LegalLabel>,
    /// SHA-256 (hex) of the raw bytes in the header `raw`; absent when the source gave none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raw_sha256: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{DropReason, RejectCode};

    #[test]
    fn every_outcome_is_read_as_it_is_written() {
        let reasons = DropReason::ALL.map(Outcome::Dropped);
        let codes = RejectCode::ALL.map(Outcome::Dead);
        for outcome in [Outcome::Stored].into_iter().chain(reasons).chain(codes) {
            let record = ScoredRecord {
                schema: RECORD_SCHEMA,
                position: Position { partition: 1, offset: 2 },
                outcome,
                source: "test".to_owned(),
                observed_at: Timestamp::from_millis(0),
                post: None,
                verdict: None,
                words: None,
                shadow_rules: Vec::new(),
                change: None,
            };
            let written = serde_json::to_string(&record).unwrap();
            assert_eq!(serde_json::from_str::<ScoredRecord>(&written).unwrap(), record, "{written}");
            let unknown = written.replace("\"reason\":\"", "\"reason\":\"un");
            assert!(outcome == Outcome::Stored || serde_json::from_str::<ScoredRecord>(&unknown).is_err());
        }
    }
}
