//! The two outputs: the container for upload box or USB stick, and the court set of loose files.

mod bag;
mod court;
mod create;
mod readme;
pub mod zip;

pub use bag::{Bag, PackageKey, StampedBag};
pub use court::{CourtError, MAX_MESSAGE_BYTES, MAX_MESSAGE_FILES, messages};
pub(crate) use create::evidence_of;
pub use create::{Built, CreateError, Created, build, create, write};

/// Folder of the item at place `at`, within the package.
pub fn item_folder(at: usize) -> String {
    format!("data/items/{:04}", at + 1)
}

pub(crate) const TAG_MANIFEST: &str = "tagmanifest-sha256.txt";
pub(crate) const MANIFEST: &str = "manifest-sha256.txt";
pub(crate) const SIGNATURE: &str = "tagmanifest-sha256.txt.sig";
pub(crate) const SIGNER: &str = "unterzeichner.pem";

/// File name of the `number`th (from 1) time stamp over the tag manifest.
pub(crate) fn stamp_name(number: usize) -> String {
    if number == 1 { format!("{TAG_MANIFEST}.tsr") } else { format!("{TAG_MANIFEST}.{number}.tsr") }
}

/// File name of the root certificate of the `number`th (from 1) time-stamp service.
pub(crate) fn anchor_name(number: usize) -> String {
    format!("zeitstempel-{number}-ca.pem")
}
