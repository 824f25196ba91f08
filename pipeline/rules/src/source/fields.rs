//! Takes the fields of one YAML map: what is unknown, twice or of the wrong shape is named.

use crate::date::Day;
use crate::limits::{MAX_REVIEW_DAYS, MAX_WARNINGS, REVIEW_GRACE_DAYS};
use crate::problem::{Problem, Severity};
use crate::syntax::nearest;
use crate::yaml::{File, Node, NodeKind};

/// The fields of a map, taken one by one.
pub(crate) struct Fields<'n, 'a, 'p> {
    pub(crate) file: File<'a>,
    pub(crate) name: String,
    pub(crate) problems: &'p mut Vec<Problem>,
    pairs: &'n [(Node, Node)],
    start: usize,
    failed: bool,
}

impl<'n, 'a, 'p> Fields<'n, 'a, 'p> {
    /// The fields of `node`, named by its field `name_key`; unknown and double keys are reported at once.
    pub(crate) fn of(
        file: File<'a>,
        node: &'n Node,
        name_key: &str,
        known: &[&str],
        problems: &'p mut Vec<Problem>,
    ) -> Self {
        let pairs: &[(Node, Node)] = match &node.kind {
            NodeKind::Map(pairs) => pairs,
            _ => &[],
        };
        let mut fields =
            Self { file, name: String::new(), problems, pairs, start: node.start, failed: false };
        fields.name = fields.get(name_key).and_then(Node::text).unwrap_or("").trim().to_owned();
        fields.check_keys(known);
        fields
    }

    fn check_keys(&mut self, known: &[&str]) {
        for (i, (key, _)) in self.pairs.iter().enumerate() {
            let name = key.text().unwrap_or("");
            if !known.contains(&name) {
                let (english, german) = match nearest(name, known.iter().copied()) {
                    Some(meant) => (format!("did you mean `{meant}`?"), format!("meinten Sie `{meant}`?")),
                    None => (
                        format!("known are {}", known.join(", ")),
                        format!("bekannt sind {}", known.join(", ")),
                    ),
                };
                self.error(
                    key.start,
                    (format!("unknown field `{name}`"), english),
                    (format!("unbekanntes Feld `{name}`"), german),
                );
            } else if self.pairs.iter().take(i).any(|(other, _)| other.text() == Some(name)) {
                self.error(
                    key.start,
                    (format!("`{name}` stands twice"), "remove one"),
                    (format!("`{name}` steht doppelt"), "entfernen Sie eines"),
                );
            }
        }
    }

    /// Were there errors?
    pub(crate) fn failed(&self) -> bool {
        self.failed
    }

    pub(crate) fn fail(&mut self) {
        self.failed = true;
    }

    pub(crate) fn error(
        &mut self,
        at: usize,
        english: (impl Into<String>, impl Into<String>),
        german: (impl Into<String>, impl Into<String>),
    ) {
        self.failed = true;
        self.report(at, Severity::Error, english, german);
    }

    pub(crate) fn warn(
        &mut self,
        at: usize,
        english: (impl Into<String>, impl Into<String>),
        german: (impl Into<String>, impl Into<String>),
    ) {
        self.report(at, Severity::Warning, english, german);
    }

    fn report(
        &mut self,
        at: usize,
        severity: Severity,
        english: (impl Into<String>, impl Into<String>),
        german: (impl Into<String>, impl Into<String>),
    ) {
        if severity == Severity::Warning && self.problems.len() >= MAX_WARNINGS {
            return;
        }
        let name = (!self.name.is_empty()).then_some(self.name.as_str());
        self.problems.push(self.file.problem(name, at, severity, english, german));
    }

