//! What moves carry: reasons, opinions, seals, outcomes.

use serde::{Deserialize, Serialize};
use streife_domain::Timestamp;

/// Why an item is not relevant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DismissReason {
    /// Protected opinion.
    Opinion,
    /// Quotation, reporting or counter-speech.
    Quotation,
    /// Art, satire, science or teaching.
    ArtOrSatire,
    /// A harmless homonym or misunderstanding by the machine.
    FalseHit,
    /// No tie to Germany.
    NoNexus,
    /// Handled already.
    Known,
}

impl DismissReason {
    /// All reasons, in the order of their keys.
    pub const ALL: [Self; 6] =
        [Self::Opinion, Self::Quotation, Self::ArtOrSatire, Self::FalseHit, Self::NoNexus, Self::Known];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Opinion => "opinion",
            Self::Quotation => "quotation",
            Self::ArtOrSatire => "art_or_satire",
            Self::FalseHit => "false_hit",
            Self::NoNexus => "no_nexus",
            Self::Known => "known",
        }
    }

    /// From the written form.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|reason| reason.as_str() == name)
    }
}

/// What a reviewer thinks of an item.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "opinion", rename_all = "snake_case")]
pub enum Opinion {
    /// May be an offence against these norms.
    Relevant {
        /// Norm ids of the catalogue.
        norms: Vec<String>,
    },
    /// Not relevant.
    NotRelevant {
        /// Why.
        reason: DismissReason,
    },
    /// Cannot tell.
    Unsure,
}

/// The sealed evidence package.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Seal {
    /// SHA-256 of the package's manifest, hexadecimal.
    pub manifest_sha256: String,
    /// Where the package lies, relative to the evidence folder.
    pub package: String,
    /// When it was sealed.
    pub at: Timestamp,
    /// By whom.
    pub by: String,
    /// Names of the time-stamp services that signed; empty means that the seal rests on our own key alone.
    pub time_stamps: Vec<String>,
}

/// What a recipient asked back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Question {
    /// When it came.
    pub at: Timestamp,
    /// The question.
    pub text: String,
    /// When it was answered, by whom, and what was said.
    pub answer: Option<(Timestamp, String, String)>,
}

/// What is sent to a platform beside the referral.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// A notice of illegal content (Art. 16 Digital Services Act).
    Dsa,
    /// A removal order of the competent authority (Art. 3 Regulation (EU) 2021/784).
    RemovalOrder,
}

impl NoticeKind {
    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Dsa => "dsa",
            Self::RemovalOrder => "removal_order",
        }
    }
}

/// A notice that reached a platform.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Notice {
    /// When it reached the platform; its clock begins here.
    pub at: Timestamp,
    /// What it was.
    pub kind: NoticeKind,
    /// Whom it went to.
    pub recipient: String,
    /// When the platform's decision came, who recorded it, and what it was.
    pub answer: Option<(Timestamp, String, String)>,
}

/// How a referral ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CaseOutcome {
    /// Investigation opened.
    Investigation,
    /// Charged or penal order.
    Charged,
    /// Convicted.
    Convicted,
    /// Discontinued.
    Discontinued,
    /// Not an offence, says the recipient.
    NotAnOffence,
    /// Handed to another authority.
    Forwarded,
}

impl CaseOutcome {
    /// All outcomes.
    pub const ALL: [Self; 6] = [
        Self::Investigation,
        Self::Charged,
        Self::Convicted,
        Self::Discontinued,
        Self::NotAnOffence,
        Self::Forwarded,
    ];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Investigation => "investigation",
            Self::Charged => "charged",
            Self::Convicted => "convicted",
            Self::Discontinued => "discontinued",
            Self::NotAnOffence => "not_an_offence",
            Self::Forwarded => "forwarded",
        }
    }

    /// From the written form.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|outcome| outcome.as_str() == name)
    }
}

/// What becomes of a case without offence.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "disposal", rename_all = "snake_case")]
pub enum Disposal {
    /// Kept, not used.
    Restrict {
        /// Why it may not be erased yet.
        reason: String,
    },
    /// Erased.
    Erase {
        /// SHA-256 of the certificate.
        certificate_sha256: String,
    },
}
