//! Invented, harmless posts: for tests, the demo and screenshots. Nobody wrote them and nobody is meant.

mod figures;
mod posts;

use async_trait::async_trait;
use streife_cases::tenant::SourceScope;
use streife_domain::{Author, CampaignKey, Identity, PostId, PseudonymousPost, Timestamp};

pub use self::posts::sample_items;
use crate::lab::{BacktestFigures, History, Preview, PreviewHit, Progress, RuleText};
use crate::reader::{
    CampaignFigures, ExportFormat, ExportLabel, Figures, FlaggedItem, FlaggedReader, QueueFilter, ReadError,
};

/// A reader over invented posts.
pub struct SampleReader {
    items: Vec<FlaggedItem>,
    now: Timestamp,
}

impl SampleReader {
    /// Posts seen shortly before `now`.
    pub fn new(now: Timestamp) -> Self {
        Self { items: sample_items(now), now }
    }

    /// With other items, for tests.
    pub fn with(items: Vec<FlaggedItem>, now: Timestamp) -> Self {
        Self { items, now }
    }
}
fn matches(item: &FlaggedItem, filter: &QueueFilter) -> bool {
    filter.level.is_none_or(|level| item.verdict.priority == level)
        && filter.language.as_ref().is_none_or(|code| item.verdict.language.code == *code)
        && filter.source.as_ref().is_none_or(|source| item.post.source == *source)
        && filter.head.is_none_or(|head| item.verdict.labels.contains(&head))
        && filter.rule.as_ref().is_none_or(|rule| item.verdict.hits.iter().any(|hit| hit.rule == *rule))
        && filter.campaign.is_none_or(|key| item.post.campaign.0 == key)
        && filter
            .words
            .as_ref()
            .is_none_or(|words| words.split_whitespace().all(|w| item.post.text.contains(w)))
        && filter.sources.contains(&item.post.source)
}

#[async_trait]
impl FlaggedReader for SampleReader {
    async fn flagged(&self, filter: &QueueFilter, limit: usize) -> Result<Vec<FlaggedItem>, ReadError> {
        Ok(self.items.iter().filter(|item| matches(item, filter)).take(limit).cloned().collect())
    }

    async fn item(&self, id: PostId) -> Result<Option<FlaggedItem>, ReadError> {
        Ok(self.items.iter().find(|item| item.post.post_id == id).cloned())
    }

    async fn campaign(
        &self,
        key: CampaignKey,
        sources: &SourceScope,
    ) -> Result<Option<CampaignFigures>, ReadError> {
        Ok(self.campaigns(sources).await?.into_iter().find(|campaign| campaign.key == key.0))
    }

    async fn export(
        &self,
        filter: &QueueFilter,
        format: ExportFormat,
        label: &ExportLabel,
        with_text: bool,
    ) -> Result<Vec<u8>, ReadError> {
        let mut lines = String::new();
        for item in self.items.iter().filter(|item| matches(item, filter)) {
            let text = if with_text { item.post.text.as_str() } else { "" };
            let record = serde_json::json!({ "post": item.post.post_id.to_string(), "text": text, "format": format.as_str(),
                "label_purpose": label.purpose, "label_audit_entry": label.audit_entry });
            lines.push_str(&record.to_string());
            lines.push('\n');
        }
        Ok(lines.into_bytes())
    }

    async fn identity(&self, id: PostId) -> Result<Option<Identity>, ReadError> {
        let found = self.items.iter().find(|item| item.post.post_id == id);
        Ok(found.map(|item| Identity {
            native_id: "muster".to_owned(),
            url: Some(format!("https://{}.example/muster", item.post.platform)),
            author: Some(Author {
                id: "konto-muster".to_owned(),
                handle: Some("konto-muster.example".to_owned()),
                name: Some("Musterkonto".to_owned()),
            }),
        }))
    }
}

/// Knows no rule language: every invented post with a word of the rule's first test text is a hit.
#[async_trait]
impl History for SampleReader {
    async fn preview(
        &self,
        text: &RuleText,
        sources: &SourceScope,
        _: Timestamp,
        limit: usize,
    ) -> Result<Preview, ReadError> {
        let hits = self.hits(text, sources);
        Ok(Preview {
            posts: 52_311,
            hits: hits.len() as u64,
            complete: true,
            per_hour: (0..24).map(|hour| hour % 3).collect(),
            shown: hits.into_iter().take(limit).collect(),
        })
    }

    async fn backtest(
        &self,
        text: &RuleText,
        sources: &SourceScope,
        _: Timestamp,
        progress: Progress<'_>,
    ) -> Result<BacktestFigures, ReadError> {
        let hits = self.hits(text, sources);
        progress(1_000, hits.len() as u64);
        Ok(BacktestFigures {
            set: "rules@invented".to_owned(),
            posts: 150_000,
            candidates: 900,
            hits: hits.len() as u64,
            sample: hits.iter().map(|hit| hit.post.post_id.to_string()).collect(),
            ..BacktestFigures::default()
        })
    }

    async fn posts(&self, ids: &[PostId]) -> Result<Vec<PseudonymousPost>, ReadError> {
        let wanted = self.items.iter().filter(|item| ids.contains(&item.post.post_id));
        Ok(wanted.map(|item| item.post.clone()).collect())
    }
}

impl SampleReader {
    fn hits(&self, text: &RuleText, sources: &SourceScope) -> Vec<PreviewHit> {
        let says = |word: &str| word.chars().count() > 4 && text.source.contains(word);
        let hit = |item: &FlaggedItem| PreviewHit {
            post: item.post.clone(),
            language: item.verdict.language.code.clone(),
            spans: item.verdict.hits.iter().flat_map(|hit| hit.spans.clone()).collect(),
        };
        let hits = self.items.iter().filter(|item| item.post.text.split_whitespace().any(says));
        hits.filter(|item| sources.contains(&item.post.source)).map(hit).collect()
    }
}
