//! What was decided about hits of rules, blind reviews, golden items: read as aggregates, never by person.

use std::collections::BTreeMap;

use sqlx::Row;
use sqlx::any::AnyRow;
use streife_domain::Timestamp;

use super::ledgers::append;
use super::{CaseStore, Result, Unfit, Write, text, time};
use crate::ledger::{Note, audit_ledger_of};
use crate::quality::{Dismissals, Pair, drawn};
use crate::role::{Action, may};
use crate::workflow::{Actor, CaseOutcome, CaseState, Opinion};

/// Rules of one item kept at most.
const MAX_RULES: usize = 50;
/// Earlier decisions shown beside an item at most.
const MAX_SIMILAR: i64 = 8;
/// Decided items looked through for a blind review.
const SAMPLE_LIMIT: i64 = 2_000;

/// An earlier decision on something similar.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Similar {
    /// The post.
    pub post_id: String,
    /// Same campaign; otherwise the same rule.
    pub same_campaign: bool,
    /// `dismiss`, `suspect`, `second_look`, `danger`.
    pub kind: String,
    /// Norms or reason.
    pub what: String,
    /// When.
    pub at: Timestamp,
    /// Where the case stands now.
    pub state: CaseState,
    /// How it ended.
    pub outcome: Option<CaseOutcome>,
}

/// What became of a rule's hits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct RuleOutcome {
    /// Decided by a reviewer in the time.
    pub decided: u64,
    /// Dismissed among these.
    pub dismissed: u64,
    /// The same in the time before.
    pub before: Dismissals,
    /// Confirmed by the recipient: charged or convicted, or an investigation.
    pub confirmed: u64,
    /// Found by the recipient to be no offence, or discontinued.
    pub refuted: u64,
}

/// An item to look at blindly.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BlindItem {
    /// The post.
    pub post_id: String,
    /// A golden item, or a sampled decision.
    pub golden: bool,
    reference: Opinion,
}

/// Notes which rules hit an item.
pub(super) async fn put_rules(write: &mut Write, post_id: &str, rules: &[String]) -> Result<()> {
    for rule in rules.iter().take(MAX_RULES) {
        sqlx::query(
            "INSERT INTO item_rules (post_id, rule) VALUES ($1, $2) ON CONFLICT (post_id, rule) DO NOTHING",
        )
        .bind(post_id.to_owned())
        .bind(rule.clone())
        .execute(&mut *write.tx)
        .await?;
    }
    Ok(())
}

