//! `streife bench gated`: the whole path with a share of the posts encoded, beside the Python baseline with the same model.
//!
//! The baseline hands a post to its classifier by a hash of the post's id; here the same posts go the path with every post
//! encoded, all others the path without, and what both cost is added. Both sides read the same events, try the same 2,000
//! rules and run the same graph on one thread. German and English posts that repeat nothing, so that both encode all chosen.

use std::num::NonZeroUsize;
use std::sync::Arc;

use streife_rules::baseline::is_classified;
use streife_runtime::{Analyser, Encode};

use super::corpus::{self, Corpus};
use super::pipeline::{median, watch_rules, whole_path};
use super::python::{Baseline, Encoder, Variant};
use super::{Figure, encoder};
use crate::cli::BenchArgs;
use crate::config::Config;
use crate::failure::Failure;
use crate::open::{self, ScoringChoice};
use crate::paths::Paths;

/// Posts encoded in a run, whatever the share.
const ENCODED_POSTS: usize = 500;
const RULES: usize = 2_000;
const SEED: u64 = 1;
/// Runs of each side in turn; the median counts.
const ROUNDS: usize = 3;
/// The naive baseline tries every rule on every post: a few are enough.
const NAIVE_POSTS: usize = 400;
/// Percent encoded, the goals beside tuned Python and, where there is one, beside naive Python.
const SHARES: [(u32, f64, Option<f64>); 2] = [(5, 1.15, None), (20, 1.0, Some(5.0))];

pub(crate) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let paths = Paths::new(&Config::default(), None);
    let rules = corpus::generate(0, RULES, SEED).rules;
    let identifier = open::identifier(&paths.models, &paths.parts)?;
    let mut figures = Vec::new();
    for (percent, ..) in SHARES {
        let posts = ENCODED_POSTS * args.scale.max(1) as usize * 100 / percent as usize;
        // A little over half of the corpus is German or English.
        let mut events: Vec<String> =
            encoder::posts(&identifier, posts * 2).into_iter().map(|post| post.event).collect();
        events.truncate(posts);
        figures.extend(at_share(&paths, &Corpus { events, rules: rules.clone() }, percent)?);
    }
    Ok(figures)
}

fn at_share(paths: &Paths, corpus: &Corpus, percent: u32) -> Result<Vec<Figure>, Failure> {
    let ids = corpus.posts()?;
    let (chosen, others): (Vec<_>, Vec<_>) =
        corpus.events.iter().zip(&ids).partition(|(_, (id, _))| is_classified(id, percent));
    let part = |events: Vec<(&String, &(String, String))>| Corpus {
        events: events.into_iter().map(|(event, _)| event.clone()).collect(),
        rules: corpus.rules.clone(),
    };
    let (chosen, others) = (part(chosen), part(others));
    let (encoding, plain) = (analyser(paths, corpus, Encode::All)?, analyser(paths, corpus, Encode::None)?);
    let python = Baseline::open(corpus)?;
    let encoder = Encoder {
        model: paths.models.join("encoder/model-int8.onnx"),
        tokenizer: paths.models.join("encoder/tokenizer.json"),
        percent,
    };
    let (mut ours, mut tuned, mut naive) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..ROUNDS {
        let cpu_seconds = path(&chosen, &encoding)? + path(&others, &plain)?;
        ours.push(corpus.events.len() as f64 / cpu_seconds);
        let Some(python) = &python else { continue };
        let run = python.run_encoding(Variant::Tuned, corpus.events.len(), &encoder)?;
        if run.classified != chosen.events.len() as u64 {
            let (ours, theirs) = (chosen.events.len(), run.classified);
            return Err(anyhow::anyhow!("the baseline encoded {theirs} posts, Streife {ours}").into());
        }
        tuned.push(run.posts_per_cpu_s);
        naive.push(python.run_encoding(Variant::Naive, NAIVE_POSTS, &encoder)?.posts_per_cpu_s);
    }
    let name = format!("{percent} % of the posts encoded");
    let beside = |peer: &str, theirs: &[f64]| {
        let figure = Figure::new(name.clone(), median(&ours), "posts/CPU-s");
        if theirs.is_empty() { figure } else { figure.against(peer, median(theirs)) }
    };
    let mut figures = vec![
        Figure::new(format!("{name}: so many"), chosen.events.len() as f64, "posts"),
        beside("tuned Python", &tuned),
        beside("naive Python", &naive),
    ];
    let goals = SHARES.iter().find(|(share, ..)| *share == percent);
    let mut judged = |peer: &str, ratio: Option<f64>, goal: Option<f64>| {
        if let (Some(ratio), Some(goal)) = (ratio, goal) {
            figures.push(Figure::new(format!("{name}: times {peer}"), ratio, "times").against("goal", goal));
        }
    };
    let ratio = |theirs: &[f64]| (!theirs.is_empty()).then(|| median(&ours) / median(theirs));
    judged("tuned Python", ratio(&tuned), goals.map(|(_, goal, _)| *goal));
    judged("naive Python", ratio(&naive), goals.and_then(|(_, _, goal)| *goal));
    Ok(figures)
}

/// CPU seconds of the whole path; an error when it found repetitions, which it would not encode.
fn path(corpus: &Corpus, analyser: &Arc<Analyser>) -> Result<f64, Failure> {
    let run = whole_path(corpus, analyser, NonZeroUsize::MIN)?;
    if run.summary.stored != corpus.events.len() as u64 {
        let dropped = &run.summary.dropped;
        return Err(anyhow::anyhow!("not all posts of the benchmark were stored: {dropped:?}").into());
    }
    Ok(run.cost.cpu_seconds)
}

fn analyser(paths: &Paths, corpus: &Corpus, encode: Encode) -> Result<Arc<Analyser>, Failure> {
    let choice = ScoringChoice {
        models: Some(&paths.models),
        parts: &paths.parts,
        encode,
        device: "cpu",
        sessions: NonZeroUsize::MIN,
    };
    open::analyser(&choice, watch_rules(corpus)?).map(Arc::new)
}
