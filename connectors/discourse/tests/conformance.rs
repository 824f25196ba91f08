//! The shared conformance test against a contract server that answers `/posts.json?before=`.

use streife_sdk::conformance::{Ask, Contract, Reply};

fn posts(ask: &Ask) -> Reply {
    let posts: Vec<String> = ask
        .page(ask.number("before"), 10)
        .into_iter()
        .map(|n| {
            format!("{{\"id\":{n},\"username\":\"u\",\"created_at\":\"2026-01-02T03:04:05Z\",\"cooked\":\"<p>{n}</p>\",\"post_number\":{n},\"topic_id\":1}}")
        })
        .collect();
    Reply::ok(format!("{{\"latest_posts\":[{}]}}", posts.join(",")))
}

#[tokio::test]
async fn conforms() {
    Contract::new(&streife_discourse::KINDS[0], "server='http://{address}'", posts, |address, n| {
        format!("{address}/{n}")
    })
    .hold()
    .await;
}
