//! Turns a checked tree into a plan.

use std::collections::BTreeMap;

use rustc_hash::{FxHashMap, FxHashSet};
use smallvec::SmallVec;
use streife_text::{FoldLevel, fold, words};

use crate::Finding;
use crate::compile::plan::{Find, LazyRegex, ListPlan, Phrase, Step, What, hash_word};
use crate::compile::table::{Guard, TableBuilder};
use crate::evaluate::{level_index, plain_name};
use crate::limits::{MAX_PHRASE_WORDS, MAX_REGEX_BYTES, MAX_REGEXES};
use crate::source::List;
use crate::space::{meanings, plain};
use crate::syntax::ast::{Expr, Field, Kind, Pattern, Term, Value};
use crate::syntax::nearest;

/// Lists folded so far; shared by all rules of a set.
pub(crate) struct Lowering<'l, 's> {
    sources: &'l BTreeMap<String, List<'s>>,
    pub(crate) lists: Vec<ListPlan>,
    by_name: FxHashMap<(String, usize), u32>,
}

/// What one rule needs while it is lowered.
pub(crate) struct RuleLowering<'r, 'l, 's> {
    shared: &'r mut Lowering<'l, 's>,
    space: &'r str,
    level: FoldLevel,
    regexes: usize,
    pub(crate) findings: Vec<Finding>,
    pub(crate) lists_used: Vec<String>,
}

/// The level at which unmarked words are compared: letters' case never counts but for `raw:`.
pub(crate) fn base_level(fold: FoldLevel) -> FoldLevel {
    if fold == FoldLevel::None { FoldLevel::Case } else { fold }
}

impl<'l, 's> Lowering<'l, 's> {
    pub(crate) fn new(sources: &'l BTreeMap<String, List<'s>>) -> Self {
        Self { sources, lists: Vec::new(), by_name: FxHashMap::default() }
    }

    /// Lowers one expression of a rule of this space.
    pub(crate) fn lower(
        &mut self,
        space: &str,
        expr: &Expr,
        fold: FoldLevel,
    ) -> (Step, Vec<Finding>, Vec<String>) {
        let mut rule = RuleLowering {
            shared: self,
            space,
            level: base_level(fold),
            regexes: 0,
            findings: Vec::new(),
            lists_used: Vec::new(),
        };
        let step = rule.step(expr);
        (step, rule.findings, rule.lists_used)
    }

    fn list(&mut self, name: &str, level: FoldLevel) -> Option<u32> {
        let key = (name.to_owned(), level_index(level));
        if let Some(id) = self.by_name.get(&key) {
            return Some(*id);
        }
        let source = self.sources.get(name)?;
        let mut entries = Vec::with_capacity(source.terms.len());
        let mut always = Vec::new();
        let mut names = FxHashSet::default();
        let mut table = TableBuilder::default();
        for term in &source.terms {
            names.insert(plain_name(&term.written).into_boxed_str());
            let Ok(what) = literal(&term.pattern, level) else { continue };
            let id = entries.len() as u32;
            if !table.add(&what, id, Guard::NONE) {
                always.push(id);
            }
            entries.push(what);
        }
        let id = self.lists.len() as u32;
        self.lists.push(ListPlan { entries, table: table.build(), always, names });
        self.by_name.insert(key, id);
        Some(id)
    }
}

