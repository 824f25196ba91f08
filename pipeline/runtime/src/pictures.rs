//! Looks at the pictures of posts, beside collecting.
//!
//! A post goes into the log at once, and its source goes on; its pictures wait in a bounded queue. What was found in them
//! (hashes, lists that know them, text) makes a second observation of the same post, which is scored like an edit. A picture
//! that was not looked at in the stated time, or for which the queue has no room, is given up and counted: the post stays as
//! it is. A crash loses what waits, never a post.
//!
//! Pictures are held in memory while they are looked at and nowhere else: no file is written, and what the log gets is what
//! was found, which is kept and erased with the post.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures::StreamExt;
use streife_domain::{Clock, Event, EventKind, Timestamp};
use streife_log::{EventLog, Record};
use streife_media::{DecodeError, Looker};
use streife_sdk::{FetchError, Http, MediaSettings, ParseProblem, ParsedEvent, Request, Sink, SinkError};
use tokio::sync::{Semaphore, mpsc};
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

use crate::collect::{LogSink, MAX_EVENT_BYTES, raw_headers, sha256_hex};
use crate::retry::until_done;
use crate::{Backoff, metrics, names};

use known::{Finding, Known};

mod known;

/// The pause before a host that asked for patience is asked again is at least this.
const MIN_PATIENCE: Duration = Duration::from_secs(1);

/// How much is done at once.
#[derive(Debug, Clone, Copy)]
pub struct PictureOptions {
    /// Posts whose pictures wait.
    pub queue_posts: usize,
    /// Posts whose pictures are fetched at the same time.
    pub fetches: usize,
    /// Pictures that are decoded and read at the same time.
    pub looks: usize,
    /// A post goes without those of its pictures that were not looked at after this long.
    pub wait: Duration,
}

/// Why a picture was not looked at; a metric label.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Unseen {
    /// Not within the stated time.
    Late,
    /// The server, its robots.txt or our own address guard refuses.
    Refused,
    /// No longer there.
    Gone,
    /// The network, or an answer that breaks a limit.
    Failed,
    /// The server calls it something that is not looked at.
    OtherType,
    /// It is no picture in a known format, whatever the server says.
    OtherFormat,
    /// An icon.
    TooSmall,
    /// More pixels than are unpacked.
    TooManyPixels,
    /// It cannot be decoded.
    Broken,
}

impl Unseen {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Late => "late",
            Self::Refused => "refused",
            Self::Gone => "gone",
            Self::Failed => "failed",
            Self::OtherType => "other_type",
            Self::OtherFormat => "other_format",
            Self::TooSmall => "too_small",
            Self::TooManyPixels => "too_many_pixels",
            Self::Broken => "broken",
        }
    }
}

impl From<&FetchError> for Unseen {
    fn from(error: &FetchError) -> Self {
        match error {
            FetchError::Refused(_) | FetchError::NotLicensed(_) => Self::Refused,
            FetchError::Gone(_) => Self::Gone,
            FetchError::Transient(_) | FetchError::BadUpstream(_) | FetchError::RateLimited { .. } => {
                Self::Failed
            }
        }
    }
}

impl From<&DecodeError> for Unseen {
    fn from(error: &DecodeError) -> Self {
        match error {
            DecodeError::Format => Self::OtherFormat,
            DecodeError::TooSmall { .. } => Self::TooSmall,
            DecodeError::TooLarge { .. } => Self::TooManyPixels,
            DecodeError::Broken(_) => Self::Broken,
        }
    }
}

/// A post whose pictures wait.
struct Waiting {
    event: Event,
    headers: Vec<(String, Bytes)>,
    /// Places in `event.media`.
    wanted: Vec<usize>,
    due: Instant,
}

/// Publishes events and, of sources that allow it, queues their pictures.
pub struct PictureSink {
    inner: LogSink,
    /// Settings by source, only of those that are on.
    sources: Arc<HashMap<String, MediaSettings>>,
    queue: mpsc::Sender<Waiting>,
    wait: Duration,
}

