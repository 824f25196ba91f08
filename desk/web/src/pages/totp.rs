//! The second factor of a local account: set up with a code that proves it works, removed only with a valid code.

use askama::Template;
use axum::extract::{Extension, Form, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Redirect, Response};
use serde_json::json;
use streife_cases::password;

use super::{Fields, html, said};
use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use crate::state::DeskState;

#[derive(Template)]
#[template(path = "totp.html")]
struct TotpPage {
    v: Viewer,
    nav: &'static str,
    on: bool,
    secret: String,
    secret_hex: String,
    uri: String,
    error: bool,
}

fn page(v: Viewer, stored: &str, offered: &str, error: bool) -> Result<Response, Fault> {
    let on = !stored.is_empty();
    let secret = if on { String::new() } else { password::base32(offered) };
    let page = TotpPage {
        nav: "settings",
        on,
        uri: format!("otpauth://totp/Streife:{}?secret={secret}&issuer=Streife", v.user),
        secret,
        secret_hex: offered.to_owned(),
        error,
        v,
    };
    let status = if error { StatusCode::UNPROCESSABLE_ENTITY } else { StatusCode::OK };
    Ok((status, html(&page)?).into_response())
}

async fn stored(v: &Viewer) -> Result<String, Fault> {
    Ok(v.cases.user(&v.user).await?.map(|user| user.totp_secret).unwrap_or_default())
}

pub(crate) async fn show(Extension(v): Extension<Viewer>) -> Result<Response, Fault> {
    let stored = stored(&v).await?;
    page(v, &stored, &password::new_totp_secret(), false)
}

pub(crate) async fn save(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Response, Fault> {
    let now = desk.now();
    let key = format!("totp/{}", v.user);
    if !desk.throttle.allows(&key, now) {
        return Err(Wrong::Throttled.into());
    }
    let stored = stored(&v).await?;
    let offered = said(&fields, "secret").to_owned();
    let secret = if stored.is_empty() { &offered } else { &stored };
    let step = Some(secret)
        .filter(|secret| password::usable_totp_secret(secret))
        .and_then(|secret| password::totp_step(secret, said(&fields, "code"), now));
    let fits = match step {
        Some(step) => v.cases.use_totp_step(&v.user, step).await?,
        None => false,
    };
    if !fits {
        desk.throttle.failed(&key, now);
        return page(v, &stored, &offered, true);
    }
    let (new, action) = if stored.is_empty() { (offered.as_str(), "totp.set") } else { ("", "totp.remove") };
    v.cases.set_totp(&v.user, new).await?;
    v.cases.audit(v.note(now, action, &v.user, "", json!({}))).await?;
    Ok(Redirect::to("/settings").into_response())
}
