//! Figures for the desk: counts, never content.

use std::collections::BTreeMap;

use async_trait::async_trait;
use streife_cases::calibration::Score;
use streife_cases::tenant::SourceScope;
use streife_domain::{PostId, Timestamp};
use streife_rules::{Rate, is_odd};
use streife_store::queries::{self, Dimension, SummaryScope};
use streife_web::reader::{
    By, CampaignFigures, Count, Figures, QueueFilter, ReadError, RuleDayFigures, RuleFigures, Series,
    SourceFigures, StageFigures, SystemFigures, Trends,
};

use super::reader::{StoreReader, asked, read_error};
use crate::open;

/// Days that a rule's chart looks back, today included.
const RULE_DAYS: i64 = 14;
/// Hours that trends look back.
const TREND_HOURS: i64 = 48;

fn counted(map: BTreeMap<String, u64>) -> Vec<Count> {
    let mut counts: Vec<Count> = map.into_iter().collect();
    counts.sort_by(|a, b| b.1.cmp(&a.1).then_with(|| a.0.cmp(&b.0)));
    counts
}

/// What these sources brought since a time.
fn of_sources(sources: &SourceScope, since: Timestamp) -> queries::QueueFilter {
    let filter = QueueFilter { sources: sources.clone(), ..QueueFilter::default() };
    queries::QueueFilter { since: Some(since), ..asked(&filter) }
}

impl StoreReader {
    /// Flagged posts of a filter by one of their sides.
    async fn sums(
        &self,
        filter: &queries::QueueFilter,
        side: Dimension,
    ) -> Result<BTreeMap<String, u64>, ReadError> {
        let mut sums = BTreeMap::new();
        for point in self.store.flagged_series(filter, side).await.map_err(read_error)? {
            *sums.entry(point.name).or_default() += point.posts;
        }
        Ok(sums)
    }

    /// A campaign with its course by the hour.
    pub(super) async fn with_course(
        &self,
        campaign: queries::Campaign,
    ) -> Result<CampaignFigures, ReadError> {
        let spread = self.store.campaign_spread(campaign.key).await.map_err(read_error)?;
        let hours = spread.iter().rev().take(TREND_HOURS as usize).rev().map(|hour| hour.posts);
        Ok(CampaignFigures {
            key: campaign.key.0,
            posts: campaign.posts,
            accounts: campaign.accounts,
            platforms: campaign.platforms,
            first_seen: campaign.first_seen,
            last_seen: campaign.last_seen,
            level: campaign.priority,
            labels: campaign.labels,
            per_hour: hours.collect(),
        })
    }

    fn since(&self) -> Timestamp {
        open::clock().now().plus_secs(-TREND_HOURS * 3_600)
    }
}

#[async_trait]
impl Figures for StoreReader {
    async fn campaigns(&self, sources: &SourceScope) -> Result<Vec<CampaignFigures>, ReadError> {
        let mut figures = Vec::new();
        for campaign in self.store.campaigns(&of_sources(sources, self.since())).await.map_err(read_error)? {
            figures.push(self.with_course(campaign).await?);
        }
        Ok(figures)
    }

    async fn trends(&self, sources: &SourceScope) -> Result<Trends, ReadError> {
        let since = self.since();
        let rates = self.store.source_rates(since).await.map_err(read_error)?;
        let first_hour = u32::try_from(since.as_secs() / 3_600 * 3_600).unwrap_or(0);
        let mut posts_per_hour = vec![0; TREND_HOURS as usize + 1];
        let mut flagged_per_hour = posts_per_hour.clone();
        let mut by_source = BTreeMap::new();
        for rate in rates.iter().filter(|rate| sources.contains(&rate.source)) {
            let at = (rate.hour.saturating_sub(first_hour) / 3_600) as usize;
            if let (Some(posts), Some(flagged)) = (posts_per_hour.get_mut(at), flagged_per_hour.get_mut(at)) {
                *posts += rate.records;
                *flagged += rate.flagged;
            }
            *by_source.entry(rate.source.clone()).or_default() += rate.flagged;
        }
        let own = of_sources(sources, since);
        Ok(Trends {
            flagged_per_hour,
            posts_per_hour,
            by_source: counted(by_source),
            by_language: counted(self.sums(&own, Dimension::Language).await?),
            by_head: counted(self.sums(&own, Dimension::Head).await?),
            by_rule: counted(self.sums(&own, Dimension::Rule).await?),
        })
    }

