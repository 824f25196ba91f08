//! Time-stamp services over HTTP on loopback: `openssl ts` as an honest one, and services that are down, late, deaf or
//! lying.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

use streife_domain::{Clock, ManualClock, SystemClock, Timestamp};
use streife_evidence::seal::{DemoTsa, Seal, StampState};

use super::*;
use crate::commands::bench::evidence::peers::time_stamp_service;

/// Serves one answer after the other: content type and body from the body of the question.
fn serve(answer: impl Fn(&[u8]) -> (&'static str, Vec<u8>) + Send + 'static) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/tsa", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(stream) = stream else { continue };
            let mut reader = BufReader::new(stream);
            let (mut length, mut line) = (0, String::new());
            while reader.read_line(&mut line).is_ok_and(|read| read > 2) {
                let lower = line.to_ascii_lowercase();
                if let Some(value) = lower.strip_prefix("content-length:") {
                    length = value.trim().parse().unwrap_or(0);
                }
                line.clear();
            }
            let mut question = vec![0; length];
            if reader.read_exact(&mut question).is_err() {
                continue;
            }
            let (kind, body) = answer(&question);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                body.len()
            );
            let mut stream = reader.into_inner();
            let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
        }
    });
    url
}

fn client(name: &str, url: &str, root: &Path) -> HttpTsa {
    let section =
        TimeStampSection { name: name.into(), url: url.into(), root: root.to_owned(), authorization: None };
    let http = streife_sdk::HttpConfig { allow_private: true, ..streife_sdk::HttpConfig::default() };
    HttpTsa::new(&section, Http::new(&http, Arc::new(SystemClock)).unwrap()).unwrap()
}

/// Seals something with these services and tells what came of it.
async fn sealed(services: Vec<HttpTsa>) -> Seal {
    tokio::task::spawn_blocking(move || {
        let services: Vec<&dyn TimeStampService> = services.iter().map(|service| service as _).collect();
        let mut seal = Seal::over([("raw.bin", &b"bytes"[..])], &services, SystemClock.now());
        seal.stamp(&services, &SystemClock);
        seal
    })
    .await
    .unwrap()
}

fn error_of(seal: &Seal, at: usize) -> String {
    match &seal.stamps[at].state {
        StampState::Pending { last_error, .. } => last_error.clone().unwrap_or_default(),
        StampState::Stamped { .. } => "stamped".into(),
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_is_stamped_by_two_services_of_openssl_over_http() {
    if Command::new("openssl").arg("version").output().is_err() {
        crate::say::line("skipped: openssl is not there");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let one = time_stamp_service(folder.path(), "eins").await.unwrap();
    let two = time_stamp_service(folder.path(), "zwei").await.unwrap();
    let seal = sealed(vec![client("eins", &one.1, &one.0), client("zwei", &two.1, &two.0)]).await;
    assert!(seal.is_complete(), "{:?}", seal.stamps);
    // A service whose answers lead to another root is not believed: bound to one authority.
    let seal = sealed(vec![client("eins", &two.1, &one.0)]).await;
    assert!(error_of(&seal, 0).contains("certificate"), "{}", error_of(&seal, 0));
}

#[tokio::test(flavor = "multi_thread")]
async fn evidence_stays_pending_with_the_reason_when_a_service_is_down_deaf_late_or_lying() {
    let folder = tempfile::tempdir().unwrap();
    let tsa = Arc::new(DemoTsa::new("eins", Arc::new(SystemClock)).unwrap());
    let root = folder.path().join("root.pem");
    std::fs::write(&root, tsa.anchor_pem()).unwrap();
    let late_clock = Arc::new(ManualClock::new(SystemClock.now()));
    let late = DemoTsa::new("spät", late_clock.clone()).unwrap();
    let late_root = folder.path().join("late.pem");
    std::fs::write(&late_root, late.anchor_pem()).unwrap();
    late_clock.set(SystemClock.now().plus_secs(3_600));

    let honest = Arc::clone(&tsa);
    let good = client("gut", &serve(move |question| (REPLY, honest.exchange(question).unwrap())), &root);
    let html = client("html", &serve(|_| ("text/html", b"<html>Wartung</html>".to_vec())), &root);
    let noise = client("rauschen", &serve(|_| (REPLY, vec![0x30, 0x80, 1, 2, 3])), &root);
    let refusing =
        client("weigert", &serve(|_| (REPLY, vec![0x30, 0x05, 0x30, 0x03, 0x02, 0x01, 0x02])), &root);
    let hour =
        client("stunde", &serve(move |question| (REPLY, late.exchange(question).unwrap())), &late_root);
    // An answer to another question, kept and given again.
    let old = tsa
        .exchange(
            &streife_evidence::seal::request(&streife_evidence::merkle::sha256(b"other"), Some(1)).unwrap(),
        )
        .unwrap();
    let replaying = client("alt", &serve(move |_| (REPLY, old.clone())), &root);
    let down = client("fort", "http://127.0.0.1:9/tsa", &root);

    let seal = sealed(vec![good, html, noise, refusing, hour, replaying, down]).await;
    for (at, said) in [
        (0, "stamped"),
        (1, "instead of"),
        (2, "does not read"),
        (3, "refused"),
        (4, "off by more"),
        (5, "other data"),
        (6, ""),
    ] {
        let error = error_of(&seal, at);
        assert!(error.contains(said) && !error.is_empty(), "{}: {error}", seal.stamps[at].service);
    }
    assert!(!seal.is_complete());
    let StampState::Pending { tries, next_try, .. } = seal.stamps[6].state else {
        panic!("{:?}", seal.stamps[6])
    };
    assert!(tries == 1 && next_try > Timestamp::from_secs(0));
}