impl RuleLowering<'_, '_, '_> {
    fn step(&mut self, expr: &Expr) -> Step {
        match &expr.kind {
            Kind::Or(parts) => Step::Or(parts.iter().map(|part| self.step(part)).collect()),
            Kind::And(parts) => Step::And(parts.iter().map(|part| self.step(part)).collect()),
            Kind::Not(part) => Step::Not(Box::new(self.step(part))),
            Kind::Pair { near, left, right } => {
                Step::Pair { near: *near, left: Box::new(self.step(left)), right: Box::new(self.step(right)) }
            }
            Kind::Term(term) => self.term(term, expr.at),
            Kind::Scope(key, Value::Text(text)) => Step::Scope(*key, vec![plain_name(text)]),
            Kind::Scope(key, Value::List(name)) => {
                let mut values: Vec<String> = self
                    .source(name, expr.at)
                    .map(|list| list.terms.iter().map(|term| plain_name(&term.written)).collect())
                    .unwrap_or_default();
                values.sort_unstable();
                Step::Scope(*key, values)
            }
            Kind::Hash { bank, at_most } => {
                let bank = self.source(bank, expr.at).map(|list| list.hashes.clone()).unwrap_or_default();
                Step::Hash { bank, at_most: u32::from(*at_most) }
            }
            Kind::Symbol { name, at_least } => {
                Step::Symbol { name: name.to_lowercase(), at_least: *at_least }
            }
            Kind::Label(head) => Step::Label(*head),
            Kind::Number { quantity, default, compare, value } => {
                Step::Number { quantity: *quantity, default: *default, compare: *compare, value: *value }
            }
            Kind::Exists(presence) => Step::Exists(*presence),
            Kind::Broken => Step::Or(Vec::new()),
        }
    }

    /// The list that is meant by `name` in this space.
    fn called(&self, name: &str) -> Option<String> {
        meanings(self.space, name).find(|called| self.shared.sources.contains_key(called))
    }

    fn source(&mut self, name: &str, at: usize) -> Option<&List<'_>> {
        let Some(called) = self.called(name) else {
            let known = self.shared.sources.keys().filter_map(|known| {
                // What another space has is not told.
                plain(self.space, known).or_else(|| plain("", known))
            });
            let (english, german) = match nearest(name, known) {
                Some(meant) => (format!("did you mean ${meant}?"), format!("meinten Sie ${meant}?")),
                None => (
                    format!("add a document `list: {name}`"),
                    format!("ergänzen Sie ein Dokument `list: {name}`"),
                ),
            };
            self.findings.push(Finding::error(
                at,
                (format!("there is no list `{name}`, or it has errors"), english),
                (format!("es gibt keine Liste `{name}`, oder sie hat Fehler"), german),
            ));
            return None;
        };
        let list = self.shared.sources.get(&called)?;
        let used = format!("{called}@{}", list.version);
        if !self.lists_used.contains(&used) {
            self.lists_used.push(used);
        }
        Some(list)
    }

    fn term(&mut self, term: &Term, at: usize) -> Step {
        let level = if term.raw { FoldLevel::None } else { self.level };
        let what = match &term.pattern {
            Pattern::Regex(text) => self.regex(text, term.raw, at),
            Pattern::List(name) => {
                self.source(name, at);
                self.called(name).and_then(|called| self.shared.list(&called, level)).map(What::List)
            }
            Pattern::Word(text) | Pattern::Phrase(text)
                if matches!(term.field, Some(Field::Domain | Field::Mention)) =>
            {
                Some(What::Words(Phrase { text: plain_name(text).into(), hashes: SmallVec::new() }))
            }
            pattern => match literal(pattern, level) {
                Ok(what) => Some(what),
                Err((english, german)) => {
                    self.findings.push(Finding::error(at, english, german));
                    None
                }
            },
        };
        if let (Some(Field::Emoji), Some(What::Words(phrase))) = (term.field, &what)
            && phrase.text.contains(char::is_alphanumeric)
        {
            self.findings.push(Finding::error(
                at,
                ("`emoji:` takes an emoji", "write emoji:🔥, or the word without `emoji:`"),
                ("`emoji:` nimmt ein Emoji", "schreiben Sie emoji:🔥, oder das Wort ohne `emoji:`"),
            ));
        }
        match what {
            Some(what) => Step::Find(Find { field: term.field, level, what }),
            None => Step::Or(Vec::new()),
        }
    }

    fn regex(&mut self, text: &str, raw: bool, at: usize) -> Option<What> {
        self.regexes += 1;
        if self.regexes > MAX_REGEXES {
            self.findings.push(Finding::error(
                at,
                (
                    format!("more than {MAX_REGEXES} regular expressions in one rule"),
                    "use words, wildcards or a list",
                ),
                (
                    format!("mehr als {MAX_REGEXES} reguläre Ausdrücke in einer Regel"),
                    "nehmen Sie Wörter, Platzhalter oder eine Liste",
                ),
            ));
            return None;
        }
        let built = if text.len() > MAX_REGEX_BYTES {
            Err(format!("longer than {MAX_REGEX_BYTES} bytes"))
        } else {
            LazyRegex::new(text, raw).map_err(|error| error.to_string())
        };
        let problem = match built {
            Ok((_, true)) => "it matches the empty text, so it matches everywhere".to_owned(),
            Ok((regex, false)) => return Some(What::Regex(Box::new(regex))),
            Err(error) => error.lines().last().unwrap_or("").trim().trim_start_matches("error: ").to_owned(),
        };
        self.findings.push(Finding::error(
            at,
            (format!("the regular expression is refused: {problem}"), "there is no look-around and no back reference; keep counts like {1,50} small, and bind it to a word: word NEAR/3 /.../"),
            (format!("der reguläre Ausdruck wird abgelehnt: {problem}"), "es gibt kein Vor- und Zurückschauen und keine Rückbezüge; halten Sie Zählungen wie {1,50} klein und binden Sie ihn an ein Wort: wort NEAR/3 /.../"),
        ));
        None
    }
}