    async fn series(&self, filter: &QueueFilter, hours: u32, by: By) -> Result<Vec<Series>, ReadError> {
        let dimension = match by {
            By::Source => Dimension::Source,
            By::Platform => Dimension::Platform,
            By::Language => Dimension::Language,
            By::Head => Dimension::Head,
            By::Rule => Dimension::Rule,
        };
        let this_hour = open::clock().now().as_secs().div_euclid(3_600);
        let first = this_hour - i64::from(hours);
        let asked =
            queries::QueueFilter { since: Some(Timestamp::from_secs(first * 3_600)), ..asked(filter) };
        let mut series: BTreeMap<String, Vec<u64>> = BTreeMap::new();
        for point in self.store.flagged_series(&asked, dimension).await.map_err(read_error)? {
            let per_hour = series.entry(point.name).or_insert_with(|| vec![0; hours as usize + 1]);
            let at = i64::from(point.hour).div_euclid(3_600) - first;
            if let Some(count) = usize::try_from(at).ok().and_then(|at| per_hour.get_mut(at)) {
                *count += point.posts;
            }
        }
        Ok(series.into_iter().map(|(name, per_hour)| Series { name, per_hour }).collect())
    }

    async fn rule(&self, id: &str) -> Result<RuleFigures, ReadError> {
        const DAY: i64 = 86_400;
        let today = open::clock().now().as_secs().div_euclid(DAY);
        let first = today - RULE_DAYS + 1;
        let since = Timestamp::from_secs(first * DAY);
        let (mut hits, mut posts) = (vec![0u64; RULE_DAYS as usize], vec![0u64; RULE_DAYS as usize]);
        let at = |day: i64| usize::try_from(day - first).ok();
        for day in self.store.rule_hits(Some(id), since).await.map_err(read_error)? {
            if let Some(count) = at(i64::from(day.day)).and_then(|at| hits.get_mut(at)) {
                *count += day.posts;
            }
        }
        for rate in self.store.source_rates(since).await.map_err(read_error)? {
            if let Some(count) = at(i64::from(rate.hour).div_euclid(DAY)).and_then(|at| posts.get_mut(at)) {
                *count += rate.records;
            }
        }
        let past = |counts: &[u64]| counts.iter().rev().skip(1).sum::<u64>();
        let now = |counts: &[u64]| counts.last().copied().unwrap_or(0);
        let odd = is_odd(
            Rate { hits: past(&hits), posts: past(&posts) },
            Rate { hits: now(&hits), posts: now(&posts) },
        );
        let days = (first..=today).zip(&hits).map(|(day, hits)| RuleDayFigures {
            day: open::day(Timestamp::from_secs(day * DAY)),
            hits: *hits,
        });
        Ok(RuleFigures { days: days.collect(), odd })
    }

    async fn scores(&self, posts: &[PostId]) -> Result<Vec<Score>, ReadError> {
        let stored = self.store.scores_of(posts).await.map_err(read_error)?;
        let score = |one: queries::StoredScore| Score {
            post_id: one.post_id.to_string(),
            model: one.model,
            language: one.language,
            head: one.head,
            probability: f64::from(one.value),
        };
        Ok(stored.into_iter().map(score).collect())
    }

    fn connector(&self, source: &str) -> Option<String> {
        self.sources.iter().find(|known| known.name == source).map(|known| known.kind.clone())
    }

    async fn system(&self) -> Result<SystemFigures, ReadError> {
        let summary = self.store.summary(&SummaryScope::All).await.map_err(read_error)?;
        let rates =
            self.store.source_rates(open::clock().now().plus_secs(-3_600)).await.map_err(read_error)?;
        let dropped = summary.dropped.values().sum();
        let dead = summary.dead.values().sum();
        let stage = StageFigures {
            name: "score → store".to_owned(),
            input: summary.accepted,
            output: summary.stored,
            dropped,
            dead,
            lag: 0,
            healthy: summary.accepted == summary.stored + dropped + dead,
        };
        let state = self.store.system_state().await.map_err(read_error)?;
        let mut sources: BTreeMap<String, SourceFigures> = BTreeMap::new();
        for source in &self.sources {
            let figures = SourceFigures {
                name: source.name.clone(),
                last_hour: 0,
                last_seen: None,
                state: if source.enabled { "on" } else { "off" },
                legal_basis: source.legal.as_ref().map(|legal| legal.legal_basis.clone()).unwrap_or_default(),
            };
            sources.insert(source.name.clone(), figures);
        }
        for (name, health) in self.health.snapshot() {
            let figures = sources.entry(name.clone()).or_insert_with(|| unconfigured(&name));
            figures.last_seen = health.last_success;
            if let Some(error) = &health.error {
                figures.state = if error.contains("not licensed") { "not_licensed" } else { "failing" };
            }
        }
        for rate in rates {
            sources.entry(rate.source.clone()).or_insert_with(|| unconfigured(&rate.source)).last_hour +=
                rate.records;
        }
        let mut versions = vec![("ClickHouse".to_owned(), state.version)];
        versions.push(("Streife".to_owned(), env!("CARGO_PKG_VERSION").to_owned()));
        Ok(SystemFigures {
            stages: vec![stage],
            sources: sources.into_values().collect(),
            dead: counted(summary.dead),
            versions,
        })
    }
}

fn unconfigured(name: &str) -> SourceFigures {
    SourceFigures {
        name: name.to_owned(),
        last_hour: 0,
        last_seen: None,
        state: "on",
        legal_basis: String::new(),
    }
}
