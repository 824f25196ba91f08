//! Break-glass over HTTP: reading outside one's role, with a reason, for half an hour, seen at once, reviewed afterwards.

mod common;

use axum::http::{StatusCode, header};
use common::{Desk, NOW, desk};
use streife_cases::glass::{GLASS_REVIEW_SECS, GLASS_SECS, MAX_UNREVIEWED};
use streife_cases::ledger::audit_ledger;
use streife_web::sample::sample_items;

const REASON: &str = "Anruf der Leitstelle, niemand mit der Rolle ist erreichbar";

fn post(n: usize) -> String {
    sample_items(NOW)[n].post.post_id.to_string()
}

async fn open(desk: &Desk, user: &str, subject: &str, reason: &str) -> StatusCode {
    desk.post(user, "/glass", &[("subject", subject), ("reason", reason)]).await.status
}

#[tokio::test]
async fn an_emergency_access_opens_one_post_to_one_person_for_reading() {
    let desk = desk().await;
    let (id, other) = (post(0), post(1));
    let page = format!("/items/{id}");
    let refused = desk.get("analyst", &page).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
    assert!(refused.body.contains(&format!("/glass?subject={id}")), "the way to ask is shown");
    for user in ["admin", "data-protection", "auditor"] {
        let refused = desk.get(user, &page).await;
        assert_eq!(refused.status, StatusCode::FORBIDDEN);
        assert!(!refused.body.contains("/glass"), "{user} has no such way");
        assert_eq!(open(&desk, user, &id, REASON).await, StatusCode::FORBIDDEN);
    }
    assert_eq!(open(&desk, "analyst", &id, "eilt").await, StatusCode::CONFLICT, "a reason that says nothing");
    assert_eq!(open(&desk, "analyst", "../etc", REASON).await, StatusCode::BAD_REQUEST);
    assert_eq!(desk.get("analyst", &page).await.status, StatusCode::FORBIDDEN, "nothing was opened");

    assert_eq!(open(&desk, "analyst", &id, REASON).await, StatusCode::SEE_OTHER);
    let shown = desk.get("analyst", &page).await;
    assert_eq!(shown.status, StatusCode::OK);
    assert!(shown.body.contains(REASON) && shown.body.contains("id=\"post-text\""), "{}", shown.body);
    assert_eq!(desk.get("analyst", &format!("{page}/beside")).await.status, StatusCode::OK);
    let entry = desk.cases.ledger(&audit_ledger(NOW)).await.unwrap().pop().unwrap();
    assert_eq!((entry.action.as_str(), entry.actor.as_str()), ("read.content", "analyst"));
    assert!(entry.reason.starts_with("glass "), "{entry:?}");

    for refused in ["/queue".to_owned(), format!("/items/{other}"), format!("/bulk/{id}")] {
        assert_eq!(desk.get("analyst", &refused).await.status, StatusCode::FORBIDDEN, "{refused}");
    }
    for action in ["claim", "decide", "take-over", "translation"] {
        let path = format!("{page}/{action}");
        assert_eq!(desk.post("analyst", &path, &[]).await.status, StatusCode::FORBIDDEN, "{action}");
    }
    assert_eq!(desk.get("custodian", &page).await.status, StatusCode::FORBIDDEN, "nobody else");
    desk.clock.advance_micros(GLASS_SECS * 1_000_000);
    desk.cases.open_session("analyst", "t-analyst-2", "c", NOW.plus_secs(GLASS_SECS)).await.unwrap();
    let request = axum::http::Request::get(&page).header(header::COOKIE, "streife_session=t-analyst-2");
    let late = desk.call(request.body(axum::body::Body::empty()).unwrap()).await;
    assert_eq!(late.status, StatusCode::FORBIDDEN, "it ended by itself");
}

