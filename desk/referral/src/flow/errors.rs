//! Why a step was not done.

use streife_cases::store::StoreError;
use streife_evidence::CreateError;

use crate::compose::ComposeError;
use crate::found::RawDamaged;
use crate::vault::VaultError;

/// Why a step was not done.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceError {
    /// There is no such case.
    #[error("there is no case {0:?}")]
    NoCase(String),
    /// The vault.
    #[error(transparent)]
    Vault(#[from] VaultError),
    /// The case database, or the workflow refused.
    #[error(transparent)]
    Cases(#[from] StoreError),
    /// The post could not be read or captured.
    #[error("{0}")]
    Collect(String),
    /// The store's bytes are not those collected.
    #[error(transparent)]
    Raw(#[from] RawDamaged),
    /// The case is not ready for a referral.
    #[error(transparent)]
    Compose(#[from] ComposeError),
    /// The package could not be made.
    #[error(transparent)]
    Create(#[from] CreateError),
    /// Something needed is not in the vault.
    #[error("case {case}: {what} is not there; secure the evidence first")]
    Missing {
        /// The case.
        case: String,
        /// What.
        what: &'static str,
    },
    /// A worker thread ended.
    #[error("the evidence worker ended unexpectedly")]
    Worker,
}

pub(super) type Result<T> = std::result::Result<T, EvidenceError>;
