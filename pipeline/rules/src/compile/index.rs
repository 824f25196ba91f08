//! From a post to the rules that may match it.

use rustc_hash::FxHashMap;
use smallvec::SmallVec;

use crate::compile::plan::{ListPlan, Step, What, hash_word, mix};
use crate::compile::table::{Guard, Table, TableBuilder, WordSet};
use crate::evaluate::{LEVELS, Run, host, level_index, plain_name};
use crate::syntax::ast::{Field, ScopeKey};

/// Kinds of texts that are indexed apart.
const ZONES: usize = 4;
/// Marks an id that stands for a list; its users are in [`Index::list_users`].
const LIST: u32 = 1 << 31;

/// The zone of a field.
pub(crate) fn zone(field: Option<Field>) -> usize {
    match field {
        Some(Field::Tag) => 1,
        Some(Field::Url) => 2,
        Some(Field::Quote) => 3,
        _ => 0,
    }
}

/// Kinds of values that are compared as a whole.
#[derive(Debug, Clone, Copy)]
enum Point {
    Domain,
    Mention,
    Source,
    ReplyTo,
}

fn point(kind: Point, name: &str) -> u64 {
    mix(hash_word(name.as_bytes()) ^ ((kind as u64 + 1) << 56))
}

/// The reverse index of a set.
#[derive(Debug, Default)]
pub(crate) struct Index {
    tables: Vec<(usize, usize, Table)>,
    points: FxHashMap<u64, Vec<u32>>,
    /// Rules to try on posts with hashed pictures or symbols, or in a cluster.
    media: Vec<u32>,
    clustered: Vec<u32>,
    list_users: FxHashMap<u32, Vec<u32>>,
}

/// Collects witnesses.
#[derive(Debug, Default)]
pub(crate) struct IndexBuilder {
    tables: FxHashMap<(usize, usize), TableBuilder>,
    index: Index,
}

impl IndexBuilder {
    /// Makes `rule` a candidate wherever `leaf` holds in a post that passes `guard`, which speaks of the same level and
    /// zone.
    pub(crate) fn add(&mut self, leaf: &Step, rule: u32, guard: Guard, lists: &[ListPlan]) {
        match leaf {
            Step::Find(find) => match (find.field, &find.what) {
                (Some(field @ (Field::Domain | Field::Mention)), what) => {
                    let kind = if field == Field::Domain { Point::Domain } else { Point::Mention };
                    match what {
                        What::Words(name) => self.point(kind, &name.text, rule),
                        What::List(list) => {
                            for name in lists.get(*list as usize).into_iter().flat_map(|list| &list.names) {
                                self.point(kind, name, rule);
                            }
                        }
                        _ => {}
                    }
                }
                (field, What::List(list)) => {
                    self.list(*list, level_index(find.level), zone(field), rule, lists);
                }
                (field, what) => {
                    self.tables
                        .entry((level_index(find.level), zone(field)))
                        .or_default()
                        .add(what, rule, guard);
                }
            },
            Step::Scope(key, values) => {
                let kind = if *key == ScopeKey::Source { Point::Source } else { Point::ReplyTo };
                for value in values {
                    self.point(kind, value, rule);
                }
            }
            Step::Hash { .. } | Step::Symbol { .. } => self.index.media.push(rule),
            Step::Number { .. } => self.index.clustered.push(rule),
            _ => {}
        }
    }

    fn point(&mut self, kind: Point, name: &str, rule: u32) {
        self.index.points.entry(point(kind, name)).or_default().push(rule);
    }

    fn list(&mut self, list: u32, level: usize, zone: usize, rule: u32, lists: &[ListPlan]) {
        let id = LIST | (list * ZONES as u32 + zone as u32);
        let users = self.index.list_users.entry(id).or_default();
        if users.is_empty() {
            let table = self.tables.entry((level, zone)).or_default();
            for entry in lists.get(list as usize).into_iter().flat_map(|list| &list.entries) {
                table.add(entry, id, Guard::NONE);
            }
        }
        users.push(rule);
    }

    pub(crate) fn build(self) -> Index {
        let mut index = self.index;
        index.tables =
            self.tables.into_iter().map(|((level, zone), table)| (level, zone, table.build())).collect();
        index
    }
}

impl Index {
    /// Calls `found` with every rule that may match; a rule may come several times.
    pub(crate) fn candidates(&self, run: &mut Run<'_, '_>, found: &mut impl FnMut(u32)) {
        let mut each = |id: u32| {
            if id & LIST == 0 {
                found(id);
            } else if let Some(users) = self.list_users.get(&id) {
                users.iter().for_each(|rule| found(*rule));
            }
        };
        let mut present = WordSet::default();
        for (level, wanted, table) in &self.tables {
            let units =
                || (0..run.sources.len()).filter(|unit| zone(Some(run.sources[*unit].field)) == *wanted);
            let units: SmallVec<[usize; 8]> = units().collect();
            present.clear();
            for unit in &units {
                present.add_all(&run.text(*unit, LEVELS[*level]).present);
            }
            for unit in units {
                table.candidates(run.text(unit, LEVELS[*level]), &present, &mut each);
            }
        }
        let post = run.post;
        if !self.points.is_empty() {
            let mut look = |kind, name: &str| {
                if let Some(rules) = self.points.get(&point(kind, name)) {
                    rules.iter().for_each(|rule| each(*rule));
                }
            };
            for url in post.urls {
                let host = host(url);
                let mut rest = host.as_str();
                look(Point::Domain, rest);
                while let Some((_, parent)) = rest.split_once('.') {
                    look(Point::Domain, parent);
                    rest = parent;
                }
            }
            post.mentions.iter().for_each(|name| look(Point::Mention, &plain_name(name)));
            if !post.source.is_empty() {
                look(Point::Source, &plain_name(post.source));
            }
            if !post.reply_to.is_empty() {
                look(Point::ReplyTo, &plain_name(post.reply_to));
            }
        }
        if !post.hashes.is_empty() || !post.symbols.is_empty() {
            self.media.iter().for_each(|rule| each(*rule));
        }
        if post.cluster.is_some() {
            self.clustered.iter().for_each(|rule| each(*rule));
        }
    }

    /// Bytes held, roughly.
    pub(crate) fn bytes(&self) -> usize {
        self.tables.iter().map(|(_, _, table)| table.bytes()).sum()
    }
}
