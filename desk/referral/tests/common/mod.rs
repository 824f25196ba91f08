//! A case database on disk, two time-stamp services of which one can be taken down, a post.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use ed25519_dalek::{SigningKey, VerifyingKey};
use streife_cases::ledger::custody_ledger;
use streife_cases::legal::{LegalForm, NormForm};
use streife_cases::offence::Catalogue;
use streife_cases::role::Role;
use streife_cases::store::{CaseStore, ClaimOutcome, NewItem};
use streife_cases::workflow::{Actor, Case, Move};
use streife_domain::{
    Author, CampaignKey, Clock, Heads, Hit, Identity, Language, ManualClock, ModelVersions, PostId, PostKind,
    Priority, PseudonymousPost, Script, Span, Timestamp, Verdict,
};
use streife_evidence::ItemRole;
use streife_evidence::merkle::sha256_hex;
use streife_evidence::seal::{DemoTsa, TimeStampService};
use streife_referral::found::Circumstances;
use streife_referral::{Collected, Collector, Evidence, EvidenceParts, Found, Site, Vault};

const KEY: [u8; 32] = [5; 32];
const TEXT: &str = "Alle Gartenzwerge umwerfen, Samstag am Vereinsheim!";

pub(crate) fn reviewer() -> Actor {
    Actor::new("streife", Role::Reviewer)
}
pub(crate) fn officer() -> Actor {
    Actor::new("sachbearbeitung", Role::CaseOfficer)
}
pub(crate) fn lead() -> Actor {
    Actor::new("leitung", Role::Lead)
}

/// A complete legal form.
pub(crate) fn form() -> LegalForm {
    let offence = Catalogue::built_in().get("StGB-111").unwrap();
    let norm = NormForm {
        elements: offence.elements.iter().map(|e| (e.id.clone(), true)).collect(),
        exceptions_excluded: offence.exceptions.iter().map(|e| (e.id.clone(), true)).collect(),
        other_readings: "Scherz unter Mitgliedern: im Verlauf kein Hinweis darauf.".into(),
    };
    LegalForm {
        considered: BTreeMap::from([("StGB-111".to_owned(), norm)]),
        germany_link: "deutscher Text, deutscher Ort".into(),
        time_of_act: "4. Juli 2026".into(),
        place_of_act: "Internet".into(),
        accusation: "Aufforderung zu Sachbeschädigungen.".into(),
        accused: "Unbekannt".into(),
        injured: "Verein Nordwiese (erfunden)".into(),
        legal_basis: "Anordnung 12/2026".into(),
        ..LegalForm::default()
    }
}

pub(crate) fn found() -> Found {
    let seen = Timestamp::parse("2026-07-04T11:30:00Z").unwrap();
    let raw = br#"{"id":"4711"}"#.to_vec();
    Found {
        post: PseudonymousPost {
            post_id: PostId::of("beispielnetz", "4711"),
            source: "demo-strom".into(),
            platform: "beispielnetz".into(),
            author: None,
            kind: PostKind::Post,
            text: TEXT.into(),
            tags: Vec::new(),
            links: Vec::new(),
            posted_at: Some(seen.plus_secs(-60)),
            edited_at: None,
            observed_at: seen,
            campaign: CampaignKey(1),
        },
        identity: Identity {
            native_id: "4711".into(),
            url: Some("https://beispielnetz.example/4711".into()),
            author: Some(Author { id: "u1".into(), handle: Some("rasen".into()), name: None }),
        },
        verdict: Verdict {
            language: Language {
                code: "de".into(),
                confidence: 0.9,
                ..Language::undetermined(Script::COMMON)
            },
            gate: None,
            encoded: false,
            scores: Heads::default(),
            labels: Vec::new(),
            hits: vec![Hit { rule: "demo".into(), version: 1, spans: vec![Span(0, 4)], because: Vec::new() }],
            priority: Priority::High,
            models: ModelVersions {
                lid: "none".into(),
                gate: "none".into(),
                encoder: "none".into(),
                rules: "none".into(),
            },
        },
        media: Vec::new(),
        reach: None,
        legal: None,
        refers_to: Some("4700".into()),
        changes: Vec::new(),
        copies: 1,
        platforms: vec!["beispielnetz".into()],
        rule_titles: BTreeMap::new(),
        thread: Vec::new(),
        raw_sha256: Some(sha256_hex(&raw)),
        raw,
    }
}

