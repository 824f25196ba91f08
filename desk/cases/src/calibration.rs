//! Do the probabilities of the models hold? What people decided is set against what a model said of the same posts, in
//! bins. Pure values and functions; figures are aggregates of a model, a language and a head, none is of a person or a post,
//! and below a minimal count there is none.
//!
//! A post counts once, under its leading head: the one of [`LEADING`] with the highest probability. Asked is not whether the
//! head is right as such, but whether people saw a possible offence in the post: that is what the number is used for.

use std::collections::{BTreeMap, HashMap, HashSet};

use streife_domain::Head;

use crate::workflow::{CaseOutcome, DismissReason, Opinion};

/// Bins of equal width between 0 and 1.
pub const BINS: usize = 10;
/// Fewest judged posts for any figure.
pub const MIN_JUDGED: u64 = 50;
/// Fewest judged posts in a bin that is shown.
pub const MIN_IN_BIN: u64 = 10;
/// Heads that put a post before people by themselves; the others say nothing of a possible offence.
pub const LEADING: [Head; 5] =
    [Head::GroupHate, Head::Violence, Head::AttackOnOrder, Head::Defamation, Head::Antisemitism];

/// Who judged, the least steered by the queue first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Basis {
    /// A second person, blind, on a decision that was drawn by chance.
    Blind,
    /// The authority that received the referral.
    Outcome,
    /// The reviewer who decided.
    Decision,
}

impl Basis {
    /// All.
    pub const ALL: [Self; 3] = [Self::Blind, Self::Outcome, Self::Decision];

    /// The written form.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Blind => "blind",
            Self::Outcome => "outcome",
            Self::Decision => "decision",
        }
    }
}

/// What people said of one post.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judgement {
    /// The post.
    pub post_id: String,
    /// Its campaign; empty where it is not known.
    pub campaign: String,
    /// Who judged.
    pub basis: Basis,
    /// Did they see a possible offence?
    pub confirmed: bool,
}

/// What a model said of one post for one head.
#[derive(Debug, Clone, PartialEq)]
pub struct Score {
    /// The post.
    pub post_id: String,
    /// Name and version of the model.
    pub model: String,
    /// Language code.
    pub language: String,
    /// The head.
    pub head: Head,
    /// Calibrated probability, 0 to 1.
    pub probability: f64,
}

/// What an opinion says of a post, as far as its content goes; handled already, no tie to Germany and unsure say nothing.
pub const fn confirms(opinion: &Opinion) -> Option<bool> {
    match opinion {
        Opinion::Relevant { .. } => Some(true),
        Opinion::NotRelevant { reason: DismissReason::NoNexus | DismissReason::Known } | Opinion::Unsure => {
            None
        }
        Opinion::NotRelevant { .. } => Some(false),
    }
}

/// What the recipient's answer says of a post, counted as for the precision of rules.
pub const fn proves(outcome: CaseOutcome) -> Option<bool> {
    match outcome {
        CaseOutcome::Investigation | CaseOutcome::Charged | CaseOutcome::Convicted => Some(true),
        CaseOutcome::NotAnOffence | CaseOutcome::Discontinued => Some(false),
        CaseOutcome::Forwarded => None,
    }
}

/// What figures are about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Group {
    /// Name and version of the model.
    pub model: String,
    /// Language code.
    pub language: String,
    /// Leading head.
    pub head: Head,
    /// Who judged.
    pub basis: Basis,
}

/// Posts whose probability lies in one bin.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Bin {
    /// Judged.
    pub judged: u64,
    /// Confirmed among these.
    pub confirmed: u64,
    /// Sum of the probabilities: so many confirmed ones the model expects.
    pub expected: f64,
}

/// Expected and observed shares of one group.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Reliability {
    bins: [Bin; BINS],
}

