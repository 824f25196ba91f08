//! What the pages work with: the case database, readers, clock, secrets. Handed in by the composition root.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use rand::RngCore;
use streife_assist::Assistants;
use streife_cases::password;
use streife_cases::role::Role;
use streife_cases::store::{CaseStore, NewUser, StoreError};
use streife_cases::workflow::{Case, Seal};
use streife_domain::{Clock, Identity, Timestamp};
use tokio::sync::{Semaphore, broadcast};

use crate::audited::ContentReader;
use crate::door::Door;
use crate::jobs::Jobs;
use crate::lab::{History, RuleCheck};
use crate::oidc::Oidc;
use crate::reader::{Figures, FlaggedItem, FlaggedReader};
use crate::throttle::Throttle;
use crate::trouble::EvidenceFault;

/// Live messages kept for a slow browser before it misses some; it then simply reloads.
const LIVE_BUFFER: usize = 64;
/// Passwords hashed at the same time; each takes about 20 MiB.
const CONCURRENT_HASHES: usize = 2;

/// A line on the evidence of a case: what is there, or what is pending and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct EvidenceLine {
    /// Message key below `evidence.`: `capture`, `missing`, `stamp`, `package`, `waiting`.
    pub key: &'static str,
    /// What it says; never post text.
    pub value: String,
    /// Done, or still to come.
    pub done: bool,
}

/// A package that was handed over.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Sent {
    /// How, in words for the record.
    pub channel: String,
    /// The recipient's file number, when it gave one at once.
    pub file_number: Option<String>,
}

/// Captures and seals the evidence of a case.
#[async_trait]
pub trait EvidenceSealer: Send + Sync {
    /// Secures and seals what is known of the item; `None` while time stamps are pending, which it goes on asking
    /// for by itself. The details of a failure go into the case.
    async fn seal(
        &self,
        case: &Case,
        item: &FlaggedItem,
        identity: &Identity,
        by: &str,
        at: Timestamp,
    ) -> Result<Option<Seal>, EvidenceFault>;

    /// What is there and what is pending.
    async fn status(&self, _case: &Case) -> Vec<EvidenceLine> {
        Vec::new()
    }

    /// The case was approved by a second person: its package can be made. What fails is tried again.
    async fn approved(&self, _case: &Case) {}

    /// The ways that are configured to hand a package over.
    fn channels(&self) -> Vec<String> {
        Vec::new()
    }

    /// Hands the package over. A channel that is configured is used; any other text names what a person did.
    async fn send(&self, _case: &Case, channel: &str, _by: &str) -> Result<Sent, EvidenceFault> {
        Ok(Sent { channel: channel.to_owned(), file_number: None })
    }

    /// The case was called back: the recipient is told.
    async fn recalled(&self, _case: &Case, _by: &str) -> Result<(), EvidenceFault> {
        Ok(())
    }

    /// Destroys the evidence for good; SHA-256 of the certificate, or `None` when there was none to destroy.
    async fn erase(&self, _case: &Case, _by: &str) -> Result<Option<String>, EvidenceFault> {
        Ok(None)
    }
}

/// A demo account with its random password; shown only in demo mode.
#[derive(Debug, Clone)]
pub struct DemoAccount {
    /// Log-in name.
    pub user: String,
    /// Role.
    pub role: Role,
    /// Password, in the clear: it guards invented posts on one machine.
    pub password: String,
}

/// What the composition root hands in.
pub struct DeskParts {
    /// The case database.
    pub cases: CaseStore,
    /// Flagged posts.
    pub reader: Arc<dyn FlaggedReader>,
    /// Figures without content.
    pub figures: Arc<dyn Figures>,
    /// Rule checks.
    pub rules: Arc<dyn RuleCheck>,
    /// Stored posts, for trying rules.
    pub history: Arc<dyn History>,
    /// Evidence; without it, cases cannot be sealed and the page says so.
    pub sealer: Option<Arc<dyn EvidenceSealer>>,
    /// Time.
    pub clock: Arc<dyn Clock>,
    /// The site signing key for checkpoints (Ed25519 seed).
    pub signing_key: [u8; 32],
    /// Cookies only over HTTPS; off for a desk on the loopback address.
    pub secure_cookies: bool,
    /// Demo accounts to show on the log-in page.
    pub demo: Vec<DemoAccount>,
}

/// Ways in and out beside the local accounts; nothing by default.
#[derive(Default)]
pub struct Access {
    /// Log-in at an identity provider.
    pub oidc: Option<Oidc>,
    /// Machines of the house that translate; asked only when a person asks.
    pub assistants: Assistants,
    /// Where Grafana is, without a slash at the end.
    pub grafana: Option<String>,
    /// The chart library.
    pub charts: Option<Charts>,
}

