//! `[collect.pictures]`: how the pictures of sources with `media.policy = "hash"` are looked at.

use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;

use serde::Deserialize;
use streife_domain::Priority;
use streife_media::Isolation;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct PicturesSection {
    /// Posts whose pictures may wait; more are given up and counted.
    pub(crate) queue_posts: NonZeroUsize,
    /// Posts whose pictures are fetched at the same time.
    pub(crate) fetches: NonZeroUsize,
    /// Pictures decoded and read at the same time; each takes a core and up to 300 MB.
    pub(crate) looks: NonZeroUsize,
    /// A post goes without those of its pictures that were not looked at after this long.
    pub(crate) wait_secs: NonZeroU64,
    /// Banks of perceptual hashes.
    pub(crate) bank: Vec<BankSection>,
    /// Text in pictures is read where this section stands.
    pub(crate) ocr: Option<OcrSection>,
}

impl Default for PicturesSection {
    fn default() -> Self {
        Self {
            queue_posts: const { NonZeroUsize::new(256).unwrap() },
            fetches: const { NonZeroUsize::new(4).unwrap() },
            looks: NonZeroUsize::MIN,
            wait_secs: const { NonZeroU64::new(60).unwrap() },
            bank: Vec::new(),
            ocr: None,
        }
    }
}

/// One file of hashes.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct BankSection {
    /// A line for each hash: 64 hexadecimal digits, list, category.
    pub(crate) file: PathBuf,
    /// Its pictures may not be kept, read or shown. On unless it is switched off.
    #[serde(default = "yes")]
    pub(crate) never_store: bool,
    /// Where in the queue a match belongs.
    #[serde(default = "high")]
    pub(crate) priority: Priority,
}

const fn yes() -> bool {
    true
}

const fn high() -> Priority {
    Priority::High
}

/// Tesseract.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct OcrSection {
    pub(crate) program: PathBuf,
    /// Installed languages, joined by `+`.
    pub(crate) languages: String,
    /// Longest time for one picture.
    pub(crate) timeout_secs: NonZeroU64,
    pub(crate) memory_megabytes: NonZeroU64,
    /// `namespace` (no network), or `limits` where the container has none.
    pub(crate) isolation: Isolation,
}

impl Default for OcrSection {
    fn default() -> Self {
        Self {
            program: PathBuf::from("tesseract"),
            languages: "deu+eng".to_owned(),
            timeout_secs: const { NonZeroU64::new(20).unwrap() },
            memory_megabytes: const { NonZeroU64::new(1_024).unwrap() },
            isolation: Isolation::Namespace,
        }
    }
}
