//! How commands fail: a message that says what, where and what to do, and an exit code scripts can rely on.

use std::fmt;

/// Exit codes (`docs/cli.md`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    /// A test failed, a package does not verify, a rule has errors.
    Finding = 1,
    /// The command line is wrong.
    Usage = 2,
    /// The configuration is wrong.
    Configuration = 3,
    /// An upstream service is out of reach.
    Upstream = 4,
}

/// A command that did not do what it was asked.
#[derive(Debug)]
pub(crate) struct Failure {
    pub(crate) exit: Exit,
    pub(crate) error: anyhow::Error,
}

impl Failure {
    pub(crate) fn new(exit: Exit, message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self { exit, error: anyhow::Error::msg(message) }
    }

    pub(crate) fn usage(message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self::new(Exit::Usage, message)
    }

    pub(crate) fn configuration(message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self::new(Exit::Configuration, message)
    }

    /// What a server answered: a fault that may pass is the server's, a refusal is for whoever configures.
    pub(crate) fn of_server(
        is_transient: bool,
        error: impl std::error::Error + Send + Sync + 'static,
    ) -> Self {
        let exit = if is_transient { Exit::Upstream } else { Exit::Configuration };
        Self { exit, error: anyhow::Error::new(error) }
    }

    /// May the same succeed later?
    pub(crate) fn is_transient(&self) -> bool {
        self.exit == Exit::Upstream
    }

    pub(crate) fn upstream(message: impl fmt::Display + fmt::Debug + Send + Sync + 'static) -> Self {
        Self::new(Exit::Upstream, message)
    }
}

/// Anything not classified otherwise is a finding: the command ran and something is wrong.
impl<E: Into<anyhow::Error>> From<E> for Failure {
    fn from(error: E) -> Self {
        Self { exit: Exit::Finding, error: error.into() }
    }
}

/// The result of a command: the exit code 0, or 1 for a finding that was already reported.
pub(crate) type CommandResult = Result<Outcome, Failure>;

/// How a command that ran ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Outcome {
    /// All fine.
    Fine,
    /// Something was found, and said.
    Finding,
}

impl Outcome {
    pub(crate) const fn fine_if(fine: bool) -> Self {
        if fine { Self::Fine } else { Self::Finding }
    }
}
