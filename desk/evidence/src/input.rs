//! What a referral is made of, as plain values. The case desk fills these in; facts and assessments are
//! different types, so that no text of one can slip into the other's place in the report.

use serde::{Deserialize, Serialize};
use streife_domain::{LegalLabel, Media, Reach, Span, Timestamp};

use crate::seal::Seal;

/// Everything a referral package is made of.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ReferralInput {
    /// Case numbers, authority, addressee: the head of the report.
    pub head: Head,
    /// Time and place of the act, accusation, who is accused and injured (StrafAktUebV s. 2 (2)).
    pub act: Act,
    /// Norms suggested for examination; an assessment.
    pub offences: Vec<OffenceCandidate>,
    /// Complaint (`Strafantrag`) and its clock.
    pub complaint: Complaint,
    /// What a person concluded, marked as such wherever it appears.
    pub assessment: Assessment,
    /// The captures; the first is the post the referral is about.
    pub items: Vec<CapturedItem>,
    /// The thread around the post.
    pub context: Vec<ContextPost>,
    /// Why the post was found and how it was decided.
    pub why: WhyFlagged,
    /// Who did what; finder, reviewer and approver.
    pub people: Vec<Participant>,
    /// What was done or asked for.
    pub measures: Vec<Measure>,
    /// Purpose and legal basis; survives export.
    pub legal: LegalLabel,
    /// Until when the recipient is asked to review retention (`YYYY-MM-DD`).
    pub retention_until: String,
    /// The entries of the custody ledger that belong to this case.
    pub custody: CustodyExtract,
}

/// Case numbers, authority and addressee.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Head {
    /// The police case number; also the external identifier of the package.
    pub case_no: String,
    /// The prosecutor's file number, when known.
    pub prosecutor_file_no: Option<String>,
    /// File number of related proceedings.
    pub related_file_no: Option<String>,
    /// The authority that keeps the file.
    pub authority: String,
    /// The unit within it.
    pub unit: String,
    /// How to reach the unit (post, telephone, e-mail), one line each.
    pub contact: Vec<String>,
    /// To whom the referral goes, one line each.
    pub addressee: Vec<String>,
    /// Whether the file itself or a representation of it is handed over.
    pub handover: Handover,
    /// Danger to life or limb was seen: the addressee is called as well.
    pub danger_to_life: bool,
    /// Invented content for trying out: the report says so on every page.
    pub demonstration: bool,
}

/// What is handed over (StrafAktUebV s. 2 (2) no. 7).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Handover {
    /// The file itself.
    File,
    /// A representation; the file stays with the authority.
    Representation,
}

/// Time and place of the act, and the accusation.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Act {
    /// When the post appeared, as far as known.
    pub at: Option<Timestamp>,
    /// The time of the act as a person established it, in words; may be empty.
    #[serde(default)]
    pub time_as_established: String,
    /// Where the act is located, such as `Internet, Plattform ..., abrufbar in Deutschland`.
    pub place: String,
    /// The accusation in one or two sentences.
    pub accusation: String,
    /// The accused; empty means "Unbekannt".
    pub accused: Vec<Party>,
    /// Injured persons, if known.
    pub injured: Vec<Party>,
}

/// A person in the proceedings, as far as known.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Party {
    /// Name, in its own script.
    pub name: String,
    /// Whatever else is known, such as a public office.
    pub note: String,
}

/// A norm suggested for examination.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OffenceCandidate {
    /// The norm, such as `§ 130 Abs. 1 StGB`.
    pub norm: String,
    /// Its title.
    pub title: String,
    /// Why it comes into question.
    pub reason: String,
    /// The elements a reviewer went through.
    pub elements: Vec<Element>,
}

/// One element of an offence.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Element {
    /// The element in words.
    pub text: String,
    /// Whether the reviewer saw it fulfilled.
    pub fulfilled: bool,
    /// The reviewer's note.
    pub note: String,
}

/// Whether a complaint is needed, and until when it can be filed (s. 77b StGB: three months).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Complaint {
    /// An offence among the candidates needs one.
    pub needed: bool,
    /// Last day (`YYYY-MM-DD`).
    pub deadline: Option<String>,
    /// Who may file it.
    pub entitled: String,
    /// The day it was filed.
    pub filed: Option<String>,
}

