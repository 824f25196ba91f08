//! How the platforms answer. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

use streife_sdk::conformance::{Ask, Reply};

pub(crate) const SETTINGS: &str = "targets=['a']\ntoken={file='{secret}'}\nbase='http://{address}'";

fn list(numbers: &[u64], item: impl Fn(u64) -> String) -> String {
    numbers.iter().map(|n| item(*n)).collect::<Vec<_>>().join(",")
}

fn has_token(ask: &Ask) {
    assert!(ask.head.to_lowercase().contains("authorization: bearer secret"), "{}", ask.head);
}

pub(crate) fn x(ask: &Ask) -> Reply {
    has_token(ask);
    let numbers = ask.page(ask.param("next_token").and_then(|t| t.strip_prefix('n')?.parse().ok()), 10);
    let posts = list(&numbers, |n| {
        format!(
            "{{\"id\":\"{n}\",\"text\":\"t{n}\",\"edit_history_tweet_ids\":[\"{n}\"],\"created_at\":\"2026-01-02T03:04:05Z\"}}"
        )
    });
    let next = numbers.last().filter(|n| **n > 1).map(|n| format!("\"next_token\":\"n{n}\""));
    Reply::ok(format!("{{\"data\":[{posts}],\"meta\":{{{}}}}}", next.unwrap_or_default()))
}

pub(crate) fn reddit(ask: &Ask) -> Reply {
    has_token(ask);
    let numbers = ask.page(ask.param("after").and_then(|t| t.strip_prefix("t3_")?.parse().ok()), 10);
    let posts = list(&numbers, |n| {
        format!(
            "{{\"kind\":\"t3\",\"data\":{{\"name\":\"t3_{n}\",\"title\":\"t{n}\",\"author\":\"u\",\"created_utc\":1700000000}}}}"
        )
    });
    let after = match numbers.last().filter(|n| **n > 1) {
        Some(n) => format!("\"t3_{n}\""),
        None => "null".to_owned(),
    };
    Reply::ok(format!("{{\"kind\":\"Listing\",\"data\":{{\"children\":[{posts}],\"after\":{after}}}}}"))
}

/// A query by POST; the next page repeats it with `cursor` and the `search_id` of the first answer.
pub(crate) fn tiktok(ask: &Ask) -> Reply {
    has_token(ask);
    assert!(ask.head.starts_with("POST /v2/research/video/query/"), "{}", ask.head);
    let asked: serde_json::Value = serde_json::from_str(&ask.body).unwrap();
    assert_eq!(asked["query"]["and"][0]["field_values"][0], "a");
    let cursor = asked["cursor"].as_u64().unwrap_or(0);
    assert!(cursor == 0 || asked["search_id"] == "s1");
    let numbers = ask.page(Some(ask.newest + 1 - cursor.min(ask.newest)), 10);
    let videos = list(&numbers, |n| {
        format!("{{\"id\":{n},\"username\":\"u\",\"video_description\":\"t{n}\",\"create_time\":1700000000}}")
    });
    let has_more = numbers.last().is_some_and(|n| *n > 1);
    Reply::ok(format!(
        "{{\"data\":{{\"videos\":[{videos}],\"cursor\":{},\"has_more\":{has_more},\"search_id\":\"s1\"}},\"error\":{{\"code\":\"ok\"}}}}",
        cursor + 10
    ))
}

pub(crate) fn vk(ask: &Ask) -> Reply {
    has_token(ask);
    let offset = ask.number("offset").unwrap_or(0);
    let numbers = ask.page(Some((ask.newest + 1).saturating_sub(offset)), 100);
    let items = list(&numbers, |n| {
        format!("{{\"id\":{n},\"owner_id\":-1,\"from_id\":-1,\"date\":1700000000,\"text\":\"t{n}\"}}")
    });
    Reply::ok(format!("{{\"response\":{{\"count\":{},\"items\":[{items}]}}}}", ask.newest))
}
