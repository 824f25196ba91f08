//! The shared conformance test against a contract server that shows a thread of pages, ten posts each.

use streife_sdk::conformance::{Ask, Contract, Reply};

fn thread(ask: &Ask) -> Reply {
    let page = ask.number("page").unwrap_or(1);
    let first = (page - 1) * 10 + 1;
    let posts: String = (first..=(first + 9).min(ask.newest))
        .map(|n| {
            format!("<div class='post' id='p{n}'><p class='author'>by <strong>u</strong> » Sun Jul 28, 2013 11:59 am</p><div class='content'>text {n}</div></div>")
        })
        .collect();
    let next = if ask.newest >= first + 10 {
        format!("<a rel='next' href='/thread?page={}'>next</a>", page + 1)
    } else {
        String::new()
    };
    Reply::ok(format!("<html><body>{posts}{next}</body></html>"))
}

#[tokio::test]
async fn conforms() {
    Contract::new(&streife_forum::KINDS[0], "urls=['http://{address}/thread']", thread, |_, n| {
        format!("127.0.0.1/{n}")
    })
    .hold()
    .await;
}
