//! A compiled set of rules.

use streife_domain::Hit;

use crate::{PostView, Problem, Rule};

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
}

/// Buffers that evaluation reuses from post to post. One per thread.
#[derive(Debug, Default)]
pub struct Scratch {}

/// An immutable set of rules; swapping sets is swapping one pointer.
#[derive(Debug, Default)]
pub struct RuleSet {
    version: String,
    rules: Vec<Rule>,
}

impl RuleSet {
    /// Compiles files. `today` is `YYYY-MM-DD`. Never fails as a whole.
    pub fn compile(files: &[SourceFile<'_>], today: &str) -> Compiled {
        let _ = (files, today);
        Compiled { set: Self::empty(), problems: Vec::new() }
    }

    /// No rules.
    pub fn empty() -> Self {
        Self::default()
    }

    /// `rules@` and 12 hex digits over everything that shapes a result.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// The rules, sorted by id.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// Which rules a post hits.
    pub fn evaluate(&self, post: &PostView<'_>, scratch: &mut Scratch) -> Evaluation {
        let _ = (post, scratch);
        Evaluation::default()
    }
}
