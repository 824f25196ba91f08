//! Break-glass: reading one post and its case outside one's own role, in an emergency. It opens one subject to one person for
//! half an hour, says why, is seen at once by lead and data protection, and is reviewed by another person afterwards. It lets
//! nobody decide, unmask or send anything.

use streife_domain::Timestamp;

use crate::tenant::Tenant;

/// How long an opening lasts.
pub const GLASS_SECS: i64 = 30 * 60;
/// By when an opening must be reviewed.
pub const GLASS_REVIEW_SECS: i64 = 24 * 3_600;
/// Openings of one person that wait for review at most; then somebody has to review first.
pub const MAX_UNREVIEWED: usize = 3;
/// The shortest reason that says something.
pub const MIN_GLASS_REASON_CHARS: usize = 20;
/// Characters kept of a reason or a note.
pub const MAX_GLASS_TEXT_CHARS: usize = 500;

/// What the review found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Finding {
    /// The emergency was one.
    Justified,
    /// It was not; what follows is for people to decide.
    Unjustified,
}

impl Finding {
    /// All.
    pub const ALL: [Self; 2] = [Self::Justified, Self::Unjustified];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Justified => "justified",
            Self::Unjustified => "unjustified",
        }
    }

    /// From the written form.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|finding| finding.as_str() == name)
    }
}

/// How an opening was reviewed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Review {
    /// Another person.
    pub by: String,
    /// When.
    pub at: Timestamp,
    /// What was found.
    pub finding: Finding,
    /// In words.
    pub note: String,
}

/// One opening.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opening {
    /// Names it in the audit ledger.
    pub id: String,
    /// Who.
    pub person: String,
    /// In which role.
    pub role: String,
    /// Whose person it is.
    pub tenant: Tenant,
    /// The post, which is the number of its case too.
    pub subject: String,
    /// Whose the post is.
    pub subject_tenant: Tenant,
    /// Why.
    pub reason: String,
    /// Since when.
    pub opened_at: Timestamp,
    /// Until when.
    pub ends_at: Timestamp,
    /// The review, once there was one.
    pub review: Option<Review>,
}

impl Opening {
    /// Can its subject still be read?
    pub fn is_open(&self, now: Timestamp) -> bool {
        now < self.ends_at
    }

    /// Should it have been reviewed by now?
    pub fn is_overdue(&self, now: Timestamp) -> bool {
        self.review.is_none() && now > self.opened_at.plus_secs(GLASS_REVIEW_SECS)
    }
}

crate::listed! {
    /// Why a glass stays whole or a review is refused.
    #[derive(Debug, Default, Clone, Copy, PartialEq, Eq, thiserror::Error)]
    pub enum GlassRefusal {
        #[default]
        /// No reason.
        #[error("an emergency access needs a reason of at least {MIN_GLASS_REASON_CHARS} characters")]
        NoReason = "no_reason",
        /// Too many openings wait.
        #[error("{MAX_UNREVIEWED} emergency accesses of yours wait for review; have them reviewed first")]
        Unreviewed = "unreviewed",
        /// Nothing to review under this id, or it was reviewed.
        #[error("there is no such emergency access to review")]
        Unknown = "unknown",
        /// One's own.
        #[error("nobody reviews an emergency access of their own")]
        OwnAccess = "own_access",
        /// A review says why.
        #[error("a review needs a note of at least {MIN_GLASS_REASON_CHARS} characters")]
        NoNote = "no_note",
    }
}

/// May a person with `unreviewed` openings open another for `reason`?
///
/// # Errors
/// What is missing.
pub fn may_open(reason: &str, unreviewed: usize) -> Result<(), GlassRefusal> {
    if reason.trim().chars().count() < MIN_GLASS_REASON_CHARS {
        return Err(GlassRefusal::NoReason);
    }
    if unreviewed >= MAX_UNREVIEWED {
        return Err(GlassRefusal::Unreviewed);
    }
    Ok(())
}

/// May `by` review `opening` with `note`?
///
/// # Errors
/// What is missing.
pub fn may_review(opening: Option<&Opening>, by: &str, note: &str) -> Result<(), GlassRefusal> {
    let opening = opening.filter(|opening| opening.review.is_none()).ok_or(GlassRefusal::Unknown)?;
    if opening.person == by {
        return Err(GlassRefusal::OwnAccess);
    }
    if note.trim().chars().count() < MIN_GLASS_REASON_CHARS {
        return Err(GlassRefusal::NoNote);
    }
    Ok(())
}
