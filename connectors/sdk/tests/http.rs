//! The polite client against a server that misbehaves.

use std::io::Write;
use std::sync::Arc;

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
