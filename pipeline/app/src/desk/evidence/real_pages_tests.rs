//! Pages of real servers (WordPress, GoToSocial) on loopback, edited and deleted while they are captured. Needs their
//! packages and Chromium; `./streife test --suite evidence` runs it.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use super::tests::{circumstances, pages, said, wanted};
use super::*;

/// Longest wait for a server to be seen doing something.
const PATIENCE: Duration = Duration::from_secs(60);

fn script(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/servers").join(name)
}

fn output(command: &mut Command) -> String {
    let done = command.output().unwrap();
    assert!(done.status.success(), "{command:?}: {}", String::from_utf8_lossy(&done.stderr));
    String::from_utf8(done.stdout).unwrap().trim().to_owned()
}

fn free_port() -> u16 {
    std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A running server of `tests/servers`; stopped when dropped.
struct Server {
    script: PathBuf,
    folder: tempfile::TempDir,
}

impl Server {
    fn run(&self, arguments: &[&str]) -> String {
        let mut command = Command::new(&self.script);
        command.arg(arguments[0]).arg(self.folder.path()).args(&arguments[1..]);
        output(&mut command)
    }
    fn start(&self, port: u16) {
        output(Command::new(&self.script).arg("start").arg(port.to_string()).arg(self.folder.path()));
    }
    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = Command::new(&self.script).arg("stop").arg(self.folder.path()).status();
        std::thread::sleep(Duration::from_secs(1));
    }
}

fn with_browser(folder: &Path) -> Pages {
    let browser = "browser = \"chromium\"\nbrowser_arguments = [\"--no-sandbox\"]\nbrowser_secs = 60\n";
    pages(folder, browser)
}

/// The words of a print.
fn printed(item: &CapturedItem) -> String {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), item.page_pdf.as_ref().unwrap()).unwrap();
    output(Command::new("pdftotext").arg(file.path()).arg("-"))
}

/// The number behind the first `Fassung` in a text.
fn version(text: &str) -> u32 {
    let after = text.split_once("Fassung ").unwrap_or_else(|| panic!("no version in {text}")).1;
    after.chars().take_while(char::is_ascii_digit).collect::<String>().parse().unwrap()
}

fn raw(item: &CapturedItem) -> String {
    String::from_utf8_lossy(&item.response.body).into_owned()
}

fn document(item: &CapturedItem) -> String {
    String::from_utf8_lossy(item.dom_html.as_ref().unwrap()).into_owned()
}

fn is_whole(item: &CapturedItem) {
    assert_eq!(item.response.status, Some(200), "{}", said(item));
    let views = [&item.screenshot, &item.screenshot_plain, &item.page_pdf, &item.dom_html];
    assert!(views.iter().all(|view| view.is_some()), "{}", said(item));
    assert_eq!(item.capture.server_address.as_deref(), Some("127.0.0.1"));
}

