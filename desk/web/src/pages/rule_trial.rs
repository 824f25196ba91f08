//! Trying a rule before it works: hits of the last day, a backtest over all that is kept, a sample that people label.

use std::sync::Arc;

use askama::Template;
use axum::extract::{Form, Path, State};
use axum::response::{Html, Redirect};
use serde_json::json;
use streife_cases::role::Action;
use streife_cases::rulebook::{Change, Kind, Stage, Text, Version, called};
use streife_cases::store::TenantCases;
use streife_cases::workflow::Actor;
use streife_domain::PostId;

use super::rule_editor::{page, rule_text};
use super::show::moment;
use super::{Fields, html, said};
use crate::audited::Audited;
use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use crate::interval::share;
use crate::jobs::Job;
use crate::lab::{BacktestFigures, RuleText};
use crate::state::DeskState;

/// How far a preview looks back.
const PREVIEW_HOURS: i64 = 24;
/// Hits that a preview shows.
const PREVIEW_SHOWN: usize = 20;
/// How far a backtest looks back; the store keeps recent posts for three days.
const BACKTEST_DAYS: i64 = 3;

/// What the text in the editor hits among the posts of the last day. Nothing is saved.
pub(crate) async fn preview(
    State(desk): State<DeskState>,
    audited: Audited,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Html<String>, Fault> {
    let v = audited.viewer.clone();
    let source = fields.get("source").cloned().unwrap_or_default().replace("\r\n", "\n");
    let (name, _) = Text::read(Kind::Rule, &source).map_err(Wrong::Book)?;
    let text = rule_text(&desk, &v, Kind::Rule, &name, &source).await?;
    let report = desk.rules.check(&text, v.t.german());
    let preview = match &report.about {
        Some(about) if report.problems.iter().all(|problem| !problem.error) => {
            let since = desk.now().plus_secs(-PREVIEW_HOURS * 3_600);
            let reason = format!("{}: {}", about.purpose, about.legal_basis);
            Some(audited.preview(&text, &reason, since, PREVIEW_SHOWN).await?)
        }
        _ => None,
    };
    html(&page(&desk, v, Kind::Rule, &id, None, Some(source), preview).await?)
}

fn open_version(versions: Vec<Version>, seen: &str) -> Result<Version, Fault> {
    let seen = seen.parse::<i64>().map_err(|_| Fault::not_found())?;
    versions
        .into_iter()
        .find(|version| version.number == seen && matches!(version.stage, Stage::Draft | Stage::Shadow))
        .ok_or_else(Fault::not_found)
}

/// Starts a backtest of a saved version; the page shows how far it is.
pub(crate) async fn backtest(
    State(desk): State<DeskState>,
    audited: Audited,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let v = audited.viewer.clone();
    let versions = audited.viewer.cases.rule_book().entry(Kind::Rule, &id).await?;
    let version = open_version(versions, said(&fields, "version"))?;
    let text = rule_text(&desk, &v, Kind::Rule, &id, &version.text.source).await?;
    let report = desk.rules.check(&text, v.t.german());
    let Some(about) = report.about.as_ref().filter(|_| report.sound()) else {
        return Err(Wrong::RuleErrors.into());
    };
    let actor = v.actor(Action::WriteRules)?;
    let details = json!({ "version": version.number, "days": BACKTEST_DAYS });
    let reason = format!("{}: {}", about.purpose, about.legal_basis);
    audited.viewer.cases.audit(v.note(desk.now(), "rule.backtest_started", &id, &reason, details)).await?;
    if let Some(job) = desk.backtests.begin(&called(&v.cases.tenant(), &id), version.number) {
        tokio::spawn(run(desk.clone(), audited, text, version.number, actor, job));
    }
    Ok(Redirect::to(&format!("/rules/{id}")))
}

async fn run(desk: DeskState, audited: Audited, text: RuleText, number: i64, actor: Actor, job: Arc<Job>) {
    // The semaphore is never closed, so waiting for a turn always ends with one.
    let _turn = Arc::clone(&desk.backtests.turns).acquire_owned().await.ok();
    let since = desk.now().plus_secs(-BACKTEST_DAYS * 86_400);
    let (listening, told) = (desk.clone(), Arc::clone(&job));
    let progress = move |permille: u32, hits: u64| {
        if told.advance(permille, hits) {
            listening.announce("rules");
        }
    };
    let outcome = match audited.backtest(&text, since, &progress).await {
        Ok(mut figures) => {
            (figures.at, figures.days) = (desk.now().as_micros(), BACKTEST_DAYS);
            record(&desk, &audited.viewer.cases, &text.id, number, &actor, &figures).await
        }
        Err(fault) => Err(fault),
    };
    if let Err(fault) = &outcome {
        tracing::error!(rule = text.id, error = ?fault.wrong, "a backtest failed");
    }
    job.end(outcome.is_err());
    desk.announce("rules");
}

async fn record(
    desk: &DeskState,
    cases: &TenantCases,
    id: &str,
    number: i64,
    actor: &Actor,
    figures: &BacktestFigures,
) -> Result<(), Fault> {
    let report = serde_json::to_value(figures)?;
    let what = Change::Backtest { report };
    cases.rule_book().apply(Kind::Rule, id, number, actor, what, desk.now()).await?;
    Ok(())
}

struct Drawn {
    id: String,
    text: String,
    about: String,
    label: Option<bool>,
}

#[derive(Template)]
#[template(path = "rule_sample.html")]
struct SamplePage {
    v: Viewer,
    nav: &'static str,
    id: String,
    number: i64,
    drawn: Vec<Drawn>,
    gone: usize,
    precision: String,
}

fn figures_of(version: &Version) -> Result<BacktestFigures, Fault> {
    let report = version.backtest.clone().ok_or_else(Fault::not_found)?;
    serde_json::from_value(report).map_err(|_| Fault::not_found())
}

fn latest_with_sample(versions: Vec<Version>) -> Result<Version, Fault> {
    versions.into_iter().rev().find(|version| version.backtest.is_some()).ok_or_else(Fault::not_found)
}

/// The hits that the backtest drew, to be labelled: is the rule right about them?
pub(crate) async fn sample(audited: Audited, Path(id): Path<String>) -> Result<Html<String>, Fault> {
    let version = latest_with_sample(audited.viewer.cases.rule_book().entry(Kind::Rule, &id).await?)?;
    let figures = figures_of(&version)?;
    let ids: Vec<PostId> = figures.sample.iter().filter_map(|id| id.parse().ok()).collect();
    let drawn: Vec<Drawn> = audited
        .posts(&ids)
        .await?
        .into_iter()
        .map(|post| Drawn {
            label: figures.labels.get(&post.post_id.to_string()).copied(),
            id: post.post_id.to_string(),
            about: format!("{} · {}", post.platform, moment(post.observed_at)),
            text: post.text,
        })
        .collect();
    let (meant, labelled) = figures.labelled();
    html(&SamplePage {
        nav: "rules",
        gone: ids.len() - drawn.len(),
        number: version.number,
        precision: share(meant, labelled),
        drawn,
        id,
        v: audited.viewer.clone(),
    })
}

/// Keeps the labels with the report.
pub(crate) async fn label(
    State(desk): State<DeskState>,
    axum::extract::Extension(v): axum::extract::Extension<Viewer>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let versions = v.cases.rule_book().entry(Kind::Rule, &id).await?;
    let version = open_version(versions, said(&fields, "version"))?;
    let mut figures = figures_of(&version)?;
    for post in figures.sample.clone() {
        match said(&fields, &format!("label.{post}")) {
            "yes" => _ = figures.labels.insert(post, true),
            "no" => _ = figures.labels.insert(post, false),
            _ => _ = figures.labels.remove(&post),
        }
    }
    record(&desk, &v.cases, &id, version.number, &v.actor(Action::WriteRules)?, &figures).await?;
    Ok(Redirect::to(&format!("/rules/{id}")))
}
