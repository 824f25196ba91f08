//! Watch rules: list, editor with check, approval by another person.

use askama::Template;
use axum::extract::{Extension, Form, Path, State};
use axum::response::{Html, Redirect};
use streife_cases::role::Action;
use streife_cases::rulebook::{Change, Kind, Refusal, Stage, Text, Version};

use super::show::{day, moment};
use super::{Fields, html, said};
use crate::fault::Fault;
use crate::guard::Viewer;
use crate::state::{DeskState, RuleProblem};

/// What a new rule begins with: all required fields, and tests to fill in.
const NEW_RULE: &str = "id: w-neu\nversion: 1\ntitle: Neue Regel\nowner: analyse\npurpose: prosecution\nlegal_basis: \"Anordnung\"\nnorms: [StGB-130]\nreview_by: 2027-01-31\nseverity: medium\nqueue: alle\nquota_per_day: 100\nfold: std\nwhen: \"gehören nicht\" NEAR/3 Café\nexplain: \"{match}\"\ntests:\n  - {text: \"Sie gehören nicht in unser Café\", expect: hit}\n  - {text: \"Die Tassen gehören in den Schrank\", expect: miss}\n";

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    v: Viewer,
    nav: &'static str,
    drafts: Vec<(Version, String)>,
    may_write: bool,
}

#[derive(Template)]
#[template(path = "rule.html")]
struct RulePage {
    v: Viewer,
    nav: &'static str,
    id: String,
    source: String,
    draft: Option<Version>,
    changed: String,
    problems: Vec<RuleProblem>,
    may_write: bool,
    may_submit: bool,
    may_approve: bool,
    may_pause: bool,
}

#[derive(Template)]
#[template(path = "problems.html")]
struct Problems {
    v: Viewer,
    problems: Vec<RuleProblem>,
}

pub(crate) async fn list(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    let mut drafts: Vec<(Version, String)> = Vec::new();
    for version in desk.cases.rule_book().versions().await? {
        let changed = moment(version.updated_at);
        // Versions come oldest first: the latest stands for its entry.
        if drafts.last().is_some_and(|(last, _)| last.kind == version.kind && last.id == version.id) {
            drafts.pop();
        }
        drafts.push((version, changed));
    }
    html(&RulesPage { nav: "rules", drafts, may_write: v.may(Action::WriteRules), v })
}

pub(crate) async fn show(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Html<String>, Fault> {
    let draft = desk.cases.rule_book().entry(Kind::Rule, &id).await?.pop();
    if draft.is_none() && id != "new" {
        return Err(Fault::not_found());
    }
    let source = draft.as_ref().map_or_else(|| NEW_RULE.to_owned(), |draft| draft.text.source.clone());
    let problems = desk.rules.check(&source, &day(desk.now()), v.t.german());
    let state = draft.as_ref().map(|draft| draft.stage);
    let asked = draft.as_ref().is_some_and(|draft| draft.asked_by.is_some());
    let other = draft.as_ref().is_some_and(|draft| !draft.is_by(&v.user));
    html(&RulePage {
        nav: "rules",
        id,
        source,
        changed: draft.as_ref().map(|draft| moment(draft.updated_at)).unwrap_or_default(),
        may_write: v.may(Action::WriteRules),
        may_submit: v.may(Action::WriteRules)
            && matches!(state, Some(Stage::Draft | Stage::Shadow))
            && !asked
            && !problems.iter().any(|p| p.error),
        may_approve: v.may(Action::ApproveRules) && asked && other,
        may_pause: v.may(Action::ApproveRules)
            && other
            && matches!(state, Some(Stage::Live | Stage::Paused)),
        draft,
        problems,
        v,
    })
}

/// The live check: only the list of problems, for swapping into the page.
pub(crate) async fn check(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Html<String>, Fault> {
    let problems = desk.rules.check(said(&fields, "source"), &day(desk.now()), v.t.german());
    html(&Problems { v, problems })
}

pub(crate) async fn save(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let source = fields.get("source").map_or("", String::as_str);
    let (id, text) = Text::read(Kind::Rule, source).map_err(|why| refused(&v, why))?;
    let actor = v.actor(Action::WriteRules)?;
    desk.cases
        .rule_book()
        .apply(Kind::Rule, &id, 0, &actor, Change::Save { text }, desk.now())
        .await?;
    desk.announce("rules");
    Ok(Redirect::to(&format!("/rules/{id}")))
}

fn refused(v: &Viewer, why: Refusal) -> Fault {
    Fault::bad(v.t.of("refusal", why.as_str()))
}

pub(crate) async fn make_move(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let said_why = said(&fields, "note").to_owned();
    let (what, action) = match said(&fields, "to") {
        "submit" => (Change::Ask, Action::WriteRules),
        "live" => (Change::Approve { note: said_why }, Action::ApproveRules),
        "reject" => (Change::SendBack { reason: said_why }, Action::ApproveRules),
        "pause" => (Change::Pause { reason: said_why }, Action::ApproveRules),
        "resume" => (Change::Resume, Action::ApproveRules),
        _ => return Err(Fault::bad("unknown step")),
    };
    let book = desk.cases.rule_book();
    let latest = book.entry(Kind::Rule, &id).await?.pop().ok_or_else(Fault::not_found)?;
    if matches!(what, Change::Ask | Change::Approve { .. })
        && desk.rules.check(&latest.text.source, &day(desk.now()), v.t.german()).iter().any(|p| p.error)
    {
        return Err(Fault::bad(v.t.get("rules.has_errors")));
    }
    book.apply(Kind::Rule, &id, latest.number, &v.actor(action)?, what, desk.now()).await?;
    desk.announce("rules");
    Ok(Redirect::to(&format!("/rules/{id}")))
}
