//! Audit by construction: content is reached only through [`Audited`], and an [`Audited`] exists only after its
//! entry in the audit ledger is durable.

use std::collections::HashMap;
use std::sync::Arc;

use axum::extract::{FromRequestParts, Path};
use axum::http::request::Parts;
use serde_json::json;
use sha2::{Digest, Sha256};
use streife_assist::{AssistError, Translation, Translator};
use streife_cases::rulebook::{FOREIGN_RULE, hide_foreign, is_foreign};
use streife_cases::tenant::{SourceOwners, SourceScope, Tenant};
use streife_cases::workflow::Case;
use streife_domain::{Identity, PostId, PseudonymousPost, Timestamp};
use tokio::sync::Semaphore;

use crate::fault::{Fault, Wrong};
use crate::guard::Viewer;
use crate::heads::{Asked, Heads, QueueHead};
use crate::lab::{BacktestFigures, History, Preview, Progress, RuleText};
use crate::priority::Order;
use crate::reader::{
    By, CampaignFigures, ExportFormat, ExportLabel, FlaggedItem, FlaggedReader, ModelMark, Place,
    QueueFilter, ReadError, Series, Trends,
};
use crate::routes::Route;
use crate::state::DeskState;

/// What the language cascade says when it cannot tell (ISO 639-2).
const UNDETERMINED: &str = "und";
/// Texts at the translation server at once; a small machine does one after the other anyway.
const CONCURRENT_TRANSLATIONS: usize = 4;

/// Holds the reader where no handler can take it out.
pub(crate) struct ContentReader {
    flagged: Arc<dyn FlaggedReader>,
    history: Arc<dyn History>,
    translator: Option<Arc<dyn Translator>>,
    translating: Semaphore,
    heads: Arc<Heads>,
}

impl ContentReader {
    pub(crate) fn new(
        flagged: Arc<dyn FlaggedReader>,
        history: Arc<dyn History>,
        translator: Option<Arc<dyn Translator>>,
    ) -> Self {
        let translating = Semaphore::new(CONCURRENT_TRANSLATIONS);
        Self { flagged, history, translator, translating, heads: Arc::default() }
    }

    /// Is there a machine of the house that translates?
    pub(crate) const fn translates(&self) -> bool {
        self.translator.is_some()
    }
}

/// The right to read content in this request; the read is on record.
pub struct Audited {
    desk: DeskState,
    /// Who owns which source, and with it every post.
    owners: SourceOwners,
    /// The sources of the tenant that reads.
    scope: SourceScope,
    /// Who reads.
    pub viewer: Viewer,
}

impl FromRequestParts<DeskState> for Audited {
    type Rejection = Fault;

    async fn from_request_parts(parts: &mut Parts, desk: &DeskState) -> Result<Self, Fault> {
        let viewer = parts.extensions.get::<Viewer>().cloned().ok_or_else(Fault::forbidden)?;
        let route = parts.extensions.get::<&'static Route>().copied();
        let Some(route) = route.filter(|route| route.content) else {
            tracing::error!("a handler reads content on a route that does not declare it");
            return Err(Wrong::Page.into());
        };
        let path: HashMap<String, String> =
            Path::from_request_parts(parts, desk).await.map(|Path(map)| map).unwrap_or_default();
        let subject = path.get("id").map_or_else(|| "queue".to_owned(), |id| id.chars().take(64).collect());
        // On a case page the case number is the reason, on a rule's the rule, behind a glass the emergency access; in triage it is the queue's purpose.
        let reason = match (&viewer.glass, route.path) {
            (Some(opening), _) => format!("glass {}", opening.id),
            (None, path) if path.starts_with("/cases/") => format!("case {subject}"),
            (None, path) if path.starts_with("/rules/") => format!("rule {subject}"),
            (None, path) if path.starts_with("/quality") => "quality".to_owned(),
            (None, "/glass") => "glass".to_owned(),
            (None, "/export") => "export".to_owned(),
            _ => "triage".to_owned(),
        };
        let query: String = parts.uri.query().unwrap_or_default().chars().take(200).collect();
        let details = json!({ "route": route.path, "method": route.method.as_str(), "query": query });
        viewer.cases.audit(viewer.note(desk.now(), "read.content", &subject, &reason, details)).await?;
        let owners = viewer.cases.source_owners().await?;
        let scope = owners.scope(&viewer.cases.tenant());
        Ok(Self { desk: desk.clone(), owners, scope, viewer })
    }
}

