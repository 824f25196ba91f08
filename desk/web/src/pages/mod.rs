//! The pages. A page is a struct bound to a template; handlers read, build the struct, and render it.

pub(crate) mod admin;
pub(crate) mod analysis;
pub(crate) mod assets;
pub(crate) mod audit;
pub(crate) mod beside;
pub(crate) mod bulk;
mod calibration;
pub(crate) mod case_form;
mod case_moves;
pub(crate) mod cases;
pub(crate) mod export;
pub(crate) mod figures;
mod found;
pub(crate) mod glass;
pub(crate) mod health;
pub(crate) mod item;
pub(crate) mod live;
pub(crate) mod login;
pub(crate) mod oidc;
pub(crate) mod quality;
pub(crate) mod queue;
pub(crate) mod report;
pub(crate) mod rule_editor;
pub(crate) mod rule_trial;
pub(crate) mod rules;
pub(crate) mod settings;
mod show;
pub(crate) mod tenants;
pub(crate) mod tokens;
pub(crate) mod totp;
pub(crate) mod translation;

use std::collections::HashMap;

use askama::Template;
use axum::response::Html;

use crate::fault::Fault;
pub(crate) use show::moment;

/// Fields of a submitted form.
pub(crate) type Fields = HashMap<String, String>;

pub(crate) fn html(page: &impl Template) -> Result<Html<String>, Fault> {
    Ok(Html(page.render()?))
}

/// A field, trimmed; empty when absent.
pub(crate) fn said<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.get(name).map_or("", |value| value.trim())
}
