//! Every ClickHouse query of `grafana/dashboards` runs against the embedded engine, with Grafana's macros expanded as the
//! data source does, over a few stored posts: each table it names has the columns it names.

#![expect(clippy::unwrap_used, clippy::panic, reason = "tests")]

mod common;

use std::path::{Path, PathBuf};

use common::*;
use serde_json::Value;
use streife_domain::Priority;
use streife_store::{BatchLimits, Batcher, LogPosition, Rows, Store};

fn dashboards() -> Vec<(PathBuf, Value)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../grafana/dashboards");
    let mut found: Vec<(PathBuf, Value)> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "json"))
        .map(|path| {
            let board = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
            (path, board)
        })
        .collect();
    found.sort_by(|a, b| a.0.cmp(&b.0));
    found
}

/// All `rawSql` of a dashboard: panels and variables.
fn statements(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(map) => {
            if let Some(Value::String(sql)) = map.get("rawSql") {
                found.push(sql.clone());
            }
            map.values().for_each(|inner| statements(inner, found));
        }
        Value::Array(items) => items.iter().for_each(|inner| statements(inner, found)),
        _ => {}
    }
}

/// As the data source expands them, for the last day.
fn expand(sql: &str) -> String {
    let mut text = sql.to_owned();
    while let Some(start) = text.find("$__timeFilter(") {
        let open = start + "$__timeFilter(".len();
        let end = open + text[open..].find(')').unwrap();
        let column = text[open..end].to_owned();
        let condition =
            format!("{column} >= toDateTime(now() - 86400) AND {column} <= toDateTime(now() + 86400)");
        text.replace_range(start..=end, &condition);
    }
    while let Some(start) = text.find("$__conditionalAll(") {
        let end = start + matching(&text[start..]);
        let inner = &text[start + "$__conditionalAll(".len()..end];
        let (condition, _variable) = inner.rsplit_once(',').unwrap();
        let condition = condition.to_owned();
        text.replace_range(start..=end, &condition);
    }
    let text = text.replace("$__interval_s", "60").replace("${source:singlequote}", "'test-source','other'");
    assert!(!text.contains('$'), "a macro that this test does not know: {text}");
    text
}

/// Where the bracket closes that opens first.
fn matching(text: &str) -> usize {
    let mut depth = 0;
    for (at, c) in text.char_indices() {
        match c {
            '(' => depth += 1,
            ')' if depth == 1 => return at,
            ')' => depth -= 1,
            _ => {}
        }
    }
    panic!("no closing bracket in {text}")
}

async fn fill(store: &Store) {
    let now = std::time::UNIX_EPOCH.elapsed().unwrap().as_secs();
    let now = streife_domain::Timestamp::from_secs(i64::try_from(now).unwrap());
    let mut batcher = Batcher::new(BatchLimits::default());
    for n in 0..8 {
        let post = post(&format!("post-{n}"), "ein Text", now);
        let verdict = verdict(if n % 2 == 0 { Priority::High } else { Priority::None });
        let rows = Rows::of_scored(&scored(n, &post, &verdict));
        batcher.push(
            LogPosition { topic: "posts.scored".to_owned(), partition: 0, offset: n },
            rows,
            100,
            now,
        );
        if n % 2 == 0 {
            let rows = Rows::of_flagged(&flagged(n, &post, &verdict), raw());
            batcher.push(
                LogPosition { topic: "posts.flagged".to_owned(), partition: 0, offset: n },
                rows,
                100,
                now,
            );
        }
    }
    let batch = batcher.take().unwrap();
    store.write(&batch, &batch.token()).await.unwrap();
}

#[tokio::test]
async fn every_query_of_the_dashboards_runs() {
    let Some((store, client)) = fresh_store().await else { return };
    fill(&store).await;
    let (mut run, mut with_data, mut broken) = (0, 0, Vec::new());
    for (path, board) in dashboards() {
        let mut found = Vec::new();
        statements(&board, &mut found);
        for sql in found {
            let expanded = expand(&sql);
            let answer = client.query_raw(&expanded).fetch_bytes("JSONEachRow");
            let read = match answer {
                Ok(mut cursor) => cursor.collect().await.map_err(|e| e.to_string()),
                Err(error) => Err(error.to_string()),
            };
            run += 1;
            match read {
                Ok(bytes) => with_data += usize::from(!bytes.is_empty()),
                Err(error) => broken.push(format!("{}: {error}\n  {expanded}", path.display())),
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
    assert!(run > 20, "only {run} queries were found");
    // Runs of erasure, tombstones, changes and jumps are not in these few posts.
    assert!(with_data >= run - 5, "{with_data} of {run} queries gave data");
}

#[test]
fn dashboards_are_fit_for_provisioning() {
    let boards = dashboards();
    assert!(boards.len() >= 7);
    for (path, board) in &boards {
        let name = path.display();
        assert!(board["uid"].as_str().is_some_and(|uid| uid.starts_with("streife-")), "{name}: no fixed uid");
        assert!(board.get("id").is_none() && board.get("__inputs").is_none(), "{name}: made by an export");
        assert!(board["schemaVersion"].as_u64().is_some_and(|version| version >= 39), "{name}");
        let variables: Vec<&str> = board["templating"]["list"]
            .as_array()
            .unwrap()
            .iter()
            .filter_map(|v| v["name"].as_str())
            .collect();
        assert_eq!(variables[..2], ["prometheus", "clickhouse"], "{name}: data sources are chosen first");
        for panel in board["panels"].as_array().unwrap() {
            assert!(!panel["title"].as_str().unwrap().is_empty(), "{name}");
            for target in panel["targets"].as_array().unwrap() {
                let uid = target["datasource"]["uid"].as_str().unwrap();
                assert!(["${prometheus}", "${clickhouse}"].contains(&uid), "{name}: {uid}");
            }
        }
    }
}

#[test]
fn macros_are_expanded_with_brackets_in_them() {
    let sql = "SELECT 1 WHERE $__timeFilter(a) AND $__conditionalAll(s IN (${source:singlequote}), $source)";
    let expanded = expand(sql);
    assert!(expanded.ends_with("AND s IN ('test-source','other')"), "{expanded}");
}
