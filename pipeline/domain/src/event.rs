//! What a connector saw: the record of the topic `posts.raw` (`schemas/events/event.v1.schema.json`).

use serde::{Deserialize, Serialize};

use crate::{PostId, Priority, Timestamp};

/// The version of the [`Event`] shape written today. A record with another version is rejected, never guessed.
pub const EVENT_SCHEMA: u16 = 1;

/// What happened to a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum EventKind {
    /// A post appeared.
    Post,
    /// A known post has new content.
    Edit,
    /// The platform says that the post was deleted.
    Delete,
    /// The post is no longer where it was; nobody said why.
    Gone,
    /// The state of an account changed (deactivated, deleted); posts may vanish with it.
    Account,
}

/// What kind of post it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PostKind {
    /// A post of its own.
    #[default]
    Post,
    /// An answer to another post.
    Reply,
    /// A post that quotes another.
    Quote,
    /// Another's post passed on unchanged.
    Repost,
    /// An article or page.
    Article,
    /// A comment under an article or video.
    Comment,
}

impl PostKind {
    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Post => "post",
            Self::Reply => "reply",
            Self::Quote => "quote",
            Self::Repost => "repost",
            Self::Article => "article",
            Self::Comment => "comment",
        }
    }
}

/// Who published, as the platform says. Kept apart from the text and shown only on unmasking.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Author {
    /// The platform's immutable id where it has one, else the handle.
    pub id: String,
    /// The name to address the account by.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handle: Option<String>,
    /// The display name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// A picture, video, sound or file that a post refers to. Described, never fetched by itself; where the source's
/// configuration has pictures looked at, with what was found in it.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Media {
    /// `image`, `video`, `audio`, `link` or a media type such as `image/jpeg`.
    #[serde(rename = "type")]
    pub media_type: String,
    /// Where it lies, when the platform gives an address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// The description its author gave.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alt: Option<String>,
    /// Its size, as the source says or as it was received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bytes: Option<u64>,
    /// SHA-256 of the file, in hexadecimal; set once somebody looked at it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
    /// Its perceptual hash (PDQ, 64 hexadecimal digits); never of pictures that may not be stored.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pdq: Option<String>,
    /// The text found in it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// The lists of known pictures that have it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub banks: Vec<BankMatch>,
}

impl Media {
    /// A picture that may not be kept, read or shown: no part of the system loads it.
    pub fn is_barred(&self) -> bool {
        self.banks.iter().any(|known| known.never_store)
    }

    /// Did anybody look at it?
    pub const fn is_seen(&self) -> bool {
        self.sha256.is_some()
    }
}

/// A list of known pictures has this one, or one very like it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct BankMatch {
    /// The list's name.
    pub list: String,
    /// Its category, where the list has some.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub category: Option<String>,
    /// In how many of 256 bits the perceptual hashes differ.
    pub distance: u32,
    /// Pictures of this list may not be kept, read or shown.
    pub never_store: bool,
    /// How urgent a match is.
    pub priority: Priority,
}

/// What is done with the pictures, films and sounds that a post refers to, at collection and as evidence. Behind any address
/// may lie what nobody may hold (s. 184b StGB), so nothing is fetched unless the site says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum MediaPolicy {
    /// The address; nothing is fetched.
    #[default]
    Address,
    /// The address and what can be said of the file (hashes, size, text in it); the file is fetched and not kept.
    Hash,
    /// The file.
    File,
}

/// How far a post had spread when it was seen; what the source does not tell is absent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Reach {
    /// Times shown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views: Option<u64>,
    /// Likes or favourites.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub likes: Option<u64>,
    /// Times passed on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub shares: Option<u64>,
    /// Answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub replies: Option<u64>,
    /// Followers of the account or members of the channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub followers: Option<u64>,
}

/// One observation of a post, an edit, a deletion. The JSON form is that of `streife sources parse`, with
/// `schema`, `platform` and `observed_at` added.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Version of this shape: [`EVENT_SCHEMA`].
    pub schema: u16,
    /// What happened.
    pub event: EventKind,
    /// The configured source that saw it, such as `bluesky-jetstream`.
    pub source: String,
    /// The platform the post lives on, such as `bluesky`; with `native_id` it makes the post's identity.
    pub platform: String,
    /// The platform's own id of the post (of the account for [`EventKind::Account`]).
    pub native_id: String,
    /// Public address of the post.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub url: Option<String>,
    /// Who published.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub author: Option<Author>,
    /// The text as published; empty for deletions.
    #[serde(default)]
    pub text: String,
    /// Language as stated by author or platform; a hint, often wrong.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lang: Option<String>,
    /// When it was published, as the platform says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub posted_at: Option<Timestamp>,
    /// When it was last edited.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub edited_at: Option<Timestamp>,
    /// When we saw it.
    pub observed_at: Timestamp,
    /// Native id of the post it answers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reply_to: Option<String>,
    /// Native id of the post it quotes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quote_of: Option<String>,
    /// What kind of post it is.
    #[serde(default)]
    pub kind: PostKind,
    /// Pictures, videos and files referred to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub media: Vec<Media>,
    /// Hashtags without `#`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tags: Vec<String>,
    /// Addresses the post links to.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub links: Vec<String>,
    /// How far it had spread.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reach: Option<Reach>,
}

impl Event {
    /// An event with only the required fields set; connectors fill in the rest.
    pub fn new(
        event: EventKind,
        source: &str,
        platform: &str,
        native_id: &str,
        observed_at: Timestamp,
    ) -> Self {
        Self {
            schema: EVENT_SCHEMA,
            event,
            source: source.to_owned(),
            platform: platform.to_owned(),
            native_id: native_id.to_owned(),
            url: None,
            author: None,
            text: String::new(),
            lang: None,
            posted_at: None,
            edited_at: None,
            observed_at,
            reply_to: None,
            quote_of: None,
            kind: PostKind::Post,
            media: Vec::new(),
            tags: Vec::new(),
            links: Vec::new(),
            reach: None,
        }
    }

    /// The post's identity.
    pub fn post_id(&self) -> PostId {
        PostId::of(&self.platform, &self.native_id)
    }
}
