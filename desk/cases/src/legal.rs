//! The legal form: what a case officer considers before a referral, and what is still missing.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};
use streife_domain::{Reach, Timestamp};
use time::macros::format_description;
use time::{Date, Month};

use crate::offence::Catalogue;

/// Months within which a complaint must be filed (s. 77b (1) StGB).
pub const COMPLAINT_MONTHS: u8 = 3;
/// The shortest text on other readings that says something.
pub const MIN_READINGS_CHARS: usize = 20;

/// One norm as considered.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct NormForm {
    /// Element id to: does it hold?
    pub elements: BTreeMap<String, bool>,
    /// Exception id to: considered and excluded?
    pub exceptions_excluded: BTreeMap<String, bool>,
    /// Other readings considered, and why they are excluded (BayObLG 2025).
    pub other_readings: String,
}

/// The complaint of the injured person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComplaintForm {
    /// Who may file it.
    pub entitled: String,
    /// The day (`YYYY-MM-DD`) on which they learned of act and person.
    pub knowledge_on: String,
    /// The day it was filed, if it was.
    pub filed_on: Option<String>,
}

/// How far the post had spread when a person looked: needed for s. 188.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReachSnapshot {
    /// When.
    pub taken_at: Timestamp,
    /// The figures.
    pub reach: Reach,
    /// Kind of spread and audience, in words.
    pub audience: String,
}

/// The form of a case. An assessment by a person, never by a model.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct LegalForm {
    /// Norm id to what was considered.
    pub considered: BTreeMap<String, NormForm>,
    /// Tie to Germany.
    pub germany_link: String,
    /// Time of the act as established.
    pub time_of_act: String,
    /// Place of the act, or `unbekannt`.
    pub place_of_act: String,
    /// The accusation in a sentence.
    pub accusation: String,
    /// Accused, or `Unbekannt`.
    pub accused: String,
    /// Injured persons, if known.
    pub injured: String,
    /// The complaint, where one may be needed.
    pub complaint: Option<ComplaintForm>,
    /// Reach snapshot, where one is needed.
    pub reach: Option<ReachSnapshot>,
    /// Is there danger to life or limb?
    pub danger: bool,
    /// Legal basis of the handling.
    pub legal_basis: String,
    /// File number of related proceedings; empty when there are none.
    #[serde(default)]
    pub related_file_no: String,
    /// What was done elsewhere, one line each: platform notified, take-down or preservation asked for, calls made.
    #[serde(default)]
    pub measures: String,
}

/// Something missing in a form.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Gap {
    /// Which field, such as `StGB-130.peace`.
    pub field: String,
    /// What is missing.
    pub message: String,
}

impl fmt::Display for Gap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.field, self.message)
    }
}

impl LegalForm {
    /// The norms considered.
    pub fn norms(&self) -> Vec<String> {
        self.considered.keys().cloned().collect()
    }

    /// Everything that is missing before a referral; empty when nothing is.
    pub fn gaps(&self, catalogue: &Catalogue) -> Vec<Gap> {
        let mut gaps = Vec::new();
        let mut gap = |field: &str, message: &str| {
            gaps.push(Gap { field: field.to_owned(), message: message.to_owned() });
        };
        if self.considered.is_empty() {
            gap("norms", "consider at least one norm");
        }
        for (field, value) in [
            ("germany_link", &self.germany_link),
            ("time_of_act", &self.time_of_act),
            ("place_of_act", &self.place_of_act),
            ("accusation", &self.accusation),
            ("accused", &self.accused),
            ("legal_basis", &self.legal_basis),
        ] {
            if value.trim().is_empty() {
                gap(field, "is empty; where it is not known, say so");
            }
        }
        for (id, form) in &self.considered {
            let Some(offence) = catalogue.get(id) else {
                gap(id, "is not in the offence catalogue");
                continue;
            };
            for element in &offence.elements {
                if form.elements.get(&element.id) != Some(&true) {
                    gap(&format!("{id}.{}", element.id), "element not found to hold");
                }
            }
            for exception in &offence.exceptions {
                if form.exceptions_excluded.get(&exception.id) != Some(&true) {
                    gap(&format!("{id}.{}", exception.id), "exception not excluded");
                }
            }
            if offence.other_readings && form.other_readings.trim().chars().count() < MIN_READINGS_CHARS {
                gap(&format!("{id}.other_readings"), "other readings considered, and why they are excluded");
            }
            if offence.complaint.has_clock() && self.complaint_deadline().is_none() {
                gap(
                    "complaint",
                    "who may complain, and since when they know (YYYY-MM-DD); the clock is three months",
                );
            }
            if offence.reach && self.reach.as_ref().is_none_or(|reach| reach.audience.trim().is_empty()) {
                gap("reach", "a reach snapshot with kind of spread and audience");
            }
        }
        gaps
    }

    /// The last day (`YYYY-MM-DD`) on which the complaint can be filed; `None` without a readable day of knowledge.
    pub fn complaint_deadline(&self) -> Option<String> {
        complaint_deadline(&self.complaint.as_ref()?.knowledge_on)
    }
}

/// The last day for a complaint: three months after the day of knowledge, the day with the same number or the
/// month's last (ss. 77b StGB, 188 BGB). A weekend or holiday at the end would prolong it; the earlier day is
/// shown, so that nobody relies on the grace.
pub fn complaint_deadline(knowledge_on: &str) -> Option<String> {
    let format = format_description!("[year]-[month]-[day]");
    let known = Date::parse(knowledge_on, &format).ok()?;
    let months = u8::from(known.month()) + COMPLAINT_MONTHS;
    let (year, month) = if months > 12 { (known.year() + 1, months - 12) } else { (known.year(), months) };
    let month = Month::try_from(month).ok()?;
    let day = known.day().min(month.length(year));
    Date::from_calendar_date(year, month, day).ok()?.format(&format).ok()
}

/// Whole days from `today` to `deadline` (both `YYYY-MM-DD`); negative when it is over.
pub fn days_left(today: &str, deadline: &str) -> Option<i64> {
    let format = format_description!("[year]-[month]-[day]");
    let (today, deadline) = (Date::parse(today, &format).ok()?, Date::parse(deadline, &format).ok()?);
    Some((deadline - today).whole_days())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn three_months_end_on_the_same_day_or_the_months_last() {
        for (known, last) in [
            ("2026-01-15", "2026-04-15"),
            ("2026-11-30", "2027-02-28"),
            ("2027-11-30", "2028-02-29"),
            ("2026-12-31", "2027-03-31"),
        ] {
            assert_eq!(complaint_deadline(known).as_deref(), Some(last));
        }
        assert_eq!(complaint_deadline("yesterday"), None);
        assert_eq!(days_left("2026-04-10", "2026-04-15"), Some(5));
    }

    #[test]
    fn an_empty_form_names_everything_that_is_missing() {
        let mut form = LegalForm::default();
        form.considered.insert("StGB-188".to_owned(), NormForm::default());
        let fields: Vec<String> = form.gaps(Catalogue::built_in()).into_iter().map(|gap| gap.field).collect();
        for field in [
            "StGB-188.hamper",
            "StGB-188.criticism",
            "StGB-188.other_readings",
            "complaint",
            "reach",
            "germany_link",
        ] {
            assert!(fields.iter().any(|f| f == field), "{field} not in {fields:?}");
        }
    }
}
