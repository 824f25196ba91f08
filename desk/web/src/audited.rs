//! Audit by construction: content is reached only through [`Audited`], and an [`Audited`] exists only after its
//! entry in the audit ledger is durable.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde_json::json;
use streife_cases::workflow::Case;
use streife_domain::{Identity, PostId};

use crate::fault::Fault;
use crate::guard::Viewer;
use crate::reader::{FlaggedItem, FlaggedReader, QueueFilter, ReadError};
use crate::routes::Route;
use crate::state::DeskState;

/// Holds the reader where no handler can take it out.
pub(crate) struct ContentReader(Arc<dyn FlaggedReader>);

impl ContentReader {
    pub(crate) fn new(reader: Arc<dyn FlaggedReader>) -> Self {
        Self(reader)
    }
}

/// The right to read content in this request; the read is on record.
pub struct Audited {
    desk: DeskState,
    /// Who reads.
    pub viewer: Viewer,
}

impl FromRequestParts<DeskState> for Audited {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, desk: &DeskState) -> Result<Self, Fault> {
        let viewer = parts.extensions.get::<Viewer>().cloned().ok_or_else(Fault::forbidden)?;
        let route = parts.extensions.get::<&'static Route>().copied();
        let Some(route) = route.filter(|route| route.content) else {
            tracing::error!("a handler reads content on a route that does not declare it");
            return Err(Fault::new(
                StatusCode::INTERNAL_SERVER_ERROR,
                "Die Route ist nicht zum Lesen von Inhalten erklärt.",
            ));
        };
        let path: HashMap<String, String> =
            Path::from_request_parts(parts, desk).await.map(|Path(map)| map).unwrap_or_default();
        let subject = path.get("id").map_or_else(|| "queue".to_owned(), |id| id.chars().take(64).collect());
        // On a case page the case number is the reason; in triage it is the queue's purpose.
        let reason =
            if route.path.starts_with("/cases/") { format!("case {subject}") } else { "triage".to_owned() };
        let query: String = parts.uri.query().unwrap_or_default().chars().take(200).collect();
        let details = json!({ "route": route.path, "method": route.method.as_str(), "query": query });
        desk.cases.audit(viewer.note(desk.now(), "read.content", &subject, &reason, details)).await?;
        Ok(Self { desk: desk.clone(), viewer })
    }
}

impl Audited {
    /// Flagged posts.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn flagged(&self, filter: &QueueFilter, limit: usize) -> Result<Vec<FlaggedItem>, ReadError> {
        self.desk.content.0.flagged(filter, limit).await
    }

    /// One post.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn item(&self, id: PostId) -> Result<Option<FlaggedItem>, ReadError> {
        self.desk.content.0.item(id).await
    }

    /// Who published, for a case whose unmasking is on record.
    ///
    /// # Errors
    /// When the case is not unmasked or the store cannot be read.
    pub async fn identity(&self, case: &Case) -> Result<Option<Identity>, Fault> {
        if case.unmasked.is_empty() {
            return Err(Fault::forbidden());
        }
        self.read_identity(case, "read.identity").await
    }

    /// Who published, for the evidence package alone: it goes into the seal and is shown to nobody.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn identity_for_seal(&self, case: &Case) -> Result<Option<Identity>, Fault> {
        self.read_identity(case, "seal.identity").await
    }

    async fn read_identity(&self, case: &Case, action: &str) -> Result<Option<Identity>, Fault> {
        let id: PostId = case.post_id.parse().map_err(|_| Fault::not_found())?;
        let reason = format!("case {}", case.id);
        self.desk
            .cases
            .audit(self.viewer.note(self.desk.now(), action, &case.id, &reason, json!({})))
            .await?;
        Ok(self.desk.content.0.identity(id).await?)
    }
}
