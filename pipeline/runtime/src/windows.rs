//! Window rules: hits that count only together with other posts.
//!
//! Score workers see a part of the posts each; what a window counts may lie in all parts. So they pass posts whose
//! words match a window rule on through `posts.windowed`, one partition, and one worker of the group reads them all
//! in order. Such posts are few: the words of a rule have matched already.
//!
//! What the windows remember outlives the worker: it is written into `rules.windows` with the offset it belongs to,
//! and only then that offset is committed. Two slots take turns, so that after a crash the state for the committed
//! offset is there whichever write came last; what is read again gives the same hits again, and the store keeps one.

use std::sync::Arc;
use std::time::Duration;

use arc_swap::ArcSwap;
use bytes::Bytes;
use serde::{Deserialize, Serialize};
use streife_domain::{FlaggedRecord, Hit, WindowedRecord};
use streife_log::{
    Delivery, EventLog, LogError, MAX_RECORD_BYTES, Message, Record, Subscription, TopicPartition,
};
use streife_rules::{State, WindowKeys, WindowState};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;
use xxhash_rust::xxh3::xxh3_64;

use crate::decode::headers;
use crate::retry::until_done;
use crate::score::{append, commit};
use crate::{Analyser, Backoff, Stopped, fields, metrics, names, trace};

/// The consumer group of the window worker.
pub const GROUP: &str = "streife-windows";
const FETCH_RECORDS: usize = 1_000;
/// What the windows remember is written down so often, while there is something new.
const SNAPSHOT_INTERVAL: Duration = Duration::from_secs(1);
/// Slots of `rules.windows`.
const SLOTS: usize = 2;
/// Room for key and headers beside a snapshot.
const MAX_SNAPSHOT_BYTES: usize = MAX_RECORD_BYTES - 64 * 1024;

/// A snapshot that would unpack to more was never written.
const MAX_UNPACKED_BYTES: usize = 1 << 30;

/// What the windows remember once everything before `next_offset` was seen.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Snapshot {
    next_offset: i64,
    state: WindowState,
}

/// What the worker is given.
pub struct WindowWorker {
    /// The log.
    pub log: Arc<dyn EventLog>,
    /// The rules in force.
    pub analyser: Arc<ArcSwap<Analyser>>,
    /// Waits between tries.
    pub backoff: Backoff,
}

/// What it holds while it runs.
#[derive(Default)]
struct Progress {
    state: WindowState,
    /// The next offset to read, once something was read since the last snapshot.
    seen_up_to: Option<i64>,
    slot: usize,
}

impl WindowWorker {
    /// Runs until `stop` or an error that repeating cannot mend.
    ///
    /// # Errors
    /// What the log refuses; everything transient is retried within.
    pub async fn run(self, stop: CancellationToken) -> Result<(), LogError> {
        match self.run_until_stopped(&stop).await {
            Ok(result) => result,
            Err(Stopped) => Ok(()),
        }
    }

    async fn run_until_stopped(&self, stop: &CancellationToken) -> Result<Result<(), LogError>, Stopped> {
        loop {
            let subscribed =
                until_done("windows.subscribe", self.backoff, stop, LogError::is_transient, || {
                    self.log.subscribe(GROUP, &[names::WINDOWED])
                });
            let mut subscription = match subscribed.await? {
                Ok(subscription) => subscription,
                Err(error) => return Ok(Err(error)),
            };
            match self.follow(&mut *subscription, stop).await? {
                Err(error) if error.is_transient() => {
                    tracing::warn!(%error, "windows: reading the log");
                    tokio::time::sleep(self.backoff.wait(1)).await;
                }
                result => return Ok(result),
            }
        }
    }

