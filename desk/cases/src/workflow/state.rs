//! Where a case can stand.

use serde::{Deserialize, Serialize};

/// Where a case stands (product.md, "Workflow").
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    /// The pipeline flagged it.
    Flagged,
    /// Its campaign is known.
    Clustered,
    /// Waits for a person.
    Queued,
    /// One person works on it.
    Claimed,
    /// Waits for a second, blind look.
    SecondLook,
    /// Danger to life: the duty desk acts; evidence is secured in parallel.
    Danger,
    /// Not relevant; erased after a grace period.
    Dismissed,
    /// May be an offence.
    Suspect,
    /// Evidence is being captured.
    Capturing,
    /// Evidence is sealed.
    Sealed,
    /// The legal form is open.
    LegalForm,
    /// Found to be no offence; a second person must confirm.
    NoOffence,
    /// A referral is drafted.
    ReferralDraft,
    /// Approved by another person.
    Approved,
    /// Handed over.
    Sent,
    /// The recipient gave a file number.
    Acknowledged,
    /// The recipient told how it ended.
    Outcome,
    /// Called back from the recipient.
    Recalled,
    /// Kept, but not used.
    Restricted,
    /// The deadline is reached: keep on or erase.
    Review,
    /// Gone, with a certificate.
    Erased,
}

impl CaseState {
    /// All states.
    pub const ALL: [Self; 21] = [
        Self::Flagged,
        Self::Clustered,
        Self::Queued,
        Self::Claimed,
        Self::SecondLook,
        Self::Danger,
        Self::Dismissed,
        Self::Suspect,
        Self::Capturing,
        Self::Sealed,
        Self::LegalForm,
        Self::NoOffence,
        Self::ReferralDraft,
        Self::Approved,
        Self::Sent,
        Self::Acknowledged,
        Self::Outcome,
        Self::Recalled,
        Self::Restricted,
        Self::Review,
        Self::Erased,
    ];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Flagged => "flagged",
            Self::Clustered => "clustered",
            Self::Queued => "queued",
            Self::Claimed => "claimed",
            Self::SecondLook => "second_look",
            Self::Danger => "danger",
            Self::Dismissed => "dismissed",
            Self::Suspect => "suspect",
            Self::Capturing => "capturing",
            Self::Sealed => "sealed",
            Self::LegalForm => "legal_form",
            Self::NoOffence => "no_offence",
            Self::ReferralDraft => "referral_draft",
            Self::Approved => "approved",
            Self::Sent => "sent",
            Self::Acknowledged => "acknowledged",
            Self::Outcome => "outcome",
            Self::Recalled => "recalled",
            Self::Restricted => "restricted",
            Self::Review => "review",
            Self::Erased => "erased",
        }
    }
}
