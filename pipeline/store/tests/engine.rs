//! The embedded engine's HTTP interface, as the official client and plain HTTP see it.

#![expect(clippy::unwrap_used, clippy::panic, reason = "helpers of tests")]

mod common;

use std::time::Duration;

use clickhouse::{Compression, Row};
use common::{PASSWORD, client_at, engine};
use serde::{Deserialize, Serialize};

#[derive(Debug, Clone, PartialEq, Row, Serialize, Deserialize)]
struct Sample {
    id: u64,
    wide: u128,
    text: String,
    maybe: Option<f32>,
    list: Vec<String>,
    pairs: Vec<(String, f32)>,
}

fn sample(id: u64) -> Sample {
    Sample {
        id,
        wide: u128::from(id) << 70,
        text: format!("text {id} with 'quotes' \\ and \t tab ä\u{1F600}"),
        maybe: id.is_multiple_of(2).then_some(0.5),
        list: vec!["a".to_owned(), id.to_string()],
        pairs: vec![("x".to_owned(), 1.0)],
    }
}

async fn table(client: &clickhouse::Client, name: &str) {
    client
        .query_raw(&format!(
            "CREATE TABLE {name} (id UInt64, wide UInt128, text String, maybe Nullable(Float32), list Array(String), \
             pairs Map(String, Float32)) ENGINE = MergeTree ORDER BY id SETTINGS non_replicated_deduplication_window = 100"
        ))
        .execute()
        .await
        .unwrap();
}

fn code_of(error: &clickhouse::error::Error) -> u32 {
    let text = error.to_string();
    let digits = text.split("Code: ").nth(1).unwrap_or_else(|| panic!("no code in {text:?}"));
    digits.split('.').next().unwrap().parse().unwrap()
}

#[tokio::test]
async fn rows_come_back_as_they_went_in_with_every_compression() {
    let Some(engine) = engine() else { return };
    for (name, compression) in [("plain", Compression::None), ("lz4", Compression::Lz4)] {
        let client = client_at(&engine.url, "streife").with_compression(compression);
        table(&client, name).await;
        let rows: Vec<_> = (0..20_000).map(sample).collect();
        let mut inserter = client.inserter::<Sample>(name).with_max_rows(6_000);
        for row in &rows {
            inserter.write(row).await.unwrap();
            inserter.commit().await.unwrap();
        }
        assert_eq!(inserter.end().await.unwrap().rows, 20_000 % 6_000);
        let mut back: Vec<Sample> = Vec::new();
        let mut cursor =
            client.query(&format!("SELECT ?fields FROM {name} ORDER BY id")).fetch::<Sample>().unwrap();
        while let Some(row) = cursor.next().await.unwrap() {
            back.push(row);
        }
        assert!(rows == back, "{name}");
    }
}

#[tokio::test]
async fn parameters_are_values_never_statement_text() {
    let Some(engine) = engine() else { return };
    let client = client_at(&engine.url, "streife");
    for text in
        ["plain", "it's", "back\\slash \\' \\n", "tab\tnew\nline", "{x:String} ? ??", "ä\u{1F600}", ""]
    {
        let back: String = client.query("SELECT {x:String}").param("x", text).fetch_one().await.unwrap();
        assert_eq!(back, text);
        let list = [text, "second, ' ]"];
        let back: Vec<String> = client
            .query("SELECT arrayJoin({x:Array(String)})")
            .param("x", &list[..])
            .fetch_all()
            .await
            .unwrap();
        assert_eq!(back, list);
    }
}

#[tokio::test]
async fn a_result_without_rows_is_no_error() {
    let Some(engine) = engine() else { return };
    let client = client_at(&engine.url, "streife");
    let none: Vec<u64> =
        client.query("SELECT number FROM numbers(10) WHERE number > 99").fetch_all().await.unwrap();
    assert!(none.is_empty());
}

#[tokio::test]
async fn wrong_statements_have_clickhouse_codes_and_the_engine_goes_on() {
    let Some(engine) = engine() else { return };
    let client = client_at(&engine.url, "streife");
    for (sql, code) in
        [("SELEKT 1", 62), ("SELECT 1 FROM nowhere", 60), ("SELECT nothing", 47), ("SELECT throwIf(1)", 395)]
    {
        let error = client.query(sql).fetch_one::<u8>().await.unwrap_err();
        assert_eq!(code_of(&error), code, "{sql}: {error}");
    }
    let error = client.query("INSERT INTO nowhere VALUES (1)").execute().await.unwrap_err();
    assert_eq!(code_of(&error), 60);
    let unknown = client.query("SELECT 1").with_setting("no_such_setting", "1").fetch_one::<u8>().await;
    assert_eq!(code_of(&unknown.unwrap_err()), 115);
    assert_eq!(client.query("SELECT toUInt8(1)").fetch_one::<u8>().await.unwrap(), 1);
}

