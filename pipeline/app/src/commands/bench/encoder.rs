//! `streife bench encoder`: what a post costs at the models, beside what people write instead.
//!
//! The encoder's path is the product's whole path with every post encoded (`pipeline`), held against a bare ONNX Runtime
//! loop over the same graph and texts: one text at a time, and in batches of 32 as they arrive. Both loops clean and
//! tokenise with our tokeniser, so that the difference is serving alone. Rounds alternate, because a shared machine drifts.

use std::sync::Arc;

use serde_json::Value;
use streife_domain::Language;
use streife_rules::RuleSet;
use streife_runtime::{Analyser, Encode};
use streife_scoring::{Bare, ScoringError};
use streife_text::language::Identifier;

use super::corpus::{self, Corpus};
use super::{Figure, pipeline};
use crate::cli::BenchArgs;
use crate::config::Config;
use crate::cost::{Cost, measure};
use crate::failure::Failure;
use crate::open::{self, ScoringChoice};
use crate::paths::Paths;

/// Posts encoded in a round, and rounds.
const ENCODED_POSTS: usize = 300;
const ROUNDS: usize = 2;
/// Posts for the cheap stages.
const POSTS: usize = 20_000;
const SEED: u64 = 4;
/// What people write: a batch of so many as they arrive.
const BATCH: usize = 32;
/// Texts whose scores are compared before any figure is given.
const COMPARED: usize = 20;
/// Lengths that posts are cut to, in characters: from a remark to a full post.
const LENGTHS: [usize; 8] = [40, 60, 80, 100, 140, 180, 240, 280];

/// A post of the corpus that the encoder has something to say about.
pub(super) struct Post {
    pub(super) event: String,
    text: String,
    language: Language,
}

pub(crate) fn run(args: &BenchArgs) -> Result<Vec<Figure>, Failure> {
    let paths = Paths::new(&Config::default(), None);
    let identifier = open::identifier(&paths.models, &paths.parts)?;
    let posts = posts(&identifier, POSTS * args.scale as usize);
    let analyser = analyser(&paths)?;
    let mut bare = Bare::open(&paths.models, &paths.parts)?;
    let mut figures = Vec::new();
    serving(&posts[..ENCODED_POSTS.min(posts.len())], &analyser, &mut bare, &mut figures)?;
    cheap(&posts, &analyser, &identifier, &mut figures);
    tokenising(&posts, &bare, &paths, &mut figures)?;
    Ok(figures)
}

fn analyser(paths: &Paths) -> Result<Arc<Analyser>, Failure> {
    let choice = ScoringChoice {
        models: Some(&paths.models),
        parts: &paths.parts,
        encode: Encode::All,
        device: "cpu",
        sessions: std::num::NonZeroUsize::MIN,
    };
    open::analyser(&choice, Arc::new(RuleSet::empty())).map(Arc::new)
}

/// Different posts in German and English, cut to lengths as posts have them.
pub(super) fn posts(identifier: &Identifier, count: usize) -> Vec<Post> {
    let mut seen = std::collections::HashSet::new();
    let events = corpus::generate(count, 0, SEED).events;
    let cut = events.iter().zip(LENGTHS.iter().cycle()).filter_map(|(event, length)| {
        let mut event: Value = serde_json::from_str(event).ok()?;
        let slot = event.pointer_mut("/commit/record/text")?;
        let text: String = slot.as_str()?.chars().take(*length).collect();
        *slot = Value::String(text.clone());
        Some((event.to_string(), text))
    });
    cut.filter(|(_, text)| seen.insert(text.clone()))
        .map(|(event, text)| Post { language: identifier.identify(&text), event, text })
        .filter(|post| matches!(post.language.code.as_str(), "de" | "en"))
        .collect()
}

fn serving(
    posts: &[Post],
    analyser: &Arc<Analyser>,
    bare: &mut Bare,
    figures: &mut Vec<Figure>,
) -> Result<(), Failure> {
    same_scores(posts, analyser, bare)?;
    let corpus =
        Corpus { events: posts.iter().map(|post| post.event.clone()).collect(), rules: String::new() };
    let (mut path, mut one, mut batched) = (0.0, 0.0, 0.0);
    let (mut useful, mut padded) = (0, 0);
    let (mut ran, mut filled) = (0, 0);
    for _ in 0..ROUNDS {
        let before = streife_scoring::encoder_tokens();
        path += pipeline::whole_path(&corpus, analyser, std::num::NonZeroUsize::MIN)?.cost.cpu_seconds;
        let after = streife_scoring::encoder_tokens();
        (ran, filled) = (ran + after.0 - before.0, filled + after.1 - before.1);
        let (done, cost) = measure(|| one_by_one(posts, bare));
        done?;
        one += cost.cpu_seconds;
        let (done, cost) = measure(|| in_batches(posts, bare));
        (useful, padded) = done?;
        batched += cost.cpu_seconds;
    }
    let count = posts.len() * ROUNDS;
    let rate = |cpu_seconds: f64| Cost { cpu_seconds, wall_seconds: 0.0 }.per_cpu_second(count);
    figures.push(
        Figure::new("whole path, every post encoded", rate(path), "posts/CPU-s")
            .against("bare ONNX Runtime loop, one at a time", rate(one)),
    );
    figures.push(
        Figure::new("whole path, every post encoded", rate(path), "posts/CPU-s")
            .against("batches of 32 as they arrive", rate(batched)),
    );
    let share = useful as f64 / f64::from(u32::try_from(padded).unwrap_or(u32::MAX)).max(1.0);
    figures.push(
        Figure::new("useful among run tokens", ran as f64 / ((ran + filled) as f64).max(1.0), "share")
            .against("batches of 32 as they arrive", share),
    );
    figures.push(Figure::new("tokens in a post, mean", useful as f64 / posts.len().max(1) as f64, "tokens"));
    Ok(())
}

