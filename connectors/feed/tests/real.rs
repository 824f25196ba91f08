//! Against a real WordPress: articles and comments by feed, pages by sitemap, edits, deletions, a restart.
//! `STREIFE_TEST_WORDPRESS="PORT FOLDER"`, as `tests/suites/connectors.sh` sets it.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use streife_domain::EventKind;
use streife_sdk::conformance::{Watched, deps, server};
use streife_sdk::{Connector, SourceConfig};

fn factory(kind: usize, settings: String) -> impl Fn() -> Box<dyn Connector> {
    move || {
        let kind = &streife_feed::KINDS[kind];
        let text = format!("name='t'\nkind='{}'\n[settings]\n{settings}", kind.name);
        let config: SourceConfig = toml::from_str(&text).unwrap();
        (kind.connect)(&config, &deps()).unwrap()
    }
}

/// What was said that holds one of these words: an installation comes with a page and a comment of its own.
fn ours(source: &Watched<'_>) -> Vec<(EventKind, String)> {
    let words = ["eins", "zwei", "drei", "vier"];
    let said = source.said().into_iter();
    said.filter_map(|(kind, text)| {
        let found: Vec<&str> = words.into_iter().filter(|w| text.contains(w)).collect();
        (!found.is_empty()).then(|| (kind, found.join(" ")))
    })
    .collect()
}

/// Reads until nothing new comes.
async fn read(source: &mut Watched<'_>) {
    loop {
        let before = source.events.len();
        source.visit().await;
        if source.events.len() == before {
            return;
        }
    }
}

#[tokio::test]
#[ignore = "needs a server: run by tests/suites/connectors.sh"]
async fn articles_comments_and_pages_over_edits_deletions_and_a_restart() {
    let given = std::env::var("STREIFE_TEST_WORDPRESS").unwrap();
    let (port, folder) = given.split_once(' ').unwrap();
    let act = |act: &str, more: &[&str]| server("wordpress", &[&[act, folder], more].concat());
    let base = format!("http://127.0.0.1:{port}");
    let long = |word: &str| {
        format!("Der Bericht {word} hat einen Satz, der lang genug ist, um als Text zu gelten. ").repeat(4)
    };
    let first = act("post", &["amt", "Titel A", &long("eins")]);
    let second = act("post", &["amt", "Titel B", &long("zwei")]);
    act("comment", &[&first, "leser", "Meinung drei"]);
    let ways = [
        ("RSS", factory(0, format!("urls=['{base}/?feed=rss2', '{base}/?feed=comments-rss2']"))),
        ("Atom", factory(0, format!("urls=['{base}/?feed=atom', '{base}/?feed=comments-atom']"))),
        ("page", factory(1, format!("urls=['{base}/?p={first}']"))),
        ("site", factory(1, format!("sitemaps=['{base}/?sitemap=index']"))),
    ];
    let mut sources: Vec<(&str, Watched<'_>)> =
        ways.iter().map(|(way, f)| (*way, Watched::new(f, None))).collect();
    for (way, source) in &mut sources {
        read(source).await;
        let mut said = ours(source);
        said.sort_by(|a, b| a.1.cmp(&b.1));
        let words: Vec<&str> = said.iter().map(|(_, word)| word.as_str()).collect();
        match *way {
            // On a short page the comment counts as text.
            "page" => assert_eq!(words, ["eins drei"], "{way}"),
            // The front page and the author's page show beginnings of the articles too.
            "site" => assert!(words.contains(&"eins drei") && words.contains(&"zwei"), "{way}: {words:?}"),
            _ => assert_eq!(words, ["drei", "eins", "zwei"], "{way}"),
        }
        assert!(said.iter().all(|(kind, _)| *kind == EventKind::Post), "{way}: {said:?}");
    }
    let before: Vec<usize> = sources.iter().map(|(_, source)| source.events.len()).collect();

    // Time stamps of a site have seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    act("edit", &[&first, &long("vier")]);
    act("delete", &[&second]);
    server("wordpress", &["stop", folder]);
    server("wordpress", &["again", port, folder]);
    for ((way, source), before) in sources.iter_mut().zip(before) {
        source.restart();
        read(source).await;
        let news: Vec<(EventKind, bool)> =
            source.said()[before..].iter().map(|(kind, text)| (*kind, text.contains("vier"))).collect();
        // What leaves a feed or a sitemap is not taken for deleted. This WordPress gives no dates in its sitemaps: what
        // is only named there is read once.
        let wanted: &[(EventKind, bool)] = if *way == "site" { &[] } else { &[(EventKind::Edit, true)] };
        assert_eq!(news, wanted, "{way}");
    }
}
