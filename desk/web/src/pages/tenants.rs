//! Tenants of a shared site: who they are and which sources they have. For administrators of the house alone.

use askama::Template;
use axum::extract::{Extension, Form, State};
use axum::response::{Html, Redirect};
use serde_json::json;
use streife_cases::store::{TenantRow, Unfit};
use streife_cases::tenant::Tenant;

use super::{Fields, html, said};
use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use crate::state::DeskState;

#[derive(Template)]
#[template(path = "tenants.html")]
struct TenantsPage {
    v: Viewer,
    nav: &'static str,
    rows: Vec<TenantRow>,
}

/// An administrator of a tenant does not learn who else is there.
fn house_only(v: &Viewer) -> Result<(), Fault> {
    if v.cases.tenant().is_house() { Ok(()) } else { Err(Fault::not_found()) }
}

pub(crate) async fn list(Extension(v): Extension<Viewer>) -> Result<Html<String>, Fault> {
    house_only(&v)?;
    html(&TenantsPage { rows: v.cases.tenants().await?, nav: "users", v })
}

pub(crate) async fn save(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    house_only(&v)?;
    let tenant = Tenant::parse(said(&fields, "tenant")).map_err(|_| Wrong::Unfit(Unfit::TenantId))?;
    let sources: Vec<String> = said(&fields, "sources").split_whitespace().map(str::to_owned).collect();
    let name: String = said(&fields, "name").chars().take(80).collect();
    let details = json!({ "name": name, "sources": sources });
    v.cases.put_tenant(&TenantRow { tenant: tenant.clone(), name, sources }, desk.now()).await?;
    v.cases.audit(v.note(desk.now(), "tenant.save", tenant.as_str(), "", details)).await?;
    Ok(Redirect::to("/tenants"))
}
