//! `streife sources test` for every kind: what it says, how it ends, what it leaves behind.

use std::collections::BTreeSet;
use std::net::SocketAddr;

use serde_json::Value;
use streife_sdk::conformance::{Reply, serve, settings_for};

use crate::contracts::{FILES, LICENSED, LIVE};
use crate::{Place, Said};

const LEGAL: &str = "legal = { purpose = 'prosecution', legal_basis = 'order', review_by = '2999-01-01' }\n";
const GATE: &str = "legal_gate = { agreement = 'test', valid_until = '2999-01-01' }\n";
/// How the commands end.
const FINE: i32 = 0;
const FINDING: i32 = 1;
const USAGE: i32 = 2;
const CONFIGURATION: i32 = 3;
const UPSTREAM: i32 = 4;

/// A configuration of one source called `s`, which may read loopback.
fn config(kind: &str, settings: &str) -> String {
    let gate = if LICENSED.contains(&kind) { GATE } else { "" };
    format!(
        "[collect]\nallow_private = true\n[[source]]\nname = 's'\nkind = '{kind}'\n{LEGAL}{gate}[source.settings]\n{settings}\n"
    )
}

async fn tested(config: &str) -> (Said, Place) {
    let place = Place::new(config);
    (place.test("s").await, place)
}

/// Tests kind `kind` against `address`; nothing may have been written.
async fn against(kind: &str, settings: &str, address: SocketAddr) -> Said {
    let (said, place) = tested(&config(kind, &settings_for(settings, address))).await;
    assert!(!place.path("data").exists(), "{kind}: a test of a source wrote to the data folder");
    said
}

/// A table that misses a kind says nothing about it.
#[tokio::test]
async fn the_table_names_every_kind() {
    let said = Place::new("").run(&["sources", "parse", "no-such-kind", "f"], &[], "").await;
    let (_, known) = said.errors.rsplit_once("known are ").unwrap();
    let known: BTreeSet<&str> = known.trim().split(", ").collect();
    let tested = LIVE.iter().map(|case| case.kind).chain(FILES.map(|(kind, ..)| kind));
    assert_eq!(known, tested.collect::<BTreeSet<&str>>());
}

#[tokio::test]
async fn every_kind_is_read_and_nothing_is_written() {
    for case in LIVE {
        let said = against(case.kind, case.settings, case.open().await).await;
        assert_eq!(said.code, FINE, "{}: {}", case.kind, said.errors);
        let summary = said.summary();
        let (last, before) = said.lines.split_last().unwrap();
        assert_eq!((&summary["source"], &summary["kind"]), (&"s".into(), &case.kind.into()), "{last}");
        assert_eq!((&summary["ok"], &summary["problems"]), (&true.into(), &0.into()), "{last}");
        let events = summary["events"].as_u64().unwrap() as usize;
        assert!(events >= case.events, "{}: {events} events, wanted {}", case.kind, case.events);
        assert_eq!(before.len(), events, "{}: a line for each event and the summary", case.kind);
        for line in before {
            let event: Value = serde_json::from_str(line).unwrap();
            assert!(event["native_id"].as_str().is_some_and(|id| !id.is_empty()), "{line}");
            assert_eq!(event["source"], "s", "{line}");
        }
    }
}

#[tokio::test]
async fn files_are_read_too() {
    for (kind, name, content) in FILES {
        let place = Place::new("");
        std::fs::write(place.path(name), content).unwrap();
        std::fs::write(place.config(), config(kind, &format!("path = '{}'", place.path(name).display())))
            .unwrap();
        let said = place.test("s").await;
        assert_eq!(said.code, FINE, "{kind}: {}", said.errors);
        assert!(said.summary()["events"].as_u64() > Some(0), "{kind}: {:?}", said.lines);
        assert!(!place.path("data").exists());
        std::fs::remove_file(place.path(name)).unwrap();
        let said = place.test("s").await;
        assert_ne!(said.code, FINE, "{kind}: a file that is not there is told");
        assert_eq!(said.summary()["ok"], false);
    }
}

