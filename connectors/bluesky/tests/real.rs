//! Against a real PDS and a real Jetstream behind it, both restarted on the way:
//! `STREIFE_TEST_BLUESKY="PDS_PORT PDS_FOLDER JETSTREAM_PORT JETSTREAM_FOLDER"`, as `tests/suites/connectors.sh` sets it.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use streife_domain::EventKind;
use streife_sdk::conformance::{Watched, deps, server};
use streife_sdk::{Connector, Cursor, SourceConfig};

struct Servers {
    pds_port: String,
    pds: String,
    jetstream_port: String,
    jetstream: String,
}

impl Servers {
    fn given() -> Self {
        let given = std::env::var("STREIFE_TEST_BLUESKY").unwrap();
        let mut words = given.split_whitespace().map(str::to_owned);
        let mut next = || words.next().unwrap();
        Self { pds_port: next(), pds: next(), jetstream_port: next(), jetstream: next() }
    }

    fn act(&self, act: &str, parameters: &[&str]) -> String {
        server("pds", &[&["act", &self.pds, act], parameters].concat())
    }

    fn start_jetstream(&self) {
        let addresses = self.act("addresses", &[]);
        let (plc, did) = addresses.split_once(' ').unwrap();
        server("jetstream", &["start", &self.jetstream_port, &self.jetstream, &self.pds_port, plc, did]);
    }
}

/// A connector of `kind` with these settings, as often as it is restarted.
fn factory(kind: usize, settings: String) -> impl Fn() -> Box<dyn Connector> {
    move || {
        let kind = &streife_bluesky::KINDS[kind];
        let text = format!("name='t'\nkind='{}'\n[settings]\nstall_timeout_secs=5\n{settings}", kind.name);
        let config: SourceConfig = toml::from_str(&text).unwrap();
        (kind.connect)(&config, &deps()).unwrap()
    }
}

#[tokio::test]
#[ignore = "needs servers: run by tests/suites/connectors.sh"]
async fn posts_edits_deletions_and_states_over_restarts() {
    let servers = Servers::given();
    let (pds, jetstream) = (&servers.pds_port, &servers.jetstream_port);
    let dictionary = server("jetstream", &["dictionary"]);
    let address = format!("endpoints=['ws://127.0.0.1:{jetstream}']");
    let ways = [
        ("firehose", factory(1, format!("endpoint='ws://127.0.0.1:{pds}'"))),
        ("version 1", factory(0, address.clone())),
        ("version 1, packed", factory(0, format!("{address}\nzstd_dictionary='{dictionary}'"))),
        ("version 2", factory(0, format!("{address}\nversion='v2'"))),
        (
            "version 2, packed",
            factory(0, format!("{address}\nversion='v2'\n{}", current_dictionary(jetstream))),
        ),
    ];
    let beginning = serde_json::json!({ "endpoint": format!("ws://127.0.0.1:{jetstream}"), "seq": 0 });
    let mut sources: Vec<(&str, Watched<'_>)> =
        ways.iter().map(|(way, f)| (*way, Watched::new(f, Some(Cursor(beginning.clone()))))).collect();

    let first = servers.act("post", &["text=eins"]);
    let two = servers.act("posts", &["text=zwei", "text=drei"]);
    let (second, third) = two.split_once(' ').unwrap();
    servers.act("like", &[&format!("uri={first}")]);
    servers.act("edit", &[&format!("uri={second}"), "text=zwei, anders"]);
    servers.act("delete", &[&format!("uri={third}")]);
    let wanted = [
        (EventKind::Post, "eins"),
        (EventKind::Post, "zwei"),
        (EventKind::Post, "drei"),
        (EventKind::Edit, "zwei, anders"),
        (EventKind::Delete, ""),
    ];
    for (way, source) in &mut sources {
        source.read(5).await;
        assert_eq!(source.said(), wanted, "{way}");
        let ids: Vec<&str> = source.events.iter().map(|e| e.native_id.as_str()).collect();
        assert!([&first[..], second, third].iter().all(|id| ids.contains(id)), "{way}: {ids:?}");
    }

    // Both servers end, something is said in between, and our side is killed too.
    server("jetstream", &["stop", &servers.jetstream]);
    servers.act("restart", &[]);
    servers.act("post", &["text=vier"]);
    servers.start_jetstream();
    servers.act("post", &["text=fünf"]);
    for (way, source) in &mut sources {
        source.restart();
        source.read(7).await;
        assert_eq!(source.said()[5..], [(EventKind::Post, "vier"), (EventKind::Post, "fünf")], "{way}");
    }

    // An account is given up.
    let gone = servers.act("leave", &[]);
    for (way, source) in &mut sources {
        source.read(8).await;
        let mut states =
            source.events.iter().filter(|e| e.event == EventKind::Account && e.native_id == gone);
        assert_eq!(states.next_back().unwrap().tags, ["deactivated"], "{way}");
    }
    a_cursor_from_the_future_is_given_up(&servers).await;
}

/// Servers that were set up anew count from 1 again: nothing they have is passed over.
async fn a_cursor_from_the_future_is_given_up(servers: &Servers) {
    let connect = factory(1, format!("endpoint='ws://127.0.0.1:{}'", servers.pds_port));
    let future = Cursor(serde_json::json!({ "seq": 9_000_000 }));
    let mut connector = connect();
    let reset = connector.fetch(Some(&future)).await.unwrap();
    let fetched = connector.fetch(Some(&reset.cursor)).await.unwrap();
    assert!(fetched.parsed.events.iter().any(|e| e.event.text == "eins"));

    let address = format!("ws://127.0.0.1:{}", servers.jetstream_port);
    let connect = factory(0, format!("endpoints=['{address}']"));
    let future =
        serde_json::json!({ "endpoint": address, "seq": 9_000_000, "time_us": 1_700_000_000_000_000i64 });
    let mut connector = connect();
    // The server gives such a cursor its newest events only; the first of them shows that it counts anew.
    let cursor = Cursor(future);
    let (reset, _) = tokio::join!(connector.fetch(Some(&cursor)), async {
        tokio::time::sleep(std::time::Duration::from_secs(2)).await;
        servers.act("post", &["text=später"]);
    });
    let fetched = connector.fetch(Some(&reset.unwrap().cursor)).await.unwrap();
    assert!(
        fetched.parsed.events.iter().any(|e| e.event.text == "eins"),
        "asked by time, it gives what it has"
    );
}

/// The dictionary that the server packs version 2 with, as settings.
fn current_dictionary(port: &str) -> String {
    let path = std::env::temp_dir().join(format!("streife-test-dictionary-{}", std::process::id()));
    let address = format!("http://127.0.0.1:{port}/xrpc/network.bsky.jetstream.getZstdDictionary");
    let curl =
        std::process::Command::new("curl").args(["-fsS", "-o"]).arg(&path).arg(address).status().unwrap();
    assert!(curl.success());
    let bytes = std::fs::read(&path).unwrap();
    // RFC 8878, section 5: the magic number, then the dictionary's own.
    let id = u32::from_le_bytes(bytes[4..8].try_into().unwrap());
    format!("zstd_dictionary='{}'\nzstd_dictionary_id='{id}'", path.display())
}
