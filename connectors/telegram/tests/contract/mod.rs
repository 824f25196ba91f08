//! How the platform answers. The conformance test speaks with it, and so do the tests of `streife sources test`.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]

use streife_sdk::conformance::{Ask, Reply};

pub(crate) const SETTINGS: &str = "channels=['kanal']\nbase='http://{address}'";

pub(crate) fn message(n: u64, text: &str) -> String {
    format!(
        "<div class='tgme_widget_message' data-post='kanal/{n}'><div class='tgme_widget_message_text'>{text}</div>\
         <a class='tgme_widget_message_date'><time datetime='2026-01-02T03:04:05+00:00'></time></a></div>"
    )
}

pub(crate) fn preview(ask: &Ask) -> Reply {
    let numbers = ask.page(ask.number("before"), 20);
    Reply::ok(numbers.into_iter().rev().map(|n| message(n, &n.to_string())).collect::<String>())
}
