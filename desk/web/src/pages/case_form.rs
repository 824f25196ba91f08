//! The legal form of a case: filled in by the officer, read by everybody who decides after them.

use std::collections::BTreeMap;

use axum::extract::{Extension, Form, Path, State};
use axum::response::Redirect;
use streife_cases::legal::{ComplaintForm, LegalForm, NormForm, ReachSnapshot};
use streife_cases::offence::{Catalogue, Offence};
use streife_cases::role::Action;
use streife_cases::workflow::{Case, Move};
use streife_domain::Reach;

use super::{Fields, said};
use crate::fault::Fault;
use crate::guard::Viewer;
use crate::state::DeskState;

pub(crate) struct Tick {
    pub(crate) id: String,
    pub(crate) text: String,
    pub(crate) on: bool,
}

pub(crate) struct NormBlock {
    pub(crate) id: String,
    pub(crate) section: String,
    pub(crate) title: String,
    pub(crate) elements: Vec<Tick>,
    pub(crate) exceptions: Vec<Tick>,
    pub(crate) other_readings: String,
}

pub(crate) fn block(v: &Viewer, offence: &Offence, form: Option<&NormForm>) -> NormBlock {
    let say = |de: &str, en: &str| if v.t.german() { de.to_owned() } else { en.to_owned() };
    let ticks = |list: &[streife_cases::offence::Element], on: &dyn Fn(&str) -> bool| {
        list.iter().map(|e| Tick { id: e.id.clone(), text: say(&e.de, &e.en), on: on(&e.id) }).collect()
    };
    NormBlock {
        id: offence.id.clone(),
        section: offence.section.clone(),
        title: say(&offence.title_de, &offence.title_en),
        elements: ticks(&offence.elements, &|id| form.is_some_and(|f| f.elements.get(id) == Some(&true))),
        exceptions: ticks(&offence.exceptions, &|id| {
            form.is_some_and(|f| f.exceptions_excluded.get(id) == Some(&true))
        }),
        other_readings: form.map(|f| f.other_readings.clone()).unwrap_or_default(),
    }
}

/// What the form says beside the norms, in the person's language; what is empty is left out.
pub(crate) fn filled(v: &Viewer, form: &LegalForm) -> Vec<(String, String)> {
    let complaint = |of: fn(&ComplaintForm) -> Option<String>| form.complaint.as_ref().and_then(of);
    let number = |n: Option<u64>| n.map(|n| n.to_string()).unwrap_or_default();
    let reach = form.reach.as_ref();
    let counted = |n: fn(&Reach) -> Option<u64>| number(reach.and_then(|taken| n(&taken.reach)));
    let danger = if form.danger { "✓".to_owned() } else { String::new() };
    [
        ("case.accusation", form.accusation.clone()),
        ("case.time_of_act", form.time_of_act.clone()),
        ("case.place_of_act", form.place_of_act.clone()),
        ("case.germany_link", form.germany_link.clone()),
        ("case.accused", form.accused.clone()),
        ("case.injured", form.injured.clone()),
        ("case.legal_basis", form.legal_basis.clone()),
        ("case.related_file_no", form.related_file_no.clone()),
        ("case.measures", form.measures.clone()),
        ("case.entitled", complaint(|c| Some(c.entitled.clone())).unwrap_or_default()),
        ("case.knowledge_on", complaint(|c| Some(c.knowledge_on.clone())).unwrap_or_default()),
        ("case.filed_on", complaint(|c| c.filed_on.clone()).unwrap_or_default()),
        ("case.audience", reach.map(|taken| taken.audience.clone()).unwrap_or_default()),
        ("fact.views", counted(|reach| reach.views)),
        ("fact.shares", counted(|reach| reach.shares)),
        ("fact.followers", counted(|reach| reach.followers)),
        ("case.danger", danger),
    ]
    .into_iter()
    .filter(|(_, value)| !value.is_empty())
    .map(|(key, value)| (v.t.get(key).to_owned(), value))
    .collect()
}

