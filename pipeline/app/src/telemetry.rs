//! Logs to stderr, one line per event worth reading and no post text in it; metrics and health over HTTP.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use axum::http::StatusCode;
use axum::routing::get;
use prometheus::{Encoder, TextEncoder};
use tokio_util::sync::CancellationToken;
use tracing_subscriber::EnvFilter;

/// What the log shows without `STREIFE_LOG`: Streife's own events worth reading, of libraries only warnings.
pub(crate) const DEFAULT_FILTER: &str = "warn,streife=info";

/// Logs by `STREIFE_LOG` (as `RUST_LOG`, default [`DEFAULT_FILTER`]); JSON with `STREIFE_LOG_FORMAT=json`.
pub(crate) fn start_logging(default_filter: &str) {
    let filter = EnvFilter::try_from_env("STREIFE_LOG").unwrap_or_else(|_| EnvFilter::new(default_filter));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    let json = std::env::var("STREIFE_LOG_FORMAT").is_ok_and(|format| format == "json");
    // A second start (tests) keeps the first.
    let _ = if json { builder.json().try_init() } else { builder.with_target(false).try_init() };
}

/// Is the role ready to work?
#[derive(Debug, Clone, Default)]
pub(crate) struct Ready(Arc<AtomicBool>);

impl Ready {
    pub(crate) fn set(&self) {
        self.0.store(true, Ordering::SeqCst);
    }
}

/// The registered metrics in Prometheus' text format.
pub(crate) fn metrics_text() -> String {
    let mut buffer = Vec::new();
    match TextEncoder::new().encode(&prometheus::gather(), &mut buffer) {
        Ok(()) => String::from_utf8_lossy(&buffer).into_owned(),
        Err(error) => format!("# {error}\n"),
    }
}

/// Serves `/metrics`, `/healthz`, `/readyz` until `stop`.
pub(crate) async fn serve(listen: SocketAddr, ready: Ready, stop: CancellationToken) -> anyhow::Result<()> {
    let app = axum::Router::new()
        .route("/metrics", get(|| async { metrics_text() }))
        .route("/healthz", get(|| async { "ok" }))
        .route(
            "/readyz",
            get(move || {
                let ready = ready.0.load(Ordering::SeqCst);
                async move {
                    if ready {
                        (StatusCode::OK, "ready")
                    } else {
                        (StatusCode::SERVICE_UNAVAILABLE, "starting")
                    }
                }
            }),
        );
    if let Err(error) = streife_store::register_metrics(prometheus::default_registry()) {
        // Registered before (several roles in one process): the first registration serves.
        tracing::debug!(%error, "metrics of the store");
    }
    let listener = tokio::net::TcpListener::bind(listen).await?;
    tracing::info!(address = %listener.local_addr()?, "metrics and health");
    axum::serve(listener, app).with_graceful_shutdown(async move { stop.cancelled().await }).await?;
    Ok(())
}
