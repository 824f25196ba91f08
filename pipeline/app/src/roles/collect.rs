//! `streife collect`: the configured sources into the log.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use streife_domain::Clock;
use streife_log::EventLog;
use streife_runtime::collect::{LogCursors, LogSink};
use streife_sdk::{Deps, HealthBoard, Http, HttpConfig, RunOptions, Sink, SourceConfig, run_source};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use super::{pictures, run_role, websub};
use crate::cli::CollectArgs;
use crate::config::Config;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::paths::{Paths, create_private};
use crate::{kinds, open};

/// Kinds that read files, not live sources: they need no legal label of their own.
pub(crate) const FILE_KINDS: [&str; 4] = ["archive", "jsonl", "csv", "warc"];

pub(crate) fn run(args: &CollectArgs) -> CommandResult {
    let stay = args.stay;
    run_role(args.role.config.config.as_deref(), args.role.data.as_deref(), |role| async move {
        if role.config.source.is_empty() {
            return Err(Failure::configuration("no [[source]] is configured; see config/sources".to_owned()));
        }
        let log = role.log().await?;
        role.ready.set();
        let (health, ended) = (HealthBoard::default(), CancellationToken::new());
        let writing = write_health(health.clone(), role.paths.clone(), ended.clone());
        let working = async {
            let result = work(log, &role.config, &role.config.source, health, role.stop.clone()).await;
            if stay && result.is_ok() && !role.stop.is_cancelled() {
                tracing::info!("every source is read to its end; the collector stays until it is stopped");
                role.stop.cancelled().await;
            }
            ended.cancel();
            result
        };
        tokio::join!(working, writing).0
    })
}

/// Everything wrong with the sources, one line each.
pub(crate) fn problems(sources: &[SourceConfig]) -> Vec<String> {
    let today = open::today();
    let mut told = Vec::new();
    for (i, source) in sources.iter().enumerate() {
        let live = !FILE_KINDS.contains(&source.kind.as_str());
        told.extend(source.problems(live, &today).iter().map(ToString::to_string));
        if kinds::find(&source.kind).is_none() {
            let known: Vec<&str> = kinds::all().iter().map(|kind| kind.name).collect();
            told.push(format!(
                "source {:?}: kind {:?} is not known; known are {}",
                source.name,
                source.kind,
                known.join(", ")
            ));
        }
        if sources[..i].iter().any(|other| other.name == source.name) {
            told.push(format!("source {:?}: the name is taken twice", source.name));
        }
    }
    told
}

/// Everything wrong with the settings of the sources that are switched on, one line each. Reads secrets and other files
/// they name, asks no server.
pub(crate) fn settings_problems(config: &Config) -> Result<Vec<String>, Failure> {
    let deps = deps(config, open::clock())?;
    let enabled = config.source.iter().filter(|source| source.enabled);
    let refused = enabled.filter_map(|source| (kinds::find(&source.kind)?.connect)(source, &deps).err());
    Ok(refused.map(|error| error.to_string()).collect())
}

/// What connectors are given.
pub(crate) fn deps(config: &Config, clock: Arc<dyn Clock>) -> Result<Deps, Failure> {
    let http = HttpConfig {
        contact: config.collect.contact.clone(),
        allow_private: config.collect.allow_private,
        socks_proxy: config.collect.socks_proxy.clone(),
        seed: rand::random(),
        ..HttpConfig::default()
    };
    let http = Http::new(&http, Arc::clone(&clock)).map_err(|e| Failure::configuration(e.to_string()))?;
    Ok(Deps { http, clock, kinds: kinds::all(), websub: None })
}

/// How often the state of the sources is written to the data folder, for `streife sources list`.
const HEALTH_INTERVAL: Duration = Duration::from_secs(5);

fn health_file(paths: &Paths) -> PathBuf {
    paths.data.join("sources.health.json")
}

/// What the collecting process last wrote, by source; empty where none has run.
pub(crate) fn last_health(paths: &Paths) -> serde_json::Map<String, serde_json::Value> {
    let text = std::fs::read(health_file(paths)).unwrap_or_default();
    serde_json::from_slice(&text).unwrap_or_default()
}

