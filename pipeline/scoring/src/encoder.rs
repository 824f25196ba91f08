//! The encoder: one OS thread for each ONNX session, one bounded queue before them. A full queue makes the caller wait.
//!
//! Texts of about the same length that wait at the same time share a run ([`together`](crate::together)); nothing waits for
//! company. That is for graphs whose scores do not depend on who shares the run, as the same post must score the same live,
//! in `scan` and in a backtest; other graphs run each text alone, at its exact length.

use std::sync::mpsc::{Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ort::session::Session;
use streife_domain::{Heads, Language};

use crate::manifest::{Graph, Manifest};
use crate::models::OpenOptions;
use crate::run::{run, run_together};
use crate::together::{Job, Waiting};
use crate::tokenizer::Tokenizer;
use crate::{ScoringError, golden, metrics, onnx};

/// The file with the tokeniser; the graph is `model-<precision>.onnx`.
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";
/// Texts that may wait for each session; beyond, callers wait.
pub const QUEUE_PER_SESSION: usize = 32;
/// More sessions than any machine has use for.
pub const MAX_SESSIONS: usize = 256;

/// Where the logits of a text go, under its number.
type Answer = Sender<(usize, Result<Vec<f32>, ScoringError>)>;

/// An encoder with its threads; they end when it is dropped.
#[derive(Debug)]
pub(crate) struct Encoder {
    manifest: Manifest,
    graph: Graph,
    tokenizer: Tokenizer,
    /// Taken on drop, which ends the threads.
    queue: Option<SyncSender<Job<Answer>>>,
    threads: Vec<JoinHandle<()>>,
}

impl Encoder {
    /// Opens the encoder of a manifest: checks its files, starts the sessions, warms them up with golden texts.
    ///
    /// # Errors
    /// [`ScoringError`] when a part is missing or wrong, or a golden score differs.
    pub(crate) fn open(manifest: Manifest, options: &OpenOptions<'_>) -> Result<Self, ScoringError> {
        let graph = manifest
            .graph
            .clone()
            .ok_or_else(|| manifest.unsupported("manifest.toml", "no [graph]".to_owned()))?;
        let tokenizer = Tokenizer::from_json(&manifest.file(TOKENIZER_FILE)?, graph.max_tokens)
            .map_err(|message| manifest.unsupported(TOKENIZER_FILE, message))?;
        let model = manifest.file(&format!("model-{}.onnx", graph.precision))?;
        let sessions = options.sessions.clamp(1, MAX_SESSIONS);
        let (queue, jobs) = sync_channel(sessions * QUEUE_PER_SESSION);
        let jobs = Arc::new(Mutex::new(Waiting::new(jobs)));
        let mut encoder = Self { manifest, graph, tokenizer, queue: Some(queue), threads: Vec::new() };
        for number in 0..sessions {
            let mut session =
                onnx::session(options.parts, options.device, &encoder.manifest, &encoder.graph, &model)?;
            if number == 0 && encoder.graph.together {
                encoder.check_together(&mut session)?;
            }
            let (jobs, graph) = (Arc::clone(&jobs), encoder.graph.clone());
            let thread = std::thread::Builder::new().name(format!("encoder-{number}"));
            let spawned = thread.spawn(move || work(session, &graph, &jobs)).map_err(|error| {
                ScoringError::Session {
                    model: encoder.manifest.header.name.clone(),
                    message: format!("no thread for a session: {error}"),
                }
            })?;
            encoder.threads.push(spawned);
        }
        encoder.check_golden(golden::AT_START)?;
        Ok(encoder)
    }

    /// What the manifest says.
    pub(crate) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    /// Computes the first `at_most` golden texts again; how many were compared.
    ///
    /// # Errors
    /// [`ScoringError::Golden`], or what made a text fail.
    pub(crate) fn check_golden(&self, at_most: usize) -> Result<usize, ScoringError> {
        golden::check(&self.manifest, at_most, |language, text| self.run_one(language, text))
    }

    /// Texts that share a run score as each of them alone, or the manifest is wrong about its graph.
    fn check_together(&self, session: &mut Session) -> Result<(), ScoringError> {
        let texts = self.manifest.golden.iter().take(golden::AT_START);
        let ids: Vec<Vec<i64>> = texts.filter_map(|golden| self.ids(&golden.text)).collect();
        let shared = run_together(session, &self.graph, &ids)?;
        for (ids, shared) in ids.iter().zip(shared) {
            if run(session, &self.graph, ids)? != shared {
                let what =
                    "[graph] says together = true, but a text scores differently beside others".to_owned();
                return Err(self.manifest.unsupported("manifest.toml", what));
            }
        }
        Ok(())
    }

    /// Calibrated scores for each text, in order. Texts without words, and texts in a language without usable heads, get none
    /// and cost nothing.
    pub(crate) fn encode(&self, texts: &[(&str, &Language)]) -> Vec<Result<Heads<f32>, ScoringError>> {
        let languages: Vec<Option<&str>> =
            texts.iter().map(|(_, language)| self.manifest.language_for(language)).collect();
        let mut results: Vec<Result<Heads<f32>, ScoringError>> =
            texts.iter().map(|_| Ok(Heads::default())).collect();
        let (answer, answers) = channel();
        for (number, ((text, _), language)) in texts.iter().zip(&languages).enumerate() {
            let Some(ids) = language.and_then(|_| self.ids(text)) else { continue };
            let sent = self.send(Job { ids, number, answer: answer.clone() });
            // Stands until the answer comes; a thread that dies leaves it.
            results[number] = Err(sent.err().unwrap_or(ScoringError::Stopped));
        }
        drop(answer);
        for (number, outcome) in answers {
            let language = languages[number].unwrap_or_default();
            results[number] = outcome.map(|logits| self.manifest.calibrated(language, &logits));
        }
        results.iter().for_each(|result| metrics::encoded(&self.manifest, result));
        results
    }

    fn run_one(&self, language: &str, text: &str) -> Result<Heads<f32>, ScoringError> {
        let Some(ids) = self.ids(text) else { return Ok(Heads::default()) };
        let (answer, answers) = channel();
        self.send(Job { ids, number: 0, answer })?;
        let (_, logits) = answers.recv().map_err(|_| ScoringError::Stopped)?;
        Ok(self.manifest.calibrated(language, &logits?))
    }

    /// Token ids of a text; nothing when no text is left after cleaning.
    fn ids(&self, text: &str) -> Option<Vec<i64>> {
        let cleaned = streife_text::clean_for_models(text);
        (!cleaned.is_empty()).then(|| self.tokenizer.encode(&format!("{}{cleaned}", self.graph.prefix)))
    }

    /// Waits while the queue is full.
    fn send(&self, job: Job<Answer>) -> Result<(), ScoringError> {
        let queue = self.queue.as_ref().ok_or(ScoringError::Stopped)?;
        metrics::ENCODER_WAITING.inc();
        queue.send(job).map_err(|_| {
            metrics::ENCODER_WAITING.dec();
            ScoringError::Stopped
        })
    }
}

impl Drop for Encoder {
    fn drop(&mut self) {
        self.queue = None;
        for thread in self.threads.drain(..) {
            // A thread that panicked has already failed its text; there is nothing left to save.
            let _ = thread.join();
        }
    }
}

/// The life of a session's thread: runs what waits until the queue is closed.
fn work(mut session: Session, graph: &Graph, jobs: &Mutex<Waiting<Answer>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).next(graph.together);
        let Some(jobs) = next else { return };
        metrics::ENCODER_WAITING.sub(i64::try_from(jobs.len()).unwrap_or(0));
        let (ids, answers): (Vec<_>, Vec<_>) =
            jobs.into_iter().map(|job| (job.ids, (job.number, job.answer))).unzip();
        let timed = metrics::ENCODER_SECONDS.start_timer();
        let outcome = run_together(&mut session, graph, &ids);
        timed.observe_duration();
        let logits: Vec<Result<Vec<f32>, ScoringError>> = match outcome {
            Ok(logits) => logits.into_iter().map(Ok).collect(),
            // One of them may be to blame: each by itself, so that the others are scored.
            Err(_) if ids.len() > 1 => ids.iter().map(|ids| run(&mut session, graph, ids)).collect(),
            Err(error) => vec![Err(error)],
        };
        for ((number, answer), logits) in answers.into_iter().zip(logits) {
            // A caller who no longer waits is no error.
            let _ = answer.send((number, logits));
        }
    }
}