impl Audited {
    /// A filter that shows the posts of this tenant alone, whatever else it asks for.
    fn bound(&self, filter: &QueueFilter) -> QueueFilter {
        let mut bound = QueueFilter {
            sources: self.scope.clone(),
            space: self.own().as_str().to_owned(),
            ..filter.clone()
        };
        // Whoever guesses the name of another tenant's rule learns nothing by what it finds: nothing.
        if bound.rule.as_deref().is_some_and(|rule| is_foreign(rule, &self.own())) {
            bound.rule = Some(FOREIGN_RULE.to_owned());
        }
        bound
    }

    /// The tenant whose person reads, behind a glass too.
    fn own(&self) -> Tenant {
        self.viewer.tenant()
    }

    /// An item as this tenant sees it: of other tenants' rules it knows that they hit, and nothing else.
    fn seen(&self, mut item: FlaggedItem) -> FlaggedItem {
        hide_foreign(&mut item.verdict.hits, &self.own());
        item
    }

    /// Is this post this tenant's? What is not is counted, and looks as if it did not exist.
    fn owns(&self, source: &str) -> bool {
        let owned = self.scope.contains(source);
        if !owned {
            self.viewer.cases.count_foreign();
        }
        owned
    }

    /// Whose post this is, whoever asks: an emergency access is told to its owner.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn owner_of(&self, id: PostId) -> Result<Option<Tenant>, Fault> {
        if let Some(tenant) = self.desk.door.case_owner(&id.to_string()).await? {
            return Ok(Some(tenant));
        }
        let item = self.desk.content.flagged.item(id).await?;
        Ok(item.map(|item| self.owners.owner(&item.post.source)))
    }

    fn asked(&self, filter: &QueueFilter, order: Order) -> Asked {
        Asked {
            reader: Arc::clone(&self.desk.content.flagged),
            cases: (*self.viewer.cases).clone(),
            filter: self.bound(filter),
            order,
            now: self.desk.now(),
        }
    }

    /// The head of a queue, at most seconds old.
    ///
    /// # Errors
    /// When store or case database cannot be read.
    pub(crate) async fn head(&self, filter: &QueueFilter, order: Order) -> Result<Arc<QueueHead>, Fault> {
        self.desk.content.heads.head(self.asked(filter, order)).await
    }

    /// The head of a queue, read after `seen`.
    ///
    /// # Errors
    /// When store or case database cannot be read.
    pub(crate) async fn head_after(
        &self,
        seen: &QueueHead,
        filter: &QueueFilter,
        order: Order,
    ) -> Result<Arc<QueueHead>, Fault> {
        self.desk.content.heads.newer_than(Some(seen), self.asked(filter, order)).await
    }

    /// The posts of these places, in this order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn at_places(&self, places: &[Place]) -> Result<Vec<FlaggedItem>, Fault> {
        let mut items = self.desk.content.heads.items(&*self.desk.content.flagged, places).await?;
        items.retain(|item| self.owns(&item.post.source));
        Ok(items.into_iter().map(|item| self.seen(item)).collect())
    }

    /// Posts by id, in this order.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn items(&self, ids: &[PostId]) -> Result<Vec<FlaggedItem>, Fault> {
        let mut items = self.desk.content.flagged.items(ids).await?;
        items.retain(|item| self.owns(&item.post.source));
        Ok(items.into_iter().map(|item| self.seen(item)).collect())
    }

    /// Keeps a post for one request for a moment, so that many who ask at once do not race for the same one.
    pub(crate) fn reserve(&self, id: PostId) -> bool {
        self.desk.content.heads.reserve(id, self.desk.now())
    }

    /// One post.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub async fn item(&self, id: PostId) -> Result<Option<FlaggedItem>, ReadError> {
        let mut item = self.desk.content.flagged.item(id).await?.filter(|item| self.owns(&item.post.source));
        if let Some(item) = &mut item {
            // A thread can run through sources of several tenants.
            item.thread.retain(|near| self.scope.contains(&near.source));
        }
        Ok(item.map(|item| self.seen(item)))
    }

    /// What a rule hits among recent posts; `reason` is the purpose and legal basis that the rule names.
    ///
    /// # Errors
    /// When the read cannot be put on record, or the store cannot be read.
    pub(crate) async fn preview(
        &self,
        text: &RuleText,
        reason: &str,
        since: Timestamp,
        limit: usize,
    ) -> Result<Preview, Fault> {
        let digest = hex::encode(Sha256::digest(&text.source));
        let details = json!({ "since": since.to_string(), "shown_at_most": limit, "rule_sha256": digest });
        let note = self.viewer.note(self.desk.now(), "rule.preview", &text.id, reason, details);
        self.viewer.cases.audit(note).await?;
        Ok(self.desk.content.history.preview(text, &self.scope, since, limit).await?)
    }

    /// Runs a rule over what is stored; what comes back are figures and ids.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn backtest(
        &self,
        text: &RuleText,
        since: Timestamp,
        progress: Progress<'_>,
    ) -> Result<BacktestFigures, Fault> {
        Ok(self.desk.content.history.backtest(text, &self.scope, since, progress).await?)
    }

    /// How the campaign of a post spread.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn campaign(&self, item: &FlaggedItem) -> Result<Option<CampaignFigures>, Fault> {
        Ok(self.desk.content.flagged.campaign(item.post.campaign, &self.scope).await?)
    }

    /// Which words moved the model's scores.
    ///
    /// # Errors
    /// When the store or the model cannot be asked.
    pub(crate) async fn marks(&self, item: &FlaggedItem) -> Result<Vec<ModelMark>, Fault> {
        Ok(self.desk.content.flagged.marks(item).await?)
    }

    /// The text of a post in another language, by the machine of the house. That it went there, and to which machine, is on
    /// record first.
    ///
    /// # Errors
    /// When there is no such machine, the request cannot be put on record, or the machine gives nothing usable.
    pub(crate) async fn translation(&self, item: &FlaggedItem, to: &str) -> Result<Translation, Fault> {
        let content = &self.desk.content;
        let translator = content.translator.as_ref().ok_or_else(Fault::not_found)?;
        let post = item.post.post_id.to_string();
        let details =
            json!({ "by": translator.name(), "to": to, "characters": item.post.text.chars().count() });
        self.viewer
            .cases
            .audit(self.viewer.note(self.desk.now(), "translate", &post, "triage", details))
            .await?;
        // The semaphore is never closed, so waiting for a turn always ends with one.
        let _turn = content.translating.acquire().await.ok();
        let language = item.verdict.language.code.as_str();
        let from = Some(language).filter(|code| *code != UNDETERMINED);
        translator.translate(&item.post.text, from, to).await.map_err(|error| {
            tracing::warn!(%error, "a translation failed");
            Fault::from(match error {
                AssistError::Empty | AssistError::TooLong { .. } => Wrong::TranslationUnfit,
                _ => Wrong::TranslationUnreached,
            })
        })
    }

    /// Flagged posts as a file; the entry of the audit ledger is written first and named on every record.
    ///
    /// # Errors
    /// When the export cannot be put on record, or the store cannot be read.
    pub(crate) async fn export(
        &self,
        filter: &QueueFilter,
        format: ExportFormat,
        label: ExportLabel,
        with_text: bool,
    ) -> Result<Vec<u8>, Fault> {
        let details = json!({
            "format": format.as_str(), "with_text": with_text, "filter": format!("{filter:?}"),
            "legal_basis": label.legal_basis, "review_by": label.review_by,
        });
        let note = self.viewer.note(self.desk.now(), "export", "flagged", &label.purpose, details);
        let entry = self.viewer.cases.audit(note).await?;
        let label = ExportLabel { audit_entry: entry.hash, ..label };
        Ok(self.desk.content.flagged.export(&self.bound(filter), format, &label, with_text).await?)
    }

    /// Stored posts by id.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn posts(&self, ids: &[PostId]) -> Result<Vec<PseudonymousPost>, Fault> {
        let mut posts = self.desk.content.history.posts(ids).await?;
        posts.retain(|post| self.owns(&post.source));
        Ok(posts)
    }

    /// Who published, for a case whose unmasking is on record.
    ///
    /// # Errors
    /// When the case is not unmasked or the store cannot be read.
    pub async fn identity(&self, case: &Case) -> Result<Option<Identity>, Fault> {
        // An emergency access never shows who published.
        if case.unmasked.is_empty() || self.viewer.glass.is_some() {
            return Err(Fault::forbidden());
        }
        self.read_identity(case, "read.identity").await
    }

    /// Who published, for the evidence package alone: it goes into the seal and is shown to nobody.
    ///
    /// # Errors
    /// When the store cannot be read.
    pub(crate) async fn identity_for_seal(&self, case: &Case) -> Result<Option<Identity>, Fault> {
        self.read_identity(case, "seal.identity").await
    }

    async fn read_identity(&self, case: &Case, action: &str) -> Result<Option<Identity>, Fault> {
        let id: PostId = case.post_id.parse().map_err(|_| Fault::not_found())?;
        let reason = format!("case {}", case.id);
        self.viewer
            .cases
            .audit(self.viewer.note(self.desk.now(), action, &case.id, &reason, json!({})))
            .await?;
        Ok(self.desk.content.flagged.identity(id).await?)
    }
}

