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
const SHARES: [Share; 2] = [
    Share { percent: 5, times_tuned: 1.15, times_naive: None },
    Share { percent: 20, times_tuned: 1.0, times_naive: Some(5.0) },
];

/// How many of a hundred posts are encoded, and the goals beside the two baselines.
struct Share {
    percent: u32,
    times_tuned: f64,
    times_naive: Option<f64>,
}

pub(crate) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let paths = Paths::new(&Config::default(), None);
    let rules = corpus::generate(0, RULES, SEED).rules;
    let identifier = open::identifier(&paths.models, &paths.parts)?;
    let mut figures = Vec::new();
    for share in SHARES {
        let percent = share.percent;
        let posts = ENCODED_POSTS * args.scale.max(1) as usize * 100 / percent as usize;
        // A little over half of the corpus is German or English.
        let mut events: Vec<String> =
            encoder::posts(&identifier, posts * 2).into_iter().map(|post| post.event).collect();
        events.truncate(posts);
        figures.extend(at_share(&paths, &Corpus { events, rules: rules.clone() }, &share)?);
    }
    Ok(figures)
}

fn at_share(paths: &Paths, corpus: &Corpus, share: &Share) -> Result<Vec<Figure>, Failure> {
    let percent = share.percent;
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
    let mut figures = vec![Figure::new(format!("{name}: so many"), chosen.events.len() as f64, "posts")];
    for (peer, theirs, goal) in
        [("tuned Python", &tuned, Some(share.times_tuned)), ("naive Python", &naive, share.times_naive)]
    {
        let figure = Figure::new(name.clone(), median(&ours), "posts/CPU-s");
        if theirs.is_empty() {
            figures.push(figure);
            continue;
        }
        let figure = figure.against(peer, median(theirs));
        let ratio = figure.ratio();
        figures.push(figure);
        if let (Some(ratio), Some(goal)) = (ratio, goal) {
            let times = format!("{name}: times {peer}");
            figures.push(Figure::new(times, ratio, "times").against("goal", goal));
        }
    }
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
