//! From a suspected post to its referral: what was collected is kept, hashed and time-stamped; once two people have
//! decided, the package is made of exactly that; it is handed over, answered, recalled, and in the end erased.
//!
//! The desk and `streife referral create --demo` go through [`Evidence`] alike; nothing else makes a package of a case.
//!
//! * [`vault`]: the evidence on disk, encrypted under one key per case, so that destroying the key erases every copy.
//! * [`found`]: what the pipeline knows of a post, as plain values, and the capture made of the bytes collected.
//! * [`compose`]: case, legal form, ledger and captures as one [`streife_evidence::ReferralInput`]; pure.
//! * [`flow`]: secure, stamp, package, export: each step durable, repeatable, and on record in the custody ledger.
//! * [`handover`]: the signed parcel for an upload box, the notice by mail without content.
//!
//! Absent on purpose: reading the store, running a browser, speaking HTTP. Those are handed in ([`Collector`],
//! [`streife_evidence::seal::TimeStampService`]).

pub mod compose;
pub mod flow;
pub mod found;
pub mod handover;
pub mod vault;

pub use compose::Site;
pub use flow::{Collected, Collector, Evidence, EvidenceError, EvidenceParts, ItemStatus, Secured, Status};
pub use found::Found;
pub use vault::{Certificate, Vault, VaultError};
