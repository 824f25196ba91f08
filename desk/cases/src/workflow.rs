//! The case workflow as one pure type: a state, an event, and what follows. No IO, no clock.
//!
//! The database keeps the events; a case is always the fold of its events through [`step`]. What must never
//! happen (a referral without a seal and a second person, erasure under restriction) is refused here and
//! nowhere else, so that no page, API or command can go round it.

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use streife_domain::Timestamp;

use crate::ledger::Note;
use crate::legal::LegalForm;
use crate::offence::Catalogue;
use crate::role::{Action, Role, may};

/// How long a claim holds without a heartbeat.
pub const LEASE_SECS: i64 = 15 * 60;
/// How long a decision can be taken back by who made it.
pub const UNDO_SECS: i64 = 10;
/// How long a decision over a whole campaign can be taken back: long enough to look through what it hit.
pub const BULK_UNDO_SECS: i64 = 10 * 60;
/// How long a dismissed item is kept before it is erased.
pub const DISMISSED_GRACE_SECS: i64 = 14 * 86_400;
/// By when an emergency notice must have been approved.
pub const EMERGENCY_APPROVAL_SECS: i64 = 24 * 3_600;
/// After how long a case is reviewed for erasure, unless a later day was set.
pub const REVIEW_SECS: i64 = 180 * 86_400;

/// Who acts, in which role.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// User id; `system` for the machine.
    pub user: String,
    /// The role acted in.
    pub role: Role,
}

impl Actor {
    /// A person in a role.
    pub fn new(user: &str, role: Role) -> Self {
        Self { user: user.to_owned(), role }
    }

    /// The machine: leases, deadlines, retention.
    pub fn system() -> Self {
        Self::new("system", Role::System)
    }
}

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
            Self::RecordOutcome { .. } => "record_outcome",
            Self::Recall { .. } => "recall",
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
            outcome: None,
            resume: None,
            review_at: at.plus_secs(REVIEW_SECS),
            certificate_sha256: None,
        }
    }
}

/// Why an event is refused: what is missing, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[error("{what} is refused for a case in state {}: {why}", state.as_str())]
pub struct Refused {
    /// The move.
    pub what: String,
    /// Where the case stands.
    pub state: CaseState,
    /// What is missing, in words.
    pub why: String,
}

/// What must be written together with the new state.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Effects {
    /// For the audit ledger.
    pub audit: Vec<Note>,
    /// For the case's custody ledger.
    pub custody: Vec<Note>,
    /// People must be alerted at once.
    pub page_duty_desk: bool,
}

/// Applies one event. Pure: same case, same event, same result.
///
/// # Errors
/// [`Refused`], which says what is missing.
pub fn step(case: &Case, event: &CaseEvent) -> Result<(Case, Effects), Refused> {
    let refuse = |why: &str| {
        Err(Refused { what: event.what.as_str().to_owned(), state: case.state, why: why.to_owned() })
    };
    let actor = event.actor.user.as_str();
    match event.what.action() {
        None if event.actor.role != Role::System => {
            return refuse("only the machine itself does this");
        }
        Some(action) if !may(event.actor.role, action) => {
            let by_itself = event.actor.role == Role::System
                && match event.what {
                    Move::Erase { .. } => case.state == CaseState::Dismissed,
                    // A person said that it may be an offence; securing it must not wait for a click.
                    Move::StartCapture | Move::CaptureFailed { .. } | Move::SealEvidence { .. } => true,
                    _ => false,
                };
            if !by_itself {
                return refuse(&format!("the role {} has no right to do this", event.actor.role));
            }
        }
        _ => {}
    }
    let mut next = case.clone();
    if let Err(why) = crate::edges::apply(&mut next, event, actor) {
        return refuse(&why);
    }
    next.version += 1;
    Ok((next.clone(), effects(case, &next, event)))
}

/// A case as the fold of its events.
///
/// # Errors
/// [`Refused`] when a stored event does not follow: the database is damaged.
pub fn replay(start: Case, events: &[CaseEvent]) -> Result<Case, Refused> {
    let mut case = start;
    for event in events {
        case = step(&case, event)?.0;
    }
    Ok(case)
}

fn effects(before: &Case, after: &Case, event: &CaseEvent) -> Effects {
    let mut details = json!({ "from": before.state, "to": after.state, "version": after.version });
    if let (Value::Object(map), Ok(Value::Object(what))) = (&mut details, serde_json::to_value(&event.what)) {
        // The form may quote the post, so the ledgers carry its digest and the database carries the form.
        for (key, value) in what {
            let value = if key == "form" {
                Value::String(crate::canonical::canonical_sha256(&value).unwrap_or_default())
            } else {
                value
            };
            map.insert(key, value);
        }
    }
    let note = Note {
        at: event.at,
        actor: event.actor.user.clone(),
        role: event.actor.role.as_str().to_owned(),
        action: format!("case.{}", event.what.as_str()),
        subject: after.id.clone(),
        reason: reason_of(&event.what),
        details,
    };
    Effects {
        audit: vec![note.clone()],
        custody: vec![note],
        page_duty_desk: after.state == CaseState::Danger && before.state != CaseState::Danger,
    }
}

fn reason_of(what: &Move) -> String {
    match what {
        Move::TakeOver { reason }
        | Move::EmergencyNotice { reason, .. }
        | Move::CaptureFailed { reason }
        | Move::Unmask { reason }
        | Move::NoOffence { reason }
        | Move::SendBack { reason }
        | Move::Recall { reason }
        | Move::Restrict { reason }
        | Move::LiftRestriction { reason }
        | Move::Retain { reason, .. } => reason.clone(),
        Move::Dismiss { reason } => reason.as_str().to_owned(),
        Move::Bulk { decision, .. } => reason_of(decision),
        _ => String::new(),
    }
}

/// What is still missing before a referral may be drafted, in words; empty when nothing is.
pub fn missing_for_draft(case: &Case, catalogue: &Catalogue) -> Vec<String> {
    let mut missing = Vec::new();
    if case.seal.is_none() {
        missing.push("the evidence is not sealed".to_owned());
    }
    match &case.form {
        None => missing.push("the legal form is not filled in".to_owned()),
        Some(form) => missing.extend(form.gaps(catalogue).into_iter().map(|gap| gap.to_string())),
    }
    missing
}