/// What is missing before a draft, in the person's language.
pub(crate) fn gaps(v: &Viewer, case: &Case) -> Vec<String> {
    let catalogue = Catalogue::built_in();
    let mut missing: Vec<String> = Vec::new();
    for gap in case.form.clone().unwrap_or_default().gaps(catalogue) {
        let Some((norm, part)) = gap.field.split_once('.') else {
            missing.push(v.t.of("gap", &gap.field));
            continue;
        };
        let Some(offence) = catalogue.get(norm) else { continue };
        let text = |list: &[streife_cases::offence::Element]| {
            let found = list.iter().find(|element| element.id == part)?;
            Some(if v.t.german() { found.de.clone() } else { found.en.clone() })
        };
        let what = match (text(&offence.elements), text(&offence.exceptions)) {
            (Some(element), _) => format!("{} – {element}", v.t.get("gap.element")),
            (None, Some(exception)) => format!("{} – {exception}", v.t.get("gap.exception")),
            (None, None) => v.t.get("case.other_readings").to_owned(),
        };
        missing.push(format!("§ {}: {what}", offence.section));
    }
    missing.dedup();
    missing
}

pub(crate) async fn save_form(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let case = v.cases.case(&id).await?.ok_or_else(Fault::not_found)?;
    let form = legal_form(&desk, &case, &fields);
    let what = Move::FillForm { form: Box::new(form) };
    v.cases.apply(&id, v.actor(Action::WorkCase)?, what, desk.now()).await?;
    desk.announce("cases");
    Ok(Redirect::to(&format!("/cases/{id}")))
}

fn legal_form(desk: &DeskState, case: &Case, fields: &Fields) -> LegalForm {
    let text = |name: &str| said(fields, name).to_owned();
    let mut norms: Vec<String> =
        case.norms.iter().filter(|norm| !fields.contains_key(&format!("{norm}.drop"))).cloned().collect();
    let added = text("add_norm");
    if !added.is_empty() && !norms.contains(&added) {
        norms.push(added);
    }
    let mut considered = BTreeMap::new();
    for offence in norms.iter().filter_map(|norm| Catalogue::built_in().get(norm)) {
        let ticked = |kind: &str, id: &str| fields.contains_key(&format!("{}.{kind}.{id}", offence.id));
        let elements = offence.elements.iter().map(|e| (e.id.clone(), ticked("element", &e.id))).collect();
        let exceptions_excluded =
            offence.exceptions.iter().map(|e| (e.id.clone(), ticked("exception", &e.id))).collect();
        let other_readings = text(&format!("{}.other_readings", offence.id));
        considered.insert(offence.id.clone(), NormForm { elements, exceptions_excluded, other_readings });
    }
    let number = |name: &str| said(fields, name).parse::<u64>().ok();
    let complaint = Some(ComplaintForm {
        entitled: text("entitled"),
        knowledge_on: text("knowledge_on"),
        filed_on: Some(text("filed_on")).filter(|day| !day.is_empty()),
    })
    .filter(|complaint| !complaint.knowledge_on.is_empty());
    let reach = Some(ReachSnapshot {
        taken_at: desk.now(),
        reach: Reach {
            views: number("views"),
            likes: None,
            shares: number("shares"),
            replies: None,
            followers: number("followers"),
        },
        audience: text("audience"),
    })
    .filter(|reach| !reach.audience.is_empty());
    LegalForm {
        considered,
        germany_link: text("germany_link"),
        time_of_act: text("time_of_act"),
        place_of_act: text("place_of_act"),
        accusation: text("accusation"),
        accused: text("accused"),
        injured: text("injured"),
        complaint,
        reach,
        danger: fields.contains_key("danger"),
        legal_basis: text("legal_basis"),
        related_file_no: text("related_file_no"),
        measures: text("measures"),
    }
}
