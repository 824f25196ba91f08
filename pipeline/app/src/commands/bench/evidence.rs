//! From a reviewer's suspicion to the sealed case: through the case database, the vault and two time-stamp services that
//! take as long as a network does. Cases come in one burst, which is harder than the same number over an hour.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use async_trait::async_trait;
use streife_cases::role::Role;
use streife_cases::store::{CaseStore, NewItem};
use streife_cases::workflow::{Actor, Case, CaseState, Move};
use streife_domain::{
    CampaignKey, Heads, Identity, Language, ModelVersions, PostId, PostKind, Priority, PseudonymousPost,
    Script, Verdict,
};
use streife_evidence::merkle::sha256_hex;
use streife_evidence::seal::{DemoTsa, TimeStampService};
use streife_referral::found::Circumstances;
use streife_referral::{Collected, Collector, Evidence, EvidenceParts, Found, Site, Vault};

use super::Figure;
use crate::cli::BenchArgs;
use crate::failure::Failure;
use crate::{cost, open, roles};

/// Cases of the burst: what 500 an hour bring in five minutes.
const CASES: usize = 42;
/// A time-stamp service across the country.
const SERVICE_DELAY: Duration = Duration::from_millis(150);
/// As the desk does.
const TICK: Duration = Duration::from_secs(2);
/// Longer than this counts as not sealed.
const GIVE_UP: Duration = Duration::from_secs(300);
/// Size of the observed bytes.
const RAW_BYTES: usize = 4_096;

/// A time-stamp service that answers as late as one across the country.
struct Slow(DemoTsa);

impl TimeStampService for Slow {
    fn name(&self) -> &str {
        self.0.name()
    }
    fn anchor_pem(&self) -> &str {
        self.0.anchor_pem()
    }
    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, String> {
        std::thread::sleep(SERVICE_DELAY);
        self.0.exchange(request)
    }
}

/// Makes a post up for any case.
pub(crate) struct Made;

#[async_trait]
impl Collector for Made {
    async fn collect(&self, case: &Case, by: &str) -> Result<Collected, String> {
        let circumstances = Circumstances {
            by: by.to_owned(),
            zone: "UTC".to_owned(),
            clock_offset_ms: None,
            time_source: "bench".to_owned(),
        };
        Ok(Collected { found: found(&case.post_id)?, circumstances, captures: Vec::new() })
    }
}

fn found(post: &str) -> Result<Found, String> {
    let none = || "none".to_owned();
    let raw = vec![b'x'; RAW_BYTES];
    Ok(Found {
        post: PseudonymousPost {
            post_id: post.parse::<PostId>().map_err(|_| format!("{post} is no post"))?,
            source: "bench".to_owned(),
            platform: "bench".to_owned(),
            author: None,
            kind: PostKind::Post,
            text: "bench".to_owned(),
            tags: Vec::new(),
            links: Vec::new(),
            posted_at: None,
            edited_at: None,
            observed_at: open::clock().now(),
            campaign: CampaignKey(0),
        },
        identity: Identity { native_id: post.to_owned(), url: None, author: None },
        verdict: Verdict {
            language: Language::undetermined(Script::COMMON),
            gate: None,
            encoded: false,
            scores: Heads::default(),
            labels: Vec::new(),
            hits: Vec::new(),
            priority: Priority::High,
            models: ModelVersions { lid: none(), gate: none(), encoder: none(), rules: none() },
        },
        media: Vec::new(),
        reach: None,
        legal: None,
        refers_to: None,
        changes: Vec::new(),
        copies: 1,
        platforms: Vec::new(),
        rule_titles: BTreeMap::new(),
        thread: Vec::new(),
        raw_sha256: Some(sha256_hex(&raw)),
        raw,
    })
}

pub(super) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let cases = CASES * args.scale.max(1) as usize;
    let folder = std::env::temp_dir().join(format!("streife-bench-evidence-{}", std::process::id()));
    std::fs::create_dir_all(&folder)?;
    let measured = roles::block_on(measure(&folder, cases));
    let _ = std::fs::remove_dir_all(&folder);
    measured
}

async fn measure(folder: &std::path::Path, count: usize) -> Result<Vec<Figure>, Failure> {
    let clock = open::clock();
    let cases = CaseStore::sqlite(folder).await?;
    cases.migrate().await?;
    let service = |name: &str| {
        DemoTsa::new(name, open::clock()).map(|tsa| Arc::new(Slow(tsa)) as Arc<dyn TimeStampService>)
    };
    let evidence = Evidence::new(EvidenceParts {
        cases: cases.clone(),
        vault: Vault::open(&folder.join("evidence"), &folder.join("keys"))?,
        services: vec![service("one")?, service("two")?],
        key: [1; 32],
        site: Site {
            authority: "bench".to_owned(),
            unit: String::new(),
            contact: Vec::new(),
            demonstration: true,
        },
        clock: Arc::clone(&clock),
        collector: Arc::new(Made),
    });
    let reviewer = Actor::new("bench", Role::Reviewer);
    let mut ids = Vec::with_capacity(count);
    for number in 0..count {
        let post_id = PostId::of("bench", &number.to_string()).to_string();
        let item = NewItem { post_id: post_id.clone(), campaign: "0".to_owned(), queue: "bench".to_owned() };
        cases.claim(&item, &reviewer, clock.now()).await?;
        let suspect = Move::Suspect { norms: vec!["StGB-111".to_owned()] };
        cases.apply(&post_id, reviewer.clone(), suspect, clock.now()).await?;
        ids.push(post_id);
    }
    let (started, cpu) = (std::time::Instant::now(), cost::cpu_seconds());
    let mut sealed = 0;
    while sealed < count && started.elapsed() < GIVE_UP {
        tokio::time::sleep(TICK).await;
        sealed += evidence.work().await?;
    }
    let cpu = cost::cpu_seconds() - cpu;
    let (mut seconds, mut pending) = (Vec::with_capacity(count), 0);
    for id in &ids {
        let events = cases.events(id).await?;
        let at = |name: &str| events.iter().find(|event| event.what.as_str() == name).map(|event| event.at);
        match (at("suspect"), at("seal_evidence")) {
            (Some(suspect), Some(seal)) => seconds.push(seal.micros_since(suspect) as f64 / 1e6),
            _ => {
                let state = cases.case(id).await?.map(|case| case.state);
                pending += usize::from(state == Some(CaseState::Capturing));
            }
        }
    }
    seconds.sort_by(f64::total_cmp);
    let quantile = |part: f64| {
        let place = (seconds.len() as f64 * part).ceil() as usize;
        seconds.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    };
    Ok(vec![
        Figure::new("cases in one burst", count as f64, "cases"),
        Figure::new("suspicion to seal, half of them within", quantile(0.5), "s"),
        Figure::new("suspicion to seal, 95 of 100 within (goal 60)", quantile(0.95), "s"),
        Figure::new(
            "sealed or visibly pending (goal 100)",
            100.0 * (seconds.len() + pending) as f64 / count as f64,
            "%",
        ),
        Figure::new("cost of a seal", cpu / count as f64, "CPU s"),
    ])
}
