//! Charts are an addition: with the library they are there, without it the lines that the server draws.

mod common;

use std::sync::Arc;

use axum::http::StatusCode;
use common::{NOW, desk, open};
use streife_web::sample::SampleReader;
use streife_web::{Access, Charts};

#[tokio::test]
async fn without_the_library_the_lines_of_the_server_stay() {
    let desk = desk().await;
    let page = desk.get("analyst", "/trends").await.body;
    assert!(page.contains("<svg class=\"line\"") && !page.contains("uplot"), "{page}");
    assert!(!page.contains("Grafana"));
    assert_eq!(desk.get("analyst", "/assets/uplot.js").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn with_the_library_the_page_brings_it_from_here_with_its_series_as_data() {
    let charts = Charts { script: (*b"var uPlot;").into(), style: (*b".uplot{}").into() };
    let access = Access {
        charts: Some(charts),
        grafana: Some("https://grafana.example".to_owned()),
        ..Access::default()
    };
    let desk = open(Arc::new(SampleReader::new(NOW)), access).await;
    let page = desk.get("analyst", "/trends").await.body;
    assert!(page.contains("<svg class=\"line\""), "the line stays for those without script");
    assert!(page.contains("src=\"/assets/uplot.js\" nonce=") && page.contains("data-chart=\"{"), "{page}");
    assert_eq!(desk.get("analyst", "/assets/uplot.js").await.body, "var uPlot;");
    assert_eq!(desk.get("analyst", "/assets/charts.js").await.status, StatusCode::OK);
    assert!(page.contains("https://grafana.example/d/streife-rules"));
    assert!(desk.get("analyst", "/system").await.body.contains("https://grafana.example/d/streife-flow"));
}
