//! A case as the fold of its events.

use serde::{Deserialize, Serialize};
use streife_domain::Timestamp;

use super::{CaseOutcome, CaseState, Notice, Opinion, Question, REVIEW_SECS, Seal};
use crate::legal::LegalForm;
use crate::tenant::Tenant;

/// An alert that went out before approval.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Emergency {
    /// Who alerted.
    pub by: String,
    /// Whom.
    pub recipient: String,
    /// By when another person must approve.
    pub approval_due: Timestamp,
    /// Who approved.
    pub approved_by: Option<String>,
}

/// A case: the fold of its events.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Case {
    /// Case number; for an item not yet suspected, its post id.
    pub id: String,
    /// The post it began with.
    pub post_id: String,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Tenant::is_house")]
    pub tenant: Tenant,
    /// Where it stands.
    pub state: CaseState,
    /// How many events made it; the next event has this number.
    pub version: u64,
    /// Campaign key.
    pub campaign: Option<String>,
    /// The queue it lies in.
    pub queue: Option<String>,
    /// Who holds it.
    pub holder: Option<String>,
    /// Who made the first decision, and what it was.
    pub first: Option<(String, Opinion)>,
    /// The blind second opinion.
    pub second: Option<(String, Opinion)>,
    /// Who can take back the last decision, and until when.
    pub undo: Option<(String, Timestamp)>,
    /// Who marked it as a possible offence: from here on, ending it needs a second role.
    pub suspected_by: Option<String>,
    /// Norms considered.
    pub norms: Vec<String>,
    /// An alert that went out before approval.
    pub emergency: Option<Emergency>,
    /// Sealed evidence.
    pub seal: Option<Seal>,
    /// The legal form as last saved.
    pub form: Option<LegalForm>,
    /// Who learned who published, when and why.
    pub unmasked: Vec<(String, Timestamp, String)>,
    /// Who found that there is no offence.
    pub no_offence_by: Option<String>,
    /// Who drafted the referral.
    pub drafted_by: Option<String>,
    /// To whom it shall go.
    pub addressee: Option<String>,
    /// Who approved it.
    pub approved_by: Option<String>,
    /// When it was sent.
    pub sent_at: Option<Timestamp>,
    /// The recipient's file number.
    pub file_number: Option<String>,
    /// What the recipient asked back, oldest first.
    #[serde(default)]
    pub questions: Vec<Question>,
    /// Notices that reached platforms, oldest first.
    #[serde(default)]
    pub notices: Vec<Notice>,
    /// When it was called back.
    #[serde(default)]
    pub recalled_at: Option<Timestamp>,
    /// Who confirmed that the recalled package is gone there, and when.
    #[serde(default)]
    pub recall_confirmed: Vec<(String, Timestamp)>,
    /// How it ended.
    pub outcome: Option<CaseOutcome>,
    /// Where it stood before restriction or review.
    pub resume: Option<CaseState>,
    /// When it is reviewed for erasure.
    pub review_at: Timestamp,
    /// SHA-256 of the certificate of erasure.
    pub certificate_sha256: Option<String>,
}

impl Case {
    /// A post that the pipeline flagged.
    pub fn flagged(id: &str, post_id: &str, at: Timestamp) -> Self {
        Self {
            id: id.to_owned(),
            post_id: post_id.to_owned(),
            tenant: Tenant::house(),
            state: CaseState::Flagged,
            version: 0,
            campaign: None,
            queue: None,
            holder: None,
            first: None,
            second: None,
            undo: None,
            suspected_by: None,
            norms: Vec::new(),
            emergency: None,
            seal: None,
            form: None,
            unmasked: Vec::new(),
            no_offence_by: None,
            drafted_by: None,
            addressee: None,
            approved_by: None,
            sent_at: None,
            file_number: None,
            questions: Vec::new(),
            notices: Vec::new(),
            recalled_at: None,
            recall_confirmed: Vec::new(),
            outcome: None,
            resume: None,
            review_at: at.plus_secs(REVIEW_SECS),
            certificate_sha256: None,
        }
    }
}
