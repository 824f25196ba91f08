//! From records to rows: pure, total, and the same for the same record, for a repeated insert is recognised by
//! its place in the log and must not differ.

use bytes::Bytes;
use streife_domain::{
    EventKind, FlaggedRecord, Outcome, Position, Priority, PseudonymousPost, RejectCode, ScoredRecord,
    Timestamp, Verdict,
};

use super::{FlaggedPostRow, HitRow, IdentityRow, OutcomeRow, PostChangeRow, RecentPostRow, Rows, ScoreRow};

const MICROS_PER_DAY: i64 = 86_400_000_000;
const SECS_PER_HOUR: i64 = 3_600;
/// What `DateTime64(6)` holds: 1900 to 2299. Decoding refuses less plausible times long before.
const FIRST_MICROS: i64 = -2_208_988_800_000_000;
const LAST_MICROS: i64 = 10_413_791_999_999_999;

/// What the accounting needs of a dead letter: its headers, not its payload.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadNotice {
    /// Where the rejected record lies in `posts.raw`.
    pub position: Position,
    /// What was wrong.
    pub code: RejectCode,
    /// The source, where it could be read; else empty.
    pub source: String,
    /// When the log took the record.
    pub observed_at: Timestamp,
}

impl DeadNotice {
    /// From the headers of a record of `posts.dead` (`schemas/events/dead.v1.schema.json`); `taken_at` is when the
    /// log took it.
    ///
    /// # Errors
    /// Names the header that is missing or cannot be read.
    pub fn from_headers<'a>(
        header: impl Fn(&str) -> Option<&'a [u8]>,
        taken_at: Timestamp,
    ) -> Result<Self, String> {
        let text = |name: &str| {
            let bytes = header(name).ok_or_else(|| format!("a dead letter without header {name}"))?;
            std::str::from_utf8(bytes).map_err(|_| format!("header {name} of a dead letter is not UTF-8"))
        };
        let number = |name: &str| {
            text(name)?.parse::<i64>().map_err(|e| format!("header {name} of a dead letter: {e}"))
        };
        let code = text("code")?;
        let code = RejectCode::ALL.into_iter().find(|known| known.as_str() == code);
        Ok(Self {
            position: Position {
                partition: i32::try_from(number("partition")?)
                    .map_err(|e| format!("header partition: {e}"))?,
                offset: number("offset")?,
            },
            code: code.ok_or("header code of a dead letter names no known code")?,
            source: text("source").unwrap_or_default().to_owned(),
            observed_at: taken_at,
        })
    }
}

impl Rows {
    /// Rows of a record of `posts.scored`.
    pub fn of_scored(record: &ScoredRecord) -> Self {
        let flagged = record.verdict.as_ref().is_some_and(Verdict::is_flagged);
        let recent = record.post.as_ref().zip(record.verdict.as_ref());
        Self {
            recent_posts: recent
                .map(|(post, verdict)| recent_post(post, verdict, record))
                .into_iter()
                .collect(),
            post_changes: record
                .change
                .iter()
                .map(|change| PostChangeRow {
                    post_id: change.post_id.0,
                    event: event_name(change.event).to_owned(),
                    observed_at: micros(change.observed_at),
                })
                .collect(),
            outcomes: vec![outcome(
                record.position,
                record.outcome,
                &record.source,
                flagged,
                record.observed_at,
            )],
            ..Self::default()
        }
    }

