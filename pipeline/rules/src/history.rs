//! A rule as a ClickHouse condition over the stored text: true for every post that the rule can match, so that
//! the exact evaluator sees few others.
//!
//! The condition reads the column `text` and those that the caller names. Folding at level `std` reaches spellings
//! that no substring search in the original text finds, so terms of `std` rules are said only over a column with
//! the folded words. Whatever cannot be said soundly is `1`.

use crate::RuleSet;
use crate::compile::plan::{Find, Step, What};
use crate::syntax::ast::{Field, ScopeKey};
use streife_text::FoldLevel;

/// Columns of the table besides `text`; `None`: not there, conditions on it are left out.
#[derive(Debug, Clone, Copy, Default)]
pub struct HistoryColumns<'a> {
    /// Language code.
    pub language: Option<&'a str>,
    /// Platform.
    pub platform: Option<&'a str>,
    /// Source.
    pub source: Option<&'a str>,
    /// The words of the text folded to level `std` by this build's normaliser, one space between two, with a text index
    /// over them. With it, the words of `std` rules are looked up, and wildcards are plain substring searches.
    pub words: Option<&'a str>,
    /// Does a stored post consist of `text` alone, without text of pictures and sound?
    pub text_only: bool,
}

/// Most terms in one condition; a longer OR is not said.
const MAX_TERMS: usize = 500;
/// Words of a phrase that are looked up; those after them are the evaluator's.
const MAX_WORDS: usize = 32;

/// The condition for the rule at `position`; `1` when nothing can be said.
pub fn history_prefilter(set: &RuleSet, position: usize, columns: &HistoryColumns<'_>) -> String {
    let Some(plan) = set.plans.get(position) else { return "0".to_owned() };
    condition(&plan.when, set, columns).unwrap_or_else(|| "1".to_owned())
}

fn condition(step: &Step, set: &RuleSet, columns: &HistoryColumns<'_>) -> Option<String> {
    match step {
        Step::Or(parts) => {
            let said: Option<Vec<String>> = parts.iter().map(|part| condition(part, set, columns)).collect();
            said.filter(|said| !said.is_empty() && said.len() <= MAX_TERMS)
                .map(|said| format!("({})", said.join(" OR ")))
        }
        Step::And(parts) => all(parts.iter().filter_map(|part| condition(part, set, columns)).collect()),
        Step::Pair { left, right, .. } => {
            all([left, right].into_iter().filter_map(|part| condition(part, set, columns)).collect())
        }
        Step::Find(find) => term(find, set, columns),
        Step::Scope(key, values) => {
            let column = match key {
                ScopeKey::Lang => columns.language,
                ScopeKey::Platform => columns.platform,
                ScopeKey::Source => columns.source,
                _ => None,
            }?;
            // Names may be stored with `@` and in capitals.
            let values: Vec<String> = values.iter().take(MAX_TERMS + 1).map(|value| quoted(value)).collect();
            (!values.is_empty() && values.len() <= MAX_TERMS && values.iter().all(|value| value.is_ascii()))
                .then(|| format!("lowerUTF8(trim(LEADING '@' FROM {column})) IN ({})", values.join(", ")))
        }
        _ => None,
    }
}

fn all(said: Vec<String>) -> Option<String> {
    match said.len() {
        0 => None,
        1 => said.into_iter().next(),
        _ => Some(format!("({})", said.join(" AND "))),
    }
}

fn term(find: &Find, set: &RuleSet, columns: &HistoryColumns<'_>) -> Option<String> {
    let in_text =
        matches!(find.field, Some(Field::Text | Field::Emoji)) || (find.field.is_none() && columns.text_only);
    if !in_text {
        return None;
    }
    what(&find.what, find.level, set, columns)
}

fn what(what_: &What, level: FoldLevel, set: &RuleSet, columns: &HistoryColumns<'_>) -> Option<String> {
    match what_ {
        What::Words(phrase) => match (level, columns.words) {
            (FoldLevel::Std, Some(column)) => {
                let words: Vec<String> = phrase.text.split(' ').take(MAX_WORDS).map(quoted).collect();
                Some(format!("hasAllTokens({column}, [{}])", words.join(", ")))
            }
            _ => all(phrase.text.split(' ').filter_map(|word| literal(word, level, columns)).collect()),
        },
        What::Prefix(text) | What::Suffix(text) | What::Infix(text) => literal(text, level, columns),
        What::List(id) => {
            let list = set.lists.get(*id as usize)?;
            if list.entries.is_empty() || list.entries.len() > MAX_TERMS {
                return None;
            }
            let said: Option<Vec<String>> =
                list.entries.iter().map(|entry| what(entry, level, set, columns)).collect();
            said.map(|said| format!("({})", said.join(" OR ")))
        }
        What::Fuzzy(_) | What::Regex(_) => None,
    }
}

/// The text holds these folded letters in one of the spellings that fold to them.
fn literal(text: &str, level: FoldLevel, columns: &HistoryColumns<'_>) -> Option<String> {
    match (level, columns.words) {
        (FoldLevel::None, _) => Some(format!("position(text, {}) > 0", quoted(text))),
        // Only ASCII case is sure to be the same in both worlds; a letter such as the Kelvin sign is not.
        (FoldLevel::Case, _) if text.is_ascii() => {
            Some(format!("(positionCaseInsensitive(text, {}) > 0 OR NOT isASCII(text))", quoted(text)))
        }
        (FoldLevel::Std, Some(column)) => Some(format!("position({column}, {}) > 0", quoted(text))),
        _ => None,
    }
}

/// A ClickHouse string literal.
pub(crate) fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('\'');
    for c in text.chars() {
        match c {
            '\'' => out.push_str("\\'"),
            '\\' => out.push_str("\\\\"),
            '\0' => out.push_str("\\0"),
            '\n' => out.push_str("\\n"),
            c => out.push(c),
        }
    }
    out.push('\'');
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::SourceFile;

    fn prefilter(fold: &str, when: &str, columns: &HistoryColumns<'_>) -> String {
        let text = format!(
            "id: r\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\nfold: {fold}\nwhen: '{when}'\ntests: [{{text: x, expect: hit}}]\n"
        );
        let set = RuleSet::compile(&[SourceFile { path: "r", text: &text }], "2026-11-22").set;
        history_prefilter(&set, 0, columns)
    }

    #[test]
    fn conditions_say_only_what_is_sure() {
        let columns = HistoryColumns {
            words: Some("words"),
            language: Some("language"),
            text_only: true,
            ..HistoryColumns::default()
        };
        assert_eq!(prefilter("std", "Hund AND NOT katze", &columns), "hasAllTokens(words, ['hund'])");
        assert_eq!(
            prefilter("std", "Hund lang:de", &columns),
            "(hasAllTokens(words, ['hund']) AND lowerUTF8(trim(LEADING '@' FROM language)) IN ('de'))"
        );
        assert_eq!(prefilter("std", "raw:Hund OR tag:x", &columns), "1");
        assert_eq!(
            prefilter("std", "hund", &HistoryColumns { text_only: true, ..HistoryColumns::default() }),
            "1"
        );
        assert_eq!(
            prefilter("std", "hund", &HistoryColumns { words: Some("words"), ..HistoryColumns::default() }),
            "1"
        );
    }

    #[test]
    fn quoting_leaves_no_way_out() {
        assert_eq!(quoted("a'b\\c"), "'a\\'b\\\\c'");
    }
}
