//! Runs the tests that rules, lists and banks carry.

use serde::Serialize;
use streife_domain::Heads;
use streife_text::FoldLevel;

use crate::compile::Lowering;
use crate::compile::plan::Step;
use crate::source::List;
use crate::space::{plain, space_of};
use crate::syntax::ast::{Expr, Kind, Pattern, Term};
use crate::{ClusterView, Expect, PostView, RuleSet, Scratch, Trial, TrialPost};

/// The outcome of one test of one rule, as `streife rules test --json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestResult {
    /// The rule, or `$` and the list's name.
    pub rule: String,
    /// Number of the test in the rule, counted from 1.
    pub test: usize,
    /// What must come out.
    pub expect: Expect,
    /// What came out.
    pub got: Expect,
    /// Are they the same?
    pub ok: bool,
}

/// Distance in bits within which a test's picture is like one of a bank.
const BANK_TEST_DISTANCE: u32 = 31;

/// Runs every test of every rule, whatever its state, then those of lists and banks, named `$list`. Windows are left
/// aside: a test has one post.
pub fn run_tests(set: &RuleSet) -> Vec<TestResult> {
    let mut scratch = Scratch::default();
    let mut results = Vec::new();
    let mut run = |name: &str, tests: &[Trial], matches: &mut dyn FnMut(&PostView<'_>) -> bool| {
        for (i, trial) in tests.iter().enumerate() {
            let expect = trial.expect.unwrap_or(Expect::Hit);
            let got = if trial.with_post(&mut *matches) { Expect::Hit } else { Expect::Miss };
            results.push(TestResult { rule: name.to_owned(), test: i + 1, expect, got, ok: expect == got });
        }
    };
    for (position, rule) in set.rules().iter().enumerate() {
        run(&rule.id, &rule.tests, &mut |post| set.matches_anywhere(position, post, &mut scratch));
    }
    for list in &set.list_tests {
        run(&format!("${}", list.name), &list.tests, &mut |post| {
            set.matches_step(&list.step, post, &mut scratch)
        });
    }
    results
}

/// The tests of a list or bank, and what its entries look for.
#[derive(Debug)]
pub(crate) struct ListTests {
    pub(crate) name: String,
    pub(crate) step: Step,
    pub(crate) tests: Vec<Trial>,
}

impl ListTests {
    /// `None` when there are none. A list's terms are looked for at the default fold level.
    pub(crate) fn of(list: &List<'_>, lowering: &mut Lowering<'_, '_>) -> Option<Self> {
        if list.tests.is_empty() {
            return None;
        }
        let space = space_of(list.file.path);
        let name = plain(space, &list.name)?.to_owned();
        let kind = if list.hashes.is_empty() {
            Kind::Term(Term { field: None, raw: false, pattern: Pattern::List(name) })
        } else {
            Kind::Hash { bank: name, at_most: BANK_TEST_DISTANCE as u16 }
        };
        let (step, _, _) = lowering.lower(space, &Expr::new(kind, 0), FoldLevel::Std);
        Some(Self { name: list.name.clone(), step, tests: list.tests.clone() })
    }
}

impl Trial {
    /// Calls `look` with the post of this test.
    pub fn with_post<T>(&self, look: impl FnOnce(&PostView<'_>) -> T) -> T {
        let none = TrialPost::default();
        let others = self.others.as_deref().unwrap_or(&none);
        let scores: Heads<f32> = others.scores.iter().copied().collect();
        look(&PostView {
            text: &self.text,
            ocr: &others.ocr,
            asr: &others.asr,
            tags: &others.tags,
            urls: &others.urls,
            mentions: &others.mentions,
            quote: &others.quote,
            language: &others.lang,
            platform: &others.platform,
            source: &others.source,
            kind: &others.kind,
            reply_to: &others.reply_to,
            scores: Some(&scores),
            labels: &others.labels,
            cluster: others.cluster.map(|(size, accounts, platforms)| ClusterView {
                size,
                accounts,
                platforms,
            }),
            hashes: &others.hashes,
            symbols: &others.symbols,
        })
    }
}
