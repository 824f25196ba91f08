//! Pages of figures: campaigns, state of the system. No content, no persons.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Html;

use super::html;
use super::show::{age, line, moment, number};
use crate::fault::Fault;
use crate::guard::Viewer;
use crate::reader::{CampaignFigures, Count, StageFigures};
use crate::state::DeskState;

pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) value: String,
    pub(crate) width: u64,
}

pub(crate) fn bars(counts: &[Count], name: impl Fn(&str) -> String) -> Vec<Bar> {
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
    let sources = desk.scope(&v).await?;
    let rows = desk.figures.campaigns(&sources).await?.into_iter().map(|figures| CampaignRow {
        key: format!("{:016x}", figures.key),
        first: moment(figures.first_seen),
        last: age(figures.last_seen, now),
        labels: figures.labels.iter().map(|head| v.t.of("head", head.as_str())).collect(),
        line: line(&figures.per_hour, 120, 28),
        figures,
    });
    html(&CampaignsPage { rows: rows.collect(), nav: "campaigns", v })
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
    /// Empty without Grafana, and for tenants: its figures are the whole site's.
    grafana: String,
    dashboards: [&'static str; 7],
}

/// Dashboards of `grafana/`, by the part of their uid after `streife-`.
const DASHBOARDS: [&str; 7] = ["flow", "sources", "scoring", "rules", "desk", "quality", "erasure"];

pub(crate) async fn system(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    let (system, now) = (desk.figures.system().await?, desk.now());
    let scope = desk.scope(&v).await?;
    let own = system.sources.into_iter().filter(|source| scope.contains(&source.name));
    let sources = own.map(|source| SourceRow {
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
        database: v.cases.ping().await.is_ok(),
        grafana: desk.access.grafana.clone().filter(|_| v.cases.tenant().is_house()).unwrap_or_default(),
        dashboards: DASHBOARDS,
        nav: "system",
        v,
    })
}
