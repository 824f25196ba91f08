//! How the platform answers. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]

use streife_sdk::conformance::{Ask, Reply};

pub(crate) const MISP: &str = "feeds=['http://{address}/feed/']";
pub(crate) const TAXII: &str = "urls=['http://{address}/api/collections/c/objects/']";

pub(crate) fn misp_feed(ask: &Ask) -> Reply {
    if ask.path.ends_with("/manifest.json") {
        let events: Vec<String> = (1..=ask.newest)
            .map(|n| format!("\"u{n}\":{{\"timestamp\":\"{}\",\"info\":\"i\"}}", 1_700_000_000 + n))
            .collect();
        return Reply::ok(format!("{{{}}}", events.join(",")));
    }
    let n = ask.path.trim_start_matches("/feed/u").trim_end_matches(".json");
    Reply::ok(format!("{{\"Event\":{{\"uuid\":\"u{n}\",\"info\":\"i{n}\",\"date\":\"2026-01-02\"}}}}"))
}

/// The date that object `n` was added, one a minute.
fn added(n: u64) -> String {
    format!("2026-01-01T{:02}:{:02}:00Z", n / 60, n % 60)
}

pub(crate) fn collection(ask: &Ask) -> Reply {
    assert!(ask.head.contains("application/taxii+json;version=2.1"));
    let after = ask.param("added_after").map(|t| t.replace("%3A", ":"));
    let from = after.map_or(1, |after| (1..).find(|n| added(*n) > after).unwrap_or(1));
    let from = ask.number("next").unwrap_or(from);
    let to = (from + 9).min(ask.newest);
    let objects: Vec<String> = (from..=to)
        .map(|n| format!("{{\"type\":\"report\",\"id\":\"report--{n}\",\"name\":\"n{n}\",\"created\":\"2026-01-02T03:04:05Z\"}}"))
        .collect();
    let more =
        if to < ask.newest { format!("\"more\":true,\"next\":\"{}\",", to + 1) } else { String::new() };
    let reply = Reply::ok(format!("{{{more}\"objects\":[{}]}}", objects.join(",")));
    if from <= to { reply.header("X-TAXII-Date-Added-Last", &added(to)) } else { reply }
}
