//! One item: content veiled by default, why it was flagged, and the decision in two keys.

use askama::Template;
use axum::extract::{Extension, Form, Path, Query, State};
use axum::http::StatusCode;
use axum::response::{Html, Redirect};
use streife_cases::offence::Catalogue;
use streife_cases::role::Action;
use streife_cases::rulebook::FOREIGN_RULE;
use streife_cases::store::ClaimOutcome;
use streife_cases::workflow::{Case, CaseState, DismissReason, Move, Opinion};
use streife_domain::{Head, PostId, Timestamp};

use super::found::found;
use super::queue::{Part, claim_next, new_item, parts_of};
use super::show::{age, moment, number};
use super::{Fields, html, said};
use crate::audited::Audited;
use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use crate::priority::Parts;
use crate::reader::{FlaggedItem, ThreadPost};
use crate::spans::{Piece, pieces};
use crate::state::{Counters, DeskState};

pub(crate) struct Score {
    pub(crate) name: String,
    pub(crate) percent: u8,
    pub(crate) label: bool,
}

pub(crate) struct NormKey {
    pub(crate) key: String,
    pub(crate) id: String,
    pub(crate) section: String,
    pub(crate) title: String,
}

pub(crate) struct Fact {
    pub(crate) key: &'static str,
    pub(crate) value: String,
}

/// A neighbour in the thread.
struct Near {
    text: String,
    at: String,
}

#[derive(Template)]
#[template(path = "item.html")]
struct ItemPage {
    v: Viewer,
    nav: &'static str,
    id: String,
    item: FlaggedItem,
    level: &'static str,
    pieces: Vec<Piece>,
    scores: Vec<Score>,
    parts: Vec<Part>,
    facts: Vec<Fact>,
    found: Vec<Fact>,
    changes: Vec<(String, String)>,
    above: Vec<Near>,
    below: Vec<Near>,
    norms: Vec<NormKey>,
    more_norms: Vec<NormKey>,
    dismissals: Vec<(usize, &'static str, String)>,
    state: String,
    mine: bool,
    free: bool,
    held_by: String,
    can_undo: bool,
    second_look: bool,
    case_id: String,
    /// Is there a machine that translates, and is the text not in the person's language already?
    translatable: bool,
    may_decide: bool,
    may_read_case: bool,
    /// The item decided just before, which can still be taken back.
    before: String,
}

pub(crate) fn scores(v: &Viewer, item: &FlaggedItem) -> Vec<Score> {
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "probabilities lie between 0 and 1"
    )]
    let percent = |p: f32| (p.clamp(0.0, 1.0) * 100.0).round() as u8;
    let score = |head: Head, p: &f32| Score {
        name: v.t.of("head", head.as_str()),
        percent: percent(*p),
        label: item.verdict.labels.contains(&head),
    };
    item.verdict.scores.iter().map(|(head, p)| score(head, p)).collect()
}

/// Where it comes from, as facts.
pub(crate) fn facts(item: &FlaggedItem, now: Timestamp) -> Vec<Fact> {
    let mut facts = Vec::new();
    let mut fact = |key, value: String| {
        if !value.is_empty() {
            facts.push(Fact { key, value });
        }
    };
    fact("platform", item.post.platform.clone());
    fact("source", item.post.source.clone());
    fact("author", item.post.author.map(|p| p.to_string()).unwrap_or_default());
    fact("posted", item.post.posted_at.map(moment).unwrap_or_default());
    fact("seen", format!("{} ({})", moment(item.post.observed_at), age(item.post.observed_at, now)));
    fact(
        "language",
        format!("{} · {:.0} %", item.verdict.language.code, item.verdict.language.confidence * 100.0),
    );
    let reach = item.reach.unwrap_or_default();
    let counted = |key, n: Option<u64>| n.map(|n| Fact { key, value: number(n) });
    let mut reach = [
        counted("views", reach.views),
        counted("likes", reach.likes),
        counted("shares", reach.shares),
        counted("followers", reach.followers),
    ]
    .into_iter()
    .flatten()
    .collect::<Vec<_>>();
    if let Some(legal) = &item.legal {
        fact("legal_basis", legal.legal_basis.clone());
    }
    facts.append(&mut reach);
    facts
}

