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
async fn a_refused_step_is_told_in_the_persons_language() {
    let desk = desk().await;
    let id = sample_items(NOW)[2].post.post_id.to_string();
    desk.post("reviewer", &format!("/items/{id}/claim"), &[]).await;
    let step = [("move", "open_form")];
    let early = desk.post("case-officer", &format!("/cases/{id}/move"), &step).await;
    assert_eq!(early.status, StatusCode::CONFLICT);
    for words in ["„Rechtliche Prüfung beginnen“", "„In Arbeit“", "neu laden"] {
        assert!(early.body.contains(words), "{words} in {}", early.body);
    }
    assert!(!early.body.contains("reload"), "{}", early.body);

    let english = [("lang", "en"), ("theme", "auto"), ("break_after", "40")];
    let kept = desk.post("case-officer", "/settings", &english).await;
    assert_eq!(kept.status, StatusCode::SEE_OTHER, "{}", kept.body);
    let early = desk.post("case-officer", &format!("/cases/{id}/move"), &step).await;
    assert_eq!(early.status, StatusCode::CONFLICT);
    assert!(
        early.body.contains("<html lang=\"en\"") && early.body.contains("“Open legal form”"),
        "{}",
        early.body
    );
    assert!(!early.body.contains("bitte"), "{}", early.body);

    // An address that nobody has, and one that is only reached by a button.
    for (path, status) in [("/nowhere", StatusCode::NOT_FOUND), ("/logout", StatusCode::METHOD_NOT_ALLOWED)] {
        let lost = desk.get("case-officer", path).await;
        assert_eq!(lost.status, status, "{path}");
        assert!(lost.body.contains("<html lang=\"en\""), "{path}: {}", lost.body);
        let lost = desk.get("reviewer", path).await;
        assert!(lost.body.contains("<html lang=\"de\""), "{path}: {}", lost.body);
        assert!(lost.headers.contains_key("content-security-policy"), "{path}");
    }
}
