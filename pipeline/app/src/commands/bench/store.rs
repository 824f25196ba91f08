//! `streife bench store`: writing into the embedded engine as the role `store` does it, beside plain inserts of the same rows
//! as JSON lines; then erasing from it.
//!
//! Rows are those of posts that are not flagged, which is nearly all that is written: the post itself and its outcome. Both
//! sides write batches of the same size, one after the other, each into tables of its own. What the engine spends is counted too.

use std::time::Instant;

use serde_json::json;
use streife_domain::{PostId, Timestamp};
use streife_store::{
    Batch, BatchLimits, Batcher, Erasure, LogPosition, OutcomeRow, RecentPostRow, Rows, Store,
};
use streife_store::{StoreConfig, Table};
use streife_text::NORMALISER_VERSION;

use super::Figure;
use super::backtest::{send, statement};
use super::corpus;
use crate::cli::BenchArgs;
use crate::cost;
use crate::failure::Failure;
use crate::open;
use crate::roles::engine_process::EngineProcess;

const POSTS: usize = 400_000;
/// The corpus is shorter; its texts come again under other ids.
const TEXTS: usize = 50_000;
const SEED: u64 = 5;
/// What is erased of them.
const ERASED: usize = 100_000;
/// Ten times what a site of 500 posts a second takes in.
const GOAL_ERASED_PER_SECOND: f64 = 5_000.0;

pub(crate) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(measure_all(POSTS * args.scale.max(1) as usize))
}

async fn measure_all(posts: usize) -> Result<Vec<Figure>, Failure> {
    let folder = tempfile::tempdir()?;
    let engine = EngineProcess::start(folder.path(), true).await?;
    let config = engine.store_config();
    let store = Store::connect(config.clone())?;
    store.migrate().await?;
    let texts: Vec<String> =
        corpus::generate(TEXTS, 0, SEED).posts()?.into_iter().map(|(_, text)| text).collect();
    let batches = batches(&texts, posts, open::clock().now());

    for table in [Table::RecentPosts, Table::Outcomes] {
        let table = table.as_str();
        statement(&config, &format!("CREATE TABLE plain_{table} AS {table}")).await?;
    }
    let plain = Spent::of(&engine, async {
        for batch in &batches {
            insert_plainly(&config, batch).await?;
        }
        Ok(())
    })
    .await?;
    let ours = Spent::of(&engine, write_all(&store, &batches)).await?;
    let (ours_rows, plain_rows) = (count(&config, "").await?, count(&config, "plain_").await?);
    write_all(&store, &batches).await?;
    let twice_rows = count(&config, "").await?;
    if plain_rows != 2 * posts {
        return Err(anyhow::anyhow!("{posts} posts were written plainly, {plain_rows} rows are there").into());
    }

    let due: Vec<PostId> = (0..ERASED.min(posts)).map(post_id).collect();
    let begun = Instant::now();
    let erased = store.erase(&Erasure::Posts(due), "bench", open::clock().now().plus_secs(1)).await?;
    let erased_per_second = erased.posts as f64 / begun.elapsed().as_secs_f64();
    engine.stop().await;

    let a_post = |seconds: f64| seconds * 1e6 / posts as f64;
    let plain_name = "plain inserts of JSON lines";
    Ok(vec![
        Figure::new("posts written, and as many outcomes", posts as f64, "posts"),
        Figure::new("written", posts as f64 / ours.wall, "posts/s")
            .against(plain_name, posts as f64 / plain.wall),
        Figure::new("CPU of the role", a_post(ours.own), "us/post").against(plain_name, a_post(plain.own)),
        Figure::new("CPU of the engine", a_post(ours.engine), "us/post")
            .against(plain_name, a_post(plain.engine)),
        Figure::new("rows", ours_rows as f64, "rows")
            .against("after everything was written twice", twice_rows as f64),
        Figure::new("posts erased, with proof", erased.posts as f64, "posts"),
        Figure::new("erased", erased_per_second, "posts/s").against("goal", GOAL_ERASED_PER_SECOND),
    ])
}

/// Rows of posts and of outcomes together.
async fn count(config: &StoreConfig, prefix: &str) -> Result<usize, Failure> {
    let sql =
        format!("SELECT (SELECT count() FROM {prefix}recent_posts) + (SELECT count() FROM {prefix}outcomes)");
    Ok(statement(config, &sql).await?.trim().parse().map_err(anyhow::Error::from)?)
}

async fn write_all(store: &Store, batches: &[Batch]) -> Result<(), Failure> {
    for batch in batches {
        store.write(batch, &batch.token()).await?;
    }
    Ok(())
}

