//! A batch of records to its outcomes: pure but for the model sessions it calls. The worker around it only reads,
//! appends and commits.

use std::collections::HashMap;

use bytes::Bytes;
use streife_domain::{
    CampaignKey, DropReason, Event, FlaggedRecord, FoldedWords, Identity, LegalLabel, Outcome, Position,
    PostChange, PostKind, PseudonymKey, PseudonymousPost, RECORD_SCHEMA, Rejected, ScoredRecord, Timestamp,
    Verdict, WindowedRecord,
};
use streife_log::{Message, Record};
use streife_text::NORMALISER_VERSION;
use streife_text::duplicate::CampaignIndex;
use xxhash_rust::xxh3::Xxh3;

use crate::analyse::{Analyser, Analysis, Passage};
use crate::dead::dead_letter;
use crate::decode::{Incoming, decode, headers};
use crate::{PictureFacts, SeenWindow, Workers, metrics, trace};

/// Posts remembered per partition to drop exact repetitions (16 bytes each).
pub(crate) const SEEN_PER_PARTITION: usize = 1 << 17;
/// Posts remembered to join campaigns.
pub(crate) const CAMPAIGN_CAPACITY: usize = 1 << 18;

/// What scoring needs besides the records.
pub struct ScoreContext<'a> {
    /// Rules and models in force for the whole batch.
    pub analyser: &'a Analyser,
    /// Turns authors into pseudonyms.
    pub pseudonyms: &'a PseudonymKey,
    /// Purpose and legal basis by source name.
    pub legal: &'a HashMap<String, LegalLabel>,
    /// The time of the batch.
    pub now: Timestamp,
}

/// What a worker remembers from batch to batch.
pub struct ScoreState {
    seen: HashMap<i32, SeenWindow>,
    campaigns: CampaignIndex,
}

impl Default for ScoreState {
    fn default() -> Self {
        Self { seen: HashMap::new(), campaigns: CampaignIndex::new(CAMPAIGN_CAPACITY) }
    }
}

impl ScoreState {
    /// Forgets what belongs to a partition that is no longer ours.
    pub fn forget(&mut self, partition: i32) {
        self.seen.remove(&partition);
    }
}

/// What a batch comes to: records for three topics. Their number is the batch's: each accepted record is in `scored`
/// or in `dead`.
#[derive(Debug, Default)]
pub struct BatchOutput {
    /// For `posts.scored`.
    pub scored: Vec<Record>,
    /// For `posts.flagged`.
    pub flagged: Vec<Record>,
    /// For `posts.windowed`.
    pub windowed: Vec<Record>,
    /// For `posts.dead`.
    pub dead: Vec<Record>,
    /// How many of `dead` our own decoder refused (a sign of a bad deployment, unlike broken upstream data).
    pub own_rejects: usize,
}

impl BatchOutput {
    fn append(&mut self, mut part: Self) {
        self.scored.append(&mut part.scored);
        self.flagged.append(&mut part.flagged);
        self.windowed.append(&mut part.windowed);
        self.dead.append(&mut part.dead);
        self.own_rejects += part.own_rejects;
    }
}

enum Work {
    Dead(Rejected),
    Change(Box<Event>),
    Drop(DropReason, Box<Event>),
    Post { event: Box<Event>, pictures: Box<PictureFacts> },
}

/// Scores one batch.
pub fn score_batch(
    messages: &[Message],
    context: &ScoreContext<'_>,
    state: &mut ScoreState,
    workers: &mut Workers,
) -> BatchOutput {
    let decoded = workers.map(messages.iter().collect(), |message, _| decode(message, context.now));
    let works: Vec<Work> =
        messages.iter().zip(decoded).map(|(message, result)| sort(message, result, state)).collect();

    let passages: Vec<Passage<'_>> = works
        .iter()
        .filter_map(|work| {
            if let Work::Post { event, pictures } = work { Some(passage(event, pictures)) } else { None }
        })
        .collect();
    let mut analyses = workers.analyse(context.analyser, &passages).into_iter();
    drop(passages);

    // Campaigns in the order of the posts; what follows needs no order.
    let ends: Vec<_> = works
        .into_iter()
        .zip(messages)
        .map(|(work, message)| {
            let analysis = if matches!(work, Work::Post { .. }) { analyses.next() } else { None };
            let with_campaign = analysis.map(|analysis| {
                let campaign = state.campaigns.assign(&analysis.signature);
                (analysis, campaign)
            });
            (message, work, with_campaign)
        })
        .collect();
    let ended = workers.map_shares(ends, |share, _| {
        let mut output = BatchOutput::default();
        for (message, work, analysis) in share {
            end(&mut output, message, work, analysis, context);
        }
        vec![output]
    });
    let mut output = BatchOutput::default();
    ended.into_iter().for_each(|part| output.append(part));
    output
}

