//! The shared conformance test against a contract server that answers `/posts.json?before=`.

mod contract;

use streife_sdk::conformance::Contract;

#[tokio::test]
async fn conforms() {
    Contract::new(&streife_discourse::KINDS[0], contract::SETTINGS, contract::posts, |address, n| {
        format!("{address}/{n}")
    })
    .hold()
    .await;
}