/// No ratio without equal results.
fn same_scores(posts: &[Post], analyser: &Analyser, bare: &mut Bare) -> Result<(), Failure> {
    for post in posts.iter().take(COMPARED) {
        let ids = bare.ids(&post.text);
        let logits = bare.one(&ids)?;
        if bare.calibrated(&post.language.code, &logits)
            != analyser.models().encode(&post.text, &post.language)?
        {
            return Err(anyhow::anyhow!("the bare loop and the product score differently").into());
        }
    }
    Ok(())
}

fn one_by_one(posts: &[Post], bare: &mut Bare) -> Result<(), ScoringError> {
    for post in posts {
        let ids = bare.ids(&post.text);
        bare.one(&ids)?;
    }
    Ok(())
}

/// Tokens of the texts, and tokens run with the padding.
fn in_batches(posts: &[Post], bare: &mut Bare) -> Result<(usize, usize), ScoringError> {
    let (mut useful, mut padded) = (0, 0);
    for batch in posts.chunks(BATCH) {
        let ids: Vec<Vec<i64>> = batch.iter().map(|post| bare.ids(&post.text)).collect();
        useful += ids.iter().map(Vec::len).sum::<usize>();
        padded += ids.len() * ids.iter().map(Vec::len).max().unwrap_or_default();
        bare.together(&ids)?;
    }
    Ok((useful, padded))
}

/// Gate and language identification.
fn cheap(posts: &[Post], analyser: &Analyser, identifier: &Identifier, figures: &mut Vec<Figure>) {
    let (passed, gate) = measure(|| {
        let passes =
            |post: &&Post| analyser.models().gate(&post.text, &post.language).is_some_and(|gate| gate.passes);
        posts.iter().filter(passes).count()
    });
    let each = gate.cpu_seconds * 1e6 / posts.len().max(1) as f64;
    figures.push(Figure::new("gate", each, "CPU-µs a post"));
    figures.push(Figure::new(
        "of these made-up posts pass the gate",
        passed as f64 / posts.len().max(1) as f64,
        "share",
    ));
    let (_, ours) =
        measure(|| posts.iter().filter(|post| identifier.identify(&post.text).code == "de").count());
    let (_, whatlang) =
        measure(|| posts.iter().filter(|post| whatlang::detect(&post.text).is_some()).count());
    figures.push(
        Figure::new("language identification", ours.per_cpu_second(posts.len()), "posts/CPU-s")
            .against("whatlang", whatlang.per_cpu_second(posts.len())),
    );
}

#[cfg(feature = "peers")]
fn tokenising(posts: &[Post], bare: &Bare, paths: &Paths, figures: &mut Vec<Figure>) -> Result<(), Failure> {
    let file = paths.models.join("encoder/tokenizer.json");
    let mut theirs =
        tokenizers::Tokenizer::from_file(file).map_err(|error| anyhow::anyhow!(error.to_string()))?;
    theirs.with_padding(None);
    let texts: Vec<String> = posts.iter().map(|post| bare.prepared(&post.text)).collect();
    let (ours, our_cost) = measure(|| texts.iter().map(|text| bare.tokenised(text).len()).sum::<usize>());
    let (tokens, their_cost) = measure(|| {
        texts
            .iter()
            .filter_map(|text| Some(theirs.encode_fast(text.as_str(), true).ok()?.len()))
            .sum::<usize>()
    });
    if ours != tokens {
        return Err(anyhow::anyhow!("the tokenisers cut differently: {ours} and {tokens} tokens").into());
    }
    figures.push(
        Figure::new("tokeniser", our_cost.per_cpu_second(texts.len()), "posts/CPU-s")
            .against("the tokenizers crate", their_cost.per_cpu_second(texts.len())),
    );
    Ok(())
}

/// The peer is built in with `--features peers` alone; the product does not carry it.
#[cfg(not(feature = "peers"))]
fn tokenising(posts: &[Post], bare: &Bare, _: &Paths, figures: &mut Vec<Figure>) -> Result<(), Failure> {
    let texts: Vec<String> = posts.iter().map(|post| bare.prepared(&post.text)).collect();
    let (_, cost) = measure(|| texts.iter().map(|text| bare.tokenised(text).len()).sum::<usize>());
    figures.push(Figure::new("tokeniser", cost.per_cpu_second(texts.len()), "posts/CPU-s"));
    Ok(())
}