/// A person's conclusions. Everything here is printed under "Bewertung".
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Assessment {
    /// The overall assessment.
    pub summary: String,
    /// Other readings considered, and why each was excluded (BayObLG 2025). Never empty in a referral.
    pub other_readings: Vec<Reading>,
    /// Exceptions looked at, such as s. 86 (4) StGB.
    pub exceptions: Vec<Reading>,
    /// Danger appraisal.
    pub danger: String,
    /// What connects the post with Germany.
    pub germany_link: String,
    /// The person or group the post is about.
    pub target: String,
    /// Whether that person holds public office (s. 188 StGB).
    pub public_figure: bool,
}

/// A reading or an exception, and what came of it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Reading {
    /// What was considered.
    pub considered: String,
    /// Why it was excluded, or why it holds.
    pub result: String,
}

/// Which of the captures an item is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ItemRole {
    /// The post itself.
    Post,
    /// The page that shows the post.
    Page,
    /// The profile page of its account.
    Profile,
    /// The post it refers to.
    Referred,
    /// Anything else that was secured.
    Other,
}

/// One thing that was secured.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CapturedItem {
    /// Which of the captures it is.
    pub role: ItemRole,
    /// What the source said about the post.
    pub post: PostFacts,
    /// What the source said about the account.
    pub account: AccountFacts,
    /// A translation, made by a machine or a person.
    pub translation: Option<Translation>,
    /// How it was collected.
    pub capture: CaptureLog,
    /// The request that was sent, when there was one.
    pub request: Option<HttpRequest>,
    /// The answer, or the bytes collected from a stream.
    pub response: Collected,
    /// Picture of the page (PNG, with caption strip).
    #[serde(with = "crate::record::bytes", default)]
    pub screenshot: Option<Vec<u8>>,
    /// The same picture without the strip, as the browser gave it.
    #[serde(with = "crate::record::bytes", default)]
    pub screenshot_plain: Option<Vec<u8>>,
    /// Print of the page.
    #[serde(with = "crate::record::bytes", default)]
    pub page_pdf: Option<Vec<u8>>,
    /// The page's document after loading.
    #[serde(with = "crate::record::bytes", default)]
    pub dom_html: Option<Vec<u8>>,
    /// Captures that were tried and failed, so that the reader sees what is missing.
    pub missing: Vec<Missing>,
    /// Hashes, Merkle root and time stamps; made by [`crate::seal::Seal::over`].
    pub seal: Option<Seal>,
}

/// A capture that could not be made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Missing {
    /// What is missing, such as `screenshot`.
    pub what: String,
    /// Why.
    pub why: String,
}

/// Facts about a post, as the source stated them.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PostFacts {
    /// The platform.
    pub platform: String,
    /// The platform's own id.
    pub native_id: String,
    /// Public address.
    pub url: String,
    /// When it was published, as the interface states it.
    pub posted_at: Option<Timestamp>,
    /// The publication time as the page shows it, with zone.
    pub posted_as_shown: Option<String>,
    /// First and last time it was seen.
    pub first_seen: Timestamp,
    /// Last time it was seen.
    pub last_seen: Timestamp,
    /// When it was edited.
    pub edited_at: Option<Timestamp>,
    /// When its deletion was seen.
    pub deleted_seen_at: Option<Timestamp>,
    /// Language code.
    pub lang: String,
    /// The text verbatim.
    pub text: String,
    /// The places in the text that a rule matched (byte ranges).
    pub spans: Vec<Span>,
    /// Pictures, videos and files referred to.
    pub media: Vec<Media>,
    /// How far it had spread at capture.
    pub reach: Option<Reach>,
    /// Number of copies of this text that were seen, and on which platforms.
    pub copies: Option<String>,
}

/// Facts about an account, as the source stated them.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountFacts {
    /// Immutable id.
    pub native_id: String,
    /// Handle.
    pub handle: String,
    /// Display name.
    pub display_name: String,
    /// Address of the profile.
    pub profile_url: String,
    /// When the account was made.
    pub created_at: Option<Timestamp>,
    /// The account's description of itself.
    pub bio: String,
    /// Accounts this account itself names as its own (fact).
    pub linked_as_stated: Vec<String>,
}

/// A translation, marked with its maker.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Translation {
    /// The language translated into.
    pub lang: String,
    /// The translated text.
    pub text: String,
    /// Who or what translated, with version.
    pub by: String,
}

