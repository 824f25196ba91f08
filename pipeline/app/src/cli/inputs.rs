//! Rules, models, sources and what could not be read: what the pipeline works with.

use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::{ConfigArg, EncodeArg, RoleArgs};

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
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
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
    /// A setting, as in the template of the kind: `--set urls=https://example.org/feed`; a secret by its place, `--set token=env:NAME`.
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
    /// Ask even where standard input is no terminal (answers from a file).
    #[arg(long, conflicts_with = "no_questions")]
    pub(crate) ask: bool,
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
