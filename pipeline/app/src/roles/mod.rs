//! The roles: `up` runs all of them in one process, the others one each.

pub(crate) mod collect;
pub(crate) mod desk;
mod desk_listener;
pub(crate) mod engine;
pub(crate) mod engine_process;
pub(crate) mod model_swap;
pub(crate) mod pictures;
pub(crate) mod score;
mod start;
pub(crate) mod store;
pub(crate) mod up;
pub(crate) mod websub;

use std::future::Future;
use std::path::Path;

use tokio_util::sync::CancellationToken;

use crate::config::{self, Config};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::paths::Paths;
use crate::telemetry::{self, Ready};
use crate::trace_export::Following;

/// What every role begins with.
pub(crate) struct Role {
    pub(crate) config: Config,
    pub(crate) paths: Paths,
    pub(crate) stop: CancellationToken,
    pub(crate) ready: Ready,
}

/// Reads the configuration and runs `body` until it ends or the process is asked to stop, with metrics and health at the address of
/// the configuration.
pub(crate) fn run_role<F, Fut>(config_file: Option<&Path>, data: Option<&Path>, body: F) -> CommandResult
where
    F: FnOnce(Role) -> Fut,
    Fut: Future<Output = Result<Outcome, Failure>>,
{
    run(config_file, data, true, body)
}

/// The same for a command that ends by itself: the address of the metrics belongs to the role that runs beside it.
pub(crate) fn run_task<F, Fut>(config_file: Option<&Path>, data: Option<&Path>, body: F) -> CommandResult
where
    F: FnOnce(Role) -> Fut,
    Fut: Future<Output = Result<Outcome, Failure>>,
{
    run(config_file, data, false, body)
}

fn run<F, Fut>(config_file: Option<&Path>, data: Option<&Path>, is_role: bool, body: F) -> CommandResult
where
    F: FnOnce(Role) -> Fut,
    Fut: Future<Output = Result<Outcome, Failure>>,
{
    telemetry::start_logging(telemetry::DEFAULT_FILTER);
    let config = config::load(config_file)?;
    let paths = Paths::new(&config, data);
    block_on(async move {
        let stop = CancellationToken::new();
        stop_on_signal(stop.clone());
        let ready = Ready::default();
        let metrics = config
            .metrics
            .listen
            .filter(|_| is_role)
            .map(|listen| tokio::spawn(telemetry::serve(listen, ready.clone(), stop.clone())));
        let following = if is_role { Following::start(&config.tracing)? } else { None };
        let result = body(Role { config, paths, stop: stop.clone(), ready }).await;
        stop.cancel();
        if let Some(following) = following {
            following.end().await;
        }
        if let Some(metrics) = metrics {
            metrics.await??;
        }
        result
    })
}

/// Runs a future on a runtime of its own.
pub(crate) fn block_on<T>(body: impl Future<Output = Result<T, Failure>>) -> Result<T, Failure> {
    tokio::runtime::Builder::new_multi_thread().enable_all().build()?.block_on(body)
}

/// SIGINT and SIGTERM ask for an orderly end; a second one ends at once.
pub(crate) fn stop_on_signal(stop: CancellationToken) {
    use tokio::signal::unix::{SignalKind, signal};
    tokio::spawn(async move {
        let (Ok(mut terminate), Ok(mut interrupt)) =
            (signal(SignalKind::terminate()), signal(SignalKind::interrupt()))
        else {
            return;
        };
        for second in [false, true] {
            tokio::select! {
                _ = terminate.recv() => {}
                _ = interrupt.recv() => {}
            }
            if second {
                std::process::exit(130);
            }
            tracing::info!("stopping; once more to stop at once");
            stop.cancel();
        }
    });
}
