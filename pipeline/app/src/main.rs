//! The `streife` binary: reads the command line, composes the crates, says what happened.

mod cli;
mod commands;
mod config;
mod cost;
#[cfg(test)]
mod deployment;
mod desk;
mod failure;
mod kinds;
mod open;
mod parts;
mod paths;
mod roles;
mod say;
mod telemetry;
mod trace_export;

use std::process::ExitCode;

use clap::Parser;
use clap::error::ErrorKind;

use cli::{Cli, Command};
use failure::{CommandResult, Exit, Outcome};

/// A post makes some hundred small buffers on one thread and drops them on another; the C library's allocator spends an eighth
/// of the whole path on that (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            let _ = error.print();
            let asked = matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion);
            return ExitCode::from(if asked { 0 } else { Exit::Usage as u8 });
        }
    };
    say::set_language(cli.lang);
    match run(cli) {
        Ok(Outcome::Fine) => ExitCode::SUCCESS,
        Ok(Outcome::Finding) => ExitCode::from(Exit::Finding as u8),
        Err(failure) => {
            eprintln!("streife: {:#}", failure.error);
            ExitCode::from(failure.exit as u8)
        }
    }
}

fn run(cli: Cli) -> CommandResult {
    let json = cli.json;
    match cli.command {
        Command::Up(args) => roles::up::run(&args, json),
        Command::Collect(args) => roles::collect::run(&args),
        Command::Score(args) => roles::score::run(&args),
        Command::Store(args) => roles::store::run(&args),
        Command::Desk(args) => roles::desk::run(&args),
        Command::Engine(args) => roles::engine::run(&args),
        Command::Scan(args) => commands::scan::run(&args),
        Command::Rules(command) => commands::rules::run(command, json),
        Command::Models(command) => commands::models::run(command, json),
        Command::Sources(command) => commands::sources::run(command, json),
        Command::Dead(command) => commands::dead::run(command, json),
        Command::Referral(command) => commands::referral::run(command, json),
        Command::Verify(args) => commands::referral::verify(&args, json),
        Command::Audit(command) => commands::audit::run(command, json),
        Command::Admin(args) => commands::admin::run(&args, json),
        Command::Retention(command) => commands::retention::run(command, json),
        Command::Bench(args) => commands::bench::run(&args, json),
        Command::Site(command) => commands::site::run(&command, json),
        Command::Setup { from } => commands::setup::run(from.as_deref(), json),
        Command::Doctor(args) => commands::doctor::run(&args, json),
        Command::Migrate(args) => commands::migrate::run(&args, json),
        Command::Backup(args) => commands::backup::backup(&args, json),
        Command::Restore(args) => commands::backup::restore(&args, json),
        Command::CheckConfig(args) => commands::check_config::run(&args, json),
        Command::Completions { shell } => {
            let mut command = <Cli as clap::CommandFactory>::command();
            clap_complete::generate(shell, &mut command, "streife", &mut std::io::stdout());
            Ok(Outcome::Fine)
        }
    }
}
