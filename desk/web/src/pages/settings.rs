//! A person's own choices: language, look, veil, keys, breaks.

use askama::Template;
use axum::extract::{Extension, Form, State};
use axum::response::{Html, Redirect};

use super::queue::start_of_day;
use super::{Fields, html, said};
use crate::fault::Fault;
use crate::guard::Viewer;
use crate::state::DeskState;

#[derive(Template)]
#[template(path = "settings.html")]
struct SettingsPage {
    v: Viewer,
    nav: &'static str,
    today: usize,
}

pub(crate) async fn show(
    State(desk): State<DeskState>,
    Extension(v): Extension<Viewer>,
) -> Result<Html<String>, Fault> {
    let decisions = desk.cases.decisions(start_of_day(desk.now()), 10_000).await?;
    let today = decisions.iter().filter(|decision| decision.actor == v.user).count();
    html(&SettingsPage { v, nav: "settings", today })
}

pub(crate) async fn save(
    State(desk): State<DeskState>,
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
    let values = [
        ("lang", lang),
        ("theme", theme),
        ("blur", switch("blur")),
        ("grey", switch("grey")),
        ("keys", switch("keys")),
        ("break_after", pause.as_str()),
    ];
    desk.cases.save_settings(&format!("user/{}", v.user), &values).await?;
    Ok(Redirect::to("/settings"))
}
