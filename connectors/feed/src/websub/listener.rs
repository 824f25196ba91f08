//! The pages that hubs see: a callback for each subscription, under a name that nobody can guess. Everything else is not found.
//!
//! Nothing of a request is read before its callback is known, no more than [`MAX_PUSH_BYTES`] then, for no longer than
//! [`BODY_TIMEOUT`], of [`MAX_READING`] at a time.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::{Path, RawQuery, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use streife_sdk::websub::{Answer, Unread, WebSub};
use tokio::sync::Semaphore;

/// A push is read up to here: its signature covers all of its bytes. What is larger is found by asking.
pub const MAX_PUSH_BYTES: usize = 4 * 1024 * 1024;
/// Its bytes have to be here within this.
const BODY_TIMEOUT: Duration = Duration::from_secs(10);
/// Pushes read at the same time.
const MAX_READING: usize = 16;
/// A longer query is no verification.
const MAX_QUERY_BYTES: usize = 8 * 1024;
/// Signatures looked at in one push.
const MAX_SIGNATURES: usize = 8;

#[derive(Clone)]
struct Listening {
    websub: WebSub,
    reading: Arc<Semaphore>,
}

/// What the listener answers. The last part of a path is the callback's name, whatever a proxy has put before it.
pub fn router(websub: WebSub) -> Router {
    let state = Listening { websub, reading: Arc::new(Semaphore::new(MAX_READING)) };
    Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/{*path}", get(verify).post(push))
        .with_state(state)
}

fn token(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or_default()
}

async fn verify(
    State(state): State<Listening>,
    Path(path): Path<String>,
    RawQuery(query): RawQuery,
) -> Response {
    let query = query.filter(|query| query.len() <= MAX_QUERY_BYTES).unwrap_or_default();
    answered(state.websub.verify(token(&path), &query))
}

async fn push(
    State(state): State<Listening>,
    Path(path): Path<String>,
    headers: HeaderMap,
    body: Body,
) -> Response {
    let (token, websub) = (token(&path), &state.websub);
    if !websub.knows(token) {
        return answered(websub.push(token, &[], b""));
    }
    let unread = |why: Unread, status: StatusCode| {
        websub.note_unread(why);
        status.into_response()
    };
    let Ok(_reading) = state.reading.try_acquire() else {
        return unread(Unread::TooMany, StatusCode::SERVICE_UNAVAILABLE);
    };
    let body = match tokio::time::timeout(BODY_TIMEOUT, to_bytes(body, MAX_PUSH_BYTES)).await {
        Ok(Ok(body)) => body,
        Ok(Err(_)) => return unread(Unread::TooLarge, StatusCode::PAYLOAD_TOO_LARGE),
        Err(_) => return unread(Unread::TooSlow, StatusCode::REQUEST_TIMEOUT),
    };
    let signatures = headers.get_all("x-hub-signature").iter().filter_map(|value| value.to_str().ok());
    let signatures: Vec<&str> = signatures.take(MAX_SIGNATURES).collect();
    answered(websub.push(token, &signatures, &body))
}

/// Plain text that no browser takes for anything else.
fn answered(answer: Answer) -> Response {
    let status = StatusCode::from_u16(answer.status).unwrap_or(StatusCode::NOT_FOUND);
    let headers =
        [(header::CONTENT_TYPE, "text/plain; charset=utf-8"), (header::X_CONTENT_TYPE_OPTIONS, "nosniff")];
    (status, headers, answer.body).into_response()
}
