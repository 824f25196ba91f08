//! Onion names through a real SOCKS5 proxy: `STREIFE_TEST_SOCKS=PORT`, as `tests/suites/connectors.sh` sets it.

use std::sync::Arc;

use streife_domain::SystemClock;
use streife_sdk::{Http, HttpConfig, Request};

#[tokio::test]
#[ignore = "needs a server: run by tests/suites/connectors.sh"]
async fn an_onion_name_goes_to_the_proxy_and_nowhere_else() {
    let port = std::env::var("STREIFE_TEST_SOCKS").unwrap();
    let with = |proxy: Option<String>| {
        let config = HttpConfig { socks_proxy: proxy, ..HttpConfig::default() };
        Http::new(&config, Arc::new(SystemClock)).unwrap()
    };
    let request = Request::get("http://streifetest.onion/");
    let refused = with(None).send(&request).await.unwrap_err();
    assert_eq!(refused.class().as_str(), "refused", "{refused}");
    // The proxy is asked, cannot resolve the name, and says so: a failure of its own, not of our resolver.
    let asked = with(Some(format!("socks5h://127.0.0.1:{port}"))).send(&request).await.unwrap_err();
    assert_eq!(asked.class().as_str(), "transient", "{asked}");
    assert!(asked.to_string().to_lowercase().contains("socks"), "{asked}");
    // And where nothing listens, the name is not asked for elsewhere.
    let none = with(Some("socks5h://127.0.0.1:9".to_owned())).send(&request).await.unwrap_err();
    assert_eq!(none.class().as_str(), "transient", "{none}");
}