impl Reliability {
    fn add(&mut self, probability: f64, confirmed: bool) {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "between 0 and BINS")]
        let at = ((probability * BINS as f64) as usize).min(BINS - 1);
        if let Some(bin) = self.bins.get_mut(at) {
            bin.judged += 1;
            bin.confirmed += u64::from(confirmed);
            bin.expected += probability;
        }
    }

    /// All posts together.
    pub fn total(&self) -> Bin {
        self.bins.iter().fold(Bin::default(), |sum, bin| Bin {
            judged: sum.judged + bin.judged,
            confirmed: sum.confirmed + bin.confirmed,
            expected: sum.expected + bin.expected,
        })
    }

    /// Bins with enough posts to be shown: the lower border in tenths, and the bin.
    pub fn shown(&self) -> impl Iterator<Item = (usize, &Bin)> {
        self.bins.iter().enumerate().filter(|(_, bin)| bin.judged >= MIN_IN_BIN)
    }

    /// Expected calibration error (Naeini et al. 2015): the mean distance of expected and observed share over the bins,
    /// weighted by their posts. `None` without posts.
    pub fn error(&self) -> Option<f64> {
        let all = self.total().judged;
        let apart: f64 = self.bins.iter().map(|bin| (bin.expected - count(bin.confirmed)).abs()).sum();
        (all > 0).then(|| apart / count(all))
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts of posts")]
fn count(n: u64) -> f64 {
    n as f64
}

/// Expected and observed shares by model, language, leading head and who judged; groups of fewer than [`MIN_JUDGED`] posts are
/// left out. Of a campaign its first judged post counts: copies tell nothing new.
pub fn reliability(judgements: &[Judgement], scores: &[Score]) -> BTreeMap<Group, Reliability> {
    let mut leading: HashMap<(&str, &str), &Score> = HashMap::new();
    for score in scores.iter().filter(|s| LEADING.contains(&s.head) && (0.0..=1.0).contains(&s.probability)) {
        let best = leading.entry((&score.post_id, &score.model)).or_insert(score);
        if score.probability > best.probability {
            *best = score;
        }
    }
    let mut of_post: HashMap<&str, Vec<&Score>> = HashMap::new();
    for score in leading.into_values() {
        of_post.entry(&score.post_id).or_default().push(score);
    }
    let mut seen: HashSet<(Basis, &str)> = HashSet::new();
    let mut groups: BTreeMap<Group, Reliability> = BTreeMap::new();
    for judgement in judgements {
        let Some(scores) = of_post.get(judgement.post_id.as_str()) else { continue };
        let once = if judgement.campaign.is_empty() { &judgement.post_id } else { &judgement.campaign };
        if !seen.insert((judgement.basis, once)) {
            continue;
        }
        for score in scores {
            let group = Group {
                model: score.model.clone(),
                language: score.language.clone(),
                head: score.head,
                basis: judgement.basis,
            };
            groups.entry(group).or_default().add(score.probability, judgement.confirmed);
        }
    }
    groups.retain(|_, figures| figures.total().judged >= MIN_JUDGED);
    groups
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn post(n: usize, probability: f64) -> Score {
        let head = Head::Violence;
        Score { post_id: n.to_string(), model: "m@1".into(), language: "de".into(), head, probability }
    }

    fn said(n: usize, basis: Basis, confirmed: bool) -> Judgement {
        Judgement { post_id: n.to_string(), campaign: String::new(), basis, confirmed }
    }

    #[test]
    fn few_posts_give_no_figure_and_copies_count_once() {
        let scores: Vec<Score> = (0..60).map(|n| post(n, 0.5)).collect();
        let few: Vec<Judgement> = (0..49).map(|n| said(n, Basis::Blind, true)).collect();
        assert!(reliability(&few, &scores).is_empty());
        let enough: Vec<Judgement> = (0..50).map(|n| said(n, Basis::Blind, true)).collect();
        assert_eq!(reliability(&enough, &scores).len(), 1);
        let copies: Vec<Judgement> =
            enough.into_iter().map(|j| Judgement { campaign: "one".into(), ..j }).collect();
        assert!(reliability(&copies, &scores).is_empty());
    }

    #[test]
    fn a_post_counts_under_its_leading_head_alone() {
        let mut scores: Vec<Score> = (0..50).map(|n| post(n, 0.7)).collect();
        scores.extend((0..50).map(|n| Score { head: Head::GroupHate, ..post(n, 0.6) }));
        scores.extend((0..50).map(|n| Score { head: Head::Offensive, ..post(n, 0.99) }));
        let judgements: Vec<Judgement> = (0..50).map(|n| said(n, Basis::Decision, n % 2 == 0)).collect();
        let groups = reliability(&judgements, &scores);
        let heads: Vec<Head> = groups.keys().map(|group| group.head).collect();
        assert_eq!(heads, [Head::Violence]);
        let figures = groups.values().next().unwrap();
        assert_eq!((figures.total().judged, figures.total().confirmed), (50, 25));
        assert!((figures.error().unwrap() - 0.2).abs() < 1e-9);
        assert_eq!(figures.shown().map(|(at, _)| at).collect::<Vec<_>>(), [7]);
    }

    #[test]
    fn what_says_nothing_of_the_content_is_left_out() {
        let no = |reason| Opinion::NotRelevant { reason };
        assert_eq!(confirms(&Opinion::Unsure), None);
        assert_eq!(confirms(&no(DismissReason::Known)), None);
        assert_eq!(confirms(&no(DismissReason::NoNexus)), None);
        assert_eq!(confirms(&no(DismissReason::FalseHit)), Some(false));
        assert_eq!(confirms(&Opinion::Relevant { norms: vec![] }), Some(true));
        assert_eq!(proves(CaseOutcome::Forwarded), None);
    }

    proptest! {
        #[test]
        fn posts_are_conserved_and_order_does_not_matter(
            posts in proptest::collection::vec((0.0f64..=1.0, any::<bool>(), 0usize..3), 0..400),
            turn in 0usize..400,
        ) {
            let scores: Vec<Score> = posts.iter().enumerate().map(|(n, (p, ..))| post(n, *p)).collect();
            let judged: Vec<Judgement> = posts
                .iter()
                .enumerate()
                .map(|(n, (_, confirmed, basis))| said(n, Basis::ALL[*basis], *confirmed))
                .collect();
            let groups = reliability(&judged, &scores);
            for (group, figures) in &groups {
                let of = |basis: &usize| Basis::ALL[*basis] == group.basis;
                let all = posts.iter().filter(|(_, _, basis)| of(basis)).count() as u64;
                let yes = posts.iter().filter(|(_, confirmed, basis)| of(basis) && *confirmed).count() as u64;
                let total = figures.total();
                prop_assert_eq!((total.judged, total.confirmed), (all, yes));
                prop_assert!(all >= MIN_JUDGED);
                let error = figures.error().unwrap();
                prop_assert!((0.0..=1.0).contains(&error));
                // No calibration hides that the sum is wrong.
                prop_assert!(error + 1e-9 >= (total.expected - yes as f64).abs() / all as f64);
                for (at, bin) in figures.shown() {
                    let mean = bin.expected / bin.judged as f64;
                    let (low, high) = (at as f64 / BINS as f64, (at + 1) as f64 / BINS as f64);
                    prop_assert!(bin.judged >= MIN_IN_BIN && bin.confirmed <= bin.judged);
                    prop_assert!((low - 1e-9..=high + 1e-9).contains(&mean), "{} in {}", mean, at);
                }
            }
            let mut turned = judged;
            let at = turn.min(turned.len());
            turned.rotate_left(at);
            let again = reliability(&turned, &scores);
            prop_assert_eq!(again.keys().collect::<Vec<_>>(), groups.keys().collect::<Vec<_>>());
            for (one, other) in again.values().zip(groups.values()) {
                prop_assert_eq!(one.total().confirmed, other.total().confirmed);
                prop_assert!((one.error().unwrap() - other.error().unwrap()).abs() < 1e-9);
            }
        }

        #[test]
        fn a_model_that_is_right_has_no_error(tenths in 0usize..=10, times in 1usize..20) {
            // Of ten posts with n tenths, n are confirmed.
            let n = times * 10 * 5;
            let scores: Vec<Score> = (0..n).map(|at| post(at, tenths as f64 / 10.0)).collect();
            let judged: Vec<Judgement> =
                (0..n).map(|at| said(at, Basis::Outcome, at % 10 < tenths)).collect();
            let groups = reliability(&judged, &scores);
            prop_assert!(groups.values().next().unwrap().error().unwrap() < 1e-9);
        }
    }
}
