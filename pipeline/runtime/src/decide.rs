//! Where in the queue a post belongs. Three steps, made of parts a person can read off a table:
//!
//! | what | step |
//! |---|---|
//! | a watch rule matched | the rule's severity |
//! | label violence, attack_on_order, antisemitism, group_hate or defamation, score under 0.9 | low |
//! | the same, score 0.9 or more | medium |
//! | a rule and such a label | one step up |
//!
//! `offensive`, `call_to_action` and `profanity` are context: rude is not unlawful, and most calls are lawful, so
//! they never put a post in front of people by themselves. Scores order work; they decide nothing.

use streife_domain::{Head, Heads, Priority};

/// A score from which on a label alone is worth a look today.
pub(crate) const CERTAIN_SCORE: f32 = 0.9;

const ALERT_HEADS: [Head; 5] =
    [Head::GroupHate, Head::Violence, Head::AttackOnOrder, Head::Defamation, Head::Antisemitism];

/// The priority of a post from its labels, their scores, and the severities of the rules that hit.
pub fn decide(
    scores: &Heads<f32>,
    labels: &[Head],
    rule_severities: impl IntoIterator<Item = Priority>,
) -> Priority {
    let by_rules = rule_severities.into_iter().max().unwrap_or(Priority::None);
    let by_labels = labels
        .iter()
        .filter(|head| ALERT_HEADS.contains(head))
        .map(|head| {
            if scores.get(*head).is_some_and(|s| *s >= CERTAIN_SCORE) {
                Priority::Medium
            } else {
                Priority::Low
            }
        })
        .max()
        .unwrap_or(Priority::None);
    let base = by_rules.max(by_labels);
    if by_rules > Priority::None && by_labels > Priority::None { one_step_up(base) } else { base }
}

const fn one_step_up(priority: Priority) -> Priority {
    match priority {
        Priority::None => Priority::Low,
        Priority::Low => Priority::Medium,
        Priority::Medium | Priority::High => Priority::High,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn scores(head: Head, score: f32) -> Heads<f32> {
        [(head, score)].into_iter().collect()
    }

    #[test]
    fn context_heads_flag_nothing() {
        for head in [Head::Offensive, Head::CallToAction, Head::Profanity] {
            assert_eq!(decide(&scores(head, 0.99), &[head], []), Priority::None);
        }
    }

    #[test]
    fn a_rule_and_a_label_go_one_step_up() {
        let s = scores(Head::Violence, 0.7);
        assert_eq!(decide(&s, &[Head::Violence], []), Priority::Low);
        assert_eq!(decide(&s, &[], [Priority::Medium]), Priority::Medium);
        assert_eq!(decide(&s, &[Head::Violence], [Priority::Medium]), Priority::High);
        assert_eq!(decide(&scores(Head::Violence, 0.95), &[Head::Violence], []), Priority::Medium);
    }

    proptest! {
        #[test]
        fn more_evidence_never_lowers(score in 0f32..1.0, label in any::<bool>(), rules in 0usize..3) {
            let severities = [Priority::Low, Priority::High];
            let labels = if label { vec![Head::GroupHate] } else { vec![] };
            let s = scores(Head::GroupHate, score);
            let less = decide(&s, &[], []);
            let more = decide(&s, &labels, severities.into_iter().take(rules));
            prop_assert!(more >= less);
        }
    }
}
