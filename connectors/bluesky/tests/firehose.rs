//! The shared conformance test against a contract server that speaks `subscribeRepos`: an exclusive cursor, frames of two
//! DAG-CBOR objects, replay from there, then silence. Deletions need no blocks.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;
mod firehose_contract;

use firehose_contract::{LAST, frame, serve, text};
use futures::SinkExt;
use streife_sdk::conformance;
use streife_sdk::{Connector, SourceConfig};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::tungstenite::handshake::server::{ErrorResponse, Request, Response};

fn connector(address: std::net::SocketAddr) -> Box<dyn Connector> {
    let text =
        format!("name='t'\nkind='firehose'\n[settings]\nendpoint='ws://{address}'\nstall_timeout_secs=2");
    let config: SourceConfig = toml::from_str(&text).unwrap();
    streife_bluesky::firehose::connect(&config, &conformance::deps()).unwrap()
}

#[tokio::test]
async fn conforms_over_a_steady_and_a_breaking_stream() {
    let wanted: Vec<String> = (1..=LAST).map(|n| format!("at://did:plc:a/app.bsky.feed.post/{n}")).collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    for per_connection in [usize::MAX, 10] {
        let address = serve(per_connection).await;
        conformance::check(&streife_bluesky::KINDS[1], || connector(address), &wanted).await;
    }
}

/// `{op: -1}` and `{error}`: how a server refuses a cursor beyond its last number.
fn error_frame(name: &str) -> Vec<u8> {
    let mut out = vec![0xa1];
    text(&mut out, "op");
    out.extend([0x20, 0xa1]);
    text(&mut out, "error");
    text(&mut out, name);
    out
}

/// Answers a cursor beyond [`LAST`] with an error and closes; others as [`serve`] does.
async fn serve_counting_anew() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let mut cursor = 0i64;
            #[expect(clippy::result_large_err, reason = "the signature is the library's")]
            let callback = |request: &Request, response: Response| -> Result<Response, ErrorResponse> {
                let query = request.uri().query().unwrap_or_default();
                cursor = query.strip_prefix("cursor=").and_then(|c| c.parse().ok()).unwrap_or(0);
                Ok(response)
            };
            let mut socket = tokio_tungstenite::accept_hdr_async(tcp, callback).await.unwrap();
            if cursor > LAST {
                socket.send(Message::Binary(error_frame("FutureCursor").into())).await.unwrap();
            }
            for seq in cursor + 1..=LAST {
                socket.send(Message::Binary(frame(seq).into())).await.unwrap();
            }
            let _ = socket.close(None).await;
        }
    });
    address
}

/// A server that was set up anew: nothing it has is passed over, and its error is no post that could not be read.
#[tokio::test]
async fn a_cursor_from_the_future_begins_again() {
    let mut connector = connector(serve_counting_anew().await);
    let future = streife_sdk::Cursor(serde_json::json!({ "seq": 4_000 }));
    let refused = connector.fetch(Some(&future)).await.unwrap();
    assert!(refused.parsed.events.is_empty() && refused.parsed.problems.is_empty());
    let again = connector.fetch(Some(&refused.cursor)).await.unwrap();
    assert_eq!(again.parsed.events.len() as i64, LAST);
}
