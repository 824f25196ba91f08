//! What a role stands on may come up after it, or be away for a moment just when it starts: it waits, says so, counts
//! it, and gives up at a limit, so that whoever supervises it sees that it does not start. A refusal (a wrong password, a
//! database of another version) is for a person and ends the role at once.

use std::future::Future;
use std::time::{Duration, Instant};

use streife_log::EventLog;
use streife_runtime::Backoff;
use tokio_util::sync::CancellationToken;

use super::Role;
use crate::failure::Failure;
use crate::{open, telemetry};

/// How long a role waits at its start for one server.
pub(crate) const START_PATIENCE: Duration = Duration::from_secs(300);
/// Waits between two tries.
const BACKOFF: Backoff = Backoff { first: Duration::from_millis(250), longest: Duration::from_secs(5) };

impl Role {
    /// The log of the configuration, once its servers answer and its topics are there.
    pub(crate) async fn log(&self) -> Result<std::sync::Arc<dyn EventLog>, Failure> {
        self.once_reached("log", || open::log(&self.config, &self.paths)).await
    }

    /// What `call` gives once `server` is in reach.
    pub(crate) async fn once_reached<T, F, Fut>(&self, server: &'static str, call: F) -> Result<T, Failure>
    where
        F: FnMut() -> Fut,
        Fut: Future<Output = Result<T, Failure>>,
    {
        once_reached(server, START_PATIENCE, &self.stop, call).await
    }
}

async fn once_reached<T, F, Fut>(
    server: &'static str,
    patience: Duration,
    stop: &CancellationToken,
    mut call: F,
) -> Result<T, Failure>
where
    F: FnMut() -> Fut,
    Fut: Future<Output = Result<T, Failure>>,
{
    let started = Instant::now();
    let mut retry = 0u32;
    loop {
        let failure = tokio::select! {
            () = stop.cancelled() => return Err(stopped(server)),
            result = call() => match result {
                Ok(value) => return Ok(value),
                Err(failure) => failure,
            },
        };
        if !failure.is_transient() {
            return Err(failure);
        }
        let waited = started.elapsed();
        if waited >= patience {
            let error = failure.error.context(format!(
                "{server} was not in reach for {} s after {} tries; the role does not start",
                waited.as_secs(),
                retry + 1
            ));
            return Err(Failure { exit: failure.exit, error });
        }
        retry = retry.saturating_add(1);
        telemetry::START_RETRIES.with_label_values(&[server]).inc();
        let wait = BACKOFF.wait(retry);
        tracing::warn!(
            server,
            retry,
            wait_ms = wait.as_millis() as u64,
            patience_secs = (patience - waited).as_secs(),
            error = format!("{:#}", failure.error),
            "waiting at the start"
        );
        tokio::select! {
            () = stop.cancelled() => return Err(stopped(server)),
            () = tokio::time::sleep(wait) => {}
        }
    }
}

fn stopped(server: &str) -> Failure {
    Failure::upstream(format!("stopped while waiting for {server}"))
}

#[cfg(test)]
mod tests {
    use std::cell::Cell;

    use super::*;
    use crate::failure::Exit;

    async fn tried(
        patience: Duration,
        answers: impl Fn(u32) -> Result<u32, Failure>,
    ) -> (Result<u32, Failure>, u32) {
        let tries = Cell::new(0);
        let result = once_reached("test", patience, &CancellationToken::new(), || {
            tries.set(tries.get() + 1);
            let answer = answers(tries.get());
            async move { answer }
        })
        .await;
        (result, tries.get())
    }

    #[tokio::test(start_paused = true)]
    async fn a_server_that_comes_up_later_is_waited_for() {
        let later = |try_number| if try_number < 5 { Err(Failure::upstream("away")) } else { Ok(try_number) };
        let (result, tries) = tried(START_PATIENCE, later).await;
        assert_eq!((result.ok(), tries), (Some(5), 5));
    }

    #[tokio::test(start_paused = true)]
    async fn a_refusal_ends_the_waiting_at_once() {
        let (result, tries) = tried(START_PATIENCE, |_| Err(Failure::configuration("wrong password"))).await;
        assert_eq!((result.unwrap_err().exit, tries), (Exit::Configuration, 1));
    }

    #[tokio::test]
    async fn patience_ends() {
        let (result, tries) = tried(Duration::ZERO, |_| Err(Failure::upstream("away"))).await;
        let failure = result.unwrap_err();
        assert_eq!((failure.exit, tries), (Exit::Upstream, 1));
        assert!(format!("{:#}", failure.error).contains("the role does not start"));
    }

    #[tokio::test]
    async fn a_stop_ends_the_waiting() {
        let stop = CancellationToken::new();
        stop.cancel();
        let result =
            once_reached("test", START_PATIENCE, &stop, || async { Err::<(), _>(Failure::upstream("away")) });
        assert!(result.await.is_err());
    }
}