/// How a capture was made (ISO/IEC 27037: tool, operator, time source, method).
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CaptureLog {
    /// Tool and version.
    pub tool: String,
    /// The method, such as `bytes of the stream` or `headless browser`.
    pub method: String,
    /// Operator's service number or pseudonym.
    pub operator: String,
    /// Start, UTC.
    pub started_at: Timestamp,
    /// End, UTC.
    pub ended_at: Timestamp,
    /// Local time zone of the machine, such as `Europe/Berlin`.
    pub zone: String,
    /// Offset of the machine's clock against its time source in milliseconds, when measured.
    pub clock_offset_ms: Option<i64>,
    /// The time source.
    pub time_source: String,
    /// Resolver that answered.
    pub resolver: Option<String>,
    /// Address of the server.
    pub server_address: Option<String>,
    /// sha256 (hex) of each certificate of the TLS chain, leaf first.
    pub tls_chain_sha256: Vec<String>,
    /// Addresses passed through.
    pub redirects: Vec<String>,
}

/// The request that was sent.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HttpRequest {
    /// Method.
    pub method: String,
    /// Headers in order; credentials are left out by the collector.
    pub headers: Vec<(String, String)>,
}

/// What came back.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Collected {
    /// Where from.
    pub url: String,
    /// HTTP status; `None` for a message of a stream.
    pub status: Option<u16>,
    /// Headers in order.
    pub headers: Vec<(String, String)>,
    /// Media type of the bytes.
    pub media_type: String,
    /// The bytes as collected, undecoded.
    #[serde(with = "crate::record::base64_bytes")]
    pub body: Vec<u8>,
}

/// A post of the thread around the item.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ContextPost {
    /// How it stands to the post, such as `parent` or `reply`.
    pub relation: String,
    /// Native id.
    pub native_id: String,
    /// Address.
    pub url: Option<String>,
    /// Who, by pseudonym or handle.
    pub author: String,
    /// When, as the source says.
    pub posted_at: Option<Timestamp>,
    /// Text verbatim.
    pub text: String,
    /// When its deletion or edit was seen.
    pub changed: Option<String>,
}

/// Why the post was found, and how it was decided.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WhyFlagged {
    /// The configured source that saw it.
    pub source: String,
    /// Rules that matched, `id@version: title`.
    pub rules: Vec<RuleHit>,
    /// Model scores; assessments by machine.
    pub scores: Vec<ModelScore>,
    /// The reviewer's decision.
    pub decision: String,
    /// When it was decided.
    pub decided_at: Timestamp,
}

/// A rule that matched.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RuleHit {
    /// Rule id.
    pub rule: String,
    /// Rule version.
    pub version: u32,
    /// Title.
    pub title: String,
    /// Matched byte ranges in the post's text.
    pub spans: Vec<Span>,
}

/// A score a model gave.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ModelScore {
    /// Model and hash.
    pub model: String,
    /// What was scored.
    pub head: String,
    /// Calibrated probability.
    pub score: f32,
    /// Was it over the threshold in force for the post's language?
    pub over_threshold: bool,
}

/// What somebody was in this case.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PersonRole {
    /// Found it.
    Finder,
    /// Reviewed it.
    Reviewer,
    /// Drafted the referral.
    Drafter,
    /// Approved it; never the drafter.
    Approver,
    /// Keeps the evidence.
    Custodian,
}

/// Somebody who acted in this case.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Participant {
    /// What they did.
    pub role: PersonRole,
    /// Service number or pseudonym.
    pub id: String,
    /// Name and rank for the signature slot, where the law wants it.
    pub name: Option<String>,
    /// When.
    pub at: Timestamp,
}

/// Something that was done or is asked for.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Measure {
    /// What.
    pub what: String,
    /// When, for what was done; `None` for what is asked for.
    pub at: Option<Timestamp>,
}

/// The custody ledger of this case, whole, with the signed checkpoint over it.
///
/// The desk keeps one hash-chained ledger per case. A line is the canonical JSON of an entry (`seq`, `at`, `actor`,
/// `role`, `action`, `reason`, `prev`, `hash` ...); the tree over the lines hashes as in RFC 6962.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CustodyExtract {
    /// Every entry from the first, in order.
    pub lines: Vec<String>,
    /// The signed checkpoint over exactly these entries, JSON.
    pub checkpoint: String,
}
