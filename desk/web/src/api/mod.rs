//! The API for machines: read only, by token with scopes, every call in the audit ledger. Described by `/api/openapi.json`.

mod answers;
mod handlers;

use axum::Json;
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::{OpenApi, ToSchema};

pub(crate) use handlers::{audit, case, cases, figures, item, items};

use crate::fault::Fault;
use crate::i18n::{Lang, T};

/// What went wrong, in words.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct ApiError {
    /// What is wrong and what to do.
    error: String,
}

/// What is told to a machine: in English, as JSON.
#[derive(Debug)]
pub(crate) struct ApiFault {
    status: StatusCode,
    message: String,
}

impl<T: Into<Fault>> From<T> for ApiFault {
    fn from(error: T) -> Self {
        let fault: Fault = error.into();
        Self { status: fault.wrong.status(), message: fault.wrong.text(T(Lang::En)) }
    }
}

impl IntoResponse for ApiFault {
    fn into_response(self) -> Response {
        (self.status, Json(ApiError { error: self.message })).into_response()
    }
}

impl ApiFault {
    pub(crate) fn new(status: StatusCode, message: impl Into<String>) -> Self {
        Self { status, message: message.into() }
    }

    pub(crate) fn bad(message: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, message)
    }

    pub(crate) fn unauthorised() -> Self {
        Self::new(StatusCode::UNAUTHORIZED, "a valid token is missing (Authorization: Bearer ...)")
    }

    pub(crate) fn scope(scope: &str) -> Self {
        Self::new(StatusCode::FORBIDDEN, format!("the token lacks the scope {scope}"))
    }
}

#[derive(OpenApi)]
#[openapi(
    info(
        title = "Streife",
        description = "Liest Beiträge, Fälle, Zahlen und Protokoll. Entschieden wird nur von Menschen am Arbeitsplatz. / \
                       Reads posts, cases, figures and the ledger. Decisions are made by people at the desk alone."
    ),
    paths(handlers::items, handlers::item, handlers::cases, handlers::case, handlers::figures, handlers::audit),
    modifiers(&Bearer)
)]
struct Document;

struct Bearer;

impl utoipa::Modify for Bearer {
    fn modify(&self, document: &mut utoipa::openapi::OpenApi) {
        use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
        let scheme = HttpBuilder::new().scheme(HttpAuthScheme::Bearer).build();
        document
            .components
            .get_or_insert_with(Default::default)
            .add_security_scheme("token", SecurityScheme::Http(scheme));
    }
}

/// The description of the API.
pub(crate) async fn openapi() -> Json<utoipa::openapi::OpenApi> {
    Json(Document::openapi())
}
