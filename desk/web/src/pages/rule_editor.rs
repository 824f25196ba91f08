//! One rule, list or suppression: editor with live check, versions with their differences, the steps to go live.

use askama::Template;
use axum::extract::{Extension, Form, Path, Query, State};
use axum::response::{Html, Redirect};
use streife_cases::role::Action;
use streife_cases::rulebook::{
    Change, Kind, MIN_REASON_CHARS, Refusal, Stage, Text, Version, called, rendered,
};

use super::figures::{Bar, bars};
use super::rules::{base, brought, may_take_over};
use super::show::{day, moment, number};
use super::{Fields, html, said};
use crate::diff::{self, Mark};
use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use crate::interval::share;
use crate::jobs::JobView;
use crate::lab::{BacktestFigures, Preview, RuleReport, RuleText};
use crate::reader::RuleFigures;
use crate::routes::Route;
use crate::spans::Piece;
use crate::state::DeskState;

const NEW_RULE: &str = include_str!("../../assets/new-rule.yaml");
const NEW_LIST: &str = include_str!("../../assets/new-list.yaml");
const NEW_SUPPRESSION: &str = include_str!("../../assets/new-suppression.yaml");

pub(crate) struct VersionRow {
    number: i64,
    stage: &'static str,
    changed: String,
    people: String,
}

/// The report of a backtest, for people.
pub(crate) struct ReportView {
    at: String,
    days: i64,
    posts: String,
    hits: String,
    per_day: Vec<Bar>,
    overlap: Vec<Bar>,
    days_over_quota: u32,
    precision: String,
    sample: usize,
}

/// Hits of the last days, the quota and the alarm.
pub(crate) struct ChartView {
    days: Vec<Bar>,
    today: String,
    over_quota: bool,
    quota: String,
    odd: bool,
}

/// What a draft hits.
pub(crate) struct PreviewView {
    pub(crate) hits: String,
    pub(crate) posts: String,
    pub(crate) complete: bool,
    pub(crate) per_hour: String,
    pub(crate) shown: Vec<(Vec<Piece>, String)>,
}

#[derive(Template)]
#[template(path = "rule.html")]
pub(crate) struct RulePage {
    v: Viewer,
    nav: &'static str,
    kind: Kind,
    base: &'static str,
    id: String,
    source: String,
    version: Option<Version>,
    latest: bool,
    installed: Option<&'static str>,
    versions: Vec<VersionRow>,
    diff: Vec<(Mark, String)>,
    diff_with: i64,
    report: RuleReport,
    backtest: Option<ReportView>,
    job: Option<JobView>,
    chart: Option<ChartView>,
    preview: Option<PreviewView>,
    may_write: bool,
    may_take_over: bool,
    steps: Vec<&'static str>,
    ask_note: bool,
    own_work: bool,
    min_reason: usize,
}

#[derive(Template)]
#[template(path = "problems.html")]
struct Problems {
    v: Viewer,
    report: RuleReport,
}

/// The kind a route is about.
pub(crate) fn kind_of(route: &Route) -> Kind {
    Kind::ALL.into_iter().find(|kind| route.path.starts_with(base(*kind))).unwrap_or(Kind::Rule)
}

/// A text with what the book has published beside it.
pub(crate) async fn rule_text(
    desk: &DeskState,
    v: &Viewer,
    kind: Kind,
    id: &str,
    source: &str,
) -> Result<RuleText, Fault> {
    let (_, book) = v.cases.rule_book().published().await?;
    let source = source.replace("\r\n", "\n");
    let tenant = v.cases.tenant();
    Ok(RuleText { tenant, kind, id: id.to_owned(), source, book, today: day(desk.now()) })
}

pub(crate) async fn show(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Extension(route): Extension<&'static Route>,
    Path(id): Path<String>,
    Query(query): Query<Fields>,
) -> Result<Html<String>, Fault> {
    let wanted = said(&query, "v").parse::<i64>().ok();
    html(&page(&desk, v, kind_of(route), &id, wanted, None, None).await?)
}

