//! Are the brokers in reach? librdkafka takes a broker that the meta data do not name for removed and lets go of its
//! connection. A broker that was taken for dead for a moment names none at all, itself included; a client that believes
//! that has no broker left to ask, and stays so for ever although the broker is back (librdkafka issue 5301, seen with
//! 2.12). So a client that has not reached any broker for a while is given up and made anew.

use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use rdkafka::Statistics;

/// A client without any broker for so long is made anew. Longer than the restart of a broker takes, for most.
pub(super) const PATIENCE: Duration = Duration::from_secs(20);

/// Since when a client has not reached any broker.
#[derive(Default)]
pub(super) struct Reach(Mutex<Option<Instant>>);

impl Reach {
    /// Notes what librdkafka reports every few seconds.
    pub(super) fn note(&self, statistics: &Statistics) {
        let states =
            statistics.brokers.values().map(|broker| (broker.source.as_str(), broker.state.as_str()));
        self.note_reached(any_up(states));
    }

    fn note_reached(&self, reached: bool) {
        let mut since = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        *since = if reached { None } else { since.or_else(|| Some(Instant::now())) };
    }

    /// Was no broker reached for longer than [`PATIENCE`]?
    pub(super) fn is_lost(&self) -> bool {
        let since = *self.0.lock().unwrap_or_else(PoisonError::into_inner);
        since.is_some_and(|since| since.elapsed() > PATIENCE)
    }
}

/// Logical brokers, such as the coordinator of a group, only point to others.
fn any_up<'a>(mut brokers: impl Iterator<Item = (&'a str, &'a str)>) -> bool {
    brokers.any(|(source, state)| source != "logical" && (state == "UP" || state == "UPDATE"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_real_broker_counts() {
        assert!(any_up([("learned", "UP"), ("logical", "DOWN")].into_iter()));
        assert!(any_up([("configured", "UP")].into_iter()));
        assert!(!any_up([("logical", "UP"), ("learned", "DOWN"), ("configured", "TRY_CONNECT")].into_iter()));
        assert!(!any_up(std::iter::empty()), "a client that has forgotten all brokers");
    }

    #[test]
    fn a_client_is_lost_only_after_a_while_without_any_broker() {
        let reach = Reach::default();
        assert!(!reach.is_lost(), "nothing is known yet");
        reach.note_reached(false);
        assert!(!reach.is_lost(), "a moment is no loss");
        let long_ago = Instant::now().checked_sub(PATIENCE * 2);
        *reach.0.lock().unwrap() = long_ago;
        reach.note_reached(false);
        assert!(reach.is_lost(), "noting it again does not begin anew");
        reach.note_reached(true);
        assert!(!reach.is_lost());
    }
}
