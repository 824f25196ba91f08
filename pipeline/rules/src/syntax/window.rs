//! Windows over time: `count(distinct author) over 1h by cluster >= 10`, `burst(tag) > 6 sigma over 15m`.

use serde::{Deserialize, Serialize};

use crate::Finding;
use crate::limits::{MAX_WINDOW_COUNT, MAX_WINDOW_SECS};
use crate::syntax::ast::Compare;

/// A condition over the posts of some time that match the rule's `when`.
#[derive(Debug, Clone, PartialEq)]
pub enum Window {
    /// So many posts, or different values, within a time, per group.
    Count {
        /// What is counted.
        counted: Counted,
        /// Length in seconds.
        over_secs: i64,
        /// Counted apart per value of this.
        by: Group,
        /// `>=` or `>`.
        compare: Compare,
        /// With what.
        threshold: u32,
    },
    /// Far more than usual.
    Burst {
        /// Counted apart per value of this.
        of: Group,
        /// How far above the mean, in standard deviations.
        sigma: f64,
        /// Length of one step in seconds.
        over_secs: i64,
    },
}

/// What a window counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Counted {
    /// Every post.
    Posts,
    /// Different values.
    Distinct(Group),
}

/// A value by which posts are grouped or told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Group {
    /// The pseudonymous author; only to tell apart, never to group by: people are not scored.
    Author,
    /// The cluster of near-identical posts.
    Cluster,
    /// Each hashtag.
    Tag,
    /// Each linked host.
    Domain,
    /// The source.
    Source,
    /// The platform.
    Platform,
    /// All posts that match the rule together.
    Rule,
}

impl Group {
    /// All groups.
    pub const ALL: [Self; 7] =
        [Self::Author, Self::Cluster, Self::Tag, Self::Domain, Self::Source, Self::Platform, Self::Rule];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Author => "author",
            Self::Cluster => "cluster",
            Self::Tag => "tag",
            Self::Domain => "domain",
            Self::Source => "source",
            Self::Platform => "platform",
            Self::Rule => "rule",
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|group| group.as_str() == name)
    }
}

/// A read window.
#[derive(Debug, Clone)]
pub struct ParsedWindow {
    /// `None` when it could not be read.
    pub window: Option<Window>,
    /// What is wrong.
    pub findings: Vec<Finding>,
}

/// Reads a window.
pub fn parse_window(text: &str) -> ParsedWindow {
    let pieces = pieces(text);
    let words: Vec<&str> = pieces.iter().map(|(_, word)| *word).collect();
    let at = |i: usize| pieces.get(i).map_or(text.len(), |(at, _)| *at);
    let window = match words.as_slice() {
        ["count", "(", "distinct", what, ")", "over", time, "by", by, sign, number] => {
            count(Some((at(3), what)), (at(6), time), (at(8), by), (at(9), sign), (at(10), number))
        }
        ["count", "(", "posts" | "*", ")", "over", time, "by", by, sign, number] => {
            count(None, (at(5), time), (at(7), by), (at(8), sign), (at(9), number))
        }
        ["burst", "(", of, ")", ">", sigma, "sigma", "over", time] => {
            burst((at(2), of), (at(5), sigma), (at(8), time))
        }
        _ => Err(shape(0)),
    };
    match window {
        Ok(window) => ParsedWindow { window: Some(window), findings: Vec::new() },
        Err(finding) => ParsedWindow { window: None, findings: vec![finding] },
    }
}

fn count(
    distinct: Option<(usize, &str)>,
    time: (usize, &str),
    by: (usize, &str),
    sign: (usize, &str),
    number: (usize, &str),
) -> Result<Window, Finding> {
    let counted = match distinct {
        None => Counted::Posts,
        Some((at, what)) => Counted::Distinct(
            Group::named(what).filter(|g| *g != Group::Rule).ok_or_else(|| unknown_group(what, at))?,
        ),
    };
    let compare = match sign.1 {
        ">=" => Compare::AtLeast,
        ">" => Compare::Over,
        _ => return Err(shape(sign.0)),
    };
    let threshold =
        number.1.parse::<u32>().ok().filter(|n| (1..=MAX_WINDOW_COUNT).contains(n)).ok_or_else(|| {
            Finding::error(
                number.0,
                (format!("the threshold is a whole number from 1 to {MAX_WINDOW_COUNT}"), "write >= 10"),
                (
                    format!("die Schwelle ist eine ganze Zahl von 1 bis {MAX_WINDOW_COUNT}"),
                    "schreiben Sie >= 10",
                ),
            )
        })?;
    Ok(Window::Count { counted, over_secs: seconds(time)?, by: group(by)?, compare, threshold })
}

