//! What goes wrong on a page, as a page.

use askama::Template;
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Response};
use streife_cases::store::StoreError;
use streife_cases::workflow::Refused;

use crate::i18n::{Lang, T};
use crate::reader::ReadError;

/// An error with its status and a sentence for the person.
#[derive(Debug)]
pub struct Fault {
    /// HTTP status.
    pub status: StatusCode,
    /// What is wrong and what to do.
    pub message: String,
    /// A post for which an emergency access could be asked.
    pub(crate) glass: Option<String>,
}

#[derive(Template)]
#[template(path = "error.html")]
struct ErrorPage<'a> {
    status: u16,
    message: &'a str,
    glass: Option<&'a str>,
}

impl Fault {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into(), glass: None }
    }

    pub(crate) fn not_found() -> Self {
        Self::new(StatusCode::NOT_FOUND, "Nicht gefunden. / Not found.")
    }

    pub(crate) fn forbidden() -> Self {
        Self::new(StatusCode::FORBIDDEN, "Dafür fehlt Ihnen das Recht. / You have no right to do this.")
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }
}

impl IntoResponse for Fault {
    fn into_response(self) -> Response {
        let glass = self.glass.as_deref();
        let page = ErrorPage { status: self.status.as_u16(), message: &self.message, glass };
        let body = page.render().unwrap_or_else(|_| self.status.to_string());
        (self.status, Html(body)).into_response()
    }
}

impl From<StoreError> for Fault {
    fn from(error: StoreError) -> Self {
        match &error {
            StoreError::Refused(refused) => Self::new(StatusCode::CONFLICT, not_now(refused)),
            StoreError::Book(_) | StoreError::Glass(_) | StoreError::Invalid(_) => {
                Self::new(StatusCode::CONFLICT, error.to_string())
            }
            StoreError::Database(_) | StoreError::Damaged { .. } => {
                // The details belong in the operator's log, not on a reviewer's screen.
                tracing::error!(error = %error, "case database failed");
                Self::new(
                    StatusCode::SERVICE_UNAVAILABLE,
                    "Die Falldatenbank antwortet nicht; nichts wurde geändert. / The case database does not answer; nothing was changed.",
                )
            }
        }
    }
}

/// Somebody or the machine was faster, or something is missing: said in both languages, as the fault knows no viewer.
fn not_now(refused: &Refused) -> String {
    let named = |lang| (T(lang).of("move", &refused.what), T(lang).of("state", refused.state.as_str()));
    let ((what_de, state_de), (what_en, state_en)) = (named(Lang::De), named(Lang::En));
    format!(
        "„{what_de}“ geht beim Stand „{state_de}“ nicht; bitte zurückgehen und die Seite neu laden. / \
         “{what_en}” is not possible at “{state_en}”; please go back and reload the page. ({})",
        refused.why
    )
}

impl From<ReadError> for Fault {
    fn from(error: ReadError) -> Self {
        tracing::error!(error = %error, "reading flagged posts failed");
        Self::new(
            StatusCode::SERVICE_UNAVAILABLE,
            "Die Beiträge sind gerade nicht erreichbar. / The posts cannot be reached right now.",
        )
    }
}

impl From<askama::Error> for Fault {
    fn from(error: askama::Error) -> Self {
        tracing::error!(error = %error, "a page could not be rendered");
        Self::new(
            StatusCode::INTERNAL_SERVER_ERROR,
            "Die Seite konnte nicht aufgebaut werden. / The page could not be built.",
        )
    }
}
