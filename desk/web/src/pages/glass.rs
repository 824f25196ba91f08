//! Emergency access: asking for it, giving it back, and the review by lead or data protection. Shows no content.

use askama::Template;
use axum::extract::{Extension, Form, Path, Query, State};
use axum::response::{Html, Redirect};
use streife_cases::glass::{
    Finding, GLASS_REVIEW_SECS, GLASS_SECS, MAX_GLASS_TEXT_CHARS, MIN_GLASS_REASON_CHARS, Opening,
};
use streife_cases::role::Action;
use streife_domain::PostId;

use super::cases::short;
use super::show::moment;
use super::{Fields, html, said};
use crate::audited::Audited;
use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use crate::state::{Counters, DeskState};

struct Row {
    opening: Opening,
    short: String,
    from: String,
    until: String,
    open: bool,
    overdue: bool,
    own: bool,
    /// Who found what, when.
    review: String,
}

fn rows(desk: &DeskState, v: &Viewer, openings: Vec<Opening>) -> Vec<Row> {
    let now = desk.now();
    let review = |opening: &Opening| {
        opening.review.as_ref().map_or_else(String::new, |review| {
            let finding = v.t.of("finding", review.finding.as_str());
            format!("{finding}: {} ({}, {})", review.note, review.by, moment(review.at))
        })
    };
    let row = |opening: Opening| Row {
        short: short(&opening.subject),
        from: moment(opening.opened_at),
        until: moment(opening.ends_at),
        open: opening.is_open(now),
        overdue: opening.is_overdue(now),
        own: opening.person == v.user,
        review: review(&opening),
        opening,
    };
    openings.into_iter().map(row).collect()
}

#[derive(Template)]
#[template(path = "glass.html")]
struct AskPage {
    v: Viewer,
    nav: &'static str,
    subject: String,
    rows: Vec<Row>,
    minutes: i64,
    min_reason: usize,
    max_reason: usize,
}

pub(crate) async fn ask(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Query(query): Query<Fields>,
) -> Result<Html<String>, Fault> {
    let own = v.cases.openings().await?.into_iter().filter(|opening| opening.person == v.user).collect();
    let subject = said(&query, "subject").parse::<PostId>().map(|id| id.to_string()).unwrap_or_default();
    html(&AskPage {
        nav: "glass",
        subject,
        rows: rows(&desk, &v, own),
        minutes: GLASS_SECS / 60,
        min_reason: MIN_GLASS_REASON_CHARS,
        max_reason: MAX_GLASS_TEXT_CHARS,
        v,
    })
}

/// The post is looked up for its owner alone; nothing of it is shown.
pub(crate) async fn open(
    State(desk): State<DeskState>,
    audited: Audited,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let v = audited.viewer.clone();
    let post: PostId = said(&fields, "subject").parse().map_err(|_| Wrong::BadPost)?;
    let owner = audited.owner_of(post).await?.ok_or_else(Fault::not_found)?;
    let subject = post.to_string();
    let actor = v.actor(Action::BreakGlass)?;
    let reason = said(&fields, "reason");
    let opened = v.cases.open_glass(&actor, &subject, &owner, reason, desk.now()).await;
    opened?;
    Counters::add(&desk.counters.glass_opened);
    tracing::warn!("an emergency access was opened");
    desk.announce("glass");
    let page = if said(&fields, "what") == "case" { "cases" } else { "items" };
    Ok(Redirect::to(&format!("/{page}/{subject}")))
}

pub(crate) async fn close(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Redirect, Fault> {
    if !v.cases.close_glass(&id, &v.actor(Action::BreakGlass)?, desk.now()).await? {
        return Err(Fault::not_found());
    }
    desk.announce("glass");
    Ok(Redirect::to("/glass"))
}

#[derive(Template)]
#[template(path = "glass_review.html")]
struct ReviewPage {
    v: Viewer,
    nav: &'static str,
    rows: Vec<Row>,
    findings: [Finding; 2],
    hours: i64,
    min_reason: usize,
    max_reason: usize,
}

pub(crate) async fn list(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    html(&ReviewPage {
        nav: "glass",
        rows: rows(&desk, &v, v.cases.openings().await?),
        findings: Finding::ALL,
        hours: GLASS_REVIEW_SECS / 3_600,
        min_reason: MIN_GLASS_REASON_CHARS,
        max_reason: MAX_GLASS_TEXT_CHARS,
        v,
    })
}

pub(crate) async fn review(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let finding = Finding::parse(said(&fields, "finding")).ok_or_else(Fault::not_offered)?;
    let actor = v.actor(Action::ReviewGlass)?;
    let reviewed = v.cases.review_glass(&id, &actor, finding, said(&fields, "note"), desk.now()).await;
    reviewed?;
    desk.announce("glass");
    Ok(Redirect::to("/glass/review"))
}
