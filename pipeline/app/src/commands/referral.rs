//! `streife referral` and `streife verify`: packages for prosecution.

use std::fs;
use std::path::Path;

use serde_json::json;
use streife_evidence::seal::{Anchor, parse_anchors};
use streife_evidence::verify::read_signer_key;
use streife_evidence::{Step, VerifyOptions, verify as verify_package};

use crate::cli::{ReferralCommand, VerifyArgs};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::open;
use crate::say::{self, tr};

pub(crate) fn run(command: ReferralCommand, json: bool) -> CommandResult {
    match command {
        ReferralCommand::Verify(args) => verify(&args, json),
        ReferralCommand::Create { demo: true, out } => super::referral_demo::run(&out, json),
        ReferralCommand::Create { demo: false, .. } => Err(Failure::usage(
            "referrals of real cases are made at the desk by two people; for a demonstration add --demo"
                .to_owned(),
        )),
    }
}

/// What the recipient trusts, from files.
fn options(args: &VerifyArgs) -> Result<VerifyOptions, Failure> {
    let read = |path: &Path| {
        fs::read_to_string(path).map_err(|e| Failure::usage(format!("{}: {e}", path.display())))
    };
    let mut anchors: Vec<Anchor> = Vec::new();
    for path in &args.trust {
        let found = parse_anchors(&read(path)?);
        anchors.extend(found.map_err(|e| Failure::usage(format!("--trust {}: {e}", path.display())))?);
    }
    let mut keys = Vec::new();
    for path in &args.signer {
        let key = read_signer_key(&read(path)?).ok_or_else(|| {
            Failure::usage(format!("--signer {}: neither a PEM key nor 64 hex digits", path.display()))
        })?;
        keys.push(key);
    }
    Ok(VerifyOptions {
        anchors,
        ledger_keys: keys.clone(),
        signer_keys: keys,
        now: Some(open::clock().now()),
        services: args.services,
    })
}

/// Checks a package offline, step by step.
pub(crate) fn verify(args: &VerifyArgs, json: bool) -> CommandResult {
    let package = &args.package;
    if !package.exists() {
        return Err(Failure::usage(format!("{}: no such file", package.display())));
    }
    let options = options(args)?;
    let mut printed = Ok(());
    let ok = verify_package(package, &options, &mut |step: Step| {
        if json {
            printed = say::json(&json!({"step": step.step, "ok": step.ok, "detail": step.detail}));
        } else {
            say::line(&format!(
                "{} {}: {}",
                if step.ok { "ok  " } else { tr("FALSCH", "WRONG") },
                step.step,
                step.detail
            ));
        }
    });
    printed?;
    if json {
        say::json(&json!({"package": package.display().to_string(), "ok": ok}))?;
    } else {
        say::line(if ok {
            tr("Paket ist in Ordnung", "package is fine")
        } else {
            tr("Paket ist NICHT in Ordnung", "package is NOT fine")
        });
    }
    Ok(Outcome::fine_if(ok))
}
