//! A compiled set of rules: built once, shared by all workers, swapped by swapping a pointer.

use std::sync::OnceLock;

use sha2::{Digest, Sha256};
use streife_domain::{Hit, Reason};
use streife_text::{FoldLevel, NORMALISER_VERSION, Word};

use crate::build;
use crate::compile::Index;
use crate::compile::plan::{ListPlan, Step};
use crate::evaluate::{Run, Truth, Unit, explain, level_index};
use crate::limits::MAX_SPANS;
use crate::space::Spaces;
use crate::syntax::Window;
use crate::syntax::ast::Expr;
use crate::syntax::parse;
use crate::trial::ListTests;
use crate::{ListInfo, PostView, Problem, Rule, State};

/// Raised whenever the same rules can match differently than before.
pub const ENGINE_VERSION: u32 = 1;

/// A YAML file with rules, lists and suppressions; several documents are allowed.
#[derive(Debug, Clone, Copy)]
pub struct SourceFile<'a> {
    /// Its name, for messages.
    pub path: &'a str,
    /// Its content.
    pub text: &'a str,
}

/// The outcome of [`RuleSet::compile`]. A broken rule is named in `problems`; the others work.
#[derive(Debug)]
pub struct Compiled {
    /// The rules that work.
    pub set: RuleSet,
    /// What is wrong with the others, and warnings.
    pub problems: Vec<Problem>,
}

/// What a post's evaluation gave.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Evaluation {
    /// Hits of live rules, sorted by rule id; spans are byte ranges in [`PostView::text`].
    pub hits: Vec<Hit>,
    /// Hits of shadow rules, sorted by rule id.
    pub shadow: Vec<Hit>,
    /// Hits of live and shadow rules with a window: they count once the window says so.
    pub windowed: Vec<Hit>,
    /// Hits kept back by a suppression.
    pub suppressed: Vec<Hit>,
    /// The outcome of a rule may still change once scores are known.
    pub pending: bool,
    /// Rules that were looked at exactly; what a post costs follows this, not the number of rules.
    pub candidates: u32,
}

/// Buffers that evaluation reuses from post to post. One per thread; it fits every set.
#[derive(Debug, Default)]
pub struct Scratch {
    units: Vec<Unit>,
    marks: Marks,
}

impl Scratch {
    /// `text` folded to level `std`, and its words, if it is that of the post evaluated last and a rule wanted it so: for
    /// those who need the same and would fold it again.
    pub fn folded_std(&self, text: &str) -> Option<(&str, &[Word])> {
        let level = &self.units.first()?.levels[level_index(FoldLevel::Std)];
        Some((level.folded_of(text)?, &level.words))
    }
}

/// Which rules are candidates for the post at hand.
#[derive(Debug, Default)]
struct Marks {
    /// Number of the post for which a rule was last a candidate.
    stamps: Vec<u32>,
    stamp: u32,
    candidates: Vec<u32>,
}

/// The meaning of one rule.
#[derive(Debug)]
pub(crate) struct RulePlan {
    pub(crate) when: Step,
    pub(crate) unless: Option<Box<Step>>,
    pub(crate) window: Option<Box<Window>>,
    pub(crate) base: FoldLevel,
    /// Whose it is; see [`Spaces`].
    pub(crate) space: u16,
    /// The trees the plans came from; read again at the first hit, since most rules never hit.
    pub(crate) trees: OnceLock<Box<(Expr, Option<Expr>)>>,
}

/// A suppression ready to run.
#[derive(Debug)]
pub(crate) struct SuppressionPlan {
    pub(crate) rules: Vec<u32>,
    pub(crate) when: Option<Step>,
    pub(crate) space: u16,
}

/// An immutable set of rules; swapping sets is swapping one pointer.
#[derive(Debug, Default)]
pub struct RuleSet {
    pub(crate) version: String,
    pub(crate) rules: Vec<Rule>,
    pub(crate) list_infos: Vec<ListInfo>,
    pub(crate) plans: Vec<RulePlan>,
    pub(crate) lists: Vec<ListPlan>,
    pub(crate) index: Index,
    pub(crate) suppressions: Vec<SuppressionPlan>,
    pub(crate) list_tests: Vec<ListTests>,
    pub(crate) spaces: Spaces,
}

