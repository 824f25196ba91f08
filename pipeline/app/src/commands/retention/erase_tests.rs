//! Whole runs over the embedded engine and a case database on disk.

use std::path::Path;

use streife_cases::role::Role as DeskRole;
use streife_cases::store::NewItem;
use streife_cases::workflow::DismissReason;

use super::*;
use crate::config::Config;
use crate::parts;
use crate::paths::Paths;
use crate::telemetry::Ready;

fn role(folder: &Path) -> Role {
    let mut config = Config::default();
    config.retention.days_by_purpose.insert("prosecution".to_owned(), 30);
    Role {
        paths: Paths::new(&config, Some(folder)),
        config,
        stop: tokio_util::sync::CancellationToken::new(),
        ready: Ready::default(),
    }
}

async fn dismissed(cases: &CaseStore, post: PostId, at: Timestamp) -> String {
    let reviewer = Actor::new("reviewer", DeskRole::Reviewer);
    let item = NewItem {
        post_id: post.to_string(),
        campaign: String::new(),
        queue: "default".to_owned(),
        ..NewItem::default()
    };
    let claimed = cases.claim(&item, &reviewer, at).await.unwrap();
    let streife_cases::store::ClaimOutcome::Yours(case) = claimed else { panic!("{claimed:?}") };
    let what = Move::Dismiss { reason: DismissReason::ALL[0] };
    cases.apply(&case.id, reviewer, what, at).await.unwrap();
    case.id
}

#[tokio::test]
async fn dismissed_cases_are_due_after_their_grace_and_open_ones_hold_their_posts() {
    let folder = tempfile::tempdir().unwrap();
    let role = role(folder.path());
    let cases = open_cases(&role).await.unwrap();
    let now = open::clock().now();
    dismissed(&cases, PostId(1), now.plus_secs(-20 * SECS_PER_DAY)).await;
    dismissed(&cases, PostId(2), now.plus_secs(-SECS_PER_DAY)).await;
    let due = find_due(&role, &cases).await.unwrap();
    let ids: Vec<&str> = due.dismissed.iter().map(|row| row.case.post_id.as_str()).collect();
    assert_eq!(ids, [PostId(1).to_string()]);
    assert!(due.held.contains(&PostId(2)) && !due.held.contains(&PostId(1)));
}

/// The engine, served by this test program itself: it can open one folder, once, so one test uses it.
async fn engine(
    role: &Role,
) -> Option<(Store, tokio::task::JoinHandle<()>, tokio::sync::oneshot::Sender<()>)> {
    use streife_store::engine::{Engine, EngineConfig, EngineUser};
    let part = parts::pinned().unwrap().into_iter().find(|part| part.name == "chdb").unwrap();
    if !part.is_there(&role.paths.parts) {
        say::line("skipped: the ClickHouse engine is not there");
        return None;
    }
    let user = EngineUser { name: "streife".to_owned(), password: "test".to_owned() };
    let config = EngineConfig::new(part.path(&role.paths.parts), role.paths.data.join("clickhouse"), user);
    let engine = Engine::open(config).await.unwrap();
    let store = Store::connect(streife_store::StoreConfig::new(engine.url(), "streife", "test")).unwrap();
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let serving = tokio::spawn(async move {
        engine.run(async move { drop(stopped.await) }).await.unwrap();
    });
    store.migrate().await.unwrap();
    Some((store, serving, stop))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_erases_certifies_and_a_second_one_finds_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let role = role(folder.path());
    let Some((store, serving, stop)) = engine(&role).await else { return };
    let cases = open_cases(&role).await.unwrap();
    let now = open::clock().now();
    let case = dismissed(&cases, PostId(1), now.plus_secs(-20 * SECS_PER_DAY)).await;
    let due = find_due(&role, &cases).await.unwrap();
    let key = SigningKey::from_bytes(&desk::signing_key(&role.paths).unwrap());
    let outcome = erase(&role, &store, &cases, due, &key, true).await.unwrap();
    assert_eq!(outcome, Outcome::Fine);
    let closed = cases.case(&case).await.unwrap().unwrap();
    assert_eq!(closed.state, CaseState::Erased);
    let file =
        std::fs::read_dir(role.paths.data.join("certificates")).unwrap().next().unwrap().unwrap().path();
    let certificate: Certificate = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
    assert!(certificate.signed_by(&key.verifying_key()));
    assert_eq!(closed.certificate_sha256.as_deref(), Some(certificate.sha256().unwrap().as_str()));
    assert_eq!(certificate.posts_sha256, posts_sha256(&[PostId(1)]));
    assert!(find_due(&role, &cases).await.unwrap().dismissed.is_empty());
    assert!(store.last_erasure_run().await.unwrap().is_some());
    stop.send(()).unwrap();
    serving.await.unwrap();
}
