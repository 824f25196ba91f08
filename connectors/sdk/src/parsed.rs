//! What a pure parse returns: events, problems, and what was passed over on purpose.

use std::collections::BTreeMap;

use bytes::Bytes;
use streife_domain::{Event, EventKind, RejectCode, Rejected};

use crate::Observation;

/// What a parse function is told besides the bytes.
#[derive(Debug, Clone, Default)]
pub struct ParseContext {
    /// Name of the configured source; the file's kind when parsing offline.
    pub source: String,
    /// Where native ids are only unique on one server or board: the prefix that makes them unique (`host`,
    /// `host/board`). Absent offline, where ids are given as the platform writes them.
    pub scope: Option<String>,
}

impl ParseContext {
    /// A context without scope.
    pub fn new(source: impl Into<String>) -> Self {
        Self { source: source.into(), scope: None }
    }

    /// A context whose native ids carry a prefix.
    pub fn scoped(source: impl Into<String>, scope: impl Into<String>) -> Self {
        Self { source: source.into(), scope: Some(scope.into()) }
    }

    /// The native id of something that the server calls `id`.
    pub fn native_id(&self, id: &str) -> String {
        match &self.scope {
            Some(scope) => format!("{scope}/{id}"),
            None => id.to_owned(),
        }
    }

    /// A new event seen in `observation`; `id` is the server's own.
    pub fn event(&self, event: EventKind, platform: &str, id: &str, observation: &Observation) -> Event {
        Event::new(event, &self.source, platform, &self.native_id(id), observation.observed_at)
    }
}

/// An event with the bytes it was read from.
#[derive(Debug, Clone, PartialEq)]
pub struct ParsedEvent {
    /// What was seen.
    pub event: Event,
    /// The part of the observation that says so, as received.
    pub raw: Bytes,
}

/// A part of an observation that could not be read. It goes to the dead-letter topic with its bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseProblem {
    /// Where: a line, a byte offset, an element.
    pub at: String,
    /// What is wrong, for machines.
    pub code: RejectCode,
    /// What is wrong, for people. Never holds post text.
    pub message: String,
    /// The bytes in question.
    pub raw: Bytes,
}

impl ParseProblem {
    /// The reject that the pipeline knows, with the place in its message.
    pub fn rejected(&self) -> Rejected {
        Rejected::new(self.code, format!("{}: {}", self.at, self.message))
    }
}

/// The result of a parse. Nothing of an observation is lost without a trace: a part is an event, a problem, or
/// counted under the reason why it was passed over.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Parsed {
    /// In the order of the observation.
    pub events: Vec<ParsedEvent>,
    /// What could not be read.
    pub problems: Vec<ParseProblem>,
    /// Sound records that are no posts (likes, follows, joins ...), counted by reason.
    pub ignored: BTreeMap<&'static str, u64>,
}

impl Parsed {
    /// Adds an event.
    pub fn push(&mut self, event: Event, raw: impl Into<Bytes>) {
        self.events.push(ParsedEvent { event, raw: raw.into() });
    }

    /// Adds a problem.
    pub fn problem(
        &mut self,
        at: impl Into<String>,
        code: RejectCode,
        message: impl Into<String>,
        raw: impl Into<Bytes>,
    ) {
        self.problems.push(ParseProblem { at: at.into(), code, message: message.into(), raw: raw.into() });
    }

    /// Counts a sound record that is no post.
    pub fn ignore(&mut self, reason: &'static str) {
        *self.ignored.entry(reason).or_default() += 1;
    }

    /// An observation that cannot be read at all.
    pub fn refused(code: RejectCode, message: impl Into<String>, observation: &Observation) -> Self {
        let mut parsed = Self::default();
        parsed.problem("whole document", code, message, observation.body.clone());
        parsed
    }

    /// Appends another result.
    pub fn append(&mut self, mut other: Self) {
        self.events.append(&mut other.events);
        self.problems.append(&mut other.problems);
        for (reason, count) in other.ignored {
            *self.ignored.entry(reason).or_default() += count;
        }
    }
}
