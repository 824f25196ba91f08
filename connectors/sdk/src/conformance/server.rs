//! The small server of the contract tests: one handler, and moods in which it misbehaves.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What is not JSON, not HTML, not whole, or not what was asked for.
pub(super) const BROKEN: [&str; 6] =
    ["", "{", "<html><body>Wartung</body></html>", "[[[[[[[[", "null", "{\"error\":\"internal\"}"];

/// An answer of the small server.
#[derive(Debug, Clone)]
pub struct Reply {
    /// HTTP status.
    pub status: u16,
    /// Header lines.
    pub headers: Vec<(String, String)>,
    /// Body.
    pub body: Vec<u8>,
}

impl Reply {
    /// 200 with a body.
    pub fn ok(body: impl Into<Vec<u8>>) -> Self {
        Self { status: 200, headers: Vec::new(), body: body.into() }
    }

    /// A status alone.
    pub const fn status(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: Vec::new() }
    }

    /// With a header.
    #[must_use]
    pub fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }
}

/// What a contract server was asked.
#[derive(Debug, Clone)]
pub struct Ask {
    /// Path with query.
    pub path: String,
    /// The request line and headers.
    pub head: String,
    /// The body.
    pub body: String,
    /// The server's own address.
    pub address: SocketAddr,
    /// Posts on the server are numbered from 1 to this.
    pub newest: u64,
}

impl Ask {
    /// A parameter of the query, as sent.
    pub fn param(&self, name: &str) -> Option<&str> {
        self.path.split(['?', '&']).skip(1).find_map(|p| p.strip_prefix(name)?.strip_prefix('='))
    }

    /// A parameter that is a number.
    pub fn number(&self, name: &str) -> Option<u64> {
        self.param(name)?.parse().ok()
    }

    /// The numbers of a page, newest first: at most `size`, those below `before` where it is given.
    pub fn page(&self, before: Option<u64>, size: u64) -> Vec<u64> {
        let top = before.map_or(self.newest, |b| b.saturating_sub(1).min(self.newest));
        (top.saturating_sub(size) + 1..=top).rev().collect()
    }
}

/// How the server behaves now.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mood {
    Fine,
    /// 429 with a `Retry-After` longer than a request may wait for its turn.
    Limited,
    /// One of [`BROKEN`], status 200.
    Broken(u8),
    /// Takes the request and says nothing.
    Silent,
    /// Promises more bytes than it sends.
    CutOff,
    /// 500.
    Failing,
}

/// A server whose posts grow in number and whose mood changes.
pub(super) struct Stage {
    pub(super) address: SocketAddr,
    pub(super) newest: Arc<AtomicU64>,
    pub(super) asked: Arc<AtomicU64>,
    mood: Arc<AtomicU8>,
}

const BROKEN_FROM: u8 = 100;

impl Stage {
    pub(super) async fn open(newest: u64, answer: impl Fn(&Ask) -> Reply + Send + Sync + 'static) -> Self {
        let (listener, address) = listen().await;
        let newest = Arc::new(AtomicU64::new(newest));
        let (asked, mood) = (Arc::new(AtomicU64::new(0)), Arc::new(AtomicU8::new(0)));
        let (posts, count, now) = (newest.clone(), asked.clone(), mood.clone());
        let answer = Arc::new(answer);
        tokio::spawn(async move {
            while let Ok((mut socket, _)) = listener.accept().await {
                let (answer, posts, count, now) = (answer.clone(), posts.clone(), count.clone(), now.clone());
                tokio::spawn(async move {
                    let Some((head, body)) = request(&mut socket).await else { return };
                    let path = head.split_whitespace().nth(1).unwrap_or("/").to_owned();
                    if path == "/robots.txt" {
                        return send(&mut socket, &Reply::status(404), 0).await;
                    }
                    count.fetch_add(1, Ordering::SeqCst);
                    let mood = now.load(Ordering::SeqCst);
                    let newest = posts.load(Ordering::SeqCst);
                    let fine = || {
                        answer(&Ask {
                            path: path.clone(),
                            head: head.clone(),
                            body: body.clone(),
                            address,
                            newest,
                        })
                    };
                    match mood {
                        1 => send(&mut socket, &Reply::status(429).header("Retry-After", "60"), 0).await,
                        2 => tokio::time::sleep(Duration::from_secs(60)).await,
                        3 => send(&mut socket, &fine(), 1_000).await,
                        4 => send(&mut socket, &Reply::status(500), 0).await,
                        BROKEN_FROM.. => {
                            let broken = BROKEN[usize::from(mood - BROKEN_FROM) % BROKEN.len()];
                            send(&mut socket, &Reply::ok(broken), 0).await;
                        }
                        _ => send(&mut socket, &fine(), 0).await,
                    }
                });
            }
        });
        Self { address, newest, asked, mood }
    }

    pub(super) fn be(&self, mood: Mood) {
        let code = match mood {
            Mood::Fine => 0,
            Mood::Limited => 1,
            Mood::Silent => 2,
            Mood::CutOff => 3,
            Mood::Failing => 4,
            Mood::Broken(which) => BROKEN_FROM + which,
        };
        self.mood.store(code, Ordering::SeqCst);
    }
}

/// A server of one handler (path with query, header block) on a free port of loopback, for the length of the test.
pub async fn serve(handler: impl Fn(&str, &str) -> Reply + Send + Sync + 'static) -> SocketAddr {
    let (listener, address) = listen().await;
    let handler = Arc::new(handler);
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let handler = handler.clone();
            tokio::spawn(async move {
                let Some((head, _)) = request(&mut socket).await else { return };
                let path = head.split_whitespace().nth(1).unwrap_or("/").to_owned();
                send(&mut socket, &handler(&path, &head), 0).await;
            });
        }
    });
    address
}

async fn listen() -> (TcpListener, SocketAddr) {
    let listener = match TcpListener::bind("127.0.0.1:0").await {
        Ok(listener) => listener,
        Err(error) => panic!("no free port: {error}"),
    };
    let Ok(address) = listener.local_addr() else { panic!("no address") };
    (listener, address)
}

/// Head and body of a request.
async fn request(socket: &mut TcpStream) -> Option<(String, String)> {
    let mut bytes = Vec::new();
    let mut step = [0; 4096];
    loop {
        if let Some(end) = bytes.windows(4).position(|w| w == b"\r\n\r\n") {
            let head = String::from_utf8_lossy(&bytes[..end]).into_owned();
            let length = head
                .lines()
                .find_map(|l| l.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok())
                .unwrap_or(0usize);
            if bytes.len() >= end + 4 + length {
                return Some((head, String::from_utf8_lossy(&bytes[end + 4..]).into_owned()));
            }
        }
        match socket.read(&mut step).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&step[..n]),
            _ => return None,
        }
    }
}

/// Sends a reply whose `Content-Length` lies by `lie` bytes.
async fn send(socket: &mut TcpStream, reply: &Reply, lie: usize) {
    let mut head = format!(
        "HTTP/1.1 {} X\r\nConnection: close\r\nContent-Length: {}\r\n",
        reply.status,
        reply.body.len() + lie
    );
    for (name, value) in &reply.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    head.push_str("\r\n");
    let _ = socket.write_all(head.as_bytes()).await;
    let _ = socket.write_all(&reply.body).await;
}