/// The page of an entry; `source` and `preview` when a draft is tried that is not saved.
pub(crate) async fn page(
    desk: &DeskState,
    v: Viewer,
    kind: Kind,
    id: &str,
    wanted: Option<i64>,
    source: Option<String>,
    preview: Option<Preview>,
) -> Result<RulePage, Fault> {
    let versions = v.cases.rule_book().entry(kind, id).await?;
    let brought = brought(desk, &v).await?.into_iter().find(|one| one.kind == kind && one.id == id);
    let at = match wanted {
        Some(number) => versions.iter().position(|v| v.number == number).ok_or_else(Fault::not_found)?,
        None => versions.len().saturating_sub(1),
    };
    let version = versions.get(at).cloned();
    if version.is_none() && brought.is_none() && id != "new" {
        return Err(Fault::not_found());
    }
    let latest = at + 1 >= versions.len();
    let source = source
        .or_else(|| version.as_ref().map(|version| version.text.source.clone()))
        .or_else(|| brought.as_ref().map(|one| one.source.clone()))
        .unwrap_or_else(|| begin(kind, &v, desk));
    let report = desk.rules.check(&rule_text(desk, &v, kind, id, &source).await?, v.t.german());
    let before = at.checked_sub(1).and_then(|before| versions.get(before));
    let old = before.map(|b| b.text.source.clone()).or_else(|| {
        // A first version that was taken over from the rule folder is compared with what lies there.
        brought.as_ref().filter(|_| version.is_some()).map(|one| one.source.clone())
    });
    let quota = report.about.as_ref().and_then(|about| about.quota);
    let chart = match &version {
        Some(version) if kind == Kind::Rule && version.stage != Stage::Draft => true,
        None => kind == Kind::Rule && brought.is_some(),
        _ => false,
    };
    let called = called(&v.cases.tenant(), id);
    // What the house's rules hit is counted over everybody's sources: no figure for a tenant.
    let chart = chart && (version.is_some() || v.cases.tenant().is_house());
    let chart = if chart { Some(chart_view(&desk.figures.rule(&called).await?, quota)) } else { None };
    let number = version.as_ref().map_or(0, |version| version.number);
    let steps = version.as_ref().map(|version| steps(&v, version, &report)).unwrap_or_default();
    Ok(RulePage {
        nav: "rules",
        kind,
        base: base(kind),
        id: id.to_owned(),
        diff_with: before.map_or(0, |before| before.number),
        diff: old.map(|old| diff::lines(&old, &source)).unwrap_or_default(),
        source,
        latest,
        installed: brought.as_ref().map(|one| one.state),
        backtest: version.as_ref().and_then(report_view),
        job: desk.backtests.view(&called, number),
        chart,
        preview: preview.map(|preview| preview_view(&preview)),
        may_write: v.may(Action::WriteRules)
            && latest
            && (version.is_some() || brought.is_none() || may_take_over(&v)),
        may_take_over: may_take_over(&v),
        ask_note: steps.iter().any(|step| needs_reason(step)),
        own_work: version.as_ref().is_some_and(|version| {
            v.may(Action::ApproveRules)
                && (version.is_by(&v.user) || version.asked_by.as_deref() == Some(v.user.as_str()))
        }),
        steps,
        report,
        versions: versions.iter().rev().map(row).collect(),
        version,
        min_reason: MIN_REASON_CHARS,
        v,
    })
}

/// A text to begin with: all required fields, in the name of who writes, with a review date that is allowed.
fn begin(kind: Kind, v: &Viewer, desk: &DeskState) -> String {
    const REVIEW_DAYS: i64 = 60;
    let text = match kind {
        Kind::Rule => NEW_RULE,
        Kind::List => NEW_LIST,
        Kind::Suppression => NEW_SUPPRESSION,
    };
    let review = day(desk.now().plus_secs(REVIEW_DAYS * 86_400));
    text.replace("OWNER", &v.user).replace("REVIEW_BY", &review)
}