impl PictureSink {
    fn waiting(&self, event: &Event, raw: &Bytes) -> Option<Waiting> {
        if !matches!(event.event, EventKind::Post | EventKind::Edit) {
            return None;
        }
        let wanted = self.sources.get(&event.source)?.wanted(&event.media);
        if wanted.is_empty() {
            return None;
        }
        // A copy of its own: a slice would hold the whole page in memory.
        let headers = raw_headers(raw)
            .into_iter()
            .map(|(name, value)| (name, Bytes::copy_from_slice(&value)))
            .collect();
        Some(Waiting { event: event.clone(), headers, wanted, due: Instant::now() + self.wait })
    }
}

#[async_trait]
impl Sink for PictureSink {
    async fn publish(&self, events: &[ParsedEvent]) -> Result<(), SinkError> {
        let waiting: Vec<Waiting> =
            events.iter().filter_map(|one| self.waiting(&one.event, &one.raw)).collect();
        self.inner.publish(events).await?;
        for post in waiting {
            let pictures = post.wanted.len() as u64;
            if self.queue.try_send(post).is_err() {
                metrics::PICTURES.with_label_values(&["queue_full"]).inc_by(pictures);
            }
        }
        Ok(())
    }

    async fn reject(&self, source: &str, problems: &[ParseProblem]) -> Result<(), SinkError> {
        self.inner.reject(source, problems).await
    }
}

/// Fetches and looks.
pub struct PictureWorker {
    http: Http,
    log: Arc<dyn EventLog>,
    clock: Arc<dyn Clock>,
    looker: Looker,
    sources: Arc<HashMap<String, MediaSettings>>,
    options: PictureOptions,
    looks: Arc<Semaphore>,
    known: Mutex<Known>,
    queue: mpsc::Receiver<Waiting>,
}

/// A sink that queues the pictures of `sources`, and the worker that looks at them.
pub fn pictures(
    log: Arc<dyn EventLog>,
    http: Http,
    clock: Arc<dyn Clock>,
    looker: Looker,
    sources: HashMap<String, MediaSettings>,
    options: PictureOptions,
) -> (PictureSink, PictureWorker) {
    let (sender, queue) = mpsc::channel(options.queue_posts);
    let sources = Arc::new(sources);
    let inner = LogSink::new(Arc::clone(&log));
    let sink = PictureSink { inner, sources: Arc::clone(&sources), queue: sender, wait: options.wait };
    let looks = Arc::new(Semaphore::new(options.looks));
    let known = Mutex::default();
    (sink, PictureWorker { http, log, clock, looker, sources, options, looks, known, queue })
}

impl PictureWorker {
    /// Works until every sink is gone and the queue is empty, or until `stop`: then what waits is given up.
    pub async fn run(mut self, stop: CancellationToken) {
        let (_, none) = mpsc::channel(1);
        let mut queue = std::mem::replace(&mut self.queue, none);
        let posts = futures::stream::poll_fn(|context| queue.poll_recv(context));
        let worker = &self;
        let stopping = &stop;
        let working = posts.for_each_concurrent(self.options.fetches, |post| worker.attend(post, stopping));
        tokio::select! {
            () = stop.cancelled() => {}
            () = working => {}
        }
        queue.close();
        while let Ok(post) = queue.try_recv() {
            metrics::PICTURES.with_label_values(&["stopped"]).inc_by(post.wanted.len() as u64);
        }
    }

    async fn attend(&self, mut post: Waiting, stop: &CancellationToken) {
        let Some(settings) = self.sources.get(&post.event.source) else { return };
        let mut is_new = false;
        for at in std::mem::take(&mut post.wanted) {
            let media = &mut post.event.media[at];
            let url = media.url.clone().unwrap_or_default();
            let result = match post.due > Instant::now() {
                true => tokio::time::timeout_at(post.due, self.finding(&url, settings))
                    .await
                    .unwrap_or(Err(Unseen::Late)),
                false => Err(Unseen::Late),
            };
            let label = match result {
                Ok(finding) => {
                    is_new = true;
                    finding.note(media);
                    if media.is_barred() { "barred" } else { "looked_at" }
                }
                Err(why) => why.as_str(),
            };
            metrics::PICTURES.with_label_values(&[label]).inc();
        }
        if is_new {
            self.hand_on(post, stop).await;
        }
    }

