//! Pages as they misbehave, on loopback.

use std::io::{Read, Write};
use std::net::TcpListener;

use streife_domain::Timestamp;

use super::*;
use crate::desk::evidence::test_item;

/// Serves one of the bad pages by path.
fn site() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    std::thread::spawn(move || {
        for stream in listener.incoming() {
            let Ok(mut stream) = stream else { continue };
            std::thread::spawn(move || {
                let mut request = [0; 4096];
                let read = stream.read(&mut request).unwrap_or(0);
                let line =
                    String::from_utf8_lossy(&request[..read]).lines().next().unwrap_or_default().to_owned();
                let path = line.split(' ').nth(1).unwrap_or("/").to_owned();
                let _ = answer(&mut stream, &path);
            });
        }
    });
    address
}

fn answer(stream: &mut std::net::TcpStream, path: &str) -> std::io::Result<()> {
    let page = |status: &str, headers: &str, body: &str| {
        format!(
            "HTTP/1.1 {status}\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n{headers}\r\n{body}",
            body.len()
        )
    };
    let text = match path {
        "/gone" => page("410 Gone", "", "gone"),
        "/walled" => page("302 Found", "Location: /accounts/login?next=x\r\n", ""),
        "/circle" => page("302 Found", "Location: /circle\r\n", ""),
        "/film" => {
            stream.write_all(
                b"HTTP/1.1 200 OK\r\nContent-Type: video/mp4\r\nContent-Length: 209715200\r\n\r\n",
            )?;
            let chunk = [0u8; 65_536];
            for _ in 0..3_200 {
                stream.write_all(&chunk)?;
            }
            return Ok(());
        }
        "/scroll" => page(
            "200 OK",
            "",
            "<!doctype html><title>endlos</title><p id=p>Anfang</p><script>addEventListener('scroll',()=>more());function more(){for(let i=0;i<50;i++){const e=document.createElement('p');e.textContent='mehr';document.body.append(e)}setTimeout(more,5)}more()</script>",
        ),
        "/font" => "HTTP/1.1 200 OK\r\nContent-Type: font/woff2\r\nContent-Length: 12\r\nConnection: close\r\n\r\nwOF2\0\0\0\0kapu".to_owned(),
        "/broken-font" => page(
            "200 OK",
            "",
            "<!doctype html><meta charset=utf-8><title>Schrift</title><style>@font-face{font-family:k;src:url(/font)}p{font-family:k}</style><p>Guten Tag Привет مرحبا 漢字 👍</p>",
        ),
        "/restless" => page(
            "200 OK",
            "",
            "<!doctype html><title>rastlos</title><p>Text</p><script>setTimeout(()=>{for(;;){}},50)</script>",
        ),
        "/wants-film" => page(
            "200 OK",
            "",
            "<!doctype html><title>Film</title><p>davor</p><img src=/film><video src=/film autoplay muted></video>",
        ),
        _ => page(
            "200 OK",
            "Set-Cookie: session=secret\r\n",
            "<!doctype html><title>Seite</title><p>Guten Tag</p>",
        ),
    };
    stream.write_all(text.as_bytes())
}

pub(super) fn pages(folder: &std::path::Path, extra: &str) -> Pages {
    let text = format!("[collect]\nallow_private = true\n[evidence]\n{extra}");
    let config = crate::config::read(&text, &[]).unwrap();
    Pages::new(&config, &Paths::new(&config, Some(folder))).unwrap()
}

pub(super) fn circumstances() -> Circumstances {
    Circumstances {
        by: "streife".into(),
        zone: "Europe/Berlin".into(),
        clock_offset_ms: None,
        time_source: "NTP".into(),
    }
}

pub(super) fn wanted(role: ItemRole, url: &str) -> Wanted {
    let post = test_item(Timestamp::from_secs(1_783_166_400));
    Wanted { role, url: url.to_owned(), post: post.post, account: post.account, keep: Keep::Page }
}

