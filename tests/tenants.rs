//! A tenant's rule on its whole way: written and approved in its rule book, through the log to a score worker, and what it
//! hits into the queue of that tenant and of nobody else.

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use async_trait::async_trait;
use axum::body::{Body, to_bytes};
use axum::http::{Request, StatusCode, header};
use bytes::Bytes;
use streife_cases::role::Role;
use streife_cases::rulebook::{Change, Kind, Text};
use streife_cases::store::{CaseStore, NewUser, TenantRow};
use streife_cases::tenant::Tenant;
use streife_cases::workflow::Actor;
use streife_domain::{
    Clock, Event, EventKind, FlaggedRecord, Identity, ManualClock, PostId, PseudonymKey, Timestamp,
};
use streife_log::{EventLog, MemoryLog};
use streife_rules::{RuleSet, SourceFile};
use streife_runtime::collect::event_record;
use streife_runtime::score::{self, ScoreOptions, ScoreWorker};
use streife_runtime::{
    Analyser, Backoff, Encode, RuleFiles, RuleFollower, names, parse_topics, publish_rules,
};
use streife_scoring::Models;
use streife_text::language::Identifier;
use streife_web::lab::{Installed, NotLive, RuleCheck, RuleReport, RuleText};
use streife_web::reader::{FlaggedItem, FlaggedReader, QueueFilter, ReadError};
use streife_web::sample::SampleReader;
use streife_web::{DeskParts, DeskState, router};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt;

const TODAY: &str = "2026-11-22";
const WORD: &str = "gartenzwerg";
const RULE: &str = "id: w-zwerg\nversion: 1\ntitle: Zwerg\nowner: anna\npurpose: demonstration\nlegal_basis: none\n\
     review_by: 2027-01-31\nseverity: high\nwhen: gartenzwerg\ntests: [{text: gartenzwerg, expect: hit}]\n";

/// Flagged posts as they lie in the log, bound to the sources that are asked for as the store binds them.
struct FromLog(Vec<FlaggedItem>);

#[async_trait]
impl FlaggedReader for FromLog {
    async fn flagged(&self, filter: &QueueFilter, limit: usize) -> Result<Vec<FlaggedItem>, ReadError> {
        let own = self.0.iter().filter(|item| filter.sources.contains(&item.post.source));
        Ok(own.take(limit).cloned().collect())
    }
    async fn item(&self, id: PostId) -> Result<Option<FlaggedItem>, ReadError> {
        Ok(self.0.iter().find(|item| item.post.post_id == id).cloned())
    }
    async fn identity(&self, _: PostId) -> Result<Option<Identity>, ReadError> {
        Ok(None)
    }
}

struct NoCheck;

impl RuleCheck for NoCheck {
    fn check(&self, _: &RuleText, _: bool) -> RuleReport {
        RuleReport::default()
    }
    fn not_live(&self, _: &RuleText, _: &str, _: bool) -> Option<NotLive> {
        None
    }
    fn installed(&self) -> Vec<Installed> {
        Vec::new()
    }
}

/// Three authorities: the house, and two tenants with a source each and a reviewer each.
async fn shared_site(cases: &CaseStore, now: Timestamp) {
    for name in ["nord", "sued"] {
        let tenant = Tenant::parse(name).unwrap();
        let row = TenantRow { tenant, name: name.to_owned(), sources: vec![format!("quelle-{name}")] };
        cases.put_tenant(&row, now).await.unwrap();
    }
    for (user, tenant) in [
        ("haus", Tenant::house()),
        ("nord", Tenant::parse("nord").unwrap()),
        ("sued", Tenant::parse("sued").unwrap()),
    ] {
        let roles = &[Role::Reviewer];
        let new = NewUser { id: user, name: user, roles, password: "", at: now };
        cases.of(&tenant).put_user(&new).await.unwrap();
        cases.open_session(user, &format!("t-{user}"), &format!("c-{user}"), now).await.unwrap();
    }
}

/// Written by one person of nord's, approved by another.
async fn rule_of_nord(cases: &CaseStore, now: Timestamp) {
    let book = cases.of(&Tenant::parse("nord").unwrap());
    let book = book.rule_book();
    let (anna, paul) = (Actor::new("anna", Role::Analyst), Actor::new("paul", Role::RuleApprover));
    let (id, text) = Text::read(Kind::Rule, RULE).unwrap();
    book.apply(Kind::Rule, &id, 0, &anna, Change::Save { text }, now).await.unwrap();
    let report = serde_json::json!({});
    book.apply(Kind::Rule, &id, 1, &anna, Change::Backtest { report }, now).await.unwrap();
    book.apply(Kind::Rule, &id, 1, &anna, Change::Ask, now).await.unwrap();
    let approve = Change::Approve { note: String::new() };
    book.apply(Kind::Rule, &id, 1, &paul, approve, now).await.unwrap();
}

async fn publish(cases: &CaseStore, log: &MemoryLog) {
    let (_, files) = cases.rule_book().published().await.unwrap();
    let files: RuleFiles = files.into_iter().map(|file| (file.path, file.yaml)).collect();
    publish_rules(log, &files).await.unwrap();
}

