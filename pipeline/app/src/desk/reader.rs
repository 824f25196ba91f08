//! Flagged posts for the desk, read from ClickHouse.

use std::sync::Arc;

use async_trait::async_trait;
use streife_domain::{CampaignKey, Identity, PostId};
use streife_sdk::{HealthBoard, SourceConfig};
use streife_store::queries::{self, QueueOrder};
use streife_store::{Store, StoreError};
use streife_web::reader::{FlaggedItem, FlaggedReader, QueueFilter, ReadError};

/// The desk's view of the store.
pub(crate) struct StoreReader {
    pub(super) store: Arc<Store>,
    pub(super) health: HealthBoard,
    pub(super) sources: Vec<SourceConfig>,
}

pub(super) fn read_error(error: StoreError) -> ReadError {
    ReadError(error.to_string())
}

impl StoreReader {
    pub(crate) fn new(store: Arc<Store>, health: HealthBoard, sources: Vec<SourceConfig>) -> Self {
        Self { store, health, sources }
    }

    /// A list shows no thread and no marks; the item page reads them.
    fn listed(item: queries::FlaggedItem) -> FlaggedItem {
        FlaggedItem {
            platforms: vec![item.post.platform.clone()],
            post: item.post,
            verdict: item.verdict,
            media: item.media,
            reach: item.reach,
            legal: item.legal,
            copies: 1,
            changes: Vec::new(),
            marks: Vec::new(),
            thread: Vec::new(),
        }
    }
}

#[async_trait]
impl FlaggedReader for StoreReader {
    async fn flagged(&self, filter: &QueueFilter, limit: usize) -> Result<Vec<FlaggedItem>, ReadError> {
        let asked = queries::QueueFilter {
            at_least: filter.level,
            language: filter.language.clone(),
            source: filter.source.clone(),
            rule: filter.rule.clone(),
            label: filter.head,
            campaign: filter.campaign.map(CampaignKey),
            ..queries::QueueFilter::default()
        };
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let page = self.store.queue(&asked, QueueOrder::Severity, None, limit).await.map_err(read_error)?;
        let exact = filter.level;
        Ok(page
            .items
            .into_iter()
            .filter(|item| exact.is_none_or(|level| item.verdict.priority == level))
            .map(Self::listed)
            .collect())
    }

    async fn item(&self, id: PostId) -> Result<Option<FlaggedItem>, ReadError> {
        let Some(found) = self.store.item(id).await.map_err(read_error)? else { return Ok(None) };
        let members = self.store.campaign_members(found.post.campaign).await.map_err(read_error)?;
        let changes = self.store.changes(id).await.map_err(read_error)?;
        let mut item = Self::listed(found);
        item.copies = members.len().max(1) as u64;
        item.changes = changes;
        Ok(Some(item))
    }

    async fn identity(&self, id: PostId) -> Result<Option<Identity>, ReadError> {
        Ok(self.store.identity(id).await.map_err(read_error)?.map(|found| found.identity))
    }
}
