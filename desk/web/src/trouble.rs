//! What can go wrong with evidence, as far as people are told. The details go to the operator's log and to the case.

use streife_cases::store::StoreError;

streife_cases::listed! {
    /// What is in trouble.
    #[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
    pub enum Trouble {
        /// The vault cannot be read or written, or a key is gone.
        #[default]
        Vault = "vault",
        /// The post could not be captured.
        Capture = "capture",
        /// What is stored is not what was collected.
        Damaged = "damaged",
        /// The case is not ready for a package.
        NotReady = "not_ready",
        /// The package could not be made.
        Package = "package",
        /// Nothing was secured yet.
        NotSecured = "not_secured",
        /// The recipient did not take it, or did not confirm it.
        Handover = "handover",
        /// The worker ended.
        Worker = "worker",
    }
}

/// Why something was not done with the evidence.
#[derive(Debug, thiserror::Error)]
pub enum EvidenceFault {
    /// The case database, or the workflow refused.
    #[error(transparent)]
    Cases(#[from] StoreError),
    /// This is in trouble; the details are for the operator and the record.
    #[error("{1}")]
    Trouble(Trouble, String),
}
