//! Every bound of the rule engine, by name. Rules come from people, posts from strangers: neither may cost
//! more than these.

/// Longest source file in bytes.
pub const MAX_FILE_BYTES: usize = 64 << 20;
/// Deepest nesting of YAML collections.
pub const MAX_YAML_DEPTH: usize = 16;
/// Most errors, and most warnings, told of one expression.
pub const MAX_FINDINGS: usize = 20;
/// Longest expression (`when`, `unless`, `window`) in bytes.
pub const MAX_EXPRESSION_BYTES: usize = 64 << 10;
/// Deepest nesting of brackets and operators in an expression.
pub const MAX_DEPTH: usize = 48;
/// Most terms in one expression.
pub const MAX_TERMS: usize = 1_000;
/// Most regular expressions in one rule.
pub const MAX_REGEXES: usize = 16;
/// Longest regular expression in bytes.
pub const MAX_REGEX_BYTES: usize = 1_000;
/// Largest compiled regular expression in bytes.
pub const MAX_REGEX_PROGRAM_BYTES: usize = 1 << 20;
/// Deepest nesting in a regular expression.
pub const MAX_REGEX_DEPTH: u32 = 40;
/// Most matches of one regular expression that are looked at in one text.
pub const MAX_REGEX_MATCHES: usize = 1_000;
/// Largest distance of `NEAR/n` and `BEFORE/n`, in words.
pub const MAX_DISTANCE: u16 = 100;
/// Most terms in one list.
pub const MAX_LIST_TERMS: usize = 250_000;
/// Longest term of a list in bytes.
pub const MAX_LIST_TERM_BYTES: usize = 300;
/// Most words in a phrase.
pub const MAX_PHRASE_WORDS: usize = 32;
/// Most problems reported for one file; the rest is counted.
pub const MAX_PROBLEMS_PER_FILE: usize = 200;
/// Problems from which on further warnings about envelopes are left out; errors never are.
pub const MAX_WARNINGS: usize = 1_000;
/// Fewest literal characters that make a wildcard or fuzzy term a witness.
pub const MIN_WITNESS_LITERAL: usize = 3;
/// Most tests in one rule.
pub const MAX_TESTS: usize = 1_000;
/// A rule must be looked at again within so many days.
pub const MAX_REVIEW_DAYS: i64 = 90;
/// So many days after its review date a rule still runs, with a warning; then it is refused.
pub const REVIEW_GRACE_DAYS: i64 = 30;
/// Hits and near misses that a rule's tests should have, each.
pub const WANTED_TESTS: usize = 3;
/// Most tags, addresses and mentions of one post that rules look at, each.
pub const MAX_POST_ITEMS: usize = 64;
/// Most bytes of one field of a post that rules look at; the rest is cut off on a character border.
pub const MAX_FIELD_BYTES: usize = 256 << 10;
/// Most places of one term in one text that are recorded.
pub const MAX_MATCHES: usize = 1_000;
/// Most spans recorded in one hit.
pub const MAX_SPANS: usize = 200;
/// Highest threshold of `count(...)` in a window.
pub const MAX_WINDOW_COUNT: u32 = 1_000;
/// Longest window in seconds: seven days.
pub const MAX_WINDOW_SECS: i64 = 7 * 86_400;
/// Most groups (clusters, tags, authors) that one window rule keeps in mind; the longest unseen is forgotten.
pub const MAX_WINDOW_GROUPS: usize = 20_000;