/// The records that a piece of work comes to.
fn end(
    output: &mut BatchOutput,
    message: &Message,
    work: Work,
    analysis: Option<(Analysis, CampaignKey)>,
    context: &ScoreContext<'_>,
) {
    match work {
        Work::Dead(rejected) => {
            output.own_rejects += usize::from(message.header(headers::CODE).is_none());
            count(Outcome::Dead(rejected.code));
            output.dead.push(dead_letter(message, &rejected));
        }
        Work::Change(event) => emit(output, message, change_record(message, &event)),
        Work::Drop(reason, event) => {
            emit(output, message, bare_record(message, &event, Outcome::Dropped(reason)));
        }
        Work::Post { event, .. } => {
            let Some((analysis, campaign)) = analysis else { return };
            let post = pseudonymous(&event, campaign, context.pseudonyms);
            emit_post(output, message, &event, post, analysis, context);
        }
    }
}

fn sort(message: &Message, decoded: Result<Incoming, Rejected>, state: &mut ScoreState) -> Work {
    match decoded {
        Err(rejected) => Work::Dead(rejected),
        Ok(Incoming::Change(event)) => Work::Change(event),
        Ok(Incoming::Post(event)) => {
            let seen =
                state.seen.entry(message.partition).or_insert_with(|| SeenWindow::new(SEEN_PER_PARTITION));
            if seen.is_duplicate(content_key(&event), message.offset) {
                Work::Drop(DropReason::Duplicate, event)
            } else if event.kind == PostKind::Repost && event.text.trim().is_empty() {
                Work::Drop(DropReason::Repost, event)
            } else {
                let pictures = Box::new(PictureFacts::of(&event));
                if event.text.trim().is_empty() && pictures.is_empty() {
                    Work::Drop(DropReason::NoText, event)
                } else {
                    Work::Post { event, pictures }
                }
            }
        }
    }
}

/// Same post, same words, same edit: nothing new.
fn content_key(event: &Event) -> u64 {
    let mut hasher = Xxh3::new();
    for part in [&event.platform, &event.native_id, &event.text] {
        hasher.update(part.as_bytes());
        hasher.update(&[0xff]);
    }
    hasher.update(&event.edited_at.map_or(0, Timestamp::as_micros).to_le_bytes());
    // The same post once more, now with what its pictures say.
    for picture in event.media.iter().filter_map(|media| media.sha256.as_ref()) {
        hasher.update(picture.as_bytes());
    }
    hasher.digest()
}

fn passage<'a>(event: &'a Event, pictures: &'a PictureFacts) -> Passage<'a> {
    Passage {
        text: &event.text,
        tags: &event.tags,
        links: &event.links,
        platform: &event.platform,
        source: &event.source,
        kind: event.kind,
        pictures,
    }
}

fn pseudonymous(event: &Event, campaign: CampaignKey, key: &PseudonymKey) -> PseudonymousPost {
    PseudonymousPost {
        post_id: event.post_id(),
        source: event.source.clone(),
        platform: event.platform.clone(),
        author: event.author.as_ref().map(|author| key.pseudonym(&event.platform, &author.id)),
        kind: event.kind,
        text: event.text.clone(),
        tags: event.tags.clone(),
        links: event.links.clone(),
        posted_at: event.posted_at,
        edited_at: event.edited_at,
        observed_at: event.observed_at,
        campaign,
    }
}