async fn capture(pages: &Pages, url: &str) -> CapturedItem {
    let wanted = [wanted(ItemRole::Page, url)];
    pages.capture_all(&wanted, &circumstances()).await.remove(0)
}

pub(super) fn said(item: &CapturedItem) -> String {
    item.missing.iter().map(|missing| format!("{}: {}\n", missing.what, missing.why)).collect()
}

#[tokio::test]
async fn every_bad_page_is_bounded_and_says_what_is_missing() {
    let folder = tempfile::tempdir().unwrap();
    let (pages, site) = (pages(folder.path(), ""), site());
    let good = capture(&pages, &format!("{site}/")).await;
    assert!(good.response.body.ends_with(b"Guten Tag</p>") && good.response.status == Some(200));
    assert!(!good.response.headers.iter().any(|(name, _)| name == "set-cookie"));
    assert_eq!(good.capture.server_address.as_deref(), Some("127.0.0.1"));
    for (path, why, body) in [
        ("/gone", "nicht mehr da (410)", true),
        ("/walled", "Weiterleitung zu einer Anmeldung", true),
        ("/circle", "mehr als 5 Weiterleitungen", false),
        ("/film", "größer als 16 MB", false),
    ] {
        let item = capture(&pages, &format!("{site}{path}")).await;
        assert!(said(&item).contains(why), "{path}: {}", said(&item));
        assert_eq!(!item.response.body.is_empty(), body, "{path}");
    }
    for (keep, kept) in [(Keep::File, true), (Keep::Hash, false)] {
        let file = Wanted { keep, ..wanted(ItemRole::Other, &format!("{site}/font")) };
        let item = pages.capture_all(&[file], &circumstances()).await.remove(0);
        assert_eq!((item.response.status, item.response.body.is_empty()), (Some(200), !kept));
        let hash = "sha256 f872f637ef8b";
        assert_eq!(said(&item).contains(hash), !kept, "{}", said(&item));
        assert!(!said(&item).contains("Bildschirmfoto"), "a file is no page");
    }
    let walled = capture(&pages, &format!("{site}/walled")).await;
    assert_eq!(walled.capture.redirects.len(), 1);
    let nobody = capture(&pages, "http://127.0.0.1:9/").await;
    assert!(said(&nobody).contains("Seite:") && nobody.response.status.is_none());
    let inside = Pages { guard: Guard::new(false), ..pages };
    assert!(said(&capture(&inside, &format!("{site}/")).await).contains("Seite:"));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: run with --ignored; needs chromium"]
async fn a_real_browser_survives_every_bad_page() {
    if std::process::Command::new("chromium").arg("--version").output().is_err() {
        crate::say::line("skipped: chromium is not there");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let pages = pages(
        folder.path(),
        "browser = \"chromium\"\nbrowser_arguments = [\"--no-sandbox\"]\nbrowser_secs = 30\nbrowser_megabytes = 5\n",
    );
    let site = site();
    for path in ["/", "/scroll", "/broken-font"] {
        let item = capture(&pages, &format!("{site}{path}")).await;
        assert!(item.screenshot.is_some() && item.dom_html.is_some(), "{path}: {}", said(&item));
        assert!(item.page_pdf.is_some(), "{path}: {}", said(&item));
        assert!(
            item.screenshot_plain.is_some() && item.capture.tool.contains("Chromium"),
            "{}",
            item.capture.tool
        );
        assert!(item.capture.method.contains("127.0.0.1"), "{}", item.capture.method);
    }
    let film = capture(&pages, &format!("{site}/wants-film")).await;
    assert!(said(&film).contains("mehr als 5 MB"), "{}", said(&film));
    // A script that never yields: the capture ends, shows what the server sent, and says so.
    let restless = capture(&pages, &format!("{site}/restless")).await;
    let views = restless.screenshot.is_some() && restless.page_pdf.is_some() && restless.dom_html.is_some();
    assert!(views && said(&restless).contains("ohne ihre Skripte"), "{}", said(&restless));
    assert_eq!(std::fs::read_dir(folder.path().join("evidence-scratch")).unwrap().count(), 0);
}
