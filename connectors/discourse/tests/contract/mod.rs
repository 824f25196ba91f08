//! How the platform answers. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]

use streife_sdk::conformance::{Ask, Reply};

pub(crate) const SETTINGS: &str = "server='http://{address}'";

pub(crate) fn posts(ask: &Ask) -> Reply {
    let posts: Vec<String> = ask
        .page(ask.number("before"), 10)
        .into_iter()
        .map(|n| {
            format!("{{\"id\":{n},\"username\":\"u\",\"created_at\":\"2026-01-02T03:04:05Z\",\"cooked\":\"<p>{n}</p>\",\"post_number\":{n},\"topic_id\":1}}")
        })
        .collect();
    Reply::ok(format!("{{\"latest_posts\":[{}]}}", posts.join(",")))
}