fn row(version: &Version) -> VersionRow {
    let approved = version.approver.as_ref().map(|approver| format!(" → {approver}")).unwrap_or_default();
    VersionRow {
        number: version.number,
        stage: version.stage.as_str(),
        changed: moment(version.updated_at),
        people: format!("{}{approved}", version.authors.join(", ")),
    }
}

pub(crate) fn needs_reason(step: &str) -> bool {
    matches!(step, "send_back" | "pause" | "retire")
}

/// What this person can do with this version; the database decides again when it is done.
fn steps(v: &Viewer, version: &Version, report: &RuleReport) -> Vec<&'static str> {
    let (writes, approves) = (v.may(Action::WriteRules), v.may(Action::ApproveRules));
    let open = matches!(version.stage, Stage::Draft | Stage::Shadow);
    let asked = version.asked_by.is_some();
    let foreign = !version.is_by(&v.user) && version.asked_by.as_deref() != Some(v.user.as_str());
    let rule = version.kind == Kind::Rule;
    let can = [
        ("backtest", rule && writes && open && report.sound()),
        ("shadow", rule && writes && version.stage == Stage::Draft && report.sound()),
        ("ask", writes && open && !asked && report.sound() && (!rule || version.backtest.is_some())),
        ("approve", approves && open && asked && foreign && report.sound()),
        ("send_back", approves && open && asked && foreign),
        ("pause", approves && foreign && version.stage == Stage::Live),
        ("resume", approves && foreign && version.stage == Stage::Paused),
        (
            "retire",
            (writes && open) || (approves && foreign && matches!(version.stage, Stage::Live | Stage::Paused)),
        ),
    ];
    can.into_iter().filter(|(_, can)| *can).map(|(step, _)| step).collect()
}

fn report_view(version: &Version) -> Option<ReportView> {
    let figures: BacktestFigures = serde_json::from_value(version.backtest.clone()?).ok()?;
    let (meant, labelled) = figures.labelled();
    let list = |map: &std::collections::BTreeMap<String, u64>| -> Vec<(String, u64)> {
        map.iter().map(|(name, n)| (name.clone(), *n)).collect()
    };
    let mut overlap = list(&figures.overlap);
    overlap.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    overlap.truncate(10);
    Some(ReportView {
        at: moment(streife_domain::Timestamp::from_micros(figures.at)),
        days: figures.days,
        posts: number(figures.posts),
        hits: number(figures.hits),
        per_day: bars(&list(&figures.per_day), str::to_owned),
        overlap: bars(&overlap, str::to_owned),
        days_over_quota: figures.days_over_quota,
        precision: share(meant, labelled),
        sample: figures.sample.len(),
    })
}

fn chart_view(figures: &RuleFigures, quota: Option<u32>) -> ChartView {
    let today = figures.days.last().map_or(0, |day| day.hits);
    let days: Vec<(String, u64)> = figures.days.iter().map(|day| (day.day.clone(), day.hits)).collect();
    ChartView {
        days: bars(&days, str::to_owned),
        today: number(today),
        over_quota: quota.is_some_and(|quota| today > u64::from(quota)),
        quota: quota.map(|quota| number(u64::from(quota))).unwrap_or_default(),
        odd: figures.odd,
    }
}

fn preview_view(preview: &Preview) -> PreviewView {
    let shown = preview
        .shown
        .iter()
        .map(|hit| {
            let about =
                format!("{} · {} · {}", hit.post.platform, hit.language, moment(hit.post.observed_at));
            (crate::spans::cut(&hit.post.text, &hit.spans), about)
        })
        .collect();
    PreviewView {
        hits: number(preview.hits),
        posts: number(preview.posts),
        complete: preview.complete,
        per_hour: super::show::line(&preview.per_hour, 720, 60),
        shown,
    }
}

