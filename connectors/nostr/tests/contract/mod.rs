//! How the platform answers. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use futures::{SinkExt, StreamExt};
use k256::schnorr::SigningKey;
use serde_json::{Value, json};
use sha2::{Digest, Sha256};
use tokio_tungstenite::tungstenite::Message;

pub(crate) const SETTINGS: &str = "relay='ws://{address}'";

/// Notes on the relay, one a minute.
pub(crate) const NOTES: i64 = 40;

const FIRST: i64 = 1_700_000_000;

pub(crate) fn note(n: i64) -> Value {
    let key = SigningKey::from_bytes(&[7; 32]).unwrap();
    let author = hex::encode(key.verifying_key().to_bytes());
    let parts = json!([0, author, FIRST + n * 60, 1, [], format!("note {n}")]);
    let id = Sha256::digest(parts.to_string());
    let signature = hex::encode(key.sign_raw(&id, &[0; 32]).unwrap().to_bytes());
    json!({ "id": hex::encode(id), "pubkey": author, "created_at": FIRST + n * 60, "kind": 1, "tags": [],
        "content": format!("note {n}"), "sig": signature })
}

pub(crate) async fn relay(closes_after: usize) -> std::net::SocketAddr {
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
