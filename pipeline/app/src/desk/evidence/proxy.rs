//! The browser's only way out: a forward proxy on loopback that lives for one capture. It reaches no private
//! address, counts every byte, and notes which server answered, so that a page can neither look into our network nor
//! fill our disk with a film.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use streife_sdk::Guard;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::{CancellationToken, DropGuard};

const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest request head.
const MAX_HEAD_BYTES: usize = 32 * 1024;
/// Servers noted at most.
const MAX_HOSTS: usize = 200;
const CHUNK: usize = 16 * 1024;

/// What went through.
#[derive(Debug, Default)]
struct Seen {
    hosts: Mutex<BTreeMap<String, String>>,
    bytes: AtomicU64,
}

/// A running proxy; it ends when dropped.
#[derive(Debug)]
pub(super) struct CaptureProxy {
    address: SocketAddr,
    seen: Arc<Seen>,
    max_bytes: u64,
    _stop: DropGuard,
}

impl CaptureProxy {
    /// Starts one that lets `max_bytes` through.
    pub(super) async fn start(guard: Guard, max_bytes: u64) -> std::io::Result<Self> {
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let address = listener.local_addr()?;
        let seen = Arc::new(Seen::default());
        let stop = CancellationToken::new();
        let (noted, stopped) = (Arc::clone(&seen), stop.clone());
        tokio::spawn(async move {
            loop {
                let accepted = tokio::select! {
                    () = stopped.cancelled() => return,
                    accepted = listener.accept() => accepted,
                };
                let Ok((stream, _)) = accepted else { continue };
                let (guard, seen, stopped) = (guard.clone(), Arc::clone(&noted), stopped.clone());
                tokio::spawn(async move {
                    tokio::select! {
                        () = stopped.cancelled() => {}
                        // A connection that fails shows in the page as a part that did not load.
                        _ = serve(stream, &guard, &seen, max_bytes) => {}
                    }
                });
            }
        });
        Ok(Self { address, seen, max_bytes, _stop: stop.drop_guard() })
    }

    /// Arguments that send the browser through it, loopback addresses included.
    pub(super) fn arguments(&self) -> [String; 3] {
        [
            format!("--proxy-server=http://{}", self.address),
            "--proxy-bypass-list=<-loopback>".to_owned(),
            // Other ways out of the browser.
            "--force-webrtc-ip-handling-policy=disable_non_proxied_udp".to_owned(),
        ]
    }

    /// Servers that answered: name and address.
    pub(super) fn hosts(&self) -> Vec<(String, String)> {
        let hosts = self.seen.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        hosts.iter().map(|(host, address)| (host.clone(), address.clone())).collect()
    }

    /// Did the page want more than was let through?
    pub(super) fn exceeded(&self) -> bool {
        self.seen.bytes.load(Ordering::Relaxed) > self.max_bytes
    }
}

async fn serve(mut client: TcpStream, guard: &Guard, seen: &Seen, max_bytes: u64) -> std::io::Result<()> {
    let head = read_head(&mut client).await?;
    let Some(wanted) = Wanted::parse(&head) else {
        return client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n").await;
    };
    let refused: &[u8] = b"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n";
    let Ok(addresses) = guard.resolve(&wanted.host, wanted.port).await else {
        return client.write_all(refused).await;
    };
    let connected = tokio::time::timeout(CONNECT_TIMEOUT, TcpStream::connect(&addresses[..])).await;
    let Ok(Ok(mut server)) = connected else {
        return client.write_all(b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n").await;
    };
    if let Ok(peer) = server.peer_addr() {
        let mut hosts = seen.hosts.lock().unwrap_or_else(PoisonError::into_inner);
        if hosts.len() < MAX_HOSTS {
            hosts.insert(format!("{}:{}", wanted.host, wanted.port), peer.ip().to_string());
        }
    }
    match &wanted.forward {
        None => client.write_all(b"HTTP/1.1 200 Connection established\r\n\r\n").await?,
        Some(head) => server.write_all(head).await?,
    }
    let (from_client, to_client) = client.split();
    let (from_server, to_server) = server.split();
    let down = copy(from_server, to_client, seen, max_bytes);
    let up = copy(from_client, to_server, seen, max_bytes);
    // Whichever side ends first ends both: browsers open new connections where they need them.
    tokio::select! {
        ended = down => ended,
        ended = up => ended,
    }
}

async fn copy(
    mut from: impl AsyncRead + Unpin,
    mut to: impl AsyncWrite + Unpin,
    seen: &Seen,
    max_bytes: u64,
) -> std::io::Result<()> {
    let mut chunk = vec![0; CHUNK];
    loop {
        let read = from.read(&mut chunk).await?;
        if read == 0 {
            return to.shutdown().await;
        }
        let total = seen.bytes.fetch_add(read as u64, Ordering::Relaxed) + read as u64;
        if total > max_bytes {
            return Ok(());
        }
        to.write_all(&chunk[..read]).await?;
    }
}

async fn read_head(client: &mut TcpStream) -> std::io::Result<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0; 1024];
    while !head.windows(4).any(|four| four == b"\r\n\r\n") && head.len() < MAX_HEAD_BYTES {
        let read = client.read(&mut byte).await?;
        if read == 0 {
            break;
        }
        head.extend_from_slice(&byte[..read]);
    }
    Ok(head)
}

