//! Style, script and mark: small, our own, embedded. The chart library comes from where it was installed.

use axum::body::Bytes;
use axum::extract::{Path, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::fault::Fault;
use crate::state::DeskState;

const CSS: &str = "text/css; charset=utf-8";
const SCRIPT: &str = "text/javascript; charset=utf-8";

pub(crate) async fn asset(
    State(desk): State<DeskState>,
    Path(name): Path<String>,
) -> Result<Response, Fault> {
    let own = |text: &'static str| Bytes::from_static(text.as_bytes());
    let charts = || desk.access.charts.clone().ok_or_else(Fault::not_found);
    let (kind, body) = match name.as_str() {
        "desk.css" => (CSS, own(include_str!("../../assets/desk.css"))),
        "desk.js" => (SCRIPT, own(include_str!("../../assets/desk.js"))),
        "keys.js" => (SCRIPT, own(include_str!("../../assets/keys.js"))),
        "charts.js" => (SCRIPT, own(include_str!("../../assets/charts.js"))),
        "mark.svg" => ("image/svg+xml", own(include_str!("../../assets/mark.svg"))),
        "uplot.js" => (SCRIPT, Bytes::copy_from_slice(&charts()?.script)),
        "uplot.css" => (CSS, Bytes::copy_from_slice(&charts()?.style)),
        _ => return Err(Fault::not_found()),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=300")], body)
        .into_response())
}
