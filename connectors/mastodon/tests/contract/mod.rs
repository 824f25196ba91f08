//! How the platform answers. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]

use streife_sdk::conformance::{Ask, Reply};

pub(crate) const SETTINGS: &str = "server='http://{address}'";

pub(crate) fn status(id: u64) -> String {
    format!(
        "{{\"id\":\"{id}\",\"created_at\":\"2026-01-02T03:04:05.000Z\",\"content\":\"<p>{id}</p>\",\"account\":{{\"id\":\"1\"}}}}"
    )
}

/// The public timeline: newest first; with `min_id` the page right above it.
pub(crate) fn timeline(ask: &Ask) -> Reply {
    let ids = match ask.number("min_id") {
        Some(min) => (min + 1..=(min + 40).min(ask.newest)).rev().collect(),
        None => ask.page(None, 40),
    };
    Reply::ok(format!("[{}]", ids.into_iter().map(status).collect::<Vec<_>>().join(",")))
}
