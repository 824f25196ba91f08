//! How the platform answers. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]

use streife_sdk::conformance::{Ask, Reply};

pub(crate) const SETTINGS: &str = "server='http://{address}'\nroom='!r:x'\ntoken={file='{secret}'}";

pub(crate) fn messages(ask: &Ask) -> Reply {
    assert!(ask.head.to_lowercase().contains("authorization: bearer secret"));
    let position = |text: &str| text.strip_prefix('t').and_then(|n| n.parse::<u64>().ok());
    let (numbers, start, end) = if ask.param("dir") == Some("b") {
        (ask.page(None, 100), Some(ask.newest), Some(0))
    } else {
        let from = ask.param("from").and_then(position).unwrap_or(0);
        let to = (from + 10).min(ask.newest);
        ((from + 1..=to).collect(), Some(from), Some(to).filter(|to| *to < ask.newest))
    };
    let chunk: Vec<String> = numbers
        .into_iter()
        .map(|n| format!("{{\"event_id\":\"${n}\",\"type\":\"m.room.message\",\"sender\":\"@a:x\",\"origin_server_ts\":1767323045000,\"content\":{{\"msgtype\":\"m.text\",\"body\":\"{n}\"}}}}"))
        .collect();
    let token = |name: &str, at: Option<u64>| at.map(|n| format!(",\"{name}\":\"t{n}\"")).unwrap_or_default();
    Reply::ok(format!("{{\"chunk\":[{}]{}{}}}", chunk.join(","), token("start", start), token("end", end)))
}
