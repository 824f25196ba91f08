//! What a role does to the tables when it starts: nothing, where all is right.

mod common;

use common::fresh_store;
use streife_store::{Migration, Retention, StoreError, lock_holder};

#[tokio::test]
async fn a_lock_keeps_others_out_and_its_holder_knows_it_again() {
    const ONE_MORE: Migration = Migration {
        name: "9999_one_more",
        sql: "CREATE TABLE IF NOT EXISTS one_more (a UInt8) ENGINE = Null;\n",
    };
    let Some((store, client)) = fresh_store().await else { return };
    let lock = |comment: String| {
        let sql = format!(
            "CREATE TABLE schema_lock (held UInt8) ENGINE = MergeTree ORDER BY held COMMENT '{comment}'"
        );
        let client = client.clone();
        async move { client.query_raw(&sql).execute().await.unwrap() }
    };
    lock("somebody else".to_owned()).await;
    // Where nothing is to be done nobody asks for the lock; where something is, the holder is waited for.
    assert!(store.migrate().await.is_ok());
    assert!(matches!(store.migrate_with(&[ONE_MORE]).await, Err(StoreError::MigrationRunning)));
    // Our own, whose answer was lost on the way.
    client.query_raw("DROP TABLE schema_lock SYNC").execute().await.unwrap();
    lock(lock_holder().to_owned()).await;
    assert_eq!(store.migrate_with(&[ONE_MORE]).await.unwrap().applied, [ONE_MORE.name]);
}

/// Changing a table while the disk is full can leave it with an empty definition, so a start must not change what is right.
#[tokio::test]
async fn retention_that_is_there_already_changes_no_table() {
    let Some((store, client)) = fresh_store().await else { return };
    let definitions = || async {
        let sql = "SELECT groupArray((name, metadata_modification_time)) FROM (SELECT name, toUnixTimestamp(metadata_modification_time) \
                   AS metadata_modification_time FROM system.tables WHERE database = currentDatabase() ORDER BY name)";
        client.query(sql).fetch_one::<Vec<(String, u32)>>().await.unwrap()
    };
    let wanted = Retention { recent_hours: 24, ..Retention::default() };
    store.set_retention(wanted).await.unwrap();
    let before = definitions().await;
    // The times are whole seconds.
    tokio::time::sleep(std::time::Duration::from_millis(1_100)).await;
    store.set_retention(wanted).await.unwrap();
    assert_eq!(definitions().await, before);
    store.set_retention(Retention { flagged_days: 90, ..wanted }).await.unwrap();
    assert_ne!(definitions().await, before, "this test sees a change when there is one");
}
