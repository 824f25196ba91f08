//! Trends for analysts: flagged posts over time by source, language, head, rule; bursts; views kept as addresses.

use askama::Template;
use axum::extract::{Extension, Form, Query, State};
use axum::response::{Html, Redirect};
use serde_json::{Value, json};
use streife_domain::{Head, Priority, Timestamp};

use super::show::{line, number};
use super::{Fields, html, said};
use crate::burst::{burst, past_is_known};
use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use crate::reader::{By, QueueFilter, Series};
use crate::state::DeskState;

/// Series drawn; the rest is counted together.
const MAX_SERIES: usize = 12;
/// Views that one person keeps at most.
const MAX_VIEWS: usize = 30;
const VIEW: &str = "view/";
/// What an address of this page may carry.
const FIELDS: [&str; 7] = ["days", "by", "level", "source", "language", "head", "rule"];
const DAYS: [u32; 4] = [2, 7, 14, 30];

struct SeriesRow {
    name: String,
    total: String,
    now: String,
    line: String,
    burst: String,
    link: String,
}

struct View {
    name: String,
    link: String,
}

#[derive(Template)]
#[template(path = "trends.html")]
struct TrendsPage {
    v: Viewer,
    nav: &'static str,
    days: u32,
    all_days: [u32; 4],
    by: By,
    all_by: [By; 5],
    level: String,
    source: String,
    language: String,
    head: String,
    rule: String,
    flagged: String,
    flagged_sum: String,
    posts: String,
    posts_sum: String,
    rows: Vec<SeriesRow>,
    more: usize,
    bursts: usize,
    views: Vec<View>,
    address: String,
    may_export: bool,
    has_charts: bool,
    /// The series as uPlot takes them.
    chart: String,
    /// Empty without Grafana, and for tenants: its figures are the whole site's.
    grafana: String,
}

/// Series drawn over each other at most; more cannot be told apart.
const MAX_LINES: usize = 5;

/// All flagged posts by hour, and the largest series beside them.
fn chart(v: &Viewer, flagged: &[u64], rows: &[SeriesRow], series: &[Series], now: Timestamp) -> String {
    let hours = i64::try_from(flagged.len()).unwrap_or(1) - 1;
    let from = (now.as_secs().div_euclid(3_600) - hours) * 3_600;
    let all = json!({ "name": v.t.get("trends.flagged"), "values": flagged });
    let parts = rows.iter().zip(series).take(MAX_LINES);
    let parts = parts.map(|(row, one)| json!({ "name": row.name, "values": one.per_hour }));
    let series: Vec<Value> = std::iter::once(all).chain(parts).collect();
    json!({ "from": from, "step": 3_600, "time": v.t.get("audit.when"), "series": series }).to_string()
}

/// The store's filter of an address.
pub(crate) fn filter(query: &Fields) -> QueueFilter {
    let some = |name: &str| Some(said(query, name).to_owned()).filter(|value| !value.is_empty());
    QueueFilter {
        level: match said(query, "level") {
            "high" => Some(Priority::High),
            "medium" => Some(Priority::Medium),
            "low" => Some(Priority::Low),
            _ => None,
        },
        language: some("language"),
        source: some("source"),
        head: said(query, "head").parse::<Head>().ok(),
        rule: some("rule"),
        ..QueueFilter::default()
    }
}

/// The known fields of a query as an address; whatever else was there is gone.
pub(crate) fn address(query: &Fields, changed: &[(&str, &str)]) -> String {
    let value = |name: &str| {
        let set = changed.iter().find(|(key, _)| *key == name).map(|(_, value)| (*value).to_owned());
        set.unwrap_or_else(|| said(query, name).chars().take(120).collect())
    };
    let pairs: Vec<(&str, String)> =
        FIELDS.iter().map(|name| (*name, value(name))).filter(|(_, value)| !value.is_empty()).collect();
    serde_urlencoded::to_string(pairs).unwrap_or_default()
}

