//! `streife bench backtest`: rules over ten million stored posts in the embedded engine, as `streife rules backtest` does it.
//!
//! The posts are made by ClickHouse itself: made-up words by Zipf's law, some 350 bytes each, observed over three days. They
//! end in three digits or more, which folding leaves alone, so the words stored for look-up are the text. What the rules find
//! is held against a count that ClickHouse makes with regular expressions over the raw text.

use std::time::{Duration, Instant};

use streife_rules::{Backtest, RuleSet, Scratch, SourceFile};
use streife_runtime::fields;
use streife_store::{Store, StoreConfig};
use streife_text::NORMALISER_VERSION;

use super::Figure;
use crate::cli::BenchArgs;
use crate::commands::rules::{prefilter, row_view};
use crate::failure::Failure;
use crate::open;
use crate::roles::engine_process::EngineProcess;

const POSTS: u64 = 10_000_000;
/// Posts that one statement makes.
const CHUNK: u64 = 500_000;
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(600);
/// Words of a post: so many, and up to so many more.
const WORDS: (u32, u32) = (28, 20);
/// The goal for a rule that looks a word up.
const GOAL_SECONDS: f64 = 5.0;

/// Name, expression, and the regular expressions (of RE2) that a text must all match.
const RULES: [(&str, &str, &[&str]); 4] = [
    ("a rare word", "worda20011", &[r"\bworda20011\b"]),
    ("a rare and a common word", "worda20011 AND worda107", &[r"\bworda20011\b", r"\bworda107\b"]),
    (
        "two words beside each other",
        "worda311 NEAR/1 worda112",
        &[r"\b(worda311 worda112|worda112 worda311)\b"],
    ),
    ("part of a word, no look-up", "*rda2001*", &[r"\bworda2001\d*\b"]),
];

pub(crate) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(backtests(POSTS * u64::from(args.scale)))
}

async fn backtests(posts: u64) -> Result<Vec<Figure>, Failure> {
    let folder = tempfile::tempdir()?;
    let engine = EngineProcess::start(folder.path(), true).await?;
    let config = engine.store_config();
    let store = Store::connect(config.clone())?;
    store.migrate().await?;
    let filling = Instant::now();
    for from in (0..posts).step_by(usize::try_from(CHUNK).unwrap_or(usize::MAX)) {
        statement(&config, &made_posts(from, CHUNK.min(posts - from))).await?;
    }
    let mut figures = vec![
        Figure::new("stored posts", posts as f64, "posts"),
        Figure::new("making and storing them", filling.elapsed().as_secs_f64(), "s"),
    ];
    let since = open::clock().now().plus_secs(-4 * 86_400);
    for (name, when, patterns) in RULES {
        let set = compiled(when)?;
        let begun = Instant::now();
        let all = store.recent_count(since).await?;
        let prefilter = prefilter(&store, &set, 0, since).await?;
        let mut backtest =
            Backtest::new(&set, "bench", 1).ok_or_else(|| anyhow::anyhow!("the rule is not there"))?;
        let mut scratch = Scratch::default();
        let mut unequal = 0;
        let visit = &mut |row: streife_store::queries::RecentPost| {
            let fields = fields(&row.post.text, &row.post.tags, &row.post.links);
            let view = row_view(&row, &fields);
            let hit = backtest.feed(&row.post.post_id.to_string(), &open::day(row.post.observed_at), &view);
            unequal += u64::from(hit != set.matches(0, &view, &mut scratch));
            true
        };
        store.recent_posts(since, &prefilter, visit).await?;
        let seconds = begun.elapsed().as_secs_f64();
        let report = backtest.report();
        let counted: u64 = statement(&config, &counting(patterns)).await?.trim().parse().unwrap_or(u64::MAX);
        if (report.hits, all, unequal) != (counted, posts, 0) {
            return Err(anyhow::anyhow!(
                "{name}: {} hits among {all} posts, {unequal} unequal; ClickHouse counts {counted} among {posts}",
                report.hits
            )
            .into());
        }
        figures.push(Figure::new(format!("{name}: hits"), report.hits as f64, "posts"));
        figures.push(Figure::new(format!("{name}: backtest"), seconds, "s").against("goal", GOAL_SECONDS));
    }
    engine.stop().await;
    Ok(figures)
}

fn made_posts(from: u64, count: u64) -> String {
    let (least, more) = WORDS;
    format!(
        "INSERT INTO recent_posts (post_id, source, platform, kind, text, words, normaliser, observed_at, campaign, language, \
         language_confidence, script, encoded, priority, version) \
         SELECT number, 'bench', 'bluesky', 'post', arrayStringConcat(arrayMap(i -> concat('worda', \
         toString(100 + toUInt32(exp(10.3 * (cityHash64(number * 64 + i) % 1000000) / 1e6)))), range({least} + number % {more})), ' ') AS made, \
         made, {NORMALISER_VERSION}, now64(6) - toIntervalSecond(number % 259200), number, 'de', 1, 'Latn', false, 'none', 1 \
         FROM numbers({from}, {count})"
    )
}

fn counting(patterns: &[&str]) -> String {
    let all: Vec<String> =
        patterns.iter().map(|pattern| format!("match(text, '{}')", pattern.replace('\\', "\\\\"))).collect();
    format!("SELECT count() FROM recent_posts WHERE {}", all.join(" AND "))
}

pub(super) async fn statement(config: &StoreConfig, sql: &str) -> anyhow::Result<String> {
    send(config, None, sql.to_owned()).await
}

/// A statement as body, or as `query` with its data as body.
pub(super) async fn send(config: &StoreConfig, query: Option<&str>, body: String) -> anyhow::Result<String> {
    let request = reqwest::Client::builder()
        .no_proxy()
        .build()?
        .post(&config.url)
        .query(&[("database", &config.database)])
        .basic_auth(&config.user, Some(&config.password))
        .timeout(STATEMENT_TIMEOUT);
    let request = match query {
        Some(query) => request.query(&[("query", query)]),
        None => request,
    };
    let answer = request.body(body).send().await?;
    let fine = answer.status().is_success();
    let text = answer.text().await?;
    anyhow::ensure!(fine, "ClickHouse refused: {text}");
    Ok(text)
}

fn compiled(when: &str) -> anyhow::Result<RuleSet> {
    let review_by = open::day(open::clock().now().plus_secs(30 * 86_400));
    let text = format!(
        "id: bench\nversion: 1\ntitle: Benchmark\nowner: bench\npurpose: demonstration\nlegal_basis: \"none: benchmark\"\n\
         norms: [StGB-111]\nreview_by: {review_by}\nseverity: low\nqueue: bench\nquota_per_day: 1000000\nwhen: '{when}'\n\
         tests:\n  - {{text: not run by the benchmark, expect: miss}}\n"
    );
    let set = RuleSet::compile(&[SourceFile { path: "bench.yaml", text: &text }], &open::today()).set;
    anyhow::ensure!(!set.rules().is_empty(), "the rule {when:?} does not compile");
    Ok(set)
}
