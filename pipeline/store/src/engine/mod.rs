//! The embedded ClickHouse: `libchdb.so` in this process, behind the HTTP interface of a ClickHouse server.
//!
//! One process owns a data folder; everybody else, this process included, talks HTTP to it through the
//! official client. So there is one code path, and a real server is a URL away. What a real server does and
//! this front does not: native TCP port, sessions, roles, quotas, compressed responses.
//!
//! * `ffi`: the C interface, all `unsafe` code.
//! * `pool`: connections, and what one request changes on them (database, settings) and must put back.
//! * `framing`, `query`: pure helpers for compressed frames and statements.
//! * `request`, `http`: reading a request, running it, answering.

mod error;
mod ffi;
mod framing;
mod http;
mod pool;
mod query;
mod request;

use std::fs::File;
use std::future::Future;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::net::TcpListener;

pub use self::error::EngineError;
pub(crate) use self::error::code_of;
pub use self::query::QueryKind;
use self::{ffi::Api, http::Front, pool::Pool};

/// Someone who may send statements.
#[derive(Clone)]
pub struct EngineUser {
    /// Name, as in the header `X-ClickHouse-User`.
    pub name: String,
    /// Shared secret, as in the header `X-ClickHouse-Key`. Without it other users of the machine could read
    /// everything, for the front listens on TCP.
    pub password: String,
}

impl std::fmt::Debug for EngineUser {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EngineUser").field("name", &self.name).finish_non_exhaustive()
    }
}

/// One finished statement, for the audit. Never its text, never its data.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct QueryAudit {
    /// What it did.
    pub kind: QueryKind,
    /// Who sent it.
    pub user: String,
    /// From the request's arrival to the end of the statement.
    pub duration: Duration,
    /// ClickHouse's error code, when it failed.
    pub error: Option<u32>,
}

/// Called after every statement, on the thread that ran it; must return quickly.
pub type AuditHook = Arc<dyn Fn(QueryAudit) + Send + Sync>;

/// How to run the engine.
#[derive(Clone)]
pub struct EngineConfig {
    /// `libchdb.so`.
    pub library: PathBuf,
    /// Where the data lie; created when missing.
    pub data_dir: PathBuf,
    /// Where to listen; port 0 takes a free one.
    pub listen: SocketAddr,
    /// Listen on an address that other machines reach? Refused unless set.
    pub allow_remote: bool,
    /// Who may send statements.
    pub users: Vec<EngineUser>,
    /// Statements that run at the same time.
    pub connections: usize,
    /// Memory the engine may use for everything together.
    pub max_memory_bytes: u64,
    /// A statement that runs longer is cut off, unless the caller sets `max_execution_time`.
    pub query_timeout: Duration,
    /// How long a request waits for a free connection, a body for its next bytes, an answer for its reader.
    pub stall_timeout: Duration,
    /// Unpacked bytes of one insert.
    pub max_insert_bytes: u64,
    /// Called after every statement.
    pub audit: Option<AuditHook>,
}

impl EngineConfig {
    /// The defaults: loopback, a free port, six connections, 2 GiB.
    pub fn new(library: impl Into<PathBuf>, data_dir: impl Into<PathBuf>, user: EngineUser) -> Self {
        Self {
            library: library.into(),
            data_dir: data_dir.into(),
            listen: SocketAddr::from(([127, 0, 0, 1], 0)),
            allow_remote: false,
            users: vec![user],
            connections: 6,
            max_memory_bytes: 2 << 30,
            query_timeout: Duration::from_secs(120),
            stall_timeout: Duration::from_secs(30),
            max_insert_bytes: 1 << 30,
            audit: None,
        }
    }
}

/// The database all of Streife's tables live in. Of engine Atomic: the library's own `default` is an Overlay,
/// which refuses refreshable views.
pub const DATABASE: &str = "streife";

/// An opened data folder with a bound address, ready to serve.
pub struct Engine {
    front: Arc<Front>,
    listener: TcpListener,
    address: SocketAddr,
    version: String,
    /// Held for as long as the folder is open.
    _lock: File,
}

