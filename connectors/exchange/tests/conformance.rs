//! The shared conformance test: a MISP feed with its manifest, a TAXII collection with pages.

mod contract;

use streife_sdk::conformance::Contract;

#[tokio::test]
async fn misp() {
    Contract::new(&streife_exchange::KINDS[0], contract::MISP, contract::misp_feed, |_, n| format!("u{n}"))
        .hold()
        .await;
}

#[tokio::test]
async fn taxii() {
    Contract::new(&streife_exchange::KINDS[1], contract::TAXII, contract::collection, |_, n| {
        format!("report--{n}")
    })
    .hold()
    .await;
}
