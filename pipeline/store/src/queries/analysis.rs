//! Flagged posts over time by one of their sides, and as files. Figures and pseudonymised records, for analysts.

use clickhouse::Row;
use serde::{Deserialize, Serialize};

use super::QueueFilter;
use super::queue::{bind, conditions};
use crate::{Store, StoreError};

/// Points of one answer at most.
const MAX_POINTS: u32 = 50_000;
/// Records of one export at most.
pub const MAX_EXPORT: u32 = 100_000;

/// By what flagged posts are told apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Dimension {
    /// Source.
    Source,
    /// Platform.
    Platform,
    /// Language code.
    Language,
    /// Head over its threshold; a post may count for several.
    Head,
    /// Rule; a post may count for several.
    Rule,
}

impl Dimension {
    const fn column(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Platform => "platform",
            Self::Language => "language",
            Self::Head => "arrayJoin(labels)",
            Self::Rule => "arrayJoin(rules)",
        }
    }
}

/// How many flagged posts of a name were seen in one hour.
#[derive(Debug, Clone, PartialEq, Eq, Row, Serialize, Deserialize)]
pub struct SeriesPoint {
    /// Source, language, head, rule.
    pub name: String,
    /// Start of the hour, seconds since the epoch.
    pub hour: u32,
    /// Posts.
    pub posts: u64,
}

/// The format of an export.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ExportFormat {
    /// Comma separated values with a header.
    Csv,
    /// One JSON object a line.
    JsonLines,
    /// Apache Parquet.
    Parquet,
}

impl ExportFormat {
    const fn as_clickhouse(self) -> &'static str {
        match self {
            Self::Csv => "CSVWithNames",
            Self::JsonLines => "JSONEachRow",
            Self::Parquet => "Parquet",
        }
    }
}

/// What stands on every exported record and survives the export.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExportLabel {
    /// What the export is for.
    pub purpose: String,
    /// On what ground.
    pub legal_basis: String,
    /// The day by which the copy is looked at again or destroyed (`YYYY-MM-DD`).
    pub review_by: String,
    /// The entry of the audit ledger that tells of this export.
    pub audit_entry: String,
}

impl Store {
    /// Flagged posts by hour and by one of their sides.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn flagged_series(
        &self,
        filter: &QueueFilter,
        by: Dimension,
    ) -> Result<Vec<SeriesPoint>, StoreError> {
        let sql = format!(
            "SELECT toString({}) AS name, toStartOfHour(toDateTime(observed_at, 'UTC')) AS hour, count() AS posts \
             FROM flagged WHERE {} GROUP BY name, hour ORDER BY hour DESC, name LIMIT {MAX_POINTS}",
            by.column(),
            conditions(filter)
        );
        Ok(bind(self.client().query(&sql), filter).fetch_all().await?)
    }

    /// The flagged posts of a filter as a file, the newest first, at most [`MAX_EXPORT`]. Authors stay pseudonyms,
    /// native ids and addresses are left out; the text is there only `with_text`.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn export(
        &self,
        filter: &QueueFilter,
        format: ExportFormat,
        label: &ExportLabel,
        with_text: bool,
    ) -> Result<Vec<u8>, StoreError> {
        let text = if with_text { "text, " } else { "" };
        let sql = format!(
            "SELECT lower(leftPad(hex(post_id), 32, '0')) AS post, toString(source) AS source_name, \
             toString(platform) AS platform_name, lower(leftPad(hex(author), 16, '0')) AS author_pseudonym, \
             toString(kind) AS post_kind, toString(language) AS language_code, {text}posted_at, observed_at, \
             lower(leftPad(hex(campaign), 16, '0')) AS campaign_key, arrayMap(l -> toString(l), labels) AS assessed_as, \
             arrayDistinct(arrayMap(r -> if(position(r, '/') = 0 OR startsWith(r, concat({{space:String}}, '/')), toString(r), '~'), rules)) AS rules_hit, toString(priority) AS level, \
             toString(model_encoder) AS assessed_by, {{label_purpose:String}} AS label_purpose, \
             {{label_basis:String}} AS label_legal_basis, {{label_review:String}} AS label_review_by, \
             {{label_entry:String}} AS label_audit_entry \
             FROM flagged WHERE {} ORDER BY observed_at DESC LIMIT {MAX_EXPORT}",
            conditions(filter)
        );
        let mut cursor = bind(self.client().query(&sql), filter)
            .param("space", &filter.space)
            .param("label_purpose", &label.purpose)
            .param("label_basis", &label.legal_basis)
            .param("label_review", &label.review_by)
            .param("label_entry", &label.audit_entry)
            .fetch_bytes(format.as_clickhouse())?;
        Ok(cursor.collect().await?.to_vec())
    }
}
