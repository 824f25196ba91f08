//! What flags leave open is asked; an answer that cannot stand is asked for again, with what is wrong.

use std::io::Write;

use crate::failure::Failure;
use crate::say::tr;

/// Wrong answers to one question; whoever gives more is helped by the documentation.
const MAX_TRIES: usize = 10;

/// Asks on standard error, reads standard input.
pub(super) struct Questions {
    pub(super) asking: bool,
}

/// One value: its name for people, the flag's value, what an empty answer means.
pub(super) struct Question<'a> {
    pub(super) what: &'a str,
    pub(super) flag: Option<&'a str>,
    pub(super) default: Option<&'a str>,
}

impl Questions {
    /// The flag, else an answer; `judge` makes a value of it or says what is wrong. A wrong flag is refused, a wrong answer is asked
    /// for again; an error names what is missing where nobody can be asked.
    pub(super) fn ask<T>(
        &self,
        question: &Question<'_>,
        judge: impl Fn(&str) -> Result<T, String>,
    ) -> Result<T, Failure> {
        let what = question.what;
        if let Some(given) = question.flag {
            return judge(given).map_err(|wrong| Failure::usage(format!("{what}: {wrong}")));
        }
        if !self.asking {
            let missing = tr("fehlt, siehe --help", "missing, see --help");
            return Err(Failure::usage(format!("{what}: {missing}")));
        }
        for _ in 0..MAX_TRIES {
            let answer = self.read(question)?;
            let answer = match (answer.as_str(), question.default) {
                ("", Some(default)) => default,
                (answer, _) => answer,
            };
            match judge(answer) {
                Ok(value) => return Ok(value),
                Err(wrong) => writeln!(std::io::stderr(), "  {wrong}")?,
            }
        }
        let told = tr("zu oft falsch beantwortet", "answered wrongly too often");
        Err(Failure::usage(format!("{what}: {told}")))
    }

    fn read(&self, question: &Question<'_>) -> Result<String, Failure> {
        let hint = question.default.map(|default| format!(" [{default}]")).unwrap_or_default();
        let mut out = std::io::stderr();
        write!(out, "{}{hint}: ", question.what)?;
        out.flush()?;
        let mut line = String::new();
        if std::io::stdin().read_line(&mut line)? == 0 {
            let told = tr(
                "die Eingabe endete, bevor das beantwortet war",
                "the input ended before this was answered",
            );
            return Err(Failure::usage(format!("{}: {told}", question.what)));
        }
        Ok(line.trim().to_owned())
    }
}
