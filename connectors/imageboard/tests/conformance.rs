//! The shared conformance test against a contract server of two threads, which grow in turn.

mod contract;

use streife_sdk::conformance::Contract;

#[tokio::test]
async fn conforms() {
    Contract::new(&streife_imageboard::KINDS[0], contract::SETTINGS, contract::board, |address, n| {
        format!("{address}/b/{n}")
    })
    .hold()
    .await;
}
