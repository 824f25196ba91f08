//! Quality as aggregates: agreement of blind second looks, golden items, precision and drift of rules. No person is
//! ranked, and figures of too few pairs are not shown.

use std::collections::BTreeMap;

use askama::Template;
use axum::extract::{Extension, Form, State};
use axum::response::{Html, Redirect};
use streife_cases::calibration::MIN_JUDGED;
use streife_cases::offence::Catalogue;
use streife_cases::quality::{Dismissals, MIN_PAIRS, SAMPLE_PERMILLE, Table, agreement, drifts};
use streife_cases::role::Action;
use streife_cases::store::JUDGED_SECS;
use streife_cases::workflow::{DismissReason, Opinion};
use streife_domain::PostId;

use super::calibration::{self, CalibrationRow};
use super::item::{NormKey, norm_keys};
use super::{Fields, html, said};
use crate::audited::Audited;
use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use crate::interval::share;
use crate::spans::{Piece, pieces};
use crate::state::DeskState;

/// Days that the figures look back.
const DAYS: i64 = 90;
/// Days that count as the present of a rule; the days before, up to [`DAYS`], are its past.
const PRESENT_DAYS: i64 = 7;
/// Days after which a decision is no longer drawn for a second look.
const DRAW_DAYS: i64 = 14;

struct AgreementRow {
    name: String,
    pairs: u64,
    /// `None` while there are too few pairs.
    figures: Option<(String, String)>,
}

struct RuleRow {
    rule: String,
    precision: String,
    dismissed: String,
    before: String,
    drift: bool,
    confirmed: u64,
    refuted: u64,
}

