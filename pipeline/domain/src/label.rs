//! Purpose and legal basis travel with every record (German BDSG ss. 47-49, 72-75) and survive export.

use serde::{Deserialize, Serialize};

/// Why data are processed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Purpose {
    /// Averting danger.
    DangerPrevention,
    /// Preventing crimes.
    CrimePrevention,
    /// Prosecuting crimes.
    Prosecution,
    /// Supervision of media by their authority.
    MediaSupervision,
    /// Trying the system out on demonstration data; never on live sources.
    Demonstration,
}

impl Purpose {
    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::DangerPrevention => "danger_prevention",
            Self::CrimePrevention => "crime_prevention",
            Self::Prosecution => "prosecution",
            Self::MediaSupervision => "media_supervision",
            Self::Demonstration => "demonstration",
        }
    }
}

/// On what ground a source is read, a rule runs or a record is kept. Configured by people, never assumed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LegalLabel {
    /// Why.
    pub purpose: Purpose,
    /// The order, statute or agreement, such as `order 12/2026`.
    pub legal_basis: String,
    /// The day (`YYYY-MM-DD`) by which a person looks again whether it is still needed.
    pub review_by: String,
}
