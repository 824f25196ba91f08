//! A real Chromium captures a page on loopback whose script never rests.

#![expect(clippy::print_stdout, reason = "a skip is told")]

use std::io::{Read, Write};
use std::net::TcpListener;
use std::process::Command;
use std::time::Duration;

use streife_evidence::capture::browser::{BrowserOptions, capture};

const PAGE: &str = "<!doctype html><title>t</title><p id=p>before</p>\
    <script>document.getElementById('p').textContent = 'written by script'; setInterval(() => document.body.append('x'), 10)</script>";

#[test]
#[ignore = "long: run with --ignored; needs chromium"]
fn a_page_with_a_restless_script_is_captured_three_ways() {
    if Command::new("chromium").arg("--version").output().is_err() {
        println!("skipped: chromium is not there");
        return;
    }
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}/", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let mut stream = stream.unwrap();
            let _ = stream.read(&mut [0; 4_096]);
            let head = format!(
                "HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: {}\r\nConnection: close\r\n\r\n",
                PAGE.len()
            );
            let _ = stream.write_all(format!("{head}{PAGE}").as_bytes());
        }
    });
    let folder = tempfile::tempdir().unwrap();
    let options = BrowserOptions {
        // In a container there is often no room for the browser's own sandbox.
        arguments: vec!["--no-sandbox".into()],
        time_limit: Duration::from_secs(60),
        ..BrowserOptions::default()
    };
    let page = capture(&url, streife_domain::Timestamp::from_secs(1_783_166_400), &options, folder.path());
    assert_eq!(page.missing, []);
    let dom = String::from_utf8(page.dom_html.unwrap()).unwrap();
    assert!(dom.contains("written by script"), "{dom}");
    assert!(page.screenshot.unwrap().len() > 1_000 && page.page_pdf.unwrap().len() > 1_000);
}
