//! Pages of the desk's queue. A page begins after the last item of the one before (keyset), so that new posts
//! neither shift nor repeat what is on screen.

use std::fmt::Write as _;

use streife_domain::{CampaignKey, Head, PostId, Priority, Timestamp};

use super::FlaggedItem;
use crate::rows::{micros, priority_value};
use crate::{FlaggedPostRow, Store, StoreError};

/// Items of one page at most.
const MAX_PAGE: u32 = 500;

/// What to show; every part narrows.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueueFilter {
    /// This priority or higher.
    pub at_least: Option<Priority>,
    /// Exactly this priority.
    pub exactly: Option<Priority>,
    /// Only these sources; an empty list shows nothing.
    pub sources: Option<Vec<String>>,
    /// All but these sources.
    pub not_sources: Vec<String>,
    /// Language code.
    pub language: Option<String>,
    /// Source.
    pub source: Option<String>,
    /// A rule that matched.
    pub rule: Option<String>,
    /// The tenant that asks, empty for the house: an export names no rule of another.
    pub space: String,
    /// A head over its threshold.
    pub label: Option<Head>,
    /// Near-identical posts.
    pub campaign: Option<CampaignKey>,
    /// Words that all occur, in any order, upper and lower case as written.
    pub words: Option<String>,
    /// Observed at or after.
    pub since: Option<Timestamp>,
    /// Observed before.
    pub until: Option<Timestamp>,
}

/// What comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueOrder {
    /// Newest observation first.
    #[default]
    Newest,
    /// Highest priority first, then newest.
    Severity,
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueCursor {
    /// Priority of the last item.
    pub priority: Priority,
    /// Its observation.
    pub observed_at: Timestamp,
    /// Its identity.
    pub post_id: PostId,
}

/// A page.
#[derive(Debug, Clone, PartialEq)]
pub struct QueuePage {
    /// The items.
    pub items: Vec<FlaggedItem>,
    /// Where the next page begins; `None` on the last.
    pub next: Option<QueueCursor>,
}

impl Store {
    /// One page of flagged posts.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn queue(
        &self,
        filter: &QueueFilter,
        order: QueueOrder,
        after: Option<QueueCursor>,
        limit: u32,
    ) -> Result<QueuePage, StoreError> {
        let limit = limit.clamp(1, MAX_PAGE);
        let (sort, position) = match order {
            QueueOrder::Newest => ("observed_at DESC, post_id DESC", "(observed_at, post_id)"),
            QueueOrder::Severity => {
                ("priority DESC, observed_at DESC, post_id DESC", "(toInt8(priority), observed_at, post_id)")
            }
        };
        let mut sql = format!("SELECT ?fields FROM flagged WHERE {}", conditions(filter));
        if after.is_some() {
            let time = "fromUnixTimestamp64Micro({after_time:Int64}, 'UTC')";
            let at = match order {
                QueueOrder::Newest => format!("({time}, {{after_post:UInt128}})"),
                QueueOrder::Severity => format!("({{after_priority:Int8}}, {time}, {{after_post:UInt128}})"),
            };
            let _ = write!(sql, " AND {position} < {at}");
        }
        let _ = write!(sql, " ORDER BY {sort} LIMIT {{limit:UInt32}}");
        let mut query = bind(self.client().query(&sql), filter).param("limit", limit + 1);
        if let Some(after) = after {
            query = query
                .param("after_time", micros(after.observed_at))
                .param("after_post", after.post_id.0)
                .param("after_priority", priority_value(after.priority));
        }
        let rows: Vec<FlaggedPostRow> = query.fetch_all().await?;
        let more = rows.len() > limit as usize;
        let items = rows
            .into_iter()
            .take(limit as usize)
            .map(FlaggedItem::try_from)
            .collect::<Result<Vec<_>, _>>()?;
        let next = items.last().filter(|_| more).map(|last| QueueCursor {
            priority: last.verdict.priority,
            observed_at: last.post.observed_at,
            post_id: last.post.post_id,
        });
        Ok(QueuePage { items, next })
    }

    /// Rows of flagged posts as they lie, repetitions included: answered from the table's own books, and another number
    /// whenever something was flagged.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn flagged_rows(&self) -> Result<u64, StoreError> {
        Ok(self.client().query("SELECT count() FROM flagged_posts").fetch_one().await?)
    }

    /// How many flagged posts a filter shows.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn queue_size(&self, filter: &QueueFilter) -> Result<u64, StoreError> {
        let sql = format!("SELECT count() FROM flagged WHERE {}", conditions(filter));
        Ok(bind(self.client().query(&sql), filter).fetch_one().await?)
    }
}