#[derive(Template)]
#[template(path = "quality.html")]
struct QualityPage {
    v: Viewer,
    nav: &'static str,
    days: i64,
    sampled: Vec<AgreementRow>,
    golden: Vec<AgreementRow>,
    rules: Vec<RuleRow>,
    models: Vec<CalibrationRow>,
    judged_days: i64,
    min_judged: u64,
    drifting: usize,
    waiting: usize,
    may_review: bool,
    may_set: bool,
    norms: Vec<NormKey>,
    dismissals: Vec<(usize, &'static str, String)>,
    min_pairs: u64,
    permille: u64,
}

fn rows(v: &Viewer, tables: BTreeMap<String, Table>) -> Vec<AgreementRow> {
    let row = |(name, table): (String, Table)| AgreementRow {
        name: if name.is_empty() {
            v.t.get("quality.relevance").to_owned()
        } else {
            name.replace("StGB-", "§ ")
        },
        pairs: table.pairs(),
        figures: (table.pairs() >= MIN_PAIRS).then(|| {
            let kappa = table.kappa().map_or_else(|| "–".to_owned(), |kappa| format!("{kappa:.2}"));
            (share(table.both + table.neither, table.pairs()), kappa)
        }),
    };
    tables.into_iter().map(row).collect()
}

fn dismissals(v: &Viewer) -> Vec<(usize, &'static str, String)> {
    let reason = |(n, r): (usize, DismissReason)| (n + 1, r.as_str(), v.t.of("dismiss", r.as_str()));
    DismissReason::ALL.into_iter().enumerate().map(reason).collect()
}

pub(crate) async fn show(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    let now = desk.now();
    let since = now.plus_secs(-DAYS * 86_400);
    let (sampled, golden) = v.cases.blind_pairs(since).await?;
    let outcomes = v.cases.rule_outcomes(since, now.plus_secs(-PRESENT_DAYS * 86_400)).await?;
    let mut rules: Vec<RuleRow> = outcomes
        .into_iter()
        .map(|(rule, o)| {
            let present = Dismissals { dismissed: o.dismissed, decided: o.decided };
            let all = Dismissals {
                dismissed: o.dismissed + o.before.dismissed,
                decided: o.decided + o.before.decided,
            };
            RuleRow {
                rule,
                precision: share(all.decided - all.dismissed, all.decided),
                dismissed: format!("{} / {}", present.dismissed, present.decided),
                before: format!("{} / {}", o.before.dismissed, o.before.decided),
                drift: drifts(o.before, present),
                confirmed: o.confirmed,
                refuted: o.refuted,
            }
        })
        .collect();
    rules.sort_by(|a, b| b.drift.cmp(&a.drift).then_with(|| a.rule.cmp(&b.rule)));
    let models = calibration::rows(&v, calibration::figures(&desk, &v).await?);
    let may_review = v.may(Action::Decide);
    let waiting = if may_review {
        v.cases.blind_items(&v.user, &desk.signing_key, now.plus_secs(-DRAW_DAYS * 86_400)).await?.len()
    } else {
        0
    };
    html(&QualityPage {
        nav: "quality",
        days: DAYS,
        sampled: rows(&v, agreement(&sampled)),
        golden: rows(&v, agreement(&golden)),
        drifting: rules.iter().filter(|rule| rule.drift).count(),
        rules,
        models,
        judged_days: JUDGED_SECS / 86_400,
        min_judged: MIN_JUDGED,
        waiting,
        may_review,
        may_set: v.may(Action::Approve),
        norms: norm_keys(&v),
        dismissals: dismissals(&v),
        min_pairs: MIN_PAIRS,
        permille: SAMPLE_PERMILLE,
        v,
    })
}

#[derive(Template)]
#[template(path = "blind.html")]
struct BlindPage {
    v: Viewer,
    nav: &'static str,
    item: Option<BlindView>,
    norms: Vec<NormKey>,
    dismissals: Vec<(usize, &'static str, String)>,
    left: usize,
}

struct BlindView {
    id: String,
    veiled: bool,
    language: String,
    pieces: Vec<Piece>,
}

/// One item to look at without knowing what was decided.
pub(crate) async fn blind(State(desk): State<DeskState>, audited: Audited) -> Result<Html<String>, Fault> {
    let v = audited.viewer.clone();
    let since = desk.now().plus_secs(-DRAW_DAYS * 86_400);
    let waiting = audited.viewer.cases.blind_items(&v.user, &desk.signing_key, since).await?;
    let mut item = None;
    for candidate in &waiting {
        let Ok(id) = candidate.post_id.parse::<PostId>() else { continue };
        // What has been erased meanwhile cannot be looked at any more.
        if let Some(found) = audited.item(id).await? {
            item = Some(BlindView {
                veiled: v.prefs.veils(&found.verdict.labels),
                language: found.verdict.language.code.clone(),
                pieces: pieces(&found),
                id: candidate.post_id.clone(),
            });
            break;
        }
    }
    html(&BlindPage {
        nav: "quality",
        item,
        norms: norm_keys(&v),
        dismissals: dismissals(&v),
        left: waiting.len(),
        v,
    })
}

fn opinion(fields: &Fields) -> Result<Opinion, Fault> {
    let said = said(fields, "opinion");
    let (kind, value) = said.split_once(':').unwrap_or((said, ""));
    match kind {
        "norm" if Catalogue::built_in().get(value).is_some() => {
            Ok(Opinion::Relevant { norms: vec![value.to_owned()] })
        }
        "dismiss" => DismissReason::parse(value)
            .map(|reason| Opinion::NotRelevant { reason })
            .ok_or_else(Fault::not_offered),
        "unsure" => Ok(Opinion::Unsure),
        _ => Err(Fault::not_offered()),
    }
}

pub(crate) async fn say(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let since = desk.now().plus_secs(-DRAW_DAYS * 86_400);
    let waiting = v.cases.blind_items(&v.user, &desk.signing_key, since).await?;
    let item =
        waiting.iter().find(|item| item.post_id == said(&fields, "post")).ok_or_else(Fault::not_found)?;
    let actor = v.actor(Action::Decide)?;
    v.cases.blind_opinion(item, &actor, &opinion(&fields)?, desk.now()).await?;
    Ok(Redirect::to("/quality/blind"))
}

/// Declares a post golden: its right answer is known.
pub(crate) async fn golden(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let post: PostId = said(&fields, "post").parse().map_err(|_| Wrong::BadPost)?;
    let actor = v.actor(Action::Approve)?;
    v.cases.put_golden(&post.to_string(), &opinion(&fields)?, &actor, desk.now()).await?;
    Ok(Redirect::to("/quality"))
}
