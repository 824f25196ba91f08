//! From YAML to envelopes: rules, lists, banks, suppressions. Every document is read for itself; a broken one
//! is named and the others go on.

mod expression;
mod fields;
mod list;
mod rule;
mod suppression;

use std::collections::BTreeMap;

pub(crate) use expression::{Expression, place};
pub(crate) use list::{FIELDS as LIST_FIELDS, List};
pub(crate) use rule::FIELDS as RULE_FIELDS;
pub(crate) use suppression::{FIELDS as SUPPRESSION_FIELDS, Suppression};

use crate::date::Day;
use crate::problem::{Problem, Severity};
use crate::set::SourceFile;
use crate::space::{self, Spaces, called};
use crate::syntax::{Window, nearest};
use crate::yaml::{self, File, Node, NodeKind};
use crate::{Rule, limits::MAX_PROBLEMS_PER_FILE};

/// A rule whose envelope is sound.
#[derive(Debug)]
pub(crate) struct RuleSource<'a> {
    pub(crate) rule: Rule,
    pub(crate) file: File<'a>,
    pub(crate) fold: streife_text::FoldLevel,
    pub(crate) when: Expression,
    pub(crate) unless: Option<Expression>,
    pub(crate) window: Option<Window>,
}

/// Everything that could be read.
#[derive(Debug, Default)]
pub(crate) struct Sources<'a> {
    pub(crate) rules: Vec<RuleSource<'a>>,
    pub(crate) lists: BTreeMap<String, List<'a>>,
    pub(crate) suppressions: Vec<Suppression<'a>>,
    pub(crate) problems: Vec<Problem>,
    pub(crate) spaces: Spaces,
    /// Places in `rules` by id.
    positions: rustc_hash::FxHashMap<String, usize>,
}

/// The kinds of documents, each told by its first key.
pub(crate) const DOCUMENT_KEYS: [&str; 4] = ["id", "list", "bank", "suppress"];

/// Reads all files.
pub(crate) fn read<'a>(files: &[SourceFile<'a>], today: Day) -> Sources<'a> {
    let mut sources = Sources::default();
    for file in files {
        let file = File { path: file.path, text: file.text };
        if space::names_sources(file.path) {
            sources.spaces.read(&file);
            continue;
        }
        let before = sources.problems.len();
        let (documents, problems) = yaml::read(&file);
        sources.problems.extend(problems);
        for document in &documents {
            match &document.kind {
                NodeKind::Sequence(items) => {
                    items.iter().for_each(|item| sources.document(file, item, today));
                }
                _ => sources.document(file, document, today),
            }
        }
        sources.problems.truncate(before + MAX_PROBLEMS_PER_FILE.max(documents.len()));
    }
    sources
}

impl<'a> Sources<'a> {
    fn document(&mut self, file: File<'a>, node: &Node, today: Day) {
        let NodeKind::Map(pairs) = &node.kind else {
            if node.text() != Some("") {
                self.no_document(file, node, None);
            }
            return;
        };
        let key = pairs.iter().filter_map(|(key, _)| key.text()).find(|key| DOCUMENT_KEYS.contains(key));
        match key {
            Some("id") => {
                if let Some(mut source) = rule::read(file, node, today, &mut self.problems) {
                    source.rule.id = called(space::space_of(file.path), &source.rule.id);
                    self.add_rule(source, node);
                }
            }
            Some("list" | "bank") => {
                if let Some(mut list) = list::read(file, node, today, &mut self.problems) {
                    list.name = called(space::space_of(file.path), &list.name);
                    self.add_list(list, node);
                }
            }
            Some(_) => {
                if let Some(suppression) = suppression::read(file, node, today, &mut self.problems) {
                    self.suppressions.push(suppression);
                }
            }
            None => {
                let first = pairs.iter().find_map(|(key, _)| nearest(key.text()?, DOCUMENT_KEYS));
                self.no_document(file, node, first);
            }
        }
    }

    fn no_document(&mut self, file: File<'a>, node: &Node, meant: Option<&str>) {
        let meant = meant.unwrap_or("id");
        self.problems.push(file.problem(
            None,
            node.start,
            Severity::Error,
            ("neither a rule (`id:`), a list (`list:`), a bank (`bank:`) nor a suppression (`suppress:`)", format!("begin the document with {meant}: name")),
            ("weder eine Regel (`id:`) noch eine Liste (`list:`), eine Bank (`bank:`) oder eine Ausnahme (`suppress:`)", format!("beginnen Sie das Dokument mit {meant}: name")),
        ));
    }

    fn add_rule(&mut self, source: RuleSource<'a>, node: &Node) {
        if let Some(first) = self.positions.get(&source.rule.id).and_then(|at| self.rules.get(*at)) {
            let id = &source.rule.id;
            self.problems.push(source.file.problem(
                Some(id),
                node.start,
                Severity::Error,
                (
                    format!("the rule `{id}` exists already, in {}", first.file.path),
                    "give it another id; the first one counts",
                ),
                (
                    format!("die Regel `{id}` gibt es schon, in {}", first.file.path),
                    "vergeben Sie eine andere id; die erste gilt",
                ),
            ));
            return;
        }
        self.positions.insert(source.rule.id.clone(), self.rules.len());
        self.rules.push(source);
    }

    fn add_list(&mut self, list: List<'a>, node: &Node) {
        if let Some(first) = self.lists.get(&list.name) {
            let name = &list.name;
            self.problems.push(list.file.problem(
                Some(name),
                node.start,
                Severity::Error,
                (
                    format!("the list `{name}` exists already, in {}", first.file.path),
                    "give it another name; the first one counts",
                ),
                (
                    format!("die Liste `{name}` gibt es schon, in {}", first.file.path),
                    "vergeben Sie einen anderen Namen; die erste gilt",
                ),
            ));
            return;
        }
        self.lists.insert(list.name.clone(), list);
    }
}
