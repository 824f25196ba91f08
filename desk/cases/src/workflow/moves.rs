//! What can happen to a case, and the right it needs.

use serde::{Deserialize, Serialize};
use streife_domain::Timestamp;

use super::{Actor, CaseOutcome, DismissReason, Disposal, NoticeKind, Opinion, Seal};
use crate::legal::LegalForm;
use crate::role::Action;

/// What happens to a case.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(tag = "move", rename_all = "snake_case")]
pub enum Move {
    /// The campaign is known.
    Cluster {
        /// Campaign key, 16 hex digits.
        campaign: String,
    },
    /// Into a queue.
    Enqueue {
        /// Name of the queue.
        queue: String,
    },
    /// Take it on.
    Claim,
    /// Take it over from someone who holds it.
    TakeOver {
        /// Why.
        reason: String,
    },
    /// Give it back.
    Release,
    /// The lease ended.
    ExpireLease {
        /// The holder's last sign of life.
        last_heartbeat: Timestamp,
    },
    /// Not relevant.
    Dismiss {
        /// Why.
        reason: DismissReason,
    },
    /// Another reviewer shall look, without seeing this opinion.
    AskSecondLook {
        /// One's own opinion.
        opinion: Opinion,
    },
    /// The second, blind opinion.
    SecondOpinion {
        /// The opinion.
        opinion: Opinion,
    },
    /// Decides where two reviewers disagree.
    Adjudicate {
        /// The deciding opinion.
        opinion: Opinion,
    },
    /// Danger to life or limb: to the duty desk at once.
    Danger {
        /// What is feared, in words.
        note: String,
    },
    /// The duty desk alerts a recipient before approval.
    EmergencyNotice {
        /// Whom.
        recipient: String,
        /// Why it could not wait.
        reason: String,
    },
    /// Another person approves the emergency notice afterwards.
    ApproveEmergency,
    /// May be an offence.
    Suspect {
        /// Norm ids of the catalogue.
        norms: Vec<String>,
    },
    /// One of many equal decisions over a campaign; each item gets its own event and ledger entries.
    Bulk {
        /// Names the decision over all of them.
        batch: String,
        /// What is decided: dismissal or suspicion.
        decision: Box<Move>,
    },
    /// Take the decision back within [`UNDO_SECS`] ([`BULK_UNDO_SECS`] for one of many).
    Undo,
    /// Begin to capture evidence.
    StartCapture,
    /// Capture did not work; try again later.
    CaptureFailed {
        /// What went wrong.
        reason: String,
    },
    /// Evidence is sealed.
    SealEvidence {
        /// The seal.
        seal: Seal,
    },
    /// Open the legal form.
    OpenForm,
    /// Save the legal form.
    FillForm {
        /// The whole form.
        form: Box<LegalForm>,
    },
    /// Learn who published.
    Unmask {
        /// Why this is needed.
        reason: String,
    },
    /// Found to be no offence.
    NoOffence {
        /// Why.
        reason: String,
    },
    /// A second person confirms that there is no offence.
    ConfirmNoOffence {
        /// What becomes of it.
        disposal: Disposal,
    },
    /// Sent back to the legal form by the second person.
    SendBack {
        /// What is to be done.
        reason: String,
    },
    /// Draft the referral.
    Draft {
        /// To whom it shall go.
        addressee: String,
    },
    /// Another person approves the draft.
    Approve,
    /// Hand it over.
    Send {
        /// How, such as `eGovernment mailbox`.
        channel: String,
    },
    /// The recipient gave a file number.
    Acknowledge {
        /// The number.
        file_number: String,
    },
    /// The recipient asks something back.
    Ask {
        /// The question, in the recipient's words or ours.
        question: String,
    },
    /// The recipient's question is answered.
    Answer {
        /// Which, from 1.
        number: usize,
        /// What was answered.
        answer: String,
    },
    /// A notice about the post reached a platform, or a removal order was served on it.
    Notify {
        /// What it was.
        notice: NoticeKind,
        /// Which service, or its representative.
        recipient: String,
    },
    /// The platform told what it decided.
    NoticeAnswered {
        /// Which notice, from 1.
        number: usize,
        /// What was decided.
        answer: String,
    },
    /// The recipient told how it ended.
    RecordOutcome {
        /// The outcome.
        outcome: CaseOutcome,
    },
    /// Call back what was sent.
    Recall {
        /// Why.
        reason: String,
    },
    /// A recipient confirms that what was recalled is erased or locked there.
    ConfirmRecall {
        /// Who confirmed, and what they did.
        recipient: String,
    },
    /// Keep, but do not use (BDSG s. 58).
    Restrict {
        /// Why.
        reason: String,
    },
    /// End the restriction; the case stands where it stood.
    LiftRestriction {
        /// Why.
        reason: String,
    },
    /// The review date has come.
    DeadlineReached,
    /// Keep on after review.
    Retain {
        /// Next review.
        until: Timestamp,
        /// Why.
        reason: String,
    },
    /// Erase for good.
    Erase {
        /// SHA-256 of the certificate.
        certificate_sha256: String,
    },
}