fn compiled(files: &RuleFiles) -> Arc<RuleSet> {
    let files: Vec<SourceFile<'_>> = files.iter().map(|(path, text)| SourceFile { path, text }).collect();
    let compiled = RuleSet::compile(&files, TODAY);
    let errors = compiled.problems.iter().filter(|problem| problem.is_error());
    assert_eq!(errors.count(), 0, "{:?}", compiled.problems);
    Arc::new(compiled.set)
}

/// What a worker makes of everything that lies in the log.
async fn score(log: &Arc<MemoryLog>, clock: &Arc<ManualClock>, rules: Arc<RuleSet>) -> Vec<FlaggedItem> {
    let identifier = Arc::new(Identifier::rules_only());
    let analyser = Analyser::new(identifier, Arc::new(Models::off()), rules, Encode::None);
    let worker = ScoreWorker {
        log: log.clone(),
        analyser: Arc::new(ArcSwap::from_pointee(analyser)),
        pseudonyms: PseudonymKey::new([7; 32]),
        clock: clock.clone(),
        options: ScoreOptions {
            max_batch_records: 100,
            threads: NonZeroUsize::MIN,
            legal: Arc::default(),
            backoff: Backoff::default(),
        },
    };
    let stop = CancellationToken::new();
    let running = tokio::spawn({
        let stop = stop.clone();
        async move { worker.run(stop).await.unwrap() }
    });
    loop {
        let ends = log.bounds(names::RAW).await.unwrap();
        let committed = log.committed(score::GROUP, names::RAW).await.unwrap();
        if ends.iter().zip(committed).all(|((first, end), next)| next.unwrap_or(*first) >= *end) {
            break;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    stop.cancel();
    running.await.unwrap();
    let mut items = Vec::new();
    let mut visit = |message: streife_log::Message| {
        let record: FlaggedRecord = serde_json::from_slice(&message.record.value).unwrap();
        items.push(FlaggedItem {
            platforms: vec![record.post.platform.clone()],
            post: record.post,
            verdict: record.verdict,
            media: record.media,
            reach: record.reach,
            legal: record.legal,
            copies: 1,
            changes: Vec::new(),
            marks: Vec::new(),
            thread: Vec::new(),
        });
    };
    log.read_all(names::FLAGGED, &mut visit).await.unwrap();
    items
}

async fn queue_of(
    cases: &CaseStore,
    clock: &Arc<ManualClock>,
    items: Vec<FlaggedItem>,
    user: &str,
) -> String {
    let sample = Arc::new(SampleReader::new(clock.now()));
    let app = router(DeskState::new(DeskParts {
        cases: cases.clone(),
        reader: Arc::new(FromLog(items)),
        figures: sample.clone(),
        rules: Arc::new(NoCheck),
        history: sample,
        sealer: None,
        clock: clock.clone(),
        signing_key: [5; 32],
        secure_cookies: true,
        demo: Vec::new(),
    }));
    let cookie = format!("streife_session=t-{user}");
    let request = Request::get("/queue").header(header::COOKIE, cookie).body(Body::empty()).unwrap();
    let response = app.oneshot(request).await.unwrap();
    assert_eq!(response.status(), StatusCode::OK, "{user}");
    String::from_utf8(to_bytes(response.into_body(), usize::MAX).await.unwrap().to_vec()).unwrap()
}

#[tokio::test]
async fn a_tenants_rule_goes_from_its_book_to_its_queue_and_to_nobody_elses() {
    let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-11-22T12:00:00Z").unwrap()));
    let folder = tempfile::tempdir().unwrap();
    let cases = CaseStore::sqlite(folder.path()).await.unwrap();
    cases.migrate().await.unwrap();
    shared_site(&cases, clock.now()).await;
    let log = Arc::new(MemoryLog::with_clock(clock.clone()));
    let mut topics = parse_topics(include_str!("../schemas/topics.toml"), 1).unwrap();
    topics.iter_mut().for_each(|topic| topic.partitions = 1);
    log.ensure_topics(&topics).await.unwrap();
    let mut follower = RuleFollower::new(log.clone());

    // A draft reaches no worker; what a second person approved does.
    publish(&cases, &log).await;
    let before = follower.changed().await.unwrap().unwrap();
    assert!(before.values().all(|text| !text.contains(WORD)));
    rule_of_nord(&cases, clock.now()).await;
    publish(&cases, &log).await;
    let files = follower.changed().await.unwrap().unwrap();
    assert!(files.values().any(|text| text.contains(WORD)));

    // The same words in a source of each, and of the house.
    for source in ["quelle-nord", "quelle-sued", "quelle-haus"] {
        let mut event = Event::new(EventKind::Post, source, "sim", source, clock.now());
        event.text = format!("Ein {WORD} steht in {source}");
        log.append(names::RAW, vec![event_record(&event, &Bytes::new())]).await.unwrap();
    }
    let items = score(&log, &clock, compiled(&files)).await;
    let hit: Vec<&str> = items.iter().map(|item| item.post.source.as_str()).collect();
    assert_eq!(hit, ["quelle-nord"], "the rule saw its own tenant's source alone");
    assert_eq!(items[0].verdict.hits[0].rule, "nord/w-zwerg");

    let shown = |page: &str| page.contains(WORD) || page.contains("w-zwerg");
    for (user, sees) in [("nord", true), ("sued", false), ("haus", false)] {
        let page = queue_of(&cases, &clock, items.clone(), user).await;
        assert_eq!(shown(&page), sees, "{user}: {page}");
    }
}
