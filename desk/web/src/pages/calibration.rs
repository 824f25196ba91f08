//! Expected and observed shares of the models, as rows of the quality page and of the transparency report.

use std::collections::HashSet;

use streife_cases::calibration::{BINS, Bin, Group, Reliability, reliability};
use streife_domain::PostId;

use crate::fault::Fault;
use crate::guard::Viewer;
use crate::interval::{share, wilson};
use crate::state::DeskState;

/// One bin as pages show it.
pub(crate) struct BinRow {
    pub(crate) range: String,
    pub(crate) expected: String,
    pub(crate) observed: String,
    /// The expected share lies outside the interval of the observed one.
    pub(crate) off: bool,
}

/// One model, language, head and kind of judgement.
pub(crate) struct CalibrationRow {
    pub(crate) model: String,
    pub(crate) language: String,
    pub(crate) head: String,
    pub(crate) basis: String,
    pub(crate) all: BinRow,
    pub(crate) error: String,
    pub(crate) bins: Vec<BinRow>,
}

/// The figures of this person's tenant.
pub(crate) async fn figures(desk: &DeskState, v: &Viewer) -> Result<Vec<(Group, Reliability)>, Fault> {
    let judgements = v.cases.judgements(desk.now()).await?;
    let posts: HashSet<PostId> = judgements.iter().filter_map(|one| one.post_id.parse().ok()).collect();
    let posts: Vec<PostId> = posts.into_iter().collect();
    let scores = desk.figures.scores(&posts).await?;
    Ok(reliability(&judgements, &scores).into_iter().collect())
}

/// The same, in the person's language.
pub(crate) fn rows(v: &Viewer, figures: Vec<(Group, Reliability)>) -> Vec<CalibrationRow> {
    let row = |(group, figures): (Group, Reliability)| CalibrationRow {
        model: group.model,
        language: group.language,
        head: v.t.of("head", group.head.as_str()),
        basis: v.t.of("basis", group.basis.as_str()),
        all: bin_row(String::new(), &figures.total()),
        error: figures.error().map_or_else(|| "–".to_owned(), |error| format!("{error:.2}")),
        bins: figures.shown().map(|(at, bin)| bin_row(range(at), bin)).collect(),
    };
    figures.into_iter().map(row).collect()
}

fn range(at: usize) -> String {
    format!("{}–{} %", at * 100 / BINS, (at + 1) * 100 / BINS)
}

fn bin_row(range: String, bin: &Bin) -> BinRow {
    let expected = mean(bin);
    let within =
        wilson(bin.confirmed, bin.judged).is_none_or(|(low, high)| low <= expected && expected <= high);
    BinRow {
        range,
        expected: format!("{:.0} %", expected * 100.0),
        observed: share(bin.confirmed, bin.judged),
        off: !within,
    }
}

/// The share that the model expects.
#[expect(clippy::cast_precision_loss, reason = "counts of posts")]
pub(crate) fn mean(bin: &Bin) -> f64 {
    if bin.judged == 0 { 0.0 } else { bin.expected / bin.judged as f64 }
}
