//! The shared conformance test against a contract server that shows a thread of pages, ten posts each.

mod contract;

use streife_sdk::conformance::Contract;

#[tokio::test]
async fn conforms() {
    Contract::new(&streife_forum::KINDS[0], contract::SETTINGS, contract::thread, |_, n| {
        format!("127.0.0.1/{n}")
    })
    .hold()
    .await;
}
