//! Against a real server that speaks the interface: `STREIFE_TEST_MASTODON="PORT TOKEN"`, as `tests/suites/connectors.sh`
//! sets it. Three statuses of its own accounts are on it: eins, zwei, drei.

use streife_sdk::SourceConfig;
use streife_sdk::conformance::deps;

#[tokio::test]
#[ignore = "needs a server: run by tests/suites/connectors.sh"]
async fn the_local_timeline_forward_and_closed_to_strangers() {
    let given = std::env::var("STREIFE_TEST_MASTODON").unwrap();
    let (port, token) = given.split_once(' ').unwrap();
    let folder = tempfile::tempdir().unwrap();
    let secret = folder.path().join("token");
    std::fs::write(&secret, token).unwrap();
    let open = format!(
        "name='t'\nkind='mastodon'\n[settings]\nserver='http://localhost:{port}'\nlocal=true\ntoken={{file='{}'}}",
        secret.display()
    );
    let open: SourceConfig = toml::from_str(&open).unwrap();
    let connect = || streife_mastodon::connect(&open, &deps()).unwrap();
    let first = connect().fetch(None).await.unwrap();
    let texts: Vec<_> = first.parsed.events.iter().map(|e| e.event.text.as_str()).collect();
    assert_eq!(texts, ["eins", "zwei", "drei"], "{:?}", first.parsed.problems);
    assert!(first.parsed.events.iter().all(|e| e.event.posted_at.is_some() && e.event.author.is_some()));
    let second = connect().fetch(Some(&first.cursor)).await.unwrap();
    assert!(second.parsed.events.is_empty(), "nothing new, nothing twice");

    let closed = format!("name='t'\nkind='mastodon'\n[settings]\nserver='http://localhost:{port}'");
    let closed: SourceConfig = toml::from_str(&closed).unwrap();
    let error = streife_mastodon::connect(&closed, &deps()).unwrap().fetch(None).await.unwrap_err();
    assert_eq!(error.class().as_str(), "refused", "closed is not empty: {error}");
}
