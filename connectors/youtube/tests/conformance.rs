//! The shared conformance test against a contract server that pages comment threads by `pageToken`.

mod contract;

use streife_sdk::conformance::Contract;

#[tokio::test]
async fn conforms() {
    Contract::new(&streife_youtube::KINDS[0], contract::SETTINGS, contract::threads, |_, n| format!("c{n}"))
        .hold()
        .await;
}
