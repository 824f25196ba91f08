//! How the platform answers. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]

use streife_sdk::conformance::{Ask, Reply};

pub(crate) const SETTINGS: &str = "videos=['v']\nkey={file='{secret}'}\nbase='http://{address}'";

pub(crate) fn threads(ask: &Ask) -> Reply {
    assert!(ask.head.to_lowercase().contains("x-goog-api-key: secret") && !ask.path.contains("secret"));
    let before = ask.param("pageToken").and_then(|t| t.strip_prefix('T')?.parse().ok());
    let numbers = ask.page(before, 10);
    let next = numbers.last().filter(|n| **n > 1).map(|n| format!(",\"nextPageToken\":\"T{n}\""));
    let items: Vec<String> = numbers
        .into_iter()
        .map(|n| format!("{{\"id\":\"c{n}\",\"snippet\":{{\"topLevelComment\":{{\"id\":\"c{n}\",\"snippet\":{{\"textOriginal\":\"{n}\",\"publishedAt\":\"2026-01-02T03:04:05Z\"}}}}}}}}"))
        .collect();
    Reply::ok(format!("{{\"items\":[{}]{}}}", items.join(","), next.unwrap_or_default()))
}
