//! A person's own choices: language, look, veil, keys, breaks.

use askama::Template;
use axum::extract::{Extension, Form, State};
use axum::response::{Html, Redirect};

use super::queue::start_of_day;
use super::{Fields, html, said};
use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use streife_domain::Head;

use crate::keys::{COMMANDS, Keys};
use crate::state::DeskState;
use crate::wellness::since_break;

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    v: Viewer,
    nav: &'static str,
    today: u64,
    since_break: usize,
    has_totp: bool,
}

pub(crate) async fn show(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    let today = v.cases.decided_since(start_of_day(desk.now()), &v.user).await?;
    let has_totp = v.cases.user(&v.user).await?.is_some_and(|user| !user.totp_secret.is_empty());
    let times = v.cases.decision_times(&v.user, start_of_day(desk.now())).await?;
    html(&SettingsPage { since_break: since_break(&times, desk.now()), v, nav: "settings", today, has_totp })
}

pub(crate) async fn save(
    Extension(v): Extension<Viewer>,
    Form(fields): Form<Fields>,
) -> Result<Redirect, Fault> {
    let switch = |name: &str| if said(&fields, name) == "on" { "on" } else { "off" };
    let theme = match said(&fields, "theme") {
        theme @ ("light" | "dark") => theme,
        _ => "auto",
    };
    let lang = if said(&fields, "lang") == "en" { "en" } else { "de" };
    let pause = said(&fields, "break_after").parse::<u16>().unwrap_or(40).to_string();
    let open: Vec<&str> = Head::ALL
        .iter()
        .map(|head| head.as_str())
        .filter(|head| !fields.contains_key(&format!("veil.{head}")))
        .collect();
    // A form that shows no categories (an old page) opens none of them.
    let open = if open.len() == Head::ALL.len() { String::new() } else { open.join(" ") };
    let values = [
        ("open_heads", open.as_str()),
        ("lang", lang),
        ("theme", theme),
        ("blur", switch("blur")),
        ("grey", switch("grey")),
        ("keys", switch("keys")),
        ("go_on", switch("go_on")),
        ("break_after", pause.as_str()),
    ];
    let mut keymap = Keys::default();
    for (command, _) in COMMANDS {
        keymap.set(command, said(&fields, &format!("key.{command}")));
    }
    if keymap.clash().is_some() {
        return Err(Wrong::KeyClash.into());
    }
    let keys: Vec<(String, String)> =
        keymap.list().into_iter().map(|(command, key)| (format!("key.{command}"), key)).collect();
    let all: Vec<(&str, &str)> =
        values.into_iter().chain(keys.iter().map(|(name, key)| (name.as_str(), key.as_str()))).collect();
    v.cases.save_settings(&format!("user/{}", v.user), &all).await?;
    Ok(Redirect::to("/settings"))
}
