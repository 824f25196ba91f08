//! Rule checks for the desk's editor.

use streife_rules::{RuleSet, SourceFile, Tongue, run_tests};
use streife_web::{RuleCheck, RuleProblem};

/// Compiles a rule text and runs its tests.
pub(crate) struct SyntaxCheck;

impl RuleCheck for SyntaxCheck {
    fn check(&self, source: &str, today: &str, german: bool) -> Vec<RuleProblem> {
        let tongue = if german { Tongue::German } else { Tongue::English };
        let compiled = RuleSet::compile(&[SourceFile { path: "rule.yaml", text: source }], today);
        let mut problems: Vec<RuleProblem> = compiled
            .problems
            .iter()
            .map(|problem| {
                let (message, hint) = problem.wording(tongue);
                RuleProblem {
                    line: problem.line,
                    column: problem.column,
                    message: message.to_owned(),
                    hint: hint.to_owned(),
                    error: problem.is_error(),
                }
            })
            .collect();
        problems.extend(run_tests(&compiled.set).into_iter().filter(|result| !result.ok).map(|result| {
            let (expected, got) = (result.expect.as_str(), result.got.as_str());
            let message = if german {
                format!("Test {} von {}: erwartet {expected}, ist {got}", result.test, result.rule)
            } else {
                format!("test {} of {}: expected {expected}, got {got}", result.test, result.rule)
            };
            RuleProblem { line: 1, column: 1, message, hint: String::new(), error: true }
        }));
        problems
    }
}
