//! What the pipeline knows of a flagged post, and the capture made of the bytes that were collected. This needs no
//! network, so a post can be sealed when its page has gone.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use streife_domain::{
    EventKind, Identity, LegalLabel, Media, PostChange, PseudonymousPost, Reach, Timestamp, Verdict,
};
use streife_evidence::merkle::sha256_hex;
use streife_evidence::{
    AccountFacts, CaptureLog, CapturedItem, Collected, ContextPost, ItemRole, Missing, PostFacts,
};

/// A flagged post with all that belongs to it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Found {
    /// The post.
    pub post: PseudonymousPost,
    /// Native id, address, account.
    pub identity: Identity,
    /// What the pipeline computed.
    pub verdict: Verdict,
    /// Pictures, videos and files referred to; described, not fetched.
    pub media: Vec<Media>,
    /// How far it had spread.
    pub reach: Option<Reach>,
    /// Purpose and legal basis of the source.
    pub legal: Option<LegalLabel>,
    /// Native id of the post it answers or quotes.
    pub refers_to: Option<String>,
    /// Edits, deletions, disappearance.
    pub changes: Vec<PostChange>,
    /// Posts of the same campaign, this one included.
    pub copies: u64,
    /// Platforms the campaign was seen on.
    pub platforms: Vec<String>,
    /// Titles of the rules that matched, by id.
    pub rule_titles: BTreeMap<String, String>,
    /// Posts of the thread.
    pub thread: Vec<ContextPost>,
    /// The bytes that were observed.
    #[serde(skip)]
    pub raw: Vec<u8>,
    /// Their SHA-256 at collection, hex.
    pub raw_sha256: Option<String>,
}

/// Circumstances of a capture.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Circumstances {
    /// Who had it secured.
    pub by: String,
    /// Time zone of the machine.
    pub zone: String,
    /// The machine's clock against its time source, when measured.
    pub clock_offset_ms: Option<i64>,
    /// The time source.
    pub time_source: String,
}

/// The bytes kept are not those that were collected.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("the bytes in the store have sha256 {is}, at collection it was {was}; the store is damaged")]
pub struct RawDamaged {
    is: String,
    was: String,
}

impl Found {
    /// The post itself as a capture.
    ///
    /// # Errors
    /// [`RawDamaged`] when the bytes are not those collected.
    pub fn capture(&self, circumstances: &Circumstances) -> Result<CapturedItem, RawDamaged> {
        let is = sha256_hex(&self.raw);
        if let Some(was) = self.raw_sha256.as_ref().filter(|was| **was != is) {
            return Err(RawDamaged { is, was: was.clone() });
        }
        let mut missing = Vec::new();
        if self.raw.is_empty() {
            missing.push(Missing {
                what: "Rohdaten".into(),
                why: "die Quelle hat keine Rohbytes mitgeliefert; gesichert sind die ausgelesenen Angaben"
                    .into(),
            });
        }
        if self.media.iter().any(Media::is_barred) {
            missing.push(Missing {
                what: "Seite und Bilder".into(),
                why: "ein Bild steht auf einer Liste, deren Bilder nicht gespeichert werden dürfen; nichts wurde geladen"
                    .into(),
            });
        }
        let seen = self.post.observed_at;
        let last_seen = self.changes.iter().map(|change| change.observed_at).fold(seen, Timestamp::max);
        Ok(CapturedItem {
            role: ItemRole::Post,
            post: self.facts(last_seen),
            account: self.account(),
            translation: None,
            capture: CaptureLog {
                tool: concat!("Streife ", env!("CARGO_PKG_VERSION")).into(),
                method: format!("Bytes, wie die Quelle {} sie geliefert hat, unverändert", self.post.source),
                operator: circumstances.by.clone(),
                started_at: seen,
                ended_at: seen,
                zone: circumstances.zone.clone(),
                clock_offset_ms: circumstances.clock_offset_ms,
                time_source: circumstances.time_source.clone(),
                resolver: None,
                server_address: None,
                tls_chain_sha256: Vec::new(),
                redirects: Vec::new(),
            },
            request: None,
            response: Collected {
                url: self.address(),
                status: None,
                headers: Vec::new(),
                media_type: media_type(&self.raw).into(),
                body: self.raw.clone(),
            },
            screenshot: None,
            screenshot_plain: None,
            page_pdf: None,
            dom_html: None,
            missing,
            seal: None,
        })
    }

    /// The public address, or a name that stands for it.
    pub fn address(&self) -> String {
        self.identity.url.clone().unwrap_or_else(|| {
            let plain: String = format!("{}:{}", self.post.platform, self.identity.native_id)
                .chars()
                .map(|c| if c.is_ascii_alphanumeric() || ":._-".contains(c) { c } else { '-' })
                .collect();
            format!("urn:streife:post:{plain}")
        })
    }

    fn facts(&self, last_seen: Timestamp) -> PostFacts {
        let when = |kinds: &[EventKind]| {
            self.changes.iter().find(|change| kinds.contains(&change.event)).map(|change| change.observed_at)
        };
        let mut spans: Vec<_> = self.verdict.hits.iter().flat_map(|hit| hit.spans.clone()).collect();
        spans.sort();
        spans.dedup();
        PostFacts {
            platform: self.post.platform.clone(),
            native_id: self.identity.native_id.clone(),
            url: self.address(),
            posted_at: self.post.posted_at,
            posted_as_shown: None,
            first_seen: self.post.observed_at,
            last_seen,
            edited_at: self.post.edited_at.or_else(|| when(&[EventKind::Edit])),
            deleted_seen_at: when(&[EventKind::Delete, EventKind::Gone]),
            lang: self.verdict.language.code.clone(),
            text: self.post.text.clone(),
            spans,
            media: self.media.clone(),
            reach: self.reach,
            copies: (self.copies > 1).then(|| {
                format!("{} gleichlautende Beiträge gesehen auf {}", self.copies, self.platforms.join(", "))
            }),
        }
    }

    fn account(&self) -> AccountFacts {
        let author = self.identity.author.clone().unwrap_or_default();
        AccountFacts {
            handle: author.handle.unwrap_or_else(|| author.id.clone()),
            display_name: author.name.unwrap_or_default(),
            native_id: author.id,
            ..AccountFacts::default()
        }
    }
}

/// What the bytes are, as far as they say.
fn media_type(raw: &[u8]) -> &'static str {
    let start = raw.trim_ascii_start();
    if serde_json::from_slice::<serde::de::IgnoredAny>(raw).is_ok() {
        "application/json"
    } else if start.starts_with(b"<?xml") {
        "application/xml"
    } else if start.starts_with(b"<") {
        "text/html"
    } else {
        "application/octet-stream"
    }
}
