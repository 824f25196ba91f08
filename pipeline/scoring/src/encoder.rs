//! The encoder: one OS thread for each ONNX session, one bounded queue before them.
//!
//! A text is run alone and at its exact length: with int8 activations a score would otherwise depend on the texts it shares a
//! batch with, and the same post would score differently live and in a backtest. A full queue makes the caller wait.

use std::sync::mpsc::{Receiver, Sender, SyncSender, channel, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;

use ort::session::Session;
use ort::value::TensorRef;
use streife_domain::{Heads, Language};

use crate::manifest::{Graph, Manifest};
use crate::models::OpenOptions;
use crate::tokenizer::Tokenizer;
use crate::{ScoringError, golden, metrics, onnx};

/// The file with the tokeniser; the graph is `model-<precision>.onnx`.
pub(crate) const TOKENIZER_FILE: &str = "tokenizer.json";
/// Texts that may wait for each session; beyond, callers wait.
pub const QUEUE_PER_SESSION: usize = 32;
/// More sessions than any machine has use for.
pub const MAX_SESSIONS: usize = 256;

/// A text on its way to a session.
struct Job {
    ids: Vec<i64>,
    number: usize,
    answer: Sender<(usize, Result<Vec<f32>, ScoringError>)>,
}

/// An encoder with its threads; they end when it is dropped.
#[derive(Debug)]
pub(crate) struct Encoder {
    manifest: Manifest,
    graph: Graph,
    tokenizer: Tokenizer,
    /// Taken on drop, which ends the threads.
    queue: Option<SyncSender<Job>>,
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
        let jobs = Arc::new(Mutex::new(jobs));
        let mut encoder = Self { manifest, graph, tokenizer, queue: Some(queue), threads: Vec::new() };
        for number in 0..sessions {
            let session =
                onnx::session(options.parts, options.device, &encoder.manifest, &encoder.graph, &model)?;
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
    fn send(&self, job: Job) -> Result<(), ScoringError> {
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

/// The life of a session's thread: runs text after text until the queue is closed.
fn work(mut session: Session, graph: &Graph, jobs: &Mutex<Receiver<Job>>) {
    loop {
        let next = jobs.lock().unwrap_or_else(PoisonError::into_inner).recv();
        let Ok(Job { ids, number, answer }) = next else { return };
        metrics::ENCODER_WAITING.dec();
        metrics::ENCODER_TOKENS.inc_by(ids.len() as u64);
        let timed = metrics::ENCODER_SECONDS.start_timer();
        let outcome = run(&mut session, graph, &ids);
        timed.observe_duration();
        // A caller who no longer waits is no error.
        let _ = answer.send((number, outcome));
    }
}

pub(crate) fn run(session: &mut Session, graph: &Graph, ids: &[i64]) -> Result<Vec<f32>, ScoringError> {
    let failed = |error: ort::Error| ScoringError::Inference(error.to_string());
    let mask = vec![1_i64; ids.len()];
    let shape = [1, ids.len()];
    let ids = TensorRef::from_array_view((shape, ids)).map_err(failed)?;
    let mask = TensorRef::from_array_view((shape, mask.as_slice())).map_err(failed)?;
    let [ids_name, mask_name] = &graph.inputs;
    let outputs =
        session.run(ort::inputs![ids_name.as_str() => ids, mask_name.as_str() => mask]).map_err(failed)?;
    let output = outputs
        .get(&graph.output)
        .ok_or_else(|| ScoringError::Inference("the output is missing".to_owned()))?;
    let (_, logits) = output.try_extract_tensor::<f32>().map_err(failed)?;
    if logits.iter().any(|logit| !logit.is_finite()) {
        return Err(ScoringError::Inference("a score is no number".to_owned()));
    }
    Ok(logits.to_vec())
}