impl RuleSet {
    /// Compiles files. `today` is `YYYY-MM-DD`. Never fails as a whole.
    pub fn compile(files: &[SourceFile<'_>], today: &str) -> Compiled {
        build::compile(files, today)
    }

    /// No rules.
    pub fn empty() -> Self {
        Self { version: version_of(&[]), ..Self::default() }
    }

    /// `rules@` and 12 hex digits over everything that shapes a result.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The rules, sorted by id.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The lists and banks, sorted by name.
    pub fn lists(&self) -> &[ListInfo] {
        &self.list_infos
    }

    /// Position of a rule in [`RuleSet::rules`].
    pub fn position(&self, id: &str) -> Option<usize> {
        self.rules.binary_search_by(|rule| rule.id.as_str().cmp(id)).ok()
    }

    /// The window of a rule, when it has one.
    pub fn window(&self, id: &str) -> Option<&Window> {
        self.plans.get(self.position(id)?)?.window.as_deref()
    }

    /// Bytes held by the reverse index, roughly.
    pub fn index_bytes(&self) -> usize {
        self.index.bytes()
    }

    /// Which rules a post hits. The same post gives the same result, whatever was evaluated before.
    pub fn evaluate(&self, post: &PostView<'_>, scratch: &mut Scratch) -> Evaluation {
        let mut evaluation = Evaluation::default();
        let Scratch { units, marks } = scratch;
        let mut run = Run::new(post, &self.lists, units);
        let candidates = self.candidates(&mut run, marks);
        evaluation.candidates = u32::try_from(candidates.len()).unwrap_or(u32::MAX);
        for rule in candidates {
            let Some((rule_at, plan)) = self.plans.get(*rule as usize).map(|plan| (*rule as usize, plan))
            else {
                continue;
            };
            let truth = self.holds(&mut run, plan);
            evaluation.pending |= !truth.settled;
            if truth.now {
                self.file(rule_at, plan, &mut run, &mut evaluation);
            }
        }
        evaluation
    }

    /// The positions of the live and shadow rules that a post matches, in order, windows and suppressions left
    /// aside, into `matched` (emptied first). The quick way where nobody asks why. How many rules were looked at?
    pub fn matching(&self, post: &PostView<'_>, scratch: &mut Scratch, matched: &mut Vec<u32>) -> usize {
        let Scratch { units, marks } = scratch;
        let mut run = Run::new(post, &self.lists, units);
        matched.clear();
        let candidates = self.candidates(&mut run, marks);
        let holds =
            |at: &&u32| self.plans.get(**at as usize).is_some_and(|plan| self.holds(&mut run, plan).now);
        matched.extend(candidates.iter().filter(holds));
        candidates.len()
    }

    /// The rules that may match, each once, in order.
    fn candidates<'m>(&self, run: &mut Run<'_, '_>, marks: &'m mut Marks) -> &'m [u32] {
        let Marks { stamps, stamp, candidates } = marks;
        if stamps.len() < self.plans.len() {
            stamps.resize(self.plans.len(), 0);
        }
        *stamp = stamp.wrapping_add(1);
        if *stamp == 0 {
            stamps.fill(0);
            *stamp = 1;
        }
        candidates.clear();
        self.index.candidates(run, &mut |rule| {
            if let Some(seen) = stamps.get_mut(rule as usize)
                && *seen != *stamp
            {
                *seen = *stamp;
                candidates.push(rule);
            }
        });
        candidates.sort_unstable();
        candidates
    }

    fn file(&self, at: usize, plan: &RulePlan, run: &mut Run<'_, '_>, evaluation: &mut Evaluation) {
        let hit = self.hit(at, plan, run);
        let suppressed = self.suppressions.iter().any(|suppression| {
            suppression.rules.contains(&(at as u32))
                && self.spaces.sees(suppression.space, run.post.source)
                && suppression.when.as_ref().is_none_or(|when| run.holds(when, FoldLevel::Std).now)
        });
        match self.rules[at].state {
            _ if suppressed => evaluation.suppressed.push(hit),
            _ if plan.window.is_some() => evaluation.windowed.push(hit),
            State::Live => evaluation.hits.push(hit),
            _ => evaluation.shadow.push(hit),
        }
    }

    fn hit(&self, at: usize, plan: &RulePlan, run: &mut Run<'_, '_>) -> Hit {
        let mut spans = Vec::new();
        let because = self.reasons(at, plan, run, &mut spans);
        spans.sort_unstable();
        spans.dedup();
        spans.truncate(MAX_SPANS);
        let rule = &self.rules[at];
        Hit { rule: rule.id.clone(), version: rule.version, spans, because }
    }

    fn reasons(
        &self,
        at: usize,
        plan: &RulePlan,
        run: &mut Run<'_, '_>,
        spans: &mut Vec<streife_domain::Span>,
    ) -> Vec<Reason> {
        let rule = &self.rules[at];
        let trees = plan.trees.get_or_init(|| {
            Box::new((parse(&rule.when).expr, plan.unless.as_ref().map(|_| parse(&rule.unless).expr)))
        });
        let (when, unless) = (&trees.0, &trees.1);
        let mut because = vec![explain(run, &plan.when, when, plan.base, true, spans)];
        if let (Some(step), Some(expr)) = (&plan.unless, unless) {
            let mut reason = explain(run, step, expr, plan.base, false, &mut Vec::new());
            reason.part.insert_str(0, "unless ");
            because.push(reason);
        }
        because
    }

    /// Does the rule at `position` match, whatever its state, without index, window and suppressions? This is
    /// the evaluator that history uses.
    pub fn matches(&self, position: usize, post: &PostView<'_>, scratch: &mut Scratch) -> bool {
        self.plans
            .get(position)
            .is_some_and(|plan| self.holds(&mut Run::new(post, &self.lists, &mut scratch.units), plan).now)
    }

    /// The same wherever the post comes from: a rule's own tests are of no source.
    pub fn matches_anywhere(&self, position: usize, post: &PostView<'_>, scratch: &mut Scratch) -> bool {
        self.plans
            .get(position)
            .is_some_and(|plan| holds(&mut Run::new(post, &self.lists, &mut scratch.units), plan).now)
    }

    /// Does a rule match, and may it: a rule of a space sees that space's sources alone.
    fn holds(&self, run: &mut Run<'_, '_>, plan: &RulePlan) -> Truth {
        if plan.space != 0 && !self.spaces.sees(plan.space, run.post.source) {
            return Truth { now: false, settled: true };
        }
        holds(run, plan)
    }

    /// Does a bare step hold?
    pub(crate) fn matches_step(&self, step: &Step, post: &PostView<'_>, scratch: &mut Scratch) -> bool {
        Run::new(post, &self.lists, &mut scratch.units).holds(step, FoldLevel::Std).now
    }

    /// Why the rule with this id matches a post or not; `None` when there is no such rule.
    pub fn explain(&self, id: &str, post: &PostView<'_>, scratch: &mut Scratch) -> Option<Explanation> {
        let at = self.position(id)?;
        let plan = self.plans.get(at)?;
        let mut run = Run::new(post, &self.lists, &mut scratch.units);
        let truth = self.holds(&mut run, plan);
        let hit = self.hit(at, plan, &mut run);
        let spans = if truth.now { hit.spans } else { Vec::new() };
        Some(Explanation { holds: truth.now, pending: !truth.settled, spans, because: hit.because })
    }
}

