//! What people said of posts, for the calibration of models: which posts, by whom in which capacity, confirmed or not. Names
//! of people are not read.

use streife_domain::Timestamp;

use super::quality::opinion_of;
use super::{CaseStore, Result, text};
use crate::calibration::{Basis, Judgement, confirms, proves};
use crate::workflow::{CaseState, DISMISSED_GRACE_SECS, Opinion};

/// Judgements read at most, the newest first.
const MAX_JUDGEMENTS: i64 = 20_000;

/// How far decisions and blind opinions are looked back on. What was dismissed is erased after its grace, with what the models
/// said of it; looking back further would see the confirmed posts alone.
pub const JUDGED_SECS: i64 = DISMISSED_GRACE_SECS - 86_400;

impl CaseStore {
    /// What people said of posts: blind opinions on decisions that were drawn by chance and decisions of the last
    /// [`JUDGED_SECS`], and all outcomes. Golden items were chosen by hand, so they are none of these.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn judgements(&self, now: Timestamp) -> Result<Vec<Judgement>> {
        let since = now.plus_secs(-JUDGED_SECS).as_micros();
        let blind = sqlx::query(
            "SELECT b.post_id, b.opinion, c.campaign FROM blind_reviews b JOIN cases c ON c.post_id = b.post_id \
             WHERE b.at >= $1 AND b.reason = 'sample' AND ($2 = '*' OR b.tenant = $2) ORDER BY b.at DESC LIMIT $3",
        )
        .bind(since)
        .bind(self.sight())
        .bind(MAX_JUDGEMENTS)
        .fetch_all(&self.pool)
        .await?;
        let decided = sqlx::query(
            "SELECT d.post_id, d.kind, d.what, c.campaign FROM decisions d JOIN cases c ON c.id = d.case_id \
             WHERE d.undone = 0 AND d.at >= $1 AND d.kind IN ('dismiss', 'suspect', 'danger') \
             AND ($2 = '*' OR c.tenant = $2) ORDER BY d.at DESC LIMIT $3",
        )
        .bind(since)
        .bind(self.sight())
        .bind(MAX_JUDGEMENTS)
        .fetch_all(&self.pool)
        .await?;
        let mut judgements = Vec::new();
        let mut put = |basis, post_id, campaign, confirmed: Option<bool>| {
            judgements.extend(confirmed.map(|confirmed| Judgement { post_id, campaign, basis, confirmed }));
        };
        for row in &blind {
            let opinion: Opinion = serde_json::from_str(&text(row, "opinion")?)?;
            put(Basis::Blind, text(row, "post_id")?, text(row, "campaign")?, confirms(&opinion));
        }
        for row in &decided {
            let opinion = match text(row, "kind")?.as_str() {
                "danger" => Opinion::Relevant { norms: Vec::new() },
                kind => opinion_of(kind, &text(row, "what")?),
            };
            put(Basis::Decision, text(row, "post_id")?, text(row, "campaign")?, confirms(&opinion));
        }
        for row in self.cases(Some(CaseState::Outcome), MAX_JUDGEMENTS).await? {
            let campaign = row.case.campaign.clone().unwrap_or_default();
            put(Basis::Outcome, row.case.post_id, campaign, row.case.outcome.and_then(proves));
        }
        Ok(judgements)
    }
}