#[derive(Default)]
struct Fake {
    found: Mutex<Option<Found>>,
    failure: Mutex<Option<String>>,
    pages: Mutex<usize>,
    /// Collecting for this case waits until it is told to go on.
    slow: Mutex<Option<String>>,
    go_on: tokio::sync::Notify,
}

#[async_trait]
impl Collector for Fake {
    async fn collect(&self, case: &Case, by: &str) -> Result<Collected, String> {
        let slow = self.slow.lock().unwrap().as_ref() == Some(&case.id);
        if slow {
            self.go_on.notified().await;
        }
        if let Some(failure) = self.failure.lock().unwrap().clone() {
            return Err(failure);
        }
        let circumstances = Circumstances {
            by: by.to_owned(),
            zone: "Europe/Berlin".into(),
            clock_offset_ms: Some(3),
            time_source: "NTP".into(),
        };
        let found = self.found.lock().unwrap().clone().unwrap_or_else(found);
        let page = |number| {
            let mut page = found.capture(&circumstances).unwrap();
            page.role = ItemRole::Page;
            page.response.body = format!("<p>Seite {number}</p>").into_bytes();
            page
        };
        let captures = (0..*self.pages.lock().unwrap()).map(page).collect();
        Ok(Collected { found, circumstances, captures })
    }
}

struct Switched {
    inner: DemoTsa,
    down: AtomicBool,
}

impl TimeStampService for Switched {
    fn name(&self) -> &str {
        self.inner.name()
    }
    fn anchor_pem(&self) -> &str {
        self.inner.anchor_pem()
    }
    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, String> {
        if self.down.load(Ordering::SeqCst) {
            return Err("connection refused".into());
        }
        self.inner.exchange(request)
    }
}

pub(crate) struct World {
    pub(crate) cases: CaseStore,
    pub(crate) evidence: Evidence,
    clock: Arc<ManualClock>,
    fake: Arc<Fake>,
    first: Arc<Switched>,
    second: Arc<Switched>,
    folder: tempfile::TempDir,
}

impl World {
    pub(crate) async fn new() -> Self {
        let clock = Arc::new(ManualClock::new(Timestamp::parse("2026-07-04T12:00:00Z").unwrap()));
        let service = |name: &str| {
            let inner = DemoTsa::new(name, clock.clone()).unwrap();
            Arc::new(Switched { inner, down: AtomicBool::new(false) })
        };
        let (first, second) = (service("eins"), service("zwei"));
        let fake = Arc::<Fake>::default();
        Self::over(tempfile::tempdir().unwrap(), clock, fake, first, second).await
    }

    async fn over(
        folder: tempfile::TempDir,
        clock: Arc<ManualClock>,
        fake: Arc<Fake>,
        first: Arc<Switched>,
        second: Arc<Switched>,
    ) -> Self {
        let cases = CaseStore::sqlite(folder.path()).await.unwrap();
        cases.migrate().await.unwrap();
        let evidence = Evidence::new(EvidenceParts {
            cases: cases.clone(),
            vault: Vault::open(&folder.path().join("evidence"), &folder.path().join("keys")).unwrap(),
            services: vec![first.clone(), second.clone()],
            key: KEY,
            site: Site {
                authority: "Polizei Musterstadt".into(),
                unit: "Streife".into(),
                contact: vec!["streife@polizei.example".into()],
                demonstration: true,
            },
            clock: clock.clone(),
            collector: fake.clone(),
        });
        Self { cases, evidence, clock, fake, first, second, folder }
    }

    /// The case database as it is now.
    pub(crate) fn database(&self) -> tempfile::TempDir {
        let copy = tempfile::tempdir().unwrap();
        copy_files(self.folder.path(), copy.path());
        copy
    }

    /// The same vault with the database of `before`.
    pub(crate) async fn with_database(self, before: tempfile::TempDir) -> Self {
        for folder in ["evidence", "keys"] {
            copy_tree(&self.folder.path().join(folder), &before.path().join(folder));
        }
        Self::over(before, self.clock, self.fake, self.first, self.second).await
    }

    /// Nothing can be written under `name` in the case's folder, as on a full disk.
    pub(crate) fn block(&self, name: &str) {
        std::fs::create_dir_all(self.blocked(name)).unwrap();
    }
    pub(crate) fn unblock(&self, name: &str) {
        std::fs::remove_dir(self.blocked(name)).unwrap();
    }
    fn blocked(&self, name: &str) -> std::path::PathBuf {
        let case = found().post.post_id.to_string();
        self.folder.path().join("evidence").join(case).join(format!("{name}.part"))
    }
    pub(crate) fn set_pages(&self, count: usize) {
        *self.fake.pages.lock().unwrap() = count;
    }

