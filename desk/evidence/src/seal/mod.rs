//! Sealing: hash every object, build the tree over the hashes, have its root time-stamped by several services.
//!
//! A seal is complete only when every configured service has stamped it. Until then it says `pending`, with the
//! reason, wherever it is shown; a package cannot be made from it.

mod demo;
mod token;
mod tsp;

use serde::{Deserialize, Serialize};
use streife_domain::{Clock, Timestamp};

use crate::merkle::{self, Hash, leaf_hash, sha256_hex};

pub use demo::{DemoTsa, DemoTsaError};
pub use tsp::{Anchor, Stamped, TspError, check, parse_anchors, request};

/// Longest error text kept with a pending stamp.
const MAX_ERROR_CHARS: usize = 300;
/// First wait after a failed try, doubled each time.
const FIRST_RETRY_SECS: i64 = 15;
/// Longest wait between tries.
const MAX_RETRY_SECS: i64 = 3_600;

/// A time-stamp service (RFC 3161).
pub trait TimeStampService: Send + Sync {
    /// Its name in the configuration.
    fn name(&self) -> &str;
    /// The root certificate its tokens must lead to, PEM.
    fn anchor_pem(&self) -> &str;
    /// Sends a `TimeStampReq` (DER) and returns the `TimeStampResp` (DER), both as bodies of the HTTP exchange.
    ///
    /// # Errors
    /// A text fit for the person who runs the service connection.
    fn exchange(&self, request: &[u8]) -> Result<Vec<u8>, String>;
}

/// A sealed object.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SealedObject {
    /// File name within the item's folder.
    pub name: String,
    /// sha256, lower-case hex.
    pub sha256: String,
    /// Size in bytes.
    pub bytes: u64,
}

/// Where a stamp stands.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "state", rename_all = "snake_case", deny_unknown_fields)]
pub enum StampState {
    /// Given: the whole response of the service, base64 of its DER, and its root certificate.
    Stamped {
        /// The time the service put in.
        at: Timestamp,
        /// `TimeStampResp`, DER, base64.
        response: String,
        /// The root certificate the token leads to, PEM.
        anchor_pem: String,
    },
    /// Not there yet.
    Pending {
        /// Tries so far.
        tries: u32,
        /// When to try again.
        next_try: Timestamp,
        /// What happened last; `None` before the first try.
        last_error: Option<String>,
    },
}

/// The stamp of one service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stamp {
    /// Name of the service.
    pub service: String,
    /// Where it stands.
    #[serde(rename = "status")]
    pub state: StampState,
}

/// Hashes of all objects of a capture, the root of the tree over them, the stamps on the root.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Seal {
    /// When the hashes were taken, by our clock.
    pub sealed_at: Timestamp,
    /// The objects, sorted by name.
    pub objects: Vec<SealedObject>,
    /// Root (RFC 6962) over the leaves `name NUL sha256-hex`, hex.
    pub root: String,
    /// One per service.
    pub stamps: Vec<Stamp>,
}

