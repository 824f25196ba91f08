//! Logs to stderr, one line per event worth reading and no post text in it; metrics and health over HTTP.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, LazyLock, OnceLock};

use axum::http::StatusCode;
use axum::routing::get;
use prometheus::core::{Collector, Desc};
use prometheus::{Encoder, IntCounterVec, IntGauge, IntGaugeVec, Opts, TextEncoder};
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

fn registered<C: Collector + Clone + 'static>(metric: prometheus::Result<C>) -> C {
    #[expect(clippy::expect_used, reason = "names and labels are constants of this file")]
    let metric = metric.expect("valid metric");
    // A second registration (two tests in one process) keeps the first.
    let _ = prometheus::default_registry().register(Box::new(metric.clone()));
    metric
}

/// Rules in force in this process.
pub(crate) static RULES_LIVE: LazyLock<IntGauge> =
    LazyLock::new(|| registered(IntGauge::new("streife_rules_live", "Rules in force in this process")));
/// Rules and lists left out for an error.
pub(crate) static RULES_BROKEN: LazyLock<IntGauge> = LazyLock::new(|| {
    registered(IntGauge::new(
        "streife_rules_broken",
        "Errors in rule files; the rules concerned are left out",
    ))
});
/// Cases at the desk, by state.
pub(crate) static DESK_CASES: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    registered(IntGaugeVec::new(Opts::new("streife_desk_cases", "Cases at the desk, by state"), &["state"]))
});
/// Tries of a role at its start that met a server out of reach.
pub(crate) static START_RETRIES: LazyLock<IntCounterVec> = LazyLock::new(|| {
    registered(IntCounterVec::new(
        Opts::new(
            "streife_start_retries_total",
            "Tries of a role at its start that met a server out of reach",
        ),
        &["server"],
    ))
});
/// Resident memory of this process.
static RESIDENT: LazyLock<IntGauge> = LazyLock::new(|| {
    registered(IntGauge::new("streife_process_resident_bytes", "Resident memory of this process"))
});
/// The version that runs; always 1.
static BUILD: LazyLock<IntGaugeVec> = LazyLock::new(|| {
    registered(IntGaugeVec::new(
        Opts::new("streife_build_info", "The version that runs; always 1"),
        &["version"],
    ))
});

/// What a role shows besides the registered metrics: the desk counts for itself.
static MORE: OnceLock<Box<dyn Fn() -> String + Send + Sync>> = OnceLock::new();

/// Shows `text` after the registered metrics from now on. Once in a process.
pub(crate) fn also_show(text: impl Fn() -> String + Send + Sync + 'static) {
    // A second desk (tests in one process) keeps the first.
    let _ = MORE.set(Box::new(text));
}

/// Counters of the desk, shown at its own address and with the metrics of its role.
const DESK_COUNTERS: [&str; 4] = [
    "streife_desk_requests_total",
    "streife_desk_refused_requests_total",
    "streife_desk_failed_logins_total",
    "streife_desk_decisions_total",
];

/// A metric's name and the labels it has.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, serde::Serialize)]
pub(crate) struct MetricName {
    pub(crate) name: String,
    pub(crate) labels: Vec<String>,
    pub(crate) help: String,
}

/// Every metric a role can show. Metrics without labels are registered by this, so that they are 0 from the start and an
/// alarm on a counter sees its first step.
pub(crate) fn catalogue() -> Vec<MetricName> {
    let own: [&dyn Collector; 6] =
        [&*RULES_LIVE, &*RULES_BROKEN, &*DESK_CASES, &*START_RETRIES, &*RESIDENT, &*BUILD];
    let own = own.iter().flat_map(|collector| collector.desc()).cloned().collect::<Vec<Desc>>();
    let all = [
        own,
        streife_log::metric_descriptions(),
        streife_runtime::metric_descriptions(),
        streife_scoring::metric_descriptions(),
        streife_store::metric_descriptions(),
        streife_sdk::metric_descriptions(),
    ];
    let mut names: Vec<MetricName> = all
        .concat()
        .into_iter()
        .map(|d| MetricName { name: d.fq_name, labels: d.variable_labels, help: d.help })
        .collect();
    names.extend(DESK_COUNTERS.map(|name| MetricName {
        name: name.to_owned(),
        labels: Vec::new(),
        help: "Served by the desk itself".to_owned(),
    }));
    names.sort();
    names
}

/// The registered metrics in Prometheus' text format.
pub(crate) fn metrics_text() -> String {
    RESIDENT.set((crate::cost::resident_megabytes() * 1024.0 * 1024.0) as i64);
    let mut buffer = Vec::new();
    match TextEncoder::new().encode(&prometheus::gather(), &mut buffer) {
        Ok(()) => {
            let mut text = String::from_utf8_lossy(&buffer).into_owned();
            text.extend(MORE.get().map(|more| more()));
            text
        }
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
    catalogue();
    BUILD.with_label_values(&[env!("CARGO_PKG_VERSION")]).set(1);
    let listener = tokio::net::TcpListener::bind(listen).await?;
    tracing::info!(address = %listener.local_addr()?, "metrics and health");
    axum::serve(listener, app).with_graceful_shutdown(async move { stop.cancelled().await }).await?;
    Ok(())
}
