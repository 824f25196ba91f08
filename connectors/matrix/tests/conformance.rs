//! The shared conformance test against a contract server that answers `/messages` both ways; `end` is left out where
//! nothing follows, as the specification has it.

mod contract;

use streife_sdk::conformance::Contract;

#[tokio::test]
async fn conforms() {
    Contract::new(&streife_matrix::KINDS[0], contract::SETTINGS, contract::messages, |_, n| format!("${n}"))
        .hold()
        .await;
}