    /// Rows of a record of `posts.flagged`; `raw` is its header of that name, empty when there is none.
    pub fn of_flagged(record: &FlaggedRecord, raw: Bytes) -> Self {
        let (post, verdict) = (&record.post, &record.verdict);
        let version = version(post, verdict);
        let day = day(post.observed_at);
        let hits = verdict.hits.iter().map(|hit| HitRow {
            rule: hit.rule.clone(),
            rule_version: hit.version,
            post_id: post.post_id.0,
            day,
            source: post.source.clone(),
            language: verdict.language.code.clone(),
            priority: priority_value(verdict.priority),
            version,
        });
        let model = if verdict.encoded { &verdict.models.encoder } else { &verdict.models.gate };
        let scores = verdict.scores.iter().map(|(head, value)| ScoreRow {
            head: head.as_str().to_owned(),
            day,
            post_id: post.post_id.0,
            value: *value,
            labelled: verdict.labels.contains(&head),
            model: model.clone(),
            language: verdict.language.code.clone(),
            source: post.source.clone(),
            version,
        });
        Self {
            hits: hits.collect(),
            scores: scores.collect(),
            flagged_posts: vec![flagged_post(record, version)],
            flagged_identities: vec![identity(record, raw, version)],
            ..Self::default()
        }
    }

    /// Rows of a dead letter.
    pub fn of_dead(notice: &DeadNotice) -> Self {
        let end = Outcome::Dead(notice.code);
        Self {
            outcomes: vec![outcome(notice.position, end, &notice.source, false, notice.observed_at)],
            ..Self::default()
        }
    }
}

fn recent_post(post: &PseudonymousPost, verdict: &Verdict, record: &ScoredRecord) -> RecentPostRow {
    let words = record.words.as_ref();
    RecentPostRow {
        post_id: post.post_id.0,
        source: post.source.clone(),
        platform: post.platform.clone(),
        author: post.author.map(|author| author.0),
        kind: post.kind.as_str().to_owned(),
        text: post.text.clone(),
        words: words.map(|folded| folded.words.clone()).unwrap_or_default(),
        normaliser: words.map_or(0, |folded| folded.normaliser),
        posted_at: post.posted_at.map(micros),
        edited_at: post.edited_at.map(micros),
        observed_at: micros(post.observed_at),
        campaign: post.campaign.0,
        tags: post.tags.clone(),
        links: post.links.clone(),
        language: verdict.language.code.clone(),
        language_confidence: verdict.language.confidence,
        script: verdict.language.script.as_str().to_owned(),
        gate: verdict.gate,
        encoded: verdict.encoded,
        scores: scores(verdict),
        labels: labels(verdict),
        rules: rules(verdict),
        shadow_rules: record.shadow_rules.clone(),
        priority: priority_value(verdict.priority),
        version: version(post, verdict),
    }
}

fn flagged_post(record: &FlaggedRecord, version: u64) -> FlaggedPostRow {
    let (post, verdict) = (&record.post, &record.verdict);
    let reach = record.reach.unwrap_or_default();
    let legal = record.legal.as_ref();
    FlaggedPostRow {
        post_id: post.post_id.0,
        source: post.source.clone(),
        platform: post.platform.clone(),
        author: post.author.map(|author| author.0),
        kind: post.kind.as_str().to_owned(),
        text: post.text.clone(),
        posted_at: post.posted_at.map(micros),
        edited_at: post.edited_at.map(micros),
        observed_at: micros(post.observed_at),
        campaign: post.campaign.0,
        language: verdict.language.code.clone(),
        language_confidence: verdict.language.confidence,
        script: verdict.language.script.as_str().to_owned(),
        gate: verdict.gate,
        encoded: verdict.encoded,
        scores: scores(verdict),
        labels: labels(verdict),
        rules: rules(verdict),
        hits: json(&verdict.hits),
        priority: priority_value(verdict.priority),
        model_lid: verdict.models.lid.clone(),
        model_gate: verdict.models.gate.clone(),
        model_encoder: verdict.models.encoder.clone(),
        model_rules: verdict.models.rules.clone(),
        media: json(&record.media),
        tags: post.tags.clone(),
        links: post.links.clone(),
        views: reach.views,
        likes: reach.likes,
        shares: reach.shares,
        replies: reach.replies,
        followers: reach.followers,
        purpose: legal.map(|l| l.purpose.as_str().to_owned()).unwrap_or_default(),
        legal_basis: legal.map(|l| l.legal_basis.clone()).unwrap_or_default(),
        review_by: legal.map(|l| l.review_by.clone()).unwrap_or_default(),
        partition: record.position.partition,
        offset: record.position.offset,
        version,
    }
}

