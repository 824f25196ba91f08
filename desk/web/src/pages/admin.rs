//! Accounts and roles. The administrator sees no content.

use askama::Template;
use axum::extract::{Extension, Form, State};
use axum::response::{Html, Redirect};
use serde_json::json;
use streife_cases::password;
use streife_cases::role::Role;
use streife_cases::store::{NewUser, User};

use super::{Fields, html, said};
use crate::fault::Fault;
use crate::guard::Viewer;
use crate::state::DeskState;

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    v: Viewer,
    nav: &'static str,
    users: Vec<User>,
    roles: [Role; 10],
}

pub(crate) async fn users(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    html(&UsersPage { users: desk.cases.users().await?, v, nav: "users", roles: Role::ALL })
}

pub(crate) async fn save_user(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let roles: Vec<Role> =
        Role::ALL.into_iter().filter(|role| fields.contains_key(&format!("role_{role}"))).collect();
    let typed = fields.get("password").cloned().unwrap_or_default();
    let hash = tokio::task::spawn_blocking(move || password::hash(&typed))
        .await
        .map_err(|e| Fault::bad(e.to_string()))?
        .map_err(|e| Fault::bad(e.to_string()))?;
    let (id, now) = (said(&fields, "user"), desk.now());
    if id == v.user {
        return Err(Fault::bad(v.t.get("users.not_self")));
    }
    desk.cases
        .put_user(&NewUser { id, name: said(&fields, "name"), roles: &roles, password: &hash, at: now })
        .await?;
    desk.cases.audit(v.note(now, "user.save", id, "", json!({ "roles": roles }))).await?;
    Ok(Redirect::to("/users"))
}
