//! A sealed demonstration package in memory.

use std::sync::Arc;

use ed25519_dalek::SigningKey;
use streife_domain::{ManualClock, Timestamp};
use streife_evidence::package::{Built, PackageKey, build};
use streife_evidence::seal::{DemoTsa, TimeStampService};
use streife_evidence::{ReferralInput, Step, VerifyOptions, capture, demo_referral, verify};

pub(crate) struct World {
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) services: Vec<DemoTsa>,
    pub(crate) key: PackageKey,
    pub(crate) input: ReferralInput,
}

impl World {
    /// A world at a fixed time, with two services and a sealed demonstration referral.
    pub(crate) fn new() -> Self {
        let now = Timestamp::parse("2026-07-04T12:00:00Z").unwrap();
        let clock = Arc::new(ManualClock::new(now));
        let services =
            ["eins", "zwei"].map(|name| DemoTsa::new(name, clock.clone()).unwrap()).into_iter().collect();
        let mut world = Self {
            input: demo_referral(now, &SigningKey::from_bytes(&[5; 32])),
            key: PackageKey::new(SigningKey::from_bytes(&[3; 32])),
            clock,
            services,
        };
        let services: Vec<&dyn TimeStampService> = world.services.iter().map(|s| s as _).collect();
        for item in &mut world.input.items {
            assert_eq!(capture::seal(item, &services, &*world.clock), 0);
        }
        world
    }

    pub(crate) fn services(&self) -> Vec<&dyn TimeStampService> {
        self.services.iter().map(|s| s as _).collect()
    }

    pub(crate) fn build(&self) -> Built {
        build(&self.input, &self.key, &self.services(), &*self.clock).unwrap()
    }
}

pub(crate) fn steps(container: &[u8], options: &VerifyOptions) -> (bool, Vec<Step>) {
    let mut steps = Vec::new();
    let ok = verify::verify_bytes(container, options, &mut |step| steps.push(step));
    (ok, steps)
}

/// Details of the steps that failed.
pub(crate) fn findings(container: &[u8]) -> String {
    let (ok, steps) = steps(container, &VerifyOptions::default());
    assert_eq!(ok, steps.iter().all(|s| s.ok));
    steps.iter().filter(|s| !s.ok).map(|s| format!("{}: {}\n", s.step, s.detail)).collect()
}
