//! The queue: ranked by parts, with a daily budget and what fell below it.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::extract::{Extension, Form, Query, State};
use axum::response::{Html, Redirect};
use streife_cases::role::Action;
use streife_cases::store::{ClaimOutcome, NewItem};
use streife_cases::workflow::{Case, CaseState};
use streife_domain::{Head, PostId, Priority, Timestamp};

use super::item::rules_of;
use super::show::{age, number};
use super::{Fields, html, said};
use crate::audited::Audited;
use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use crate::heads::QueueHead;
use crate::priority::{Order, Parts};
use crate::reader::{FlaggedItem, Place, QueueFilter};
use crate::state::DeskState;
use crate::wellness::since_break;

/// Rows of one page; the budget of a day is far below.
const MAX_ROWS: usize = 200;
/// Places looked at for one page: rows, and what others decided within the last seconds.
const LOOKED_AT: usize = 400;
/// The queue that items are filed in. A name of our own: nothing of a post goes into the ledgers.
const QUEUE: &str = "triage";
/// Items a team can decide a day, unless the settings say otherwise.
pub(crate) const DEFAULT_BUDGET: usize = 90;

pub(crate) struct Part {
    pub(crate) key: &'static str,
    pub(crate) percent: u8,
}

pub(crate) struct Row {
    id: String,
    level: &'static str,
    lead: String,
    language: String,
    platform: String,
    age: String,
    labels: Vec<String>,
    rules: Vec<String>,
    copies: u64,
    reach: String,
    deleted: bool,
    held_by: String,
    parts: Vec<Part>,
}

#[derive(Template)]
#[template(path = "queue.html")]
struct QueuePage {
    v: Viewer,
    nav: &'static str,
    rows: Vec<Row>,
    below: String,
    more: bool,
    budget: usize,
    decided: usize,
    high: String,
    waiting: String,
    order: String,
    level: String,
    language: String,
    source: String,
    head: String,
    languages: BTreeSet<String>,
    sources: BTreeSet<String>,
    words: String,
    lane: &'static str,
    second_looks: usize,
    dangers: usize,
    may_set_budget: bool,
    suggest_break: bool,
    may_decide: bool,
}

pub(crate) fn parts_of(parts: &Parts) -> Vec<Part> {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "parts lie between 0 and 1")]
    let percent = |value: f64| (value.clamp(0.0, 1.0) * 100.0).round() as u8;
    vec![
        Part { key: "severity", percent: percent(parts.severity) },
        Part { key: "confidence", percent: percent(parts.confidence) },
        Part { key: "reach", percent: percent(parts.reach) },
        Part { key: "decay", percent: percent(parts.decay) },
    ]
}

/// First words of a text, for a list.
pub(crate) fn lead(text: &str) -> String {
    const CHARS: usize = 140;
    let mut lead: String = text.chars().take(CHARS).collect();
    if text.chars().nth(CHARS).is_some() {
        lead.push('…');
    }
    lead
}

fn filter(query: &Fields) -> QueueFilter {
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
        campaign: u64::from_str_radix(said(query, "campaign"), 16).ok(),
        words: some("words").map(|words| words.chars().take(100).collect()),
        ..QueueFilter::default()
    }
}

/// Places that still wait, with who holds them (`""` when nobody does).
async fn still_waiting(v: &Viewer, places: &[Place]) -> Result<Vec<(Place, String)>, Fault> {
    let ids: Vec<String> = places.iter().map(|place| place.id.to_string()).collect();
    let touched: HashMap<String, (String, String)> = v
        .cases
        .touched_of(&ids)
        .await?
        .into_iter()
        .map(|(post, state, holder)| (post, (state, holder)))
        .collect();
    Ok(places
        .iter()
        .zip(ids)
        .filter_map(|(place, id)| match touched.get(&id) {
            None => Some((*place, String::new())),
            Some((state, holder)) if state == "claimed" => Some((*place, holder.clone())),
            Some(_) => None,
        })
        .collect())
}

