//! `streife bench desk`: two hundred reviewers on one queue of a million flagged posts in the embedded engine, with the
//! case database on disk, over HTTP. Each decides every thirty seconds on average (24,000 decisions an hour); beside them
//! some pages show the queue and look again as often as the desk's script does. Then the same people without a pause.
//!
//! Afterwards the books are read: nothing decided twice, no claim lost, the audit ledger whole. If not, there are no figures.

mod people;
mod posts;

use std::collections::HashMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{Duration, Instant};

use ed25519_dalek::SigningKey;
use streife_cases::ledger::audit_ledger;
use streife_cases::role::Role;
use streife_cases::store::CaseStore;
use streife_cases::workflow::CaseState;
use streife_domain::Timestamp;
use streife_sdk::HealthBoard;
use streife_store::Store;
use streife_web::{DeskParts, DeskState, router};

use self::people::{Person, Worked};
use super::Figure;
use crate::cli::BenchArgs;
use crate::config::Config;
use crate::desk::{Explainer, RuleLab, StoreReader};
use crate::failure::Failure;
use crate::paths::Paths;
use crate::roles::engine_process::EngineProcess;
use crate::{cost, open, roles};

const FLAGGED_POSTS: u64 = 1_000_000;
const REVIEWERS: usize = 200;
/// Pages that show the queue and follow its changes.
const QUEUE_PAGES: usize = 5;
/// Decisions of earlier days that the case database holds.
const EARLIER_DECISIONS: usize = 5_000;
/// Time to look at a post: evenly between nothing and this.
const LONGEST_LOOK: Duration = Duration::from_secs(60);
const WARM_UP: Duration = Duration::from_secs(60);
const MEASURED: Duration = Duration::from_secs(90);
const WITHOUT_PAUSE: Duration = Duration::from_secs(15);
/// A day's budget that leaves the queue page its full length.
const BUDGET: &str = "5000";
const SIGNING_KEY: [u8; 32] = [1; 32];

const GOAL_DECISION_MS: f64 = 100.0;
const GOAL_QUEUE_PAGE_MS: f64 = 50.0;

pub(super) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let folder = tempfile::tempdir()?;
    roles::block_on(measure(folder.path(), args.scale.max(1)))
}

async fn measure(folder: &Path, scale: u32) -> Result<Vec<Figure>, Failure> {
    let engine = EngineProcess::start(&folder.join("clickhouse"), true).await?;
    let store = Arc::new(Store::connect(engine.store_config())?);
    store.migrate().await?;
    let filling = Instant::now();
    posts::fill(&engine.store_config(), FLAGGED_POSTS).await?;
    let filled = filling.elapsed().as_secs_f64();
    let cases = CaseStore::sqlite(folder).await?;
    cases.migrate().await?;
    posts::decide_earlier(&store, &cases, EARLIER_DECISIONS).await?;
    cases.save_settings("site", &[("budget/triage", BUDGET)]).await?;
    let reviewers = people::with_accounts(&cases, "reviewer", Role::Reviewer, REVIEWERS).await?;
    let leads = people::with_accounts(&cases, "lead", Role::Lead, QUEUE_PAGES).await?;
    let site = serve(Arc::clone(&store), cases.clone()).await?;

    let begun = open::clock().now();
    let (cpu, pace) = (cost::cpu_seconds(), scale * MEASURED);
    let paced = work(&site, &reviewers, &leads, LONGEST_LOOK, WARM_UP, pace).await?;
    let cpu = cost::cpu_seconds() - cpu;
    let rushed = work(&site, &reviewers, &[], Duration::ZERO, Duration::ZERO, WITHOUT_PAUSE).await?;
    check_the_books(&cases, begun, &[&paced, &rushed]).await?;
    engine.stop().await;

    let decisions = paced.decisions.len() as f64;
    // Those of the warm-up took CPU time too.
    let all = paced.decided.len() as f64;
    Ok(vec![
        Figure::new("flagged posts", FLAGGED_POSTS as f64, "posts"),
        Figure::new("making and storing them", filled, "s"),
        Figure::new("reviewers on one queue", REVIEWERS as f64, "people"),
        Figure::new("decisions", decisions / pace.as_secs_f64(), "a second"),
        Figure::new("decided twice, or claim lost", 0.0, "posts"),
        Figure::new(
            "given nothing though posts wait",
            (paced.empty_hands + rushed.empty_hands) as f64,
            "times",
        ),
        Figure::new("a decision and the next claim: half within", at(&paced.decisions, 0.5), "ms"),
        Figure::new("a decision and the next claim: 95 % within", at(&paced.decisions, 0.95), "ms")
            .against("goal", GOAL_DECISION_MS),
        Figure::new("a decision and the next claim: 99 % within", at(&paced.decisions, 0.99), "ms"),
        Figure::new("the post's page: 95 % within", at(&paced.items, 0.95), "ms"),
        Figure::new("queue page: half within", at(&paced.queue_pages, 0.5), "ms"),
        Figure::new("queue page: 95 % within", at(&paced.queue_pages, 0.95), "ms")
            .against("goal", GOAL_QUEUE_PAGE_MS),
        Figure::new("queue page: the slowest", at(&paced.queue_pages, 1.0), "ms"),
        Figure::new("CPU of desk and browsers, pages included, a decision", cpu * 1_000.0 / all, "ms"),
        Figure::new(
            "without a pause: decisions",
            rushed.decisions.len() as f64 / WITHOUT_PAUSE.as_secs_f64(),
            "a second",
        ),
        Figure::new("without a pause: a decision, 95 % within", at(&rushed.decisions, 0.95), "ms"),
    ])
}

