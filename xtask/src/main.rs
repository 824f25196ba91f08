//! Development tasks. `cargo run -p xtask -- check` holds the workspace to its own rules:
//! which crate may depend on which, and that every invariant names a test that exists.
//! `cargo run -p xtask -- figures FILE "DATE, MACHINE, LOAD"` puts what `streife bench --json` wrote into docs/benchmarks.md.

mod dependencies;
mod figures;
mod invariants;

use std::path::Path;
use std::process::ExitCode;

fn main() -> anyhow::Result<ExitCode> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    match arguments.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        ["check"] => check(),
        ["figures", file, about] => {
            figures::write(Path::new("docs/benchmarks.md"), Path::new(file), about)?;
            Ok(ExitCode::SUCCESS)
        }
        _ => {
            eprintln!("usage: cargo run -p xtask -- check | figures FILE \"DATE, MACHINE, LOAD\"");
            Ok(ExitCode::from(2))
        }
    }
}

fn check() -> anyhow::Result<ExitCode> {
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