/// How a server refuses, and what a script and a person get to know of it.
#[tokio::test]
async fn every_kind_tells_what_a_server_refuses() {
    let refusals = [
        (401, "refused", CONFIGURATION),
        (403, "refused", CONFIGURATION),
        (404, "gone", CONFIGURATION),
        (429, "rate_limited", UPSTREAM),
        (500, "transient", UPSTREAM),
    ];
    for (status, class, code) in refusals {
        let address = serve(move |path, _| match path {
            "/robots.txt" => Reply::status(404),
            _ => Reply::status(status).header("Retry-After", "60"),
        })
        .await;
        // A news server does not speak HTTP: the next test is its own.
        for case in LIVE.iter().filter(|case| case.kind != "nntp") {
            let said = against(case.kind, case.settings, address).await;
            let summary = said.summary();
            let told = (said.code, summary["error"]["class"].as_str().unwrap_or_default());
            assert_eq!(told, (code, class), "{} at {status}: {}", case.kind, said.errors);
            let advice = summary["advice"].as_str().unwrap_or_default();
            assert!(!advice.is_empty() && said.errors.contains(advice), "{}: {}", case.kind, said.errors);
        }
    }
}

/// A server that says one line to everybody.
async fn greeting(line: &'static str) -> SocketAddr {
    use tokio::io::AsyncWriteExt;
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut socket, _)) = listener.accept().await {
            let _ = socket.write_all(line.as_bytes()).await;
        }
    });
    address
}

#[tokio::test]
async fn a_news_server_refuses_in_its_own_words() {
    let settings = "host = '127.0.0.1'\nport = {port}\ngroup = 'de.test'";
    let refusals = [
        ("400 closed for today\r\n", "transient", UPSTREAM),
        ("502 no permission\r\n", "refused", CONFIGURATION),
    ];
    for (line, class, code) in refusals {
        let said = against("nntp", settings, greeting(line).await).await;
        assert_eq!(
            (said.code, said.summary()["error"]["class"].as_str()),
            (code, Some(class)),
            "{}",
            said.errors
        );
    }
}

/// What is no answer of this kind is a finding, not silence.
#[tokio::test]
async fn every_kind_tells_that_an_answer_is_broken() {
    let address = serve(|path, _| match path {
        "/robots.txt" => Reply::status(404),
        _ => Reply::ok("{"),
    })
    .await;
    for case in LIVE {
        let address = if case.kind == "nntp" { greeting("{\r\n").await } else { address };
        let said = against(case.kind, case.settings, address).await;
        assert_eq!(said.code, FINDING, "{}: {:?} {}", case.kind, said.lines, said.errors);
        assert_eq!(said.summary()["ok"], false, "{}", case.kind);
    }
}

#[tokio::test]
async fn a_timeline_that_shows_nothing_says_why_that_may_be() {
    let address = serve(|_, _| Reply::ok("[]")).await;
    let said = against("mastodon", "server='http://{address}'", address).await;
    assert_eq!((said.code, said.summary()["events"].as_u64()), (FINE, Some(0)));
    assert!(said.summary()["advice"].as_str().unwrap().contains("strangers"));
}

#[tokio::test]
async fn a_name_that_is_not_there_is_told_with_those_that_are() {
    let place = Place::new(&config("feed", "urls = ['https://example.org/feed']"));
    let said = place.test("other").await;
    assert_eq!(said.code, USAGE);
    assert!(said.errors.contains("\"other\"") && said.errors.contains("there are: s"), "{}", said.errors);
    let said = Place::new("").test("other").await;
    assert!(said.code == USAGE && said.errors.contains("sources add"), "{}", said.errors);
}

