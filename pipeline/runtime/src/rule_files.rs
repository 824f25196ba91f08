//! Rules on their way from the desk to the workers: YAML files in the compacted topic `rules.sets`, key: the file's
//! name, value: its text, empty when it was withdrawn. Every worker reads the whole topic, so all have the same files.

use std::collections::BTreeMap;
use std::sync::Arc;

use bytes::Bytes;
use streife_log::{EventLog, LogError, Record};

use crate::names;

/// Rule files by name.
pub type RuleFiles = BTreeMap<String, String>;

/// Reads the rule files of the log, and tells when they changed.
pub struct RuleFollower {
    log: Arc<dyn EventLog>,
    read_up_to: Option<Vec<(i64, i64)>>,
}

impl RuleFollower {
    /// Reads from this log.
    pub fn new(log: Arc<dyn EventLog>) -> Self {
        Self { log, read_up_to: None }
    }

    /// The files in force, if something was appended since the last call; else `None`. The first call always reads.
    ///
    /// # Errors
    /// What the log says; the same call may be tried again.
    pub async fn changed(&mut self) -> Result<Option<RuleFiles>, LogError> {
        // Taken before reading: what is appended meanwhile is read now and once more.
        let bounds = self.log.bounds(names::RULES).await?;
        if self.read_up_to.as_ref() == Some(&bounds) {
            return Ok(None);
        }
        let files = read_all(&*self.log).await?;
        self.read_up_to = Some(bounds);
        Ok(Some(files))
    }
}

async fn read_all(log: &dyn EventLog) -> Result<RuleFiles, LogError> {
    let mut files = RuleFiles::new();
    log.read_all(names::RULES, &mut |message| {
        let name = String::from_utf8_lossy(&message.record.key).into_owned();
        if message.record.value.is_empty() {
            files.remove(&name);
        } else {
            files.insert(name, String::from_utf8_lossy(&message.record.value).into_owned());
        }
    })
    .await?;
    Ok(files)
}

/// Makes the log hold exactly `wanted`: appends what differs, withdraws what is gone. Returns how many files changed.
/// Several publishers of the same files do no harm.
///
/// # Errors
/// What the log says; the same call may be tried again.
pub async fn publish_rules(log: &dyn EventLog, wanted: &RuleFiles) -> Result<usize, LogError> {
    let present = read_all(log).await?;
    let record = |name: &str, text: &str| Record {
        key: Bytes::copy_from_slice(name.as_bytes()),
        value: Bytes::copy_from_slice(text.as_bytes()),
        headers: Vec::new(),
    };
    let mut records: Vec<Record> = wanted
        .iter()
        .filter(|(name, text)| present.get(*name) != Some(text))
        .map(|(name, text)| record(name, text))
        .collect();
    records.extend(present.keys().filter(|name| !wanted.contains_key(*name)).map(|name| record(name, "")));
    let changed = records.len();
    if changed > 0 {
        log.append(names::RULES, records).await?;
    }
    Ok(changed)
}

#[cfg(test)]
mod tests {
    use streife_log::{MemoryLog, Retention, Topic};

    use super::*;

    fn files(pairs: &[(&str, &str)]) -> RuleFiles {
        pairs.iter().map(|(name, text)| ((*name).to_owned(), (*text).to_owned())).collect()
    }

    #[tokio::test]
    async fn what_is_published_is_followed_and_what_is_withdrawn_is_gone() {
        let log = Arc::new(MemoryLog::new());
        let topic = Topic {
            name: names::RULES.to_owned(),
            partitions: 1,
            retention: Retention::Compact,
            replication: 1,
        };
        log.ensure_topics(&[topic]).await.unwrap();
        let mut follower = RuleFollower::new(log.clone());
        assert_eq!(follower.changed().await.unwrap(), Some(RuleFiles::new()));
        assert_eq!(follower.changed().await.unwrap(), None);

        let first = files(&[("a.yaml", "one"), ("b.yaml", "two")]);
        assert_eq!(publish_rules(&*log, &first).await.unwrap(), 2);
        assert_eq!(follower.changed().await.unwrap(), Some(first.clone()));
        assert_eq!(publish_rules(&*log, &first).await.unwrap(), 0);
        assert_eq!(follower.changed().await.unwrap(), None);

        let second = files(&[("b.yaml", "three")]);
        assert_eq!(publish_rules(&*log, &second).await.unwrap(), 2);
        assert_eq!(follower.changed().await.unwrap(), Some(second));
    }
}