    /// The same site years later, with services whose certificates are fresh.
    pub(crate) fn with_new_services(&self) -> Evidence {
        let folder = self.folder.path();
        let service = |name: &str| -> Arc<dyn TimeStampService> {
            Arc::new(DemoTsa::new(name, self.clock.clone()).unwrap())
        };
        Evidence::new(EvidenceParts {
            cases: self.cases.clone(),
            vault: Vault::open(&folder.join("evidence"), &folder.join("keys")).unwrap(),
            services: vec![service("drei"), service("vier")],
            key: KEY,
            site: Site { authority: "a".into(), unit: "b".into(), contact: Vec::new(), demonstration: true },
            clock: self.clock.clone(),
            collector: self.fake.clone(),
        })
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.clock.now()
    }
    pub(crate) fn wait(&self, secs: i64) {
        self.clock.advance_micros(secs * 1_000_000);
    }
    pub(crate) fn service_down(&self, down: bool) {
        self.second.down.store(down, Ordering::SeqCst);
    }
    pub(crate) fn fail_collecting(&self, why: Option<&str>) {
        *self.fake.failure.lock().unwrap() = why.map(str::to_owned);
    }
    pub(crate) fn set_found(&self, found: Found) {
        *self.fake.found.lock().unwrap() = Some(found);
    }
    pub(crate) fn verifying_key(&self) -> VerifyingKey {
        SigningKey::from_bytes(&KEY).verifying_key()
    }
    pub(crate) async fn case(&self, id: &str) -> Case {
        self.cases.case(id).await.unwrap().unwrap()
    }
    pub(crate) async fn custody(&self, id: &str) -> Vec<String> {
        self.cases.ledger(&custody_ledger(id)).await.unwrap().into_iter().map(|e| e.action).collect()
    }
    pub(crate) async fn step(&self, id: &str, actor: Actor, what: Move) {
        self.cases.apply(id, actor, what, self.now()).await.unwrap();
    }

    pub(crate) fn set_slow(&self, case: &str) {
        *self.fake.slow.lock().unwrap() = Some(case.to_owned());
    }
    pub(crate) fn go_on(&self) {
        self.fake.go_on.notify_one();
    }

    pub(crate) async fn claimed(&self) -> String {
        self.claimed_as(&found().post.post_id.to_string()).await
    }

    async fn claimed_as(&self, post_id: &str) -> String {
        let post_id = post_id.to_owned();
        let item = NewItem { post_id, campaign: "1".into(), queue: "threats".into(), ..NewItem::default() };
        match self.cases.claim(&item, &reviewer(), self.now()).await.unwrap() {
            ClaimOutcome::Yours(case) => case.id,
            other => unreachable!("nobody else is here: {other:?}"),
        }
    }

    pub(crate) async fn suspected(&self) -> String {
        let case = self.claimed().await;
        self.step(&case, reviewer(), Move::Suspect { norms: vec!["StGB-111".into()] }).await;
        case
    }

    /// Another post, suspected too.
    pub(crate) async fn another_suspected(&self, number: u32) -> String {
        let case = self.claimed_as(&PostId::of("beispielnetz", &number.to_string()).to_string()).await;
        self.step(&case, reviewer(), Move::Suspect { norms: vec!["StGB-111".into()] }).await;
        case
    }

    pub(crate) async fn approved(&self) -> String {
        let case = self.suspected().await;
        self.evidence.advance(&case, &reviewer()).await.unwrap();
        self.decide(&case).await;
        case
    }

    /// From the seal to the approval.
    pub(crate) async fn decide(&self, case: &str) {
        self.step(case, officer(), Move::OpenForm).await;
        self.step(case, officer(), Move::FillForm { form: Box::new(form()) }).await;
        self.step(case, officer(), Move::Draft { addressee: "Staatsanwaltschaft Musterstadt".into() }).await;
        self.step(case, lead(), Move::Approve).await;
    }
}

fn copy_files(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_file() {
            std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
        }
    }
}

fn copy_tree(from: &Path, to: &Path) {
    copy_files(from, to);
    for entry in std::fs::read_dir(from).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            copy_tree(&entry.path(), &to.join(entry.file_name()));
        }
    }
}
