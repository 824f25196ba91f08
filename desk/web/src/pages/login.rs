//! Logging in and out.

use askama::Template;
use axum::extract::{Extension, Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use streife_cases::password;
use streife_cases::role::Action;

use super::{Fields, html, said};
use crate::fault::Fault;
use crate::guard::{Viewer, login_cookie, session_cookie, session_token};
use crate::state::{Counters, DemoAccount, DeskState, random_token};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    v: Viewer,
    error: &'a str,
    demo: &'a [DemoAccount],
}

pub(crate) async fn form(
    State(desk): State<DeskState>,
    Extension(viewer): Extension<Viewer>,
) -> Result<Response, Fault> {
    page(&desk, viewer, "")
}

fn page(desk: &DeskState, mut v: Viewer, error: &str) -> Result<Response, Fault> {
    v.csrf = random_token();
    let cookie = login_cookie(&v.csrf, desk.secure_cookies);
    let page = LoginPage { v, error, demo: &desk.demo };
    Ok(([(header::SET_COOKIE, cookie)], html(&page)?).into_response())
}

pub(crate) async fn log_in(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Response, Fault> {
    let now = desk.now();
    let name: String = said(&fields, "user").chars().take(40).collect();
    let key = format!("login/{name}");
    if !desk.throttle.allows(&key, now) {
        let mut response = page(&desk, v.clone(), v.t.get("login.throttled"))?;
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        return Ok(response);
    }
    let user = desk.cases.user(&name).await?.filter(|user| !user.disabled);
    let typed = fields.get("password").cloned().unwrap_or_default();
    let stored = user.as_ref().map(|user| user.password.clone());
    let turn = desk.hashing.acquire().await;
    let right = tokio::task::spawn_blocking(move || password::verify(&typed, stored.as_deref()))
        .await
        .unwrap_or(false);
    drop(turn);
    let code_right =
        |secret: &str| secret.is_empty() || password::totp_matches(secret, said(&fields, "code"), now);
    match user.filter(|user| right && code_right(&user.totp_secret)) {
        Some(user) => {
            let token = random_token();
            desk.cases.open_session(&user.id, &token, &random_token(), now).await?;
            let viewer = Viewer { user: user.id.clone(), role: user.roles.first().copied(), ..v };
            desk.cases.audit(viewer.note(now, "login", &user.id, "", serde_json::json!({}))).await?;
            let cookie = session_cookie(&token, desk.secure_cookies);
            Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
        }
        None => {
            desk.throttle.failed(&key, now);
            Counters::add(&desk.counters.logins_failed);
            tracing::warn!("a log-in failed");
            let mut response = page(&desk, v.clone(), v.t.get("login.wrong"))?;
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            Ok(response)
        }
    }
}

pub(crate) async fn log_out(State(desk): State<DeskState>, headers: HeaderMap) -> Result<Response, Fault> {
    if let Some(token) = session_token(&headers) {
        desk.cases.close_session(&token).await?;
    }
    Ok(([(header::SET_COOKIE, session_cookie("", desk.secure_cookies))], Redirect::to("/login"))
        .into_response())
}

/// The first page that fits the person's roles.
pub(crate) async fn home(Extension(v): Extension<Viewer>) -> Redirect {
    let to = [
        (Action::WorkCase, "/cases"),
        (Action::Decide, "/queue"),
        (Action::Approve, "/cases"),
        (Action::ReadRules, "/rules"),
        (Action::ReadCase, "/cases"),
        (Action::ReadAudit, "/audit"),
        (Action::Administer, "/users"),
    ]
    .into_iter()
    .find(|(action, _)| v.may(*action))
    .map_or("/settings", |(_, path)| path);
    Redirect::to(to)
}
