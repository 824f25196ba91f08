//! Against a real homeserver: `STREIFE_TEST_MATRIX="PORT ROOM TOKEN"`, as `tests/suites/connectors.sh` sets it.

use streife_domain::EventKind;
use streife_sdk::SourceConfig;
use streife_sdk::conformance::deps;

#[tokio::test]
#[ignore = "needs a server: run by tests/suites/connectors.sh"]
async fn a_world_readable_room_by_a_guest() {
    let given = std::env::var("STREIFE_TEST_MATRIX").unwrap();
    let [port, room, token] = given.split_whitespace().collect::<Vec<_>>()[..] else {
        unreachable!("{given}")
    };
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("token");
    std::fs::write(&secret, token).unwrap();
    let text = format!(
        "name='t'\nkind='matrix'\n[settings]\nserver='http://127.0.0.1:{port}'\nroom='{room}'\ntoken={{file='{}'}}",
        secret.display()
    );
    let config: SourceConfig = toml::from_str(&text).unwrap();
    let connect = || streife_matrix::connect(&config, &deps()).unwrap();
    let first = connect().fetch(None).await.unwrap();
    let seen: Vec<_> = first.parsed.events.iter().map(|e| (e.event.event, e.event.text.as_str())).collect();
    assert_eq!(
        seen,
        [
            (EventKind::Post, "eins"),
            (EventKind::Delete, ""),
            (EventKind::Post, "drei"),
            (EventKind::Edit, "vier"),
            (EventKind::Delete, ""),
        ]
    );
    let second = connect().fetch(Some(&first.cursor)).await.unwrap();
    assert!(second.parsed.events.is_empty(), "nothing new, nothing twice: {:?}", second.parsed.events);
}
