//! Runs the tests that rules carry.

use serde::Serialize;
use streife_domain::Heads;

use crate::{ClusterView, Expect, PostView, RuleSet, Scratch, Trial};

/// The outcome of one test of one rule, as `streife rules test --json` prints it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct TestResult {
    /// The rule.
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

/// Runs every test of every rule, whatever its state. Windows are left aside: a test has one post.
pub fn run_tests(set: &RuleSet) -> Vec<TestResult> {
    let mut scratch = Scratch::default();
    let mut results = Vec::new();
    for (position, rule) in set.rules().iter().enumerate() {
        for (i, trial) in rule.tests.iter().enumerate() {
            let expect = trial.expect.unwrap_or(Expect::Hit);
            let hit = trial.with_post(|post| set.matches(position, post, &mut scratch));
            let got = if hit { Expect::Hit } else { Expect::Miss };
            results.push(TestResult { rule: rule.id.clone(), test: i + 1, expect, got, ok: expect == got });
        }
    }
    results
}

impl Trial {
    /// Calls `look` with the post of this test.
    pub fn with_post<T>(&self, look: impl FnOnce(&PostView<'_>) -> T) -> T {
        let scores: Heads<f32> = self.scores.iter().copied().collect();
        look(&PostView {
            text: &self.text,
            ocr: &self.ocr,
            asr: &self.asr,
            tags: &self.tags,
            urls: &self.urls,
            mentions: &self.mentions,
            quote: &self.quote,
            language: &self.lang,
            platform: &self.platform,
            source: &self.source,
            kind: &self.kind,
            reply_to: &self.reply_to,
            scores: Some(&scores),
            labels: &self.labels,
            cluster: self.cluster.map(|(size, accounts, platforms)| ClusterView {
                size,
                accounts,
                platforms,
            }),
            hashes: &[],
            symbols: &self.symbols,
        })
    }
}
