//! The queue: ranked by parts, with a daily budget and what fell below it.

use std::collections::{BTreeSet, HashMap};

use askama::Template;
use axum::extract::{Query, State};
use axum::response::{Html, Redirect};
use streife_cases::role::Action;
use streife_cases::store::{ClaimOutcome, NewItem};
use streife_domain::{Head, Priority, Timestamp};

use super::show::{age, number};
use super::{Fields, html, said};
use crate::audited::Audited;
use crate::fault::Fault;
use crate::guard::Viewer;
use crate::priority::{Order, Parts, rank};
use crate::reader::{FlaggedItem, QueueFilter};
use crate::state::DeskState;

/// Items read for one page; the store orders by urgency, so what is beyond is less urgent.
const MAX_ITEMS: usize = 500;
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
    below: usize,
    budget: usize,
    decided: usize,
    high: usize,
    waiting: usize,
    order: String,
    level: String,
    language: String,
    source: String,
    head: String,
    languages: BTreeSet<String>,
    sources: BTreeSet<String>,
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
    }
}

/// What waits, ranked; items held by somebody are kept and marked.
async fn waiting(
    desk: &DeskState,
    audited: &Audited,
    query: &Fields,
) -> Result<Vec<(FlaggedItem, Parts, String)>, Fault> {
    let now = desk.now();
    let touched: HashMap<String, (String, String)> = desk
        .cases
        .touched()
        .await?
        .into_iter()
        .map(|(post, state, holder)| (post, (state, holder)))
        .collect();
    let mut items: Vec<(FlaggedItem, Parts)> = audited
        .flagged(&filter(query), MAX_ITEMS)
        .await?
        .into_iter()
        .filter(|item| {
            touched.get(&item.post.post_id.to_string()).is_none_or(|(state, _)| state == "claimed")
        })
        .map(|item| {
            let parts = Parts::of(&item, now);
            (item, parts)
        })
        .collect();
    rank(&mut items, Order::parse(said(query, "order")), now);
    Ok(items
        .into_iter()
        .map(|(item, parts)| {
            let holder =
                touched.get(&item.post.post_id.to_string()).map(|(_, h)| h.clone()).unwrap_or_default();
            (item, parts, holder)
        })
        .collect())
}

pub(crate) fn start_of_day(now: Timestamp) -> Timestamp {
    Timestamp::from_secs(now.as_secs() - now.as_secs().rem_euclid(86_400))
}

async fn budget(desk: &DeskState) -> Result<usize, Fault> {
    Ok(desk.cases.setting("site", "budget").await?.and_then(|b| b.parse().ok()).unwrap_or(DEFAULT_BUDGET))
}

pub(crate) async fn list(
    State(desk): State<DeskState>,
    audited: Audited,
    Query(query): Query<Fields>,
) -> Result<Html<String>, Fault> {
    let now = desk.now();
    let items = waiting(&desk, &audited, &query).await?;
    let decisions = desk.cases.decisions(start_of_day(now), 10_000).await?;
    let budget = budget(&desk).await?;
    let left = if query.contains_key("all") { usize::MAX } else { budget.saturating_sub(decisions.len()) };
    let v = audited.viewer.clone();
    let mine = decisions.iter().filter(|decision| decision.actor == v.user).count();
    let languages = items.iter().map(|(item, ..)| item.verdict.language.code.clone()).collect();
    let sources = items.iter().map(|(item, ..)| item.post.source.clone()).collect();
    let rows: Vec<Row> =
        items.iter().take(left).map(|(item, parts, held)| row(&v, item, parts, held, now)).collect();
    let text = |name: &str| said(&query, name).to_owned();
    html(&QueuePage {
        nav: "queue",
        below: items.len() - rows.len(),
        waiting: items.len(),
        high: items.iter().filter(|(item, ..)| item.verdict.priority == Priority::High).count(),
        rows,
        budget,
        decided: decisions.len(),
        order: text("order"),
        level: text("level"),
        language: text("language"),
        source: text("source"),
        head: text("head"),
        languages,
        sources,
        suggest_break: v.prefs.break_after > 0 && i64::try_from(mine).unwrap_or(0) >= v.prefs.break_after,
        may_decide: v.may(Action::Decide),
        v,
    })
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
        rules: item.verdict.hits.iter().map(|hit| hit.rule.clone()).collect(),
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
    }
}

/// Claims the most urgent free item and shows it.
pub(crate) async fn next(State(desk): State<DeskState>, audited: Audited) -> Result<Redirect, Fault> {
    let actor = audited.viewer.actor(Action::Decide)?;
    for (item, _, held) in waiting(&desk, &audited, &Fields::new()).await? {
        if !held.is_empty() && held != actor.user {
            continue;
        }
        if let ClaimOutcome::Yours(_) = desk.cases.claim(&new_item(&item), &actor, desk.now()).await? {
            desk.announce("queue");
            return Ok(Redirect::to(&format!("/items/{}", item.post.post_id)));
        }
    }
    Ok(Redirect::to("/queue"))
}
