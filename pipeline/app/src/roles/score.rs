//! `streife score`: the worker that scores, on CPU or GPU.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use streife_domain::{LegalLabel, PseudonymKey};
use streife_log::EventLog;
use streife_runtime::score::{ScoreError, ScoreOptions, ScoreWorker};
use streife_runtime::windows::WindowWorker;
use streife_runtime::{Analyser, Backoff, RuleFiles, RuleFollower};
use tokio_util::sync::CancellationToken;

use super::model_swap::{self, ModelSource};
use super::run_role;
use crate::cli::ScoreArgs;
use crate::config::Config;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::open;
use crate::paths::Paths;

/// How often the rules in the folder and in the log are looked at for changes.
const RULES_INTERVAL: Duration = Duration::from_millis(250);

pub(crate) fn run(args: &ScoreArgs) -> CommandResult {
    let device = args.device.clone();
    run_role(args.role.config.config.as_deref(), args.role.data.as_deref(), |mut role| async move {
        if let Some(device) = device {
            role.config.scoring.device = device;
        }
        let log = role.log().await?;
        let analyser = analyser(&role.config, &role.paths)?;
        let pseudonyms = open::pseudonym_key(&role.paths)?;
        role.ready.set();
        work(log, analyser, pseudonyms, &role.config, &role.paths, role.stop).await
    })
}

/// Opens models and rules of the configuration.
pub(crate) fn analyser(config: &Config, paths: &Paths) -> Result<Analyser, Failure> {
    open::analyser(&ModelSource::new(config, paths)?.choice(), open::rules_for_role(&paths.rules)?)
}

/// Scores until `stop`; rules and models are swapped between batches when their files change.
pub(crate) async fn work(
    log: Arc<dyn EventLog>,
    analyser: Analyser,
    pseudonyms: PseudonymKey,
    config: &Config,
    paths: &Paths,
    stop: CancellationToken,
) -> Result<Outcome, Failure> {
    let analyser = Arc::new(ArcSwap::from_pointee(analyser));
    let legal: HashMap<String, LegalLabel> = config
        .source
        .iter()
        .filter_map(|source| Some((source.name.clone(), source.legal.clone()?)))
        .collect();
    let options = ScoreOptions {
        max_batch_records: config.scoring.batch_records,
        threads: config.scoring.threads.unwrap_or_else(open::cores),
        legal: Arc::new(legal),
        backoff: Backoff::default(),
    };
    let source = ModelSource::new(config, paths)?;
    let watching = tokio::spawn(follow_rules(
        Arc::clone(&log),
        paths.rules.clone(),
        Arc::clone(&analyser),
        stop.clone(),
    ));
    let swapping = tokio::spawn(model_swap::follow(source, Arc::clone(&analyser), stop.clone()));
    let windows =
        WindowWorker { log: Arc::clone(&log), analyser: Arc::clone(&analyser), backoff: Backoff::default() };
    let windows = tokio::spawn(windows.run(stop.clone()));
    let worker = ScoreWorker { log, analyser, pseudonyms, clock: open::clock(), options };
    let result = worker.run(stop.clone()).await;
    stop.cancel();
    let _ = (watching.await, swapping.await);
    match windows.await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::error!(%error, "window rules stopped"),
        Err(error) => tracing::error!(%error, "window rules stopped"),
    }
    result.map(|()| Outcome::Fine).map_err(|error| match error {
        ScoreError::TooManyDead(_) => Failure::configuration(error.to_string()),
        other => Failure::upstream(other.to_string()),
    })
}

/// Follows the rules of the folder and those that the desk published into the log; a change is compiled beside the
/// running set and swapped in with one pointer. A set in which a rule is broken goes live without that rule, which is
/// named. While neither folder nor log can be read, the old set stays.
async fn follow_rules(
    log: Arc<dyn EventLog>,
    folder: std::path::PathBuf,
    analyser: Arc<ArcSwap<Analyser>>,
    stop: CancellationToken,
) {
    let mut follower = RuleFollower::new(log);
    let mut published = RuleFiles::new();
    let mut known = open::rule_files(&folder).unwrap_or_default();
    loop {
        match follower.changed().await {
            Ok(Some(files)) => published = files,
            Ok(None) => {}
            Err(error) => tracing::warn!(%error, "published rules cannot be read, the old set stays"),
        }
        let looked = folder.clone();
        if let Ok(Ok(in_folder)) = tokio::task::spawn_blocking(move || open::rule_files(&looked)).await {
            // Published first: of two rules with one name the first counts, so the desk can pause or replace a
            // rule of the folder.
            let files: Vec<_> = published.clone().into_iter().chain(in_folder).collect();
            if files != known {
                known = files.clone();
                match tokio::task::spawn_blocking(move || open::rules_of(&files)).await {
                    Ok(rules) => {
                        // The models may be exchanged at the same moment: neither change may be lost.
                        analyser.rcu(|current| current.with_rules(Arc::clone(&rules)));
                    }
                    Err(error) => tracing::error!(%error, "compiling rules failed, the old set stays"),
                }
            }
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(RULES_INTERVAL) => {}
        }
    }
}