    /// Appends the second observation.
    async fn hand_on(&self, mut post: Waiting, stop: &CancellationToken) {
        // Of two observations of a post the later one counts.
        post.event.observed_at =
            self.clock.now().max(Timestamp::from_micros(post.event.observed_at.as_micros() + 1));
        let key = Bytes::from(post.event.post_id().to_string());
        let value = Bytes::from(serde_json::to_vec(&post.event).unwrap_or_default());
        if value.is_empty() || value.len() > MAX_EVENT_BYTES {
            metrics::PICTURE_POSTS.with_label_values(&["too_large"]).inc();
            return;
        }
        let record = Record { key, value, headers: post.headers };
        let append = || self.log.append(names::RAW, vec![record.clone()]);
        let appended =
            until_done("pictures", Backoff::default(), stop, streife_log::LogError::is_transient, append)
                .await;
        let label = match appended {
            Ok(Ok(_)) => "handed_on",
            Ok(Err(error)) => {
                tracing::error!(%error, "the log refuses what was found in pictures");
                "refused"
            }
            Err(_) => "stopped",
        };
        metrics::PICTURE_POSTS.with_label_values(&[label]).inc();
    }

    async fn finding(&self, url: &str, settings: &MediaSettings) -> Result<Finding, Unseen> {
        let now = Instant::now();
        if let Some(known) = self.known().get(url, now) {
            return known;
        }
        let body = self.fetch(url, settings).await?;
        // The same file under another address: looked at once.
        let sha256 = sha256_hex(&body);
        let known = self.known().get(&sha256, now);
        let result = match known {
            Some(known) => known,
            None => {
                let result = self.look(body).await;
                self.known().put(sha256, result.clone(), now);
                result
            }
        };
        self.known().put(url.to_owned(), result.clone(), now);
        result
    }

    async fn fetch(&self, url: &str, settings: &MediaSettings) -> Result<Bytes, Unseen> {
        let mut request = Request::get(url).as_crawler();
        request.max_bytes = settings.max_bytes();
        loop {
            match self.http.send(&request).await {
                Ok(response) => {
                    let named = response.header("content-type").unwrap_or_default();
                    return if settings.takes_type(named) {
                        Ok(response.body)
                    } else {
                        Err(Unseen::OtherType)
                    };
                }
                // Ended by the post's own time.
                Err(FetchError::RateLimited { until }) => {
                    let micros = until.micros_since(self.clock.now()).max(0).unsigned_abs();
                    tokio::time::sleep(Duration::from_micros(micros).max(MIN_PATIENCE)).await;
                }
                Err(error) => return Err(Unseen::from(&error)),
            }
        }
    }

    /// On a thread of its own, where the bytes end.
    async fn look(&self, body: Bytes) -> Result<Finding, Unseen> {
        let permit = Arc::clone(&self.looks).acquire_owned().await.map_err(|_| Unseen::Late)?;
        let looker = self.looker.clone();
        let seen = tokio::task::spawn_blocking(move || {
            let _permit = permit;
            looker.look(&body)
        })
        .await
        .map_err(|_| Unseen::Broken)?;
        if let Some(problem) = &seen.decode_problem {
            return Err(Unseen::from(problem));
        }
        let read = match (&seen.text, &seen.ocr_problem) {
            (Some(text), _) if text.is_empty() => "none",
            (Some(_), _) => "found",
            (None, Some(problem)) => {
                tracing::warn!(%problem, "the text of a picture cannot be read");
                "failed"
            }
            (None, None) => "not_asked",
        };
        metrics::PICTURE_TEXTS.with_label_values(&[read]).inc();
        Ok(Finding::from(seen))
    }

    fn known(&self) -> std::sync::MutexGuard<'_, Known> {
        self.known.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