pub(crate) fn start_of_day(now: Timestamp) -> Timestamp {
    Timestamp::from_secs(now.as_secs() - now.as_secs().rem_euclid(86_400))
}

/// Items that the team can decide a day in a queue.
async fn budget(v: &Viewer) -> Result<usize, Fault> {
    let set = v.cases.setting(&v.cases.site_scope(), &format!("budget/{QUEUE}")).await?;
    Ok(set.and_then(|budget| budget.parse().ok()).unwrap_or(DEFAULT_BUDGET))
}

/// Cases that wait in a lane beside the queue; for the second look those that `v` has not seen first.
async fn lane(v: &Viewer, state: CaseState) -> Result<Vec<PostId>, Fault> {
    let cases = v.cases.cases(Some(state), MAX_ROWS as i64).await?;
    let open = |case: &Case| match state {
        CaseState::SecondLook => {
            case.second.is_none() && case.first.as_ref().is_none_or(|(by, _)| *by != v.user)
        }
        _ => true,
    };
    // Longest waiting first; the list comes latest change first.
    Ok(cases
        .iter()
        .rev()
        .filter(|row| open(&row.case))
        .filter_map(|row| row.case.post_id.parse().ok())
        .collect())
}

pub(crate) async fn list(
    State(desk): State<DeskState>,
    audited: Audited,
    Query(query): Query<Fields>,
) -> Result<Html<String>, Fault> {
    let now = desk.now();
    let v = audited.viewer.clone();
    let today = start_of_day(now);
    let decided = usize::try_from(audited.viewer.cases.decided_since(today, "").await?).unwrap_or(0);
    let times = audited.viewer.cases.decision_times(&v.user, today).await?;
    let budget = budget(&v).await?;
    let seconds = lane(&v, CaseState::SecondLook).await?;
    let dangers = if v.may(Action::Emergency) { lane(&v, CaseState::Danger).await? } else { Vec::new() };
    let head = audited.head(&filter(&query), Order::parse(said(&query, "order"))).await?;
    let (lane, items, held): (_, Vec<FlaggedItem>, HashMap<PostId, String>) = match said(&query, "lane") {
        "second" => ("second", audited.items(&seconds).await?, HashMap::new()),
        "danger" => ("danger", audited.items(&dangers).await?, HashMap::new()),
        _ => {
            let left = if query.contains_key("all") {
                MAX_ROWS
            } else {
                budget.saturating_sub(decided).min(MAX_ROWS)
            };
            let looked_at = &head.places[..head.places.len().min(LOOKED_AT)];
            let mut waiting = still_waiting(&v, looked_at).await?;
            waiting.truncate(left);
            let places: Vec<Place> = waiting.iter().map(|(place, _)| *place).collect();
            let held = waiting.into_iter().map(|(place, holder)| (place.id, holder)).collect();
            ("", audited.at_places(&places).await?, held)
        }
    };
    let holder = |item: &FlaggedItem| held.get(&item.post.post_id).map_or("", String::as_str);
    let rows: Vec<Row> =
        items.iter().map(|item| row(&v, item, &Parts::of(item, now), holder(item), now)).collect();
    let text = |name: &str| said(&query, name).to_owned();
    let or_chosen = |mut found: BTreeSet<String>, name: &str| {
        found.extend(Some(text(name)).filter(|chosen| !chosen.is_empty()));
        found
    };
    html(&QueuePage {
        nav: "queue",
        below: number(head.size.total.saturating_sub(rows.len() as u64)),
        more: head.size.total > rows.len() as u64,
        waiting: number(head.size.total),
        high: number(head.size.high),
        budget,
        decided,
        order: text("order"),
        level: text("level"),
        language: text("language"),
        source: text("source"),
        head: text("head"),
        words: text("words"),
        languages: or_chosen(
            items.iter().map(|item| item.verdict.language.code.clone()).collect(),
            "language",
        ),
        sources: or_chosen(items.iter().map(|item| item.post.source.clone()).collect(), "source"),
        lane,
        second_looks: seconds.len(),
        dangers: dangers.len(),
        may_set_budget: v.may(Action::Approve),
        suggest_break: v.prefs.break_after > 0
            && i64::try_from(since_break(&times, now)).unwrap_or(0) >= v.prefs.break_after,
        may_decide: v.may(Action::Decide),
        rows,
        v,
    })
}

