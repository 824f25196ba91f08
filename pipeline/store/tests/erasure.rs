//! Erasure holds: over a kill, merges and a restored backup; deadlines are kept and proved; one author's data are all there.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use common::*;
use streife_domain::{PostId, Priority, Pseudonym};
use streife_store::{
    BatchLimits, Batcher, Erasure, ErasureCount, LogPosition, Retention, Rows, Store, StoreError,
};

const POSTS: i64 = 6;

async fn write_posts(store: &Store, first_offset: i64) {
    let at = time("2026-03-01T10:00:00Z");
    let mut batcher = Batcher::new(BatchLimits::default());
    for n in 0..POSTS {
        let offset = first_offset + n;
        let post = post(&format!("post-{n}"), "ein Text", at);
        let verdict = verdict(Priority::High);
        let position = |topic: &str| LogPosition { topic: topic.to_owned(), partition: 0, offset };
        batcher.push(position("posts.scored"), Rows::of_scored(&scored(offset, &post, &verdict)), 100, at);
        batcher.push(
            position("posts.flagged"),
            Rows::of_flagged(&flagged(offset, &post, &verdict), raw()),
            100,
            at,
        );
    }
    let batch = batcher.take().unwrap();
    store.write(&batch, &batch.token()).await.unwrap();
}

async fn count(client: &clickhouse::Client, sql: &str) -> u64 {
    client.query(sql).fetch_one().await.unwrap()
}

#[tokio::test]
async fn what_was_erased_stays_erased_over_kill_merge_and_restore() {
    let folder = tempfile::tempdir().unwrap();
    let Some(mut engine) = EngineProcess::start(Some(folder.path())) else { return };
    let store = store_at(&engine.url, "streife");
    store.migrate().await.unwrap();
    write_posts(&store, 0).await;
    let client = client_at(&engine.url, "streife");
    // A backup from before the erasure.
    for table in ["flagged_posts", "flagged_identities", "recent_posts", "hits"] {
        client
            .query_raw(&format!("CREATE TABLE backup_{table} AS {table} ENGINE = MergeTree ORDER BY post_id"))
            .execute()
            .await
            .unwrap();
        client
            .query_raw(&format!("INSERT INTO backup_{table} SELECT * FROM {table}"))
            .execute()
            .await
            .unwrap();
    }
    let gone = PostId::of("testnet", "post-2");
    let proof = store.erase(&Erasure::Posts(vec![gone]), "test", time("2026-03-02T10:00:00Z")).await.unwrap();
    assert_eq!(proof.posts, 1);
    assert!(proof.rows_before.iter().any(|(table, rows)| *table == "flagged_posts" && *rows == 1));

    engine.child.kill().unwrap();
    engine.child.wait().unwrap();
    let engine = EngineProcess::start(Some(folder.path())).unwrap();
    let store = store_at(&engine.url, "streife");
    let client = client_at(&engine.url, "streife");
    assert_eq!(count(&client, "SELECT uniqExact(post_id) FROM flagged").await, POSTS as u64 - 1);

    for table in ["flagged_posts", "flagged_identities", "recent_posts", "hits"] {
        client.query_raw(&format!("OPTIMIZE TABLE {table} FINAL")).execute().await.unwrap();
    }
    store.purge_erased().await.unwrap();
    assert_eq!(count(&client, "SELECT uniqExact(post_id) FROM flagged_identities").await, POSTS as u64 - 1);

    // The backup comes back, the erased post with it: the desk never shows it, and the housekeeping takes it away.
    for table in ["flagged_posts", "flagged_identities", "recent_posts", "hits"] {
        client
            .query_raw(&format!("INSERT INTO {table} SELECT * FROM backup_{table}"))
            .execute()
            .await
            .unwrap();
    }
    assert_eq!(count(&client, "SELECT uniqExact(post_id) FROM flagged").await, POSTS as u64 - 1);
    let swept = store.sweep_erased().await.unwrap();
    assert!(swept.iter().any(|(table, _)| *table == "flagged_identities"), "{swept:?}");
    assert_eq!(count(&client, "SELECT uniqExact(post_id) FROM flagged_identities").await, POSTS as u64 - 1);

    // The log delivers everything again, from its beginning, in other batches.
    write_posts(&store, 100).await;
    assert_eq!(count(&client, "SELECT uniqExact(post_id) FROM flagged_posts").await, POSTS as u64 - 1);
    assert_eq!(store.sweep_erased().await.unwrap(), []);
}

