//! Logging in with a service account: to the identity provider and back.

use askama::Template;
use axum::extract::{Extension, Query, State};
use axum::http::{HeaderMap, header};
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;
use streife_cases::role::conflict;
use streife_cases::store::NewUser;
use streife_cases::tenant::Tenant;
use subtle::ConstantTimeEq;

use super::login::start_session;
use super::{Fields, html, said};
use crate::fault::{Fault, Wrong};
use crate::guard::{Viewer, cookie, oidc_cookie};
use crate::oidc::Person;
use crate::state::{Counters, DeskState, random_token};

/// Cookie that ties a log-in under way to the browser it began in.
pub(crate) const STATE_COOKIE: &str = "streife_oidc";

#[derive(Template)]
#[template(path = "welcome.html")]
struct WelcomePage {
    v: Viewer,
}

pub(crate) async fn begin(State(desk): State<DeskState>) -> Result<Response, Fault> {
    let oidc = desk.access.oidc.as_ref().ok_or_else(Fault::not_found)?;
    let state = random_token();
    let to = oidc.begin(&state, (&random_token(), &random_token()), desk.now()).await.map_err(|error| {
        tracing::warn!(%error, "a log-in at the identity provider cannot begin");
        Fault::from(Wrong::ProviderAway)
    })?;
    let cookie = oidc_cookie(STATE_COOKIE, &state, desk.secure_cookies);
    Ok(([(header::SET_COOKIE, cookie)], Redirect::to(&to)).into_response())
}

pub(crate) async fn back(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Query(query): Query<Fields>,
    headers: HeaderMap,
) -> Result<Response, Fault> {
    let oidc = desk.access.oidc.as_ref().ok_or_else(Fault::not_found)?;
    let refuse = |wrong: Wrong| {
        Counters::add(&desk.counters.logins_failed);
        Fault::from(wrong)
    };
    let state = said(&query, "state");
    let begun = cookie(&headers, STATE_COOKIE).unwrap_or_default();
    if state.is_empty() || !bool::from(begun.as_bytes().ct_eq(state.as_bytes())) {
        tracing::warn!("an answer of the identity provider belongs to no log-in of this browser");
        return Err(refuse(Wrong::ProviderRefused));
    }
    let person = oidc.finish(state, said(&query, "code"), desk.now()).await.map_err(|error| {
        tracing::warn!(%error, "a log-in at the identity provider failed");
        refuse(Wrong::ProviderRefused)
    })?;
    if person.roles.is_empty() || conflict(&person.roles).is_some() || !admitted(&desk, &person).await? {
        let details = json!({ "roles": person.roles });
        desk.door
            .audit(&Tenant::house(), v.note(desk.now(), "login.refused", &person.user, "", details))
            .await?;
        return Err(refuse(Wrong::ProviderRoles));
    }
    let session = start_session(&desk, &v, &person.user, person.roles.first().copied(), "oidc").await?;
    // This answer ends a way that began at another site, on which strict cookies are not sent; a page of our own that
    // leads on begins a new one.
    let mut response = html(&WelcomePage { v })?.into_response();
    if let Some(set) = session.headers().get(header::SET_COOKIE) {
        response.headers_mut().append(header::SET_COOKIE, set.clone());
    }
    response.headers_mut().append(header::SET_COOKIE, oidc_cookie(STATE_COOKIE, "", desk.secure_cookies));
    Ok(response)
}

/// Brings the account up to date. `false` when the log-in name belongs to somebody else.
async fn admitted(desk: &DeskState, person: &Person) -> Result<bool, Fault> {
    let known = desk.door.user(&person.user).await?;
    let subject = desk.door.subject(&person.user).await?;
    if let Some(known) = &known {
        // A local account, a disabled one, or one of another person whose name is written alike here.
        if !known.password.is_empty() || known.disabled || subject.as_deref() != Some(&person.subject) {
            return Ok(false);
        }
        if known.roles == person.roles && known.name == person.name {
            return Ok(true);
        }
    }
    let (id, name, roles) = (person.user.as_str(), person.name.as_str(), person.roles.as_slice());
    desk.door.put_user(&NewUser { id, name, roles, password: "", at: desk.now() }).await?;
    desk.door.bind_subject(id, &person.subject).await?;
    Ok(true)
}
