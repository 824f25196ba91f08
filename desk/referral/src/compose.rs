//! A decided case as a referral: pure, from the case, its form, its ledger and what was secured. It adds nothing:
//! what nobody established is said to be unknown.

use std::collections::BTreeMap;

use streife_cases::ledger::{Checkpoint, Entry};
use streife_cases::legal::{LegalForm, NormForm};
use streife_cases::offence::{Catalogue, Offence};
use streife_cases::workflow::{Case, CaseEvent, CaseState, Move, Opinion};
use streife_domain::{LegalLabel, Purpose, Timestamp};
use streife_evidence::custody::canonical;
use streife_evidence::{
    Act, Assessment, CapturedItem, Complaint, ContextPost, CustodyExtract, Element, Handover, Head, Measure,
    ModelScore, OffenceCandidate, Participant, Party, PersonRole, Reading, ReferralInput, RuleHit,
    WhyFlagged,
};

use crate::found::Found;

/// Who refers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Site {
    /// The authority that keeps the file.
    pub authority: String,
    /// The unit within it.
    pub unit: String,
    /// How to reach it, one line each.
    pub contact: Vec<String>,
    /// Invented content for trying out.
    pub demonstration: bool,
}

/// What a referral is composed of.
pub struct Decided<'a> {
    /// The case, approved.
    pub case: &'a Case,
    /// Its events, oldest first.
    pub events: &'a [CaseEvent],
    /// Its custody ledger, whole.
    pub ledger: &'a [Entry],
    /// The signed checkpoint over that ledger.
    pub checkpoint: &'a Checkpoint,
    /// The post as it was found.
    pub found: &'a Found,
    /// The captures, sealed.
    pub items: Vec<CapturedItem>,
    /// Names of people for the signature, by user id.
    pub names: &'a BTreeMap<String, String>,
}

