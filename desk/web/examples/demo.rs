//! The desk over invented posts, for looking at it: `cargo run -p streife-web --example demo -- 127.0.0.1:8420`.
//! Prints the demo accounts. Keeps nothing: the database lies in a temporary folder.
#![expect(clippy::print_stdout, reason = "a command line example")]

use std::sync::Arc;

use async_trait::async_trait;
use sha2::{Digest, Sha256};
use streife_cases::store::CaseStore;
use streife_cases::workflow::{Case, Seal};
use streife_domain::{Clock, Identity, SystemClock, Timestamp};
use streife_web::lab::{Installed, NotLive, RuleCheck, RuleReport, RuleText};
use streife_web::reader::FlaggedItem;
use streife_web::sample::SampleReader;
use streife_web::{DeskParts, DeskState, EvidenceFault, EvidenceSealer, create_demo_accounts, router};

struct NoCheck;

impl RuleCheck for NoCheck {
    fn check(&self, _: &RuleText, _german: bool) -> RuleReport {
        RuleReport::default()
    }
    fn not_live(&self, _: &RuleText, _approver: &str, _has_backtest: bool) -> Option<NotLive> {
        None
    }
    fn installed(&self) -> Vec<Installed> {
        Vec::new()
    }
}

/// Seals nothing but a digest of what was shown; enough to walk through the workflow.
struct DigestSealer;

#[async_trait]
impl EvidenceSealer for DigestSealer {
    async fn seal(
        &self,
        case: &Case,
        item: &FlaggedItem,
        _: &Identity,
        by: &str,
        at: Timestamp,
    ) -> Result<Option<Seal>, EvidenceFault> {
        let manifest_sha256 = hex::encode(Sha256::digest(&item.post.text));
        Ok(Some(Seal {
            manifest_sha256,
            package: format!("{}.zip", case.id),
            at,
            by: by.to_owned(),
            time_stamps: Vec::new(),
        }))
    }
}

#[tokio::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let address = std::env::args().nth(1).unwrap_or_else(|| "127.0.0.1:8420".to_owned());
    let folder = tempfile::tempdir()?;
    let cases = CaseStore::sqlite(folder.path()).await?;
    cases.migrate().await?;
    let now = SystemClock.now();
    let demo = create_demo_accounts(&cases, now).await?;
    for account in &demo {
        println!("{}\t{}\t{}", account.user, account.role, account.password);
    }
    let reader = Arc::new(SampleReader::new(now));
    let desk = DeskState::new(DeskParts {
        cases,
        reader: reader.clone(),
        figures: reader,
        rules: Arc::new(NoCheck),
        history: Arc::new(SampleReader::new(now)),
        sealer: Some(Arc::new(DigestSealer)),
        clock: Arc::new(SystemClock),
        signing_key: Sha256::digest(now.to_string()).into(),
        secure_cookies: false,
        demo,
    });
    let listener = tokio::net::TcpListener::bind(&address).await?;
    println!("http://{}", listener.local_addr()?);
    axum::serve(listener, router(desk)).await?;
    Ok(())
}