pub(super) fn conditions(filter: &QueueFilter) -> String {
    let parts = [
        filter.at_least.is_some().then_some("toInt8(priority) >= {at_least:Int8}"),
        filter.exactly.is_some().then_some("toInt8(priority) = {exactly:Int8}"),
        filter.sources.is_some().then_some("has({sources:Array(String)}, toString(source))"),
        (!filter.not_sources.is_empty()).then_some("NOT has({not_sources:Array(String)}, toString(source))"),
        filter.language.is_some().then_some("language = {language:String}"),
        filter.source.is_some().then_some("source = {source:String}"),
        filter.rule.is_some().then_some("has(rules, {rule:String})"),
        filter.label.is_some().then_some("has(labels, {label:String})"),
        filter.campaign.is_some().then_some("campaign = {campaign:UInt64}"),
        filter.words.is_some().then_some("hasAllTokens(text, {words:String})"),
        filter.since.is_some().then_some("observed_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')"),
        filter.until.is_some().then_some("observed_at < fromUnixTimestamp64Micro({until:Int64}, 'UTC')"),
    ];
    let set: Vec<_> = parts.into_iter().flatten().collect();
    if set.is_empty() { "true".to_owned() } else { set.join(" AND ") }
}

pub(super) fn bind(mut query: clickhouse::query::Query, filter: &QueueFilter) -> clickhouse::query::Query {
    if let Some(priority) = filter.at_least {
        query = query.param("at_least", priority_value(priority));
    }
    if let Some(priority) = filter.exactly {
        query = query.param("exactly", priority_value(priority));
    }
    if let Some(sources) = &filter.sources {
        query = query.param("sources", sources);
    }
    if !filter.not_sources.is_empty() {
        query = query.param("not_sources", &filter.not_sources);
    }
    for (name, value) in [
        ("language", filter.language.as_deref()),
        ("source", filter.source.as_deref()),
        ("rule", filter.rule.as_deref()),
        ("label", filter.label.map(Head::as_str)),
        ("words", filter.words.as_deref()),
    ] {
        if let Some(value) = value {
            query = query.param(name, value);
        }
    }
    if let Some(campaign) = filter.campaign {
        query = query.param("campaign", campaign.0);
    }
    for (name, time) in [("since", filter.since), ("until", filter.until)] {
        if let Some(time) = time {
            query = query.param(name, micros(time));
        }
    }
    query
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_value_is_written_into_a_statement() {
        let filter = QueueFilter {
            language: Some("'; DROP TABLE x".to_owned()),
            words: Some("'; DROP TABLE x".to_owned()),
            ..QueueFilter::default()
        };
        assert_eq!(
            conditions(&filter),
            "language = {language:String} AND hasAllTokens(text, {words:String})"
        );
        assert_eq!(conditions(&QueueFilter::default()), "true");
    }

    #[test]
    fn priorities_have_the_values_of_the_column() {
        for (value, priority) in
            [Priority::None, Priority::Low, Priority::Medium, Priority::High].into_iter().enumerate()
        {
            assert_eq!(priority_value(priority), i8::try_from(value).unwrap());
        }
    }
}
