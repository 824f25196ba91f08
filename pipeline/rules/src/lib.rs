//! Watch rules: parse, check, compile, evaluate, explain.

mod date;
pub mod limits;
mod post;
mod problem;
mod rule;
mod set;
mod source;
pub mod syntax;
mod yaml;

pub use post::{ClusterView, PostView};
pub use problem::{Finding, Problem, Severity, Tongue, Wording};
pub use rule::{Cost, Expect, Rule, State, Trial};
pub use set::{Compiled, Evaluation, RuleSet, Scratch, SourceFile};
