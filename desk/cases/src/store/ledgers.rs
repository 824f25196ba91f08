//! Audit and custody in the database: appending, reading, checkpoints, erasing a sealed segment.

use ed25519_dalek::{SigningKey, VerifyingKey};
use serde_json::json;
use sqlx::Row;
use sqlx::any::AnyRow;
use streife_domain::Timestamp;

use super::{CaseStore, Result, StoreError, Unfit, Write, text, time};
use crate::ledger::{self, Checkpoint, Entry, GENESIS, InclusionProof, LedgerFault, Note};

/// The columns read of a row. Never `*`; the module above says why.
macro_rules! columns {
    () => {
        "ledger, seq, at, actor, role, action, subject, reason, details, prev, hash"
    };
}

/// Appends to a chain inside a write transaction. Updating the head locks it, so chains never fork.
pub(crate) async fn append(write: &mut Write, ledger: &str, note: Note) -> Result<Entry> {
    sqlx::query(
        "INSERT INTO ledger_heads (ledger, size, head) VALUES ($1, 0, $2) ON CONFLICT (ledger) DO NOTHING",
    )
    .bind(ledger.to_owned())
    .bind(GENESIS)
    .execute(&mut *write.tx)
    .await?;
    let row = sqlx::query("UPDATE ledger_heads SET size = size + 1 WHERE ledger = $1 RETURNING size, head")
        .bind(ledger.to_owned())
        .fetch_one(&mut *write.tx)
        .await?;
    let seq = u64::try_from(row.try_get::<i64, _>("size")? - 1).unwrap_or(0);
    let head = text(&row, "head")?;
    let previous = seq.checked_sub(1).map(|last| (last, head.as_str()));
    let entry = Entry::after(ledger, previous, note)?;
    sqlx::query(
        "INSERT INTO ledger_entries (ledger, seq, at, actor, role, action, subject, reason, details, prev, hash) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)",
    )
    .bind(entry.ledger.clone())
    .bind(i64::try_from(entry.seq).unwrap_or(i64::MAX))
    .bind(entry.at.as_micros())
    .bind(entry.actor.clone())
    .bind(entry.role.clone())
    .bind(entry.action.clone())
    .bind(entry.subject.clone())
    .bind(entry.reason.clone())
    .bind(entry.details.to_string())
    .bind(entry.prev.clone())
    .bind(entry.hash.clone())
    .execute(&mut *write.tx)
    .await?;
    sqlx::query("UPDATE ledger_heads SET head = $1 WHERE ledger = $2")
        .bind(entry.hash.clone())
        .bind(ledger.to_owned())
        .execute(&mut *write.tx)
        .await?;
    Ok(entry)
}

impl CaseStore {
    /// The pattern of one's own audit chains; `_` stands for one digit of the year, and no tenant's name holds one.
    pub(super) fn own_ledgers(&self) -> String {
        match &self.tenant {
            None => "audit/%".to_owned(),
            Some(tenant) if tenant.is_house() => "audit/____".to_owned(),
            Some(tenant) => format!("audit/____/{}", tenant.as_str()),
        }
    }

    /// Is this chain one's own? What is not is counted.
    async fn sees_ledger(&self, ledger: &str) -> Result<bool> {
        let Some(tenant) = &self.tenant else { return Ok(true) };
        if let Some(case) = ledger.strip_prefix("custody/") {
            return Ok(self.case(case).await?.is_some());
        }
        let year: String = ledger.strip_prefix("audit/").unwrap_or_default().chars().take(4).collect();
        let own = if tenant.is_house() {
            format!("audit/{year}")
        } else {
            format!("audit/{year}/{}", tenant.as_str())
        };
        if own != ledger {
            self.count_foreign();
        }
        Ok(own == ledger)
    }

    /// Writes one audit entry and waits until it is durable. Content is read only after this.
    ///
    /// # Errors
    /// When it could not be written: then nothing may be shown.
    pub async fn audit(&self, note: Note) -> Result<Entry> {
        let ledger = ledger::audit_ledger_of(&self.owner(), note.at);
        let mut write = self.write().await?;
        let entry = append(&mut write, &ledger, note).await?;
        write.commit().await?;
        Ok(entry)
    }

