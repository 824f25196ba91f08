//! The desk over HTTP, in process: every page in both languages, rights, tokens, audit, hostile content.

mod common;

use std::sync::Arc;

use axum::body::Body;
use axum::http::{Request, StatusCode, header};
use common::stand_ins::{HOSTILE, HostileReader, SENTINEL};
use common::{Desk, NOW, desk, open, rule_with_sample};
use streife_cases::ledger::audit_ledger;
use streife_cases::role::Role;
use streife_web::Access;
use streife_web::routes::{ROUTES, Right};
use streife_web::sample::{SampleReader, sample_items};

/// A stream, a redirect, and the ways to an identity provider, which is not configured here.
const APART: [&str; 4] = ["/live", "/", "/login/oidc", "/login/oidc/back"];

/// A desk on which every field of every post is an attack.
async fn hostile_desk() -> Desk {
    open(Arc::new(HostileReader(SampleReader::new(NOW))), Access::default()).await
}

fn concrete(path: &str, id: &str) -> String {
    let book = ["/rules/", "/lists/", "/suppressions/"].iter().any(|base| path.starts_with(base));
    let entry = if path.ends_with("/sample") { "w-probe" } else { "new" };
    let id = if path.starts_with("/bulk/") { "4d" } else { id };
    path.replace("{id}", if book { entry } else { id }).replace("{name}", "desk.css")
}

#[tokio::test]
async fn every_page_renders_in_both_languages_for_who_may_and_for_nobody_else() {
    let desk = desk().await;
    let id = desk.case_with_form().await;
    rule_with_sample(&desk.cases).await;
    for lang in ["de", "en"] {
        for role in Role::ALL {
            let user = role.as_str().replace('_', "-");
            desk.post(&user, "/settings", &[("lang", lang), ("keys", "on")]).await;
            for route in ROUTES.iter().filter(|r| r.method == "GET" && !APART.contains(&r.path)) {
                let answer = desk.get(&user, &concrete(route.path, &id)).await;
                let may = match route.right {
                    Right::Public | Right::LoggedIn => true,
                    Right::Token(_) => continue,
                    Right::Needs(action) => streife_cases::role::may(role, action),
                };
                let expected = if may { StatusCode::OK } else { StatusCode::FORBIDDEN };
                assert_eq!(answer.status, expected, "{} as {user}: {}", route.path, answer.body);
                if may && answer.body.contains("<nav") {
                    assert!(answer.body.contains(&format!("lang=\"{lang}\"")), "{}", route.path);
                    assert!(
                        answer.headers[header::CONTENT_SECURITY_POLICY]
                            .to_str()
                            .unwrap()
                            .starts_with("default-src 'none'")
                    );
                    assert!(!answer.body.contains(" style="), "inline style in {}", route.path);
                }
            }
        }
    }
}

#[tokio::test]
async fn who_is_not_logged_in_sees_the_log_in_page_alone() {
    let desk = desk().await;
    for route in ROUTES.iter().filter(|route| route.right != Right::Public) {
        let request = Request::builder().method(&route.method).uri(concrete(route.path, &"0".repeat(32)));
        let answer = desk.call(request.body(Body::empty()).unwrap()).await;
        let to_login = route.method == "GET" && !matches!(route.right, Right::Token(_));
        let expected = if to_login { StatusCode::SEE_OTHER } else { StatusCode::UNAUTHORIZED };
        assert_eq!(answer.status, expected, "{}", route.path);
    }
}

#[tokio::test]
async fn content_appears_only_on_declared_routes_and_each_read_is_on_record() {
    let desk = hostile_desk().await;
    let id = desk.case_with_form().await;
    rule_with_sample(&desk.cases).await;
    let mut shown = 0;
    for role in Role::ALL {
        let user = role.as_str().replace('_', "-");
        for route in ROUTES.iter().filter(|route| route.method == "GET" && route.path != "/live") {
            let before = desk.audit_len().await;
            let answer = desk.get(&user, &concrete(route.path, &id)).await;
            if answer.body.contains(SENTINEL) {
                shown += 1;
                assert!(route.content, "{} shows content and does not say so", route.path);
                assert!(
                    desk.audit_len().await > before,
                    "{} shows content without an audit entry",
                    route.path
                );
            }
        }
    }
    assert!(shown >= 10, "content was shown only {shown} times: the test is blind");
    let entries = desk.cases.ledger(&audit_ledger(NOW)).await.unwrap();
    assert!(entries.iter().any(|e| e.action == "read.content" && e.reason == format!("case {id}")));
    assert!(
        entries.iter().all(|e| !serde_json::to_string(e).unwrap().contains(SENTINEL)),
        "content in the ledger"
    );
}

