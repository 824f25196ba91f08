//! The polite client against a server that misbehaves.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use streife_domain::SystemClock;
use streife_sdk::conformance::{Reply, deps, serve};
use streife_sdk::{Http, HttpConfig, Request, Secret};

#[tokio::test]
async fn private_addresses_are_refused_by_default() {
    let address = serve(|_, _| Reply::ok("x")).await;
    let http = Http::new(&HttpConfig::default(), Arc::new(SystemClock)).unwrap();
    for host in ["127.0.0.1", "localhost"] {
        let error = http.send(&Request::get(format!("http://{host}:{}/", address.port()))).await.unwrap_err();
        assert_eq!(error.class().as_str(), "refused", "{host}: {error}");
    }
    let error = http.send(&Request::get("http://abc.onion/")).await.unwrap_err();
    assert_eq!(error.class().as_str(), "refused");
    assert!(http.send(&Request::get("file:///etc/passwd")).await.is_err());
}

#[tokio::test]
async fn sizes_bombs_and_cut_off_answers() {
    let mut gz = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    gz.write_all(&vec![b'a'; 4 << 20]).unwrap();
    let bomb = gz.finish().unwrap();
    let address = serve(move |path, _| match path {
        "/bomb" => Reply::ok(bomb.clone()).header("Content-Encoding", "gzip"),
        "/large" => Reply::ok(vec![b'a'; 9 << 20]),
        _ => Reply::ok("fine"),
    })
    .await;
    let http = deps().http;
    for path in ["bomb", "large"] {
        let error = http.send(&Request::get(format!("http://{address}/{path}"))).await.unwrap_err();
        assert_eq!(error.class().as_str(), "bad_upstream", "{path}: {error}");
    }
    assert_eq!(http.send(&Request::get(format!("http://{address}/fine"))).await.unwrap().body, "fine");
}

#[tokio::test]
async fn secrets_do_not_follow_to_another_host() {
    let other = serve(|_, _| Reply::ok("x")).await;
    let address = serve(move |_, _| Reply::status(302).header("Location", &format!("http://{other}/"))).await;
    let request = Request::get(format!("http://{address}/")).authorization("Bearer", &Secret::new("s"));
    let error = deps().http.send(&request).await.unwrap_err();
    assert_eq!(error.class().as_str(), "refused", "{error}");
}

/// A server that takes a request and sends these bytes, then nothing more, leaving the line open.
async fn raw_server(answer: &'static [u8]) -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            tokio::spawn(async move {
                let _ = socket.read(&mut [0; 4096]).await;
                let _ = socket.write_all(answer).await;
                tokio::time::sleep(Duration::from_secs(30)).await;
            });
        }
    });
    address
}

fn impatient() -> Http {
    let config = HttpConfig {
        allow_private: true,
        timeout: Duration::from_millis(300),
        host_interval: Duration::from_millis(1),
        host_burst: 100,
        ..HttpConfig::default()
    };
    Http::new(&config, Arc::new(SystemClock)).unwrap()
}

#[tokio::test]
async fn servers_that_stall_before_within_and_after_the_head() {
    for answer in
        [&b""[..], b"HTTP/1.1 200 OK\r\nContent-Le", b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nab"]
    {
        let address = raw_server(answer).await;
        let error = impatient().send(&Request::get(format!("http://{address}/"))).await.unwrap_err();
        assert_eq!(error.class().as_str(), "transient", "{error}");
    }
}

#[tokio::test]
async fn redirects_in_a_circle_end() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let address = serve(move |path, _| {
        count.fetch_add(1, Ordering::SeqCst);
        Reply::status(302).header("Location", if path == "/a" { "/b" } else { "/a" })
    })
    .await;
    let error = deps().http.send(&Request::get(format!("http://{address}/a"))).await.unwrap_err();
    assert_eq!(error.class().as_str(), "bad_upstream", "{error}");
    assert!(asked.load(Ordering::SeqCst) <= 6);
}

/// 50 MB of one element are cut off at the limit of the request, not read to their end.
#[tokio::test]
async fn one_endless_element() {
    let address = serve(|_, _| Reply::ok(["<a title='".as_bytes(), &vec![b'x'; 50 << 20]].concat())).await;
    let mut request = Request::get(format!("http://{address}/"));
    request.max_bytes = 1 << 20;
    let error = deps().http.send(&request).await.unwrap_err();
    assert!(error.to_string().contains("larger than"), "{error}");
}

/// A host that says 429 for ever is asked rarely, and the source beside it goes on.
#[tokio::test]
async fn a_host_that_says_429_for_ever_holds_up_nobody() {
    let asked = Arc::new(AtomicUsize::new(0));
    let count = asked.clone();
    let limited = serve(move |_, _| {
        count.fetch_add(1, Ordering::SeqCst);
        Reply::status(429).header("Retry-After", "1")
    })
    .await;
    let fine = serve(|_, _| Reply::ok("x")).await;
    let http = deps().http;
    let ask = |address: std::net::SocketAddr| {
        let http = http.clone();
        async move {
            let end = tokio::time::Instant::now() + Duration::from_secs(2);
            let mut answers = 0;
            while tokio::time::Instant::now() < end {
                let request = Request::get(format!("http://{address}/"));
                answers += usize::from(
                    tokio::time::timeout_at(end, http.send(&request)).await.is_ok_and(|r| r.is_ok()),
                );
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
            answers
        }
    };
    let (none, many) = tokio::join!(ask(limited), ask(fine));
    assert_eq!(none, 0);
    assert!(asked.load(Ordering::SeqCst) <= 4, "{asked:?}");
    assert!(many > 10, "{many}");
}
