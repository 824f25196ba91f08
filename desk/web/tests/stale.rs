//! Pages that are a moment old: somebody else, or the machine, was faster.

mod common;

use axum::http::{StatusCode, header};
use common::{NOW, desk};
use streife_cases::workflow::{Actor, Move};
use streife_web::sample::sample_items;

#[tokio::test]
async fn a_click_on_seal_that_comes_too_late_shows_the_case() {
    let desk = desk().await;
    let id = sample_items(NOW)[2].post.post_id.to_string();
    desk.post("reviewer", &format!("/items/{id}/claim"), &[]).await;
    desk.post("reviewer", &format!("/items/{id}/decide"), &[("decision", "norm:StGB-188")]).await;
    let waiting = desk.get("case-officer", &format!("/cases/{id}")).await.body;
    assert!(
        waiting.contains(r#"id="case-next" data-live="cases" data-waits"#),
        "it shows by itself that it was sealed"
    );

    desk.cases.apply(&id, Actor::system(), Move::StartCapture, NOW).await.unwrap();
    let late = desk.post("case-officer", &format!("/cases/{id}/seal"), &[]).await;
    assert_eq!(late.status, StatusCode::SEE_OTHER, "{}", late.body);
    assert_eq!(late.headers[header::LOCATION], format!("/cases/{id}"));
}

#[tokio::test]
async fn a_refused_step_is_told_in_both_languages() {
    let desk = desk().await;
    let id = sample_items(NOW)[2].post.post_id.to_string();
    desk.post("reviewer", &format!("/items/{id}/claim"), &[]).await;
    let early = desk.post("case-officer", &format!("/cases/{id}/move"), &[("move", "open_form")]).await;
    assert_eq!(early.status, StatusCode::CONFLICT);
    for words in ["„Rechtliche Prüfung beginnen“", "„In Arbeit“", "“Open legal form”", "reload the page"]
    {
        assert!(early.body.contains(words), "{words} in {}", early.body);
    }
}
