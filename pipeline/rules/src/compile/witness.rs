//! A rule's witness: leaves of which at least one must be in every post that the rule matches. Without one, the
//! rule would have to be tried on every post, so it is refused.

use crate::Cost;
use crate::compile::index::zone;
use crate::compile::plan::{Find, ListPlan, Step, What};
use crate::compile::table::Guard;
use crate::limits::MIN_WITNESS_LITERAL;
use crate::syntax::ast::{Compare, Field, Quantity, ScopeKey};

/// Smallest cluster that says anything about a post.
const MIN_CLUSTER_WITNESS: f64 = 3.0;
/// Lists longer than this are medium at least.
const LONG_LIST: usize = 5_000;

/// Words so common that they say nothing; by our own judgement, folded.
const COMMON: &str = " aber alle als also am an auch auf aus bei bin bis da das dass dem den der des dich die dir doch du ein eine einen einer er es fuer haben hat ich ihr im in ist ja jetzt kann kein keine man mehr mein mich mir mit muss nach nicht noch nur oder schon sehr sein sich sie sind so um und uns unter vom von vor war was wenn wer wie wir wird wo zu zum zur a all and are as at be but by can do for from has have he her his how if in is it just like me my no not of on one or our out she so that the their there they this to up us was we what when who will with you your ve bir bu da de ne mi ama gibi daha cok من في على ما لا هذا هذه الى ان ";

/// The leaves that stand for `step`, with their cost; `None` when a post may match without any of them.
pub(crate) fn cover<'p>(step: &'p Step, lists: &[ListPlan]) -> Option<(Cost, Vec<&'p Step>)> {
    match step {
        Step::Or(parts) => {
            let mut all = (Cost::Narrow, Vec::new());
            for part in parts {
                let (cost, leaves) = cover(part, lists)?;
                all.0 = all.0.max(cost);
                all.1.extend(leaves);
            }
            (!all.1.is_empty()).then_some(all)
        }
        // The cheapest part; of equal ones that with the fewest leaves.
        Step::And(parts) => parts
            .iter()
            .filter_map(|part| cover(part, lists))
            .min_by_key(|(cost, leaves)| (*cost, leaves.len())),
        Step::Pair { left, right, .. } => {
            let parts = [left, right].into_iter().filter_map(|part| cover(part, lists));
            parts.min_by_key(|(cost, leaves)| (*cost, leaves.len()))
        }
        Step::Not(part) => match &**part {
            Step::Not(inner) => cover(inner, lists),
            _ => None,
        },
        leaf => leaf_cost(leaf, lists).map(|cost| (cost, vec![leaf])),
    }
}

/// The guard of `rule` for its witness `leaf`: words that every matching post has besides, in texts of the same level
/// and zone; of several choices the longest, since long words are rare.
pub(crate) fn guard(rule: &Step, leaf: &Step) -> Guard {
    let Step::Find(witness) = leaf else { return Guard::NONE };
    let mut choices = Vec::new();
    required(rule, leaf, witness, &mut choices);
    choices.into_iter().max_by_key(|(length, _)| *length).map_or(Guard::NONE, |(_, guard)| guard)
}

/// Collects what must hold wherever `step` holds, with the length of its shortest word.
fn required(step: &Step, leaf: &Step, witness: &Find, choices: &mut Vec<(usize, Guard)>) {
    match step {
        Step::And(parts) => parts.iter().for_each(|part| required(part, leaf, witness, choices)),
        Step::Pair { left, right, .. } => {
            [left, right].into_iter().for_each(|part| required(part, leaf, witness, choices));
        }
        Step::Or(parts) => {
            let words: Option<Vec<(usize, u64)>> =
                parts.iter().map(|part| longest(part, leaf, witness)).collect();
            choices.extend(words.and_then(|words| {
                let hashes: Vec<u64> = words.iter().map(|(_, hash)| *hash).collect();
                let guard = Guard::of(&hashes);
                (guard != Guard::NONE).then_some((words.iter().map(|(length, _)| *length).min()?, guard))
            }));
        }
        part => {
            choices.extend(longest(part, leaf, witness).map(|(length, hash)| (length, Guard::of(&[hash]))));
        }
    }
}

/// The longest word of a term and its length; none for the witness itself and where its texts are not looked at.
fn longest(part: &Step, leaf: &Step, witness: &Find) -> Option<(usize, u64)> {
    match part {
        Step::Find(Find { field, level, what: What::Words(phrase) })
            if !std::ptr::eq(part, leaf)
                && *level == witness.level
                && zone(*field) == zone(witness.field)
                && !matches!(field, Some(Field::Domain | Field::Mention)) =>
        {
            phrase.text.split(' ').map(str::len).zip(phrase.hashes.iter().copied()).max()
        }
        _ => None,
    }
}

/// What a leaf costs as a witness; `None` when it is none.
fn leaf_cost(leaf: &Step, lists: &[ListPlan]) -> Option<Cost> {
    match leaf {
        Step::Find(find) => match find.field {
            Some(crate::syntax::ast::Field::Domain | crate::syntax::ast::Field::Mention) => {
                matches!(find.what, What::Words(_) | What::List(_)).then_some(Cost::Narrow)
            }
            Some(crate::syntax::ast::Field::Tag | crate::syntax::ast::Field::Url) => {
                what_cost(&find.what, lists).map(|_| Cost::Narrow)
            }
            _ => what_cost(&find.what, lists),
        },
        Step::Scope(ScopeKey::Source | ScopeKey::ReplyTo, _) | Step::Symbol { .. } => Some(Cost::Medium),
        Step::Hash { .. } => Some(Cost::Narrow),
        Step::Number { quantity, default: None, compare: Compare::AtLeast | Compare::Over, value } => {
            match quantity {
                Quantity::Score(_) => None,
                _ => (*value >= MIN_CLUSTER_WITNESS).then_some(Cost::Medium),
            }
        }
        _ => None,
    }
}

fn what_cost(what: &What, lists: &[ListPlan]) -> Option<Cost> {
    let by_length = |length: usize, narrow: usize, medium: usize| match length {
        l if l < MIN_WITNESS_LITERAL => None,
        l if l >= narrow => Some(Cost::Narrow),
        l if l >= medium => Some(Cost::Medium),
        _ => Some(Cost::Broad),
    };
    let length = |text: &str| text.chars().count();
    match what {
        What::Words(phrase) => Some(match (phrase.hashes.len(), is_common(&phrase.text)) {
            (1, true) => Cost::Broad,
            (1, false) if length(&phrase.text) <= 3 && phrase.text.is_ascii() => Cost::Medium,
            (1, false) => Cost::Narrow,
            _ if phrase.text.split(' ').all(is_common) => Cost::Medium,
            _ => Cost::Narrow,
        }),
        What::Prefix(literal) | What::Suffix(literal) => by_length(length(literal), 6, 4),
        What::Infix(literal) => by_length(length(literal), 7, 5),
        What::Fuzzy(word) => by_length(length(word), 8, 5),
        What::Regex(_) => None,
        What::List(id) => {
            let list = lists.get(*id as usize)?;
            let mut cost = if list.entries.len() > LONG_LIST { Cost::Medium } else { Cost::Narrow };
            for entry in &list.entries {
                cost = cost.max(what_cost(entry, lists)?);
            }
            (!list.entries.is_empty()).then_some(cost)
        }
    }
}

fn is_common(word: &str) -> bool {
    COMMON.match_indices(word).any(|(at, _)| {
        let bytes = COMMON.as_bytes();
        at > 0 && bytes.get(at - 1) == Some(&b' ') && bytes.get(at + word.len()) == Some(&b' ')
    })
}
