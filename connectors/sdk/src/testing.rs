//! Help for the connectors' own tests.

use std::path::{Path, PathBuf};

use streife_domain::{Event, Timestamp};

use crate::{Observation, ParseContext, Parsed};

/// A folder of recorded answers in the research data folder beside the checkout (`../shared`, or `STREIFE_SHARED`);
/// where it is missing, says so and is `None`.
pub fn fixtures(manifest_dir: &str, name: &str) -> Option<PathBuf> {
    let shared = std::env::var_os("STREIFE_SHARED")
        .map_or_else(|| Path::new(manifest_dir).join("../../../shared"), PathBuf::from);
    let folder = shared.join("fixtures").join(name);
    if folder.is_dir() {
        return Some(folder);
    }
    let mut stderr = std::io::stderr();
    let _ = std::io::Write::write_fmt(&mut stderr, format_args!("skipped: fixtures {name} are not there\n"));
    None
}

/// All files under a folder but notes, sorted.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let (mut found, mut folders) = (Vec::new(), vec![folder.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_none_or(|e| e != "md") {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

/// When fixtures are said to have been seen.
pub const SEEN_AT: Timestamp = Timestamp::from_secs(1_783_175_888);

/// A recorded file as an observation.
pub fn recorded(path: &Path) -> Observation {
    Observation::new(path.display().to_string(), std::fs::read(path).unwrap_or_default(), SEEN_AT)
}

/// Parses a file; asserts what holds for every parse: nothing is lost without a trace, the same bytes give the same
/// result, problems explain themselves, events have an identity.
pub fn parse(path: &Path, parse: fn(&Observation, &ParseContext) -> Parsed) -> Parsed {
    let observation = recorded(path);
    let context = ParseContext::new("fixture");
    let parsed = parse(&observation, &context);
    assert!(parsed == parse(&observation, &context), "{}: two parses differ", path.display());
    let traces = parsed.events.len() + parsed.problems.len() + parsed.ignored.len();
    assert!(traces > 0, "{}: gone without a trace", path.display());
    for problem in &parsed.problems {
        assert!(!problem.message.is_empty() && !problem.at.is_empty(), "{}: unexplained", path.display());
    }
    for event in &parsed.events {
        assert!(!event.event.native_id.is_empty(), "{}: an event without identity", path.display());
    }
    parsed
}

/// Parses all files of a folder and gives the sums: files with events, files with problems only, events, problems.
pub fn parse_all(folder: &Path, parse_one: fn(&Observation, &ParseContext) -> Parsed) -> Sums {
    let mut sums = Sums::default();
    for path in files(folder) {
        let parsed = parse(&path, parse_one);
        sums.files += 1;
        sums.with_events += usize::from(!parsed.events.is_empty());
        sums.refused += usize::from(parsed.events.is_empty() && !parsed.problems.is_empty());
        sums.events += parsed.events.len();
        sums.problems += parsed.problems.len();
        sums.without_time += parsed.events.iter().filter(|e| e.event.posted_at.is_none()).count();
        if parsed.events.is_empty() {
            sums.empty.push(path.file_name().unwrap_or_default().to_string_lossy().into_owned());
        }
    }
    sums
}

/// What came of a folder of fixtures.
#[derive(Debug, Default)]
pub struct Sums {
    /// Files.
    pub files: usize,
    /// Files that gave events.
    pub with_events: usize,
    /// Files that gave only problems.
    pub refused: usize,
    /// Events.
    pub events: usize,
    /// Problems.
    pub problems: usize,
    /// Events without time.
    pub without_time: usize,
    /// Names of files without events.
    pub empty: Vec<String>,
}

/// F1 of the words of two texts, order left out of account.
pub fn word_f1(got: &str, wanted: &str) -> f64 {
    let count = |text: &str| {
        let mut words = std::collections::HashMap::<String, usize>::new();
        for word in text.split(|c: char| !c.is_alphanumeric()).filter(|w| !w.is_empty()) {
            *words.entry(word.to_lowercase()).or_default() += 1;
        }
        words
    };
    let (got, wanted) = (count(got), count(wanted));
    let (sum_got, sum_wanted) = (got.values().sum::<usize>(), wanted.values().sum::<usize>());
    if sum_got + sum_wanted == 0 {
        return 1.0;
    }
    let both: usize = got.iter().map(|(word, n)| (*n).min(wanted.get(word).copied().unwrap_or(0))).sum();
    2.0 * both as f64 / (sum_got + sum_wanted) as f64
}

/// The events alone.
pub fn events(parsed: Parsed) -> Vec<Event> {
    parsed.events.into_iter().map(|e| e.event).collect()
}