pub(crate) fn norm_keys(v: &Viewer) -> Vec<NormKey> {
    let title = |o: &streife_cases::offence::Offence| {
        if v.t.german() { o.title_de.clone() } else { o.title_en.clone() }
    };
    Catalogue::built_in()
        .offences
        .iter()
        .enumerate()
        .map(|(n, o)| NormKey {
            key: if n < 9 { (n + 1).to_string() } else { String::new() },
            id: o.id.clone(),
            section: o.section.clone(),
            title: title(o),
        })
        .collect()
}

/// The rules that hit an item.
pub(crate) fn rules_of(item: &FlaggedItem) -> Vec<String> {
    // What is not named is not counted for either.
    let named = item.verdict.hits.iter().filter(|hit| hit.rule != FOREIGN_RULE);
    named.map(|hit| hit.rule.clone()).collect()
}

fn parse_id(id: &str) -> Result<PostId, Fault> {
    id.parse().map_err(|_| Fault::not_found())
}

pub(crate) async fn show(
    State(desk): State<DeskState>,
    audited: Audited,
    Path(id): Path<String>,
    Query(query): Query<Fields>,
) -> Result<Html<String>, Fault> {
    let item = audited.item(parse_id(&id)?).await?.ok_or_else(Fault::not_found)?;
    let case = audited.viewer.cases.case_of_post(&id).await?;
    let mut page = page(&desk, audited.viewer.clone(), item, case);
    if let Ok(before) = said(&query, "before").parse::<PostId>() {
        let before = before.to_string();
        let case = audited.viewer.cases.case_of_post(&before).await?;
        if case.is_some_and(|case| may_undo(&case, &page.v, desk.now())) {
            page.before = before;
        }
    }
    html(&page)
}

/// Can `v` still take back the last decision of this case?
fn may_undo(case: &Case, v: &Viewer, now: Timestamp) -> bool {
    case.undo.as_ref().is_some_and(|(by, until)| *by == v.user && now <= *until)
}

fn page(desk: &DeskState, v: Viewer, item: FlaggedItem, case: Option<Case>) -> ItemPage {
    let now = desk.now();
    let state = case.as_ref().map_or(CaseState::Queued, |case| case.state);
    let holder = case.as_ref().and_then(|case| case.holder.clone()).unwrap_or_default();
    let can_undo = case.as_ref().is_some_and(|case| may_undo(case, &v, now));
    let first_by = case.as_ref().and_then(|case| case.first.as_ref().map(|(by, _)| by.clone()));
    let mut norms = norm_keys(&v);
    let more_norms = norms.split_off(norms.len().min(9));
    let reason = |(n, r): (usize, DismissReason)| (n + 1, r.as_str(), v.t.of("dismiss", r.as_str()));
    let near = |above: bool| {
        let posts = item.thread.iter().filter(|post| post.above == above);
        let at = |post: &ThreadPost| post.posted_at.map(moment).unwrap_or_default();
        posts.map(|post| Near { text: post.text.clone(), at: at(post) }).collect()
    };
    ItemPage {
        nav: "queue",
        id: item.post.post_id.to_string(),
        level: item.verdict.priority.as_str(),
        pieces: pieces(&item),
        scores: scores(&v, &item),
        parts: parts_of(&Parts::of(&item, now)),
        facts: facts(&item, now),
        found: found(&v, &item, desk.figures.connector(&item.post.source)),
        changes: item
            .changes
            .iter()
            .map(|c| (v.t.of("change", &format!("{:?}", c.event).to_lowercase()), moment(c.observed_at)))
            .collect(),
        above: near(true),
        below: near(false),
        norms,
        more_norms,
        dismissals: DismissReason::ALL.into_iter().enumerate().map(reason).collect(),
        state: v.t.of("state", state.as_str()),
        mine: state == CaseState::Claimed && holder == v.user,
        free: state == CaseState::Queued,
        held_by: if state == CaseState::Claimed { holder } else { String::new() },
        can_undo,
        before: String::new(),
        second_look: state == CaseState::SecondLook && first_by.as_deref() != Some(v.user.as_str()),
        case_id: case.map(|case| case.id).unwrap_or_default(),
        translatable: desk.content.translates()
            && v.acts(Action::ReadItem)
            && item.verdict.language.code != v.t.code(),
        may_decide: v.acts(Action::Decide),
        may_read_case: v.may(Action::ReadCase) || v.glass.is_some(),
        item,
        v,
    }
}

