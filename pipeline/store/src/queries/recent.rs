//! The recent posts as a stream, for backtests of rules.

use streife_domain::{Head, Heads, Language, Priority, PseudonymousPost, Timestamp};

use crate::rows::micros;
use crate::{RecentPostRow, Store, StoreError};

/// A recent post as it was processed.
#[derive(Debug, Clone, PartialEq)]
pub struct RecentPost {
    /// The post.
    pub post: PseudonymousPost,
    /// Its language.
    pub language: Language,
    /// The cheap model's score.
    pub gate: Option<f32>,
    /// Did the encoder see it?
    pub encoded: bool,
    /// Calibrated probabilities.
    pub scores: Heads<f32>,
    /// Heads over their threshold.
    pub labels: Vec<Head>,
    /// Rules that matched then.
    pub rules: Vec<String>,
    /// Its place in the queue then.
    pub priority: Priority,
}

/// A condition over the columns of `recent_posts` that the rules crate derived from a rule: it may let too much
/// through, never too little. Its constants are parameters.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Prefilter {
    /// The condition, with `{name:Type}` for constants; empty for all posts.
    pub sql: String,
    /// The constants, as ClickHouse writes them in text.
    pub parameters: Vec<(String, String)>,
}

impl Store {
    /// How many different recent posts were observed at or after `since`.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn recent_count(&self, since: Timestamp) -> Result<u64, StoreError> {
        let sql = "SELECT count() FROM recent_posts FINAL WHERE observed_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')";
        Ok(self.client().query(sql).param("since", micros(since)).fetch_one().await?)
    }

    /// Were the words of all recent posts observed at or after `since` folded by this version? If not, a prefilter
    /// over them leaves posts out.
    ///
    /// # Errors
    /// What ClickHouse says.
    pub async fn recent_words_are_of(&self, normaliser: u32, since: Timestamp) -> Result<bool, StoreError> {
        let sql = "SELECT count() FROM recent_posts \
            WHERE normaliser != {normaliser:UInt32} AND observed_at >= fromUnixTimestamp64Micro({since:Int64}, 'UTC')";
        let query = self.client().query(sql).param("normaliser", normaliser).param("since", micros(since));
        Ok(query.fetch_one::<u64>().await? == 0)
    }

    /// Reads the recent posts observed at or after `since` and passing `prefilter`, in the order of observed hours,
    /// with constant memory; returns how many. `visit` may stop early by returning false.
    ///
    /// # Errors
    /// What ClickHouse says, also in the middle.
    pub async fn recent_posts(
        &self,
        since: Timestamp,
        prefilter: &Prefilter,
        visit: &mut (dyn FnMut(RecentPost) -> bool + Send),
    ) -> Result<u64, StoreError> {
        let condition = if prefilter.sql.is_empty() { "true" } else { &prefilter.sql };
        let sql = format!(
            // The folded words are asked about and not read: they are as long as the text.
            "SELECT ?fields FROM (SELECT * EXCEPT (words, normaliser), '' AS words, toUInt32(0) AS normaliser FROM \
             (SELECT * FROM recent_posts FINAL WHERE observed_at >= fromUnixTimestamp64Micro({{since:Int64}}, 'UTC') \
             AND ({})))",
            // A question mark in the condition is no placeholder of the client.
            condition.replace('?', "??")
        );
        let mut query = self.client().query(&sql).param("since", micros(since));
        for (name, value) in &prefilter.parameters {
            query = query.with_setting(format!("param_{name}"), value);
        }
        let mut cursor = query.fetch::<RecentPostRow>()?;
        let mut posts = 0;
        while let Some(row) = cursor.next().await? {
            posts += 1;
            if !visit(row.try_into()?) {
                break;
            }
        }
        Ok(posts)
    }
}