impl Seal {
    /// Takes the hashes of `objects` (name and content) and waits for stamps of `services`.
    pub fn over<'a>(
        objects: impl IntoIterator<Item = (&'a str, &'a [u8])>,
        services: &[&dyn TimeStampService],
        now: Timestamp,
    ) -> Self {
        let mut objects: Vec<SealedObject> = objects
            .into_iter()
            .map(|(name, content)| SealedObject {
                name: name.to_owned(),
                sha256: sha256_hex(content),
                bytes: content.len() as u64,
            })
            .collect();
        objects.sort_by(|a, b| a.name.cmp(&b.name));
        let root = hex::encode(root_of(&objects));
        let stamps = services
            .iter()
            .map(|service| Stamp {
                service: service.name().to_owned(),
                state: StampState::Pending { tries: 0, next_try: now, last_error: None },
            })
            .collect();
        Self { sealed_at: now, objects, root, stamps }
    }

    /// Waits for exactly these services from now on: new ones are asked, pending ones that are no longer configured
    /// are given up. Stamps that were given stay.
    pub fn match_services(&mut self, services: &[&dyn TimeStampService], now: Timestamp) {
        self.stamps.retain(|stamp| {
            matches!(stamp.state, StampState::Stamped { .. })
                || services.iter().any(|service| service.name() == stamp.service)
        });
        for service in services {
            if !self.stamps.iter().any(|stamp| stamp.service == service.name()) {
                let state = StampState::Pending { tries: 0, next_try: now, last_error: None };
                self.stamps.push(Stamp { service: service.name().to_owned(), state });
            }
        }
    }

    /// Tries every pending stamp whose time has come. Returns how many are still pending.
    pub fn stamp(&mut self, services: &[&dyn TimeStampService], clock: &dyn Clock) -> usize {
        let root = root_of(&self.objects);
        for stamp in &mut self.stamps {
            let StampState::Pending { tries, next_try, .. } = &stamp.state else { continue };
            let now = clock.now();
            if *next_try > now {
                continue;
            }
            let tries = tries.saturating_add(1);
            let outcome = services
                .iter()
                .find(|service| service.name() == stamp.service)
                .ok_or_else(|| format!("no service named {} is configured", stamp.service))
                .and_then(|service| obtain(*service, &root, now));
            stamp.state = outcome.unwrap_or_else(|error| {
                let wait = FIRST_RETRY_SECS.saturating_mul(1 << tries.min(10)).min(MAX_RETRY_SECS);
                let last_error = Some(error.chars().take(MAX_ERROR_CHARS).collect());
                StampState::Pending { tries, next_try: now.plus_secs(wait), last_error }
            });
        }
        self.pending().count()
    }

    /// Every stamp, checked again; `None` when one is pending or no longer checks.
    fn checked(&self) -> Option<Vec<Stamped>> {
        use base64::Engine as _;
        let root = root_of(&self.objects);
        let one = |stamp: &Stamp| {
            let StampState::Stamped { response, anchor_pem, .. } = &stamp.state else { return None };
            let token = base64::engine::general_purpose::STANDARD.decode(response).ok()?;
            check(&token, &root, None, &parse_anchors(anchor_pem).ok()?).ok()
        };
        self.stamps.iter().map(one).collect()
    }

    /// Until when the stamps can be relied on: the earliest end of their signers' certificates. `None` when one is
    /// pending or no longer checks.
    pub fn reliable_until(&self) -> Option<Timestamp> {
        self.checked()?.iter().map(|stamped| stamped.valid_until).min()
    }

    /// How many different services signed: two names for one service are one.
    pub fn signers(&self) -> usize {
        let mut signers: Vec<String> = self
            .checked()
            .unwrap_or_default()
            .into_iter()
            .map(|stamped| stamped.signer_fingerprint)
            .collect();
        signers.sort_unstable();
        signers.dedup();
        signers.len()
    }

    /// The stamps that are not there yet.
    pub fn pending(&self) -> impl Iterator<Item = &Stamp> {
        self.stamps.iter().filter(|stamp| matches!(stamp.state, StampState::Pending { .. }))
    }

    /// Is there a stamp, and none missing?
    pub fn is_complete(&self) -> bool {
        !self.stamps.is_empty() && self.pending().next().is_none()
    }
}

/// Root of the tree over `objects`.
pub fn root_of(objects: &[SealedObject]) -> Hash {
    let leaves: Vec<Hash> = objects
        .iter()
        .map(|object| leaf_hash(format!("{}\0{}", object.name, object.sha256).as_bytes()))
        .collect();
    merkle::root(&leaves)
}

/// Asks `service` for a stamp on `hash` and checks the answer before it is believed.
///
/// # Errors
/// What the service or the check said.
pub fn obtain(service: &dyn TimeStampService, hash: &Hash, now: Timestamp) -> Result<StampState, String> {
    use base64::Engine as _;
    let nonce = nonce(hash, now);
    let response = service.exchange(&request(hash, Some(nonce)).map_err(|e| e.to_string())?)?;
    let anchors = parse_anchors(service.anchor_pem()).map_err(|e| e.to_string())?;
    let stamped = check(&response, hash, Some(nonce), &anchors).map_err(|e| e.to_string())?;
    if stamped.at.micros_since(now).abs() > MAX_CLOCK_DISTANCE_MICROS {
        return Err(format!(
            "the service says {}, our clock says {now}: one of them is off by more than {} minutes",
            stamped.at,
            MAX_CLOCK_DISTANCE_MICROS / 60_000_000
        ));
    }
    Ok(StampState::Stamped {
        at: stamped.at,
        response: base64::engine::general_purpose::STANDARD.encode(response),
        anchor_pem: service.anchor_pem().to_owned(),
    })
}

/// How far our clock and a service's may lie apart.
pub const MAX_CLOCK_DISTANCE_MICROS: i64 = 10 * 60 * 1_000_000;

/// A nonce only has to differ between requests of ours: it ties an answer to its question.
fn nonce(hash: &Hash, now: Timestamp) -> u64 {
    let seed = merkle::sha256(&[&hash[..], &now.as_micros().to_be_bytes()].concat());
    let mut first = [0; 8];
    first.copy_from_slice(&seed[..8]);
    // Positive in DER's signed integers.
    u64::from_be_bytes(first) >> 1
}