/// Seconds that a piece of work took: CPU of this process and of the engine, and the wall clock's.
struct Spent {
    own: f64,
    engine: f64,
    wall: f64,
}

impl Spent {
    async fn of(
        engine: &EngineProcess,
        work: impl Future<Output = Result<(), Failure>>,
    ) -> Result<Self, Failure> {
        let engine_cpu = || engine.id().map_or(0.0, cost::cpu_seconds_of);
        let (own, theirs, wall) = (cost::cpu_seconds(), engine_cpu(), Instant::now());
        work.await?;
        Ok(Self {
            own: cost::cpu_seconds() - own,
            engine: engine_cpu() - theirs,
            wall: wall.elapsed().as_secs_f64(),
        })
    }
}

/// As scattered as real ones.
fn post_id(number: usize) -> PostId {
    PostId((number as u128 + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835))
}

fn batches(texts: &[String], posts: usize, now: Timestamp) -> Vec<Batch> {
    let mut batcher =
        Batcher::new(BatchLimits { bytes: usize::MAX, age_micros: i64::MAX, ..BatchLimits::default() });
    let mut batches = Vec::new();
    for (number, text) in texts.iter().cycle().take(posts).enumerate() {
        let offset = i64::try_from(number).unwrap_or(i64::MAX);
        let at = LogPosition { topic: "bench".to_owned(), partition: 0, offset };
        batcher.push(at, rows(number, text, now), text.len(), now);
        batches.extend(batcher.take_due(now));
    }
    batches.extend(batcher.take());
    batches
}

fn rows(number: usize, text: &str, now: Timestamp) -> Rows {
    let observed_at = now.as_micros();
    let recent = RecentPostRow {
        post_id: post_id(number).0,
        source: "bench".to_owned(),
        platform: "bluesky".to_owned(),
        author: Some(number as u64 % 1_000_003),
        kind: "post".to_owned(),
        text: text.to_owned(),
        words: text.to_owned(),
        normaliser: NORMALISER_VERSION,
        posted_at: None,
        edited_at: None,
        observed_at,
        campaign: number as u64,
        tags: Vec::new(),
        links: Vec::new(),
        language: "de".to_owned(),
        language_confidence: 0.9,
        script: "Latn".to_owned(),
        gate: Some(0.1),
        encoded: false,
        scores: Vec::new(),
        labels: Vec::new(),
        rules: Vec::new(),
        shadow_rules: Vec::new(),
        priority: 0,
        version: observed_at.unsigned_abs(),
    };
    let outcome = OutcomeRow {
        partition: 0,
        offset: i64::try_from(number).unwrap_or(i64::MAX),
        outcome: "stored".to_owned(),
        reason: String::new(),
        source: "bench".to_owned(),
        flagged: false,
        hour: u32::try_from(now.as_secs() / 3600 * 3600).unwrap_or(0),
    };
    Rows { recent_posts: vec![recent], outcomes: vec![outcome], ..Rows::default() }
}

/// What a script does: rows as JSON lines, one request for each table.
async fn insert_plainly(config: &StoreConfig, batch: &Batch) -> Result<(), Failure> {
    let posts = batch.rows.recent_posts.iter().map(|row| {
        json!({
            "post_id": row.post_id.to_string(), "source": row.source, "platform": row.platform, "author": row.author,
            "kind": row.kind, "text": row.text, "words": row.words, "normaliser": row.normaliser,
            "observed_at": (row.observed_at as f64 / 1e6).to_string(), "campaign": row.campaign.to_string(),
            "language": row.language, "language_confidence": row.language_confidence, "script": row.script,
            "gate": row.gate, "encoded": row.encoded, "version": row.version.to_string(),
        })
    });
    let outcomes = batch.rows.outcomes.iter().map(|row| {
        json!({
            "partition": row.partition, "offset": row.offset, "outcome": row.outcome, "reason": row.reason,
            "source": row.source, "flagged": row.flagged, "hour": row.hour,
        })
    });
    insert_lines(config, Table::RecentPosts, lines(posts)).await?;
    insert_lines(config, Table::Outcomes, lines(outcomes)).await
}

fn lines(rows: impl Iterator<Item = serde_json::Value>) -> String {
    rows.fold(String::new(), |lines, row| lines + &row.to_string() + "\n")
}

async fn insert_lines(config: &StoreConfig, table: Table, lines: String) -> Result<(), Failure> {
    let insert = format!(
        "INSERT INTO plain_{} SETTINGS date_time_input_format = 'best_effort' FORMAT JSONEachRow",
        table.as_str()
    );
    send(config, Some(&insert), lines).await?;
    Ok(())
}