fn burst(of: (usize, &str), sigma: (usize, &str), time: (usize, &str)) -> Result<Window, Finding> {
    let number =
        sigma.1.parse::<f64>().ok().filter(|n| (1.0..=100.0).contains(n)).ok_or_else(|| shape(sigma.0))?;
    Ok(Window::Burst { of: group(of)?, sigma: number, over_secs: seconds(time)? })
}

fn group((at, name): (usize, &str)) -> Result<Group, Finding> {
    match Group::named(name) {
        Some(Group::Author) => Err(Finding::error(
            at,
            (
                "posts are counted, people are not: no window per author",
                "group by cluster, tag, domain, source, platform or rule",
            ),
            (
                "gezählt werden Beiträge, nicht Menschen: kein Fenster je Konto",
                "gruppieren Sie nach cluster, tag, domain, source, platform oder rule",
            ),
        )),
        Some(group) => Ok(group),
        None => Err(unknown_group(name, at)),
    }
}

fn unknown_group(name: &str, at: usize) -> Finding {
    let known = Group::ALL.map(Group::as_str).join(", ");
    Finding::error(
        at,
        (format!("`{name}` is nothing to count or group by"), format!("known are {known}")),
        (format!("nach `{name}` lässt sich nicht zählen oder gruppieren"), format!("bekannt sind {known}")),
    )
}

fn seconds((at, text): (usize, &str)) -> Result<i64, Finding> {
    let unit = match text.chars().last() {
        Some('s') => 1,
        Some('m') => 60,
        Some('h') => 3_600,
        Some('d') => 86_400,
        _ => 0,
    };
    let number = text.get(..text.len().saturating_sub(1)).unwrap_or("").parse::<i64>().unwrap_or(0);
    Some(number.saturating_mul(unit)).filter(|secs| (1..=MAX_WINDOW_SECS).contains(secs)).ok_or_else(|| {
        Finding::error(
            at,
            (format!("`{text}` is no length of time up to 7 days"), "write 30s, 15m, 1h or 2d"),
            (format!("`{text}` ist keine Zeitspanne bis 7 Tage"), "schreiben Sie 30s, 15m, 1h oder 2d"),
        )
    })
}

fn shape(at: usize) -> Finding {
    Finding::error(
        at,
        (
            "this is no window",
            "write count(distinct author) over 1h by cluster >= 10, count(posts) over 1h by tag >= 50 or burst(tag) > 6 sigma over 15m",
        ),
        (
            "das ist kein Zeitfenster",
            "schreiben Sie count(distinct author) over 1h by cluster >= 10, count(posts) over 1h by tag >= 50 oder burst(tag) > 6 sigma over 15m",
        ),
    )
}

/// Words, brackets and signs with their offsets.
fn pieces(text: &str) -> Vec<(usize, &str)> {
    const MOST: usize = 32;
    let mut found = Vec::new();
    let mut at = 0;
    while at < text.len() && found.len() < MOST {
        let rest = text.get(at..).unwrap_or("");
        let Some(first) = rest.chars().next() else { break };
        let length = match first {
            c if c.is_whitespace() => 0,
            '(' | ')' => 1,
            '>' | '<' | '=' => rest.bytes().take_while(|b| matches!(b, b'>' | b'<' | b'=')).count(),
            _ => rest
                .find(|c: char| c.is_whitespace() || matches!(c, '(' | ')' | '>' | '<' | '='))
                .unwrap_or(rest.len()),
        };
        if length == 0 {
            at += first.len_utf8();
        } else {
            found.push((at, rest.get(..length).unwrap_or("")));
            at += length;
        }
    }
    found
}