/// Waits until the server has answered once more, then does it.
fn once_asked(asked: impl Fn() -> usize, then: impl FnOnce()) {
    let (before, started) = (asked(), Instant::now());
    while asked() == before {
        assert!(started.elapsed() < PATIENCE, "nobody asked for the page");
        std::thread::sleep(Duration::from_millis(5));
    }
    then();
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: run with --ignored; needs chromium, wordpress, mariadb, poppler"]
async fn wordpress_pages_are_captured_whole_and_edits_and_deletions_meanwhile_are_told() {
    let server = Arc::new(Server { script: script("wordpress.sh"), folder: tempfile::tempdir().unwrap() });
    let port = free_port();
    server.start(port);
    let referred = server.run(&["post", "berta", "Der Anlass", "Am Samstag ist Vereinsfest."]);
    let post = server.run(&["post", "anna", "Die Antwort", "Fassung 0: alle Gartenzwerge umwerfen."]);
    server.run(&["comment", &post, "carl", "Ich bin dabei."]);
    let folder = tempfile::tempdir().unwrap();
    let pages = with_browser(folder.path());
    let page = format!("http://127.0.0.1:{port}/?p={post}");
    // Whoever set it up is number 1.
    let profile = format!("http://127.0.0.1:{port}/?author=3");

    // Post, profile and the post it refers to, at once.
    let all = [
        wanted(ItemRole::Page, &page),
        wanted(ItemRole::Profile, &profile),
        wanted(ItemRole::Referred, &format!("http://127.0.0.1:{port}/?p={referred}")),
    ];
    let items = pages.capture_all(&all, &circumstances()).await;
    for (item, words) in items.iter().zip(["Ich bin dabei.", "anna", "Vereinsfest"]) {
        is_whole(item);
        assert!(raw(item).contains(words) && document(item).contains(words) && printed(item).contains(words));
        assert_eq!(item.missing, []);
    }

    // Edited without rest: every view of the browser shows one version, and the capture says that there were others.
    let stop = Arc::new(AtomicBool::new(false));
    let editing = std::thread::spawn({
        let (server, post, stop) = (Arc::clone(&server), post.clone(), Arc::clone(&stop));
        move || {
            for number in 1.. {
                if stop.load(Ordering::SeqCst) {
                    return number;
                }
                server.run(&["edit", &post, &format!("Fassung {number}: alle Gartenzwerge umwerfen.")]);
            }
            0
        }
    });
    let edited = pages.capture_all(&all[..1], &circumstances()).await.remove(0);
    stop.store(true, Ordering::SeqCst);
    assert!(editing.join().unwrap() > 1);
    is_whole(&edited);
    assert_eq!(version(&document(&edited)), version(&printed(&edited)), "one loading, one version");
    assert_eq!(raw(&edited).matches("Fassung").count(), raw(&items[0]).matches("Fassung").count());
    assert!(said(&edited).contains("ein anderer Text als am Anfang"), "{}", said(&edited));

    // Deleted once the exchange is through.
    let deleting = std::thread::spawn({
        let (server, post) = (Arc::clone(&server), post.clone());
        move || {
            let asked = || server.log().matches(&format!("[200]: GET /?p={post}")).count();
            once_asked(asked, || drop(server.run(&["delete", &post])));
        }
    });
    let deleted = pages.capture_all(&all[..1], &circumstances()).await.remove(0);
    deleting.join().unwrap();
    assert!(raw(&deleted).contains("Gartenzwerge umwerfen"), "what was there is kept");
    assert!(said(&deleted).contains("während der Sicherung gelöscht"), "{}", said(&deleted));
    // And from then on it is gone, which is said too.
    let gone = pages.capture_all(&all[..1], &circumstances()).await.remove(0);
    assert!(said(&gone).contains("nicht mehr da (404)") && gone.screenshot.is_some(), "{}", said(&gone));
}

#[tokio::test(flavor = "multi_thread")]
#[ignore = "long: run with --ignored; needs chromium and GoToSocial (go), python3, poppler"]
async fn gotosocial_pages_are_captured_whole_and_a_deletion_meanwhile_is_told() {
    let server = Server { script: script("gotosocial.sh"), folder: tempfile::tempdir().unwrap() };
    let port = free_port();
    std::fs::create_dir_all(server.folder.path().join("storage")).unwrap();
    std::fs::write(server.folder.path().join("port"), port.to_string()).unwrap();
    for name in ["anna", "berta"] {
        server.run(&["user", name]);
    }
    server.start(port);
    let token = |name: &str| {
        output(Command::new("python3").arg(script("gotosocial/token.py")).args([&port.to_string(), name]))
    };
    let (anna, berta) = (token("anna"), token("berta"));
    let publish = |token: &str, text: &str, reply_to: &str| -> serde_json::Value {
        let mut command = Command::new("curl");
        command.args(["-fsS", "-H", &format!("Authorization: Bearer {token}"), "-d", "visibility=public"]);
        command.args(["-d", &format!("status={text}"), "-d", &format!("in_reply_to_id={reply_to}")]);
        serde_json::from_str(&output(command.arg(format!("http://localhost:{port}/api/v1/statuses"))))
            .unwrap()
    };
    let field = |status: &serde_json::Value, name: &str| status[name].as_str().unwrap().to_owned();
    let referred = publish(&berta, "Am Samstag ist Vereinsfest.", "");
    let post = publish(&anna, "Alle Gartenzwerge umwerfen.", &field(&referred, "id"));
    let folder = tempfile::tempdir().unwrap();
    let pages = with_browser(folder.path());
    let all = [
        wanted(ItemRole::Page, &field(&post, "url")),
        wanted(ItemRole::Profile, &format!("http://localhost:{port}/@anna")),
        wanted(ItemRole::Referred, &field(&referred, "url")),
    ];
    let items = pages.capture_all(&all, &circumstances()).await;
    for (item, words) in items.iter().zip(["Gartenzwerge umwerfen", "@anna", "Vereinsfest"]) {
        is_whole(item);
        assert!(raw(item).contains(words) && document(item).contains(words), "{}", said(item));
        assert_eq!(item.missing, []);
    }

    let id = field(&post, "id");
    let deleted = tokio::spawn({
        let (anna, id) = (anna.clone(), id.clone());
        async move {
            // The exchange of one small page is through long before the browser has started.
            tokio::time::sleep(Duration::from_millis(300)).await;
            tokio::task::spawn_blocking(move || {
                let address = format!("http://localhost:{port}/api/v1/statuses/{id}");
                let bearer = format!("Authorization: Bearer {anna}");
                output(Command::new("curl").args(["-fsS", "-X", "DELETE", "-H", &bearer, &address]))
            })
            .await
        }
    });
    let item = pages.capture_all(&all[..1], &circumstances()).await.remove(0);
    deleted.await.unwrap().unwrap();
    assert!(raw(&item).contains("Gartenzwerge umwerfen"), "what was there is kept: {}", said(&item));
    assert!(said(&item).contains("während der Sicherung gelöscht"), "{}", said(&item));
    let gone = pages.capture_all(&all[..1], &circumstances()).await.remove(0);
    assert!(said(&gone).contains("nicht mehr da"), "{}", said(&gone));
}