/// How much the team can decide a day; set by who answers for it.
pub(crate) async fn set_budget(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let budget: u16 = said(&fields, "budget").parse().map_err(|_| Wrong::BadBudget)?;
    let name = format!("budget/{QUEUE}");
    v.cases.save_settings(&v.cases.site_scope(), &[(name.as_str(), budget.to_string().as_str())]).await?;
    let details = serde_json::json!({ "budget": budget });
    v.cases.audit(v.note(desk.now(), "queue.budget", QUEUE, "", details)).await?;
    desk.announce("queue");
    Ok(Redirect::to("/queue"))
}

fn row(v: &Viewer, item: &FlaggedItem, parts: &Parts, held: &str, now: Timestamp) -> Row {
    Row {
        id: item.post.post_id.to_string(),
        level: item.verdict.priority.as_str(),
        lead: lead(&item.post.text),
        language: item.verdict.language.code.clone(),
        platform: item.post.platform.clone(),
        age: age(item.post.observed_at, now),
        labels: item.verdict.labels.iter().map(|head| v.t.of("head", head.as_str())).collect(),
        rules: item.verdict.hits.iter().map(|hit| v.t.of("rule_name", &hit.rule)).collect(),
        copies: item.copies,
        reach: item.reach.and_then(|reach| reach.views).map(number).unwrap_or_default(),
        deleted: !item.changes.is_empty(),
        held_by: held.to_owned(),
        parts: parts_of(parts),
    }
}

pub(crate) fn new_item(item: &FlaggedItem) -> NewItem {
    NewItem {
        post_id: item.post.post_id.to_string(),
        campaign: item.post.campaign.to_string(),
        queue: QUEUE.to_owned(),
        rules: rules_of(item),
    }
}

/// Claims the most urgent free item and shows it.
pub(crate) async fn next(State(desk): State<DeskState>, audited: Audited) -> Result<Redirect, Fault> {
    Ok(match claim_next(&desk, &audited).await? {
        Some(id) => Redirect::to(&format!("/items/{id}")),
        None => Redirect::to("/queue"),
    })
}

/// Claims the most urgent item that nobody holds.
pub(crate) async fn claim_next(desk: &DeskState, audited: &Audited) -> Result<Option<PostId>, Fault> {
    let all = QueueFilter::default();
    let head = audited.head(&all, Order::Mixed).await?;
    if let Some(id) = claim_of(desk, audited, &head).await? {
        return Ok(Some(id));
    }
    // All that it names is taken since: nobody goes away with empty hands because of that.
    let head = audited.head_after(&head, &all, Order::Mixed).await?;
    claim_of(desk, audited, &head).await
}

/// Claims the first item of a head that nobody holds.
async fn claim_of(desk: &DeskState, audited: &Audited, head: &QueueHead) -> Result<Option<PostId>, Fault> {
    let actor = audited.viewer.actor(Action::Decide)?;
    for places in head.places.chunks(LOOKED_AT / 4) {
        for (place, held) in still_waiting(&audited.viewer, places).await? {
            let mine = held == actor.user;
            if !(mine || held.is_empty() && audited.reserve(place.id)) {
                continue;
            }
            let Some(item) = audited.at_places(&[place]).await?.pop() else { continue };
            if let ClaimOutcome::Yours(_) =
                audited.viewer.cases.claim(&new_item(&item), &actor, desk.now()).await?
            {
                desk.announce("queue");
                return Ok(Some(place.id));
            }
        }
    }
    Ok(None)
}