pub(crate) async fn claim(
    State(desk): State<DeskState>,
    audited: Audited,
    Path(id): Path<String>,
) -> Result<Redirect, Fault> {
    let item = audited.item(parse_id(&id)?).await?.ok_or_else(Fault::not_found)?;
    let actor = audited.viewer.actor(Action::Decide)?;
    match audited.viewer.cases.claim(&new_item(&item), &actor, desk.now()).await? {
        ClaimOutcome::Yours(_) | ClaimOutcome::Done(_) => {
            desk.announce("queue");
            Ok(Redirect::to(&format!("/items/{id}")))
        }
        ClaimOutcome::HeldBy(holder) => Err(Wrong::HeldBy(holder).into()),
    }
}

async fn apply(desk: &DeskState, v: &Viewer, id: &str, what: Move) -> Result<Case, Fault> {
    let case = v.cases.case_of_post(id).await?.ok_or_else(Fault::not_found)?;
    let actor = v.actor(what.action().ok_or_else(Fault::forbidden)?)?;
    let (case, effects) = v.cases.apply(&case.id, actor, what, desk.now()).await?;
    if effects.page_duty_desk {
        tracing::warn!(case = %case.id, "danger lane: the duty desk must look now");
        desk.announce("danger");
    }
    desk.announce("queue");
    Ok(case)
}

pub(crate) async fn take_over(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    apply(&desk, &v, &id, Move::TakeOver { reason: said(&fields, "reason").to_owned() }).await?;
    Ok(Redirect::to(&format!("/items/{id}")))
}

pub(crate) async fn release(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Redirect, Fault> {
    apply(&desk, &v, &id, Move::Release).await?;
    Ok(Redirect::to("/queue"))
}

pub(crate) async fn heartbeat(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<StatusCode, Fault> {
    let held = v.cases.heartbeat(&id, &v.user, desk.now()).await?;
    Ok(if held { StatusCode::NO_CONTENT } else { StatusCode::GONE })
}

pub(crate) async fn undo(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Redirect, Fault> {
    apply(&desk, &v, &id, Move::Undo).await?;
    Ok(Redirect::to(&format!("/items/{id}")))
}

/// One button, one decision: the button's value says what. Then the next item, or this one with its undo.
pub(crate) async fn decide(
    State(desk): State<DeskState>,
    audited: Audited,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let what = decision(&fields)?;
    let danger = matches!(what, Move::Danger { .. });
    apply(&desk, &audited.viewer, &id, what).await?;
    Counters::add(&desk.counters.decisions);
    let go_on = audited.viewer.prefs.go_on || said(&fields, "then") == "next";
    // Danger stays on screen: what was sent must be seen.
    if go_on
        && !danger
        && let Some(next) = claim_next(&desk, &audited).await?
    {
        return Ok(Redirect::to(&format!("/items/{next}?before={id}")));
    }
    Ok(Redirect::to(&format!("/items/{id}")))
}

/// What a form decides.
pub(crate) fn decision(fields: &Fields) -> Result<Move, Fault> {
    let (kind, value) = said(fields, "decision").split_once(':').unwrap_or((said(fields, "decision"), ""));
    let dismissal = || DismissReason::parse(value).ok_or_else(Fault::not_offered);
    let norms = || vec![value.to_owned()];
    Ok(match kind {
        "norm" => Move::Suspect { norms: norms() },
        "dismiss" => Move::Dismiss { reason: dismissal()? },
        "second" => Move::AskSecondLook { opinion: Opinion::Unsure },
        "danger" => Move::Danger { note: said(fields, "note").to_owned() },
        "opinion-norm" => Move::SecondOpinion { opinion: Opinion::Relevant { norms: norms() } },
        "opinion-dismiss" => Move::SecondOpinion { opinion: Opinion::NotRelevant { reason: dismissal()? } },
        _ => return Err(Fault::not_offered()),
    })
}
