//! `streife referral create --demo`: an invented case, sealed and packed, so that a recipient can try the format.

use std::path::Path;

use ed25519_dalek::SigningKey;
use serde_json::json;
use streife_evidence::package::{PackageKey, create};
use streife_evidence::seal::{DemoTsa, TimeStampService};
use streife_evidence::{capture, demo_referral};

use crate::failure::{CommandResult, Outcome};
use crate::open;
use crate::say::{self, tr};

pub(crate) fn run(out: &Path, json: bool) -> CommandResult {
    let clock = open::clock();
    let services = [DemoTsa::new("Dienst 1", clock.clone())?, DemoTsa::new("Dienst 2", clock.clone())?];
    let services: Vec<&dyn TimeStampService> = services.iter().map(|service| service as _).collect();
    // Keys of a demonstration live as long as the command.
    let mut input = demo_referral(clock.now(), &SigningKey::from_bytes(&rand::random()));
    for item in &mut input.items {
        capture::seal(item, &services, &*clock);
    }
    std::fs::create_dir_all(out)?;
    let created =
        create(&input, &PackageKey::new(SigningKey::from_bytes(&rand::random())), &services, &*clock, out)?;
    if json {
        say::json(
            &json!({"package": created.container, "sha256": created.container_sha256, "court_set": created.court_set}),
        )?;
    } else {
        say::line(&format!("{}: {}", tr("Behälter", "container"), created.container.display()));
        say::line(&format!("SHA-256: {}", created.container_sha256));
        say::line(&format!("{}: {}", tr("Satz für das Gericht", "court set"), created.court_set.display()));
    }
    Ok(Outcome::Fine)
}
