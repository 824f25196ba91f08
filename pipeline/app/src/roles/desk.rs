//! `streife desk`: the web desk over ClickHouse and the case database.

use std::sync::Arc;

use streife_cases::store::{CaseStore, RuleBook};
use streife_log::EventLog;
use streife_referral::Evidence;
use streife_runtime::{RuleFiles, publish_rules};
use streife_sdk::HealthBoard;
use streife_store::Store;
use streife_web::{DeskParts, DeskState, create_demo_accounts, router};
use tokio_util::sync::CancellationToken;

use super::{desk_listener, run_role};
use crate::cli::RoleArgs;
use crate::config::Config;
use crate::desk::access;
use crate::desk::evidence::{Handovers, MailCarrier, open_evidence};
use crate::desk::{Explainer, RuleLab, Sealer, StoreReader};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::paths::{Paths, create_private};
use crate::{open, telemetry};

/// How often the desk looks for new flagged posts; open pages are told at once when there are any.
pub(crate) const NEWS_INTERVAL: std::time::Duration = std::time::Duration::from_millis(250);
/// How often expired leases return to the queue.
const TICK: std::time::Duration = std::time::Duration::from_secs(1);
/// How many ticks lie between two times that open pages are told to look again, news or not: ages and budgets move on.
const TICKS_PER_REFRESH: u64 = 15;
/// How often suspected posts are looked for that wait to be secured.
const EVIDENCE_TICK: std::time::Duration = std::time::Duration::from_secs(2);
/// Once a day, and at the start, time stamps are looked through for those that end soon.
const TICKS_PER_RENEWAL: u64 = 43_200;
/// How many ticks lie between two countings of the cases for the metrics.
const TICKS_PER_COUNT: u64 = 30;
/// How many ticks lie between two looks for cases whose review date has come.
const TICKS_PER_DEADLINES: u64 = 60;
/// How often the rule book is looked at for changes.
const PUBLISH_INTERVAL: std::time::Duration = std::time::Duration::from_millis(250);

pub(crate) fn run(args: &RoleArgs) -> CommandResult {
    run_role(args.config.config.as_deref(), args.data.as_deref(), |role| async move {
        let store = open::store(&role.config)?;
        let log = role.log().await?;
        role.once_reached("case database", || prepare(&role.config, &role.paths)).await?;
        role.ready.set();
        serve(store, log, &role.config, &role.paths, HealthBoard::default(), false, role.stop).await
    })
}

/// Opens the case database: PostgreSQL by address, else SQLite in the data folder.
pub(crate) async fn open_cases(config: &Config, paths: &Paths) -> Result<CaseStore, Failure> {
    let cases = match &config.desk.database_url {
        Some(secret) => {
            let url = secret.read("desk.database_url").map_err(|e| Failure::configuration(e.to_string()))?;
            CaseStore::connect(url.expose()).await
        }
        None => {
            create_private(&paths.data)?;
            CaseStore::sqlite(&paths.data).await
        }
    };
    cases.map_err(failure)
}

/// Brings the case database to this version.
async fn prepare(config: &Config, paths: &Paths) -> Result<(), Failure> {
    open_cases(config, paths).await?.migrate().await.map(|_| ()).map_err(failure)
}

/// Out of reach is for later; a refusal is for a person.
fn failure(error: streife_cases::store::StoreError) -> Failure {
    Failure::of_server(error.is_transient(), error)
}

/// The key that signs checkpoints of the ledgers; made on first use, readable by its owner alone.
pub(crate) fn signing_key(paths: &Paths) -> anyhow::Result<[u8; 32]> {
    let path = paths.data.join("signing.key");
    if !path.exists() {
        open::write_secret(&path, &hex::encode(rand::random::<[u8; 32]>()))?;
    }
    hex::decode(std::fs::read_to_string(&path)?.trim())?
        .try_into()
        .map_err(|_| anyhow::anyhow!("{}: not 64 hex digits", path.display()))
}

