//! The shared conformance test for the platforms behind the legal gate, each against a contract server that speaks its
//! documented interface.
#![expect(clippy::unwrap_used, reason = "a panic is how a test fails")]

mod contract;

use streife_sdk::Kind;
use streife_sdk::conformance::Contract;

fn kind(name: &str) -> &'static Kind {
    streife_licensed::KINDS.iter().find(|k| k.name == name).unwrap()
}

#[tokio::test]
async fn x() {
    Contract::new(kind("x"), contract::SETTINGS, contract::x, |_, n| n.to_string()).hold().await;
}

#[tokio::test]
async fn reddit() {
    Contract::new(kind("reddit"), contract::SETTINGS, contract::reddit, |_, n| format!("t3_{n}"))
        .hold()
        .await;
}

#[tokio::test]
async fn tiktok() {
    Contract::new(kind("tiktok"), contract::SETTINGS, contract::tiktok, |_, n| n.to_string()).hold().await;
}

#[tokio::test]
async fn vk() {
    Contract::new(kind("vk"), contract::SETTINGS, contract::vk, |_, n| format!("-1_{n}"))
        .posts(130, 3)
        .hold()
        .await;
}
