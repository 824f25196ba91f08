//! The ClickHouse condition of a rule holds for every post that the rule matches. The few functions that conditions use
//! are read here from ClickHouse's documentation and evaluated over one row.

#![expect(clippy::panic, reason = "a panic is how a test fails")]

use proptest::prelude::*;
use streife_rules::{HistoryColumns, PostView, RuleSet, Scratch, SourceFile, history_prefilter};
use streife_text::{FoldLevel, fold, joined, words};

struct Row<'a> {
    text: &'a str,
    words: String,
    language: &'a str,
    platform: &'a str,
}

/// A reader and evaluator of conditions in one.
struct Sql<'s, 'r> {
    rest: &'s str,
    row: &'r Row<'r>,
}

impl Sql<'_, '_> {
    fn take(&mut self, piece: &str) -> bool {
        let taken = self.rest.strip_prefix(piece);
        self.rest = taken.unwrap_or(self.rest);
        taken.is_some()
    }

    fn expect(&mut self, piece: &str) {
        assert!(self.take(piece), "{piece:?} expected at {:?}", self.rest);
    }

    fn string(&mut self) -> String {
        self.expect("'");
        let mut out = String::new();
        let mut chars = self.rest.char_indices();
        while let Some((at, c)) = chars.next() {
            match c {
                '\'' => {
                    self.rest = &self.rest[at + 1..];
                    return out;
                }
                '\\' => match chars.next() {
                    Some((_, 'n')) => out.push('\n'),
                    Some((_, '0')) => out.push('\0'),
                    Some((_, c)) => out.push(c),
                    None => break,
                },
                c => out.push(c),
            }
        }
        panic!("no end of a string");
    }

    fn column(&mut self) -> String {
        for (name, value) in [
            ("text", self.row.text),
            ("words", self.row.words.as_str()),
            ("language", self.row.language),
            ("platform", self.row.platform),
        ] {
            if self.take(name) {
                return value.to_owned();
            }
        }
        panic!("no column at {:?}", self.rest)
    }

    fn condition(&mut self) -> bool {
        if self.take("(") {
            let mut value = self.condition();
            loop {
                if self.take(" AND ") {
                    value &= self.condition();
                } else if self.take(" OR ") {
                    value |= self.condition();
                } else {
                    self.expect(")");
                    return value;
                }
            }
        }
        if self.take("NOT isASCII(") {
            let value = self.column();
            self.expect(")");
            return !value.is_ascii();
        }
        for (name, folds) in [("positionCaseInsensitive(", true), ("position(", false)] {
            if self.take(name) {
                let column = self.column();
                self.expect(", ");
                let needle = self.string();
                self.expect(") > 0");
                return if folds {
                    column.to_ascii_lowercase().contains(&needle.to_ascii_lowercase())
                } else {
                    column.contains(&needle)
                };
            }
        }
        if self.take("hasAllTokens(") {
            // Over a text index that cuts at single spaces.
            let column = self.column();
            self.expect(", [");
            let mut all = true;
            loop {
                let token = self.string();
                all &= column.split(' ').any(|word| word == token);
                if !self.take(", ") {
                    self.expect("])");
                    return all;
                }
            }
        }
        if self.take("lowerUTF8(trim(LEADING '@' FROM ") {
            let column = self.column();
            self.expect(")) IN (");
            let value = column.trim_start_matches('@').to_lowercase();
            let mut found = false;
            loop {
                found |= self.string() == value;
                if !self.take(", ") {
                    self.expect(")");
                    return found;
                }
            }
        }
        if self.take("1") {
            return true;
        }
        self.expect("0");
        false
    }
}

fn words_of(text: &str) -> String {
    let folded = fold(text, FoldLevel::Std).text;
    let mut cut = Vec::new();
    words(&folded, &mut cut);
    joined(&folded, &cut)
}

fn word() -> impl Strategy<Value = &'static str> {
    prop::sample::select(vec![
        "hass", "HASS", "h4ss", "Straße", "strasse", "STRASSE", "müll", "it's", "a\\b", "88", "K", "ſo",
        "gut", "naхzi", "🔥", "İs",
    ])
}

fn term() -> impl Strategy<Value = String> {
    let word = || word().prop_filter("a plain word", |word| word.chars().all(char::is_alphanumeric));
    prop_oneof![
        4 => word().prop_map(str::to_owned),
        1 => (word(), word()).prop_map(|(a, b)| format!("\"{a} {b}\"")),
        1 => word().prop_map(|word| format!("{word}*")),
        1 => word().prop_map(|word| format!("*{word}*")),
        1 => word().prop_map(|word| format!("raw:{word}")),
        1 => word().prop_map(|word| format!("text:{word}")),
        1 => Just("$list".to_owned()),
        1 => Just("lang:de".to_owned()),
        1 => Just("platform:X".to_owned()),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(1_500))]
    #[test]
    fn the_prefilter_never_leaves_out_a_post_that_hits(
        terms in prop::collection::vec(term(), 3),
        shape in prop::sample::select(vec!["{0} AND {1}", "{0} OR {1}", "{0} AND NOT {1}", "({0} OR {1}) AND {2}", "hass NEAR/3 strasse AND {0}"]),
        fold_level in prop::sample::select(vec!["none", "case", "std", "stem"]),
        texts in prop::collection::vec(prop::collection::vec(word(), 1..7), 1..6),
        with_folded in any::<bool>(),
        text_only in any::<bool>(),
        language in prop::sample::select(vec!["de", "en", ""]),
        platform in prop::sample::select(vec!["x", "@X", "y"]),
    ) {
        let when = shape.replace("{0}", &terms[0]).replace("{1}", &terms[1]).replace("{2}", &terms[2]);
        let file = format!("list: list\nowner: a\nreview_by: 2027-01-31\nterms: [hass, '*müll', \"it's\"]\n---\nid: r\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\nfold: {fold_level}\nwhen: '{when}'\ntests: [{{text: x, expect: hit}}]\n");
        let set = RuleSet::compile(&[SourceFile { path: "r", text: &file }], "2026-11-22").set;
        if set.rules().is_empty() {
            return Ok(());
        }
        let columns = HistoryColumns {
            language: Some("language"),
            platform: Some("platform"),
            source: None,
            words: with_folded.then_some("words"),
            text_only,
        };
        let sql = history_prefilter(&set, 0, &columns);
        for words in &texts {
            let text = words.join(" ");
            let row = Row { text: &text, words: words_of(&text), language, platform };
            let post = PostView { text: &text, language, platform, ..PostView::default() };
            let hits = set.matches(0, &post, &mut Scratch::default());
            let mut read = Sql { rest: &sql, row: &row };
            let passes = read.condition();
            prop_assert_eq!(read.rest, "");
            prop_assert!(passes || !hits, "{} leaves out {:?}: {}", when, text, sql);
        }
    }
}