    /// Reads until the subscription fails.
    async fn follow(
        &self,
        subscription: &mut dyn Subscription,
        stop: &CancellationToken,
    ) -> Result<Result<(), LogError>, Stopped> {
        let mut progress = Progress::default();
        let mut snapshot_at = Instant::now() + SNAPSHOT_INTERVAL;
        loop {
            let delivery = tokio::select! {
                () = stop.cancelled() => return Err(Stopped),
                () = tokio::time::sleep_until(snapshot_at) => None,
                delivery = subscription.next(FETCH_RECORDS) => Some(delivery),
            };
            let done = match delivery {
                None => {
                    snapshot_at = Instant::now() + SNAPSHOT_INTERVAL;
                    self.write_down(&mut progress, subscription, stop).await?
                }
                Some(Ok(Delivery::Messages(messages))) => self.take(&messages, &mut progress, stop).await?,
                Some(Ok(Delivery::Assigned(_))) => match self.restore().await {
                    Ok(restored) => {
                        progress = restored;
                        Ok(())
                    }
                    Err(error) => Err(error),
                },
                Some(Ok(Delivery::Revoked(_))) => {
                    progress = Progress::default();
                    Ok(())
                }
                Some(Err(error)) => Err(error),
            };
            if let Err(error) = done {
                return Ok(Err(error));
            }
        }
    }

    /// The state that belongs to the committed offset; an older one where that is missing, else none.
    async fn restore(&self) -> Result<Progress, LogError> {
        let committed = self.log.committed(GROUP, names::WINDOWED).await?.into_iter().flatten().next();
        let next_offset = committed.unwrap_or(0);
        let mut found: Option<(usize, Snapshot)> = None;
        self.log
            .read_all(names::WINDOWS, &mut |message| {
                let slot = std::str::from_utf8(&message.record.key).ok().and_then(|key| key.parse().ok());
                let (Some(slot), Some(snapshot)) = (slot, unpack(&message.record.value)) else {
                    tracing::warn!(
                        offset = message.offset,
                        "a state of window rules cannot be read; passed over"
                    );
                    return;
                };
                let newer = found.as_ref().is_none_or(|(_, best)| best.next_offset <= snapshot.next_offset);
                if snapshot.next_offset <= next_offset && newer {
                    found = Some((slot, snapshot));
                }
            })
            .await?;
        let (slot, snapshot) = found.unwrap_or_default();
        tracing::info!(next_offset, remembered_up_to = snapshot.next_offset, "windows: state restored");
        Ok(Progress { state: snapshot.state, seen_up_to: None, slot: (slot + 1) % SLOTS })
    }

    /// Asks the windows, and flags what they say.
    async fn take(
        &self,
        messages: &[Message],
        progress: &mut Progress,
        stop: &CancellationToken,
    ) -> Result<Result<(), LogError>, Stopped> {
        let analyser = self.analyser.load_full();
        progress.state.retain(|rule| analyser.rules().window(rule).is_some());
        let mut flagged = Vec::new();
        for message in messages {
            progress.seen_up_to = Some(message.offset + 1);
            match serde_json::from_slice::<WindowedRecord>(&message.record.value) {
                Ok(record) => flagged.extend(
                    ask(record, &analyser, &mut progress.state).map(|flagged| to_record(message, &flagged)),
                ),
                Err(_) => {
                    // Kept in its topic; counted and told.
                    metrics::WINDOWS_UNREADABLE.inc();
                    tracing::error!(offset = message.offset, "unreadable record in posts.windowed");
                }
            }
        }
        metrics::WINDOWS_MET.inc_by(flagged.len() as u64);
        if flagged.is_empty() {
            return Ok(Ok(()));
        }
        append(&*self.log, names::FLAGGED, flagged, self.backoff, stop).await
    }

