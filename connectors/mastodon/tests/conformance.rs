//! The shared conformance test against a contract server that pages by `min_id`.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod contract;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use contract::status;
use streife_domain::EventKind;
use streife_sdk::conformance::{self, Contract, Reply, serve};
use streife_sdk::{Connector, SourceConfig};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// Statuses on the server.
const LAST: u64 = 95;

/// The wire of `/api/v1/timelines/public`: newest first; with `min_id` the page right above it.
fn timeline(path: &str) -> Reply {
    let number = |name: &str| {
        path.split(['?', '&']).find_map(|p| p.strip_prefix(name)?.strip_prefix('=')?.parse::<u64>().ok())
    };
    let limit = number("limit").unwrap_or(20).min(40);
    let ids: Vec<u64> = match number("min_id") {
        Some(min) => (min + 1..=(min + limit).min(LAST)).rev().collect(),
        None => (LAST - 39..=LAST).rev().collect(),
    };
    Reply::ok(format!("[{}]", ids.into_iter().map(status).collect::<Vec<_>>().join(",")))
}

fn connector(address: std::net::SocketAddr) -> Box<dyn Connector> {
    let config: SourceConfig =
        toml::from_str(&format!("name='t'\nkind='mastodon'\n[settings]\nserver='http://{address}'")).unwrap();
    streife_mastodon::connect(&config, &conformance::deps()).unwrap()
}

#[tokio::test]
async fn the_timeline_conforms() {
    Contract::new(&streife_mastodon::KINDS[0], contract::SETTINGS, contract::timeline, |_, n| {
        format!("127.0.0.1/{n}")
    })
    .hold()
    .await;
}

/// A server whose stream shows what appears and breaks off after a few events; it replays nothing.
async fn streaming_server(newest: Arc<AtomicU64>) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let newest = newest.clone();
            tokio::spawn(async move {
                let mut request = vec![0; 4096];
                let Ok(length) = socket.read(&mut request).await else { return };
                let request = String::from_utf8_lossy(&request[..length]).into_owned();
                let path = request.split_whitespace().nth(1).unwrap_or_default().to_owned();
                if !path.starts_with("/api/v1/streaming/public") {
                    let body = {
                        let last = newest.load(Ordering::SeqCst);
                        let min = path.split("min_id=").nth(1).and_then(|m| m.parse::<u64>().ok());
                        let from = min.map_or(last.saturating_sub(39).max(1), |m| m + 1);
                        let ids = from..=(from + 39).min(last);
                        format!("[{}]", ids.rev().map(status).collect::<Vec<_>>().join(","))
                    };
                    let reply = format!(
                        "HTTP/1.1 200 X\r\nConnection: close\r\nContent-Length: {}\r\n\r\n{body}",
                        body.len()
                    );
                    let _ = socket.write_all(reply.as_bytes()).await;
                    return;
                }
                assert!(request.to_lowercase().contains("authorization: bearer"));
                let head = "HTTP/1.1 200 X\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n:thump\n\n";
                let mut shown = newest.load(Ordering::SeqCst);
                let mut told = 0;
                let _ = socket.write_all(head.as_bytes()).await;
                while told < 7 {
                    if newest.load(Ordering::SeqCst) > shown {
                        shown += 1;
                        told += 1;
                        let event = format!("event: update\ndata: {}\n\n", status(shown));
                        if socket.write_all(event.as_bytes()).await.is_err() {
                            return;
                        }
                    }
                    tokio::time::sleep(std::time::Duration::from_millis(2)).await;
                }
            });
        }
    });
    address
}

/// Statuses appear while the stream breaks and the process is restarted: all arrive, none twice.
#[tokio::test]
async fn a_stream_that_breaks_is_refilled() {
    let newest = Arc::new(AtomicU64::new(30));
    let address = streaming_server(newest.clone()).await;
    let text = format!(
        "name='t'\nkind='mastodon'\n[settings]\nserver='http://{address}'\nstreaming=true\ntoken={{file='{}'}}",
        conformance::secret_file().display()
    );
    let config: SourceConfig = toml::from_str(&text).unwrap();
    let connect = || streife_mastodon::connect(&config, &conformance::deps()).unwrap();
    let (mut cursor, mut ids) = (None, Vec::new());
    let mut connector = connect();
    for round in 0..60 {
        if round % 5 == 0 {
            newest.fetch_add(3, Ordering::SeqCst);
        }
        if round % 17 == 16 {
            connector = connect();
        }
        let fetch =
            tokio::time::timeout(std::time::Duration::from_millis(900), connector.fetch(cursor.as_ref()));
        let Ok(Ok(fetched)) = fetch.await else { continue };
        ids.extend(fetched.parsed.events.into_iter().map(|e| e.event.native_id));
        cursor = Some(fetched.cursor);
        if ids.len() as u64 == newest.load(Ordering::SeqCst) && round > 40 {
            break;
        }
    }
    let last = newest.load(Ordering::SeqCst);
    let wanted: Vec<String> = (1..=last).map(|n| format!("127.0.0.1/{n}")).collect();
    assert_eq!(ids, wanted);
}

#[tokio::test]
async fn edits_and_deletions_come_through_the_stream() {
    let changed = format!(
        ":thump\n\nevent: status.update\ndata: {}\n\nevent: delete\ndata: 7\n\n",
        status(3).replace("<p>3</p>", "<p>new</p>")
    );
    let address = serve(move |path, _| match path.contains("streaming") {
        true => Reply::ok(changed.clone()).header("Content-Type", "text/event-stream"),
        false => Reply::ok("[]"),
    })
    .await;
    let text = format!(
        "name='t'\nkind='mastodon'\n[settings]\nserver='http://{address}'\nstreaming=true\ntoken={{file='{}'}}",
        conformance::secret_file().display()
    );
    let config: SourceConfig = toml::from_str(&text).unwrap();
    let mut connector = streife_mastodon::connect(&config, &conformance::deps()).unwrap();
    let refill = connector.fetch(None).await.unwrap();
    let told = connector.fetch(Some(&refill.cursor)).await.unwrap();
    let told: Vec<_> =
        told.parsed.events.iter().map(|e| (e.event.event, e.event.native_id.as_str())).collect();
    assert_eq!(told, [(EventKind::Edit, "127.0.0.1/3"), (EventKind::Delete, "127.0.0.1/7")]);
}

#[tokio::test]
async fn a_long_pause_is_walked_forward_page_by_page() {
    let address = serve(|path, _| timeline(path)).await;
    let mut cursor = Some(streife_sdk::Cursor(serde_json::json!({ "min_id": "5" })));
    let mut ids = Vec::new();
    let mut connector = connector(address);
    for _ in 0..4 {
        let fetched = connector.fetch(cursor.as_ref()).await.unwrap();
        ids.extend(fetched.parsed.events.iter().map(|e| e.event.native_id.clone()));
        cursor = Some(fetched.cursor);
    }
    let wanted: Vec<String> = (6..=LAST).map(|id| format!("127.0.0.1/{id}")).collect();
    assert_eq!(ids, wanted);
}

#[tokio::test]
async fn closed_timelines_and_rate_limits() {
    let address = serve(|_, _| Reply::status(401)).await;
    assert_eq!(connector(address).fetch(None).await.unwrap_err().class().as_str(), "refused");
    let address = serve(|_, _| {
        Reply::status(429)
            .header("X-RateLimit-Remaining", "0")
            .header("X-RateLimit-Reset", "2999-01-01T00:00:00Z")
    })
    .await;
    conformance::obeys_rate_limits(connector(address)).await;
}
