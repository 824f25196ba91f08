//! Health, readiness, metrics. No content, no names.

use std::sync::atomic::{AtomicU64, Ordering};

use axum::extract::State;
use axum::http::StatusCode;

use crate::state::{Counters, DeskState};

pub(crate) async fn alive() -> &'static str {
    "ok\n"
}

pub(crate) async fn ready(State(desk): State<DeskState>) -> (StatusCode, &'static str) {
    match desk.door.ping().await {
        Ok(()) => (StatusCode::OK, "ready\n"),
        Err(_) => (StatusCode::SERVICE_UNAVAILABLE, "the case database does not answer\n"),
    }
}

pub(crate) async fn metrics(State(desk): State<DeskState>) -> String {
    desk.metrics_text()
}

/// The counters in Prometheus' text format.
pub(crate) fn text(counters: &Counters, foreign: u64) -> String {
    let foreign = &AtomicU64::new(foreign);
    [
        ("streife_desk_requests_total", "Requests that reached a route.", &counters.requests),
        (
            "streife_desk_refused_requests_total",
            "Requests refused for session, right or token.",
            &counters.refused,
        ),
        ("streife_desk_failed_logins_total", "Log-ins that failed.", &counters.logins_failed),
        (
            "streife_desk_throttled_logins_total",
            "Log-ins refused for too many failures.",
            &counters.logins_throttled,
        ),
        ("streife_desk_decisions_total", "Decisions taken.", &counters.decisions),
        ("streife_desk_other_tenants_total", "Requests for what another tenant owns.", foreign),
        ("streife_desk_emergency_accesses_total", "Emergency accesses opened.", &counters.glass_opened),
    ]
    .map(|(name, help, value)| {
        format!("# HELP {name} {help}\n# TYPE {name} counter\n{name} {}\n", value.load(Ordering::Relaxed))
    })
    .concat()
}
