//! The command line (`docs/cli.md` explains each command with examples).

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

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
    Collect(RoleArgs),
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
    /// Watch rules: check, test, explain, backtest, stats.
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
    Verify {
        /// The package (`.zip`).
        package: PathBuf,
    },
    /// The two ledgers: verify, export.
    #[command(subcommand)]
    Audit(AuditCommand),
    /// Erase what is due: run, report.
    #[command(subcommand)]
    Retention(RetentionCommand),
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

#[derive(Debug, Clone, Args)]
pub(crate) struct RulesDir {
    /// Folder of watch rules (default: the starter pack).
    #[arg(long)]
    pub(crate) rules: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RulesCommand {
    /// Compile and lint.
    Check(RulesDir),
    /// Run each rule's own tests.
    Test(RulesDir),
    /// Show why a post matches.
    Explain {
        #[command(flatten)]
        dir: RulesDir,
        /// Rule id.
        rule: String,
        /// The text (default: stdin).
        #[arg(long)]
        text: Option<String>,
    },
    /// Run a rule over stored history.
    Backtest {
        #[command(flatten)]
        dir: RulesDir,
        #[command(flatten)]
        role: RoleArgs,
        /// Rule id.
        rule: String,
        /// Days back.
        #[arg(long, default_value_t = 3)]
        days: u32,
    },
    /// Hits per rule and day.
    Stats(RoleArgs),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct ModelsDir {
    /// Folder of models.
    #[arg(long)]
    pub(crate) models: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum ModelsCommand {
    /// What is installed.
    List(ModelsDir),
    /// Hashes and golden scores.
    Verify(ModelsDir),
    /// Metrics on a labelled file (JSON lines: id, text, lang, labels).
    Eval {
        #[command(flatten)]
        dir: ModelsDir,
        /// The file.
        file: PathBuf,
        /// Which texts the encoder sees.
        #[arg(long, value_enum, default_value_t = EncodeArg::All)]
        encode: EncodeArg,
    },
    /// The model card.
    Card {
        #[command(flatten)]
        dir: ModelsDir,
        /// The model's name.
        name: String,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum SourcesCommand {
    /// Configured sources and their state.
    List(RoleArgs),
    /// One fetch of a source, with the parsed result; nothing is stored.
    Test {
        #[command(flatten)]
        role: RoleArgs,
        /// The source's name.
        name: String,
    },
    /// Check the configuration of all sources.
    Check(ConfigArg),
    /// Parse recorded pages, events or frames from files, offline.
    Parse {
        /// feed, page, jetstream, mastodon, telegram, jsonl, csv, warc ...
        kind: String,
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum DeadCommand {
    /// All dead letters.
    List(RoleArgs),
    /// One dead letter with its bytes.
    Show {
        #[command(flatten)]
        role: RoleArgs,
        /// As listed, `partition:offset`.
        id: String,
    },
    /// Judge dead letters anew.
    Replay {
        #[command(flatten)]
        role: RoleArgs,
        /// As listed; without ids, all that can be replayed.
        ids: Vec<String>,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum ReferralCommand {
    /// Build a referral package.
    Create {
        /// Take one flagged post of the demonstration data through the workflow.
        #[arg(long)]
        demo: bool,
        /// Where both outputs go.
        #[arg(long)]
        out: PathBuf,
    },
    /// Check a referral package offline.
    Verify {
        /// The package (`.zip`).
        package: PathBuf,
    },
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check hash chain and checkpoints.
    Verify(RoleArgs),
    /// Write the entries as JSON lines.
    Export(RoleArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum RetentionCommand {
    /// Erase what is due and print the certificate.
    Run(RoleArgs),
    /// What is kept, why, until when.
    Report(RoleArgs),
}
