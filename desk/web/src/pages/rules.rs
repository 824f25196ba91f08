//! The rule book as a list: rules, lists and suppressions written here, and those of the installation's folder.

use askama::Template;
use axum::extract::{Extension, State};
use axum::response::Html;
use streife_cases::role::Action;
use streife_cases::rulebook::{Kind, Stage, Version};

use super::html;
use super::show::{day, moment};
use crate::fault::Fault;
use crate::guard::Viewer;
use crate::lab::Installed;
use crate::state::DeskState;

/// An entry of the book, or of the rule folder.
struct Entry {
    link: String,
    id: String,
    title: String,
    owner: String,
    review_by: String,
    overdue: bool,
    stage: &'static str,
    number: i64,
    /// A later version than the one in force is being written or tried.
    next: Option<(&'static str, i64)>,
    asked: bool,
    people: String,
    changed: String,
    here: bool,
}

struct Group {
    kind: Kind,
    entries: Vec<Entry>,
}

#[derive(Template)]
#[template(path = "rules.html")]
struct RulesPage {
    v: Viewer,
    nav: &'static str,
    groups: Vec<Group>,
    waiting: usize,
    may_write: bool,
    /// Is what is not in this book the house's?
    shared: bool,
}

/// Where the pages of a kind lie.
pub(crate) const fn base(kind: Kind) -> &'static str {
    match kind {
        Kind::Rule => "/rules",
        Kind::List => "/lists",
        Kind::Suppression => "/suppressions",
    }
}

/// The version that counts: what is in force, else the latest.
fn in_force(versions: &[Version]) -> Option<&Version> {
    let stands = |stages: &[Stage]| versions.iter().rev().find(|v| stages.contains(&v.stage));
    stands(&[Stage::Live, Stage::Paused]).or_else(|| stands(&[Stage::Shadow])).or(versions.last())
}

fn entry(versions: &[Version], today: &str) -> Option<Entry> {
    let (version, latest) = (in_force(versions)?, versions.last()?);
    let approved = version.approver.as_ref().map(|approver| format!(" → {approver}")).unwrap_or_default();
    Some(Entry {
        link: format!("{}/{}", base(version.kind), version.id),
        id: version.id.clone(),
        title: version.text.title.clone(),
        owner: version.text.owner.clone(),
        overdue: is_overdue(&version.text.review_by, today),
        review_by: version.text.review_by.clone(),
        stage: version.stage.as_str(),
        number: version.number,
        next: (latest.number != version.number && latest.stage != Stage::Retired)
            .then(|| (latest.stage.as_str(), latest.number)),
        asked: versions.iter().any(|v| v.asked_by.is_some()),
        people: format!("{}{approved}", version.authors.join(", ")),
        changed: moment(latest.updated_at),
        here: true,
    })
}

/// Days are written so that they sort as texts.
fn is_overdue(review_by: &str, today: &str) -> bool {
    !review_by.is_empty() && review_by < today
}

/// What a person finds beside the entries of their own book: the rule folder, and for a tenant what the house has in force.
pub(crate) async fn brought(desk: &DeskState, v: &Viewer) -> Result<Vec<Installed>, Fault> {
    let folder = desk.rules.installed();
    if v.cases.tenant().is_house() {
        return Ok(folder);
    }
    let house = v.cases.rule_book().of_the_house().await?;
    let replaced = |one: &Installed| house.iter().any(|v| v.kind == one.kind && v.id == one.id);
    let mut all: Vec<Installed> = folder.into_iter().filter(|one| !replaced(one)).collect();
    all.extend(house.iter().map(|version| Installed {
        kind: version.kind,
        id: version.id.clone(),
        title: version.text.title.clone(),
        owner: version.text.owner.clone(),
        review_by: version.text.review_by.clone(),
        state: version.stage.as_str(),
        source: version.text.source.clone(),
    }));
    Ok(all)
}

/// Does a text under the name of a rule from the folder take its place? In the house's book; a tenant's stands beside it.
pub(crate) fn may_take_over(v: &Viewer) -> bool {
    v.cases.tenant().is_house()
}

pub(crate) async fn list(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    let versions = v.cases.rule_book().versions().await?;
    let (installed, today) = (brought(&desk, &v).await?, day(desk.now()));
    let groups: Vec<Group> = Kind::ALL
        .into_iter()
        .map(|kind| {
            let of_kind: Vec<&Version> = versions.iter().filter(|v| v.kind == kind).collect();
            let mut entries: Vec<Entry> = of_kind
                .chunk_by(|a, b| a.id == b.id)
                .filter_map(|group| {
                    let group: Vec<Version> = group.iter().map(|v| (*v).clone()).collect();
                    entry(&group, &today)
                })
                .collect();
            let masked = |id: &str| {
                may_take_over(&v) && entries.iter().any(|entry| entry.id == id && entry.stage != "draft")
            };
            let brought: Vec<Entry> = installed
                .iter()
                .filter(|one| one.kind == kind && !masked(&one.id))
                .map(|one| Entry {
                    link: format!("{}/{}", base(kind), one.id),
                    id: one.id.clone(),
                    title: one.title.clone(),
                    owner: one.owner.clone(),
                    overdue: is_overdue(&one.review_by, &today),
                    review_by: one.review_by.clone(),
                    stage: one.state,
                    number: 0,
                    next: None,
                    asked: false,
                    people: String::new(),
                    changed: String::new(),
                    here: false,
                })
                .collect();
            entries.extend(brought);
            Group { kind, entries }
        })
        .collect();
    let waiting = groups.iter().flat_map(|group| &group.entries).filter(|entry| entry.asked).count();
    let shared = !may_take_over(&v);
    html(&RulesPage { nav: "rules", groups, waiting, may_write: v.may(Action::WriteRules), shared, v })
}
