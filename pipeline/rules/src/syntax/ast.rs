//! What an expression means, before folding: plain data with the byte offset each part was written at.

use streife_domain::Head;

/// A part of an expression. Two are equal when they mean the same; where they were written does not count.
#[derive(Debug, Clone)]
pub struct Expr {
    /// What it is.
    pub kind: Kind,
    /// Byte offset in the expression's text.
    pub at: usize,
}

impl PartialEq for Expr {
    fn eq(&self, other: &Self) -> bool {
        self.kind == other.kind
    }
}

impl Expr {
    /// A part written at `at`.
    pub fn new(kind: Kind, at: usize) -> Self {
        Self { kind, at }
    }

    /// Calls `visit` for this part and every part beneath it.
    pub fn walk(&self, visit: &mut impl FnMut(&Self)) {
        visit(self);
        match &self.kind {
            Kind::Or(parts) | Kind::And(parts) => parts.iter().for_each(|part| part.walk(visit)),
            Kind::Not(part) => part.walk(visit),
            Kind::Pair { left, right, .. } => {
                left.walk(visit);
                right.walk(visit);
            }
            _ => {}
        }
    }
}

/// The kinds of parts.
#[derive(Debug, Clone, PartialEq)]
pub enum Kind {
    /// At least one holds.
    Or(Vec<Expr>),
    /// All hold.
    And(Vec<Expr>),
    /// Does not hold.
    Not(Box<Expr>),
    /// Two terms near each other.
    Pair {
        /// How near.
        near: Nearness,
        /// First operand.
        left: Box<Expr>,
        /// Second operand.
        right: Box<Expr>,
    },
    /// Something looked for in text.
    Term(Term),
    /// A property of the post.
    Scope(ScopeKey, Value),
    /// A picture like one of a bank, by Hamming distance of 256-bit perceptual hashes.
    Hash {
        /// Name of the bank.
        bank: String,
        /// Largest distance in bits.
        at_most: u16,
    },
    /// A symbol in a picture.
    Symbol {
        /// Its name; `any` for all.
        name: String,
        /// Smallest score.
        at_least: f64,
    },
    /// A head over its threshold.
    Label(Head),
    /// A number compared.
    Number {
        /// Which number.
        quantity: Quantity,
        /// Taken where it is missing (`??`).
        default: Option<f64>,
        /// How compared.
        compare: Compare,
        /// With what.
        value: f64,
    },
    /// Is there a value?
    Exists(Presence),
    /// Could not be read; a finding says why.
    Broken,
}

/// How near two matches lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Nearness {
    /// `NEAR/n`: at most `n` words apart, either order.
    Near(u16),
    /// `BEFORE/n`: the right one starts after the left one ends, at most `n` words apart.
    Before(u16),
    /// `SENT`: in one sentence.
    Sent,
}

/// Something looked for in text.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Term {
    /// Where; `None`: text, text in pictures, text in sound.
    pub field: Option<Field>,
    /// Exact code points, no folding.
    pub raw: bool,
    /// What.
    pub pattern: Pattern,
}

/// What a term looks for, as written.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Pattern {
    /// A whole word (several, where it folds to several).
    Word(String),
    /// Words in a row.
    Phrase(String),
    /// `a*`.
    Prefix(String),
    /// `*a`.
    Suffix(String),
    /// `*a*`.
    Infix(String),
    /// `a~1`.
    Fuzzy(String),
    /// `/re/`.
    Regex(String),
    /// `$name`.
    List(String),
}

/// Where a term is looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Field {
    /// The text as published.
    Text,
    /// Text in pictures.
    Ocr,
    /// Text in sound.
    Asr,
    /// Hashtags.
    Tag,
    /// Emoji of the text.
    Emoji,
    /// Addresses.
    Url,
    /// Host names of the addresses: equal, or beneath it.
    Domain,
    /// Accounts mentioned.
    Mention,
    /// The quoted post's text.
    Quote,
}

impl Field {
    /// All fields.
    pub const ALL: [Self; 9] = [
        Self::Text,
        Self::Ocr,
        Self::Asr,
        Self::Tag,
        Self::Emoji,
        Self::Url,
        Self::Domain,
        Self::Mention,
        Self::Quote,
    ];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Ocr => "ocr",
            Self::Asr => "asr",
            Self::Tag => "tag",
            Self::Emoji => "emoji",
            Self::Url => "url",
            Self::Domain => "domain",
            Self::Mention => "mention",
            Self::Quote => "quote",
        }
    }

    /// Has words in an order, so that distance means something?
    pub const fn has_positions(self) -> bool {
        !matches!(self, Self::Domain | Self::Mention)
    }
}

/// A property of the post that is compared as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum ScopeKey {
    /// Language code.
    Lang,
    /// Platform.
    Platform,
    /// Configured source.
    Source,
    /// Kind of post.
    Kind,
    /// The post it answers.
    ReplyTo,
}

impl ScopeKey {
    /// All keys.
    pub const ALL: [Self; 5] = [Self::Lang, Self::Platform, Self::Source, Self::Kind, Self::ReplyTo];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Lang => "lang",
            Self::Platform => "platform",
            Self::Source => "source",
            Self::Kind => "kind",
            Self::ReplyTo => "reply_to",
        }
    }
}

/// What a property is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Value {
    /// A text; case and a leading `@` do not count.
    Text(String),
    /// Any entry of a list.
    List(String),
}

/// A number of a post.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quantity {
    /// A head's score, 0 to 1.
    Score(Head),
    /// Posts in the cluster.
    ClusterSize,
    /// Accounts in the cluster.
    ClusterAccounts,
    /// Platforms in the cluster.
    ClusterPlatforms,
}

impl Quantity {
    /// The written form.
    pub fn written(self) -> String {
        match self {
            Self::Score(head) => format!("score.{head}"),
            Self::ClusterSize => "cluster.size".to_owned(),
            Self::ClusterAccounts => "cluster.accounts".to_owned(),
            Self::ClusterPlatforms => "cluster.platforms".to_owned(),
        }
    }
}

/// What `exists()` asks for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// A number.
    Number(Quantity),
    /// The post is in a cluster.
    Cluster,
    /// A field has something in it.
    Field(Field),
    /// A property is known.
    Scope(ScopeKey),
}

/// A comparison of numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Compare {
    /// `>=`
    AtLeast,
    /// `>`
    Over,
    /// `<=`
    AtMost,
    /// `<`
    Under,
    /// `=`
    Equal,
}

impl Compare {
    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::AtLeast => ">=",
            Self::Over => ">",
            Self::AtMost => "<=",
            Self::Under => "<",
            Self::Equal => "=",
        }
    }

    /// Compares.
    pub fn holds(self, left: f64, right: f64) -> bool {
        match self {
            Self::AtLeast => left >= right,
            Self::Over => left > right,
            Self::AtMost => left <= right,
            Self::Under => left < right,
            Self::Equal => left == right,
        }
    }
}
