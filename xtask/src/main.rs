//! Development tasks. `cargo run -p xtask -- check` holds the workspace to its own rules:
//! which crate may depend on which, and that every invariant names a test that exists.

mod dependencies;
mod invariants;

use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let task = std::env::args().nth(1).unwrap_or_default();
    if task != "check" {
        eprintln!("usage: cargo run -p xtask -- check");
        return Ok(ExitCode::from(2));
    }
    let mut problems = dependencies::check()?;
    problems.extend(invariants::check()?);
    for problem in &problems {
        eprintln!("xtask: {problem}");
    }
    if problems.is_empty() {
        eprintln!("xtask: dependencies and invariants are in order");
    }
    Ok(if problems.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
