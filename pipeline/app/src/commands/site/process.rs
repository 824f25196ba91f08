//! The processes of a site: servers, started and stopped by the scripts of `tests/servers`, and the roles, children of
//! this process. Both are stopped by their process id, never by name.

use std::fs::File;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::time::{Duration, Instant};

use anyhow::Context;
use tokio::process::{Child, Command};

use crate::failure::Failure;

/// How long a role may take to end what it is doing.
const STOP_TIMEOUT: Duration = Duration::from_secs(30);
/// First and longest wait before a role that ended is started again.
const RESTART_FIRST: Duration = Duration::from_secs(1);
const RESTART_LONGEST: Duration = Duration::from_secs(30);
/// Lines of a log shown when a role ended.
const TOLD_LINES: usize = 8;

/// A server behind one of the scripts.
pub(super) struct Server {
    script: PathBuf,
    folder: PathBuf,
}

impl Server {
    /// Starts `name` on `port`; one that was left over from a killed run is stopped first.
    pub(super) async fn start(home: &Path, name: &str, port: u16, folder: &Path) -> Result<Self, Failure> {
        let server =
            Self { script: home.join("tests/servers").join(format!("{name}.sh")), folder: folder.to_owned() };
        if !server.script.is_file() {
            return Err(Failure::configuration(format!(
                "{} is missing: `streife site up` runs from a checkout; on a server use docker-compose.yml",
                server.script.display()
            )));
        }
        server.stop().await;
        let output = server.command().arg("start").arg(port.to_string()).arg(folder).output().await?;
        if output.status.success() {
            return Ok(server);
        }
        Err(Failure::upstream(format!(
            "{name} did not start: {}",
            String::from_utf8_lossy(&output.stderr).trim()
        )))
    }

    fn command(&self) -> Command {
        let mut command = Command::new("sh");
        // A Ctrl-C is for this process; it stops the servers last.
        command.arg(&self.script).stdin(Stdio::null()).process_group(0);
        command
    }

    pub(super) async fn stop(&self) {
        let ended = self.command().arg("stop").arg(&self.folder).output().await;
        if let Err(error) = ended {
            tracing::warn!(script = %self.script.display(), %error, "stopping a server");
        }
    }
}

/// A role as a process of its own.
pub(super) struct RoleProcess {
    pub(super) name: &'static str,
    pub(super) metrics: SocketAddr,
    arguments: &'static [&'static str],
    config: PathBuf,
    log: PathBuf,
    child: Child,
    restarts: u32,
    restart_at: Option<Instant>,
}

impl RoleProcess {
    pub(super) fn start(
        name: &'static str,
        arguments: &'static [&'static str],
        config: PathBuf,
        log: PathBuf,
        metrics: SocketAddr,
    ) -> anyhow::Result<Self> {
        let child = spawn(name, arguments, &config, &log)?;
        Ok(Self { name, metrics, arguments, config, log, child, restarts: 0, restart_at: None })
    }

    /// How it ended, if it did.
    pub(super) fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The end of its log, for a message.
    pub(super) fn last_words(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(TOLD_LINES)..].join("\n")
    }

    /// Starts a role again that ended, after a wait that doubles; a collector that has read its files to the end rests.
    pub(super) fn keep_running(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.ended()? else { return Ok(()) };
        if self.name == "collect" && status.success() {
            return Ok(());
        }
        let Some(at) = self.restart_at else {
            let wait = RESTART_FIRST.saturating_mul(1 << self.restarts.min(5)).min(RESTART_LONGEST);
            tracing::warn!(
                role = self.name,
                %status,
                wait_secs = wait.as_secs(),
                "ended; starting it again. Its last lines:\n{}",
                self.last_words()
            );
            self.restart_at = Some(Instant::now() + wait);
            return Ok(());
        };
        if Instant::now() >= at {
            self.child = spawn(self.name, self.arguments, &self.config, &self.log)?;
            self.restarts = self.restarts.saturating_add(1);
            self.restart_at = None;
        }
        Ok(())
    }

    /// Asks it to end, waits, and kills it when it does not.
    pub(super) async fn stop(&mut self) {
        if let (Ok(None), Some(id)) = (self.child.try_wait(), self.child.id()) {
            let _ = Command::new("kill").args(["-TERM", &id.to_string()]).status().await;
        }
        if tokio::time::timeout(STOP_TIMEOUT, self.child.wait()).await.is_err() {
            tracing::warn!(
                role = self.name,
                "did not end in time and is killed; nothing that it committed is lost"
            );
            let _ = self.child.kill().await;
        }
    }
}

fn spawn(role: &str, arguments: &[&str], config: &Path, log: &Path) -> anyhow::Result<Child> {
    let out = File::options()
        .create(true)
        .append(true)
        .open(log)
        .with_context(|| format!("opening {}", log.display()))?;
    Command::new(std::env::current_exe().context("finding this program")?)
        .arg(role)
        .args(arguments)
        .arg("--config")
        .arg(config)
        .stdin(Stdio::null())
        .stdout(out.try_clone()?)
        .stderr(out)
        .process_group(0)
        .kill_on_drop(true)
        .spawn()
        .with_context(|| format!("starting {role}"))
}
