//! Watch rules: list, editor with check, approval by another person.

use askama::Template;
use axum::extract::{Extension, Form, Path, State};
use axum::response::{Html, Redirect};
use streife_cases::role::Action;
use streife_cases::store::{DraftState, RuleDraft};

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
    drafts: Vec<(RuleDraft, String)>,
    may_write: bool,
}

#[derive(Template)]
#[template(path = "rule.html")]
struct RulePage {
    v: Viewer,
    nav: &'static str,
    id: String,
    source: String,
    draft: Option<RuleDraft>,
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
    let mut drafts: Vec<(RuleDraft, String)> = Vec::new();
    for draft in desk.cases.rule_drafts().await? {
        // Latest versions come first; older ones are history.
        if drafts.last().is_none_or(|(last, _)| last.id != draft.id) {
            let changed = moment(draft.updated_at);
            drafts.push((draft, changed));
        }
    }
    html(&RulesPage { nav: "rules", drafts, may_write: v.may(Action::WriteRules), v })
}

pub(crate) async fn show(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Html<String>, Fault> {
    let draft = desk.cases.rule_draft(&id).await?;
    if draft.is_none() && id != "new" {
        return Err(Fault::not_found());
    }
    let source = draft.as_ref().map_or_else(|| NEW_RULE.to_owned(), |draft| draft.source.clone());
    let problems = desk.rules.check(&source, &day(desk.now()), v.t.german());
    let state = draft.as_ref().map(|draft| draft.state);
    let other = draft.as_ref().is_some_and(|draft| draft.author != v.user);
    html(&RulePage {
        nav: "rules",
        id,
        source,
        changed: draft.as_ref().map(|draft| moment(draft.updated_at)).unwrap_or_default(),
        may_write: v.may(Action::WriteRules),
        may_submit: v.may(Action::WriteRules)
            && state == Some(DraftState::Draft)
            && !problems.iter().any(|p| p.error),
        may_approve: v.may(Action::ApproveRules) && state == Some(DraftState::Submitted) && other,
        may_pause: v.may(Action::ApproveRules)
            && other
            && matches!(state, Some(DraftState::Live | DraftState::Paused)),
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

/// A top-level value of the envelope; the checker reads the YAML for real.
fn envelope<'a>(source: &'a str, name: &str) -> Option<&'a str> {
    let value = source.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(':'))?;
    Some(value.trim().trim_matches(['"', '\'']).trim())
}

pub(crate) async fn save(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    // Browsers send line ends as CR LF.
    let source = fields.get("source").map(|source| source.replace("\r\n", "\n")).unwrap_or_default();
    let id = envelope(&source, "id").unwrap_or_default().to_owned();
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
    if id.is_empty() || id == "new" || id.len() > 60 || !id.chars().all(plain) {
        return Err(Fault::bad(v.t.get("rules.bad_id")));
    }
    let title = envelope(&source, "title").unwrap_or(&id).to_owned();
    desk.cases.save_rule(&v.actor(Action::WriteRules)?, &id, &title, &source, desk.now()).await?;
    desk.announce("rules");
    Ok(Redirect::to(&format!("/rules/{id}")))
}

pub(crate) async fn make_move(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let (to, action) = match said(&fields, "to") {
        "submit" => (DraftState::Submitted, Action::WriteRules),
        "live" => (DraftState::Live, Action::ApproveRules),
        "reject" => (DraftState::Rejected, Action::ApproveRules),
        "pause" => (DraftState::Paused, Action::ApproveRules),
        _ => return Err(Fault::bad("unknown step")),
    };
    if matches!(to, DraftState::Submitted | DraftState::Live) {
        let source = desk.cases.rule_draft(&id).await?.map(|draft| draft.source).unwrap_or_default();
        if desk.rules.check(&source, &day(desk.now()), v.t.german()).iter().any(|problem| problem.error) {
            return Err(Fault::bad(v.t.get("rules.has_errors")));
        }
    }
    desk.cases.move_rule(&v.actor(action)?, &id, to, said(&fields, "note"), desk.now()).await?;
    desk.announce("rules");
    Ok(Redirect::to(&format!("/rules/{id}")))
}