impl Engine {
    /// Loads the library, opens the data folder, creates the database [`DATABASE`] and binds the address.
    ///
    /// One process can open one folder, once.
    ///
    /// # Errors
    /// [`EngineError`], in particular [`EngineError::DataLocked`] when another process has the folder.
    pub async fn open(config: EngineConfig) -> Result<Self, EngineError> {
        check(&config)?;
        let listener = TcpListener::bind(config.listen)
            .await
            .map_err(|source| EngineError::Listen { address: config.listen, source })?;
        let address =
            listener.local_addr().map_err(|source| EngineError::Listen { address: config.listen, source })?;
        let opening = config.clone();
        let (pool, lock, version) = tokio::task::spawn_blocking(move || open_folder(&opening))
            .await
            .map_err(|e| EngineError::Startup(e.to_string()))??;
        tracing::info!(%address, version, data = %config.data_dir.display(), "embedded ClickHouse is open");
        Ok(Self { front: Arc::new(Front::new(pool, config)), listener, address, version, _lock: lock })
    }

    /// The address it listens on.
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// The URL for [`crate::StoreConfig`].
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// The library's version.
    pub fn version(&self) -> &str {
        &self.version
    }

    /// Serves until `shutdown` ends and the running statements are done.
    ///
    /// # Errors
    /// When the listener breaks.
    pub async fn run(self, shutdown: impl Future<Output = ()> + Send + 'static) -> Result<(), EngineError> {
        let served = axum::serve(self.listener, http::router(Arc::clone(&self.front)))
            .with_graceful_shutdown(shutdown)
            .await
            .map_err(EngineError::Serve);
        // Without this the library's threads would run into the end of the process.
        let front = self.front;
        let closed = tokio::task::spawn_blocking(move || front.close()).await;
        served.and(closed.map_err(|e| EngineError::Startup(e.to_string())))
    }
}

/// Opens the engine and serves until `shutdown` ends.
///
/// # Errors
/// As [`Engine::open`] and [`Engine::run`].
pub async fn serve(
    config: EngineConfig,
    shutdown: impl Future<Output = ()> + Send + 'static,
) -> Result<(), EngineError> {
    Engine::open(config).await?.run(shutdown).await
}

fn check(config: &EngineConfig) -> Result<(), EngineError> {
    let problem = |text: &str| Err(EngineError::Config(text.to_owned()));
    if config.connections == 0 {
        return problem("connections must be at least 1");
    }
    if config.users.is_empty() || config.users.iter().any(|user| user.password.is_empty()) {
        return problem("every user needs a password: other users of this machine can reach the port");
    }
    if !config.listen.ip().is_loopback() && !config.allow_remote {
        return problem("it listens on loopback only; set allow_remote to let other machines in");
    }
    Ok(())
}

fn open_folder(config: &EngineConfig) -> Result<(Pool, File, String), EngineError> {
    let dir = &config.data_dir;
    let folder = |path: &Path, source| EngineError::Folder { path: path.to_owned(), source };
    std::fs::create_dir_all(dir).map_err(|e| folder(dir, e))?;
    let lock_path = dir.join("streife.lock");
    // The library has a lock of its own, but tells of it only on stderr.
    let lock = File::create(&lock_path).map_err(|e| folder(&lock_path, e))?;
    match lock.try_lock() {
        Ok(()) => {}
        Err(std::fs::TryLockError::WouldBlock) => return Err(EngineError::DataLocked(dir.clone())),
        Err(std::fs::TryLockError::Error(e)) => return Err(folder(&lock_path, e)),
    }
    let settings = dir.join("streife-engine.xml");
    std::fs::write(&settings, server_settings(config)).map_err(|e| folder(&settings, e))?;

    let api = Api::load(&config.library)?;
    let arguments =
        vec![format!("--path={}", dir.display()), format!("--config-file={}", settings.display())];
    let pool = Pool::new(api, arguments, config.connections);
    let mut connection = pool.connect()?;
    let create = format!("CREATE DATABASE IF NOT EXISTS {DATABASE} ENGINE = Atomic");
    connection.query(create.as_bytes(), "Null", &[]).map_err(|e| EngineError::Startup(e.message))?;
    pool.put_back(connection);
    Ok((pool, lock, api.version()))
}

/// Server settings that have no counterpart among query settings.
fn server_settings(config: &EngineConfig) -> String {
    format!(
        "<clickhouse>\n  <max_server_memory_usage>{}</max_server_memory_usage>\n  <logger><level>none</level></logger>\n</clickhouse>\n",
        config.max_memory_bytes
    )
}
