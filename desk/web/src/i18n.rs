//! All texts in German and English. A test finds every key that a template or page uses but this table lacks.

use std::collections::HashMap;
use std::sync::OnceLock;

/// The tables: triage and cases; rules, figures and quality; people, rights and machines; what goes wrong.
const TABLES: [&str; 4] = [
    include_str!("messages.tsv"),
    include_str!("messages_work.tsv"),
    include_str!("messages_access.tsv"),
    include_str!("messages_wrong.tsv"),
];

/// A language of the desk.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Lang {
    /// German.
    #[default]
    De,
    /// English.
    En,
}

impl Lang {
    /// From a code; anything but `en` is German.
    pub fn parse(code: &str) -> Self {
        if code.eq_ignore_ascii_case("en") { Self::En } else { Self::De }
    }

    /// From `Accept-Language`: the first of the two languages named in it.
    pub fn from_header(header: Option<&str>) -> Self {
        let wanted = header.unwrap_or_default().split(',').map(|part| part.trim().to_ascii_lowercase());
        for language in wanted {
            if language.starts_with("de") {
                return Self::De;
            }
            if language.starts_with("en") {
                return Self::En;
            }
        }
        Self::De
    }
}

/// Looks texts up in one language.
#[derive(Debug, Clone, Copy)]
pub struct T(pub Lang);

type Messages = HashMap<&'static str, (&'static str, &'static str)>;

fn messages() -> &'static Messages {
    static MESSAGES: OnceLock<Messages> = OnceLock::new();
    MESSAGES.get_or_init(|| rows().map(|(key, de, en)| (key, (de, en))).collect())
}

fn rows() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    TABLES.iter().flat_map(|table| table.lines()).filter_map(|line| {
        let mut cells = line.split('\t');
        Some((cells.next()?, cells.next()?, cells.next()?))
    })
}

impl T {
    /// The text of `key`; the key itself where the table has none, so that a gap is seen.
    pub fn get<'a>(&self, key: &'a str) -> &'a str {
        match (messages().get(key), self.0) {
            (Some((de, _)), Lang::De) => de,
            (Some((_, en)), Lang::En) => en,
            (None, _) => key,
        }
    }

    /// The text of `prefix.name`; the name itself where the table has none.
    pub fn of(&self, prefix: &str, name: &str) -> String {
        let key = format!("{prefix}.{name}");
        let found = self.get(&key);
        if found == key { name.to_owned() } else { found.to_owned() }
    }

    /// The language code.
    pub const fn code(&self) -> &'static str {
        match self.0 {
            Lang::De => "de",
            Lang::En => "en",
        }
    }

    /// Is it German?
    pub fn german(&self) -> bool {
        self.0 == Lang::De
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use streife_cases::role::Role;
    use streife_cases::workflow::{CaseOutcome, CaseState, DismissReason};
    use streife_domain::Head;

    use super::*;

    #[test]
    fn every_line_has_a_key_once_and_both_languages() {
        let mut keys = HashSet::new();
        for line in TABLES.iter().flat_map(|table| table.lines()) {
            let cells: Vec<&str> = line.split('\t').collect();
            assert_eq!(cells.len(), 3, "{line:?}");
            assert!(cells.iter().all(|cell| !cell.trim().is_empty()), "{line:?}");
            assert!(keys.insert(cells[0]), "{} stands twice", cells[0]);
        }
    }

    #[test]
    fn every_key_that_a_page_uses_exists() {
        let folders =
            ["templates", "src/pages"].map(|f| std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(f));
        let mut used = 0;
        for file in folders.iter().flat_map(|folder| std::fs::read_dir(folder).unwrap()) {
            let path = file.unwrap().path();
            let text = std::fs::read_to_string(&path).unwrap();
            for part in text.split("t.get(\"").skip(1) {
                let key = part.split('"').next().unwrap();
                assert!(messages().contains_key(key), "{key} used in {} is missing", path.display());
                used += 1;
            }
        }
        assert!(used > 100, "the search found only {used} keys");
    }

    #[test]
    fn every_value_that_is_shown_by_name_exists() {
        let names = CaseState::ALL
            .iter()
            .map(|s| format!("state.{}", s.as_str()))
            .chain(DismissReason::ALL.iter().map(|r| format!("dismiss.{}", r.as_str())))
            .chain(CaseOutcome::ALL.iter().map(|o| format!("outcome.{}", o.as_str())))
            .chain(Role::ALL.iter().map(|r| format!("role.{}", r.as_str())))
            .chain(Head::ALL.iter().map(|h| format!("head.{}", h.as_str())))
            .chain(streife_cases::calibration::Basis::ALL.iter().map(|b| format!("basis.{}", b.as_str())))
            .chain(
                ["post", "reply", "quote", "repost", "article", "comment"].map(|k| format!("post_kind.{k}")),
            )
            .chain(
                ["connector", "delay", "edited", "by", "gate", "encoded", "kind", "thread"]
                    .map(|f| format!("found.{f}")),
            )
            .chain(["low", "medium", "high"].map(|l| format!("level.{l}")));
        for key in names {
            assert!(messages().contains_key(key.as_str()), "{key}");
        }
    }
}
