//! Makes and verifies packages without the rest of Streife; for a look at a package while working on its parts.
//!
//! `demo_package create DIR` writes both outputs of the demonstration referral and its exchange files,
//! `demo_package verify PACKAGE`
//! prints each step as JSON and exits with 1 when one fails.

use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use ed25519_dalek::SigningKey;
use streife_domain::{Clock, SystemClock};
use streife_evidence::exchange::{self, Tlp};
use streife_evidence::package::{PackageKey, create};
use streife_evidence::seal::{DemoTsa, TimeStampService};
use streife_evidence::{VerifyOptions, capture, demo_referral, verify};

type Failure = Box<dyn std::error::Error>;

fn make(out: &Path) -> Result<String, Failure> {
    let clock = Arc::new(SystemClock);
    let services = [DemoTsa::new("Dienst 1", clock.clone())?, DemoTsa::new("Dienst 2", clock.clone())?];
    let services: Vec<&dyn TimeStampService> = services.iter().map(|s| s as _).collect();
    // Keys for demonstration, known to everybody.
    let mut input = demo_referral(clock.now(), &SigningKey::from_bytes(&[5; 32]));
    for item in &mut input.items {
        capture::seal(item, &services, &*clock);
    }
    std::fs::create_dir_all(out)?;
    let key = PackageKey::new(SigningKey::from_bytes(&[3; 32]));
    let created = create(&input, &key, &services, &*clock, out)?;
    for (name, content) in exchange::files(&input, clock.now(), Tlp::Amber)? {
        std::fs::write(out.join(name), content)?;
    }
    Ok(created.container.display().to_string())
}

#[expect(clippy::print_stdout, reason = "printing is what this program is for")]
fn main() -> Result<ExitCode, Failure> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["create", out] => {
            println!("{}", make(Path::new(out))?);
            Ok(ExitCode::SUCCESS)
        }
        ["verify", package] => {
            let options = VerifyOptions { now: Some(SystemClock.now()), ..VerifyOptions::default() };
            let ok = verify(Path::new(package), &options, &mut |step| {
                println!("{}", serde_json::to_string(&step).unwrap_or_default());
            });
            println!("{}", serde_json::json!({"package": package, "ok": ok}));
            Ok(if ok { ExitCode::SUCCESS } else { ExitCode::from(1) })
        }
        _ => Err("usage: demo_package create DIR | verify PACKAGE".into()),
    }
}
