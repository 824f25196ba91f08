//! The shared conformance test against a contract server that pages by `page_cursor`, with a pinned post on top.

mod contract;

use streife_sdk::conformance::Contract;

#[tokio::test]
async fn conforms() {
    Contract::new(&streife_lemmy::KINDS[0], contract::SETTINGS, contract::list, |_, n| {
        format!("https://l.test/post/{n}")
    })
    .hold()
    .await;
}
