//! `streife up`: everything in one process on the embedded log and the embedded ClickHouse.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::Serialize;
use streife_log::EventLog;
use streife_runtime::{names, score, store as store_worker, windows};
use streife_sdk::{HealthBoard, MediaSettings, SourceConfig};
use streife_store::Store;
use streife_store::queries::{Summary, SummaryScope};
use tokio_util::sync::CancellationToken;

use super::engine_process::EngineProcess;
use super::{collect, run_role, score as score_role, store as store_role};
use crate::cli::UpArgs;
use crate::commands::setup;
use crate::config::Config;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::paths::{Paths, create_private};
use crate::say::{self, tr};
use crate::{open, telemetry};

/// How often progress towards the end of a replay is checked.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);
/// How often the log's retention is applied.
const RETAIN_INTERVAL: Duration = Duration::from_secs(600);

pub(crate) fn run(args: &UpArgs, json: bool) -> CommandResult {
    let temporary = temporary_data(args)?;
    let data = args.data.clone().or_else(|| temporary.clone());
    telemetry::start_logging(if args.once { "warn" } else { telemetry::DEFAULT_FILTER });
    let args = args.clone();
    let result = run_role(args.config.config.clone().as_deref(), data.as_deref(), |mut role| async move {
        if let Some(listen) = args.listen {
            role.config.desk.listen = listen;
        }
        setup::ensure(&role.paths)?;
        let site = Site::start(&role.config, &role.paths, args.once, role.stop.clone()).await?;
        role.ready.set();
        let outcome = if args.once {
            site.replay_once(&role.config, &replay_source(&args, &role.paths), json).await
        } else {
            site.serve(&args, &role.config, &role.paths).await
        };
        site.end().await;
        outcome
    });
    if let Some(folder) = temporary {
        let _ = std::fs::remove_dir_all(folder);
    }
    result
}

/// `--once` without `--data` leaves nothing behind.
fn temporary_data(args: &UpArgs) -> Result<Option<PathBuf>, Failure> {
    if args.data.is_some() || !args.once {
        return Ok(None);
    }
    let folder = std::env::temp_dir().join(format!("streife-once-{}", std::process::id()));
    create_private(&folder)?;
    Ok(Some(folder))
}

fn replay_source(args: &UpArgs, paths: &Paths) -> SourceConfig {
    let path = args.replay.clone().unwrap_or_else(|| paths.sample.clone());
    let mut settings = toml::Table::new();
    settings.insert("path".to_owned(), toml::Value::String(path.display().to_string()));
    SourceConfig {
        name: "replay".to_owned(),
        kind: "archive".to_owned(),
        enabled: true,
        legal: None,
        legal_gate: None,
        interval_secs: 1,
        media: MediaSettings::default(),
        settings,
    }
}

/// Runs the whole site once over the bundled sample in a temporary folder, then `body` over what it stored.
pub(crate) fn over_sample<F, Fut>(body: F) -> CommandResult
where
    F: FnOnce(Arc<Store>, Config, Paths) -> Fut,
    Fut: Future<Output = CommandResult>,
{
    let args = UpArgs {
        data: None,
        listen: None,
        config: crate::cli::ConfigArg::default(),
        replay: None,
        live: false,
        once: true,
    };
    let temporary = temporary_data(&args)?;
    telemetry::start_logging("warn");
    let result = run_role(None, temporary.as_deref(), |role| async move {
        setup::ensure(&role.paths)?;
        let site = Site::start(&role.config, &role.paths, true, role.stop.clone()).await?;
        let outcome = match site.replay(&role.config, &replay_source(&args, &role.paths)).await {
            Ok(()) => body(Arc::clone(&site.store), role.config, role.paths).await,
            Err(failure) => Err(failure),
        };
        site.end().await;
        outcome
    });
    if let Some(folder) = temporary {
        let _ = std::fs::remove_dir_all(folder);
    }
    result
}