type Texts = ((String, &'static str), (String, &'static str));

/// A word, phrase, wildcard or fuzzy word folded to a level; otherwise what is wrong with it.
fn literal(pattern: &Pattern, level: FoldLevel) -> Result<What, Texts> {
    let (text, is_phrase) = match pattern {
        Pattern::Word(text) | Pattern::Phrase(text) => (text, true),
        Pattern::Prefix(text) | Pattern::Suffix(text) | Pattern::Infix(text) | Pattern::Fuzzy(text) => {
            (text, false)
        }
        Pattern::Regex(text) | Pattern::List(text) => (text, false),
    };
    let folded = fold(text, level);
    let mut cut = Vec::new();
    words(&folded.text, &mut cut);
    let pieces: Vec<&str> =
        cut.iter().filter_map(|word| folded.text.get(word.start as usize..word.end as usize)).collect();
    if pieces.is_empty() {
        return Err((
            (
                format!("`{text}` has no letter, digit or emoji to look for"),
                "write a word; signs alone need a regular expression beside a word",
            ),
            (
                format!("`{text}` hat keinen Buchstaben, keine Ziffer und kein Emoji"),
                "schreiben Sie ein Wort; Zeichen allein brauchen einen regulären Ausdruck neben einem Wort",
            ),
        ));
    }
    if pieces.len() > MAX_PHRASE_WORDS {
        return Err((
            (format!("a phrase of more than {MAX_PHRASE_WORDS} words"), "shorten it"),
            (format!("eine Wortfolge von mehr als {MAX_PHRASE_WORDS} Wörtern"), "kürzen Sie sie"),
        ));
    }
    if is_phrase {
        let hashes = pieces.iter().map(|piece| hash_word(piece.as_bytes())).collect();
        return Ok(What::Words(Phrase { text: pieces.join(" ").into(), hashes }));
    }
    let [only] = pieces[..] else {
        return Err((
            (
                format!("`{text}` is several words"),
                "a wildcard or ~1 goes with one word; put a phrase in quotes",
            ),
            (
                format!("`{text}` sind mehrere Wörter"),
                "ein Platzhalter oder ~1 gehört zu einem Wort; eine Wortfolge steht in Anführungszeichen",
            ),
        ));
    };
    let only: Box<str> = only.into();
    Ok(match pattern {
        Pattern::Prefix(_) => What::Prefix(only),
        Pattern::Suffix(_) => What::Suffix(only),
        Pattern::Infix(_) => What::Infix(only),
        _ => What::Fuzzy(only),
    })
}
