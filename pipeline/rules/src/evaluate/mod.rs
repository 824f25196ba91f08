//! Exact evaluation of one rule on one post.

mod explain;
mod find;
mod units;

pub(crate) use explain::explain;
pub(crate) use find::{Match, Run, word_is};
pub(crate) use units::{LEVELS, LevelText, Unit, host, level_index, plain_name};

use streife_text::FoldLevel;

use crate::compile::plan::Step;
use crate::syntax::ast::{Nearness, Presence, Quantity, ScopeKey};

/// Does a part hold, and is that settled? It is not while scores are unknown on which it depends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Truth {
    pub(crate) now: bool,
    pub(crate) settled: bool,
}

impl Truth {
    const fn of(now: bool) -> Self {
        Self { now, settled: true }
    }
}

impl Run<'_, '_> {
    /// Does `step` hold?
    pub(crate) fn holds(&mut self, step: &Step, base: FoldLevel) -> Truth {
        match step {
            Step::Or(parts) => self.all(parts, base, false),
            Step::And(parts) => self.all(parts, base, true),
            Step::Not(part) => {
                let truth = self.holds(part, base);
                Truth { now: !truth.now, settled: truth.settled }
            }
            Step::Pair { near, left, right } => Truth::of(self.pair(*near, left, right, base, None)),
            Step::Find(find) => Truth::of(self.find(find, base, None)),
            Step::Scope(key, values) => {
                let value = plain_name(self.scope(*key));
                Truth::of(!value.is_empty() && values.binary_search(&value).is_ok())
            }
            Step::Hash { bank, at_most } => Truth::of(
                self.post
                    .hashes
                    .iter()
                    .any(|hash| bank.iter().any(|known| distance(hash, known) <= *at_most)),
            ),
            Step::Symbol { name, at_least } => Truth::of(self.post.symbols.iter().any(|(symbol, score)| {
                (name == "any" || symbol.to_lowercase() == *name) && f64::from(*score) >= *at_least
            })),
            Step::Label(head) => {
                Truth { now: self.post.labels.contains(head), settled: self.post.scores.is_some() }
            }
            Step::Number { quantity, default, compare, value } => Truth {
                now: self.number(*quantity).or(*default).is_some_and(|number| compare.holds(number, *value)),
                settled: !matches!(quantity, Quantity::Score(_)) || self.post.scores.is_some(),
            },
            Step::Exists(presence) => self.exists(*presence),
        }
    }

    /// All parts (`every`), or at least one.
    fn all(&mut self, parts: &[Step], base: FoldLevel, every: bool) -> Truth {
        let mut truth = Truth::of(every);
        for part in parts {
            let next = self.holds(part, base);
            if next.now != every {
                if next.settled {
                    return Truth::of(!every);
                }
                truth.now = !every;
            }
            truth.settled &= next.settled;
        }
        truth
    }

    fn scope(&self, key: ScopeKey) -> &str {
        match key {
            ScopeKey::Lang => self.post.language,
            ScopeKey::Platform => self.post.platform,
            ScopeKey::Source => self.post.source,
            ScopeKey::Kind => self.post.kind,
            ScopeKey::ReplyTo => self.post.reply_to,
        }
    }

    fn number(&self, quantity: Quantity) -> Option<f64> {
        let cluster = self.post.cluster;
        match quantity {
            Quantity::Score(head) => {
                self.post.scores.and_then(|scores| scores.get(head)).map(|score| f64::from(*score))
            }
            Quantity::ClusterSize => cluster.map(|cluster| f64::from(cluster.size)),
            Quantity::ClusterAccounts => cluster.map(|cluster| f64::from(cluster.accounts)),
            Quantity::ClusterPlatforms => cluster.map(|cluster| f64::from(cluster.platforms)),
        }
    }