/// Why a rule matches a post or not.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct Explanation {
    /// Does it match?
    pub holds: bool,
    /// May that change once scores are known?
    pub pending: bool,
    /// The places that made it match.
    pub spans: Vec<streife_domain::Span>,
    /// The tree of its parts: `when`, then `unless` if there is one.
    pub because: Vec<Reason>,
}

fn holds(run: &mut Run<'_, '_>, plan: &RulePlan) -> Truth {
    let when = run.holds(&plan.when, plan.base);
    let Some(unless) = &plan.unless else { return when };
    if !when.now && when.settled {
        return when;
    }
    let unless = run.holds(unless, plan.base);
    if unless.now && unless.settled {
        return Truth { now: false, settled: true };
    }
    Truth { now: when.now && !unless.now, settled: when.settled && unless.settled }
}

/// `rules@` and the first 12 hex digits over the parts and the versions of engine and folding.
pub(crate) fn version_of(parts: &[String]) -> String {
    let mut hasher = Sha256::new();
    hasher.update(format!("engine {ENGINE_VERSION} normaliser {NORMALISER_VERSION}\n"));
    for part in parts {
        hasher.update((part.len() as u64).to_le_bytes());
        hasher.update(part);
    }
    format!("rules@{}", hex::encode(&hasher.finalize()[..6]))
}