#[tokio::test]
async fn hostile_text_in_every_field_stays_inert() {
    let desk = hostile_desk().await;
    let id = desk.case_with_form().await;
    desk.post("case-officer", &format!("/cases/{id}/move"), &[("move", "unmask"), ("text", HOSTILE)]).await;
    desk.post(
        "analyst",
        "/rules/new",
        &[("source", &format!("id: w-x\ntitle: {HOSTILE}\n# BROKEN </textarea>{HOSTILE}"))],
    )
    .await;
    for (user, path) in [
        ("reviewer", "/queue".to_owned()),
        ("reviewer", format!("/items/{id}")),
        ("case-officer", format!("/cases/{id}")),
        ("analyst", "/rules".to_owned()),
        ("analyst", "/rules/w-x".to_owned()),
        ("data-protection", "/audit".to_owned()),
        ("reviewer", format!("/queue?source={}&language=%22%3E%3Cscript%3E", "%3Cscript%3E")),
    ] {
        let answer = desk.get(user, &path).await;
        assert_eq!(answer.status, StatusCode::OK, "{path}: {}", answer.body);
        assert!(!answer.body.contains("<script>"), "{path}");
        assert!(!answer.body.contains("<img src=x"), "{path}");
        assert!(!answer.body.contains("\"'>"), "{path}");
    }
}

#[tokio::test]
async fn a_form_without_the_right_token_changes_nothing() {
    let desk = desk().await;
    let id = sample_items(NOW)[0].post.post_id.to_string();
    for route in ROUTES.iter().filter(|route| route.method == "POST" && route.path != "/login") {
        for role in Role::ALL {
            let user = role.as_str().replace('_', "-");
            let answer = desk.post_with(&user, "c-other", &concrete(route.path, &id), &[]).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{} as {user}", route.path);
        }
    }
    assert!(desk.cases.case(&id).await.unwrap().is_none());
}

#[tokio::test]
async fn nobody_rises_above_their_role() {
    let desk = desk().await;
    let id = desk.case_with_form().await;
    for (user, path, fields) in [
        ("reviewer", format!("/cases/{id}/move"), vec![("move", "approve")]),
        ("reviewer", format!("/cases/{id}/form"), vec![]),
        ("custodian", format!("/cases/{id}/move"), vec![("move", "unmask"), ("text", "aus Neugier")]),
        ("custodian", format!("/cases/{id}/move"), vec![("move", "erase")]),
        ("case-officer", format!("/cases/{id}/move"), vec![("move", "approve")]),
        (
            "analyst",
            "/users".to_owned(),
            vec![("user", "evil"), ("name", "e"), ("password", "ein langes Passwort"), ("role_admin", "on")],
        ),
        ("admin", "/next".to_owned(), vec![]),
    ] {
        let answer = desk.post(user, &path, &fields).await;
        assert_eq!(answer.status, StatusCode::FORBIDDEN, "{user} {path} {fields:?}");
    }
    let both = [
        ("user", "evil"),
        ("name", "e"),
        ("password", "ein langes Passwort"),
        ("role_case_officer", "on"),
        ("role_lead", "on"),
    ];
    assert_eq!(desk.post("admin", "/users", &both).await.status, StatusCode::CONFLICT);
    assert!(desk.cases.user("evil").await.unwrap().is_none());
}

#[tokio::test]
async fn a_flood_of_log_ins_is_slowed_down() {
    let desk = desk().await;
    let page = desk.call(Request::get("/login").body(Body::empty()).unwrap()).await;
    let cookie = page.headers[header::SET_COOKIE].to_str().unwrap();
    assert!(
        cookie.contains("HttpOnly") && cookie.contains("SameSite=Strict") && cookie.contains("Secure"),
        "{cookie}"
    );
    let token = cookie.split(['=', ';']).nth(1).unwrap().to_owned();
    let attempt = async |password: &str, csrf: &str| {
        let body =
            serde_urlencoded::to_string([("csrf", csrf), ("user", "reviewer"), ("password", password)])
                .unwrap();
        let request = Request::post("/login")
            .header(header::COOKIE, format!("streife_login={token}"))
            .header(header::CONTENT_TYPE, "application/x-www-form-urlencoded");
        desk.call(request.body(Body::from(body)).unwrap()).await.status
    };
    assert_eq!(attempt("ein langes Passwort", "wrong").await, StatusCode::FORBIDDEN);
    assert_eq!(attempt("ein langes Passwort", &token).await, StatusCode::SEE_OTHER);
    for _ in 0..5 {
        assert_eq!(attempt("geraten geraten", &token).await, StatusCode::UNAUTHORIZED);
    }
    assert_eq!(attempt("ein langes Passwort", &token).await, StatusCode::TOO_MANY_REQUESTS);
    desk.clock.advance_micros(301 * 1_000_000);
    assert_eq!(attempt("ein langes Passwort", &token).await, StatusCode::SEE_OTHER);
}

#[tokio::test]
async fn a_huge_body_is_refused_and_an_old_session_ends() {
    let desk = desk().await;
    let huge = "x".repeat(300_000);
    assert_eq!(
        desk.post("analyst", "/rules/new", &[("source", &huge)]).await.status,
        StatusCode::PAYLOAD_TOO_LARGE
    );
    desk.clock.advance_micros(3_600 * 1_000_000);
    assert_eq!(desk.get("reviewer", "/queue").await.status, StatusCode::SEE_OTHER);
}