#[tokio::test]
async fn a_licensed_platform_is_not_asked_without_its_agreement() {
    let asked = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let count = asked.clone();
    let address = serve(move |_, _| {
        count.fetch_add(1, std::sync::atomic::Ordering::SeqCst);
        Reply::ok("{}")
    })
    .await;
    for case in LIVE.iter().filter(|case| LICENSED.contains(&case.kind)) {
        let text = config(case.kind, &settings_for(case.settings, address));
        let (said, _place) = tested(&text.replace(GATE, "")).await;
        assert_eq!((said.code, &said.summary()["error"]["class"]), (CONFIGURATION, &"configuration".into()));
        assert!(said.errors.contains("legal_gate.agreement"), "{}", said.errors);
        let (said, _place) = tested(&text.replace("2999-01-01' }\n[source", "2020-01-01' }\n[source")).await;
        assert!(said.code == CONFIGURATION && said.errors.contains("valid_until"), "{}", said.errors);
    }
    assert_eq!(asked.load(std::sync::atomic::Ordering::SeqCst), 0);
}

#[tokio::test]
async fn private_addresses_are_refused_by_every_kind_and_never_reached() {
    for case in LIVE {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let settings = settings_for(case.settings, listener.local_addr().unwrap());
        let text = config(case.kind, &settings).replace("allow_private = true", "");
        let (said, _place) = tested(&text).await;
        assert_eq!(said.summary()["error"]["class"], "refused", "{}: {}", case.kind, said.errors);
        assert!(said.code == CONFIGURATION && said.errors.contains("allow_private"), "{}", said.errors);
        let came = tokio::time::timeout(std::time::Duration::from_millis(1), listener.accept()).await;
        assert!(came.is_err(), "{}: somebody connected", case.kind);
    }
}

#[tokio::test]
async fn a_host_without_address_is_told_as_that() {
    for case in LIVE {
        // "invalid" is never delegated (RFC 2606).
        let settings = case.settings.replace("127.0.0.1", "nowhere.invalid").replace("{port}", "1119");
        let settings = settings.replace("{address}", "nowhere.invalid");
        let settings = settings_for(&settings, SocketAddr::from(([127, 0, 0, 1], 1)));
        let (said, _place) = tested(&config(case.kind, &settings)).await;
        let class = said.summary()["error"]["class"].clone();
        assert_eq!((said.code, &class), (UPSTREAM, &"transient".into()), "{}: {}", case.kind, said.errors);
        assert!(said.errors.contains("nowhere.invalid"), "{}: {}", case.kind, said.errors);
    }
}

#[tokio::test]
async fn a_secret_that_is_missing_is_named_and_one_that_is_there_is_not_shown() {
    let settings = "server = 'http://127.0.0.1:9'\ntoken = { env = 'STREIFE_TEST_TOKEN' }";
    let place = Place::new(&config("mastodon", settings));
    let said = place.test("s").await;
    assert!(said.code == CONFIGURATION && said.errors.contains("STREIFE_TEST_TOKEN"), "{}", said.errors);
    let arguments = ["--json", "sources", "test", "s", "--config", "streife.toml"];
    let said = place.run(&arguments, &[("STREIFE_TEST_TOKEN", "topsecretvalue")], "").await;
    assert_eq!(said.code, UPSTREAM, "{}", said.errors);
    assert!(!format!("{:?}{}", said.lines, said.errors).contains("topsecretvalue"));
}

/// Without `--json` the events are on stdout and everything for people beside them.
#[tokio::test]
async fn people_get_a_summary_beside_the_events() {
    let address = serve(|_, _| Reply::ok("[{\"id\":\"1\",\"created_at\":\"2026-01-02T03:04:05.000Z\",\"content\":\"<p>a</p>\",\"account\":{\"id\":\"1\"}}]")).await;
    let place = Place::new(&config("mastodon", &format!("server = 'http://{address}'")));
    let said = place.run(&["sources", "test", "s", "--config", "streife.toml"], &[], "").await;
    assert_eq!((said.code, said.lines.len()), (FINE, 1), "{}", said.errors);
    assert!(said.errors.contains("s: 1 events, 0 problems"), "{}", said.errors);
}
