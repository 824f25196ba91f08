//! One run: everything past its deadline, over ClickHouse, the case database, the evidence, the ledgers and the keys of
//! backups. Every step can be repeated; what a run that was cut off has not done, the next one does.

use std::collections::HashSet;

use ed25519_dalek::SigningKey;
use serde_json::json;
use streife_cases::ledger::Note;
use streife_cases::store::{CaseRow, CaseStore};
use streife_cases::workflow::{Actor, CaseState, Move};
use streife_domain::{PostId, Timestamp};
use streife_log::Retention as LogRetention;
use streife_referral::Vault;
use streife_store::{Erasure, ErasureCount, Store, new_run_id};

use super::certificate::{Certificate, posts_sha256};
use super::{backup_keys, table_retention};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::open;
use crate::roles::engine_process::with_store;
use crate::roles::{Role, desk};
use crate::say::{self, tr};

/// Cases looked at in one run.
const MAX_CASES: i64 = 100_000;
/// Posts erased by purpose in one run; the rest follows with the next.
const MAX_POSTS: usize = 1_000_000;
const SECS_PER_DAY: i64 = 86_400;
const SECS_PER_HOUR: i64 = 3_600;
/// Who the machine is in the ledgers.
const SYSTEM: &str = "system";

/// What has reached its deadline in the case database.
#[derive(Debug, Default)]
pub(super) struct Due {
    /// Dismissed cases past their grace.
    pub(super) dismissed: Vec<CaseRow>,
    /// Cases a person must look at again.
    pub(super) to_review: Vec<CaseRow>,
    /// Posts that belong to a case which is not over.
    held: HashSet<PostId>,
}

fn of_cases(error: streife_cases::store::StoreError) -> Failure {
    Failure::upstream(error.to_string())
}

fn of_store(error: streife_store::StoreError) -> Failure {
    Failure::upstream(error.to_string())
}

async fn open_cases(role: &Role) -> Result<CaseStore, Failure> {
    let cases = desk::open_cases(&role.config, &role.paths).await?;
    cases.migrate().await.map_err(of_cases)?;
    Ok(cases)
}

/// What is due now.
pub(super) async fn due(role: &Role) -> Result<Due, Failure> {
    find_due(role, &open_cases(role).await?).await
}

async fn find_due(role: &Role, cases: &CaseStore) -> Result<Due, Failure> {
    let now = open::clock().now();
    let grace_end = now.plus_secs(-i64::from(role.config.retention.dismissed_days) * SECS_PER_DAY);
    let rows = cases.cases(None, MAX_CASES).await.map_err(of_cases)?;
    Ok(sort_out(rows, now, grace_end))
}

/// Sorts cases by what their deadline asks for.
fn sort_out(rows: Vec<CaseRow>, now: Timestamp, grace_end: Timestamp) -> Due {
    let mut due = Due::default();
    for row in rows {
        let post = row.case.post_id.parse::<PostId>().ok();
        match row.case.state {
            CaseState::Dismissed if row.updated_at < grace_end && row.case.review_at <= now => {
                due.dismissed.push(row);
                continue;
            }
            CaseState::Erased | CaseState::Queued | CaseState::Flagged | CaseState::Clustered => continue,
            CaseState::Dismissed | CaseState::Restricted | CaseState::Review => {}
            _ if row.case.review_at <= now => due.to_review.push(row),
            _ => {}
        }
        due.held.extend(post);
    }
    due
}

pub(super) async fn run(role: &Role, json: bool) -> CommandResult {
    let cases = open_cases(role).await?;
    let due = find_due(role, &cases).await?;
    let signing_key = SigningKey::from_bytes(&desk::signing_key(&role.paths)?);
    with_store(role, |store| async move { erase(role, &store, &cases, due, &signing_key, json).await }).await
}

