//! From a reviewer's suspicion to the sealed case, as on a site with [`PER_HOUR`] captures an hour: each post with the page
//! that shows it and the profile's, by headless Chromium and over HTTP, two time-stamp services by `openssl ts` over HTTP,
//! the case database and the vault on disk. Posts, pages and services are made up and lie on loopback.

pub(crate) mod peers;

use std::collections::BTreeMap;
use std::path::Path;
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
use streife_evidence::ItemRole;
use streife_evidence::merkle::sha256_hex;
use streife_referral::found::Circumstances;
use streife_referral::{Collected, Collector, Evidence, EvidenceParts, Found, Site, Vault};

use super::Figure;
use crate::cli::BenchArgs;
use crate::desk::evidence::{Keep, Pages, Wanted, services};
use crate::failure::Failure;
use crate::paths::Paths;
use crate::{cost, open, roles};

/// Suspicions an hour.
const PER_HOUR: u32 = 500;
/// Cases of a run, at that pace: three minutes.
const CASES: usize = 25;
/// What the desk's configuration has.
const BROWSER: &str = "chromium";
/// As the desk does.
const TICK: Duration = Duration::from_secs(2);
/// Longer than this counts as not sealed.
const GIVE_UP: Duration = Duration::from_secs(300);
/// Size of the observed bytes.
const RAW_BYTES: usize = 4_096;

/// Makes a post up for any case; with `pages`, two pages of the site named there are captured along with it.
#[derive(Default)]
pub(crate) struct Made {
    pages: Option<(Pages, String)>,
}

#[async_trait]
impl Collector for Made {
    async fn collect(&self, case: &Case, by: &str) -> Result<Collected, String> {
        let (found, circumstances) = (found(&case.post_id)?, circumstances(by));
        let mut captures = Vec::new();
        if let Some((pages, site)) = &self.pages {
            let post = found.capture(&circumstances).map_err(|error| error.to_string())?;
            let wanted =
                [(ItemRole::Page, "post"), (ItemRole::Profile, "profile")].map(|(role, name)| Wanted {
                    role,
                    url: format!("{site}/{name}/{}", case.id),
                    post: post.post.clone(),
                    account: post.account.clone(),
                    keep: Keep::Page,
                });
            captures = pages.capture_all(&wanted, &circumstances).await;
        }
        Ok(Collected { found, circumstances, captures })
    }
}

fn circumstances(by: &str) -> Circumstances {
    Circumstances {
        by: by.to_owned(),
        zone: "UTC".to_owned(),
        clock_offset_ms: None,
        time_source: "bench".to_owned(),
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
    let folder = tempfile::tempdir()?;
    roles::block_on(measure(folder.path(), cases))
}

/// A site on loopback: configuration of pages and services, and its evidence.
async fn site(folder: &Path, cases: CaseStore) -> Result<Evidence, Failure> {
    let mut text = format!(
        "[collect]\nallow_private = true\n[evidence]\nbrowser = \"{BROWSER}\"\nbrowser_arguments = [\"--no-sandbox\"]\n"
    );
    for name in ["one", "two"] {
        let (root, url) = peers::time_stamp_service(folder, name).await?;
        text.push_str(&format!(
            "[[evidence.time_stamp]]\nname = '{name}'\nurl = '{url}'\nroot = '{}'\n",
            root.display()
        ));
    }
    let config = crate::config::read(&text, &[])
        .map_err(|problems| Failure::configuration(format!("{problems:?}")))?;
    let pages = Pages::new(&config, &Paths::new(&config, Some(folder)))?;
    Ok(Evidence::new(EvidenceParts {
        cases,
        vault: Vault::open(&folder.join("evidence"), &folder.join("keys"))?,
        services: services(&config, false)?,
        key: [1; 32],
        site: Site {
            authority: "bench".to_owned(),
            unit: String::new(),
            contact: Vec::new(),
            demonstration: true,
        },
        clock: open::clock(),
        collector: Arc::new(Made { pages: Some((pages, peers::web_site().await?)) }),
    }))
}

async fn suspect(cases: &CaseStore, number: usize) -> Result<String, Failure> {
    let (reviewer, clock) = (Actor::new("bench", Role::Reviewer), open::clock());
    let post_id = PostId::of("bench", &number.to_string()).to_string();
    let item = NewItem {
        post_id: post_id.clone(),
        campaign: "0".to_owned(),
        queue: "bench".to_owned(),
        ..NewItem::default()
    };
    cases.claim(&item, &reviewer, clock.now()).await?;
    let suspect = Move::Suspect { norms: vec!["StGB-111".to_owned()] };
    cases.apply(&post_id, reviewer, suspect, clock.now()).await?;
    Ok(post_id)
}

async fn measure(folder: &Path, count: usize) -> Result<Vec<Figure>, Failure> {
    let cases = CaseStore::sqlite(folder).await?;
    cases.migrate().await?;
    let evidence = site(folder, cases.clone()).await?;
    let pace = Duration::from_secs(3_600) / PER_HOUR;
    let (started, cpu) = (std::time::Instant::now(), cost::cpu_seconds());
    let suspecting = tokio::spawn({
        let cases = cases.clone();
        async move {
            let (mut ids, mut tick) = (Vec::with_capacity(count), tokio::time::interval(pace));
            for number in 0..count {
                tick.tick().await;
                ids.push(suspect(&cases, number).await?);
            }
            Ok::<_, Failure>(ids)
        }
    });
    let (mut sealed, give_up) = (0, pace * u32::try_from(count).unwrap_or(u32::MAX) + GIVE_UP);
    while sealed < count && started.elapsed() < give_up {
        tokio::time::sleep(TICK).await;
        sealed += evidence.work().await?;
    }
    let ids = suspecting.await.map_err(|e| Failure::upstream(e.to_string()))??;
    let cpu = cost::cpu_seconds() - cpu;
    let (mut seconds, mut pending, mut whole) = (Vec::with_capacity(count), 0, 0);
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
        let status = evidence.status(id).await.map_err(|e| Failure::upstream(e.to_string()))?;
        whole +=
            usize::from(status.items.len() == 3 && status.items.iter().all(|item| item.missing.is_empty()));
    }
    seconds.sort_by(f64::total_cmp);
    let quantile = |part: f64| {
        let place = (seconds.len() as f64 * part).ceil() as usize;
        seconds.get(place.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    };
    let share = |part: usize| 100.0 * part as f64 / count as f64;
    Ok(vec![
        Figure::new("cases, at 500 an hour, each a post and two pages", count as f64, "cases"),
        Figure::new(
            "suspicion to seal, half of them within (10 s of it to take it back)",
            quantile(0.5),
            "s",
        ),
        Figure::new("suspicion to seal, 95 of 100 within (goal 60)", quantile(0.95), "s"),
        Figure::new("suspicion to seal, the longest", quantile(1.0), "s"),
        Figure::new("sealed or visibly pending (goal 100)", share(seconds.len() + pending), "%"),
        Figure::new("sealed", share(seconds.len()), "%"),
        Figure::new("with every view of both pages", share(whole), "%"),
        Figure::new("cost of a seal without the browser's", cpu / count as f64, "CPU s"),
    ])
}