/// The running parts.
struct Site {
    engine: Option<EngineProcess>,
    log: Arc<dyn EventLog>,
    store: Arc<Store>,
    stop: CancellationToken,
    workers: tokio::task::JoinSet<Result<Outcome, Failure>>,
}

impl Site {
    async fn start(
        config: &Config,
        paths: &Paths,
        quiet: bool,
        stop: CancellationToken,
    ) -> Result<Self, Failure> {
        create_private(&paths.data)
            .map_err(|e| Failure::configuration(format!("creating {}: {e}", paths.data.display())))?;
        let (engine, store) = if config.clickhouse.url.is_some() {
            (None, open::store(config)?)
        } else {
            let engine = EngineProcess::start(&paths.data.join("clickhouse"), quiet).await?;
            let store =
                Store::connect(engine.store_config()).map_err(|e| Failure::upstream(e.to_string()))?;
            (Some(engine), Arc::new(store))
        };
        store_role::prepare(&store, config).await?;
        let mut workers = tokio::task::JoinSet::new();
        let log: Arc<dyn EventLog> = if config.log.kind == crate::config::LogKind::Embedded {
            let embedded = Arc::new(open::embedded_log(paths)?);
            open::ensure_topics(&*embedded, config).await?;
            let (retained, stopped) = (Arc::clone(&embedded), stop.clone());
            workers.spawn(async move {
                loop {
                    tokio::select! {
                        () = stopped.cancelled() => return Ok(Outcome::Fine),
                        () = tokio::time::sleep(RETAIN_INTERVAL) => {}
                    }
                    if let Err(error) = retained.retain(open::clock().now()).await {
                        tracing::warn!(%error, "retention of the log");
                    }
                }
            });
            embedded
        } else {
            open::log(config, paths).await?
        };
        let analyser = score_role::analyser(config, paths)?;
        let pseudonyms = open::pseudonym_key(paths)?;
        {
            let (log, config, paths, stop) = (Arc::clone(&log), config.clone(), paths.clone(), stop.clone());
            workers.spawn(
                async move { score_role::work(log, analyser, pseudonyms, &config, &paths, stop).await },
            );
        }
        {
            let (log, store, config, stop) =
                (Arc::clone(&log), Arc::clone(&store), config.clone(), stop.clone());
            workers.spawn(async move { store_role::work(log, store, &config, stop).await });
        }
        Ok(Self { engine, log, store, stop, workers })
    }

    /// Replays, waits until every record has been stored, prints the summary.
    async fn replay_once(
        &self,
        config: &Config,
        source: &SourceConfig,
        json: bool,
    ) -> Result<Outcome, Failure> {
        let started = Instant::now();
        self.replay(config, source).await?;
        let summary =
            self.store.summary(&SummaryScope::All).await.map_err(|e| Failure::upstream(e.to_string()))?;
        print_summary(&summary, started.elapsed(), json)?;
        let balanced = summary.accepted
            == summary.stored + summary.dropped.values().sum::<u64>() + summary.dead.values().sum::<u64>();
        Ok(Outcome::fine_if(balanced))
    }

    /// Replays and waits until every record has been stored.
    async fn replay(&self, config: &Config, source: &SourceConfig) -> Result<(), Failure> {
        collect::work(
            Arc::clone(&self.log),
            config,
            std::slice::from_ref(source),
            HealthBoard::default(),
            self.stop.clone(),
        )
        .await?;
        while !all_stored(&*self.log).await? {
            if self.stop.is_cancelled() {
                return Err(Failure::upstream(
                    "a worker stopped before all was stored; see the messages above".to_owned(),
                ));
            }
            tokio::time::sleep(PROGRESS_INTERVAL).await;
        }
        Ok(())
    }