impl Move {
    /// The written form; the action in both ledgers is `case.` and this.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Cluster { .. } => "cluster",
            Self::Enqueue { .. } => "enqueue",
            Self::Claim => "claim",
            Self::TakeOver { .. } => "take_over",
            Self::Release => "release",
            Self::ExpireLease { .. } => "expire_lease",
            Self::Dismiss { .. } => "dismiss",
            Self::AskSecondLook { .. } => "ask_second_look",
            Self::SecondOpinion { .. } => "second_opinion",
            Self::Adjudicate { .. } => "adjudicate",
            Self::Danger { .. } => "danger",
            Self::EmergencyNotice { .. } => "emergency_notice",
            Self::ApproveEmergency => "approve_emergency",
            Self::Suspect { .. } => "suspect",
            Self::Bulk { .. } => "bulk",
            Self::Undo => "undo",
            Self::StartCapture => "start_capture",
            Self::CaptureFailed { .. } => "capture_failed",
            Self::SealEvidence { .. } => "seal_evidence",
            Self::OpenForm => "open_form",
            Self::FillForm { .. } => "fill_form",
            Self::Unmask { .. } => "unmask",
            Self::NoOffence { .. } => "no_offence",
            Self::ConfirmNoOffence { .. } => "confirm_no_offence",
            Self::SendBack { .. } => "send_back",
            Self::Draft { .. } => "draft",
            Self::Approve => "approve",
            Self::Send { .. } => "send",
            Self::Acknowledge { .. } => "acknowledge",
            Self::Ask { .. } => "ask",
            Self::Answer { .. } => "answer",
            Self::Notify { .. } => "notify",
            Self::NoticeAnswered { .. } => "notice_answered",
            Self::RecordOutcome { .. } => "record_outcome",
            Self::Recall { .. } => "recall",
            Self::ConfirmRecall { .. } => "confirm_recall",
            Self::Restrict { .. } => "restrict",
            Self::LiftRestriction { .. } => "lift_restriction",
            Self::DeadlineReached => "deadline_reached",
            Self::Retain { .. } => "retain",
            Self::Erase { .. } => "erase",
        }
    }

    /// The right a person needs for it; `None` when only the machine may.
    pub const fn action(&self) -> Option<Action> {
        match self {
            Self::Cluster { .. }
            | Self::Enqueue { .. }
            | Self::ExpireLease { .. }
            | Self::DeadlineReached => None,
            Self::Claim
            | Self::TakeOver { .. }
            | Self::Release
            | Self::Dismiss { .. }
            | Self::AskSecondLook { .. }
            | Self::SecondOpinion { .. }
            | Self::Danger { .. }
            | Self::Suspect { .. }
            | Self::Bulk { .. }
            | Self::Undo => Some(Action::Decide),
            Self::EmergencyNotice { .. } => Some(Action::Emergency),
            Self::StartCapture | Self::CaptureFailed { .. } | Self::SealEvidence { .. } => Some(Action::Seal),
            Self::Unmask { .. } => Some(Action::Unmask),
            Self::OpenForm
            | Self::FillForm { .. }
            | Self::NoOffence { .. }
            | Self::Draft { .. }
            | Self::Send { .. }
            | Self::Acknowledge { .. }
            | Self::Ask { .. }
            | Self::Answer { .. }
            | Self::Notify { .. }
            | Self::NoticeAnswered { .. }
            | Self::ConfirmRecall { .. }
            | Self::RecordOutcome { .. } => Some(Action::WorkCase),
            Self::Adjudicate { .. }
            | Self::ApproveEmergency
            | Self::ConfirmNoOffence { .. }
            | Self::SendBack { .. }
            | Self::Approve
            | Self::Recall { .. }
            | Self::Restrict { .. }
            | Self::LiftRestriction { .. }
            | Self::Retain { .. }
            | Self::Erase { .. } => Some(Action::Approve),
        }
    }
}

/// A move with its time and person.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct CaseEvent {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: Actor,
    /// What.
    #[serde(rename = "what")]
    pub what: Move,
}
