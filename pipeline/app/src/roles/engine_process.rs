//! The embedded engine as a child process of `up`.

use std::future::Future;
use std::path::Path;
use std::process::Stdio;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, bail};
use streife_store::{Store, StoreConfig};
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::{Child, Command};

use super::Role;
use super::engine::{PASSWORD_VARIABLE, USER};
use crate::failure::Failure;
use crate::open;

/// Opening a large database takes seconds; longer than this is a fault.
const START_TIMEOUT: Duration = Duration::from_secs(120);
/// How long the engine may take to close its tables.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);

/// A running engine. Dropped, it is killed; [`EngineProcess::stop`] ends it cleanly.
pub(crate) struct EngineProcess {
    child: Child,
    url: String,
    password: String,
}

impl EngineProcess {
    /// Starts the engine on a free port, with a password made for this run. `quiet`: it logs warnings only.
    pub(crate) async fn start(folder: &Path, quiet: bool) -> anyhow::Result<Self> {
        let password = hex::encode(rand::random::<[u8; 16]>());
        let mut command = Command::new(std::env::current_exe().context("finding this program")?);
        if quiet && std::env::var_os("STREIFE_LOG").is_none() {
            command.env("STREIFE_LOG", "warn");
        }
        let mut child = command
            .args(["engine", "--with-parent", "--listen", "127.0.0.1:0", "--data"])
            .arg(folder)
            .env(PASSWORD_VARIABLE, &password)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .kill_on_drop(true)
            // A Ctrl-C is for the parent; it stops the engine last.
            .process_group(0)
            .spawn()
            .context("starting the embedded ClickHouse")?;
        let stdout = child.stdout.take().context("reading the engine's output")?;
        let mut lines = BufReader::new(stdout).lines();
        let first = tokio::time::timeout(START_TIMEOUT, lines.next_line())
            .await
            .context("the embedded ClickHouse does not answer")??;
        let Some(url) = first.as_deref().and_then(|line| line.strip_prefix("listening ")) else {
            bail!("the embedded ClickHouse did not start; its messages are above");
        };
        Ok(Self { url: url.to_owned(), child, password })
    }

    /// How to reach it.
    pub(crate) fn store_config(&self) -> StoreConfig {
        StoreConfig::new(&self.url, USER, &self.password)
    }

    /// Its address, and the password of its user for this run.
    pub(crate) fn reached_by(&self) -> (&str, &str) {
        (&self.url, &self.password)
    }

    /// The number of its process, while it runs.
    pub(crate) fn id(&self) -> Option<u32> {
        self.child.id()
    }

    /// Ends it cleanly.
    pub(crate) async fn stop(mut self) {
        // Closing its standard input asks it to end.
        drop(self.child.stdin.take());
        if tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
            tracing::warn!("the embedded ClickHouse took too long to close; what it acknowledged is safe");
            let _ = self.child.kill().await;
        }
    }
}

/// Runs `body` with the configured ClickHouse, or with the embedded one of the data folder, started for it and stopped after.
pub(crate) async fn with_store<T, F, Fut>(role: &Role, body: F) -> Result<T, Failure>
where
    F: FnOnce(Arc<Store>) -> Fut,
    Fut: Future<Output = Result<T, Failure>>,
{
    if role.config.clickhouse.url.is_some() {
        return body(open::store(&role.config)?).await;
    }
    let engine = EngineProcess::start(&role.paths.data.join("clickhouse"), true).await?;
    let store = Store::connect(engine.store_config()).map_err(|e| Failure::upstream(e.to_string()))?;
    super::store::prepare(&store, &role.config).await?;
    let result = body(Arc::new(store)).await;
    engine.stop().await;
    result
}
