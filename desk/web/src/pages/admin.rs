//! Accounts and roles. The administrator sees no content.

use askama::Template;
use axum::extract::{Extension, Form, Query, State};
use axum::response::{Html, Redirect};
use serde_json::json;
use streife_cases::password;
use streife_cases::role::Role;
use streife_cases::store::{NewUser, TenantCases, Unfit, User};

use super::{Fields, html, said};
use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use crate::state::DeskState;

#[derive(Template)]
#[template(path = "users.html")]
struct UsersPage {
    v: Viewer,
    nav: &'static str,
    users: Vec<User>,
    roles: [Role; 10],
    /// Whose accounts these are; empty for the own.
    tenant: String,
    house: bool,
}

/// The accounts that are looked at: one's own tenant's, or, for the house, those of a tenant it names.
async fn accounts(v: &Viewer, named: &str) -> Result<TenantCases, Fault> {
    if named.is_empty() {
        return Ok(v.cases.clone());
    }
    let known = v.cases.tenants().await?.into_iter().find(|row| row.tenant.as_str() == named);
    known.and_then(|row| v.cases.on_behalf_of(&row.tenant)).ok_or_else(Fault::not_found)
}

pub(crate) async fn users(
    Extension(v): Extension<Viewer>,
    Query(query): Query<Fields>,
) -> Result<Html<String>, Fault> {
    let tenant = said(&query, "tenant").to_owned();
    let users = accounts(&v, &tenant).await?.users().await?;
    let house = v.cases.tenant().is_house();
    html(&UsersPage { users, tenant, house, v, nav: "users", roles: Role::ALL })
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
        .map_err(|_| Wrong::Page)?
        .map_err(|_| Wrong::Unfit(Unfit::Password))?;
    let (id, now) = (said(&fields, "user"), desk.now());
    if id == v.user {
        return Err(Wrong::OwnAccount.into());
    }
    let tenant = said(&fields, "tenant");
    accounts(&v, tenant)
        .await?
        .put_user(&NewUser { id, name: said(&fields, "name"), roles: &roles, password: &hash, at: now })
        .await?;
    v.cases.audit(v.note(now, "user.save", id, "", json!({ "roles": roles, "tenant": tenant }))).await?;
    Ok(Redirect::to(&if tenant.is_empty() { "/users".to_owned() } else { format!("/users?tenant={tenant}") }))
}