impl CaseStore {
    /// Notes which rules hit an item that somebody looks at; a claim notes them by itself.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn note_rules(&self, post_id: &str, rules: &[String]) -> Result<()> {
        let mut write = self.write().await?;
        put_rules(&mut write, post_id, rules).await?;
        write.commit().await
    }

    /// The latest decisions on other items of the same campaign or with a hit of the same rules.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn similar(&self, post_id: &str, campaign: &str) -> Result<Vec<Similar>> {
        let rows = sqlx::query(
            "SELECT d.post_id, d.kind, d.what, d.at, c.body, CAST(CASE WHEN c.campaign = $2 THEN 1 ELSE 0 END AS BIGINT) AS same \
             FROM decisions d JOIN cases c ON c.id = d.case_id \
             WHERE d.undone = 0 AND d.post_id <> $1 AND ($4 = '*' OR c.tenant = $4) AND (c.campaign = $2 OR d.post_id IN \
             (SELECT o.post_id FROM item_rules o JOIN item_rules m ON m.rule = o.rule WHERE m.post_id = $1)) \
             ORDER BY same DESC, d.at DESC LIMIT $3",
        )
        .bind(post_id.to_owned())
        .bind(campaign.to_owned())
        .bind(MAX_SIMILAR)
        .bind(self.sight())
        .fetch_all(&self.pool)
        .await?;
        rows.iter()
            .map(|row| {
                let case: crate::workflow::Case = serde_json::from_str(&text(row, "body")?)?;
                Ok(Similar {
                    post_id: text(row, "post_id")?,
                    same_campaign: int(row, "same")? == 1,
                    kind: text(row, "kind")?,
                    what: text(row, "what")?,
                    at: time(row, "at")?,
                    state: case.state,
                    outcome: case.outcome,
                })
            })
            .collect()
    }

    /// What became of the hits of each rule since `since`, and of those between `before` and `since`.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rule_outcomes(
        &self,
        before: Timestamp,
        since: Timestamp,
    ) -> Result<BTreeMap<String, RuleOutcome>> {
        let rows = sqlx::query(
            "SELECT r.rule, d.kind, CAST(CASE WHEN d.at >= $2 THEN 1 ELSE 0 END AS BIGINT) AS recent, COUNT(*) AS n FROM decisions d \
             JOIN item_rules r ON r.post_id = d.post_id \
             WHERE d.undone = 0 AND d.at >= $1 AND d.kind IN ('dismiss', 'suspect', 'danger') \
             AND ($3 = '*' OR EXISTS (SELECT 1 FROM cases c WHERE c.id = d.case_id AND c.tenant = $3)) \
             GROUP BY r.rule, d.kind, recent",
        )
        .bind(before.as_micros())
        .bind(since.as_micros())
        .bind(self.sight())
        .fetch_all(&self.pool)
        .await?;
        let mut outcomes: BTreeMap<String, RuleOutcome> = BTreeMap::new();
        for row in &rows {
            let (n, dismissed) = (count(row, "n")?, text(row, "kind")? == "dismiss");
            let outcome = outcomes.entry(text(row, "rule")?).or_default();
            if int(row, "recent")? == 1 {
                outcome.decided += n;
                outcome.dismissed += if dismissed { n } else { 0 };
            } else {
                outcome.before.decided += n;
                outcome.before.dismissed += if dismissed { n } else { 0 };
            }
        }
        for row in self.cases(Some(CaseState::Outcome), SAMPLE_LIMIT).await? {
            let Some(told) = row.case.outcome else { continue };
            let rules = sqlx::query("SELECT rule FROM item_rules WHERE post_id = $1")
                .bind(row.case.post_id.clone())
                .fetch_all(&self.pool)
                .await?;
            for rule in &rules {
                let outcome = outcomes.entry(text(rule, "rule")?).or_default();
                match told {
                    CaseOutcome::Investigation | CaseOutcome::Charged | CaseOutcome::Convicted => {
                        outcome.confirmed += 1;
                    }
                    CaseOutcome::NotAnOffence | CaseOutcome::Discontinued => outcome.refuted += 1,
                    CaseOutcome::Forwarded => {}
                }
            }
        }
        Ok(outcomes)
    }

    /// Declares an item golden: its right answer is known and is put among the blind reviews.
    ///
    /// # Errors
    /// When the actor may not approve, or the database fails.
    pub async fn put_golden(
        &self,
        post_id: &str,
        opinion: &Opinion,
        actor: &Actor,
        at: Timestamp,
    ) -> Result<()> {
        if !may(actor.role, Action::Approve) {
            return Err(Unfit::GoldenRight.into());
        }
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO golden_items (post_id, opinion, added_by, at, tenant) VALUES ($1, $2, $3, $4, $5) \
             ON CONFLICT (post_id) DO UPDATE SET opinion = excluded.opinion, added_by = excluded.added_by, at = excluded.at \
             WHERE golden_items.tenant = excluded.tenant",
        )
        .bind(post_id.to_owned())
        .bind(serde_json::to_string(opinion)?)
        .bind(actor.user.clone())
        .bind(at.as_micros())
        .bind(self.owner().as_str().to_owned())
        .execute(&mut *write.tx)
        .await?;
        append(&mut write, &audit_ledger_of(&self.owner(), at), note(actor, "quality.golden", post_id, at))
            .await?;
        write.commit().await
    }

    /// What `reviewer` may look at blindly: drawn decisions of others, and golden items, that this person has not
    /// seen yet; the oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blind_items(
        &self,
        reviewer: &str,
        secret: &[u8],
        since: Timestamp,
    ) -> Result<Vec<BlindItem>> {
        let golden = sqlx::query(
            "SELECT post_id, opinion FROM golden_items WHERE added_by <> $1 AND ($3 = '*' OR tenant = $3) \
             AND post_id NOT IN (SELECT post_id FROM blind_reviews WHERE reviewer = $1) \
             AND post_id NOT IN (SELECT post_id FROM decisions WHERE actor = $1) ORDER BY at LIMIT $2",
        )
        .bind(reviewer.to_owned())
        .bind(SAMPLE_LIMIT)
        .bind(self.sight())
        .fetch_all(&self.pool)
        .await?;
        let mut items = Vec::new();
        for row in &golden {
            let reference = serde_json::from_str(&text(row, "opinion")?)?;
            items.push(BlindItem { post_id: text(row, "post_id")?, golden: true, reference });
        }
        let decided = sqlx::query(
            "SELECT post_id, kind, what FROM decisions WHERE undone = 0 AND at >= $2 AND kind IN ('dismiss', 'suspect') \
             AND ($4 = '*' OR case_id IN (SELECT id FROM cases WHERE tenant = $4)) \
             AND post_id NOT IN (SELECT post_id FROM decisions WHERE actor = $1) \
             AND post_id NOT IN (SELECT post_id FROM blind_reviews WHERE reviewer = $1) ORDER BY at LIMIT $3",
        )
        .bind(reviewer.to_owned())
        .bind(since.as_micros())
        .bind(SAMPLE_LIMIT)
        .bind(self.sight())
        .fetch_all(&self.pool)
        .await?;
        for row in &decided {
            let post_id = text(row, "post_id")?;
            if drawn(secret, &post_id) && items.iter().all(|item| item.post_id != post_id) {
                let reference = opinion_of(&text(row, "kind")?, &text(row, "what")?);
                items.push(BlindItem { post_id, golden: false, reference });
            }
        }
        Ok(items)
    }

    /// Keeps a blind opinion. It changes no case.
    ///
    /// # Errors
    /// When the actor may not decide, the item is not theirs to look at, or the database fails.
    pub async fn blind_opinion(
        &self,
        item: &BlindItem,
        actor: &Actor,
        opinion: &Opinion,
        at: Timestamp,
    ) -> Result<()> {
        if !may(actor.role, Action::Decide) {
            return Err(Unfit::BlindRight.into());
        }
        let mut write = self.write().await?;
        sqlx::query(
            "INSERT INTO blind_reviews (post_id, reviewer, reason, reference, opinion, at, tenant) VALUES ($1, $2, $3, $4, $5, $6, $7)",
        )
        .bind(item.post_id.clone())
        .bind(actor.user.clone())
        .bind(if item.golden { "golden" } else { "sample" })
        .bind(serde_json::to_string(&item.reference)?)
        .bind(serde_json::to_string(opinion)?)
        .bind(at.as_micros())
        .bind(self.owner().as_str().to_owned())
        .execute(&mut *write.tx)
        .await?;
        append(
            &mut write,
            &audit_ledger_of(&self.owner(), at),
            note(actor, "quality.blind_opinion", &item.post_id, at),
        )
        .await?;
        write.commit().await
    }

    /// When this person decided since a time, newest first; for the suggestion of a break, shown to that person alone.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn decision_times(&self, user: &str, since: Timestamp) -> Result<Vec<Timestamp>> {
        let rows =
            sqlx::query("SELECT at FROM decisions WHERE actor = $1 AND at >= $2 ORDER BY at DESC LIMIT $3")
                .bind(user.to_owned())
                .bind(since.as_micros())
                .bind(SAMPLE_LIMIT)
                .fetch_all(&self.pool)
                .await?;
        rows.iter().map(|row| time(row, "at")).collect()
    }

    /// Reads of content since a time by their reason, without the number of the case or the name of the rule.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reads_by_reason(&self, since: Timestamp) -> Result<BTreeMap<String, u64>> {
        let rows = sqlx::query(
            "SELECT action, reason, COUNT(*) AS n FROM ledger_entries WHERE ledger LIKE $2 AND at >= $1 \
             AND action IN ('read.content', 'read.identity', 'rule.preview', 'export') GROUP BY action, reason",
        )
        .bind(since.as_micros())
        .bind(self.own_ledgers())
        .fetch_all(&self.pool)
        .await?;
        let mut reads = BTreeMap::new();
        for row in &rows {
            let (action, reason) = (text(row, "action")?, text(row, "reason")?);
            let kind = match (action.as_str(), reason.split(' ').next()) {
                ("read.content", Some(first)) => format!("read.{first}"),
                _ => action,
            };
            *reads.entry(kind).or_default() += count(row, "n")?;
        }
        Ok(reads)
    }

    /// All pairs of opinions since a time: of sampled decisions, and of golden items.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn blind_pairs(&self, since: Timestamp) -> Result<(Vec<Pair>, Vec<Pair>)> {
        let rows = sqlx::query(
            "SELECT reason, reference, opinion FROM blind_reviews WHERE at >= $1 AND ($2 = '*' OR tenant = $2)",
        )
            .bind(since.as_micros())
            .bind(self.sight())
            .fetch_all(&self.pool)
            .await?;
        let (mut sampled, mut golden) = (Vec::new(), Vec::new());
        for row in &rows {
            let pair = Pair {
                reference: serde_json::from_str(&text(row, "reference")?)?,
                blind: serde_json::from_str(&text(row, "opinion")?)?,
            };
            if text(row, "reason")? == "golden" { golden.push(pair) } else { sampled.push(pair) }
        }
        Ok((sampled, golden))
    }
}

/// The opinion behind a decision as the table of decisions keeps it.
pub(super) fn opinion_of(kind: &str, what: &str) -> Opinion {
    match kind {
        "suspect" => Opinion::Relevant { norms: what.split_whitespace().map(str::to_owned).collect() },
        _ => crate::workflow::DismissReason::parse(what)
            .map_or(Opinion::Unsure, |reason| Opinion::NotRelevant { reason }),
    }
}

fn note(actor: &Actor, action: &str, subject: &str, at: Timestamp) -> Note {
    Note {
        at,
        actor: actor.user.clone(),
        role: actor.role.as_str().to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        reason: String::new(),
        details: serde_json::Value::Null,
    }
}

fn int(row: &AnyRow, column: &str) -> Result<i64> {
    Ok(row.try_get::<i64, _>(column)?)
}

fn count(row: &AnyRow, column: &str) -> Result<u64> {
    Ok(u64::try_from(int(row, column)?).unwrap_or(0))
}