/// Where a request wants to go.
#[derive(Debug, PartialEq, Eq)]
struct Wanted {
    host: String,
    port: u16,
    /// The request to pass on; `None` for a tunnel.
    forward: Option<Vec<u8>>,
}

impl Wanted {
    fn parse(head: &[u8]) -> Option<Self> {
        let end = head.windows(2).position(|two| two == b"\r\n")?;
        let line = std::str::from_utf8(&head[..end]).ok()?;
        let (method, rest) = line.split_once(' ')?;
        let (target, version) = rest.split_once(' ')?;
        if method == "CONNECT" {
            let (host, port) = target.rsplit_once(':')?;
            let host = host.trim_matches(['[', ']']).to_owned();
            return Some(Self { host, port: port.parse().ok()?, forward: None });
        }
        let url = url::Url::parse(target).ok().filter(|url| url.scheme() == "http")?;
        let path = &url[url::Position::BeforePath..url::Position::AfterQuery];
        // One request a connection: the next one may be for another server.
        let mut forward = format!("{method} {path} {version}\r\nConnection: close\r\n").into_bytes();
        let mut rest = &head[end + 2..];
        while let Some(at) = rest.windows(2).position(|two| two == b"\r\n") {
            let (header, behind) = rest.split_at(at + 2);
            let name = header.split(|b| *b == b':').next().unwrap_or_default().to_ascii_lowercase();
            if !matches!(name.as_slice(), b"connection" | b"proxy-connection" | b"keep-alive") {
                forward.extend_from_slice(header);
            }
            rest = behind;
            if at == 0 {
                break;
            }
        }
        forward.extend_from_slice(rest);
        Some(Self {
            host: url.host_str()?.to_owned(),
            port: url.port_or_known_default()?,
            forward: Some(forward),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tunnels_and_plain_requests_read_and_nonsense_does_not() {
        let tunnel = Wanted::parse(b"CONNECT example.org:443 HTTP/1.1\r\nHost: x\r\n\r\n").unwrap();
        assert_eq!((tunnel.host.as_str(), tunnel.port, tunnel.forward), ("example.org", 443, None));
        let plain = Wanted::parse(
            b"GET http://example.org:81/a?b HTTP/1.1\r\nHost: example.org:81\r\nProxy-Connection: keep-alive\r\n\r\n",
        )
        .unwrap();
        assert_eq!((plain.host.as_str(), plain.port), ("example.org", 81));
        assert_eq!(
            plain.forward.unwrap(),
            b"GET /a?b HTTP/1.1\r\nConnection: close\r\nHost: example.org:81\r\n\r\n"
        );
        for bad in [&b"GET / HTTP/1.1\r\n\r\n"[..], b"", b"CONNECT x HTTP/1.1\r\n", b"\xff\xff\r\n"] {
            assert_eq!(Wanted::parse(bad), None);
        }
    }

    /// A server that answers with `bytes` bytes.
    async fn server(bytes: usize) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut request = [0; 4096];
                let _ = stream.read(&mut request).await;
                let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\n").await;
                let _ = stream.write_all(&vec![b'x'; bytes]).await;
            }
        });
        address
    }

    async fn through(proxy: &CaptureProxy, target: SocketAddr) -> Vec<u8> {
        let mut stream = TcpStream::connect(proxy.address).await.unwrap();
        let request = format!("GET http://{target}/film HTTP/1.1\r\nHost: {target}\r\n\r\n");
        stream.write_all(request.as_bytes()).await.unwrap();
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer).await;
        answer
    }

    #[tokio::test]
    async fn a_film_is_cut_off_at_the_limit_and_said_to_be() {
        let film = server(5_000_000).await;
        let proxy = CaptureProxy::start(Guard::new(true), 1_000_000).await.unwrap();
        let answer = through(&proxy, film).await;
        assert!(answer.starts_with(b"HTTP/1.1 200") && answer.len() <= 1_000_000 && proxy.exceeded());
        assert_eq!(proxy.hosts(), [(film.to_string(), "127.0.0.1".to_owned())]);
    }

    #[tokio::test]
    async fn a_page_cannot_look_into_our_network() {
        let inside = server(10).await;
        let proxy = CaptureProxy::start(Guard::new(false), 1_000_000).await.unwrap();
        assert!(through(&proxy, inside).await.starts_with(b"HTTP/1.1 403"));
        assert!(proxy.hosts().is_empty() && !proxy.exceeded());
    }
}
