//! How the platform answers. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]

use streife_sdk::conformance::{Ask, Reply};

pub(crate) const SETTINGS: &str = "urls=['http://{address}/thread']";

pub(crate) fn thread(ask: &Ask) -> Reply {
    let page = ask.number("page").unwrap_or(1);
    let first = (page - 1) * 10 + 1;
    let posts: String = (first..=(first + 9).min(ask.newest))
        .map(|n| {
            format!("<div class='post' id='p{n}'><p class='author'>by <strong>u</strong> » Sun Jul 28, 2013 11:59 am</p><div class='content'>text {n}</div></div>")
        })
        .collect();
    let next = if ask.newest >= first + 10 {
        format!("<a rel='next' href='/thread?page={}'>next</a>", page + 1)
    } else {
        String::new()
    };
    Reply::ok(format!("<html><body>{posts}{next}</body></html>"))
}
