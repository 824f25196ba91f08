//! The machine's part: what is due over all cases, with growing pauses after failures.

use std::collections::{HashMap, HashSet};
use std::sync::PoisonError;
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use streife_cases::store::CaseRow;
use streife_cases::workflow::{Actor, Case, CaseState, UNDO_SECS};
use streife_domain::Timestamp;

use super::errors::Result;
use super::{Evidence, MAX_REASON_CHARS, Secured};

/// Cases worked on at the same time.
const PARALLEL_CASES: usize = 8;
/// Cases of a state read at once: the latest, and the next ones of the sweep.
const PAGE: i64 = 100;
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

/// How far the sweep over all cases is in each state: last change and number of the last case it saw.
pub(super) type Sweep = HashMap<CaseState, Option<(Timestamp, String)>>;

/// What a look found.
#[derive(Debug, Default)]
struct Due {
    latest: Vec<Case>,
    older: Vec<Case>,
    /// Where the sweep stands when all of `older` are taken.
    places: Sweep,
}

/// Latest and older by turns, so that neither holds up the other; `true` marks the older.
fn in_turns(latest: Vec<Case>, older: Vec<Case>) -> impl Iterator<Item = (Case, bool)> {
    let (mut latest, mut older) = (latest.into_iter(), older.into_iter());
    let mut turn = false;
    std::iter::from_fn(move || {
        turn = !turn;
        let new = |case| (case, false);
        let old = |case| (case, true);
        if turn {
            latest.next().map(new).or_else(|| older.next().map(old))
        } else {
            older.next().map(old).or_else(|| latest.next().map(new))
        }
    })
}

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
            let mut swept = true;
            if look {
                let due = self.due().await?;
                let mut left_behind = false;
                for (case, older) in in_turns(due.latest, due.older) {
                    if taken.contains(&case.id) {
                        continue;
                    }
                    if running.len() < PARALLEL_CASES {
                        taken.insert(case.id.clone());
                        running.push(self.bring_forward(case));
                    } else {
                        left_behind |= older;
                    }
                }
                // The sweep goes on when nobody stays behind it.
                swept = !left_behind && self.sweep_on(due.places);
            }
            match tokio::time::timeout(LOOK_AGAIN, running.next()).await {
                Ok(Some(forward)) => done += usize::from(forward),
                Ok(None) if swept => return Ok(done),
                Ok(None) | Err(_) => {}
            }
        }
    }

    /// The cases that something can be done for now: among the latest, whose pages may vanish any moment, and among
    /// the next of the sweep that reaches every older one in its turn.
    async fn due(&self) -> Result<Due> {
        let now = self.now();
        let mut due = Due::default();
        for state in [CaseState::Danger, CaseState::Capturing, CaseState::Suspect, CaseState::Approved] {
            let latest = self.parts.cases.cases(Some(state), PAGE).await?;
            due.latest.extend(self.open(state, latest, now).await);
            let place = self.place(state);
            let older = self.parts.cases.cases_behind(state, place.as_ref(), PAGE).await?;
            let whole = i64::try_from(older.len()).is_ok_and(|rows| rows == PAGE);
            let last = older.last().filter(|_| whole);
            due.places.insert(state, last.map(|row| (row.updated_at, row.case.id.clone())));
            due.older.extend(self.open(state, older, now).await);
        }
        Ok(due)
    }

    /// Those of `rows` that wait for the machine and may be tried now.
    async fn open(&self, state: CaseState, rows: Vec<CaseRow>, now: Timestamp) -> Vec<Case> {
        let mut open = Vec::new();
        for row in rows {
            let settled = state != CaseState::Suspect || row.updated_at.plus_secs(UNDO_SECS) < now;
            if !settled || !self.may_try(&row.case.id, now) {
                continue;
            }
            let waits = match state {
                CaseState::Approved => self.packed(&row.case.id).await.is_err(),
                _ => row.case.seal.is_none(),
            };
            if waits {
                open.push(row.case);
            }
        }
        open
    }

    fn place(&self, state: CaseState) -> Option<(Timestamp, String)> {
        let sweep = self.sweep.lock().unwrap_or_else(PoisonError::into_inner);
        sweep.get(&state).cloned().flatten()
    }

    /// Sets the sweep to `places`; `true` when it has come to the end of every state and begins anew.
    fn sweep_on(&self, places: Sweep) -> bool {
        let ended = places.values().all(Option::is_none);
        *self.sweep.lock().unwrap_or_else(PoisonError::into_inner) = places;
        ended
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
