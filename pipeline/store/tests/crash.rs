//! The embedded engine is killed, and ended, while it works.

mod common;

use common::*;
use streife_domain::*;
use streife_store::*;

/// Kills in one run of the test.
const KILLS: i64 = 3;

#[tokio::test]
async fn what_was_acknowledged_survives_kill_9() {
    let folder = tempfile::tempdir().unwrap();
    let mut acknowledged = 0i64;
    for kill in 0..KILLS {
        let Some(mut engine) = EngineProcess::start(Some(folder.path())) else { return };
        let store = std::sync::Arc::new(store_at(&engine.url, "streife"));
        store.migrate().await.unwrap();
        // Everything after the last acknowledgement is delivered again, with whatever borders.
        let mut next = acknowledged;
        let (progress, mut written) = tokio::sync::mpsc::unbounded_channel();
        let writer = tokio::spawn({
            let store = std::sync::Arc::clone(&store);
            async move {
                loop {
                    let mut batcher = Batcher::new(BatchLimits::default());
                    for offset in next..next + 200 + kill * 37 {
                        let post = post(
                            &offset.to_string(),
                            "words",
                            time("2026-07-04T12:00:00Z").plus_secs(offset),
                        );
                        let verdict = verdict(Priority::Low);
                        let mut rows = Rows::of_scored(&scored(offset, &post, &verdict));
                        rows.extend(Rows::of_flagged(&flagged(offset, &post, &verdict), raw()));
                        let at = LogPosition { topic: "t".to_owned(), partition: 0, offset };
                        batcher.push(at, rows, 1, Timestamp::default());
                    }
                    let batch = batcher.take().unwrap();
                    if store.write(&batch, &batch.token()).await.is_err() {
                        return;
                    }
                    next = batch.next_offsets().next().unwrap().2;
                    progress.send(next).unwrap();
                }
            }
        });
        for _ in 0..3 {
            acknowledged = written.recv().await.unwrap();
        }
        engine.child.kill().unwrap();
        engine.child.wait().unwrap();
        writer.await.unwrap();
        while let Ok(later) = written.try_recv() {
            acknowledged = later;
        }
    }
    let Some(engine) = EngineProcess::start(Some(folder.path())) else { return };
    let client = client_at(&engine.url, "streife");
    for table in ["outcomes", "recent_posts", "flagged_posts", "flagged_identities", "hits"] {
        let key = if table == "outcomes" { "offset" } else { "post_id" };
        let sql = format!("SELECT count(), uniqExact({key}) FROM {table} FINAL");
        let (rows, distinct): (u64, u64) = client.query(&sql).fetch_one().await.unwrap();
        assert!(rows >= acknowledged as u64, "{table}: {rows} rows, {acknowledged} acknowledged");
        assert_eq!(rows, distinct, "{table}: a double");
    }
    let gaps: u64 = client
        .query("SELECT toUInt64(max(offset) + 1 - uniqExact(offset)) FROM outcomes FINAL")
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(gaps, 0);
    assert!(acknowledged >= KILLS * 3 * 200);
}

#[tokio::test]
async fn an_engine_that_is_told_to_end_ends_well() {
    let folder = tempfile::tempdir().unwrap();
    for _ in 0..2 {
        let Some(mut engine) = EngineProcess::start(Some(folder.path())) else { return };
        let store = store_at(&engine.url, "streife");
        store.migrate().await.unwrap();
        drop(engine.child.stdin.take());
        assert!(engine.child.wait().unwrap().success());
    }
}

#[tokio::test]
async fn the_audit_names_user_and_kind_and_never_the_statement() {
    let folder = tempfile::tempdir().unwrap();
    let Some(engine) = EngineProcess::start(Some(folder.path())) else { return };
    let client = client_at(&engine.url, "streife");
    client.query("SELECT 'marker-text'").fetch_one::<String>().await.unwrap();
    client.query("SELECT {x:String}").param("x", "marker-text").fetch_one::<String>().await.unwrap();
    client.query("SELEKT 'marker-text'").execute().await.unwrap_err();
    client.clone().with_password("wrong").query("SELECT 1").execute().await.unwrap_err();
    let expected = [
        "select streife None",
        "select streife None",
        "change streife Some(62)",
        "other (refused) Some(516)",
    ];
    // The line is written after the answer's last byte.
    for _ in 0..100 {
        let audit = std::fs::read_to_string(folder.path().join(AUDIT)).unwrap();
        assert!(!audit.contains("marker"));
        if audit.lines().eq(expected) {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    panic!("{}", std::fs::read_to_string(folder.path().join(AUDIT)).unwrap());
}
