//! `streife referral` and `streife verify`: packages for prosecution.

use std::path::Path;

use serde_json::json;
use streife_evidence::{Step, VerifyOptions, verify as verify_package};

use crate::cli::ReferralCommand;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::open;
use crate::say::{self, tr};

pub(crate) fn run(command: ReferralCommand, json: bool) -> CommandResult {
    match command {
        ReferralCommand::Verify { package } => verify(&package, json),
        ReferralCommand::Create { demo: true, out } => super::referral_demo::run(&out, json),
        ReferralCommand::Create { demo: false, .. } => Err(Failure::usage(
            "referrals of real cases are made at the desk by two people; for a demonstration add --demo"
                .to_owned(),
        )),
    }
}

/// Checks a package offline, step by step.
pub(crate) fn verify(package: &Path, json: bool) -> CommandResult {
    if !package.exists() {
        return Err(Failure::usage(format!("{}: no such file", package.display())));
    }
    let options = VerifyOptions { now: Some(open::clock().now()), ..VerifyOptions::default() };
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
