//! The shared conformance test against a contract relay: it answers a subscription with what it stores since the time
//! asked for, says EOSE, and now and then closes.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use futures::{SinkExt, StreamExt};
use k256::schnorr::SigningKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use streife_sdk::conformance;
use streife_sdk::{Connector, SourceConfig};
use tokio_tungstenite::tungstenite::Message;

/// Notes on the relay, one a minute.
const NOTES: i64 = 40;
const FIRST: i64 = 1_700_000_000;

fn note(n: i64) -> Value {
    let key = SigningKey::from_bytes(&[7; 32]).unwrap();
    let author = hex::encode(key.verifying_key().to_bytes());
    let parts = json!([0, author, FIRST + n * 60, 1, [], format!("note {n}")]);
    let id = Sha256::digest(parts.to_string());
    let signature = hex::encode(key.sign_raw(&id, &[0; 32]).unwrap().to_bytes());
    json!({ "id": hex::encode(id), "pubkey": author, "created_at": FIRST + n * 60, "kind": 1, "tags": [],
        "content": format!("note {n}"), "sig": signature })
}

async fn relay(closes_after: usize) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let notes: Vec<Value> = (0..NOTES).map(note).collect();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            let notes = notes.clone();
            tokio::spawn(async move {
                let Ok(mut socket) = tokio_tungstenite::accept_async(tcp).await else { return };
                let Some(Ok(Message::Text(request))) = socket.next().await else { return };
                let request: Value = serde_json::from_str(&request).unwrap();
                assert_eq!(request[0], "REQ");
                let since = request[2]["since"].as_i64().unwrap_or(0);
                let stored = notes.iter().filter(|n| n["created_at"].as_i64().unwrap() >= since);
                for note in stored.take(closes_after) {
                    let message = json!(["EVENT", request[1], note]).to_string();
                    if socket.send(Message::Text(message.into())).await.is_err() {
                        return;
                    }
                }
                let _ = socket.send(Message::Text(json!(["EOSE", request[1]]).to_string().into())).await;
                if closes_after < notes.len() {
                    let _ = socket.close(None).await;
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            });
        }
    });
    address
}

fn connector(address: std::net::SocketAddr) -> Box<dyn Connector> {
    let text = format!("name='t'\nkind='nostr'\n[settings]\nrelay='ws://{address}'");
    let config: SourceConfig = toml::from_str(&text).unwrap();
    streife_nostr::connect(&config, &conformance::deps()).unwrap()
}

#[tokio::test]
async fn conforms_over_a_steady_and_a_breaking_relay() {
    let wanted: Vec<String> = (0..NOTES).map(|n| note(n)["id"].as_str().unwrap().to_owned()).collect();
    let wanted: Vec<&str> = wanted.iter().map(String::as_str).collect();
    // 15 is more than the overlap holds, so that a breaking relay still leads on.
    for closes_after in [usize::MAX, 15] {
        let address = relay(closes_after).await;
        conformance::check(&streife_nostr::KINDS[0], || connector(address), &wanted).await;
    }
}
