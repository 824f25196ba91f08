//! What a connector saw: the record of the topic `posts.raw` (`schemas/events/event.v1.schema.json`).

use serde::{Deserialize, Serialize};

use crate::{PostId, Timestamp};

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

/// A picture, video, sound or file that a post refers to. Described, never fetched by itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
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
