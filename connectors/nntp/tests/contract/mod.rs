//! How the platform answers. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};

pub(crate) const SETTINGS: &str = "host='127.0.0.1'\nport={port}\ngroup='de.test'";

/// Articles in the group; number 7 was removed.
pub(crate) const HIGH: u64 = 120;

pub(crate) async fn serve() -> std::net::SocketAddr {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((tcp, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut stream = BufReader::new(tcp);
                stream.get_mut().write_all(b"200 ready\r\n").await.unwrap();
                let mut line = String::new();
                while stream.read_line(&mut line).await.is_ok_and(|n| n > 0) {
                    let words: Vec<&str> = line.split_whitespace().collect();
                    let reply = match words[..] {
                        ["GROUP", "de.test"] => format!("211 {HIGH} 1 {HIGH} de.test\r\n"),
                        ["GROUP", _] => "411 no such group\r\n".to_owned(),
                        ["ARTICLE", "7"] => "423 no such article\r\n".to_owned(),
                        ["ARTICLE", n] => format!(
                            "220 {n} <{n}@x>\r\nMessage-ID: <{n}@x>\r\nSubject: s\r\nDate: Thu, 01 Jan 2026 12:00:00 +0000\r\n\r\n..text {n}\r\n.\r\n"
                        ),
                        ["STAT", n] => format!("223 {n} <{n}@x>\r\n"),
                        ["QUIT"] => "205 bye\r\n".to_owned(),
                        _ => "200 ok\r\n".to_owned(),
                    };
                    if stream.get_mut().write_all(reply.as_bytes()).await.is_err() {
                        return;
                    }
                    line.clear();
                }
            });
        }
    });
    address
}
