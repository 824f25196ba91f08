//! Pages of figures: campaigns, trends, state of the system, transparency report. No content, no persons.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Html;

use super::html;
use super::show::{age, line, moment, number};
use crate::fault::Fault;
use crate::guard::Viewer;
use crate::reader::{CampaignFigures, Count, StageFigures};
use crate::state::DeskState;

/// Decisions counted for the report.
const MAX_DECISIONS: i64 = 100_000;
const REPORT_DAYS: i64 = 90;

pub(crate) struct Bar {
    name: String,
    value: String,
    width: u64,
}

fn bars(counts: &[Count], name: impl Fn(&str) -> String) -> Vec<Bar> {
    let top = counts.iter().map(|(_, n)| *n).max().unwrap_or(0).max(1);
    counts.iter().map(|(key, n)| Bar { name: name(key), value: number(*n), width: n * 100 / top }).collect()
}

struct CampaignRow {
    key: String,
    figures: CampaignFigures,
    first: String,
    last: String,
    labels: Vec<String>,
    line: String,
}

#[derive(Template)]
#[template(path = "campaigns.html")]
struct CampaignsPage {
    v: Viewer,
    nav: &'static str,
    rows: Vec<CampaignRow>,
}

pub(crate) async fn campaigns(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    let now = desk.now();
    let rows = desk.figures.campaigns().await?.into_iter().map(|figures| CampaignRow {
        key: format!("{:016x}", figures.key),
        first: moment(figures.first_seen),
        last: age(figures.last_seen, now),
        labels: figures.labels.iter().map(|head| v.t.of("head", head.as_str())).collect(),
        line: line(&figures.per_hour, 120, 28),
        figures,
    });
    html(&CampaignsPage { rows: rows.collect(), nav: "campaigns", v })
}

#[derive(Template)]
#[template(path = "trends.html")]
struct TrendsPage {
    v: Viewer,
    nav: &'static str,
    flagged: String,
    posts: String,
    flagged_sum: String,
    posts_sum: String,
    groups: Vec<(&'static str, Vec<Bar>)>,
}

pub(crate) async fn trends(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    let trends = desk.figures.trends().await?;
    let plain = |name: &str| name.to_owned();
    html(&TrendsPage {
        nav: "trends",
        flagged: line(&trends.flagged_per_hour, 720, 140),
        posts: line(&trends.posts_per_hour, 720, 140),
        flagged_sum: number(trends.flagged_per_hour.iter().sum()),
        posts_sum: number(trends.posts_per_hour.iter().sum()),
        groups: vec![
            ("trends.by_head", bars(&trends.by_head, |name| v.t.of("head", name))),
            ("trends.by_source", bars(&trends.by_source, plain)),
            ("trends.by_language", bars(&trends.by_language, plain)),
            ("trends.by_rule", bars(&trends.by_rule, plain)),
        ],
        v,
    })
}

struct SourceRow {
    name: String,
    state: &'static str,
    last_hour: String,
    last_seen: String,
    legal_basis: String,
}

#[derive(Template)]
#[template(path = "system.html")]
struct SystemPage {
    v: Viewer,
    nav: &'static str,
    stages: Vec<StageFigures>,
    sources: Vec<SourceRow>,
    dead: Vec<Count>,
    versions: Vec<(String, String)>,
    database: bool,
}

pub(crate) async fn system(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    let (system, now) = (desk.figures.system().await?, desk.now());
    let sources = system.sources.into_iter().map(|source| SourceRow {
        last_hour: number(source.last_hour),
        last_seen: source.last_seen.map(|at| age(at, now)).unwrap_or_else(|| "–".to_owned()),
        name: source.name,
        state: source.state,
        legal_basis: source.legal_basis,
    });
    html(&SystemPage {
        sources: sources.collect(),
        stages: system.stages,
        dead: system.dead,
        versions: system.versions,
        database: desk.cases.ping().await.is_ok(),
        nav: "system",
        v,
    })
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    v: Viewer,
    nav: &'static str,
    since: String,
    until: String,
    total: usize,
    kinds: Vec<Bar>,
    norms: Vec<Bar>,
    reasons: Vec<Bar>,
    states: Vec<Bar>,
    outcomes: Vec<Bar>,
}

/// Counts of the last three months; nothing in it names a person.
pub(crate) async fn report(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    let now = desk.now();
    let since = now.plus_secs(-REPORT_DAYS * 86_400);
    let decisions = desk.cases.decisions(since, MAX_DECISIONS).await?;
    let (mut kinds, mut norms, mut reasons) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    for decision in &decisions {
        *kinds.entry(decision.kind.clone()).or_insert(0u64) += 1;
        match decision.kind.as_str() {
            "suspect" => {
                decision.what.split(' ').for_each(|norm| *norms.entry(norm.to_owned()).or_insert(0u64) += 1);
            }
            "dismiss" => *reasons.entry(decision.what.clone()).or_insert(0u64) += 1,
            _ => {}
        }
    }
    let mut outcomes = BTreeMap::new();
    for row in desk.cases.cases(Some(streife_cases::workflow::CaseState::Outcome), MAX_DECISIONS).await? {
        if let Some(outcome) = row.case.outcome {
            *outcomes.entry(outcome.as_str().to_owned()).or_insert(0u64) += 1;
        }
    }
    let list = |map: BTreeMap<String, u64>| map.into_iter().collect::<Vec<Count>>();
    let states = desk.cases.states().await?.into_iter().map(|(s, n)| (s, u64::try_from(n).unwrap_or(0)));
    html(&ReportPage {
        nav: "report",
        since: moment(since),
        until: moment(now),
        total: decisions.len(),
        kinds: bars(&list(kinds), |name| v.t.of("decision", name)),
        norms: bars(&list(norms), str::to_owned),
        reasons: bars(&list(reasons), |name| v.t.of("dismiss", name)),
        states: bars(&states.collect::<Vec<_>>(), |name| v.t.of("state", name)),
        outcomes: bars(&list(outcomes), |name| v.t.of("outcome", name)),
        v,
    })
}
