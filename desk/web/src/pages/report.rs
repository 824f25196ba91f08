//! The transparency report by one click: counts of the last three months, on the page and as a file. Nothing in it
//! names a person, a case or a post.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use askama::Template;
use axum::extract::{Extension, State};
use axum::http::header;
use axum::response::{Html, IntoResponse, Response};
use streife_cases::calibration::{Group, Reliability};
use streife_cases::workflow::CaseState;
use streife_domain::Timestamp;

use super::calibration::{self, CalibrationRow};
use super::figures::{Bar, bars};
use super::html;
use super::show::{day, moment};
use crate::fault::Fault;
use crate::guard::Viewer;
use crate::reader::Count;
use crate::state::DeskState;

/// Decisions and cases counted.
const MAX_COUNTED: i64 = 100_000;
const REPORT_DAYS: i64 = 90;

/// Counts under a heading; names are written forms, which pages translate by `prefix`.
struct Section {
    title: &'static str,
    prefix: &'static str,
    counts: Vec<Count>,
}

struct Report {
    since: Timestamp,
    until: Timestamp,
    total: usize,
    sections: Vec<Section>,
    /// Expected and observed shares of the models; aggregates of enough posts alone.
    models: Vec<(Group, Reliability)>,
    /// Heading, median in seconds, cases.
    times: Vec<(&'static str, Option<i64>, usize)>,
}

/// The middle value; of two middle ones the lower.
fn median(mut values: Vec<i64>) -> Option<i64> {
    values.sort_unstable();
    values.get(values.len().checked_sub(1)? / 2).copied()
}

fn list(map: BTreeMap<String, u64>) -> Vec<Count> {
    let mut counts: Vec<Count> = map.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

async fn collect(desk: &DeskState, v: &Viewer) -> Result<Report, Fault> {
    let until = desk.now();
    let since = until.plus_secs(-REPORT_DAYS * 86_400);
    let decisions = v.cases.decisions(since, MAX_COUNTED).await?;
    let (mut kinds, mut norms, mut reasons) = (BTreeMap::new(), BTreeMap::new(), BTreeMap::new());
    let mut suspected: BTreeMap<String, Timestamp> = BTreeMap::new();
    for decision in &decisions {
        *kinds.entry(decision.kind.clone()).or_insert(0u64) += 1;
        match decision.kind.as_str() {
            "suspect" => {
                decision.what.split(' ').for_each(|norm| *norms.entry(norm.to_owned()).or_insert(0u64) += 1);
                suspected.insert(decision.case_id.clone(), decision.at);
            }
            "dismiss" => *reasons.entry(decision.what.clone()).or_insert(0u64) += 1,
            _ => {}
        }
    }
    let (mut outcomes, mut to_seal, mut to_refer) = (BTreeMap::new(), Vec::new(), Vec::new());
    for row in v.cases.cases(None, MAX_COUNTED).await? {
        let case = row.case;
        if let Some(outcome) = case.outcome.filter(|_| case.state == CaseState::Outcome) {
            *outcomes.entry(outcome.as_str().to_owned()).or_insert(0u64) += 1;
        }
        if let Some(at) = suspected.get(&case.id) {
            let after = |then: Timestamp| then.micros_since(*at).max(0) / 1_000_000;
            to_seal.extend(case.seal.as_ref().map(|seal| after(seal.at)));
            to_refer.extend(case.sent_at.map(after));
        }
    }
    let states = v.cases.states().await?.into_iter().map(|(s, n)| (s, u64::try_from(n).unwrap_or(0)));
    let trends = desk.trends(v).await?;
    let section = |title, prefix, counts| Section { title, prefix, counts };
    Ok(Report {
        since,
        until,
        total: decisions.len(),
        sections: vec![
            section("report.kinds", "decision", list(kinds)),
            section("report.norms", "norm", list(norms)),
            section("report.reasons", "dismiss", list(reasons)),
            section("report.states", "state", states.collect()),
            section("report.outcomes", "outcome", list(outcomes)),
            section("report.reads", "", list(v.cases.reads_by_reason(since).await?)),
            section("report.rules", "rule_name", trends.by_rule),
            section("report.sources", "", trends.by_source),
        ],
        models: calibration::figures(desk, v).await?,
        times: vec![
            ("report.to_seal", median(to_seal.clone()), to_seal.len()),
            ("report.to_refer", median(to_refer.clone()), to_refer.len()),
        ],
    })
}

#[derive(Template)]
#[template(path = "report.html")]
struct ReportPage {
    v: Viewer,
    nav: &'static str,
    since: String,
    until: String,
    total: usize,
    sections: Vec<(String, Vec<Bar>)>,
    models: Vec<CalibrationRow>,
    times: Vec<(String, String, usize)>,
}

/// A name in the person's language; norms, rules and sources stand for themselves, reasons have keys of their own.
fn named(v: &Viewer, prefix: &str, name: &str) -> String {
    if prefix.is_empty() {
        let known = v.t.get(name);
        return known.to_owned();
    }
    v.t.of(prefix, name)
}

/// A time span in the largest fitting unit.
fn span(v: &Viewer, seconds: Option<i64>) -> String {
    match seconds {
        None => "–".to_owned(),
        Some(seconds) if seconds < 60 => "< 1 min".to_owned(),
        Some(seconds) if seconds < 7_200 => format!("{} min", seconds / 60),
        Some(seconds) if seconds < 2 * 86_400 => format!("{} h", seconds / 3_600),
        Some(seconds) => format!("{} {}", seconds / 86_400, v.t.get("report.days")),
    }
}

pub(crate) async fn show(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    let report = collect(&desk, &v).await?;
    html(&ReportPage {
        nav: "report",
        since: moment(report.since),
        until: moment(report.until),
        total: report.total,
        sections: report
            .sections
            .into_iter()
            .map(|s| (v.t.get(s.title).to_owned(), bars(&s.counts, |name| named(&v, s.prefix, name))))
            .collect(),
        models: calibration::rows(&v, report.models),
        times: report
            .times
            .into_iter()
            .map(|(key, median, n)| (v.t.get(key).to_owned(), span(&v, median), n))
            .collect(),
        v,
    })
}

/// A cell of a CSV file: quoted where it must be, and never read as a formula by a spreadsheet.
fn cell(text: &str) -> String {
    let guarded =
        if text.starts_with(['=', '+', '-', '@', '\t']) { format!("'{text}") } else { text.to_owned() };
    if guarded.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", guarded.replace('"', "\"\""))
    } else {
        guarded
    }
}

/// The same as a file, with written forms instead of translated names.
pub(crate) async fn download(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Response, Fault> {
    let report = collect(&desk, &v).await?;
    let mut csv = format!(
        "section,name,value\nperiod,since,{}\nperiod,until,{}\n",
        day(report.since),
        day(report.until)
    );
    for section in &report.sections {
        let title = section.title.trim_start_matches("report.");
        for (name, count) in &section.counts {
            let _ = writeln!(csv, "{title},{},{count}", cell(name));
        }
    }
    for (key, median, cases) in &report.times {
        let (key, median) =
            (key.trim_start_matches("report."), median.map(|s| s.to_string()).unwrap_or_default());
        let _ = writeln!(csv, "median_seconds,{key},{median}\ncases,{key},{cases}");
    }
    for (group, figures) in &report.models {
        let (total, mean) = (figures.total(), calibration::mean(&figures.total()));
        let name = format!("{} {} {} {}", group.model, group.language, group.head, group.basis.as_str());
        let name = cell(&name);
        let _ = writeln!(csv, "judged,{name},{}\nconfirmed,{name},{}", total.judged, total.confirmed);
        let _ = writeln!(csv, "expected_share,{name},{mean:.3}");
    }
    let name = format!("attachment; filename=\"streife-report-{}.csv\"", day(report.until));
    let headers =
        [(header::CONTENT_TYPE, "text/csv; charset=utf-8".to_owned()), (header::CONTENT_DISPOSITION, name)];
    Ok((headers, csv).into_response())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_the_middle() {
        assert_eq!(median(vec![]), None);
        assert_eq!(median(vec![9, 1, 5]), Some(5));
        assert_eq!(median(vec![4, 1]), Some(1));
    }

    #[test]
    fn a_cell_is_no_formula_and_keeps_its_commas() {
        assert_eq!(cell("=1+1"), "'=1+1");
        assert_eq!(cell("a,\"b\""), "\"a,\"\"b\"\"\"");
    }
}
