//! Flagged posts for the desk, read from ClickHouse.

use std::sync::Arc;

use async_trait::async_trait;
use streife_cases::tenant::SourceScope;
use streife_domain::{CampaignKey, Identity, PostId};
use streife_sdk::{HealthBoard, SourceConfig};
use streife_store::queries::{self, HeadOrder, QueueOrder};
use streife_store::{Store, StoreError};
use streife_web::priority::Order;
use streife_web::reader::{
    CampaignFigures, ExportFormat, ExportLabel, FlaggedItem, FlaggedReader, ModelMark, Place, QueueFilter,
    QueueSize, ReadError, ThreadPost,
};

use super::explain::Explainer;

/// The desk's view of the store.
pub(crate) struct StoreReader {
    pub(super) store: Arc<Store>,
    pub(super) health: HealthBoard,
    pub(super) sources: Vec<SourceConfig>,
    explainer: Arc<Explainer>,
}

pub(super) fn read_error(error: StoreError) -> ReadError {
    ReadError(error.to_string())
}

impl StoreReader {
    pub(crate) fn new(
        store: Arc<Store>,
        health: HealthBoard,
        sources: Vec<SourceConfig>,
        explainer: Explainer,
    ) -> Self {
        Self { store, health, sources, explainer: Arc::new(explainer) }
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

/// The store's form of the desk's filter.
pub(super) fn asked(filter: &QueueFilter) -> queries::QueueFilter {
    let (sources, not_sources) = match &filter.sources {
        SourceScope::All => (None, Vec::new()),
        SourceScope::Only(sources) => (Some(sources.clone()), Vec::new()),
        SourceScope::AllBut(sources) => (None, sources.clone()),
    };
    queries::QueueFilter {
        exactly: filter.level,
        language: filter.language.clone(),
        source: filter.source.clone(),
        rule: filter.rule.clone(),
        space: filter.space.clone(),
        label: filter.head,
        campaign: filter.campaign.map(CampaignKey),
        words: filter.words.clone(),
        sources,
        not_sources,
        ..queries::QueueFilter::default()
    }
}

#[async_trait]
impl FlaggedReader for StoreReader {
    async fn flagged(&self, filter: &QueueFilter, limit: usize) -> Result<Vec<FlaggedItem>, ReadError> {
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let page =
            self.store.queue(&asked(filter), QueueOrder::Severity, None, limit).await.map_err(read_error)?;
        Ok(page.items.into_iter().map(Self::listed).collect())
    }

    async fn head(&self, filter: &QueueFilter, order: Order, limit: usize) -> Result<Vec<Place>, ReadError> {
        let order = match order {
            Order::Mixed => HeadOrder::Rank,
            Order::Severity => HeadOrder::Severity,
            Order::Oldest => HeadOrder::Oldest,
        };
        let limit = u32::try_from(limit).unwrap_or(u32::MAX);
        let entries = self.store.head(&asked(filter), order, limit).await.map_err(read_error)?;
        let place =
            |e: queries::HeadEntry| Place { id: e.post_id, version: e.version, observed_at: e.observed_at };
        Ok(entries.into_iter().map(place).collect())
    }

    async fn items(&self, ids: &[PostId]) -> Result<Vec<FlaggedItem>, ReadError> {
        Ok(self.store.items(ids).await.map_err(read_error)?.into_iter().map(Self::listed).collect())
    }

    async fn size(&self, filter: &QueueFilter) -> Result<QueueSize, ReadError> {
        let size = self.store.head_size(&asked(filter)).await.map_err(read_error)?;
        Ok(QueueSize { total: size.total, high: size.high })
    }

    async fn item(&self, id: PostId) -> Result<Option<FlaggedItem>, ReadError> {
        let Some(found) = self.store.item(id).await.map_err(read_error)? else { return Ok(None) };
        let platform = found.post.platform.clone();
        let (copies, changes, thread) = tokio::try_join!(
            self.store.campaign_size(found.post.campaign),
            self.store.changes(id),
            self.store.thread(id, &platform),
        )
        .map_err(read_error)?;
        let mut item = Self::listed(found);
        item.copies = copies.max(1);
        item.changes = changes;
        item.thread = thread
            .into_iter()
            .map(|near| ThreadPost {
                above: near.above,
                source: near.source,
                text: near.text,
                posted_at: near.posted_at,
            })
            .collect();
        Ok(Some(item))
    }

    async fn marks(&self, item: &FlaggedItem) -> Result<Vec<ModelMark>, ReadError> {
        self.explainer.marks(item).await
    }

    async fn campaign(
        &self,
        key: CampaignKey,
        sources: &SourceScope,
    ) -> Result<Option<CampaignFigures>, ReadError> {
        let filter =
            QueueFilter { campaign: Some(key.0), sources: sources.clone(), ..QueueFilter::default() };
        let found = self.store.campaigns(&asked(&filter)).await.map_err(read_error)?;
        match found.into_iter().next() {
            Some(campaign) => Ok(Some(self.with_course(campaign).await?)),
            None => Ok(None),
        }
    }

    async fn export(
        &self,
        filter: &QueueFilter,
        format: ExportFormat,
        label: &ExportLabel,
        with_text: bool,
    ) -> Result<Vec<u8>, ReadError> {
        let format = match format {
            ExportFormat::Csv => queries::ExportFormat::Csv,
            ExportFormat::JsonLines => queries::ExportFormat::JsonLines,
            ExportFormat::Parquet => queries::ExportFormat::Parquet,
        };
        let label = queries::ExportLabel {
            purpose: label.purpose.clone(),
            legal_basis: label.legal_basis.clone(),
            review_by: label.review_by.clone(),
            audit_entry: label.audit_entry.clone(),
        };
        self.store.export(&asked(filter), format, &label, with_text).await.map_err(read_error)
    }

    async fn identity(&self, id: PostId) -> Result<Option<Identity>, ReadError> {
        Ok(self.store.identity(id).await.map_err(read_error)?.map(|found| found.identity))
    }
}