#[tokio::test]
async fn rows_past_their_deadline_go_and_the_others_stay() {
    let Some((store, client)) = fresh_store().await else { return };
    write_posts(&store, 0).await;
    // A post that was stored a hundred days ago.
    let old = "INSERT INTO flagged_posts SELECT * REPLACE (post_id + 1 AS post_id, now() - INTERVAL 100 DAY AS stored_at) \
         FROM flagged_posts LIMIT 1";
    client.query_raw(old).execute().await.unwrap();
    let retention = Retention { recent_hours: 72, flagged_days: 90, outcome_days: 30 };
    let expired = store.erase_expired(retention).await.unwrap();
    let of = |name: &str| expired.iter().find(|e| e.table == name).copied().unwrap();
    assert_eq!((of("flagged_posts").due, of("flagged_posts").left), (1, 0));
    assert_eq!(of("hits").due, 0);
    assert_eq!(count(&client, "SELECT uniqExact(post_id) FROM flagged_posts").await, POSTS as u64);
}

#[tokio::test]
async fn deadlines_are_told_by_purpose() {
    let Some((store, _)) = fresh_store().await else { return };
    write_posts(&store, 0).await;
    let kept = store.purposes(None).await.unwrap();
    assert_eq!((kept[0].purpose.as_str(), kept[0].posts), ("demonstration", POSTS as u64));
    let tomorrow = time("2100-01-01T00:00:00Z");
    assert_eq!(store.flagged_before("demonstration", tomorrow, 100).await.unwrap().len(), POSTS as usize);
    assert!(store.flagged_before("prosecution", tomorrow, 100).await.unwrap().is_empty());
    assert!(
        store.flagged_before("demonstration", time("2026-01-01T00:00:00Z"), 100).await.unwrap().is_empty()
    );
}

#[tokio::test]
async fn everything_about_one_author_is_found_and_nothing_of_another() {
    let Some((store, _)) = fresh_store().await else { return };
    write_posts(&store, 0).await;
    let found = store.subject(Pseudonym(7)).await.unwrap();
    let lines = std::str::from_utf8(&found).unwrap();
    for table in ["flagged_posts", "flagged_identities", "recent_posts", "hits", "scores"] {
        let found = lines.lines().filter(|line| line.contains(&format!("\"table\":\"{table}\""))).count();
        assert!(found >= POSTS as usize, "{table}: {found}");
    }
    assert!(store.subject(Pseudonym(8)).await.unwrap().is_empty());
}

#[tokio::test]
async fn a_run_is_recorded_and_the_last_one_known() {
    let Some((store, client)) = fresh_store().await else { return };
    assert_eq!(store.last_erasure_run().await.unwrap(), None);
    let at = time("2026-03-02T10:00:00Z");
    let counts = [ErasureCount {
        what: "store".to_owned(),
        purpose: "all".to_owned(),
        due: 3,
        erased: 3,
        restricted: 0,
        left: 0,
    }];
    let run = streife_store::new_run_id();
    store.record_erasure_run(run, at, &counts, &"ab".repeat(32)).await.unwrap();
    assert_eq!(store.last_erasure_run().await.unwrap(), Some(at));
    assert_eq!(count(&client, "SELECT sum(erased) FROM erasure_runs FINAL").await, 3);
}

#[tokio::test]
async fn a_database_without_migrations_says_what_is_missing() {
    let Some(engine) = engine() else { return };
    let store = store_at(&engine.url, "never_migrated");
    assert!(matches!(store.pending_migrations().await, Err(StoreError::Refused { .. })));
    let Some((migrated, _)) = fresh_store().await else { return };
    assert!(migrated.pending_migrations().await.unwrap().is_empty());
}

/// `EXPLAIN AST` parses a statement without running it.
async fn parses(client: &clickhouse::Client, statement: &str) {
    let answer = client.query_raw(&format!("EXPLAIN AST {statement}")).execute().await;
    assert!(answer.is_ok(), "{statement}: {answer:?}");
}

#[tokio::test]
async fn the_tables_of_a_cluster_and_the_users_rights_parse() {
    let Some((_, client)) = fresh_store().await else { return };
    let home = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    for shards in ["1", "3"] {
        let output = std::process::Command::new("sh")
            .arg(home.join("deploy/clickhouse/cluster.sh"))
            .args(["main", shards])
            .output()
            .unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let text = String::from_utf8(output.stdout).unwrap();
        let statements: Vec<&str> = text.split(";\n").map(str::trim).filter(|s| !s.is_empty()).collect();
        assert!(statements.len() > 10);
        assert!(!text.contains("ENGINE = ReplacingMergeTree"), "an engine is not replicated");
        for statement in statements {
            parses(&client, statement).await;
        }
    }
    let users = std::fs::read_to_string(home.join("deploy/clickhouse/users/users.sql")).unwrap();
    let bare: String =
        users.lines().filter(|line| !line.starts_with("--")).map(|line| format!("{line}\n")).collect();
    for statement in bare.split(";\n").map(str::trim).filter(|s| !s.is_empty()) {
        let hashed = ["migrate", "store", "desk", "retention", "grafana"]
            .iter()
            .fold(statement.to_owned(), |text, name| {
                text.replace(&format!("{{{{{name}}}}}"), &"ab".repeat(32))
            });
        parses(&client, &hashed).await;
    }
}