async fn erase(
    role: &Role,
    store: &Store,
    cases: &CaseStore,
    due: Due,
    signing_key: &SigningKey,
    json: bool,
) -> CommandResult {
    let now = open::clock().now();
    store.roll_up(now).await.map_err(of_store)?;
    let mut run = Run { counts: Vec::new(), posts: Vec::new(), rows: Vec::new() };

    let dismissed: Vec<PostId> =
        due.dismissed.iter().filter_map(|row| row.case.post_id.parse().ok()).collect();
    run.posts(store, dismissed, "dismissed", now).await?;
    for (purpose, days) in &role.config.retention.days_by_purpose {
        let before = now.plus_secs(-i64::from(*days) * SECS_PER_DAY);
        let old = store.flagged_before(purpose, before, MAX_POSTS).await.map_err(of_store)?;
        let (held, free): (Vec<_>, Vec<_>) = old.into_iter().partition(|post| due.held.contains(post));
        run.restricted(purpose, held.len());
        run.posts(store, free, "purpose over", now).await?;
    }
    for expired in store.erase_expired(table_retention(&role.config)).await.map_err(of_store)? {
        run.count("store", "all", expired.due, expired.due - expired.left.min(expired.due), expired.left);
        run.rows.push((expired.table.to_owned(), expired.due, expired.left));
    }
    store.purge_erased().await.map_err(of_store)?;

    // The desk's own folders are on the desk's machine; where this runs elsewhere there is nothing to do.
    let shredded = shred_evidence(role, cases, signing_key).await?;
    run.count("evidence", "all", shredded, shredded, 0);
    let earliest = open::day(now.plus_secs(-i64::from(role.config.retention.backup_days) * SECS_PER_DAY));
    let (keys, left) = backup_keys::destroy_before(&role.paths.data.join("backup-keys"), &earliest)?;
    run.count("backup_keys", "all", keys, keys - left, left);
    let segments = erase_ledger_segments(cases, now, signing_key).await?;
    run.count("ledgers", "all", segments, segments, 0);
    for row in &due.to_review {
        cases.apply(&row.case.id, Actor::system(), Move::DeadlineReached, now).await.map_err(of_cases)?;
    }

    // The certificate names the cases by number before they are closed with its hash.
    let erased_cases = due.dismissed.len() as u64;
    run.count("cases", "all", erased_cases, erased_cases, 0);
    let id = new_run_id();
    let certificate = Certificate {
        run: id.to_string(),
        at: now,
        version: env!("CARGO_PKG_VERSION").to_owned(),
        counts: run.counts,
        posts_sha256: posts_sha256(&run.posts),
        rows: run.rows,
        log_gone_by: now.plus_secs(longest_log_hours() * SECS_PER_HOUR),
        signer: String::new(),
        signature: String::new(),
    }
    .sign(signing_key)?;
    let sha256 = certificate.sha256()?;
    let path = certificate.keep(&role.paths.data.join("certificates"))?;
    for row in &due.dismissed {
        let erase = Move::Erase { certificate_sha256: sha256.clone() };
        cases.apply(&row.case.id, Actor::system(), erase, now).await.map_err(of_cases)?;
    }
    let details =
        json!({"certificate_sha256": sha256, "counts": certificate.counts, "to_review": due.to_review.len()});
    cases.audit(note("retention.run", &certificate.run, now, details)).await.map_err(of_cases)?;
    store.record_erasure_run(id, now, &certificate.counts, &sha256).await.map_err(of_store)?;
    tell(&certificate, &path, due.to_review.len(), json)
}

/// What a run has done so far.
struct Run {
    counts: Vec<ErasureCount>,
    posts: Vec<PostId>,
    rows: Vec<(String, u64, u64)>,
}

impl Run {
    fn count(&mut self, what: &str, purpose: &str, due: u64, erased: u64, left: u64) {
        let same = |count: &&mut ErasureCount| count.what == what && count.purpose == purpose;
        if let Some(count) = self.counts.iter_mut().find(same) {
            count.due += due;
            count.erased += erased;
            count.left += left;
            return;
        }
        let (what, purpose) = (what.to_owned(), purpose.to_owned());
        self.counts.push(ErasureCount { what, purpose, due, erased, restricted: 0, left });
    }

    /// Due, and kept for an open case.
    fn restricted(&mut self, purpose: &str, posts: usize) {
        self.count("store", purpose, posts as u64, 0, 0);
        if let Some(count) = self.counts.iter_mut().find(|c| c.what == "store" && c.purpose == purpose) {
            count.restricted += posts as u64;
        }
    }

    /// Erases posts and counts them by their purpose.
    async fn posts(
        &mut self,
        store: &Store,
        posts: Vec<PostId>,
        reason: &str,
        now: Timestamp,
    ) -> Result<(), Failure> {
        if posts.is_empty() {
            return Ok(());
        }
        for kept in store.purposes(Some(&posts)).await.map_err(of_store)? {
            self.count("store", &kept.purpose, kept.posts, kept.posts, 0);
        }
        // An erasure that leaves a row is an error, so what is counted above is gone after this.
        let proof = store.erase(&Erasure::Posts(posts.clone()), reason, now).await.map_err(of_store)?;
        for (table, before) in &proof.rows_before {
            let after = proof.rows_after.iter().find(|(name, _)| name == table).map_or(0, |(_, rows)| *rows);
            self.rows.push(((*table).to_owned(), *before, after));
        }
        self.posts.extend(posts);
        Ok(())
    }
}