impl DeskState {
    /// The sources that this person's tenant sees.
    pub(crate) async fn scope(&self, v: &Viewer) -> Result<SourceScope, Fault> {
        Ok(v.cases.source_owners().await?.scope(&v.cases.tenant()))
    }

    /// Flagged posts over time, told apart by one of their sides; of other tenants' rules the sum alone.
    pub(crate) async fn series(
        &self,
        v: &Viewer,
        filter: &QueueFilter,
        hours: u32,
        by: By,
    ) -> Result<Vec<Series>, Fault> {
        let foreign = |rule: &str| is_foreign(rule, &v.tenant());
        // Whoever guesses a name learns nothing by what it finds.
        let rule =
            filter.rule.clone().map(|rule| if foreign(&rule) { FOREIGN_RULE.to_owned() } else { rule });
        let filter = QueueFilter { rule, ..filter.clone() };
        let all = self.figures.series(&filter, hours, by).await?;
        if by != By::Rule {
            return Ok(all);
        }
        let (others, mut own): (Vec<Series>, Vec<Series>) =
            all.into_iter().partition(|one| foreign(&one.name));
        if let Some(mut sum) = others.first().cloned() {
            FOREIGN_RULE.clone_into(&mut sum.name);
            for one in &others[1..] {
                sum.per_hour.iter_mut().zip(&one.per_hour).for_each(|(sum, n)| *sum += n);
            }
            own.push(sum);
        }
        Ok(own)
    }

    /// The trends of the sources that this person's tenant sees; of other tenants' rules the sum alone.
    pub(crate) async fn trends(&self, v: &Viewer) -> Result<Trends, Fault> {
        let mut trends = self.figures.trends(&self.scope(v).await?).await?;
        let own = v.tenant();
        let others: u64 =
            trends.by_rule.iter().filter(|(rule, _)| is_foreign(rule, &own)).map(|(_, n)| n).sum();
        trends.by_rule.retain(|(rule, _)| !is_foreign(rule, &own));
        if others > 0 {
            trends.by_rule.push((FOREIGN_RULE.to_owned(), others));
        }
        Ok(trends)
    }

    /// How many posts wait. A figure, so not on record.
    pub(crate) async fn waiting(&self, v: &Viewer) -> Result<u64, Fault> {
        let asked = Asked {
            reader: Arc::clone(&self.content.flagged),
            cases: (*v.cases).clone(),
            // The very filter of the queue without choices, so that both share one head.
            filter: QueueFilter {
                sources: self.scope(v).await?,
                space: v.tenant().as_str().to_owned(),
                ..QueueFilter::default()
            },
            order: Order::Mixed,
            now: self.now(),
        };
        Ok(self.content.heads.head(asked).await?.size.total)
    }
}
