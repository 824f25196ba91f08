//! Cases: the steps of the workflow, the legal form, unmasking, approval, outcome.

use askama::Template;
use axum::extract::{Extension, Form, Path, State};
use axum::response::{Html, Redirect};
use sha2::{Digest, Sha256};
use streife_cases::deadlines::deadlines;
use streife_cases::legal::{LegalForm, days_left};
use streife_cases::offence::{Catalogue, Complaint, Offence};
use streife_cases::role::Action;
use streife_cases::workflow::{
    Actor, Case, CaseEvent, CaseOutcome, CaseState, DismissReason, Disposal, Move, NoticeKind, Opinion, step,
};
use streife_domain::{Identity, PostId, Timestamp};

use super::case_form::{NormBlock, block, filled, gaps};
use super::case_moves::{asked, moves, noticed};
use super::item::{Fact, Score, facts, scores};
use super::show::{day, moment};
use super::{Fields, html, said};
use crate::audited::Audited;
use crate::fault::{Fault, NotNow, Wrong};
use crate::guard::Viewer;
use crate::spans::{Piece, pieces};
use crate::state::{DeskState, EvidenceLine, EvidenceSealer};

const MAX_CASES: i64 = 200;
/// The way of a case that becomes a referral.
const STEPS: [CaseState; 8] = [
    CaseState::Suspect,
    CaseState::Capturing,
    CaseState::Sealed,
    CaseState::LegalForm,
    CaseState::ReferralDraft,
    CaseState::Approved,
    CaseState::Sent,
    CaseState::Outcome,
];

/// A short name for people; the full id stands in the address.
pub(crate) fn short(id: &str) -> String {
    format!("F-{}", id.chars().take(8).collect::<String>().to_uppercase())
}

struct Row {
    case: Case,
    short: String,
    state: String,
    changed: String,
    complaint: Option<(String, i64)>,
}

#[derive(Template)]
#[template(path = "cases.html")]
struct CasesPage {
    v: Viewer,
    nav: &'static str,
    rows: Vec<Row>,
    overdue: usize,
}

fn complaint_clock(desk: &DeskState, case: &Case) -> Option<(String, i64)> {
    let form = case.form.as_ref()?;
    let asked =
        case.norms.iter().filter_map(|norm| Catalogue::built_in().get(norm)).any(|o| o.complaint.has_clock());
    let deadline = form.complaint_deadline().filter(|_| asked)?;
    let left = days_left(&day(desk.now()), &deadline)?;
    Some((deadline, left))
}

pub(crate) async fn list(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    let now = desk.now();
    let cases = v.cases.cases(None, MAX_CASES).await?;
    let shown =
        |state: CaseState| !matches!(state, CaseState::Queued | CaseState::Claimed | CaseState::Dismissed);
    let rows: Vec<Row> = cases
        .into_iter()
        .filter(|row| shown(row.case.state))
        .map(|row| Row {
            short: short(&row.case.id),
            state: v.t.of("state", row.case.state.as_str()),
            changed: moment(row.updated_at),
            complaint: complaint_clock(&desk, &row.case),
            case: row.case,
        })
        .collect();
    let late = |row: &&Row| {
        row.case.emergency.as_ref().is_some_and(|e| e.approved_by.is_none() && e.approval_due < now)
    };
    html(&CasesPage { overdue: rows.iter().filter(late).count(), v, nav: "cases", rows })
}

