//! Access for machines, and messages to the outside. An administrator makes a token; one that reads content, cases or the
//! ledger works only after data protection approved it.

use askama::Template;
use axum::extract::{Extension, Form, Path, State};
use axum::response::{Html, IntoResponse, Redirect, Response};
use serde_json::json;
use streife_cases::role::Action;
use streife_cases::store::{ApiToken, Message, NewToken, Scope};

use super::show::{age, day};
use super::{Fields, html, said};
use crate::fault::Fault;
use crate::guard::Viewer;
use crate::state::{DeskState, random_token};

/// Messages shown.
const MAX_MESSAGES: i64 = 50;
/// What every token begins with, so that a leaked one is recognised.
pub(crate) const TOKEN_PREFIX: &str = "streife_";

struct TokenRow {
    token: ApiToken,
    until: String,
    used: String,
    ended: bool,
}

struct MessageRow {
    message: Message,
    age: String,
}

#[derive(Template)]
#[template(path = "tokens.html")]
struct TokensPage {
    v: Viewer,
    nav: &'static str,
    tokens: Vec<TokenRow>,
    messages: Vec<MessageRow>,
    scopes: [Scope; 4],
    fresh: String,
    may_make: bool,
    may_approve: bool,
}

async fn page(desk: &DeskState, v: Viewer, fresh: String) -> Result<Html<String>, Fault> {
    let now = desk.now();
    let tokens = v.cases.tokens().await?.into_iter().map(|token| TokenRow {
        until: day(token.expires_at),
        used: token.used_at.map_or_else(|| v.t.get("tokens.never").to_owned(), |at| age(at, now)),
        ended: token.revoked || token.expires_at <= now,
        token,
    });
    let messages = v.cases.messages(MAX_MESSAGES).await?.into_iter();
    html(&TokensPage {
        nav: "tokens",
        tokens: tokens.collect(),
        messages: messages.map(|message| MessageRow { age: age(message.created_at, now), message }).collect(),
        scopes: Scope::ALL,
        fresh,
        may_make: v.may(Action::Administer),
        may_approve: v.may(Action::ReadAudit),
        v,
    })
}

pub(crate) async fn list(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    page(&desk, v, String::new()).await
}

pub(crate) async fn create(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Response, Fault> {
    let now = desk.now();
    let scopes: Vec<Scope> = Scope::ALL
        .into_iter()
        .filter(|scope| fields.contains_key(&format!("scope_{}", scope.as_str())))
        .collect();
    let days: i64 = said(&fields, "days").parse().unwrap_or(0);
    let secret = format!("{TOKEN_PREFIX}{}", random_token());
    let name: String = said(&fields, "name").chars().take(80).collect();
    let expires_at = now.plus_secs(days.clamp(0, 3_660) * 86_400);
    let new = NewToken { name: &name, secret: &secret, scopes: &scopes, by: &v.user, at: now, expires_at };
    let id = v.cases.create_token(&new).await?;
    let names: Vec<&str> = scopes.iter().map(|scope| scope.as_str()).collect();
    v.cases.audit(v.note(now, "token.create", &id, &name, json!({ "scopes": names, "days": days }))).await?;
    Ok(page(&desk, v, secret).await?.into_response())
}

pub(crate) async fn approve(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Redirect, Fault> {
    if !v.cases.approve_token(&id, &v.user).await? {
        return Err(Fault::not_found());
    }
    v.cases.audit(v.note(desk.now(), "token.approve", &id, "", json!({}))).await?;
    Ok(Redirect::to("/tokens"))
}

pub(crate) async fn revoke(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Redirect, Fault> {
    if !v.cases.revoke_token(&id, desk.now()).await? {
        return Err(Fault::not_found());
    }
    v.cases.audit(v.note(desk.now(), "token.revoke", &id, "", json!({}))).await?;
    Ok(Redirect::to("/tokens"))
}

pub(crate) async fn retry(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Path(id): Path<String>,
) -> Result<Redirect, Fault> {
    if !v.cases.revive_message(&id, desk.now()).await? {
        return Err(Fault::not_found());
    }
    v.cases.audit(v.note(desk.now(), "message.retry", &id, "", json!({}))).await?;
    Ok(Redirect::to("/tokens"))
}