#[tokio::test]
async fn an_error_in_mid_stream_reaches_the_reader_with_its_text() {
    let Some(engine) = engine() else { return };
    let client = client_at(&engine.url, "streife");
    let mut cursor = client
        .query("SELECT throwIf(number = 2000000, 'stop here') FROM numbers(3000000)")
        .with_setting("max_threads", "1")
        .fetch::<u8>()
        .unwrap();
    let mut rows = 0u64;
    let error = loop {
        match cursor.next().await {
            Ok(Some(_)) => rows += 1,
            Ok(None) => panic!("ended well after {rows} rows"),
            Err(error) => break error,
        }
    };
    assert!(rows > 100_000, "it was streamed: {rows}");
    assert_eq!(code_of(&error), 395, "{error}");
}

#[tokio::test]
async fn settings_and_database_do_not_leak_into_the_next_request() {
    let Some(engine) = engine() else { return };
    let client = client_at(&engine.url, "streife");
    let other = client_at(&engine.url, "system");
    for _ in 0..8 {
        let set = client
            .query("SELECT toUInt64(getSetting('max_result_rows'))")
            .with_setting("max_result_rows", "77");
        assert_eq!(set.fetch_one::<u64>().await.unwrap(), 77);
        assert_eq!(
            client.query("SELECT toUInt64(getSetting('max_result_rows'))").fetch_one::<u64>().await.unwrap(),
            0
        );
        let database: String = other.query("SELECT currentDatabase()").fetch_one().await.unwrap();
        assert_eq!(database, "system");
        let database: String = client.query("SELECT currentDatabase()").fetch_one().await.unwrap();
        assert_eq!(database, "streife");
    }
    let mut running = Vec::new();
    for limit in 1..=16u64 {
        let client = client.clone();
        running.push(tokio::spawn(async move {
            let query = client.query(
                "SELECT toUInt64(getSetting('max_result_rows')) FROM numbers(1) WHERE sleep(0.05) = 0",
            );
            (
                limit,
                query.with_setting("max_result_rows", limit.to_string()).fetch_one::<u64>().await.unwrap(),
            )
        }));
    }
    for task in running {
        let (limit, seen) = task.await.unwrap();
        assert_eq!(seen, limit, "16 queries at once, each with its own setting");
    }
}

#[tokio::test]
async fn an_insert_that_breaks_off_leaves_nothing() {
    let Some(engine) = engine() else { return };
    let client = client_at(&engine.url, "streife");
    table(&client, "broken").await;
    let mut insert = client.insert::<Sample>("broken").await.unwrap();
    for id in 0..20_000 {
        insert.write(&sample(id)).await.unwrap();
    }
    drop(insert);
    tokio::time::sleep(Duration::from_millis(500)).await;
    assert_eq!(client.query("SELECT count() FROM broken").fetch_one::<u64>().await.unwrap(), 0);
}

#[tokio::test]
async fn one_token_is_one_insert_however_its_frames_are_cut() {
    let Some(engine) = engine() else { return };
    let client = client_at(&engine.url, "streife");
    table(&client, "tokens").await;
    for round in 0..2 {
        let client = client.clone().with_compression([Compression::Lz4, Compression::None][round]);
        let mut insert = client
            .insert::<Sample>("tokens")
            .await
            .unwrap()
            .with_setting("insert_deduplicate", "1")
            .with_setting("insert_deduplication_token", "posts:0:0-29999");
        for id in 0..30_000 {
            insert.write(&sample(id)).await.unwrap();
        }
        insert.end().await.unwrap();
        assert_eq!(
            client.query("SELECT count() FROM tokens").fetch_one::<u64>().await.unwrap(),
            30_000,
            "{round}"
        );
    }
}

#[tokio::test]
async fn nobody_gets_in_without_the_password() {
    let Some(engine) = engine() else { return };
    let client = client_at(&engine.url, "streife");
    let error = client.clone().with_password("wrong").query("SELECT 1").fetch_one::<u8>().await.unwrap_err();
    assert_eq!(code_of(&error), 516);
    let nobody = clickhouse::Client::default().with_url(&engine.url);
    assert_eq!(code_of(&nobody.query("SELECT 1").fetch_one::<u8>().await.unwrap_err()), 516);
    assert!(client.with_password(PASSWORD).query("SELECT toUInt8(1)").fetch_one::<u8>().await.is_ok());
}

#[tokio::test]
async fn sixteen_queries_at_once_share_four_connections() {
    let Some(engine) = engine() else { return };
    let mut running = Vec::new();
    for n in 0..16u64 {
        let client = client_at(&engine.url, "streife");
        running.push(tokio::spawn(async move {
            client
                .query("SELECT sum(number) FROM numbers({n:UInt64})")
                .param("n", n * 1_000)
                .fetch_one::<u64>()
                .await
        }));
    }
    for (n, task) in (0u64..).zip(running) {
        let rows = n * 1_000;
        assert_eq!(task.await.unwrap().unwrap(), rows * rows.saturating_sub(1) / 2);
    }
}
