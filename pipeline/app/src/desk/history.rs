//! Rules over the stored recent posts: preview and backtest, by the prefilter and the engine's own evaluator.

use std::collections::VecDeque;

use async_trait::async_trait;
use streife_cases::tenant::SourceScope;
use streife_domain::{PostId, PseudonymousPost, Timestamp};
use streife_rules::{Backtest, Scratch};
use streife_runtime::fields;
use streife_store::queries::{Prefilter, RecentPost};
use streife_web::lab::{BacktestFigures, History, Preview, PreviewHit, Progress, RuleText};
use streife_web::reader::ReadError;

use super::lab::{RuleLab, is_draft};
use super::reader::read_error;
use crate::commands::rules::{prefilter, row_view};
use crate::open;

/// Candidates that a preview evaluates at most.
const PREVIEW_POSTS: u64 = 500_000;
/// Seed of the sample that a backtest draws, so that a repetition draws the same.
const SEED: u64 = 1;
/// Posts between two reports of progress.
const PROGRESS_POSTS: u64 = 2_000;
/// Recent posts live three days; what is drawn is looked for a little longer.
const SAMPLE_SECS: i64 = 4 * 86_400;

struct Ready {
    set: streife_rules::RuleSet,
    position: usize,
    prefilter: Prefilter,
}

impl RuleLab {
    async fn ready(&self, text: &RuleText, since: Timestamp) -> Result<Ready, ReadError> {
        let set = self.compile(text).set;
        let position = set
            .rules()
            .iter()
            .position(|rule| is_draft(rule, text))
            .ok_or_else(|| ReadError("the rule does not compile".to_owned()))?;
        let prefilter = prefilter(&self.store, &set, position, since).await.map_err(read_error)?;
        Ok(Ready { set, position, prefilter })
    }
}

#[async_trait]
impl History for RuleLab {
    async fn preview(
        &self,
        text: &RuleText,
        sources: &SourceScope,
        since: Timestamp,
        limit: usize,
    ) -> Result<Preview, ReadError> {
        let Ready { set, position, prefilter } = self.ready(text, since).await?;
        let hours = (open::clock().now().as_secs() - since.as_secs()).div_euclid(3_600) + 1;
        let mut per_hour = vec![0u64; usize::try_from(hours).unwrap_or(1)];
        let posts = self.store.recent_count(since).await.map_err(read_error)?;
        let (mut scratch, mut hits, mut looked) = (Scratch::default(), 0, 0);
        // Posts come by the hour, oldest first: the last ones are the newest.
        let mut newest: VecDeque<RecentPost> = VecDeque::new();
        let visit = &mut |row: RecentPost| {
            if !sources.contains(&row.post.source) {
                return true;
            }
            looked += 1;
            let fields = fields(&row.post.text, &row.post.tags, &row.post.links);
            if set.matches(position, &row_view(&row, &fields), &mut scratch) {
                hits += 1;
                let hour = (row.post.observed_at.as_secs() - since.as_secs()).div_euclid(3_600);
                if let Some(count) = usize::try_from(hour).ok().and_then(|hour| per_hour.get_mut(hour)) {
                    *count += 1;
                }
                if newest.len() == limit {
                    newest.pop_front();
                }
                newest.push_back(row);
            }
            looked < PREVIEW_POSTS
        };
        self.store.recent_posts(since, &prefilter, visit).await.map_err(read_error)?;
        let id = set.rules()[position].id.clone();
        let shown = newest.into_iter().rev().map(|row| {
            let fields = fields(&row.post.text, &row.post.tags, &row.post.links);
            let why = set.explain(&id, &row_view(&row, &fields), &mut scratch);
            PreviewHit {
                language: row.language.code,
                spans: why.map(|why| why.spans).unwrap_or_default(),
                post: row.post,
            }
        });
        Ok(Preview { posts, hits, complete: looked < PREVIEW_POSTS, per_hour, shown: shown.collect() })
    }

    async fn backtest(
        &self,
        text: &RuleText,
        sources: &SourceScope,
        since: Timestamp,
        progress: Progress<'_>,
    ) -> Result<BacktestFigures, ReadError> {
        let Ready { set, position, prefilter } = self.ready(text, since).await?;
        let posts = self.store.recent_count(since).await.map_err(read_error)?;
        let id = set.rules()[position].id.clone();
        let mut backtest =
            Backtest::new(&set, &id, SEED).ok_or_else(|| ReadError("no such rule".to_owned()))?;
        let span = open::clock().now().micros_since(since).max(1);
        let (mut looked, mut hits) = (0u64, 0u64);
        let visit = &mut |row: RecentPost| {
            if !sources.contains(&row.post.source) {
                return true;
            }
            looked += 1;
            let fields = fields(&row.post.text, &row.post.tags, &row.post.links);
            let post = row.post.post_id.to_string();
            hits +=
                u64::from(backtest.feed(&post, &open::day(row.post.observed_at), &row_view(&row, &fields)));
            if looked.is_multiple_of(PROGRESS_POSTS) {
                let done = row.post.observed_at.micros_since(since).clamp(0, span) * 1_000 / span;
                progress(u32::try_from(done).unwrap_or(0), hits);
            }
            true
        };
        self.store.recent_posts(since, &prefilter, visit).await.map_err(read_error)?;
        progress(1_000, hits);
        let report = backtest.report();
        Ok(BacktestFigures {
            set: report.set,
            posts,
            candidates: report.candidates,
            hits: report.hits,
            per_day: report.per_day,
            overlap: report.overlap,
            days_over_quota: report.days_over_quota,
            sample: report.sample,
            ..BacktestFigures::default()
        })
    }

    async fn posts(&self, ids: &[PostId]) -> Result<Vec<PseudonymousPost>, ReadError> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let list = ids.iter().map(|id| id.0.to_string()).collect::<Vec<_>>().join(",");
        let prefilter = Prefilter {
            sql: "post_id IN {ids:Array(UInt128)}".to_owned(),
            parameters: vec![("ids".to_owned(), format!("[{list}]"))],
        };
        let mut found = Vec::new();
        let visit = &mut |row: RecentPost| {
            found.push(row.post);
            true
        };
        let since = open::clock().now().plus_secs(-SAMPLE_SECS);
        self.store.recent_posts(since, &prefilter, visit).await.map_err(read_error)?;
        Ok(found)
    }
}
