//! The shared conformance test: a MISP feed with its manifest, a TAXII collection with pages.

use streife_sdk::conformance::{Ask, Contract, Reply};

fn misp_feed(ask: &Ask) -> Reply {
    if ask.path.ends_with("/manifest.json") {
        let events: Vec<String> = (1..=ask.newest)
            .map(|n| format!("\"u{n}\":{{\"timestamp\":\"{}\",\"info\":\"i\"}}", 1_700_000_000 + n))
            .collect();
        return Reply::ok(format!("{{{}}}", events.join(",")));
    }
    let n = ask.path.trim_start_matches("/feed/u").trim_end_matches(".json");
    Reply::ok(format!("{{\"Event\":{{\"uuid\":\"u{n}\",\"info\":\"i{n}\",\"date\":\"2026-01-02\"}}}}"))
}

#[tokio::test]
async fn misp() {
    Contract::new(&streife_exchange::KINDS[0], "feeds=['http://{address}/feed/']", misp_feed, |_, n| {
        format!("u{n}")
    })
    .hold()
    .await;
}

/// The date that object `n` was added, one a minute.
fn added(n: u64) -> String {
    format!("2026-01-01T{:02}:{:02}:00Z", n / 60, n % 60)
}

fn collection(ask: &Ask) -> Reply {
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

#[tokio::test]
async fn taxii() {
    Contract::new(
        &streife_exchange::KINDS[1],
        "urls=['http://{address}/api/collections/c/objects/']",
        collection,
        |_, n| format!("report--{n}"),
    )
    .hold()
    .await;
}