    fn exists(&self, presence: Presence) -> Truth {
        use crate::syntax::ast::Field;
        let post = self.post;
        match presence {
            Presence::Number(quantity) => Truth {
                now: self.number(quantity).is_some(),
                settled: !matches!(quantity, Quantity::Score(_)) || post.scores.is_some(),
            },
            Presence::Cluster => Truth::of(post.cluster.is_some()),
            Presence::Scope(ScopeKey::Lang) => Truth::of(!post.language.is_empty() && post.language != "und"),
            Presence::Scope(key) => Truth::of(!self.scope(key).is_empty()),
            Presence::Field(Field::Mention) => Truth::of(!post.mentions.is_empty()),
            Presence::Field(Field::Domain | Field::Url) => Truth::of(!post.urls.is_empty()),
            Presence::Field(Field::Emoji) => Truth::of(post.text.chars().any(is_emoji_like)),
            Presence::Field(field) => Truth::of(self.sources.iter().any(|source| source.field == field)),
        }
    }

    fn pair(
        &mut self,
        near: Nearness,
        left: &Step,
        right: &Step,
        base: FoldLevel,
        mut spans: Option<&mut Vec<Match>>,
    ) -> bool {
        let (mut lefts, mut rights) = (Vec::new(), Vec::new());
        self.operand(left, base, &mut lefts);
        if lefts.is_empty() {
            return false;
        }
        self.operand(right, base, &mut rights);
        rights.sort_unstable();
        let longest = rights.iter().map(|m| m.end - m.start).max().unwrap_or(0);
        let mut held = false;
        for a in &lefts {
            let reach = match near {
                Nearness::Near(n) | Nearness::Before(n) => u32::from(n),
                Nearness::Sent => u32::MAX,
            };
            let first = (a.unit, a.start.saturating_sub(reach.saturating_add(longest)));
            let from = rights.partition_point(|b| (b.unit, b.start) < first);
            for b in rights.iter().skip(from) {
                if b.unit != a.unit || b.start > a.end.saturating_add(reach) {
                    break;
                }
                let near_enough = match near {
                    Nearness::Near(n) => gap(a, b) <= u32::from(n),
                    Nearness::Before(n) => b.start >= a.end && gap(a, b) <= u32::from(n),
                    Nearness::Sent => self.same_sentence(a, b),
                };
                if near_enough {
                    held = true;
                    match spans.as_deref_mut() {
                        Some(spans) => spans.extend([*a, *b]),
                        None => return true,
                    }
                }
            }
        }
        held
    }

    fn operand(&mut self, step: &Step, base: FoldLevel, out: &mut Vec<Match>) {
        match step {
            Step::Find(find) => {
                self.find(find, base, Some(out));
            }
            Step::Or(parts) => parts.iter().for_each(|part| self.operand(part, base, out)),
            _ => {}
        }
    }

    fn same_sentence(&mut self, a: &Match, b: &Match) -> bool {
        let sentences = self.sentences(a.unit as usize);
        let of = |m: &Match| sentences.iter().position(|(start, end)| m.span.0 >= *start && m.span.1 <= *end);
        let first = of(a);
        first.is_some() && first == of(b)
    }
}

/// 0 when they share a word, else one more than the words between them.
fn gap(a: &Match, b: &Match) -> u32 {
    if a.start < b.end && b.start < a.end {
        0
    } else if a.start <= b.start {
        b.start.saturating_sub(a.end) + 1
    } else {
        a.start.saturating_sub(b.end) + 1
    }
}

fn distance(a: &[u8; 32], b: &[u8; 32]) -> u32 {
    a.iter().zip(b).map(|(a, b)| (a ^ b).count_ones()).sum()
}

fn is_emoji_like(c: char) -> bool {
    c > '\u{203b}' && {
        let mut cut = Vec::new();
        let mut buffer = [0; 4];
        streife_text::words(c.encode_utf8(&mut buffer), &mut cut);
        !c.is_alphanumeric() && !cut.is_empty()
    }
}