/// Serves until `stop`. In a demonstration every role has an account, shown on the log-in page.
pub(crate) async fn serve(
    store: Arc<Store>,
    log: Arc<dyn EventLog>,
    config: &Config,
    paths: &Paths,
    health: HealthBoard,
    demo: bool,
    stop: CancellationToken,
) -> Result<Outcome, Failure> {
    let clock = open::clock();
    let cases = open_cases(config, paths).await?;
    cases.migrate().await.map_err(failure)?;
    let accounts =
        if demo { create_demo_accounts(&cases, clock.now()).await.map_err(failure)? } else { Vec::new() };
    let signing_key = signing_key(paths)?;
    let evidence =
        Arc::new(open_evidence(Arc::clone(&store), cases.clone(), config, paths, signing_key, demo)?);
    let reader = Arc::new(StoreReader::new(
        Arc::clone(&store),
        health,
        config.source.clone(),
        Explainer::new(&paths.models, &paths.parts, &config.scoring.device),
    ));
    let lab = Arc::new(RuleLab::new(&paths.rules, Arc::clone(&store)));
    let alerts = access::alerts(config)?;
    cases.set_alert_targets(&alerts.names()).await.map_err(failure)?;
    let parts = DeskParts {
        cases: cases.clone(),
        reader: reader.clone(),
        figures: reader,
        rules: lab.clone(),
        history: lab,
        sealer: Some(Arc::new(Sealer {
            evidence: Arc::clone(&evidence),
            handover: Handovers::new(config, paths, demo)?,
        })),
        clock: Arc::clone(&clock),
        signing_key,
        secure_cookies: config.desk.is_https(),
        demo: accounts,
    };
    let desk = DeskState::with_access(parts, access::access(config, &paths.parts)?);
    let counting = desk.clone();
    telemetry::also_show(move || counting.metrics_text());
    let ticking = tokio::spawn(tick(desk.clone(), cases.clone(), Arc::clone(&clock), stop.clone()));
    let telling = tokio::spawn(tell_news(desk.clone(), store, stop.clone()));
    let delivering = tokio::spawn(access::deliver(alerts, cases.clone(), Arc::clone(&clock), stop.clone()));
    let mailing = MailCarrier::new(config, paths)?.map(|carrier| tokio::spawn(carrier.run(stop.clone())));
    let publishing = tokio::spawn(publish_rule_book(log, cases, stop.clone()));
    let securing = tokio::spawn(secure(evidence, desk.clone(), stop.clone()));
    let served = desk_listener::serve(&config.desk, router(desk), stop).await;
    ticking.abort();
    telling.abort();
    publishing.abort();
    delivering.abort();
    securing.abort();
    if let Some(mailing) = mailing {
        mailing.abort();
    }
    served.map(|()| Outcome::Fine)
}

/// Carries the rule book to the score workers: whenever it changed, and once at the start.
async fn publish_rule_book(log: Arc<dyn EventLog>, cases: CaseStore, stop: CancellationToken) {
    let book = cases.rule_book();
    let mut carried = None;
    loop {
        match book.revision().await {
            Ok(revision) if carried == Some(revision) => {}
            Ok(_) => match publish_once(&*log, &book).await {
                Ok(revision) => carried = Some(revision),
                Err(error) => tracing::warn!("rules of the desk do not reach the workers yet: {error:#}"),
            },
            Err(error) => tracing::warn!(%error, "the rule book cannot be read"),
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(PUBLISH_INTERVAL) => {}
        }
    }
}

async fn publish_once(log: &dyn EventLog, book: &RuleBook) -> anyhow::Result<i64> {
    let (revision, files) = book.published().await?;
    let files: RuleFiles = files.into_iter().map(|file| (file.path, file.yaml)).collect();
    let changed = publish_rules(log, &files).await?;
    if changed > 0 {
        tracing::info!(changed, revision, "rules of the desk published to the score workers");
    }
    Ok(revision)
}

/// Tells open pages when something was flagged. A database that does not answer is the pages' to report.
async fn tell_news(desk: DeskState, store: Arc<Store>, stop: CancellationToken) {
    let mut seen = None;
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(NEWS_INTERVAL) => {}
        }
        if let Ok(rows) = store.flagged_rows().await
            && seen.replace(rows) != Some(rows)
        {
            desk.announce("queue");
        }
    }
}

async fn tick(
    desk: DeskState,
    cases: CaseStore,
    clock: Arc<dyn streife_domain::Clock>,
    stop: CancellationToken,
) {
    for ticks in 0u64.. {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(TICK) => {}
        }
        if ticks % TICKS_PER_COUNT == 0
            && let Ok(states) = cases.states().await
        {
            crate::telemetry::DESK_CASES.reset();
            for (state, count) in states {
                crate::telemetry::DESK_CASES.with_label_values(&[&state]).set(count);
            }
        }
        if ticks % TICKS_PER_DEADLINES == 0
            && let Err(error) = cases.reach_deadlines(clock.now()).await
        {
            tracing::warn!(%error, "cases whose review date has come are not put up for review");
        }
        let returned = cases.expire_leases(clock.now()).await;
        if let Err(error) = &returned {
            tracing::warn!(%error, "expired leases are not returned");
        }
        if ticks % TICKS_PER_REFRESH == 0 || returned.is_ok_and(|posts| !posts.is_empty()) {
            desk.announce("queue");
        }
    }
}

/// Secures what is suspected, goes on asking for time stamps, makes the packages that wait, and renews time stamps
/// that end soon. What fails stands in the status of its case and is tried again.
async fn secure(evidence: Arc<Evidence>, desk: DeskState, stop: CancellationToken) {
    for ticks in 0u64.. {
        match evidence.work().await {
            Ok(0) => {}
            Ok(_) => desk.announce("cases"),
            Err(error) => tracing::warn!(%error, "evidence is not secured"),
        }
        if ticks % TICKS_PER_RENEWAL == 0
            && let Err(error) = evidence.renew_due().await
        {
            tracing::warn!(%error, "time stamps that end soon are not renewed");
        }
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(EVIDENCE_TICK) => {}
        }
    }
}