/// Why a case cannot be referred.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ComposeError {
    /// It is not approved.
    #[error("the case stands at {0}; a package is made of an approved case")]
    NotApproved(&'static str),
    /// Something that the workflow demands is not there.
    #[error("the case has no {0}")]
    Missing(&'static str),
    /// One person stands for two.
    #[error("drafter and approver are the same person")]
    OnePerson,
    /// The ledger cannot be written.
    #[error("custody ledger: {0}")]
    Ledger(String),
}

/// A short number for people; the full one is the case's id.
pub fn case_number(case: &Case) -> String {
    format!("F-{}", case.id.chars().take(8).collect::<String>().to_uppercase())
}

/// Composes the referral.
///
/// # Errors
/// [`ComposeError`] when the case is not decided, or not by two people.
pub fn referral(decided: Decided<'_>, site: &Site) -> Result<ReferralInput, ComposeError> {
    let case = decided.case;
    let approved = matches!(
        case.state,
        CaseState::Approved | CaseState::Sent | CaseState::Acknowledged | CaseState::Outcome
    );
    if !approved {
        return Err(ComposeError::NotApproved(case.state.as_str()));
    }
    let form = case.form.as_ref().ok_or(ComposeError::Missing("legal form"))?;
    let drafted_by = case.drafted_by.as_deref().ok_or(ComposeError::Missing("draft"))?;
    let approved_by = case.approved_by.as_deref().ok_or(ComposeError::Missing("approval"))?;
    case.seal.as_ref().ok_or(ComposeError::Missing("seal"))?;
    if drafted_by == approved_by {
        return Err(ComposeError::OnePerson);
    }
    let offences: Vec<(&Offence, &NormForm)> = form
        .considered
        .iter()
        .filter_map(|(id, norm)| Catalogue::built_in().get(id).map(|offence| (offence, norm)))
        .collect();
    let legal = decided.found.legal.clone().unwrap_or_else(|| label(site, form, case));
    Ok(ReferralInput {
        head: head(case, form, site),
        act: act(form, decided.found),
        offences: offences.iter().map(|(offence, norm)| candidate(offence, norm)).collect(),
        complaint: complaint(form, &offences),
        assessment: assessment(form, &offences),
        why: why(&decided, case),
        people: people(&decided),
        measures: measures(case, decided.events),
        legal,
        retention_until: day(case.review_at),
        custody: custody(decided.ledger, decided.checkpoint)?,
        context: context(decided.found),
        items: decided.items,
    })
}

fn day(at: Timestamp) -> String {
    at.to_string().chars().take(10).collect()
}

fn head(case: &Case, form: &LegalForm, site: &Site) -> Head {
    let addressee = case.addressee.clone().unwrap_or_default();
    Head {
        case_no: case_number(case),
        prosecutor_file_no: case.file_number.clone(),
        related_file_no: Some(form.related_file_no.trim().to_owned()).filter(|number| !number.is_empty()),
        authority: site.authority.clone(),
        unit: site.unit.clone(),
        contact: site.contact.clone(),
        addressee: addressee.split(['\n', ';']).map(|line| line.trim().to_owned()).collect(),
        handover: Handover::Representation,
        danger_to_life: form.danger || case.emergency.is_some(),
        demonstration: site.demonstration,
    }
}

fn act(form: &LegalForm, found: &Found) -> Act {
    Act {
        at: found.post.posted_at,
        time_as_established: form.time_of_act.trim().to_owned(),
        place: form.place_of_act.trim().to_owned(),
        accusation: form.accusation.trim().to_owned(),
        accused: parties(&form.accused),
        injured: parties(&form.injured),
    }
}

/// `Name (note)` separated by semicolons; "Unbekannt" is nobody.
fn parties(text: &str) -> Vec<Party> {
    text.split(';')
        .map(str::trim)
        .filter(|name| !name.is_empty() && !name.eq_ignore_ascii_case("unbekannt"))
        .map(|name| match name.strip_suffix(')').and_then(|name| name.split_once('(')) {
            Some((name, note)) => Party { name: name.trim().to_owned(), note: note.trim().to_owned() },
            None => Party { name: name.to_owned(), note: String::new() },
        })
        .collect()
}

fn candidate(offence: &Offence, norm: &NormForm) -> OffenceCandidate {
    let ticked = |id: &str| norm.elements.get(id) == Some(&true);
    OffenceCandidate {
        norm: format!("§ {} StGB", offence.section),
        title: offence.title_de.clone(),
        reason: "Die Sachbearbeitung hat die folgenden Merkmale geprüft:".to_owned(),
        elements: offence
            .elements
            .iter()
            .map(|element| Element {
                text: element.de.clone(),
                fulfilled: ticked(&element.id),
                note: String::new(),
            })
            .collect(),
    }
}

fn complaint(form: &LegalForm, offences: &[(&Offence, &NormForm)]) -> Complaint {
    let filled = form.complaint.as_ref();
    Complaint {
        needed: offences.iter().any(|(offence, _)| offence.complaint.has_clock()),
        deadline: form.complaint_deadline(),
        entitled: filled.map(|complaint| complaint.entitled.clone()).unwrap_or_default(),
        filed: filled.and_then(|complaint| complaint.filed_on.clone()),
    }
}

fn assessment(form: &LegalForm, offences: &[(&Offence, &NormForm)]) -> Assessment {
    let readings = offences.iter().map(|(offence, norm)| Reading {
        considered: format!("zu § {} StGB", offence.section),
        result: norm.other_readings.trim().to_owned(),
    });
    let exceptions = offences.iter().flat_map(|(offence, norm)| {
        offence.exceptions.iter().map(move |exception| Reading {
            considered: format!("§ {} StGB, {}", offence.section, exception.de),
            result: if norm.exceptions_excluded.get(&exception.id) == Some(&true) {
                "geprüft, liegt nicht vor".to_owned()
            } else {
                "nicht ausgeschlossen".to_owned()
            },
        })
    });
    let reach = form.reach.as_ref().map(|reach| {
        format!(" Verbreitung nach Feststellung vom {}: {}.", day(reach.taken_at), reach.audience.trim())
    });
    Assessment {
        summary: format!("{}{}", form.accusation.trim(), reach.unwrap_or_default()),
        other_readings: readings.collect(),
        exceptions: exceptions.collect(),
        danger: if form.danger {
            "Gefahr für Leib oder Leben wurde bejaht.".to_owned()
        } else {
            "Keine Anhaltspunkte für eine Gefahr für Leib oder Leben.".to_owned()
        },
        germany_link: form.germany_link.trim().to_owned(),
        target: form.injured.trim().to_owned(),
        public_figure: offences.iter().any(|(offence, _)| offence.id == "StGB-188"),
    }
}

fn why(decided: &Decided<'_>, case: &Case) -> WhyFlagged {
    let found = decided.found;
    let verdict = &found.verdict;
    let rules = verdict
        .hits
        .iter()
        .map(|hit| RuleHit {
            rule: hit.rule.clone(),
            version: hit.version,
            title: found.rule_titles.get(&hit.rule).cloned().unwrap_or_default(),
            spans: hit.spans.clone(),
        })
        .collect();
    let scores = verdict
        .scores
        .iter()
        .map(|(head, score)| ModelScore {
            model: verdict.models.encoder.clone(),
            head: head.as_str().to_owned(),
            score: *score,
            over_threshold: verdict.labels.contains(&head),
        })
        .collect();
    let suspected = decided.events.iter().rev().find(|event| matches!(event.what, Move::Suspect { .. }));
    let second = case.second.as_ref().map(|(_, opinion)| match opinion {
        Opinion::Relevant { .. } => "; zweite, blinde Sichtung: Verdacht",
        Opinion::NotRelevant { .. } => "; zweite, blinde Sichtung: nicht relevant",
        Opinion::Unsure => "; zweite, blinde Sichtung: unsicher",
    });
    let norms: Vec<String> = case
        .norms
        .iter()
        .filter_map(|norm| Catalogue::built_in().get(norm))
        .map(|offence| format!("§ {} StGB", offence.section))
        .collect();
    WhyFlagged {
        source: found.post.source.clone(),
        rules,
        scores,
        decision: format!("Verdacht {}{}", norms.join(", "), second.unwrap_or_default()),
        decided_at: suspected.or(decided.events.first()).map(|event| event.at).unwrap_or_default(),
    }
}

fn people(decided: &Decided<'_>) -> Vec<Participant> {
    let mut people = Vec::new();
    let mut add = |role: PersonRole, id: &str, at: Timestamp| {
        let name = decided.names.get(id).filter(|name| !name.is_empty()).cloned();
        people.push(Participant { role, id: id.to_owned(), name, at });
    };
    for event in decided.events {
        let who = event.actor.user.as_str();
        match &event.what {
            Move::Suspect { .. } | Move::Danger { .. } => add(PersonRole::Finder, who, event.at),
            Move::SecondOpinion { .. } | Move::Adjudicate { .. } => add(PersonRole::Reviewer, who, event.at),
            // Only the draft and the approval that stand; earlier ones were sent back.
            Move::Draft { .. } if decided.case.drafted_by.as_deref() == Some(who) => {
                add(PersonRole::Drafter, who, event.at);
            }
            Move::Approve if decided.case.approved_by.as_deref() == Some(who) => {
                add(PersonRole::Approver, who, event.at);
            }
            _ => {}
        }
    }
    people
}

fn measures(case: &Case, events: &[CaseEvent]) -> Vec<Measure> {
    let mut measures: Vec<Measure> = events
        .iter()
        .filter_map(|event| {
            let what = match &event.what {
                Move::EmergencyNotice { recipient, .. } => format!("Eilmeldung an {recipient}"),
                Move::Unmask { reason } => format!("Kontoangaben eingesehen: {reason}"),
                _ => return None,
            };
            Some(Measure { what, at: Some(event.at) })
        })
        .collect();
    let form = case.form.as_ref();
    let told = form.map(|form| form.measures.lines()).into_iter().flatten();
    measures.extend(
        told.map(str::trim)
            .filter(|line| !line.is_empty())
            .map(|line| Measure { what: format!("laut Sachbearbeitung: {line}"), at: form_saved_at(events) }),
    );
    if form.is_some_and(|form| parties(&form.accused).is_empty()) {
        measures.push(Measure {
            what: "Bestandsdaten des Kontos beim Anbieter erfragen, bevor sie gelöscht werden".into(),
            at: None,
        });
    }
    measures
}

/// When the form that stands was saved.
fn form_saved_at(events: &[CaseEvent]) -> Option<Timestamp> {
    events.iter().rev().find(|event| matches!(event.what, Move::FillForm { .. })).map(|event| event.at)
}

fn context(found: &Found) -> Vec<ContextPost> {
    let mut context = found.thread.clone();
    if let Some(native_id) = &found.refers_to
        && !context.iter().any(|post| post.native_id == *native_id)
    {
        context.push(ContextPost {
            relation: "Bezugsbeitrag".into(),
            native_id: native_id.clone(),
            url: None,
            author: "nicht bekannt".into(),
            posted_at: None,
            text: String::new(),
            changed: Some("nicht erfasst; nur die Kennung ist bekannt".into()),
        });
    }
    context
}

/// The label of a source that brought none: only in a demonstration, else the form's legal basis.
fn label(site: &Site, form: &LegalForm, case: &Case) -> LegalLabel {
    LegalLabel {
        purpose: if site.demonstration { Purpose::Demonstration } else { Purpose::Prosecution },
        legal_basis: form.legal_basis.trim().to_owned(),
        review_by: day(case.review_at),
    }
}

/// The ledger in the form that travels: canonical lines and the checkpoint over them.
///
/// # Errors
/// [`ComposeError::Ledger`] when an entry has no JSON form.
pub fn custody(ledger: &[Entry], checkpoint: &Checkpoint) -> Result<CustodyExtract, ComposeError> {
    let broken = |error: serde_json::Error| ComposeError::Ledger(error.to_string());
    let lines = ledger
        .iter()
        .map(|entry| serde_json::to_value(entry).map(|value| canonical(&value)))
        .collect::<Result<Vec<_>, _>>()
        .map_err(broken)?;
    let checkpoint = canonical(&serde_json::to_value(checkpoint).map_err(broken)?);
    Ok(CustodyExtract { lines, checkpoint })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parties_read_with_and_without_notes() {
        assert!(parties("Unbekannt").is_empty() && parties(" ; unbekannt").is_empty());
        let two = parties("A. Beispiel (Bürgermeisterin); Verein B");
        assert_eq!((two[0].name.as_str(), two[0].note.as_str()), ("A. Beispiel", "Bürgermeisterin"));
        assert_eq!((two[1].name.as_str(), two[1].note.as_str()), ("Verein B", ""));
    }
}
