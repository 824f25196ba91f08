//! Referrals, ledgers, accounts, retention and whole sites: what outlives a run.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::{Args, Subcommand};

use super::{ConfigArg, RoleArgs};

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
