//! The topics of the log, read from `schemas/topics.toml`.

use serde::Deserialize;
use streife_log::{Retention, Topic};

/// Topic names that code refers to.
pub mod names {
    /// Events as connectors saw them.
    pub const RAW: &str = "posts.raw";
    /// One record for each accepted record that is not dead.
    pub const SCORED: &str = "posts.scored";
    /// Flagged posts.
    pub const FLAGGED: &str = "posts.flagged";
    /// Posts that wait for a window rule.
    pub const WINDOWED: &str = "posts.windowed";
    /// What window rules remember.
    pub const WINDOWS: &str = "rules.windows";
    /// What could not be processed.
    pub const DEAD: &str = "posts.dead";
    /// Cursors of connectors.
    pub const CURSORS: &str = "sources.cursors";
    /// Rules and lists as they went live.
    pub const RULES: &str = "rules.sets";
}

/// `schemas/topics.toml` is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum TopicsError {
    /// Not TOML of this shape.
    #[error("topics: {0}")]
    Shape(#[from] toml::de::Error),
    /// A topic is neither compacted nor given a retention, or both.
    #[error("topic {0}: give either retention_hours or compact = true")]
    Retention(String),
    /// A topic that the code needs is missing.
    #[error("topic {0} is missing")]
    Missing(&'static str),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicsFile {
    topic: Vec<TopicEntry>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct TopicEntry {
    name: String,
    partitions: u32,
    retention_hours: Option<u32>,
    #[serde(default)]
    compact: bool,
    #[serde(rename = "schema")]
    _schema: Option<String>,
}

/// Reads the topic list. `replication` is the number of copies on a Kafka cluster.
///
/// # Errors
/// [`TopicsError`] when the file has another shape or lacks a topic that code refers to.
pub fn parse_topics(toml_text: &str, replication: u16) -> Result<Vec<Topic>, TopicsError> {
    let file: TopicsFile = toml::from_str(toml_text)?;
    let mut topics = Vec::new();
    for entry in file.topic {
        let retention = match (entry.retention_hours, entry.compact) {
            (Some(hours), false) => Retention::Hours(hours),
            (None, true) => Retention::Compact,
            _ => return Err(TopicsError::Retention(entry.name)),
        };
        topics.push(Topic { name: entry.name, partitions: entry.partitions, retention, replication });
    }
    for name in [
        names::RAW,
        names::SCORED,
        names::FLAGGED,
        names::DEAD,
        names::CURSORS,
        names::RULES,
        names::WINDOWED,
        names::WINDOWS,
    ] {
        if !topics.iter().any(|topic| topic.name == name) {
            return Err(TopicsError::Missing(name));
        }
    }
    Ok(topics)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shipped_file_is_complete() {
        let topics = parse_topics(include_str!("../../../schemas/topics.toml"), 1).unwrap();
        assert_eq!(topics.len(), 8);
    }

    #[test]
    fn a_missing_topic_is_named() {
        let error =
            parse_topics("[[topic]]\nname='posts.raw'\npartitions=1\nretention_hours=1", 1).unwrap_err();
        assert!(error.to_string().contains("posts.scored"));
    }
}