fn row(v: &Viewer, query: &Fields, by: By, series: &Series, past_is_known: bool) -> SeriesRow {
    let name = match by {
        By::Head => v.t.of("head", &series.name),
        By::Rule => v.t.of("rule_name", &series.name),
        _ => series.name.clone(),
    };
    SeriesRow {
        name,
        total: number(series.total()),
        now: number(series.per_hour.iter().rev().take(3).sum()),
        line: line(&series.per_hour, 120, 28),
        burst: burst(&series.per_hour)
            .filter(|_| past_is_known)
            .map(|sigma| format!("{sigma:.0} σ"))
            .unwrap_or_default(),
        link: address(query, &[(by.as_str(), &series.name)]),
    }
}

pub(crate) async fn trends(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Query(query): Query<Fields>,
) -> Result<Html<String>, Fault> {
    let days = said(&query, "days").parse::<u32>().ok().filter(|days| DAYS.contains(days)).unwrap_or(DAYS[0]);
    let by = By::parse(said(&query, "by"));
    let sources = desk.scope(&v).await?;
    let filter = QueueFilter { sources: sources.clone(), ..filter(&query) };
    let mut series = desk.series(&v, &filter, days * 24, by).await?;
    series.sort_by(|a, b| b.total().cmp(&a.total()).then_with(|| a.name.cmp(&b.name)));
    // A post counts once here, however many rules or heads it has: told apart by source it has exactly one.
    let once = if by == By::Source {
        series.clone()
    } else {
        desk.series(&v, &filter, days * 24, By::Source).await?
    };
    let mut flagged = vec![0u64; days as usize * 24 + 1];
    for one in &once {
        flagged.iter_mut().zip(&one.per_hour).for_each(|(sum, n)| *sum += n);
    }
    let all = desk.trends(&v).await?;
    let known = past_is_known(&all.posts_per_hour);
    let rows: Vec<SeriesRow> =
        series.iter().take(MAX_SERIES).map(|one| row(&v, &query, by, one, known)).collect();
    let chart = chart(&v, &flagged, &rows, &series, desk.now());
    let views = v
        .cases
        .settings(&format!("user/{}", v.user))
        .await?
        .into_iter()
        .filter(|(_, link)| !link.is_empty())
        .filter_map(|(name, link)| Some(View { name: name.strip_prefix(VIEW)?.to_owned(), link }))
        .collect();
    let text = |name: &str| said(&query, name).to_owned();
    html(&TrendsPage {
        nav: "trends",
        flagged: line(&flagged, 720, 140),
        flagged_sum: number(flagged.iter().sum()),
        posts: line(&all.posts_per_hour, 720, 140),
        posts_sum: number(all.posts_per_hour.iter().sum()),
        bursts: rows.iter().filter(|row| !row.burst.is_empty()).count(),
        more: series.len().saturating_sub(MAX_SERIES),
        rows,
        days,
        all_days: DAYS,
        by,
        all_by: By::ALL,
        level: text("level"),
        source: text("source"),
        language: text("language"),
        head: text("head"),
        rule: text("rule"),
        address: address(&query, &[]),
        views,
        has_charts: desk.access.charts.is_some(),
        chart,
        grafana: desk.access.grafana.clone().filter(|_| v.cases.tenant().is_house()).unwrap_or_default(),
        may_export: v.may(streife_cases::role::Action::WriteRules),
        v,
    })
}

/// Keeps the present address under a name, or forgets one.
pub(crate) async fn keep_view(
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let name: String = said(&fields, "name").chars().filter(|c| !c.is_control()).take(60).collect();
    let asked: Fields = serde_urlencoded::from_str(said(&fields, "address")).unwrap_or_default();
    let address = address(&asked, &[]);
    let scope = format!("user/{}", v.user);
    let kept = v.cases.settings(&scope).await?;
    let views = kept.iter().filter(|(key, link)| key.starts_with(VIEW) && !link.is_empty()).count();
    let forget = fields.contains_key("forget");
    if name.is_empty() || (!forget && views >= MAX_VIEWS) {
        return Err(Wrong::BadView.into());
    }
    // An empty value is a view that was forgotten: settings are never deleted one by one.
    let value = if forget {
        String::new()
    } else if address.is_empty() {
        "days=2".to_owned()
    } else {
        address.clone()
    };
    v.cases.save_settings(&scope, &[(format!("{VIEW}{name}").as_str(), value.as_str())]).await?;
    Ok(Redirect::to(&format!("/trends?{address}")))
}