    /// Writes the state down, then commits the offset it belongs to.
    async fn write_down(
        &self,
        progress: &mut Progress,
        subscription: &mut dyn Subscription,
        stop: &CancellationToken,
    ) -> Result<Result<(), LogError>, Stopped> {
        let Some(next_offset) = progress.seen_up_to else { return Ok(Ok(())) };
        let snapshot = Snapshot { next_offset, state: std::mem::take(&mut progress.state) };
        let packed = pack(&snapshot);
        progress.state = snapshot.state;
        match packed {
            Some(value) => {
                let record =
                    Record { key: Bytes::from(progress.slot.to_string()), value, headers: Vec::new() };
                if let Err(error) =
                    append(&*self.log, names::WINDOWS, vec![record], self.backoff, stop).await?
                {
                    return Ok(Err(error));
                }
                progress.slot = (progress.slot + 1) % SLOTS;
            }
            None => tracing::error!(
                "what window rules remember is too large to be written down; a restart forgets it"
            ),
        }
        progress.seen_up_to = None;
        let partition = TopicPartition { topic: names::WINDOWED.to_owned(), partition: 0 };
        commit(subscription, &[(partition, next_offset)], self.backoff, stop).await
    }
}

/// The flagged post, if a window of a live rule is met by it. Rules that are gone or changed no longer ask.
fn ask(record: WindowedRecord, analyser: &Analyser, state: &mut WindowState) -> Option<FlaggedRecord> {
    let WindowedRecord { mut flagged, candidates } = record;
    let keys = keys_of(&flagged);
    let rules = analyser.rules();
    let met: Vec<Hit> = candidates
        .into_iter()
        .filter(|hit| {
            let Some(rule) = rules.position(&hit.rule).map(|at| &rules.rules()[at]) else { return false };
            let Some(window) = rules.window(&hit.rule) else { return false };
            state.observe(&hit.rule, rule.version, window, &keys) && rule.state == State::Live
        })
        .collect();
    if met.is_empty() {
        return None;
    }
    flagged.verdict = analyser.with_hits(flagged.verdict, met);
    Some(flagged)
}

/// What windows count and group by, hashed.
fn keys_of(flagged: &FlaggedRecord) -> WindowKeys {
    use streife_rules::syntax::Group;
    let post = &flagged.post;
    let found = fields(&post.text, &post.tags, &post.links);
    let hash = |text: &str| xxh3_64(text.as_bytes());
    let host = |link: &String| url::Url::parse(link).ok().and_then(|url| url.host_str().map(hash));
    let mut values = vec![
        (Group::Cluster, post.campaign.0),
        (Group::Source, hash(&post.source)),
        (Group::Platform, hash(&post.platform)),
    ];
    values.extend(post.author.map(|author| (Group::Author, author.0)));
    values.extend(found.tags.iter().map(|tag| (Group::Tag, hash(&tag.to_lowercase()))));
    values.extend(found.urls.iter().filter_map(host).map(|host| (Group::Domain, host)));
    // A source may claim any time; none lies after we saw the post.
    let at = post.posted_at.map_or(post.observed_at, |posted| posted.min(post.observed_at));
    WindowKeys { at_secs: at.as_secs(), post: post.post_id.0 as u64, values }
}

fn to_record(message: &Message, flagged: &FlaggedRecord) -> Record {
    let raw = message.header(headers::RAW).map(|raw| (headers::RAW.to_owned(), raw.clone()));
    Record {
        key: message.record.key.clone(),
        value: serde_json::to_vec(flagged).map(Bytes::from).unwrap_or_default(),
        headers: raw.into_iter().chain(trace::handed_on(message)).collect(),
    }
}

/// Compressed, unless too large for a record.
fn pack(snapshot: &Snapshot) -> Option<Bytes> {
    let json = serde_json::to_vec(snapshot).ok()?;
    let packed = zstd::bulk::compress(&json, 1).ok()?;
    (packed.len() <= MAX_SNAPSHOT_BYTES).then(|| packed.into())
}

fn unpack(packed: &[u8]) -> Option<Snapshot> {
    serde_json::from_slice(&zstd::bulk::decompress(packed, MAX_UNPACKED_BYTES).ok()?).ok()
}