/// Writes the state of the sources again and again, until `stop`.
pub(crate) async fn write_health(health: HealthBoard, paths: Paths, stop: CancellationToken) {
    let file = health_file(&paths);
    if let Err(error) = create_private(&paths.data) {
        tracing::warn!(%error, folder = %paths.data.display(), "the data folder cannot be made");
    }
    loop {
        let ended = tokio::time::timeout(HEALTH_INTERVAL, stop.cancelled()).await.is_ok();
        let beside = file.with_extension("new");
        let text = serde_json::to_vec(&health.snapshot()).unwrap_or_default();
        let written = std::fs::write(&beside, text).and_then(|()| std::fs::rename(&beside, &file));
        if let Err(error) = written {
            tracing::warn!(%error, file = %file.display(), "the state of the sources cannot be written");
        }
        if ended {
            return;
        }
    }
}

/// Runs all enabled sources until all are finished or `stop`.
pub(crate) async fn work(
    log: Arc<dyn EventLog>,
    config: &Config,
    sources: &[SourceConfig],
    health: HealthBoard,
    stop: CancellationToken,
) -> Result<Outcome, Failure> {
    let told = problems(sources);
    if !told.is_empty() {
        return Err(Failure::configuration(told.join("\n")));
    }
    let mut deps = deps(config, open::clock())?;
    let mut hearing =
        websub::Listening::open(config, sources, &mut deps).await?.map(|listening| listening.start(&stop));
    let mut looking = None;
    let sink: Arc<dyn Sink> = match pictures::open(&log, config, sources, &deps).await? {
        None => Arc::new(LogSink::new(Arc::clone(&log))),
        Some((sink, worker)) => {
            looking = Some(tokio::spawn(worker.run(stop.clone())));
            Arc::new(sink)
        }
    };
    let cursors = Arc::new(LogCursors::new(log));
    let mut running = JoinSet::new();
    for source in sources.iter().filter(|source| source.enabled) {
        let Some(kind) = kinds::find(&source.kind) else { continue };
        let connector = match (kind.connect)(source, &deps) {
            Ok(connector) => connector,
            // One source that cannot start (an agreement is missing, a secret) must not stop the others.
            Err(error) => {
                tracing::error!("{error}");
                health.update(&source.name, |state| {
                    state.kind = source.kind.clone();
                    state.error = Some(error.message.clone());
                });
                continue;
            }
        };
        let options = RunOptions {
            name: source.name.clone(),
            kind: kind.name,
            interval: source.interval(),
            clock: open::clock(),
            health: health.clone(),
            seed: rand::random(),
        };
        let (sink, cursors, stop) = (Arc::clone(&sink), Arc::clone(&cursors), stop.clone());
        running.spawn(async move { run_source(connector, options, &*sink, &*cursors, stop).await });
    }
    while let Some(ended) = running.join_next().await {
        ended?.map_err(|e| Failure::upstream(e.to_string()))?;
    }
    // No source is left that a hub could tell anything.
    if let Some(hearing) = hearing.as_mut() {
        hearing.shutdown().await;
    }
    // What waits is looked at within its time.
    drop(sink);
    if let Some(looking) = looking {
        looking.await?;
    }
    Ok(Outcome::Fine)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What a template leaves to the operator: a secret, an agreement.
    fn is_for_the_operator(message: &str) -> bool {
        ["environment variable", "secret file", "not licensed"].iter().any(|known| message.contains(known))
    }

    #[tokio::test]
    async fn every_kind_has_a_template_whose_settings_its_connector_takes() {
        let deps = deps(&Config::default(), open::clock()).unwrap();
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../config/sources");
        let mut seen = std::collections::BTreeSet::new();
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_none_or(|e| e != "toml") {
                continue;
            }
            let config: Config = toml::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            assert_eq!(problems(&config.source), Vec::<String>::new(), "{}", path.display());
            for source in &config.source {
                let kind = kinds::find(&source.kind).unwrap();
                seen.insert(kind.name);
                if let Err(error) = (kind.connect)(source, &deps) {
                    assert!(is_for_the_operator(&error.to_string()), "{}: {error}", path.display());
                }
            }
        }
        // Files are read by the kind `archive`, whatever is in them.
        let live = kinds::all().iter().map(|kind| kind.name).filter(|name| !FILE_KINDS.contains(name));
        let missing: Vec<_> = live.filter(|name| !seen.contains(name)).collect();
        assert!(missing.is_empty(), "no template: {missing:?}");
    }
}
