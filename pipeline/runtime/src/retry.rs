//! The one place that retries. Waits double up to a bound, with jitter so that workers do not march in step.

use std::future::Future;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use crate::metrics;

/// The process is shutting down.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("stopped")]
pub struct Stopped;

/// First and longest wait between tries.
#[derive(Debug, Clone, Copy)]
pub struct Backoff {
    /// Before the second try.
    pub first: Duration,
    /// Never longer than this.
    pub longest: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { first: Duration::from_millis(100), longest: Duration::from_secs(15) }
    }
}

impl Backoff {
    /// The wait before try number `retry` (1 is the first repetition). Jitter of a quarter follows from the number
    /// itself, so that a simulated run repeats.
    pub fn wait(&self, retry: u32) -> Duration {
        let doubled = self.first.saturating_mul(1 << retry.saturating_sub(1).min(16)).min(self.longest);
        let jitter = retry.wrapping_mul(2_654_435_761) >> 24;
        doubled.mul_f64(1.0 - f64::from(jitter) / 1024.0)
    }
}

/// Repeats `call` while its error is transient. A lasting error is returned at once.
pub(crate) async fn until_done<T, E, F, Fut>(
    stage: &'static str,
    backoff: Backoff,
    stop: &CancellationToken,
    is_transient: impl Fn(&E) -> bool,
    mut call: F,
) -> Result<Result<T, E>, Stopped>
where
    E: std::fmt::Display,
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let mut retry = 0u32;
    loop {
        let error = match call().await {
            Ok(value) => return Ok(Ok(value)),
            Err(error) if is_transient(&error) => error,
            Err(error) => return Ok(Err(error)),
        };
        retry = retry.saturating_add(1);
        metrics::RETRIES.with_label_values(&[stage]).inc();
        let wait = backoff.wait(retry);
        tracing::warn!(stage, retry, wait_ms = wait.as_millis() as u64, %error, "trying again");
        tokio::select! {
            () = stop.cancelled() => return Err(Stopped),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_bound() {
        let backoff = Backoff::default();
        assert!(backoff.wait(1) <= Duration::from_millis(100));
        assert!(backoff.wait(4) > backoff.wait(1));
        assert!(backoff.wait(60) <= Duration::from_secs(15) && backoff.wait(60) > Duration::from_secs(10));
    }

    #[tokio::test(start_paused = true)]
    async fn transient_errors_are_repeated_lasting_ones_returned() {
        let stop = CancellationToken::new();
        let mut tries = 0;
        let result = until_done(
            "test",
            Backoff::default(),
            &stop,
            |e: &&str| *e == "later",
            || {
                tries += 1;
                let answer = if tries < 4 { Err("later") } else { Err("never") };
                async move { answer as Result<(), &str> }
            },
        )
        .await;
        assert_eq!(result, Ok(Err("never")));
        assert_eq!(tries, 4);
    }

    #[tokio::test(start_paused = true)]
    async fn a_stop_ends_the_waiting() {
        let stop = CancellationToken::new();
        stop.cancel();
        let result = until_done(
            "test",
            Backoff::default(),
            &stop,
            |_: &&str| true,
            || async { Err::<(), _>("later") },
        )
        .await;
        assert_eq!(result, Err(Stopped));
    }
}
