//! How the platform answers. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]

use streife_sdk::conformance::{Ask, Reply};

pub(crate) const SETTINGS: &str = "base='http://{address}'\nboards=['b']\nhost_interval_millis=1";

/// Odd posts are in thread 1, even ones in thread 2.
pub(crate) fn board(ask: &Ask) -> Reply {
    let thread = |first: u64| (first..=ask.newest).step_by(2).collect::<Vec<_>>();
    if ask.path.ends_with("/threads.json") {
        let threads = [1, 2].map(|no| {
            let changed = thread(no).last().copied().unwrap_or(no);
            format!("{{\"no\":{no},\"last_modified\":{},\"replies\":3}}", 1_700_000_000 + changed)
        });
        return Reply::ok(format!("[{{\"page\":1,\"threads\":[{}]}}]", threads.join(",")));
    }
    let Some(first) = ask.path.strip_prefix("/b/res/").and_then(|p| p.strip_suffix(".json")?.parse().ok())
    else {
        return Reply::status(404);
    };
    let posts: Vec<String> = thread(first)
        .into_iter()
        .map(|no| {
            let resto = if no == first { 0 } else { first };
            format!("{{\"no\":{no},\"resto\":{resto},\"time\":1700000000,\"com\":\"{no}\"}}")
        })
        .collect();
    Reply::ok(format!("{{\"posts\":[{}]}}", posts.join(",")))
}
