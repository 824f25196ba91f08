//! How a post was found, from what is stored with it: who read the source, how soon, what flagged it, and where it stands
//! among others. By which request it came (stream, poll, look back, import) is stored with no post, so it is not told.

use streife_domain::Timestamp;

use super::item::Fact;
use super::show::moment;
use crate::guard::Viewer;
use crate::reader::FlaggedItem;

/// The facts, each with its text key below `found.`; `connector` is the kind that reads the source.
pub(crate) fn found(v: &Viewer, item: &FlaggedItem, connector: Option<String>) -> Vec<Fact> {
    let verdict = &item.verdict;
    let above = item.thread.iter().filter(|post| post.above).count();
    let mut facts = Vec::new();
    let mut fact = |key, value: String| {
        if !value.is_empty() {
            facts.push(Fact { key, value });
        }
    };
    fact("connector", connector.unwrap_or_default());
    fact("delay", item.post.posted_at.map(|at| delay(at, item.post.observed_at)).unwrap_or_default());
    fact("edited", item.post.edited_at.map(moment).unwrap_or_default());
    fact("by", flagged_by(v, item).join(", "));
    let passed = |score: f32| format!("{:.0} % · {}", score * 100.0, v.t.get("found.gate_note"));
    fact("gate", verdict.gate.map(passed).unwrap_or_default());
    fact(
        "encoded",
        v.t.get(if verdict.encoded { "found.encoder_read" } else { "found.gate_alone" }).to_owned(),
    );
    fact("kind", v.t.of("post_kind", item.post.kind.as_str()));
    if !item.thread.is_empty() {
        let (above_text, below_text) = (v.t.get("found.above"), v.t.get("found.below"));
        fact("thread", format!("{above} {above_text}, {} {below_text}", item.thread.len() - above));
    }
    facts
}

/// What put it before people: rules, heads over their thresholds, known pictures.
fn flagged_by(v: &Viewer, item: &FlaggedItem) -> Vec<String> {
    let mut by = Vec::new();
    if !item.verdict.hits.is_empty() {
        by.push(format!("{} ({})", v.t.get("found.rules"), item.verdict.hits.len()));
    }
    by.extend(item.verdict.labels.iter().map(|head| v.t.of("head", head.as_str())));
    if item.media.iter().any(|media| !media.banks.is_empty()) {
        by.push(v.t.get("found.picture").to_owned());
    }
    by
}

/// How long after publication it was seen, in the largest fitting unit; empty where the platform's clock is ahead of ours.
fn delay(posted: Timestamp, seen: Timestamp) -> String {
    match seen.micros_since(posted) / 1_000_000 {
        secs if secs < 0 => String::new(),
        secs if secs < 120 => format!("{secs} s"),
        secs if secs < 7_200 => format!("{} min", secs / 60),
        secs if secs < 2 * 86_400 => format!("{} h", secs / 3_600),
        secs => format!("{} d", secs / 86_400),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_delay_has_its_largest_fitting_unit_and_is_never_negative() {
        let at = Timestamp::from_secs;
        let all = [(-5, ""), (0, "0 s"), (119, "119 s"), (600, "10 min"), (7_200, "2 h"), (172_800, "2 d")];
        for (secs, told) in all {
            assert_eq!(delay(at(1_000_000), at(1_000_000 + secs)), told);
        }
    }
}