/// The live check: only the list of problems, for swapping into the page.
pub(crate) async fn check(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Query(query): Query<Fields>,
    Form(fields): Form<Fields>,
) -> Result<Html<String>, Fault> {
    let kind = Kind::parse(said(&query, "kind")).unwrap_or(Kind::Rule);
    let source = fields.get("source").map_or("", String::as_str);
    let id = Text::read(kind, source).map(|(id, _)| id).unwrap_or_default();
    let report = desk.rules.check(&rule_text(&desk, &v, kind, &id, source).await?, v.t.german());
    html(&Problems { v, report })
}

pub(crate) async fn save(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Extension(route): Extension<&'static Route>,
    Path(address): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let kind = kind_of(route);
    let (id, text) =
        Text::read(kind, fields.get("source").map_or("", String::as_str)).map_err(Wrong::Book)?;
    if address != "new" && address != id {
        // Renaming would tear a rule from its history; a copy is a new entry.
        return Err(Wrong::NameStays.into());
    }
    let (book, actor) = (v.cases.rule_book(), v.actor(Action::WriteRules)?);
    let known = !book.entry(kind, &id).await?.is_empty();
    // The house's rules run for all: a tenant writes its own beside them, under names of its own.
    let the_houses =
        !may_take_over(&v) && brought(&desk, &v).await?.iter().any(|one| one.kind == kind && one.id == id);
    if address == "new" && known || the_houses && !known {
        return Err(Wrong::NameTaken.into());
    }
    book.apply(kind, &id, 0, &actor, Change::Save { text }, desk.now()).await?;
    desk.announce("rules");
    Ok(Redirect::to(&format!("{}/{id}", base(kind))))
}

pub(crate) async fn make_move(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Extension(route): Extension<&'static Route>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let (kind, reason) = (kind_of(route), said(&fields, "note").to_owned());
    let seen = said(&fields, "version").parse::<i64>().map_err(|_| Wrong::Book(Refusal::NoSuchVersion))?;
    let what = match said(&fields, "to") {
        "shadow" => Change::Shadow,
        "ask" => Change::Ask,
        "approve" => Change::Approve { note: reason },
        "send_back" => Change::SendBack { reason },
        "pause" => Change::Pause { reason },
        "resume" => Change::Resume,
        "retire" => Change::Retire { reason },
        _ => return Err(Fault::not_offered()),
    };
    let book = v.cases.rule_book();
    let versions = book.entry(kind, &id).await?;
    let version = versions.iter().find(|version| version.number == seen).ok_or_else(Fault::not_found)?;
    // Who may not is told so, before anything is said of the text.
    let writing = matches!(what, Change::Shadow | Change::Ask)
        || (matches!(what, Change::Retire { .. }) && matches!(version.stage, Stage::Draft | Stage::Shadow));
    let actor = v.actor(if writing { Action::WriteRules } else { Action::ApproveRules })?;
    if matches!(what, Change::Shadow | Change::Ask | Change::Approve { .. } | Change::Resume) {
        may_work(&desk, &v, version, &what).await?;
    }
    book.apply(kind, &id, seen, &actor, what, desk.now()).await?;
    desk.announce("rules");
    Ok(Redirect::to(&format!("{}/{id}", base(kind))))
}

/// Whatever workers are to run compiles, passes its tests, and goes live only as the rule engine's own check says.
async fn may_work(desk: &DeskState, v: &Viewer, version: &Version, what: &Change) -> Result<(), Fault> {
    // What is checked is what workers get: the text with its number and stage.
    let source = rendered(version, &version.id);
    let text = rule_text(desk, v, version.kind, &version.id, &source).await?;
    if !desk.rules.check(&text, v.t.german()).sound() {
        return Err(Wrong::RuleErrors.into());
    }
    if version.kind == Kind::Rule
        && matches!(what, Change::Approve { .. } | Change::Resume)
        && let Some(why) = desk.rules.not_live(&text, &v.user, version.backtest.is_some())
    {
        return Err(Wrong::NotLive(why).into());
    }
    Ok(())
}