/// uPlot as its package brings it. Third-party code lies not in this repository; without it charts stay lines that the
/// server draws.
#[derive(Debug, Clone)]
pub struct Charts {
    /// The script.
    pub script: Arc<[u8]>,
    /// Its style sheet.
    pub style: Arc<[u8]>,
}

/// State of the desk; cheap to clone.
#[derive(Clone)]
pub struct DeskState(Arc<Inner>);

/// The parts, shared by all handlers; its fields stay inside the crate.
pub struct Inner {
    pub(crate) door: Door,
    pub(crate) content: ContentReader,
    pub(crate) figures: Arc<dyn Figures>,
    pub(crate) rules: Arc<dyn RuleCheck>,
    pub(crate) backtests: Jobs,
    pub(crate) sealer: Option<Arc<dyn EvidenceSealer>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) signing_key: [u8; 32],
    pub(crate) secure_cookies: bool,
    pub(crate) demo: Vec<DemoAccount>,
    pub(crate) live: broadcast::Sender<&'static str>,
    pub(crate) throttle: Throttle,
    pub(crate) hashing: Semaphore,
    pub(crate) counters: Counters,
    pub(crate) access: Access,
}

/// What the desk counts about itself.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) logins_failed: AtomicU64,
    pub(crate) logins_throttled: AtomicU64,
    pub(crate) decisions: AtomicU64,
    pub(crate) glass_opened: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl DeskState {
    /// What the desk counts about itself, in Prometheus' text format.
    pub fn metrics_text(&self) -> String {
        crate::pages::health::text(&self.counters, self.door.foreign_requests())
    }

    /// From its parts, with local accounts alone.
    pub fn new(parts: DeskParts) -> Self {
        Self::with_access(parts, Access::default())
    }

    /// From its parts.
    pub fn with_access(parts: DeskParts, access: Access) -> Self {
        Self(Arc::new(Inner {
            content: ContentReader::new(parts.reader, parts.history, access.assistants.translator.clone()),
            door: Door::new(parts.cases),
            figures: parts.figures,
            rules: parts.rules,
            backtests: Jobs::default(),
            sealer: parts.sealer,
            clock: parts.clock,
            signing_key: parts.signing_key,
            secure_cookies: parts.secure_cookies,
            demo: parts.demo,
            live: broadcast::channel(LIVE_BUFFER).0,
            throttle: Throttle::default(),
            hashing: Semaphore::new(CONCURRENT_HASHES),
            counters: Counters::default(),
            access,
        }))
    }

    /// Tells open pages that something changed: `queue`, `cases`, `rules` or `system`. Carries no content.
    pub fn announce(&self, what: &'static str) {
        // Nobody listening is fine.
        let _ = self.0.live.send(what);
    }

    pub(crate) fn now(&self) -> Timestamp {
        self.0.clock.now()
    }
}

impl std::ops::Deref for DeskState {
    type Target = Inner;
    fn deref(&self) -> &Inner {
        &self.0
    }
}

/// 32 random bytes in hexadecimal: session tokens, CSRF tokens, nonces.
pub(crate) fn random_token() -> String {
    let mut raw = [0u8; 32];
    rand::rng().fill_bytes(&mut raw);
    hex::encode(raw)
}

/// Creates one account per role with a random password, for the demo mode only.
///
/// # Errors
/// When the database fails.
pub async fn create_demo_accounts(cases: &CaseStore, at: Timestamp) -> Result<Vec<DemoAccount>, StoreError> {
    let mut accounts = Vec::new();
    for (user, name, role) in [
        ("streife", "Streife 1", Role::Reviewer),
        ("streife-2", "Streife 2", Role::Reviewer),
        ("analyse", "Analyse", Role::Analyst),
        ("regelfreigabe", "Regelfreigabe", Role::RuleApprover),
        ("sachbearbeitung", "Sachbearbeitung", Role::CaseOfficer),
        ("leitung", "Leitung", Role::Lead),
        ("dauerdienst", "Dauerdienst", Role::DutyDesk),
        ("asservate", "Asservate", Role::Custodian),
        ("datenschutz", "Datenschutz", Role::DataProtection),
        ("revision", "Revision", Role::Auditor),
        ("admin", "Administration", Role::Admin),
    ] {
        let password = password::random();
        let hash = password::hash(&password).map_err(|e| StoreError::Invalid(e.to_string()))?;
        cases.put_user(&NewUser { id: user, name, roles: &[role], password: &hash, at }).await?;
        accounts.push(DemoAccount { user: user.to_owned(), role, password });
    }
    Ok(accounts)
}
