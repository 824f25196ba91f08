//! The trait that every source implements, and what it is given.

use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use streife_domain::{Clock, Timestamp};

use crate::websub::WebSub;
use crate::{ConfigError, FetchError, Http, Observation, ParseContext, Parsed, SourceConfig};

/// Where a source was left: JSON that only its connector understands.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Cursor(pub serde_json::Value);

impl Cursor {
    /// From a connector's own state.
    ///
    /// # Errors
    /// [`FetchError::BadUpstream`] when the state has no JSON form.
    pub fn of<T: Serialize>(state: &T) -> Result<Self, FetchError> {
        serde_json::to_value(state)
            .map(Self)
            .map_err(|e| FetchError::BadUpstream(format!("the cursor has no JSON form: {e}")))
    }

    /// The connector's own state. A cursor that cannot be read (another version wrote it) is no cursor:
    /// the source starts afresh, which may double but never loses.
    pub fn read<T: DeserializeOwned + Default>(cursor: Option<&Self>) -> T {
        let Some(Self(value)) = cursor else { return T::default() };
        T::deserialize(value).unwrap_or_else(|error| {
            tracing::warn!(%error, "a saved cursor cannot be read, the source starts afresh");
            T::default()
        })
    }
}

/// When to fetch again.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pace {
    /// There is more: at once.
    Now,
    /// After the configured interval.
    Interval,
    /// Not before this long (the source said so).
    After(Duration),
    /// Never: a file has been read to its end.
    Finished,
}

/// What one fetch brought.
#[derive(Debug, Clone)]
pub struct Fetched {
    /// Events and problems, to be published before `cursor` is saved.
    pub parsed: Parsed,
    /// Where to go on.
    pub cursor: Cursor,
    /// When to go on.
    pub pace: Pace,
    /// The time of the newest thing seen at the source, for the lag.
    pub newest: Option<Timestamp>,
}

/// One public source.
///
/// # What a connector MUST do (checked by `conformance`)
///
/// 1. `fetch` MUST return what came after `cursor`, and a cursor after which nothing returned is missing. It keeps no
///    position in itself that outlives a cursor handed to it: after a crash it is called with the last cursor saved.
/// 2. `fetch` MUST be safe to drop at any await (shutdown); what it had read is read again.
/// 3. It MUST do all HTTP through [`Http`], which keeps limits, robots.txt and the host's pace, and all WebSockets
///    through [`crate::ws`].
/// 4. It MUST NOT retry, sleep for pacing, spawn, log post text or log in with a person's account.
/// 5. What it cannot read MUST come back as a problem with its bytes; what is no post MUST be counted as ignored.
/// 6. Its memory MUST be bounded by named constants, whatever the source sends.
#[async_trait]
pub trait Connector: Send {
    /// Asks the source for what came after `cursor`.
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError>;

    /// Ends when the source has said that there is something new: the wait for the next fetch ends with it. Safe to drop.
    async fn hinted(&mut self) {
        std::future::pending::<()>().await;
    }
}

/// What connectors are given.
#[derive(Clone)]
pub struct Deps {
    /// The polite client of the process.
    pub http: Http,
    /// The time.
    pub clock: Arc<dyn Clock>,
    /// The registration table: a replay reads recordings of any kind by it.
    pub kinds: &'static [Kind],
    /// Where publishers tell of news, when the operator has opened a listener for it.
    pub websub: Option<WebSub>,
}

/// Builds a live connector from its configuration.
pub type Connect = fn(&SourceConfig, &Deps) -> Result<Box<dyn Connector>, ConfigError>;

/// One kind of source: a line in the application's registration table.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name in configuration and in `streife sources parse`.
    pub name: &'static str,
    /// Reads recorded bytes. Pure.
    pub parse: fn(&Observation, &ParseContext) -> Parsed,
    /// Builds the live connector from its configuration.
    pub connect: Connect,
}

impl std::fmt::Debug for Kind {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "Kind({})", self.name)
    }
}
