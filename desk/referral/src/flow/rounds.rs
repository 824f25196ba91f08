//! The machine's part: what is due over all cases, with growing pauses after failures.

use std::collections::HashSet;
use std::sync::PoisonError;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use streife_cases::workflow::{Actor, Case, CaseState, UNDO_SECS};
use streife_domain::Timestamp;

use super::errors::Result;
use super::{Evidence, MAX_REASON_CHARS, Secured};

/// Cases worked on at the same time.
const PARALLEL_CASES: usize = 8;
/// Cases looked at in one round.
const MAX_CASES: i64 = 1_000;
/// So long a round takes on new cases; then it ends with the last of them, and what waits for a stamp is asked again.
const ROUND_SECS: i64 = 60;
/// How often a round looks for new cases while others are being worked on.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// First wait after a failure, doubled each time.
const FIRST_RETRY_SECS: i64 = 15;
/// Longest wait after a failure.
const MAX_RETRY_SECS: i64 = 3_600;
/// After so many failures of a capture in a row only a person starts it again.
const MAX_TRIES: u32 = 8;

#[derive(Debug, Clone)]
pub(super) struct Wait {
    pub(super) tries: u32,
    pub(super) next: Timestamp,
    pub(super) why: String,
}

impl Evidence {
    /// One round over all cases: starts captures of suspected posts once the decision can no longer be taken back,
    /// asks for pending stamps, makes packages of approved cases. Looks for new ones while slow captures run, and takes
    /// each case once. Returns how many cases it brought forward.
    ///
    /// # Errors
    /// When the case database fails; failures of single cases are kept for [`Self::status`] and tried again.
    pub async fn work(&self) -> Result<usize> {
        let begun = self.now();
        let (mut running, mut taken, mut done) = (FuturesUnordered::new(), HashSet::new(), 0);
        loop {
            let look = running.len() < PARALLEL_CASES && self.now() < begun.plus_secs(ROUND_SECS);
            for case in if look { self.due().await? } else { Vec::new() } {
                if running.len() < PARALLEL_CASES && taken.insert(case.id.clone()) {
                    running.push(self.bring_forward(case));
                }
            }
            match tokio::time::timeout(LOOK_AGAIN, running.next()).await {
                Ok(Some(forward)) => done += usize::from(forward),
                Ok(None) => return Ok(done),
                Err(_still_running) => {}
            }
        }
    }

    /// The cases that something can be done for now.
    async fn due(&self) -> Result<Vec<Case>> {
        let now = self.now();
        let mut due: Vec<Case> = Vec::new();
        for state in [CaseState::Danger, CaseState::Capturing, CaseState::Suspect, CaseState::Approved] {
            for row in self.parts.cases.cases(Some(state), MAX_CASES).await? {
                let settled = state != CaseState::Suspect || row.updated_at.plus_secs(UNDO_SECS) < now;
                let open = match state {
                    CaseState::Approved => self.packed(&row.case.id).await.is_err(),
                    _ => row.case.seal.is_none(),
                };
                if settled && open && self.may_try(&row.case.id, now) {
                    due.push(row.case);
                }
            }
        }
        Ok(due)
    }

    async fn bring_forward(&self, case: Case) -> bool {
        let outcome = match case.state {
            CaseState::Approved => self.package(&case.id).await.map(|_| true),
            _ => {
                let advanced = self.advance(&case.id, &Actor::system()).await;
                advanced.map(|secured| matches!(secured, Secured::Sealed(_)))
            }
        };
        self.remember(&case.id, &outcome);
        outcome.unwrap_or(false)
    }

    fn may_try(&self, case: &str, now: Timestamp) -> bool {
        let waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        waits.get(case).is_none_or(|wait| wait.next <= now && wait.tries < MAX_TRIES)
    }

    fn remember<T>(&self, case: &str, outcome: &Result<T>) {
        let mut waits = self.waits.lock().unwrap_or_else(PoisonError::into_inner);
        match outcome {
            Ok(_) => {
                waits.remove(case);
            }
            Err(error) => {
                let tries = waits.get(case).map_or(0, |wait| wait.tries).saturating_add(1);
                let wait = FIRST_RETRY_SECS.saturating_mul(1 << tries.min(10)).min(MAX_RETRY_SECS);
                let why: String = error.to_string().chars().take(MAX_REASON_CHARS).collect();
                tracing::warn!(case, tries, "evidence: {why}");
                waits.insert(case.to_owned(), Wait { tries, next: self.now().plus_secs(wait), why });
            }
        }
    }
}
