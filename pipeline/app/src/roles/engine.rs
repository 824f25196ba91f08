//! `streife engine`: the embedded ClickHouse engine behind HTTP on loopback, a process of its own so that nothing it
//! does can touch the others.

use anyhow::Context;
use streife_store::engine::{Engine, EngineConfig, EngineUser};
use tokio_util::sync::CancellationToken;

use crate::cli::EngineArgs;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::paths::Paths;
use crate::{config, parts, roles, telemetry};

/// The engine's user, and the variable that holds its password.
pub(crate) const USER: &str = "streife";
pub(crate) const PASSWORD_VARIABLE: &str = "STREIFE_ENGINE_PASSWORD";

pub(crate) fn run(args: &EngineArgs) -> CommandResult {
    telemetry::start_logging(telemetry::DEFAULT_FILTER);
    let config = config::load(None)?;
    let parts_folder = Paths::new(&config, None).parts;
    let library = parts::pinned()?
        .into_iter()
        .find(|part| part.name == "chdb")
        .map(|part| part.path(&parts_folder))
        .filter(|path| path.is_file())
        .ok_or_else(|| {
            Failure::configuration("the ClickHouse engine is not installed; run `streife setup`".to_owned())
        })?;
    let password = std::env::var(PASSWORD_VARIABLE).map_err(|_| {
        Failure::configuration(format!(
            "set {PASSWORD_VARIABLE}: other users of this machine can reach the port"
        ))
    })?;
    if args.with_parent {
        end_with_parent();
    }
    let mut engine = EngineConfig::new(library, &args.data, EngineUser { name: USER.to_owned(), password });
    engine.listen = args.listen;
    roles::block_on(async move {
        let stop = CancellationToken::new();
        roles::stop_on_signal(stop.clone());
        let engine = Engine::open(engine).await.context("opening the embedded ClickHouse")?;
        // The parent reads this line to learn the port.
        crate::say::line(&format!("listening {}", engine.url()));
        engine.run(async move { stop.cancelled().await }).await?;
        Ok(Outcome::Fine)
    })
}

/// Ends this process when standard input closes: the parent holds the other end, and a killed parent lets it go.
fn end_with_parent() {
    std::thread::spawn(|| {
        let mut sink = Vec::new();
        let _ = std::io::Read::read_to_end(&mut std::io::stdin().lock(), &mut sink);
        tracing::info!("the parent process ended");
        // A clean end by the signal the role handles anyway.
        let _ = std::process::Command::new("kill").args(["-TERM", &std::process::id().to_string()]).status();
        std::thread::sleep(std::time::Duration::from_secs(10));
        std::process::exit(0);
    });
}