#[tokio::test]
async fn a_case_behind_glass_shows_no_forms_and_no_author() {
    let desk = desk().await;
    let id = post(0);
    for (user, path, fields) in [
        ("reviewer", format!("/items/{id}/claim"), vec![]),
        ("reviewer", format!("/items/{id}/decide"), vec![("decision", "norm:StGB-241")]),
    ] {
        assert_eq!(desk.post(user, &path, &fields).await.status, StatusCode::SEE_OTHER, "{path}");
    }
    let case = format!("/cases/{id}");
    assert_eq!(desk.get("other", &case).await.status, StatusCode::FORBIDDEN);
    assert_eq!(open(&desk, "other", &id, REASON).await, StatusCode::SEE_OTHER);
    let page = desk.get("other", &case).await;
    assert_eq!(page.status, StatusCode::OK);
    assert!(!page.body.contains(&format!("{case}/move")) && !page.body.contains(&format!("{case}/seal")));
    let refused =
        desk.post("other", &format!("{case}/move"), &[("move", "no_offence"), ("text", REASON)]).await;
    assert_eq!(refused.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn lead_and_data_protection_see_it_at_once_and_another_person_reviews_it() {
    let desk = desk().await;
    desk.cases.set_alert_targets(&["dauerdienst".to_owned()]).await.unwrap();
    let banner = "warten auf Ihre Prüfung";
    for user in ["lead", "data-protection"] {
        assert!(!desk.get(user, "/settings").await.body.contains(banner));
    }
    assert_eq!(open(&desk, "analyst", &post(0), REASON).await, StatusCode::SEE_OTHER);
    for user in ["lead", "data-protection"] {
        assert!(desk.get(user, "/settings").await.body.contains(banner), "{user}");
        assert!(desk.get(user, "/glass/review").await.body.contains(REASON), "{user}");
    }
    assert!(!desk.get("reviewer", "/settings").await.body.contains(banner));
    let alarm = desk.cases.messages(10).await.unwrap().pop().unwrap();
    assert_eq!(alarm.kind, "break_glass");
    assert!(!alarm.body.contains(&post(0)) && !alarm.body.contains("Leitstelle"), "{}", alarm.body);

    let opening = desk.cases.openings().await.unwrap().pop().unwrap();
    let path = format!("/glass/{}/review", opening.id);
    let found = [("finding", "justified"), ("note", "Rücksprache mit der Leitstelle, war nötig")];
    for user in ["analyst", "reviewer", "admin", "auditor"] {
        assert_eq!(desk.post(user, &path, &found).await.status, StatusCode::FORBIDDEN, "{user}");
    }
    let bare = [("finding", "justified"), ("note", "ok")];
    assert_eq!(desk.post("lead", &path, &bare).await.status, StatusCode::CONFLICT);
    assert_eq!(desk.post("lead", &path, &found).await.status, StatusCode::SEE_OTHER);
    assert_eq!(desk.post("lead", &path, &found).await.status, StatusCode::CONFLICT, "once");
    assert!(!desk.get("data-protection", "/settings").await.body.contains(banner));
    assert_eq!(
        desk.get("analyst", &format!("/items/{}", post(0))).await.status,
        StatusCode::FORBIDDEN,
        "a review ends it"
    );
    let actions: Vec<String> =
        desk.cases.ledger(&audit_ledger(NOW)).await.unwrap().into_iter().map(|entry| entry.action).collect();
    assert!(
        ["glass.open", "glass.review"].iter().all(|action| actions.iter().any(|a| a == action)),
        "{actions:?}"
    );
}

#[tokio::test]
async fn nobody_reviews_their_own_access_and_openings_without_review_end_the_way() {
    let desk = desk().await;
    assert_eq!(open(&desk, "lead", &post(0), REASON).await, StatusCode::SEE_OTHER);
    let own = desk.cases.openings().await.unwrap().pop().unwrap();
    let found = [("finding", "justified"), ("note", "Rücksprache mit der Leitstelle, war nötig")];
    let path = format!("/glass/{}/review", own.id);
    assert_eq!(desk.post("lead", &path, &found).await.status, StatusCode::CONFLICT);
    assert_eq!(desk.post("data-protection", &path, &found).await.status, StatusCode::SEE_OTHER);

    for n in 0..MAX_UNREVIEWED {
        assert_eq!(open(&desk, "analyst", &post(n), REASON).await, StatusCode::SEE_OTHER);
    }
    assert_eq!(open(&desk, "analyst", &post(5), REASON).await, StatusCode::CONFLICT);
    let opening = desk.cases.openings().await.unwrap().remove(0);
    assert_eq!(
        desk.post("other", &format!("/glass/{}/close", opening.id), &[]).await.status,
        StatusCode::NOT_FOUND
    );
    assert_eq!(
        desk.post("analyst", &format!("/glass/{}/close", opening.id), &[]).await.status,
        StatusCode::SEE_OTHER
    );
    assert_eq!(
        desk.get("analyst", &format!("/items/{}", opening.subject)).await.status,
        StatusCode::FORBIDDEN
    );
    assert!(opening.is_overdue(NOW.plus_secs(GLASS_REVIEW_SECS + 1)) && !opening.is_overdue(NOW));
}