    /// Writes one entry into the custody ledger of a case: what was done with its evidence outside the workflow.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn custody(&self, case: &str, note: Note) -> Result<Entry> {
        let mut write = self.write().await?;
        let entry = append(&mut write, &ledger::custody_ledger(case), note).await?;
        write.commit().await?;
        Ok(entry)
    }

    /// All entries of a chain, from the first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ledger(&self, ledger: &str) -> Result<Vec<Entry>> {
        if !self.sees_ledger(ledger).await? {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM ledger_entries WHERE ledger = $1 ORDER BY seq"
        ))
        .bind(ledger.to_owned())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(entry).collect()
    }

    /// The latest `limit` entries of a chain, newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ledger_tail(&self, ledger: &str, limit: i64) -> Result<Vec<Entry>> {
        if !self.sees_ledger(ledger).await? {
            return Ok(Vec::new());
        }
        let rows = sqlx::query(concat!(
            "SELECT ",
            columns!(),
            " FROM ledger_entries WHERE ledger = $1 ORDER BY seq DESC LIMIT $2"
        ))
        .bind(ledger.to_owned())
        .bind(limit)
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(entry).collect()
    }

    /// The names of all chains, with their length.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn ledgers(&self) -> Result<Vec<(String, i64)>> {
        let rows = sqlx::query(
            "SELECT ledger, size FROM ledger_heads WHERE $1 = '*' OR ledger LIKE $2 \
             OR ledger IN (SELECT 'custody/' || id FROM cases WHERE tenant = $1) ORDER BY ledger",
        )
        .bind(self.sight())
        .bind(self.own_ledgers())
        .fetch_all(&self.pool)
        .await?;
        rows.iter().map(|row| Ok((text(row, "ledger")?, row.try_get("size")?))).collect()
    }

    /// Signs the present state of a chain.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoint(&self, ledger: &str, at: Timestamp, key: &SigningKey) -> Result<Checkpoint> {
        if !self.sees_ledger(ledger).await? {
            return Err(Unfit::NoLedger.into());
        }
        let entries = self.ledger(ledger).await?;
        let checkpoint = Checkpoint::sign(ledger, &entries, at, key)?;
        let mut write = self.write().await?;
        sqlx::query("INSERT INTO checkpoints (ledger, size, at, body) VALUES ($1, $2, $3, $4) ON CONFLICT (ledger, size) DO NOTHING")
            .bind(ledger.to_owned())
            .bind(i64::try_from(checkpoint.size).unwrap_or(i64::MAX))
            .bind(at.as_micros())
            .bind(serde_json::to_string(&checkpoint)?)
            .execute(&mut *write.tx)
            .await?;
        write.commit().await?;
        Ok(checkpoint)
    }

    /// The signed checkpoints of a chain, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn checkpoints(&self, ledger: &str) -> Result<Vec<Checkpoint>> {
        let rows = sqlx::query("SELECT body FROM checkpoints WHERE ledger = $1 ORDER BY size")
            .bind(ledger.to_owned())
            .fetch_all(&self.pool)
            .await?;
        rows.iter().map(|row| Ok(serde_json::from_str(&text(row, "body")?)?)).collect()
    }

    /// Checks a chain and its checkpoints. An erased segment has no entries to check, only signatures.
    ///
    /// # Errors
    /// When the database fails; faults found are the value.
    pub async fn verify_ledger(&self, ledger: &str, key: &VerifyingKey) -> Result<Vec<LedgerFault>> {
        let checkpoints = self.checkpoints(ledger).await?;
        if self.segment_erased(ledger).await? {
            let unsigned = checkpoints.iter().filter(|c| !c.signed_by(key));
            return Ok(unsigned.map(|c| LedgerFault::Signature { ledger: c.ledger.clone() }).collect());
        }
        let entries = self.ledger(ledger).await?;
        let mut faults = ledger::verify(ledger, &entries, &checkpoints, key);
        let heads = self.ledgers().await?;
        let size = heads.iter().find(|(name, _)| name == ledger).map_or(0, |(_, size)| *size);
        if size != i64::try_from(entries.len()).unwrap_or(i64::MAX) {
            let place = entries.len() as u64;
            faults.push(LedgerFault::Broken { ledger: ledger.to_owned(), place, seq: place });
        }
        Ok(faults)
    }

    /// The proof that the entry at `index` is part of the chain.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn inclusion(&self, ledger: &str, index: usize) -> Result<Option<InclusionProof>> {
        Ok(InclusionProof::of(ledger, &self.ledger(ledger).await?, index)?)
    }

    /// Was this segment erased?
    ///
    /// # Errors
    /// When the database fails.
    pub async fn segment_erased(&self, ledger: &str) -> Result<bool> {
        Ok(self.setting("erased-segment", ledger).await?.is_some())
    }

    /// Erases a past year's audit entries (BDSG s. 76 (4)): signs a last checkpoint, removes the entries, keeps
    /// the root, and writes the erasure into the present year's ledger.
    ///
    /// # Errors
    /// When the segment is the present one, does not verify, or the database fails.
    pub async fn erase_segment(&self, ledger: &str, by: Note, key: &SigningKey) -> Result<Checkpoint> {
        if !ledger.starts_with("audit/") || ledger >= ledger::audit_ledger(by.at).as_str() {
            return Err(StoreError::Invalid("only audit segments of past years can be erased".to_owned()));
        }
        let faults = self.verify_ledger(ledger, &key.verifying_key()).await?;
        if let Some(fault) = faults.first() {
            return Err(StoreError::Invalid(format!("the segment does not verify, so it is kept: {fault}")));
        }
        let checkpoint = self.checkpoint(ledger, by.at, key).await?;
        let mut write = self.write().await?;
        sqlx::query("DELETE FROM ledger_entries WHERE ledger = $1")
            .bind(ledger.to_owned())
            .execute(&mut *write.tx)
            .await?;
        super::settings::put(&mut write, "erased-segment", ledger, &checkpoint.root).await?;
        let now = ledger::audit_ledger_of(&self.owner(), by.at);
        let details = json!({ "segment": ledger, "entries": checkpoint.size, "root": checkpoint.root });
        append(&mut write, &now, Note { action: "audit.erase_segment".to_owned(), details, ..by }).await?;
        write.commit().await?;
        Ok(checkpoint)
    }
}

fn entry(row: &AnyRow) -> Result<Entry> {
    Ok(Entry {
        ledger: text(row, "ledger")?,
        seq: u64::try_from(row.try_get::<i64, _>("seq")?).unwrap_or(0),
        at: time(row, "at")?,
        actor: text(row, "actor")?,
        role: text(row, "role")?,
        action: text(row, "action")?,
        subject: text(row, "subject")?,
        reason: text(row, "reason")?,
        details: serde_json::from_str(&text(row, "details")?)?,
        prev: text(row, "prev")?,
        hash: text(row, "hash")?,
    })
}
