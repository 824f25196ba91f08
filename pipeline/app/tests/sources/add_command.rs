//! `streife sources add`: by flags, by questions; what it writes is what `check` and `test` accept.

use std::path::Path;

use streife_sdk::conformance::{secret_file, settings_for};
use toml::{Table, Value};

use crate::contracts::{FILES, LICENSED, LIVE};
use crate::{Place, Said};

const FINE: i32 = 0;
const USAGE: i32 = 2;
const CONFIGURATION: i32 = 3;
/// The file holds more than sources, and stays as it is.
const OWN: &str = "# ours\n[collect]\nallow_private = true\n";
const LEGAL: [&str; 6] =
    ["--purpose", "prosecution", "--legal-basis", "order 12", "--review-by", "2999-01-01"];
const GATE: [&str; 4] = ["--agreement", "contract 7", "--valid-until", "2999-01-01"];

/// `add` with flags.
async fn add(place: &Place, kind: &str, name: &str, more: &[&str]) -> Said {
    let mut arguments = vec!["sources", "add", kind, name, "--config", "streife.toml"];
    arguments.extend(more);
    place.run(&arguments, &[], "").await
}

/// The settings of a case as `--set` takes them.
fn flags(settings: &str) -> Vec<String> {
    let settings: Table = toml::from_str(settings).unwrap();
    let shown = |value: &Value| match value {
        Value::Table(place) => format!("file:{}", place["file"].as_str().unwrap()),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    settings.iter().flat_map(|(key, value)| ["--set".to_owned(), format!("{key}={}", shown(value))]).collect()
}

fn written(place: &Place) -> String {
    std::fs::read_to_string(place.config()).unwrap()
}

async fn checked(place: &Place) {
    let said = place.run(&["sources", "check", "--config", "streife.toml"], &[], "").await;
    assert_eq!(said.code, FINE, "{:?} {}\n{}", said.lines, said.errors, written(place));
}

#[tokio::test]
async fn every_kind_is_added_by_flags_and_accepted_by_check_and_test() {
    for case in LIVE {
        let place = Place::new(OWN);
        let settings = settings_for(case.settings, case.open().await);
        let flags = flags(&settings);
        let mut more: Vec<&str> = flags.iter().map(String::as_str).collect();
        more.extend(LEGAL);
        if LICENSED.contains(&case.kind) {
            more.extend(GATE);
        }
        let said = add(&place, case.kind, "s", &more).await;
        assert_eq!(said.code, FINE, "{}: {}", case.kind, said.errors);
        assert!(written(&place).starts_with(OWN), "{}", written(&place));
        checked(&place).await;
        let said = place.test("s").await;
        assert_eq!(said.code, FINE, "{}: {}\n{}", case.kind, said.errors, written(&place));
    }
}

#[tokio::test]
async fn files_are_added_without_a_legal_label_of_their_own() {
    for (kind, name, content) in FILES {
        let place = Place::new(OWN);
        std::fs::write(place.path(name), content).unwrap();
        let path = format!("path={}", place.path(name).display());
        let said = add(&place, kind, "s", &["--set", &path]).await;
        assert_eq!(said.code, FINE, "{kind}: {}", said.errors);
        checked(&place).await;
        assert_eq!(place.test("s").await.code, FINE, "{kind}");
    }
}

#[tokio::test]
async fn a_name_that_is_taken_is_not_overwritten() {
    let place = Place::new(OWN);
    let mut more = vec!["--set", "urls=https://a.test/feed"];
    more.extend(LEGAL);
    assert_eq!(add(&place, "feed", "s", &more).await.code, FINE);
    let before = written(&place);
    more[1] = "urls=https://b.test/feed";
    let said = add(&place, "feed", "s", &more).await;
    assert!(said.code == USAGE && said.errors.contains("the name is taken"), "{}", said.errors);
    assert_eq!(written(&place), before);
}

#[tokio::test]
async fn what_flags_say_wrongly_is_refused_with_what_to_do_and_nothing_is_written() {
    let wrong: [(&[&str], &str); 9] = [
        (&["--purpose", "curiosity"], "one of danger_prevention"),
        (&["--purpose", "demonstration"], "one of danger_prevention"),
        (&["--legal-basis", " "], "must not be empty"),
        (&["--review-by", "soon"], "YYYY-MM-DD"),
        (&["--review-by", "2020-01-01"], "from today on"),
        (&["--set", "urls=ftp://x.test/"], "no web address"),
        (&["--set", "nothing"], "key=value"),
        (&["--set", "urls=https://a:hunter2@x.test/"], "without credentials"),
        (&["--set", "url=https://x.test/"], "url"),
    ];
    for (flags, told) in wrong {
        let place = Place::new(OWN);
        let mut more = vec!["--set", "urls=https://x.test/feed"];
        // Each flag is given once.
        for pair in LEGAL.chunks(2).filter(|pair| pair[0] != flags[0]) {
            more.extend(pair);
        }
        if flags[0] == "--set" {
            more.drain(..2);
        }
        more.extend(flags);
        let said = add(&place, "feed", "s", &more).await;
        assert!([USAGE, CONFIGURATION].contains(&said.code), "{flags:?}: {}", said.errors);
        assert!(said.errors.contains(told) && !said.errors.contains("hunter2"), "{flags:?}: {}", said.errors);
        assert_eq!(written(&place), OWN);
    }
    for (name, told) in [("a b", "letters"), ("", "letters"), ("../x", "letters")] {
        let place = Place::new(OWN);
        let said = add(&place, "feed", name, &LEGAL).await;
        assert!(said.code == USAGE && said.errors.contains(told), "{name:?}: {}", said.errors);
    }
    let said = add(&Place::new(OWN), "teletext", "s", &LEGAL).await;
    assert!(said.code == USAGE && said.errors.contains("known are"), "{}", said.errors);
    let place = Place::new(OWN);
    let said = place.run(&["sources", "add", "feed", "s", "--config", "streife.toml"], &[], "").await;
    assert!(said.code == USAGE && said.errors.contains("missing"), "{}", said.errors);
}

#[tokio::test]
async fn a_secret_never_gets_into_the_file_or_onto_the_screen() {
    let place = Place::new(OWN);
    for flag in ["token=hunter2", "token=\"hunter2\"", "token={ value = \"hunter2\" }"] {
        let mut more = vec!["--set", "server=https://x.test", "--set", flag];
        more.extend(LEGAL);
        let said = add(&place, "mastodon", "s", &more).await;
        assert!(said.code == USAGE && said.errors.contains("env:NAME"), "{}", said.errors);
        assert!(!format!("{:?}{}", said.lines, said.errors).contains("hunter2"));
        assert_eq!(written(&place), OWN);
    }
    // The dialogue asks for it again.
    let answers = "y\nprosecution\norder\n2999-01-01\n[]\nUCabc\nhunter2\nenv:STREIFE_TEST_KEY\n";
    let arguments = ["sources", "add", "youtube", "--ask", "--config", "streife.toml"];
    // Settings are asked in the order of the alphabet: channels, key, videos.
    let answers = answers
        .replace("[]\nUCabc\nhunter2\nenv:STREIFE_TEST_KEY\n", "UCabc\nhunter2\nenv:STREIFE_TEST_KEY\n\n");
    let said = place.run(&arguments, &[("STREIFE_TEST_KEY", "hunter3")], &answers).await;
    assert_eq!(said.code, FINE, "{}", said.errors);
    assert!(said.errors.contains("env:NAME"), "{}", said.errors);
    let file = written(&place);
    assert!(file.contains("STREIFE_TEST_KEY") && !file.contains("hunter"), "{file}");
    assert!(!format!("{:?}{}", said.lines, said.errors).contains("hunter3"));
}

#[tokio::test]
async fn the_dialogue_asks_again_until_an_answer_can_stand() {
    let place = Place::new(&format!(
        "{OWN}[[source]]\nname = 'taken'\nkind = 'archive'\nsettings = {{ path = 'x' }}\n"
    ));
    let answers = [
        "taken",
        "a b",
        "news", // the name
        "curiosity",
        "",
        "prosecution", // the purpose
        "",
        "order 12/2026", // the basis
        "tomorrow",
        "2020-01-01",
        "2999-02-30",
        "2999-01-01", // the review
        "",
        "https://a:b@x.test/",
        "https://a.test/feed, https://b.test/feed", // the addresses
    ];
    let arguments = ["sources", "add", "feed", "--ask", "--config", "streife.toml"];
    let said = place.run(&arguments, &[], &format!("{}\n", answers.join("\n"))).await;
    assert_eq!(said.code, FINE, "{}", said.errors);
    for told in [
        "the name is taken",
        "letters",
        "one of",
        "must not be empty",
        "from today on",
        "only an example",
        "without credentials",
    ] {
        assert!(said.errors.contains(told), "{told}: {}", said.errors);
    }
    let file: Table = toml::from_str(&written(&place)).unwrap();
    let added = &file["source"].as_array().unwrap()[1];
    assert_eq!(
        (added["name"].as_str(), added["legal"]["legal_basis"].as_str()),
        (Some("news"), Some("order 12/2026"))
    );
    let urls = added["settings"]["urls"].as_array().unwrap();
    assert_eq!(urls, &["https://a.test/feed".into(), Value::from("https://b.test/feed")]);
}

/// An input that ends is no consent.
#[tokio::test]
async fn a_dialogue_that_is_broken_off_writes_nothing() {
    for answers in ["", "news\n", "news\nprosecution\norder\n2999-01-01\n"] {
        let place = Place::new(OWN);
        let arguments = ["sources", "add", "feed", "--ask", "--config", "streife.toml"];
        let said = place.run(&arguments, &[], answers).await;
        assert!(said.code == USAGE && said.errors.contains("ended before"), "{}", said.errors);
        assert_eq!(written(&place), OWN);
    }
    let place = Place::new(OWN);
    let arguments = ["sources", "add", "feed", "--ask", "--config", "streife.toml"];
    let said = place.run(&arguments, &[], &"a b\n".repeat(50)).await;
    assert!(said.code == USAGE && said.errors.contains("too often"), "{}", said.errors);
}

#[tokio::test]
async fn a_file_that_is_not_there_yet_is_made() {
    let place = Place::new("");
    std::fs::remove_file(place.config()).unwrap();
    let mut more = vec!["--set", "urls=https://a.test/feed"];
    more.extend(LEGAL);
    assert_eq!(add(&place, "feed", "s", &more).await.code, FINE);
    checked(&place).await;
}

/// The templates as shipped, taken together: all that is missing is what only the operator has.
#[tokio::test]
async fn every_template_passes_check_once_it_has_its_secrets() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/sources");
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "toml") {
            continue;
        }
        let text = std::fs::read_to_string(&path).unwrap();
        let text = text.replace("enabled = false", "enabled = true");
        let text = text.replace("/etc/streife/youtube.key", &secret_file().display().to_string());
        let place = Place::new(&text);
        let names: Vec<&str> =
            text.split("env = \"").skip(1).filter_map(|rest| rest.split('"').next()).collect();
        let environment: Vec<(&str, &str)> = names.into_iter().map(|name| (name, "secret")).collect();
        let said = place.run(&["sources", "check", "--config", "streife.toml"], &environment, "").await;
        assert_eq!(said.code, FINE, "{}: {:?} {}", path.display(), said.lines, said.errors);
        let said = place.run(&["check-config", "--config", "streife.toml"], &environment, "").await;
        assert_eq!(said.code, FINE, "{}: {}", path.display(), said.errors);
        count += 1;
    }
    assert!(count > 20, "{count}");
}
