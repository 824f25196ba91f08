//! What stands in for the rule engine, the evidence and the store in these tests.

use sha2::{Digest, Sha256};
use streife_cases::calibration::Score;
use streife_cases::rulebook::Kind;
use streife_cases::tenant::SourceScope;
use streife_cases::workflow::{Case, Seal};
use streife_domain::{Author, BankMatch, Identity, Media, PostId, Priority, Timestamp};
use streife_web::lab::{About, Installed, NotLive, RuleCheck, RuleProblem, RuleReport, RuleText, TestLine};
use streife_web::reader::{
    By, CampaignFigures, Figures, FlaggedItem, FlaggedReader, QueueFilter, ReadError, RuleFigures, Series,
    SystemFigures, ThreadPost, Trends,
};
use streife_web::sample::SampleReader;
use streife_web::{EvidenceFault, EvidenceSealer};

pub const SENTINEL: &str = "Kolibriwort";
pub const HOSTILE: &str = "\"'><script>alert(1)</script><img src=x onerror=alert(1)>{{7*7}}\u{202e}";

/// Finds fault with a text that asks for it.
pub struct Fussy;

impl RuleCheck for Fussy {
    fn check(&self, text: &RuleText, german: bool) -> RuleReport {
        let message = if german { "kaputt" } else { "broken" }.to_owned();
        let excerpt = HOSTILE.to_owned();
        let problem =
            RuleProblem { line: 3, column: 2, message, hint: HOSTILE.to_owned(), excerpt, error: true };
        let hit = !text.source.contains("FAILING");
        RuleReport {
            problems: if text.source.contains("BROKEN") { vec![problem] } else { Vec::new() },
            tests: vec![TestLine {
                number: 1,
                rule: HOSTILE.to_owned(),
                expect_hit: true,
                hit,
                text: HOSTILE.to_owned(),
            }],
            about: Some(About {
                cost: "narrow",
                purpose: "prosecution".to_owned(),
                quota: Some(20),
                ..About::default()
            }),
        }
    }
    fn not_live(&self, text: &RuleText, approver: &str, has_backtest: bool) -> Option<NotLive> {
        let same = text.source.contains(&format!("owner: {approver}"));
        if same {
            Some(NotLive::SamePerson)
        } else if has_backtest {
            None
        } else {
            Some(NotLive::NoBacktest)
        }
    }
    fn installed(&self) -> Vec<Installed> {
        let source = format!("id: w-ordner\ntitle: {HOSTILE}");
        vec![Installed {
            kind: Kind::Rule,
            id: "w-ordner".to_owned(),
            title: HOSTILE.to_owned(),
            owner: HOSTILE.to_owned(),
            review_by: "2020-01-01".to_owned(),
            state: "live",
            source,
        }]
    }
}

/// Seals a digest of what was shown.
pub struct Sealer;

#[async_trait::async_trait]
impl EvidenceSealer for Sealer {
    async fn seal(
        &self,
        _: &Case,
        item: &FlaggedItem,
        _: &Identity,
        by: &str,
        at: Timestamp,
    ) -> Result<Option<Seal>, EvidenceFault> {
        let manifest_sha256 = hex::encode(Sha256::digest(&item.post.text));
        Ok(Some(Seal {
            manifest_sha256,
            package: "p".to_owned(),
            at,
            by: by.to_owned(),
            time_stamps: vec![],
        }))
    }
}

/// Every field of every post is an attack.
pub struct HostileReader(pub SampleReader);

#[async_trait::async_trait]
impl FlaggedReader for HostileReader {
    async fn flagged(&self, filter: &QueueFilter, limit: usize) -> Result<Vec<FlaggedItem>, ReadError> {
        Ok(self.0.flagged(filter, limit).await?.into_iter().map(hostile).collect())
    }
    async fn item(&self, id: PostId) -> Result<Option<FlaggedItem>, ReadError> {
        Ok(self.0.item(id).await?.map(hostile))
    }
    async fn identity(&self, _: PostId) -> Result<Option<Identity>, ReadError> {
        let all = || HOSTILE.to_owned();
        let author = Author { id: all(), handle: Some(all()), name: Some(all()) };
        Ok(Some(Identity { native_id: all(), url: Some(all()), author: Some(author) }))
    }
}

fn hostile(mut item: FlaggedItem) -> FlaggedItem {
    let all = || format!("{SENTINEL} {HOSTILE}");
    item.post.text = all();
    item.post.source = all();
    item.post.platform = all();
    item.platforms = vec![all()];
    item.verdict.language.code = all();
    for hit in &mut item.verdict.hits {
        // The name of a rule is ours and no content; it must be harmless all the same.
        hit.rule = HOSTILE.to_owned();
        hit.because.iter_mut().for_each(|because| because.part = all());
    }
    item.media = vec![Media {
        media_type: all(),
        url: Some(all()),
        alt: Some(all()),
        text: Some(all()),
        banks: vec![BankMatch {
            list: all(),
            category: Some(all()),
            distance: 1,
            never_store: true,
            priority: Priority::High,
        }],
        ..Media::default()
    }];
    item.thread = vec![ThreadPost { above: true, source: all(), text: all(), posted_at: None }];
    item.verdict.models.lid = all();
    if let Some(legal) = &mut item.legal {
        legal.legal_basis = all();
    }
    item
}

/// A rule of the tenant `nord`, and words of its text.
pub const NORD_RULE: &str = "nord/w-geheim";
pub const NORD_PATTERN: &str = "Geheimmuster";

/// The sample's figures, in which a rule of the tenant `nord` hit.
pub struct NordsFigures(pub SampleReader);

#[async_trait::async_trait]
impl Figures for NordsFigures {
    async fn campaigns(&self, sources: &SourceScope) -> Result<Vec<CampaignFigures>, ReadError> {
        self.0.campaigns(sources).await
    }
    async fn trends(&self, sources: &SourceScope) -> Result<Trends, ReadError> {
        let mut trends = self.0.trends(sources).await?;
        trends.by_rule.push((NORD_RULE.to_owned(), 7));
        Ok(trends)
    }
    async fn series(&self, filter: &QueueFilter, hours: u32, by: By) -> Result<Vec<Series>, ReadError> {
        let mut series = self.0.series(filter, hours, by).await?;
        // The store finds hits by the rule's name; whoever guesses it would see that it is right.
        if by == By::Rule || filter.rule.as_deref() == Some(NORD_RULE) {
            let per_hour = vec![3; hours as usize + 1];
            series.push(Series { name: NORD_RULE.to_owned(), per_hour });
        }
        Ok(series)
    }
    async fn rule(&self, id: &str) -> Result<RuleFigures, ReadError> {
        self.0.rule(id).await
    }
    async fn scores(&self, posts: &[PostId]) -> Result<Vec<Score>, ReadError> {
        self.0.scores(posts).await
    }
    async fn system(&self) -> Result<SystemFigures, ReadError> {
        self.0.system().await
    }
}
