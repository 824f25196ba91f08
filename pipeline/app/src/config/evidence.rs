//! `[evidence]`: who refers, who stamps the time, what is captured, how a package is handed over.

use std::path::PathBuf;

use serde::Deserialize;
use streife_domain::MediaPolicy;
use streife_sdk::SecretSource;

#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(crate) struct EvidenceSection {
    /// The authority that keeps the file; stands at the head of every report.
    pub(crate) authority: String,
    /// The unit within it.
    pub(crate) unit: String,
    /// How to reach it (post, telephone, mail), one line each.
    pub(crate) contact: Vec<String>,
    /// Time zone of the site, for the capture log.
    pub(crate) zone: String,
    /// What keeps this machine's clock right, such as `NTP (chrony)`.
    pub(crate) time_source: String,
    /// `host:port` of a time server (SNTP); the clock's offset is measured against it at each capture.
    pub(crate) time_server: Option<String>,
    /// Folder of the cases' keys (default: `evidence-keys` in the data folder). Back it up apart from the evidence:
    /// a key that is gone from here and from its backups is what makes an erasure final.
    pub(crate) keys: Option<PathBuf>,
    /// Capture the pages of a suspected post (post, profile, what it refers to) over the network.
    pub(crate) capture_pages: bool,
    /// The headless browser for pictures and prints of pages; empty: none.
    pub(crate) browser: String,
    /// Arguments for it, such as `--no-sandbox` in a container without user namespaces.
    pub(crate) browser_arguments: Vec<String>,
    /// Longest time of one page's capture by the browser.
    pub(crate) browser_secs: u64,
    /// Most bytes that one page may load.
    pub(crate) browser_megabytes: u64,
    /// What is kept of the pictures, films and sounds of a suspected post.
    pub(crate) media: MediaPolicy,
    /// The RFC 3161 services; at least two.
    pub(crate) time_stamp: Vec<TimeStampSection>,
    /// Where packages can be sent.
    pub(crate) handover: Vec<HandoverSection>,
    /// The mail server that notices go to, `smtps://user:password@mail.example`. Without one they lie in the folder
    /// `outbox` for the site's own mail system.
    pub(crate) mail_server: Option<SecretSource>,
}

impl Default for EvidenceSection {
    fn default() -> Self {
        Self {
            authority: "(Behörde nicht eingerichtet: [evidence] authority)".to_owned(),
            unit: String::new(),
            contact: Vec::new(),
            zone: "Europe/Berlin".to_owned(),
            time_source: "Systemuhr".to_owned(),
            time_server: None,
            keys: None,
            capture_pages: true,
            browser: String::new(),
            browser_arguments: Vec::new(),
            browser_secs: 25,
            browser_megabytes: 50,
            media: MediaPolicy::Address,
            time_stamp: Vec::new(),
            handover: Vec::new(),
            mail_server: None,
        }
    }
}

/// One time-stamp service.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct TimeStampSection {
    /// Its name in cases and packages.
    pub(crate) name: String,
    /// Where requests are posted to.
    pub(crate) url: String,
    /// PEM file with the root certificate its tokens lead to.
    pub(crate) root: PathBuf,
    /// Value of the header `Authorization`, for services with contracts.
    pub(crate) authorization: Option<SecretSource>,
}

/// One way to hand a package over.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct HandoverSection {
    /// Its name, as chosen in `streife referral send --via`.
    pub(crate) name: String,
    /// How.
    pub(crate) to: HandoverTo,
    /// Mail address that a notice without content is written for.
    pub(crate) notify: Option<String>,
}

/// Where to.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum HandoverTo {
    /// A folder: a USB stick, a share, the outbox of the judiciary's mail.
    Folder(PathBuf),
    /// An upload box: one signed POST over HTTPS.
    Box {
        /// Its address; plain http only on loopback.
        url: String,
        /// Value of the header `Authorization`.
        authorization: Option<SecretSource>,
    },
}