    pub(crate) fn get(&self, key: &str) -> Option<&'n Node> {
        self.pairs.iter().find(|(name, _)| name.text() == Some(key)).map(|(_, value)| value)
    }

    /// Where `key` stands, or the map.
    pub(crate) fn at(&self, key: &str) -> usize {
        self.get(key).map_or(self.start, |node| node.start)
    }

    /// A text; absent and empty are the same.
    pub(crate) fn text(&mut self, key: &str) -> Option<String> {
        let node = self.get(key)?;
        match node.text() {
            Some(text) => Some(text.trim().to_owned()).filter(|text| !text.is_empty()),
            None => {
                self.error(
                    node.start,
                    (format!("`{key}` is one text"), "write it on one line"),
                    (format!("`{key}` ist ein Text"), "schreiben Sie ihn in eine Zeile"),
                );
                None
            }
        }
    }

    /// A text that must be there; `why` tells what it is for, in both languages.
    pub(crate) fn required(&mut self, key: &str, why: (&str, &str)) -> String {
        if self.get(key).is_some_and(|node| node.text().is_none()) {
            return self.text(key).unwrap_or_default();
        }
        self.text(key).unwrap_or_else(|| {
            let at = self.at(key);
            self.error(at, (format!("`{key}` is missing"), why.0), (format!("`{key}` fehlt"), why.1));
            String::new()
        })
    }

    /// A list of texts; a single text is a list of one.
    pub(crate) fn texts(&mut self, key: &str) -> Vec<String> {
        let Some(node) = self.get(key) else { return Vec::new() };
        match &node.kind {
            NodeKind::Scalar(text) if text.is_empty() => Vec::new(),
            NodeKind::Scalar(text) => vec![text.clone()],
            NodeKind::Sequence(items) if items.iter().all(|item| item.text().is_some()) => {
                items.iter().filter_map(Node::text).map(str::to_owned).collect()
            }
            _ => {
                self.error(
                    node.start,
                    (format!("`{key}` is a list of texts"), "write [a, b]"),
                    (format!("`{key}` ist eine Liste von Texten"), "schreiben Sie [a, b]"),
                );
                Vec::new()
            }
        }
    }

    /// A whole number.
    pub(crate) fn whole(&mut self, key: &str) -> Option<u32> {
        let text = self.text(key)?;
        let number = text.parse().ok();
        if number.is_none() {
            let at = self.at(key);
            self.error(
                at,
                (format!("`{key}` is a whole number"), "write digits only"),
                (format!("`{key}` ist eine ganze Zahl"), "schreiben Sie nur Ziffern"),
            );
        }
        number
    }

    /// One of several words.
    pub(crate) fn choice<T: Copy>(&mut self, key: &str, choices: &[(&str, T)]) -> Option<T> {
        let text = self.text(key)?;
        let found = choices.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
        if found.is_none() {
            let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
            let names = names.join(", ");
            let at = self.at(key);
            self.error(
                at,
                (format!("`{key}` is not `{text}`"), format!("write one of {names}")),
                (format!("`{key}` ist nicht `{text}`"), format!("schreiben Sie eines von {names}")),
            );
        }
        found
    }

    /// A day.
    pub(crate) fn day(&mut self, key: &str) -> Option<Day> {
        let text = self.text(key)?;
        let day = Day::parse(&text);
        if day.is_none() {
            let at = self.at(key);
            self.error(
                at,
                (format!("`{key}` is no day"), "write it as 2027-01-31"),
                (format!("`{key}` ist kein Tag"), "schreiben Sie ihn als 2027-01-31"),
            );
        }
        day
    }

    /// The review date: required, at most 90 days ahead. Past it, a rule for demonstration goes on with a
    /// warning, any other for a while of grace; then it is refused.
    pub(crate) fn review_by(&mut self, today: Day, demonstration: bool) -> String {
        let text = self.required(
            "review_by",
            (
                "write the day by which a person looks at it again, at most 90 days ahead",
                "schreiben Sie den Tag, bis zu dem ein Mensch neu prüft, höchstens 90 Tage voraus",
            ),
        );
        let Some(day) = self.day("review_by") else { return text };
        let ahead = day.days_since(today);
        let at = self.at("review_by");
        if ahead > MAX_REVIEW_DAYS {
            self.error(
                at,
                (
                    format!("the review lies {ahead} days ahead"),
                    format!("at most {MAX_REVIEW_DAYS} days are allowed"),
                ),
                (
                    format!("die Prüfung liegt {ahead} Tage voraus"),
                    format!("höchstens {MAX_REVIEW_DAYS} Tage sind erlaubt"),
                ),
            );
        } else if ahead < 0 && !demonstration && -ahead > REVIEW_GRACE_DAYS {
            self.error(
                at,
                (
                    format!("the review is {} days overdue", -ahead),
                    "review it and set a new day; until then it does not run",
                ),
                (
                    format!("die Prüfung ist seit {} Tagen überfällig", -ahead),
                    "prüfen Sie und setzen Sie einen neuen Tag; bis dahin läuft sie nicht",
                ),
            );
        } else if ahead < 0 {
            self.warn(
                at,
                (format!("the review is {} days overdue", -ahead), "review it and set a new day"),
                (
                    format!("die Prüfung ist seit {} Tagen überfällig", -ahead),
                    "prüfen Sie und setzen Sie einen neuen Tag",
                ),
            );
        }
        text
    }
}
