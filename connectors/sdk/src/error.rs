//! Why a fetch failed, by what to do about it.

use streife_domain::Timestamp;

/// The class decides what the driver does next; a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum FetchClass {
    /// Network, time-out, server error: try again with growing waits.
    Transient,
    /// Asked too often: wait until the time given.
    RateLimited,
    /// The server refuses (401, 403, robots.txt, closed timeline): a person has to look; tried again rarely.
    Refused,
    /// What the source names is no longer there (404, 410).
    Gone,
    /// The platform's terms need an agreement that the configuration does not name.
    NotLicensed,
    /// The answer breaks the protocol or a limit (too large, bomb, endless redirects).
    BadUpstream,
}

impl FetchClass {
    /// All classes.
    pub const ALL: [Self; 6] =
        [Self::Transient, Self::RateLimited, Self::Refused, Self::Gone, Self::NotLicensed, Self::BadUpstream];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Transient => "transient",
            Self::RateLimited => "rate_limited",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::NotLicensed => "not_licensed",
            Self::BadUpstream => "bad_upstream",
        }
    }
}

/// A fetch that failed. Messages say what and where; they never hold credentials or post text.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum FetchError {
    /// Network, time-out, server error.
    #[error("{0}")]
    Transient(String),
    /// Asked too often.
    #[error("rate limit reached, next try at {until}")]
    RateLimited {
        /// When the source may be asked again.
        until: Timestamp,
    },
    /// The server refuses.
    #[error("refused: {0}")]
    Refused(String),
    /// No longer there.
    #[error("gone: {0}")]
    Gone(String),
    /// Needs an agreement.
    #[error("not licensed: {0}")]
    NotLicensed(String),
    /// Breaks the protocol or a limit.
    #[error("bad answer: {0}")]
    BadUpstream(String),
}

impl FetchError {
    /// What to do about it.
    pub const fn class(&self) -> FetchClass {
        match self {
            Self::Transient(_) => FetchClass::Transient,
            Self::RateLimited { .. } => FetchClass::RateLimited,
            Self::Refused(_) => FetchClass::Refused,
            Self::Gone(_) => FetchClass::Gone,
            Self::NotLicensed(_) => FetchClass::NotLicensed,
            Self::BadUpstream(_) => FetchClass::BadUpstream,
        }
    }
}