#[derive(Template)]
#[template(path = "case.html")]
struct CasePage {
    v: Viewer,
    nav: &'static str,
    case: Case,
    short: String,
    state: String,
    steps: Vec<(String, &'static str)>,
    content: Option<(Vec<Piece>, Vec<Score>, Vec<Fact>)>,
    identity: Option<Identity>,
    form: LegalForm,
    blocks: Vec<NormBlock>,
    /// What the form says, for whoever does not write at it: a second person decides on what was found, not on a name.
    filled: Vec<(String, String)>,
    edits_form: bool,
    /// Configured ways to hand a package over.
    channels: Vec<String>,
    more_norms: Vec<(String, String)>,
    complaint_asked: bool,
    reach_asked: bool,
    clock: Option<(String, i64)>,
    deadlines: Vec<(&'static str, String, bool)>,
    questions: Vec<(String, String, String)>,
    notices: Vec<(String, String, String)>,
    gaps: Vec<String>,
    events: Vec<(String, String, String, String)>,
    moves: Vec<(&'static str, &'static str)>,
    outcomes: [CaseOutcome; 6],
    may_seal: bool,
    /// The page looks again by itself; only then, as each look is a read on record.
    waits_for_machine: bool,
    emergency_due: String,
    evidence: Vec<EvidenceLine>,
}

pub(crate) async fn show(
    State(desk): State<DeskState>,
    audited: Audited,
    Path(id): Path<String>,
) -> Result<Html<String>, Fault> {
    let case = audited.viewer.cases.case(&id).await?.ok_or_else(Fault::not_found)?;
    let v = audited.viewer.clone();
    let post: PostId = case.post_id.parse().map_err(|_| Fault::not_found())?;
    let hidden = matches!(case.state, CaseState::Erased | CaseState::Restricted);
    let item = if hidden { None } else { audited.item(post).await? };
    let sees = v.acts(Action::Unmask) || v.acts(Action::Approve);
    let identity =
        if hidden || case.unmasked.is_empty() || !sees { None } else { audited.identity(&case).await? };
    let catalogue = Catalogue::built_in();
    let form = case.form.clone().unwrap_or_default();
    let offences: Vec<&Offence> = case.norms.iter().filter_map(|norm| catalogue.get(norm)).collect();
    let at = STEPS.iter().position(|step| *step == step_of(case.state));
    let step = |(n, s): (usize, &CaseState)| {
        let class = match at {
            Some(at) if n < at => "done",
            Some(at) if n == at => "now",
            _ => "",
        };
        (v.t.of("state", s.as_str()), class)
    };
    html(&CasePage {
        nav: "cases",
        short: short(&case.id),
        state: v.t.of("state", case.state.as_str()),
        steps: STEPS.iter().enumerate().map(step).collect(),
        content: item.map(|item| (pieces(&item), scores(&v, &item), facts(&item, desk.now()))),
        identity,
        blocks: offences.iter().map(|o| block(&v, o, form.considered.get(&o.id))).collect(),
        // It may name people: for those who see who published, and never behind the glass of an emergency access.
        filled: case.form.as_ref().filter(|_| sees).map(|form| filled(&v, form)).unwrap_or_default(),
        channels: desk.sealer.as_ref().map(|sealer| sealer.channels()).unwrap_or_default(),
        edits_form: v.acts(Action::WorkCase) && case.state == CaseState::LegalForm,
        more_norms: catalogue
            .offences
            .iter()
            .filter(|o| !case.norms.contains(&o.id))
            .map(|o| (o.id.clone(), o.section.clone()))
            .collect(),
        complaint_asked: offences.iter().any(|o| o.complaint != Complaint::None),
        reach_asked: offences.iter().any(|o| o.reach),
        clock: complaint_clock(&desk, &case),
        deadlines: deadlines(&case)
            .iter()
            .map(|deadline| (deadline.due.as_str(), moment(deadline.at), deadline.is_over(desk.now())))
            .collect(),
        questions: case.questions.iter().map(asked).collect(),
        notices: case.notices.iter().map(|notice| noticed(&v, notice)).collect(),
        gaps: if case.state == CaseState::LegalForm { gaps(&v, &case) } else { Vec::new() },
        events: audited
            .viewer
            .cases
            .events(&case.id)
            .await?
            .iter()
            .rev()
            .map(|event| trail(&v, event))
            .collect(),
        moves: moves(&case)
            .into_iter()
            .filter(|(name, _)| v.glass.is_none() && (*name != "approve" || v.may(Action::Approve)))
            .collect(),
        outcomes: CaseOutcome::ALL,
        may_seal: v.acts(Action::Seal),
        waits_for_machine: case.seal.is_none()
            && matches!(case.state, CaseState::Suspect | CaseState::Danger | CaseState::Capturing),
        evidence: match &desk.sealer {
            Some(sealer) => sealer.status(&case).await,
            None => Vec::new(),
        },
        emergency_due: case.emergency.as_ref().map(|e| moment(e.approval_due)).unwrap_or_default(),
        form,
        case,
        v,
    })
}

fn step_of(state: CaseState) -> CaseState {
    match state {
        CaseState::Danger => CaseState::Suspect,
        CaseState::Acknowledged | CaseState::Recalled => CaseState::Sent,
        CaseState::NoOffence => CaseState::LegalForm,
        state => state,
    }
}

fn trail(v: &Viewer, event: &CaseEvent) -> (String, String, String, String) {
    let role = if event.actor.role.as_str() == "system" {
        String::new()
    } else {
        v.t.of("role", event.actor.role.as_str())
    };
    (moment(event.at), event.actor.user.clone(), role, v.t.of("move", event.what.as_str()))
}

/// The certificate of erasure says what was erased, when and by whom; its digest stays with the case.
fn certificate(case: &Case, v: &Viewer, at: &str) -> String {
    hex::encode(Sha256::digest(format!("erasure\n{}\n{}\n{at}\n{}", case.id, case.post_id, v.user)))
}

/// Would the workflow let this happen? Asked before something outside it is done that cannot be taken back.
fn allowed(case: &Case, actor: &Actor, what: &Move, at: Timestamp) -> Result<(), Fault> {
    let event = CaseEvent { at, actor: actor.clone(), what: what.clone() };
    step(case, &event).map_err(|refused| Wrong::Move(NotNow(refused)))?;
    Ok(())
}

fn erases(what: &Move) -> bool {
    matches!(what, Move::Erase { .. } | Move::ConfirmNoOffence { disposal: Disposal::Erase { .. } })
}

/// Destroys the evidence before the case says that it is erased, and only when the workflow will let it say so.
async fn destroyed(
    sealer: &dyn EvidenceSealer,
    case: &Case,
    actor: &Actor,
    what: Move,
    at: Timestamp,
) -> Result<Move, Fault> {
    allowed(case, actor, &what, at)?;
    let Some(certificate_sha256) = sealer.erase(case, &actor.user).await? else {
        return Ok(what);
    };
    Ok(match what {
        Move::Erase { .. } => Move::Erase { certificate_sha256 },
        _ => Move::ConfirmNoOffence { disposal: Disposal::Erase { certificate_sha256 } },
    })
}

pub(crate) async fn make_move(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let case = v.cases.case(&id).await?.ok_or_else(Fault::not_found)?;
    let now = desk.now();
    let text = said(&fields, "text").to_owned();
    let what = match said(&fields, "move") {
        "adjudicate_yes" => Move::Adjudicate { opinion: Opinion::Relevant { norms: vec![text] } },
        "adjudicate_no" => {
            Move::Adjudicate { opinion: Opinion::NotRelevant { reason: DismissReason::Opinion } }
        }
        "emergency_notice" => Move::EmergencyNotice { recipient: text.clone(), reason: text },
        "approve_emergency" => Move::ApproveEmergency,
        "suspect" => Move::Suspect { norms: vec![text] },
        "open_form" => Move::OpenForm,
        "unmask" => Move::Unmask { reason: text },
        "no_offence" => Move::NoOffence { reason: text },
        "confirm_erase" => Move::ConfirmNoOffence {
            disposal: Disposal::Erase { certificate_sha256: certificate(&case, &v, &now.to_string()) },
        },
        "confirm_restrict" => Move::ConfirmNoOffence { disposal: Disposal::Restrict { reason: text } },
        "send_back" => Move::SendBack { reason: text },
        "draft" => Move::Draft { addressee: text },
        "approve" => Move::Approve,
        "send" => Move::Send { channel: text },
        "acknowledge" => Move::Acknowledge { file_number: text },
        "ask" => Move::Ask { question: text },
        "answer" => {
            let open = case.questions.iter().position(|question| question.answer.is_none());
            Move::Answer { number: open.map_or(0, |at| at + 1), answer: text }
        }
        "notify_dsa" => Move::Notify { notice: NoticeKind::Dsa, recipient: text },
        "notify_removal_order" => Move::Notify { notice: NoticeKind::RemovalOrder, recipient: text },
        "notice_answered" => {
            let open = case.notices.iter().position(|notice| notice.answer.is_none());
            Move::NoticeAnswered { number: open.map_or(0, |at| at + 1), answer: text }
        }
        "confirm_recall" => Move::ConfirmRecall { recipient: text },
        "record_outcome" => {
            Move::RecordOutcome { outcome: CaseOutcome::parse(&text).ok_or_else(Fault::not_offered)? }
        }
        "recall" => Move::Recall { reason: text },
        "restrict" => Move::Restrict { reason: text },
        "lift_restriction" => Move::LiftRestriction { reason: text },
        "retain" => Move::Retain { until: now.plus_secs(180 * 86_400), reason: text },
        "erase" => Move::Erase { certificate_sha256: certificate(&case, &v, &now.to_string()) },
        _ => return Err(Fault::not_offered()),
    };
    let actor: Actor = v.actor(what.action().ok_or_else(Fault::forbidden)?)?;
    let mut file_number = None;
    let what = match (&desk.sealer, what) {
        (Some(sealer), what) if erases(&what) => destroyed(&**sealer, &case, &actor, what, now).await?,
        (Some(sealer), Move::Send { channel }) => {
            allowed(&case, &actor, &Move::Send { channel: channel.clone() }, now)?;
            let sent = sealer.send(&case, &channel, &actor.user).await?;
            file_number = sent.file_number;
            Move::Send { channel: sent.channel }
        }
        (_, what) => what,
    };
    let (case, _) = v.cases.apply(&id, actor.clone(), what, now).await?;
    if let Some(file_number) = file_number {
        v.cases.apply(&id, actor.clone(), Move::Acknowledge { file_number }, desk.now()).await?;
    }
    if let Some(sealer) = &desk.sealer {
        match case.state {
            CaseState::Approved => sealer.approved(&case).await,
            CaseState::Recalled => sealer.recalled(&case, &actor.user).await?,
            _ => {}
        }
    }
    desk.announce("cases");
    Ok(Redirect::to(&format!("/cases/{id}")))
}

/// Captures and seals what is known of the post. The machine does so by itself once the decision can no longer be taken
/// back: who clicks at the same time, or on a page that is a moment old, is shown the case as it now is.
pub(crate) async fn seal(
    State(desk): State<DeskState>,
    audited: Audited,
    Path(id): Path<String>,
) -> Result<Redirect, Fault> {
    let case = audited.viewer.cases.case(&id).await?.ok_or_else(Fault::not_found)?;
    if !on_its_way(&case)
        && let Err(fault) = seal_now(&desk, &audited, &case).await
        && !audited.viewer.cases.case(&id).await?.is_some_and(|case| on_its_way(&case))
    {
        return Err(fault);
    }
    desk.announce("cases");
    Ok(Redirect::to(&format!("/cases/{id}")))
}

fn on_its_way(case: &Case) -> bool {
    case.seal.is_some() || case.state == CaseState::Capturing
}

async fn seal_now(desk: &DeskState, audited: &Audited, case: &Case) -> Result<(), Fault> {
    let sealer = desk.sealer.clone().ok_or(Wrong::NoSealer)?;
    let actor = audited.viewer.actor(Action::Seal)?;
    let post: PostId = case.post_id.parse().map_err(|_| Fault::not_found())?;
    let item = audited.item(post).await?.ok_or_else(Fault::not_found)?;
    let identity = audited.identity_for_seal(case).await?.ok_or_else(Fault::not_found)?;
    let (case, _) =
        audited.viewer.cases.apply(&case.id, actor.clone(), Move::StartCapture, desk.now()).await?;
    let what = match sealer.seal(&case, &item, &identity, &actor.user, desk.now()).await {
        Ok(Some(seal)) => Move::SealEvidence { seal },
        // The sealer goes on asking for the stamps and seals the case itself.
        Ok(None) => return Ok(()),
        Err(fault) => Move::CaptureFailed { reason: fault.to_string() },
    };
    audited.viewer.cases.apply(&case.id, actor, what, desk.now()).await?;
    Ok(())
}
