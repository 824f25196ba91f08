//! The case workflow as one pure type: a state, an event, and what follows. No IO, no clock.
//!
//! The database keeps the events; a case is always the fold of its events through [`step`]. What must never
//! happen (a referral without a seal and a second person, erasure under restriction) is refused here and
//! nowhere else, so that no page, API or command can go round it.

mod case;
mod moves;
mod state;
mod values;
mod why;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use crate::ledger::Note;
use crate::offence::Catalogue;
use crate::role::{Role, may};

pub use case::{Case, Emergency};
pub use moves::{CaseEvent, Move};
pub use state::CaseState;
pub use values::{CaseOutcome, DismissReason, Disposal, Notice, NoticeKind, Opinion, Question, Seal};
pub use why::Why;

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

/// Why an event is refused: what is missing, and what to do.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{what} is refused for a case in state {}: {why}", state.as_str())]
pub struct Refused {
    /// The move, as written.
    pub what: &'static str,
    /// Where the case stands.
    pub state: CaseState,
    /// What is missing.
    pub why: Why,
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
    let refuse = |why: Why| Err(Refused { what: event.what.as_str(), state: case.state, why });
    let actor = event.actor.user.as_str();
    match event.what.action() {
        None if event.actor.role != Role::System => {
            return refuse(Why::OnlyMachine);
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
                return refuse(Why::NoRight);
            }
        }
        _ => {}
    }
    let mut next = case.clone();
    if let Err(why) = crate::edges::apply(&mut next, event, actor) {
        return refuse(why);
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
        // Form, questions and answers may quote the post, so the ledgers carry their digests and the database the words.
        for (key, value) in what {
            let value = if ["form", "question", "answer"].contains(&key.as_str()) {
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
