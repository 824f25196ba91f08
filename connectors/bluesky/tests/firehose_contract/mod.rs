//! How a PDS answers. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use futures::SinkExt;
use tokio_tungstenite::tungstenite::Message;

use super::common;

pub(crate) const SETTINGS: &str = "endpoint='ws://{address}'\nstall_timeout_secs=2";

/// Operations on the server, by sequence number.
pub(crate) const LAST: i64 = 30;

pub(crate) fn text(out: &mut Vec<u8>, value: &str) {
    let length = u8::try_from(value.len()).unwrap();
    if length < 24 {
        out.push(0x60 | length);
    } else {
        out.extend([0x78, length]);
    }
    out.extend(value.as_bytes());
}

/// `{op: 1, t: "#commit"}` and `{seq, repo, ops: [{path, action}]}`.
pub(crate) fn frame(seq: i64) -> Vec<u8> {
    let mut out = vec![0xa2];
    text(&mut out, "op");
    out.push(1);
    text(&mut out, "t");
    text(&mut out, "#commit");
    out.push(0xa3);
    text(&mut out, "seq");
    out.extend([0x18, u8::try_from(seq).unwrap()]);
    text(&mut out, "repo");
    text(&mut out, "did:plc:a");
    text(&mut out, "ops");
    out.push(0x81);
    out.push(0xa2);
    text(&mut out, "path");
    text(&mut out, &format!("app.bsky.feed.post/{seq}"));
    text(&mut out, "action");
    text(&mut out, "delete");
    out
}

pub(crate) async fn serve(per_connection: usize) -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                let Some((mut socket, _, cursor)) = common::accept(tcp).await else { return };
                for seq in (cursor + 1..=LAST).take(per_connection) {
                    if socket.send(Message::Binary(frame(seq).into())).await.is_err() {
                        return;
                    }
                }
                if per_connection < LAST as usize {
                    let _ = socket.close(None).await;
                    return;
                }
                tokio::time::sleep(std::time::Duration::from_secs(60)).await;
            });
        }
    });
    address
}
