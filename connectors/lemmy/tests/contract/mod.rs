//! How the platform answers. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]

use streife_sdk::conformance::{Ask, Reply};

pub(crate) const SETTINGS: &str = "server='http://{address}'";

/// Post 1 is pinned: it stands on top of every first page.
pub(crate) fn list(ask: &Ask) -> Reply {
    if ask.path.contains("/comment/") {
        return Reply::ok("{\"comments\":[]}");
    }
    let before = ask.param("page_cursor").and_then(|c| c.strip_prefix('P')?.parse().ok());
    let mut numbers = ask.page(before, 10);
    let lowest = numbers.last().copied().unwrap_or(1);
    if before.is_none() {
        numbers.insert(0, 1);
    }
    let posts: Vec<String> = numbers
        .into_iter()
        .map(|n| {
            format!("{{\"post\":{{\"id\":{n},\"ap_id\":\"https://l.test/post/{n}\",\"name\":\"t{n}\",\"published\":\"2026-01-02T03:04:05Z\"}}}}")
        })
        .collect();
    let next = if lowest > 1 { format!("\"P{lowest}\"") } else { "null".to_owned() };
    Reply::ok(format!("{{\"posts\":[{}],\"next_page\":{next}}}", posts.join(",")))
}
