//! What stands beside an item and costs more than the item itself: the words that moved the model, and earlier
//! decisions on something similar. A page of its own, which a browser with script folds into the item.

use askama::Template;
use axum::extract::Path;
use axum::response::Html;
use streife_cases::store::Similar;
use streife_cases::workflow::CaseState;
use streife_domain::{PostId, Timestamp};

use super::html;
use super::item::rules_of;
use super::show::{line, moment, number};
use crate::audited::Audited;
use crate::fault::Fault;
use crate::guard::Viewer;
use crate::reader::CampaignFigures;
use crate::spans::{Piece, pieces};

struct Earlier {
    link: String,
    short: String,
    same_campaign: bool,
    decision: String,
    what: String,
    at: String,
    state: &'static str,
    state_text: String,
    outcome: String,
}

/// How the copies spread.
struct Spread {
    posts: String,
    accounts: String,
    platforms: String,
    first: String,
    last: String,
    /// Nothing of the campaign was seen before this post.
    earliest: bool,
    line: String,
}

fn spread(campaign: &CampaignFigures, seen: Timestamp) -> Spread {
    Spread {
        posts: number(campaign.posts),
        accounts: number(campaign.accounts),
        platforms: campaign.platforms.join(", "),
        first: moment(campaign.first_seen),
        last: moment(campaign.last_seen),
        earliest: seen <= campaign.first_seen,
        line: line(&campaign.per_hour, 240, 40),
    }
}

struct Word {
    head: String,
    text: String,
    percent: u8,
}

#[derive(Template)]
#[template(path = "beside.html")]
struct BesidePage {
    v: Viewer,
    nav: &'static str,
    id: String,
    veiled: bool,
    language: String,
    pieces: Vec<Piece>,
    words: Vec<Word>,
    model: String,
    earlier: Vec<Earlier>,
    spread: Option<Spread>,
    /// The second look is blind: what others decided is not shown.
    blind: bool,
}

fn earlier(v: &Viewer, similar: Similar) -> Earlier {
    let what = match similar.kind.as_str() {
        "dismiss" => v.t.of("dismiss", &similar.what),
        _ => similar
            .what
            .split_whitespace()
            .map(|norm| norm.replace("StGB-", "§ "))
            .collect::<Vec<_>>()
            .join(", "),
    };
    Earlier {
        link: format!("/items/{}", similar.post_id),
        short: similar.post_id.chars().take(8).collect(),
        same_campaign: similar.same_campaign,
        decision: v.t.of("decision", &similar.kind),
        what,
        at: moment(similar.at),
        state: similar.state.as_str(),
        state_text: v.t.of("state", similar.state.as_str()),
        outcome: similar.outcome.map(|outcome| v.t.of("outcome", outcome.as_str())).unwrap_or_default(),
    }
}

pub(crate) async fn show(audited: Audited, Path(id): Path<String>) -> Result<Html<String>, Fault> {
    let post: PostId = id.parse().map_err(|_| Fault::not_found())?;
    let mut item = audited.item(post).await?.ok_or_else(Fault::not_found)?;
    if item.marks.is_empty() {
        item.marks = audited.marks(&item).await?;
    }
    let v = audited.viewer.clone();
    let case = audited.viewer.cases.case_of_post(&id).await?;
    let blind = case.is_some_and(|case| case.state == CaseState::SecondLook);
    audited.viewer.cases.note_rules(&id, &rules_of(&item)).await?;
    let similar = if blind || v.glass.is_some() {
        Vec::new()
    } else {
        audited.viewer.cases.similar(&id, &item.post.campaign.to_string()).await?
    };
    let campaign = audited.campaign(&item).await?;
    let mut words: Vec<Word> = item
        .marks
        .iter()
        .filter_map(|mark| {
            let text = item.post.text.get(mark.span.0 as usize..mark.span.1 as usize)?;
            #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and 100")]
            let percent = (mark.weight.clamp(0.0, 1.0) * 100.0).round() as u8;
            Some(Word { head: v.t.of("head", mark.head.as_str()), text: text.to_owned(), percent })
        })
        .filter(|word| word.percent > 0)
        .collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.percent));
    words.truncate(12);
    html(&BesidePage {
        nav: "queue",
        veiled: v.prefs.veils(&item.verdict.labels),
        language: item.verdict.language.code.clone(),
        pieces: pieces(&item),
        words,
        model: item.verdict.models.encoder.clone(),
        earlier: similar.into_iter().map(|one| earlier(&v, one)).collect(),
        spread: campaign.as_ref().map(|campaign| spread(campaign, item.post.observed_at)),
        blind,
        id,
        v,
    })
}
