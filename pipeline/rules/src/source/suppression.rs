//! A suppression: hits of some rules that are kept back for a while, for a reason.

use super::expression::{self, Expression};
use super::fields::Fields;
use crate::date::Day;
use crate::problem::Problem;
use crate::yaml::{File, Node};

pub(crate) const FIELDS: [&str; 7] = ["suppress", "rules", "when", "owner", "reason", "expires", "note"];
/// Longest life of a suppression in days.
const MAX_DAYS: i64 = 90;

/// A suppression that has not expired.
#[derive(Debug)]
pub(crate) struct Suppression<'a> {
    pub(crate) name: String,
    /// Ids of rules.
    pub(crate) rules: Vec<String>,
    /// Which posts; `None`: all.
    pub(crate) when: Option<Expression>,
    pub(crate) file: File<'a>,
}

/// Reads a suppression; `None` when it has errors or is over.
pub(super) fn read<'a>(
    file: File<'a>,
    node: &Node,
    today: Day,
    problems: &mut Vec<Problem>,
) -> Option<Suppression<'a>> {
    let mut fields = Fields::of(file, node, "suppress", &FIELDS, problems);
    let name = fields.required("suppress", ("give it a name", "geben Sie ihr einen Namen"));
    let rules = fields.texts("rules");
    if rules.is_empty() {
        let at = fields.at("rules");
        fields.error(
            at,
            ("`rules` is missing: whose hits are kept back", "write rules: [w-name]"),
            ("`rules` fehlt: wessen Treffer zurückgehalten werden", "schreiben Sie rules: [w-name]"),
        );
    }
    fields.required("owner", ("write who answers for it", "schreiben Sie, wer sie verantwortet"));
    fields.required("reason", ("write why", "schreiben Sie, warum"));
    fields.required(
        "expires",
        (
            "write the day it ends, at most 90 days ahead",
            "schreiben Sie den Tag, an dem sie endet, höchstens 90 Tage voraus",
        ),
    );
    let expires = fields.day("expires");
    let when = match fields.get("when") {
        Some(node) => {
            let read = expression::read(&file, &name, node, fields.problems);
            if read.is_none() {
                fields.fail();
            }
            read
        }
        None => None,
    };
    let left = expires?.days_since(today);
    let at = fields.at("expires");
    if left > MAX_DAYS {
        fields.error(
            at,
            (format!("it would last {left} days"), format!("at most {MAX_DAYS}")),
            (format!("sie würde {left} Tage gelten"), format!("höchstens {MAX_DAYS}")),
        );
    } else if left < 0 {
        fields.warn(
            at,
            ("it has expired and counts no more", "remove it or set a new day"),
            ("sie ist abgelaufen und gilt nicht mehr", "entfernen Sie sie oder setzen Sie einen neuen Tag"),
        );
    }
    (!fields.failed() && left >= 0).then_some(Suppression { name, rules, when, file })
}
