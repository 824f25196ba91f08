//! Against a real INN, restarted on the way: `STREIFE_TEST_NNTP="PORT FOLDER"`, as `tests/suites/connectors.sh` sets it.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;

use streife_domain::EventKind;
use streife_sdk::conformance::{Watched, deps, server};
use streife_sdk::{Connector, SourceConfig};

/// Posts one article to de.test.
fn post(port: &str, id: &str, headers: &str, body: &str) {
    let mut line = BufReader::new(TcpStream::connect(format!("127.0.0.1:{port}")).unwrap());
    let mut answer = String::new();
    line.read_line(&mut answer).unwrap();
    let article = format!(
        "From: amt <amt@example.org>\r\nNewsgroups: de.test\r\nSubject: s\r\nMessage-ID: <{id}@example.org>\r\n{headers}\r\n{}\r\n.",
        body.replace("\n.", "\n..")
    );
    for (said, wanted) in [("MODE READER", "20"), ("POST", "340"), (&article, "240"), ("QUIT", "205")] {
        line.get_mut().write_all(format!("{said}\r\n").as_bytes()).unwrap();
        answer.clear();
        line.read_line(&mut answer).unwrap();
        assert!(answer.starts_with(wanted), "{}: {answer}", said.lines().next().unwrap());
    }
}

fn factory(port: &str, group: &str) -> impl Fn() -> Box<dyn Connector> {
    let text = format!("name='t'\nkind='nntp'\n[settings]\nhost='127.0.0.1'\nport={port}\ngroup='{group}'");
    let config: SourceConfig = toml::from_str(&text).unwrap();
    move || streife_nntp::connect(&config, &deps()).unwrap()
}

#[tokio::test]
#[ignore = "needs a server: run by tests/suites/connectors.sh"]
async fn articles_replacements_and_cancels_over_restarts() {
    let given = std::env::var("STREIFE_TEST_NNTP").unwrap();
    let (port, folder) = given.split_once(' ').unwrap();
    let (group, cancels) = (factory(port, "de.test"), factory(port, "control.cancel"));
    let (mut group, mut cancels) = (Watched::new(&group, None), Watched::new(&cancels, None));

    post(port, "eins", "", "eins");
    post(port, "zwei", "References: <eins@example.org>\r\n", "zwei\r\n.\r\n220 Leute\r\n\r\nFrom hier");
    group.read(2).await;
    assert_eq!(
        group.said(),
        [(EventKind::Post, "s\n\neins"), (EventKind::Post, "zwei\n.\n220 Leute\n\nFrom hier")]
    );
    assert_eq!(group.events[1].reply_to.as_deref(), Some("eins@example.org"));

    post(port, "drei", "Supersedes: <eins@example.org>\r\n", "drei");
    post(port, "widerruf", "Control: cancel <zwei@example.org>\r\n", "weg");
    group.restart();
    group.read(4).await;
    assert_eq!(group.said()[2..], [(EventKind::Delete, ""), (EventKind::Post, "s\n\ndrei")]);
    assert_eq!(group.events[2].native_id, "eins@example.org");
    // INN takes a cancelled article away and files the cancel in a group of its own.
    cancels.read(1).await;
    assert_eq!(
        (cancels.events[0].event, cancels.events[0].native_id.as_str()),
        (EventKind::Delete, "zwei@example.org")
    );

    server("inn", &["stop", folder]);
    group.restart();
    server("inn", &["start", port, folder]);
    post(port, "vier", "", "vier");
    group.read(5).await;
    cancels.read(1).await;
    assert_eq!(group.said()[4], (EventKind::Post, "s\n\nvier"));
}
