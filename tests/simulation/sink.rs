//! A model of the store: batches by token, rows by their key, faults before and after the write.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::sync::Mutex;

use async_trait::async_trait;
use streife_domain::Position;
use streife_runtime::store::BatchSink;
use streife_store::{Batch, StoreError};

use crate::faults::Dice;

#[derive(Default)]
struct Tables {
    tokens: HashSet<String>,
    outcomes: BTreeMap<Position, String>,
    flagged: BTreeSet<u128>,
}

pub struct SimSink {
    dice: Dice,
    tables: Mutex<Tables>,
}

impl SimSink {
    pub fn new(dice: Dice) -> Self {
        Self { dice, tables: Mutex::default() }
    }

    /// How each position ended.
    pub fn outcomes(&self) -> BTreeMap<Position, String> {
        self.tables.lock().unwrap().outcomes.clone()
    }

    /// The flagged view.
    pub fn flagged(&self) -> BTreeSet<u128> {
        self.tables.lock().unwrap().flagged.clone()
    }

    fn apply(&self, batch: &Batch, token: &str) {
        let mut tables = self.tables.lock().unwrap();
        if !tables.tokens.insert(token.to_owned()) {
            return;
        }
        for row in &batch.rows.outcomes {
            let position = Position { partition: row.partition, offset: row.offset };
            tables.outcomes.insert(position, row.outcome.clone());
        }
        tables.flagged.extend(batch.rows.flagged_posts.iter().map(|row| row.post_id));
    }
}

#[async_trait]
impl BatchSink for SimSink {
    async fn write(&self, batch: &Batch, token: &str) -> Result<(), StoreError> {
        tokio::task::yield_now().await;
        if self.dice.fault(8) {
            return Err(StoreError::Unavailable("simulated".to_owned()));
        }
        self.apply(batch, token);
        tokio::task::yield_now().await;
        if self.dice.fault(6) { Err(StoreError::Unavailable("answer lost".to_owned())) } else { Ok(()) }
    }
}
