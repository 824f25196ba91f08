//! Logging in and out.

use askama::Template;
use axum::extract::{Extension, Form, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Redirect, Response};
use streife_cases::password;
use streife_cases::role::{Action, Role};
use streife_cases::store::User;

use super::{Fields, html, said};
use crate::fault::Fault;
use crate::guard::{ClientAddress, Viewer, login_cookie, session_cookie, session_token};
use crate::state::{Counters, DemoAccount, DeskState, random_token};
use crate::throttle::{MAX_ADDRESS_FAILURES, MAX_FAILURES};

#[derive(Template)]
#[template(path = "login.html")]
struct LoginPage<'a> {
    v: Viewer,
    error: &'a str,
    demo: &'a [DemoAccount],
    oidc: bool,
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
    let page = LoginPage { v, error, demo: &desk.demo, oidc: desk.access.oidc.is_some() };
    Ok(([(header::SET_COOKIE, cookie)], html(&page)?).into_response())
}

pub(crate) async fn log_in(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Extension(address): Extension<ClientAddress>,
    Form(fields): Form<Fields>,
) -> Result<Response, Fault> {
    let now = desk.now();
    let name: String = said(&fields, "user").chars().take(40).collect();
    let keys = (format!("login/{name}"), format!("address/{}", address.0));
    let open = desk.throttle.allows(&keys.0, now)
        && (address.0.is_empty() || desk.throttle.allows_up_to(&keys.1, MAX_ADDRESS_FAILURES, now));
    if !open {
        Counters::add(&desk.counters.logins_throttled);
        let mut response = page(&desk, v.clone(), v.t.get("login.throttled"))?;
        *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
        return Ok(response);
    }
    let user = desk.door.user(&name).await?.filter(|user| !user.disabled);
    let owner = user.as_ref().map(|user| user.tenant.clone()).unwrap_or_default();
    let typed = fields.get("password").cloned().unwrap_or_default();
    // An account of an identity provider has no password here.
    let stored = user.as_ref().map(|user| user.password.clone()).filter(|hash| !hash.is_empty());
    let turn = desk.hashing.acquire().await;
    let right = tokio::task::spawn_blocking(move || password::verify(&typed, stored.as_deref()))
        .await
        .unwrap_or(false);
    drop(turn);
    match user.filter(|_| right) {
        Some(user) if second_factor(&desk, &user, said(&fields, "code")).await? => {
            start_session(&desk, &v, &user.id, user.roles.first().copied(), "password").await
        }
        _ => {
            let failures = desk.throttle.failed(&keys.0, now);
            desk.throttle.failed(&keys.1, now);
            Counters::add(&desk.counters.logins_failed);
            tracing::warn!("a log-in failed");
            if failures == MAX_FAILURES {
                // Once in a window, so that a flood does not become a flood of entries.
                let details = serde_json::json!({ "failures": failures });
                desk.door.audit(&owner, v.note(now, "login.locked", &name, "", details)).await?;
            }
            let mut response = page(&desk, v.clone(), v.t.get("login.wrong"))?;
            *response.status_mut() = StatusCode::UNAUTHORIZED;
            Ok(response)
        }
    }
}

/// Is the code right, and used for the first time? True without a second factor.
async fn second_factor(desk: &DeskState, user: &User, code: &str) -> Result<bool, Fault> {
    if user.totp_secret.is_empty() {
        return Ok(true);
    }
    match password::totp_step(&user.totp_secret, code, desk.now()) {
        Some(step) => Ok(desk.door.use_totp_step(&user.id, step).await?),
        None => Ok(false),
    }
}

/// Opens a session, on record, and leads to the first page.
pub(crate) async fn start_session(
    desk: &DeskState,
    v: &Viewer,
    user: &str,
    role: Option<Role>,
    how: &str,
) -> Result<Response, Fault> {
    let now = desk.now();
    let token = random_token();
    let owner = desk.door.user(user).await?.map(|user| user.tenant).unwrap_or_default();
    desk.door.open_session(user, &token, &random_token(), now).await?;
    let viewer = Viewer { user: user.to_owned(), role, ..v.clone() };
    desk.door.audit(&owner, viewer.note(now, "login", user, "", serde_json::json!({ "how": how }))).await?;
    let cookie = session_cookie(&token, desk.secure_cookies);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to("/")).into_response())
}

pub(crate) async fn log_out(State(desk): State<DeskState>, headers: HeaderMap) -> Result<Response, Fault> {
    if let Some(token) = session_token(&headers) {
        desk.door.close_session(&token).await?;
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
