//! Style, script and mark: small, our own, embedded.

use axum::extract::Path;
use axum::http::header;
use axum::response::{IntoResponse, Response};

use crate::fault::Fault;

pub(crate) async fn asset(Path(name): Path<String>) -> Result<Response, Fault> {
    let (kind, body) = match name.as_str() {
        "desk.css" => ("text/css; charset=utf-8", include_str!("../../assets/desk.css")),
        "desk.js" => ("text/javascript; charset=utf-8", include_str!("../../assets/desk.js")),
        "mark.svg" => ("image/svg+xml", include_str!("../../assets/mark.svg")),
        _ => return Err(Fault::not_found()),
    };
    Ok(([(header::CONTENT_TYPE, kind), (header::CACHE_CONTROL, "private, max-age=300")], body)
        .into_response())
}
