//! `streife rules`: check, test, explain, backtest, stats; fmt, import and export are in [`rules_text`].

use std::io::Read;
use std::path::Path;
use std::time::Instant;

use indicatif::ProgressBar;
use serde_json::json;
use streife_domain::Timestamp;
use streife_rules::{
    Backtest, HistoryColumns, PostView, Problem, RuleSet, Scratch, Tongue, history_prefilter, run_tests,
};
use streife_runtime::{Fields, fields};
use streife_store::queries::{Prefilter, RecentPost};
use streife_store::{Store, StoreError};
use streife_text::NORMALISER_VERSION;

use super::rules_text;
use crate::cli::{RoleArgs, RulesCommand, RulesDir};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::paths::Paths;
use crate::roles::engine_process::with_store;
use crate::roles::run_task;
use crate::say::{self, tr};
use crate::{config, open};

/// Seed of the sample that a backtest draws, so that a repetition draws the same.
const BACKTEST_SEED: u64 = 1;
/// Days of `rules stats`.
const STATS_DAYS: i64 = 14;

pub(crate) fn run(command: RulesCommand, json: bool) -> CommandResult {
    match command {
        RulesCommand::Check(dir) => check(&dir, json),
        RulesCommand::Test(dir) => test(&dir, json),
        RulesCommand::Explain { dir, rule, text } => explain(&dir, &rule, text),
        RulesCommand::Backtest { dir, role, rule, days } => backtest(&dir, &role, &rule, days, json),
        RulesCommand::Stats(role) => stats(&role, json),
        RulesCommand::Fmt { dir, files, check } => rules_text::fmt(&dir, &files, check),
        RulesCommand::Import { shape, file, name, owner } => {
            rules_text::import(shape, &file, name.as_deref(), &owner)
        }
        RulesCommand::Export { dir, shape, name } => rules_text::export(&dir, shape, &name),
    }
}

pub(super) fn folder(dir: &RulesDir) -> Result<std::path::PathBuf, Failure> {
    let config = config::load(None)?;
    Ok(dir.rules.clone().unwrap_or_else(|| Paths::new(&config, None).rules))
}

pub(super) fn compile(folder: &Path) -> Result<(RuleSet, Vec<Problem>), Failure> {
    let compiled = open::compile_rules(folder).map_err(|e| Failure::usage(format!("{e:#}")))?;
    Ok((compiled.set, compiled.problems))
}

pub(super) fn tongue() -> Tongue {
    if tr("de", "en") == "de" { Tongue::German } else { Tongue::English }
}

fn check(dir: &RulesDir, json: bool) -> CommandResult {
    let (set, problems) = compile(&folder(dir)?)?;
    let errors: Vec<&Problem> = problems.iter().filter(|problem| problem.is_error()).collect();
    if json {
        for rule in set.rules() {
            say::json(
                &json!({"rule": rule.id, "version": rule.version, "ok": true, "cost": rule.cost.as_str(), "witness": rule.witness}),
            )?;
        }
        let mut named: Vec<Option<&str>> = errors.iter().map(|problem| problem.rule.as_deref()).collect();
        named.sort_unstable();
        named.dedup();
        for rule in named {
            let told: Vec<_> = errors
                .iter()
                .filter(|problem| problem.rule.as_deref() == rule)
                .map(|p| {
                    let (message, hint) = p.wording(tongue());
                    json!({"file": p.file, "line": p.line, "column": p.column, "message": message, "hint": hint})
                })
                .collect();
            say::json(&json!({"rule": rule.unwrap_or(""), "ok": false, "errors": told}))?;
        }
    } else {
        for problem in &problems {
            say::line(&problem.render(tongue()));
        }
        say::line(&format!(
            "{} {}, {} {}",
            set.rules().len(),
            tr("Regeln in Ordnung", "rules fine"),
            errors.len(),
            tr("Fehler", "errors")
        ));
    }
    Ok(Outcome::fine_if(errors.is_empty()))
}

fn test(dir: &RulesDir, json: bool) -> CommandResult {
    let (set, problems) = compile(&folder(dir)?)?;
    let results = run_tests(&set);
    let failed = results.iter().filter(|result| !result.ok).count();
    for result in &results {
        if json {
            say::json(result)?;
        } else if !result.ok {
            say::line(&format!(
                "{} {} {}: {} {}, {} {}",
                result.rule,
                tr("Test", "test"),
                result.test,
                tr("erwartet", "expected"),
                result.expect.as_str(),
                tr("ist", "got"),
                result.got.as_str()
            ));
        }
    }
    for problem in problems.iter().filter(|problem| problem.is_error()) {
        eprintln!("{}", problem.render(tongue()));
    }
    if !json {
        say::line(&format!(
            "{} {}, {failed} {}",
            results.len(),
            tr("Tests", "tests"),
            tr("fehlgeschlagen", "failed")
        ));
    }
    Ok(Outcome::fine_if(failed == 0 && !problems.iter().any(Problem::is_error)))
}

