//! One decision over a campaign: what it would hit, what is left out, one entry per item, and ten minutes to take it back.

use std::collections::HashSet;

use askama::Template;
use axum::extract::{Form, Path, Query, State};
use axum::response::{Html, Redirect};
use serde_json::json;
use streife_cases::role::Action;
use streife_cases::store::{BulkOutcome, MAX_BULK, NewItem};
use streife_cases::workflow::{CaseState, DismissReason, Move};
use streife_domain::PostId;

use super::item::{NormKey, decision, norm_keys};
use super::queue::{lead, new_item};
use super::show::moment;
use super::{Fields, html, said};
use crate::audited::Audited;
use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use crate::priority::Order;
use crate::reader::{FlaggedItem, QueueFilter};
use crate::state::{Counters, DeskState, random_token};

/// Letters of a batch's name.
const BATCH_CHARS: usize = 16;

struct Member {
    id: String,
    lead: String,
    platform: String,
    seen: String,
    /// Differs from the first member in more than case and punctuation: look twice.
    differs: bool,
}

#[derive(Template)]
#[template(path = "bulk.html")]
struct BulkPage {
    v: Viewer,
    nav: &'static str,
    campaign: String,
    members: Vec<Member>,
    beyond: u64,
    norms: Vec<NormKey>,
    dismissals: Vec<(&'static str, String)>,
    batch: String,
    done: String,
    skipped: String,
}

fn key(campaign: &str) -> Result<u64, Fault> {
    if campaign.len() > 16 {
        return Err(Fault::not_found());
    }
    u64::from_str_radix(campaign, 16).map_err(|_| Fault::not_found())
}

/// Members that still wait or that `v` holds.
async fn members(audited: &Audited, campaign: u64) -> Result<(Vec<FlaggedItem>, u64), Fault> {
    let filter = QueueFilter { campaign: Some(campaign), ..QueueFilter::default() };
    let head = audited.head(&filter, Order::Oldest).await?;
    let places = &head.places[..head.places.len().min(MAX_BULK)];
    let ids: Vec<String> = places.iter().map(|place| place.id.to_string()).collect();
    let me = &audited.viewer.user;
    let taken: HashSet<String> = audited
        .viewer
        .cases
        .touched_of(&ids)
        .await?
        .into_iter()
        .filter(|(_, state, holder)| state != CaseState::Claimed.as_str() || holder != me)
        .map(|(post, ..)| post)
        .collect();
    let places: Vec<_> =
        places.iter().filter(|place| !taken.contains(&place.id.to_string())).copied().collect();
    let beyond = head.size.total.saturating_sub(ids.len() as u64);
    Ok((audited.at_places(&places).await?, beyond))
}

fn letters(text: &str) -> String {
    text.chars().filter(|c| c.is_alphanumeric()).flat_map(char::to_lowercase).collect()
}

pub(crate) async fn show(
    audited: Audited,
    Path(id): Path<String>,
    Query(query): Query<Fields>,
) -> Result<Html<String>, Fault> {
    let campaign = key(&id)?;
    let (items, beyond) = members(&audited, campaign).await?;
    let v = audited.viewer.clone();
    let first = items.first().map(|item| letters(&item.post.text)).unwrap_or_default();
    let member = |item: &FlaggedItem| Member {
        id: item.post.post_id.to_string(),
        lead: lead(&item.post.text),
        platform: item.post.platform.clone(),
        seen: moment(item.post.observed_at),
        differs: letters(&item.post.text) != first,
    };
    let batch: String =
        said(&query, "batch").chars().filter(char::is_ascii_hexdigit).take(BATCH_CHARS).collect();
    let known = !batch.is_empty() && audited.viewer.cases.bulk_size(&batch, &v.user).await? > 0;
    html(&BulkPage {
        nav: "queue",
        campaign: format!("{campaign:016x}"),
        members: items.iter().map(member).collect(),
        beyond,
        norms: norm_keys(&v),
        dismissals: DismissReason::ALL.map(|r| (r.as_str(), v.t.of("dismiss", r.as_str()))).to_vec(),
        batch: if known { batch } else { String::new() },
        done: said(&query, "done").chars().filter(char::is_ascii_digit).take(6).collect(),
        skipped: said(&query, "skipped").chars().filter(char::is_ascii_digit).take(6).collect(),
        v,
    })
}

pub(crate) async fn decide(
    State(desk): State<DeskState>,
    audited: Audited,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let campaign = key(&id)?;
    let what = decision(&fields)?;
    let actor = audited.viewer.actor(Action::Decide)?;
    let chosen: HashSet<PostId> = fields
        .keys()
        .filter_map(|name| name.strip_prefix("item_"))
        .filter_map(|id| id.parse().ok())
        .collect();
    // Only what the page showed as waiting members can be chosen, whatever a form claims.
    let items: Vec<NewItem> = members(&audited, campaign)
        .await?
        .0
        .iter()
        .filter(|item| chosen.contains(&item.post.post_id))
        .map(new_item)
        .collect();
    if items.is_empty() {
        return Err(Wrong::NothingChosen.into());
    }
    let batch: String = random_token().chars().take(BATCH_CHARS).collect();
    let now = desk.now();
    let outcome = audited.viewer.cases.decide_bulk(&items, &actor, &batch, &what, now).await?;
    for _ in 0..outcome.done {
        Counters::add(&desk.counters.decisions);
    }
    record(&desk, &audited.viewer, "bulk.decide", campaign, &batch, &outcome, Some(&what)).await?;
    Ok(Redirect::to(&back(campaign, &batch, &outcome)))
}

pub(crate) async fn undo(
    State(desk): State<DeskState>,
    axum::extract::Extension(v): axum::extract::Extension<Viewer>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let campaign = key(&id)?;
    let batch = said(&fields, "batch");
    let actor = v.actor(Action::Decide)?;
    let outcome = v.cases.undo_bulk(batch, &actor, desk.now()).await?;
    record(&desk, &v, "bulk.undo", campaign, batch, &outcome, None).await?;
    Ok(Redirect::to(&format!("/bulk/{campaign:016x}")))
}

fn back(campaign: u64, batch: &str, outcome: &BulkOutcome) -> String {
    format!("/bulk/{campaign:016x}?batch={batch}&done={}&skipped={}", outcome.done, outcome.skipped)
}

/// The decision as a whole, beside the entry that each item has of its own.
async fn record(
    desk: &DeskState,
    v: &Viewer,
    action: &str,
    campaign: u64,
    batch: &str,
    outcome: &BulkOutcome,
    what: Option<&Move>,
) -> Result<(), Fault> {
    let details =
        json!({ "batch": batch, "done": outcome.done, "skipped": outcome.skipped, "decision": what });
    v.cases.audit(v.note(desk.now(), action, &format!("{campaign:016x}"), "", details)).await?;
    desk.announce("queue");
    Ok(())
}
