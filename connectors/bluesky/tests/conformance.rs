//! The shared conformance test against a contract server that speaks Jetstream v1: a cursor in microseconds, inclusive,
//! replay from there, then silence.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod common;
mod jetstream_contract;

use jetstream_contract::{POSTS, serve};
use streife_sdk::conformance;
use streife_sdk::{Connector, SourceConfig};

fn connector(address: std::net::SocketAddr) -> Box<dyn Connector> {
    let config: SourceConfig = toml::from_str(&format!(
        "name='t'\nkind='jetstream'\n[settings]\nendpoints=['ws://{address}']\nstall_timeout_secs=2"
    ))
    .unwrap();
    streife_bluesky::jetstream::connect(&config, &conformance::deps()).unwrap()
}

#[tokio::test]
async fn conforms_over_a_steady_and_a_breaking_stream() {
    let wanted: Vec<String> = (1..=POSTS).map(|n| format!("at://did:plc:a/app.bsky.feed.post/{n}")).collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    for per_connection in [usize::MAX, 10] {
        let address = serve(per_connection).await;
        conformance::check(&streife_bluesky::KINDS[0], || connector(address), &wanted).await;
    }
}

#[tokio::test]
async fn a_stalled_stream_is_an_error() {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        let (tcp, _) = listener.accept().await.unwrap();
        let _socket = tokio_tungstenite::accept_async(tcp).await.unwrap();
        tokio::time::sleep(std::time::Duration::from_secs(60)).await;
    });
    let error = connector(address).fetch(None).await.unwrap_err();
    assert!(error.to_string().contains("said nothing"), "{error}");
}