fn explain(dir: &RulesDir, rule: &str, text: Option<String>) -> CommandResult {
    let (set, problems) = compile(&folder(dir)?)?;
    let text = match text {
        Some(text) => text,
        None => {
            let mut text = String::new();
            std::io::stdin().lock().read_to_string(&mut text)?;
            text
        }
    };
    let Some(explanation) =
        set.explain(rule, &PostView { text: &text, ..PostView::default() }, &mut Scratch::default())
    else {
        let why =
            problems.iter().find(|problem| problem.rule.as_deref() == Some(rule)).map(|p| p.render(tongue()));
        return Err(Failure::usage(why.unwrap_or_else(|| format!("no rule {rule:?}"))));
    };
    say::json(
        &json!({"rule": rule, "holds": explanation.holds, "because": explanation.because, "spans": explanation.spans}),
    )?;
    Ok(Outcome::fine_if(explanation.holds))
}

fn backtest(dir: &RulesDir, role: &RoleArgs, rule: &str, days: u32, json: bool) -> CommandResult {
    let (set, problems) = compile(&folder(dir)?)?;
    let Some(position) = set.position(rule) else {
        let why =
            problems.iter().find(|problem| problem.rule.as_deref() == Some(rule)).map(|p| p.render(tongue()));
        return Err(Failure::usage(why.unwrap_or_else(|| format!("no rule {rule:?}"))));
    };
    let rule = rule.to_owned();
    run_task(role.config.config.as_deref(), role.data.as_deref(), |running| async move {
        let started = Instant::now();
        let since = open::clock().now().plus_secs(-i64::from(days) * 86_400);
        let (report, posts) = with_store(&running, |store| async move {
            let failed = |e: streife_store::StoreError| Failure::upstream(e.to_string());
            let prefilter = prefilter(&store, &set, position, since).await.map_err(failed)?;
            let posts = store.recent_count(since).await.map_err(failed)?;
            let mut backtest = Backtest::new(&set, &rule, BACKTEST_SEED)
                .ok_or_else(|| Failure::usage(format!("no rule {rule:?}")))?;
            // Posts come by the hour, so the time they were seen tells how far it is. Drawn on a terminal only.
            let bar = ProgressBar::new(u64::from(days) * 86_400);
            store
                .recent_posts(since, &prefilter, &mut |row| {
                    bar.set_position(
                        u64::try_from(row.post.observed_at.as_secs() - since.as_secs()).unwrap_or(0),
                    );
                    backtest.feed(
                        &row.post.post_id.to_string(),
                        &open::day(row.post.observed_at),
                        &row_view(&row, &fields(&row.post.text, &row.post.tags, &row.post.links)),
                    );
                    true
                })
                .await
                .map_err(failed)?;
            bar.finish_and_clear();
            Ok((backtest.report(), posts))
        })
        .await?;
        let seconds = started.elapsed().as_secs_f64();
        if json {
            say::json(
                &json!({"rule": report.rule, "posts": posts, "hits": report.hits, "candidates": report.candidates,
                "seconds": seconds, "per_day": report.per_day}),
            )?;
        } else {
            say::line(&format!(
                "{}: {} {} {posts} {}, {seconds:.2} s",
                report.rule,
                report.hits,
                tr("Treffer in", "hits in"),
                tr("Beiträgen", "posts")
            ));
            for (day, count) in &report.per_day {
                say::line(&format!("  {day}  {count}"));
            }
        }
        Ok(Outcome::Fine)
    })
}

/// The condition that leaves few recent posts besides those that a rule matches.
pub(crate) async fn prefilter(
    store: &Store,
    set: &RuleSet,
    position: usize,
    since: Timestamp,
) -> Result<Prefilter, StoreError> {
    // Posts stored by another version are looked at one by one, until they are gone.
    let folded_alike = store.recent_words_are_of(NORMALISER_VERSION, since).await?;
    let columns = HistoryColumns {
        language: Some("language"),
        platform: Some("platform"),
        source: Some("source"),
        words: folded_alike.then_some("words"),
        text_only: true,
    };
    Ok(Prefilter { sql: history_prefilter(set, position, &columns), parameters: Vec::new() })
}

/// A stored post as rules saw it on the stream.
pub(crate) fn row_view<'a>(row: &'a RecentPost, fields: &'a Fields) -> PostView<'a> {
    PostView {
        text: &row.post.text,
        tags: &fields.tags,
        urls: &fields.urls,
        mentions: &fields.mentions,
        language: &row.language.code,
        platform: &row.post.platform,
        source: &row.post.source,
        kind: row.post.kind.as_str(),
        scores: Some(&row.scores),
        labels: &row.labels,
        ..PostView::default()
    }
}

fn stats(role: &RoleArgs, json: bool) -> CommandResult {
    run_task(role.config.config.as_deref(), role.data.as_deref(), |running| async move {
        let since: Timestamp = open::clock().now().plus_secs(-STATS_DAYS * 86_400);
        let hits = with_store(&running, |store| async move {
            store.rule_hits(None, since).await.map_err(|e| Failure::upstream(e.to_string()))
        })
        .await?;
        for hit in hits {
            let day = open::day(Timestamp::from_secs(i64::from(hit.day) * 86_400));
            if json {
                say::json(&json!({"rule": hit.rule, "day": day, "hits": hit.posts}))?;
            } else {
                say::line(&format!("{}  {day}  {}", hit.rule, hit.posts));
            }
        }
        Ok(Outcome::Fine)
    })
}