/// The desk on loopback.
async fn serve(store: Arc<Store>, cases: CaseStore) -> Result<String, Failure> {
    let paths = Paths::new(&Config::default(), None);
    let explainer = Explainer::new(&paths.models, &paths.parts, "cpu");
    let reader =
        Arc::new(StoreReader::new(Arc::clone(&store), HealthBoard::default(), Vec::new(), explainer));
    let lab = Arc::new(RuleLab::new(&paths.rules, store));
    let desk = DeskState::with_access(
        DeskParts {
            cases,
            reader: reader.clone(),
            figures: reader,
            rules: lab.clone(),
            history: lab,
            sealer: None,
            clock: open::clock(),
            signing_key: SIGNING_KEY,
            secure_cookies: false,
            demo: Vec::new(),
        },
        streife_web::Access::default(),
    );
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await?;
    let url = format!("http://{}", listener.local_addr()?);
    tokio::spawn(async move { axum::serve(listener, router(desk)).await });
    Ok(url)
}

/// Lets everybody work for `warm_up` and then for `measured`; what came after the warm-up is in the result.
async fn work(
    site: &str,
    reviewers: &[Person],
    leads: &[Person],
    longest_look: Duration,
    warm_up: Duration,
    measured: Duration,
) -> Result<Worked, Failure> {
    let client = people::client()?;
    let from = Instant::now() + warm_up;
    let until = from + measured;
    let mut all = tokio::task::JoinSet::new();
    for person in reviewers.iter().cloned() {
        all.spawn(people::review(client.clone(), site.to_owned(), person, longest_look, from, until));
    }
    for person in leads.iter().cloned() {
        all.spawn(people::watch(client.clone(), site.to_owned(), person, from, until));
    }
    let mut worked = Worked::default();
    while let Some(one) = all.join_next().await {
        worked.add(one??);
    }
    worked.sort();
    Ok(worked)
}

/// Every accepted decision is in the case database once and on another post than all others; who was given a post
/// still holds it; and the audit ledger is whole.
async fn check_the_books(cases: &CaseStore, since: Timestamp, worked: &[&Worked]) -> Result<(), Failure> {
    let accepted: Vec<&String> = worked.iter().flat_map(|worked| &worked.decided).collect();
    let mut by_post: HashMap<String, usize> = HashMap::new();
    for decision in cases.decisions(since, i64::MAX).await? {
        *by_post.entry(decision.post_id).or_default() += 1;
    }
    let twice = by_post.values().filter(|times| **times > 1).count();
    let unknown = accepted.iter().filter(|post| !by_post.contains_key(**post)).count();
    if twice > 0 || unknown > 0 || by_post.len() != accepted.len() {
        return Err(broken(format!(
            "{} accepted decisions, {} in the case database, {twice} posts decided twice, {unknown} decisions lost",
            accepted.len(),
            by_post.len()
        )));
    }
    let refused: Vec<&String> = worked.iter().flat_map(|worked| &worked.refused).collect();
    let mut taken = 0;
    for (person, post) in worked.last().iter().flat_map(|worked| &worked.held) {
        let case = cases.case_of_post(post).await?;
        let holder = case.filter(|case| case.state == CaseState::Claimed).and_then(|case| case.holder);
        taken += usize::from(holder.as_deref() != Some(person.as_str()));
    }
    if !refused.is_empty() || taken > 0 {
        let refused = refused.len();
        return Err(broken(format!(
            "{refused} decisions on held posts refused, {taken} claims gone at the end"
        )));
    }
    let ledger = audit_ledger(since);
    let faults = cases.verify_ledger(&ledger, &SigningKey::from_bytes(&SIGNING_KEY).verifying_key()).await?;
    if let Some(fault) = faults.first() {
        return Err(broken(fault.to_string()));
    }
    Ok(())
}

fn broken(what: String) -> Failure {
    anyhow::anyhow!("the books do not balance: {what}").into()
}

/// A quantile of sorted durations, in milliseconds.
fn at(sorted: &[Duration], share: f64) -> f64 {
    let place = ((sorted.len() as f64 * share) as usize).min(sorted.len().saturating_sub(1));
    sorted.get(place).map_or(f64::NAN, |duration| duration.as_secs_f64() * 1_000.0)
}
