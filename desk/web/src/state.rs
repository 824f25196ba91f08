//! What the pages work with: the case database, readers, clock, secrets. Handed in by the composition root.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use rand::RngCore;
use streife_cases::password;
use streife_cases::role::Role;
use streife_cases::store::{CaseStore, NewUser, StoreError};
use streife_cases::workflow::{Case, Seal};
use streife_domain::{Clock, Identity, Timestamp};
use tokio::sync::{Semaphore, broadcast};

use crate::audited::ContentReader;
use crate::reader::{Figures, FlaggedItem, FlaggedReader};
use crate::throttle::Throttle;

/// Live messages kept for a slow browser before it misses some; it then simply reloads.
const LIVE_BUFFER: usize = 64;
/// Passwords hashed at the same time; each takes about 20 MiB.
const CONCURRENT_HASHES: usize = 2;

/// What is wrong with a rule text.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RuleProblem {
    /// Line, from 1.
    pub line: u32,
    /// Column, from 1.
    pub column: u32,
    /// What is wrong.
    pub message: String,
    /// What to write instead; may be empty.
    pub hint: String,
    /// Keeps the rule from working.
    pub error: bool,
}

/// Checks a rule text and runs its tests.
pub trait RuleCheck: Send + Sync {
    /// Problems found; empty when the rule compiles and its tests pass. `today` is `YYYY-MM-DD`.
    fn check(&self, source: &str, today: &str, german: bool) -> Vec<RuleProblem>;
}

/// Captures and seals the evidence of a case.
#[async_trait]
pub trait EvidenceSealer: Send + Sync {
    /// Seals what is known of the item. The message of an error is shown to the person.
    async fn seal(
        &self,
        case: &Case,
        item: &FlaggedItem,
        identity: &Identity,
        by: &str,
        at: Timestamp,
    ) -> Result<Seal, String>;
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

/// State of the desk; cheap to clone.
#[derive(Clone)]
pub struct DeskState(Arc<Inner>);

/// The parts, shared by all handlers; its fields stay inside the crate.
pub struct Inner {
    pub(crate) cases: CaseStore,
    pub(crate) content: ContentReader,
    pub(crate) figures: Arc<dyn Figures>,
    pub(crate) rules: Arc<dyn RuleCheck>,
    pub(crate) sealer: Option<Arc<dyn EvidenceSealer>>,
    pub(crate) clock: Arc<dyn Clock>,
    pub(crate) signing_key: [u8; 32],
    pub(crate) secure_cookies: bool,
    pub(crate) demo: Vec<DemoAccount>,
    pub(crate) live: broadcast::Sender<&'static str>,
    pub(crate) throttle: Throttle,
    pub(crate) hashing: Semaphore,
    pub(crate) counters: Counters,
}

/// What the desk counts about itself.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: AtomicU64,
    pub(crate) refused: AtomicU64,
    pub(crate) logins_failed: AtomicU64,
    pub(crate) decisions: AtomicU64,
}

impl Counters {
    pub(crate) fn add(counter: &AtomicU64) {
        counter.fetch_add(1, Ordering::Relaxed);
    }
}

impl DeskState {
    /// From its parts.
    pub fn new(parts: DeskParts) -> Self {
        Self(Arc::new(Inner {
            content: ContentReader::new(parts.reader),
            cases: parts.cases,
            figures: parts.figures,
            rules: parts.rules,
            sealer: parts.sealer,
            clock: parts.clock,
            signing_key: parts.signing_key,
            secure_cookies: parts.secure_cookies,
            demo: parts.demo,
            live: broadcast::channel(LIVE_BUFFER).0,
            throttle: Throttle::default(),
            hashing: Semaphore::new(CONCURRENT_HASHES),
            counters: Counters::default(),
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