    /// Collects and serves the desk until asked to stop.
    async fn serve(&self, args: &UpArgs, config: &Config, paths: &Paths) -> Result<Outcome, Failure> {
        let health = HealthBoard::default();
        let sources = if args.live { live_sources(config)? } else { vec![replay_source(args, paths)] };
        let collecting = {
            let (log, config, health, stop) =
                (Arc::clone(&self.log), config.clone(), health.clone(), self.stop.clone());
            tokio::spawn(async move { collect::work(log, &config, &sources, health, stop).await })
        };
        let writing = tokio::spawn(collect::write_health(health.clone(), paths.clone(), self.stop.clone()));
        let demo = !args.live && config.source.is_empty();
        let desk = super::desk::serve(
            Arc::clone(&self.store),
            Arc::clone(&self.log),
            config,
            paths,
            health,
            demo,
            self.stop.clone(),
        )
        .await;
        self.stop.cancel();
        collecting.await??;
        writing.await?;
        desk
    }

    async fn end(mut self) {
        self.stop.cancel();
        while let Some(ended) = self.workers.join_next().await {
            match ended {
                Ok(Ok(_)) => {}
                Ok(Err(failure)) => tracing::error!("{:#}", failure.error),
                Err(error) => tracing::error!(%error, "a worker panicked"),
            }
        }
        drop(self.store);
        drop(self.log);
        if let Some(engine) = self.engine {
            engine.stop().await;
        }
    }
}

/// Has every record been scored, and every outcome been stored?
pub(crate) async fn all_stored(log: &dyn EventLog) -> Result<bool, Failure> {
    let behind = |group: &'static str, topic: &'static str| async move {
        let ends = log.bounds(topic).await?;
        let committed = log.committed(group, topic).await?;
        Ok::<bool, streife_log::LogError>(
            ends.iter().zip(committed).any(|((first, end), next)| next.unwrap_or(*first) < *end),
        )
    };
    if behind(score::GROUP, names::RAW).await.map_err(|e| Failure::upstream(e.to_string()))? {
        return Ok(false);
    }
    // Before the flagged topic: what a window flags goes there.
    if behind(windows::GROUP, names::WINDOWED).await.map_err(|e| Failure::upstream(e.to_string()))? {
        return Ok(false);
    }
    for topic in [names::SCORED, names::FLAGGED, names::DEAD] {
        if behind(store_worker::GROUP, topic).await.map_err(|e| Failure::upstream(e.to_string()))? {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The configured sources, else the shipped default set.
fn live_sources(config: &Config) -> Result<Vec<SourceConfig>, Failure> {
    const DEFAULT: &str = include_str!("../../../../config/sources/default.toml");
    if !config.source.is_empty() {
        return Ok(config.source.clone());
    }
    crate::config::read(DEFAULT, &[]).map(|config| config.source).map_err(|problems| {
        Failure::configuration(problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("\n"))
    })
}

#[derive(Serialize)]
struct OnceSummary<'a> {
    accepted: u64,
    stored: u64,
    dropped: &'a std::collections::BTreeMap<String, u64>,
    dead: u64,
    flagged: u64,
    seconds: f64,
    cpu_seconds: f64,
}

pub(crate) fn print_summary(summary: &Summary, elapsed: Duration, json: bool) -> Result<(), Failure> {
    let dead: u64 = summary.dead.values().sum();
    let seconds = (elapsed.as_secs_f64() * 1_000.0).round() / 1_000.0;
    if json {
        say::json(&OnceSummary {
            accepted: summary.accepted,
            stored: summary.stored,
            dropped: &summary.dropped,
            dead,
            flagged: summary.flagged_posts,
            seconds,
            cpu_seconds: crate::cost::cpu_seconds(),
        })?;
        return Ok(());
    }
    let dropped: u64 = summary.dropped.values().sum();
    say::line(&format!(
        "{} {}: {} {}, {} {}, {} {}; {} {}. {seconds} s",
        summary.accepted,
        tr("angenommen", "accepted"),
        summary.stored,
        tr("gespeichert", "stored"),
        dropped,
        tr("verworfen", "dropped"),
        dead,
        tr("unlesbar", "dead"),
        summary.flagged_posts,
        tr("gemeldet", "flagged"),
    ));
    for (reason, count) in summary.dropped.iter().chain(&summary.dead) {
        say::line(&format!("  {reason}: {count}"));
    }
    Ok(())
}