fn position(message: &Message) -> Position {
    Position { partition: message.partition, offset: message.offset }
}

fn bare_record(message: &Message, event: &Event, outcome: Outcome) -> ScoredRecord {
    ScoredRecord {
        schema: RECORD_SCHEMA,
        position: position(message),
        outcome,
        source: event.source.clone(),
        observed_at: event.observed_at,
        post: None,
        verdict: None,
        words: None,
        shadow_rules: Vec::new(),
        change: None,
    }
}

fn change_record(message: &Message, event: &Event) -> ScoredRecord {
    let change = PostChange { post_id: event.post_id(), event: event.event, observed_at: event.observed_at };
    ScoredRecord { change: Some(change), ..bare_record(message, event, Outcome::Stored) }
}

fn emit_post(
    output: &mut BatchOutput,
    message: &Message,
    event: &Event,
    post: PseudonymousPost,
    analysis: Analysis,
    context: &ScoreContext<'_>,
) {
    if analysis.verdict.encoded {
        metrics::ENCODED.inc();
    }
    if analysis.encoder_failed {
        metrics::ENCODER_FAILED.inc();
    }
    if analysis.verdict.is_flagged() || !analysis.windowed.is_empty() {
        let flagged = flagged_record(message, event, post.clone(), analysis.verdict.clone(), context);
        if analysis.verdict.is_flagged() {
            metrics::FLAGGED.with_label_values(&[analysis.verdict.priority.as_str()]).inc();
            output.flagged.push(with_raw(message, to_record(message, &flagged)));
        }
        if !analysis.windowed.is_empty() {
            let waiting = WindowedRecord { flagged, candidates: analysis.windowed };
            output.windowed.push(with_raw(message, to_record(message, &waiting)));
        }
    }
    let record = ScoredRecord {
        post: Some(post),
        verdict: Some(analysis.verdict),
        words: Some(FoldedWords { normaliser: NORMALISER_VERSION, words: analysis.words }),
        shadow_rules: analysis.shadow.into_iter().map(|hit| hit.rule).collect(),
        ..bare_record(message, event, Outcome::Stored)
    };
    emit(output, message, record);
}

fn flagged_record(
    message: &Message,
    event: &Event,
    post: PseudonymousPost,
    verdict: Verdict,
    context: &ScoreContext<'_>,
) -> FlaggedRecord {
    FlaggedRecord {
        schema: RECORD_SCHEMA,
        position: position(message),
        post,
        identity: Identity {
            native_id: event.native_id.clone(),
            url: event.url.clone(),
            author: event.author.clone(),
        },
        verdict,
        reply_to: event.reply_to.clone(),
        quote_of: event.quote_of.clone(),
        media: event.media.clone(),
        reach: event.reach,
        legal: context.legal.get(&event.source).cloned(),
        raw_sha256: message.header(headers::RAW).map(|raw| crate::collect::sha256_hex(raw)),
    }
}

fn emit(output: &mut BatchOutput, message: &Message, record: ScoredRecord) {
    count(record.outcome);
    output.scored.push(to_record(message, &record));
}

fn to_record<T: serde::Serialize>(message: &Message, value: &T) -> Record {
    // Our own types always have a JSON form; an empty value would be refused by the reader, loudly.
    let value = serde_json::to_vec(value).map(Bytes::from).unwrap_or_default();
    Record {
        key: message.record.key.clone(),
        value,
        headers: trace::handed_on(message).into_iter().collect(),
    }
}

/// The observed bytes go with what is kept of a post.
fn with_raw(message: &Message, mut record: Record) -> Record {
    record.headers.extend(message.header(headers::RAW).map(|raw| (headers::RAW.to_owned(), raw.clone())));
    record
}

fn count(outcome: Outcome) {
    let (kind, reason) = match outcome {
        Outcome::Stored => ("stored", ""),
        Outcome::Dropped(reason) => ("dropped", reason.as_str()),
        Outcome::Dead(code) => ("dead", code.as_str()),
    };
    metrics::OUTCOMES.with_label_values(&[kind, reason]).inc();
}