/// Destroys what is left of the evidence of erased cases; returns how many had any.
async fn shred_evidence(role: &Role, cases: &CaseStore, key: &SigningKey) -> Result<u64, Failure> {
    let folder = role.paths.data.join("evidence");
    if !folder.exists() {
        return Ok(0);
    }
    let keys = role.config.evidence.keys.clone().unwrap_or_else(|| role.paths.data.join("evidence-keys"));
    let vault = Vault::open(&folder, &keys).map_err(anyhow::Error::from)?;
    let now = open::clock().now();
    let mut shredded = 0;
    for row in cases.cases(Some(CaseState::Erased), MAX_CASES).await.map_err(of_cases)? {
        if vault.names(&row.case.id).map_err(anyhow::Error::from)?.is_empty() {
            continue;
        }
        let done = vault.shred(&row.case.id, SYSTEM, now, key).map_err(anyhow::Error::from)?;
        let note = note("evidence.shred", &row.case.id, now, json!({"certificate_sha256": done.sha256()}));
        cases.audit(note).await.map_err(of_cases)?;
        shredded += 1;
    }
    Ok(shredded)
}

/// Audit entries go at the end of the year after theirs (BDSG s. 76 (4)); the signed root stays.
async fn erase_ledger_segments(cases: &CaseStore, now: Timestamp, key: &SigningKey) -> Result<u64, Failure> {
    let year: i32 = open::day(now).get(..4).and_then(|year| year.parse().ok()).unwrap_or_default();
    let mut erased = 0;
    for (ledger, entries) in cases.ledgers().await.map_err(of_cases)? {
        let of_year = ledger.strip_prefix("audit/").and_then(|of| of.parse::<i32>().ok());
        if entries == 0
            || of_year.is_none_or(|of| of >= year - 1)
            || cases.segment_erased(&ledger).await.map_err(of_cases)?
        {
            continue;
        }
        let by = note("retention.segment", &ledger, now, json!({}));
        cases.erase_segment(&ledger, by, key).await.map_err(of_cases)?;
        erased += 1;
    }
    Ok(erased)
}

fn note(action: &str, subject: &str, at: Timestamp, details: serde_json::Value) -> Note {
    Note {
        at,
        actor: SYSTEM.to_owned(),
        role: SYSTEM.to_owned(),
        action: action.to_owned(),
        subject: subject.to_owned(),
        reason: "retention".to_owned(),
        details,
    }
}

/// How long a copy of a post may lie in the log.
fn longest_log_hours() -> i64 {
    let hours = |retention: LogRetention| match retention {
        LogRetention::Hours(hours) => i64::from(hours),
        LogRetention::Compact => 0,
    };
    open::topics(1).unwrap_or_default().iter().map(|topic| hours(topic.retention)).max().unwrap_or(0)
}

fn tell(certificate: &Certificate, path: &std::path::Path, to_review: usize, json: bool) -> CommandResult {
    let left: u64 = certificate.counts.iter().map(|count| count.left).sum();
    if json {
        let mut value = serde_json::to_value(certificate)?;
        value["to_review"] = to_review.into();
        value["file"] = path.display().to_string().into();
        say::json(&value)?;
        return Ok(Outcome::fine_if(left == 0));
    }
    for count in &certificate.counts {
        say::line(&format!(
            "{} ({}): {} {}, {} {}, {} {}, {} {}",
            count.what,
            count.purpose,
            count.due,
            tr("fällig", "due"),
            count.erased,
            tr("gelöscht", "erased"),
            count.restricted,
            tr("eingeschränkt", "restricted"),
            count.left,
            tr("übrig", "left")
        ));
    }
    say::line(&format!("{to_review} {}", tr("Vorgänge zur Prüfung vorgelegt", "cases put up for review")));
    say::line(&format!("{}: {}", tr("Bescheinigung", "certificate"), path.display()));
    Ok(Outcome::fine_if(left == 0))
}

#[cfg(test)]
#[path = "erase_tests.rs"]
mod tests;