fn identity(record: &FlaggedRecord, raw: Bytes, version: u64) -> IdentityRow {
    let author = record.identity.author.as_ref();
    IdentityRow {
        post_id: record.post.post_id.0,
        native_id: record.identity.native_id.clone(),
        url: record.identity.url.clone(),
        author_id: author.map(|a| a.id.clone()),
        author_handle: author.and_then(|a| a.handle.clone()),
        author_name: author.and_then(|a| a.name.clone()),
        reply_to: record.reply_to.clone(),
        quote_of: record.quote_of.clone(),
        raw,
        raw_sha256: record.raw_sha256.clone().unwrap_or_default(),
        version,
    }
}

fn outcome(
    position: Position,
    outcome: Outcome,
    source: &str,
    flagged: bool,
    observed_at: Timestamp,
) -> OutcomeRow {
    let (name, reason) = match outcome {
        Outcome::Stored => ("stored", ""),
        Outcome::Dropped(reason) => ("dropped", reason.as_str()),
        Outcome::Dead(code) => ("dead", code.as_str()),
    };
    let secs = observed_at.as_secs();
    OutcomeRow {
        partition: position.partition,
        offset: position.offset,
        outcome: name.to_owned(),
        reason: reason.to_owned(),
        source: source.to_owned(),
        flagged,
        // `DateTime` holds 1970 to 2106; what lies outside is counted at its edge rather than lost.
        hour: u32::try_from((secs - secs.rem_euclid(SECS_PER_HOUR)).max(0)).unwrap_or(u32::MAX),
    }
}

/// Of two observations of a post the later one counts; of the same one, the one the encoder has seen.
fn version(post: &PseudonymousPost, verdict: &Verdict) -> u64 {
    (u64::try_from(micros(post.observed_at)).unwrap_or(0) << 1) | u64::from(verdict.encoded)
}

/// Microseconds as `DateTime64(6)` holds them.
pub(crate) fn micros(time: Timestamp) -> i64 {
    time.as_micros().clamp(FIRST_MICROS, LAST_MICROS)
}

/// Days since 1970, as `Date` holds them.
fn day(time: Timestamp) -> u16 {
    u16::try_from(time.as_micros().div_euclid(MICROS_PER_DAY).max(0)).unwrap_or(u16::MAX)
}

fn scores(verdict: &Verdict) -> Vec<(String, f32)> {
    verdict.scores.iter().map(|(head, value)| (head.as_str().to_owned(), *value)).collect()
}

fn labels(verdict: &Verdict) -> Vec<String> {
    verdict.labels.iter().map(|head| head.as_str().to_owned()).collect()
}

fn rules(verdict: &Verdict) -> Vec<String> {
    verdict.hits.iter().map(|hit| hit.rule.clone()).collect()
}

/// The value in the columns `priority`.
pub(crate) const fn priority_value(priority: Priority) -> i8 {
    match priority {
        Priority::None => 0,
        Priority::Low => 1,
        Priority::Medium => 2,
        Priority::High => 3,
    }
}

/// The value in the column `event`.
pub(crate) const fn event_name(event: EventKind) -> &'static str {
    match event {
        EventKind::Post => "post",
        EventKind::Edit => "edit",
        EventKind::Delete => "delete",
        EventKind::Gone => "gone",
        EventKind::Account => "account",
    }
}

/// Plain data always have a JSON form; an empty list stands in should that ever change.
fn json(value: &impl serde::Serialize) -> String {
    serde_json::to_string(value).unwrap_or_else(|_| "[]".to_owned())
}
