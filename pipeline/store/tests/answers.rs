//! A connection of the embedded engine is lent to one request after another; each is given its own answer.

#![expect(clippy::unwrap_used, reason = "tests")]

mod common;

use std::time::Duration;

use clickhouse::Client;
use common::{client_at, engine};

const ROUNDS: u64 = 60;

/// Fails in the middle of its rows. (Of text: the client can take the bytes of an exception for rows of numbers.)
async fn fails(client: &Client) {
    let query = client.query("SELECT toString(throwIf(number = 1000000)) FROM numbers(2000000)");
    assert!(query.fetch_all::<String>().await.is_err());
}

/// Loses its reader after the first of many rows.
async fn loses_its_reader(client: &Client) {
    let mut cursor = client.query("SELECT toString(number) FROM numbers(3000000)").fetch::<String>().unwrap();
    assert_eq!(cursor.next().await.unwrap().as_deref(), Some("0"));
}

async fn asks(client: &Client, number: u64) {
    let query = client.query("SELECT {asked:UInt64}").param("asked", number);
    assert_eq!(query.fetch_all::<u64>().await.unwrap(), [number]);
}

/// One after the other, so that the connection of the statement before is the one that is lent.
#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_given_anothers_answer() {
    let Some(engine) = engine() else { return };
    let client = client_at(&engine.url, "streife").with_setting("max_threads", "1");
    for round in 0..ROUNDS {
        if round.is_multiple_of(2) {
            fails(&client).await;
        } else {
            loses_its_reader(&client).await;
        }
        if round.is_multiple_of(3) {
            // The connection lies idle again; without the pause another one is taken or opened.
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        asks(&client, round).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_is_given_anothers_answer_among_many() {
    const CALLERS: u64 = 12;
    let Some(engine) = engine() else { return };
    let client = client_at(&engine.url, "streife").with_setting("max_threads", "1");
    let mut callers = Vec::new();
    for caller in 0..CALLERS {
        let client = client.clone();
        callers.push(tokio::spawn(async move {
            for round in 0..ROUNDS / 4 {
                match (caller + round) % 4 {
                    0 => fails(&client).await,
                    1 => loses_its_reader(&client).await,
                    _ => asks(&client, caller * 1_000 + round).await,
                }
            }
        }));
    }
    for caller in callers {
        caller.await.unwrap();
    }
}
