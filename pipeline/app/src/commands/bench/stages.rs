//! What each stage of the path costs by itself, one post after the other on one thread, over the same posts.

use std::collections::HashMap;
use std::num::NonZeroUsize;

use streife_domain::{PseudonymKey, ScoredRecord, Timestamp};
use streife_log::{Message, Record};
use streife_rules::Scratch;
use streife_runtime::collect::event_record;
use streife_runtime::{
    Analyser, Incoming, Passage, PictureFacts, ScoreContext, ScoreState, Workers, decode, names, score_batch,
};
use streife_sdk::ParseContext;
use streife_store::{BatchLimits, Batcher, LogPosition, Rows, Store};
use streife_text::duplicate::CampaignIndex;

use super::corpus::Corpus;
use super::pipeline::{EVENTS_PER_OBSERVATION, observation};
use crate::cost::measure;
use crate::roles::engine_process::EngineProcess;

/// The posts each stage sees.
const POSTS: usize = 20_000;

/// A stage and its cost.
pub(crate) struct Stage {
    pub(crate) name: &'static str,
    pub(crate) micros_per_post: f64,
}

/// Measures all stages.
pub(crate) fn costs(corpus: &Corpus, analyser: &Analyser) -> anyhow::Result<Vec<Stage>> {
    let events = &corpus.events[..corpus.events.len().min(POSTS)];
    let count = events.len();
    let mut stages = Vec::new();
    let mut note = |name, cpu_seconds: f64| {
        stages.push(Stage { name, micros_per_post: cpu_seconds * 1e6 / count as f64 });
    };

    let observations: Vec<_> = events.chunks(EVENTS_PER_OBSERVATION).map(observation).collect();
    let context = ParseContext::new("bench");
    let (parsed, cost) = measure(|| {
        observations
            .iter()
            .flat_map(|seen| streife_bluesky::jetstream::parse(seen, &context).events)
            .collect::<Vec<_>>()
    });
    note("parse the event", cost.cpu_seconds);

    let (records, cost) =
        measure(|| parsed.iter().map(|event| event_record(&event.event, &event.raw)).collect::<Vec<_>>());
    note("write the record", cost.cpu_seconds);

    let messages: Vec<Message> = (0..)
        .zip(records)
        .map(|(offset, record)| Message {
            topic: names::RAW.to_owned(),
            partition: 0,
            offset,
            timestamp_ms: 0,
            record,
        })
        .collect();
    let now = Timestamp::from_millis(1_725_911_200_000);
    let (decoded, cost) = measure(|| messages.iter().map(|message| decode(message, now)).collect::<Vec<_>>());
    note("read the record", cost.cpu_seconds);
    let posts: Vec<_> = decoded
        .into_iter()
        .map(|result| match result {
            Ok(Incoming::Post(event)) => Ok(event),
            other => Err(anyhow::anyhow!("not a post: {other:?}")),
        })
        .collect::<Result<_, _>>()?;

    let (_, cost) = measure(|| {
        posts
            .iter()
            .map(|post| analyser.identifier().identify(&post.text))
            .fold(0, |sum, l| sum + l.code.len())
    });
    note("language", cost.cpu_seconds);

    let languages: Vec<_> = posts.iter().map(|post| analyser.identifier().identify(&post.text)).collect();
    let (_, cost) = measure(|| {
        let passes =
            |(text, language)| analyser.models().gate(text, language).is_some_and(|gate| gate.passes);
        posts.iter().map(|post| post.text.as_str()).zip(&languages).filter(|pair| passes(*pair)).count()
    });
    note("gate", cost.cpu_seconds);

    let mut scratch = Scratch::default();
    let (analyses, cost) = measure(|| {
        posts
            .iter()
            .map(|post| {
                let passage = Passage {
                    text: &post.text,
                    tags: &post.tags,
                    links: &post.links,
                    platform: &post.platform,
                    source: &post.source,
                    kind: post.kind,
                    pictures: PictureFacts::NONE,
                };
                analyser.analyse(&passage, &mut scratch)
            })
            .collect::<Vec<_>>()
    });
    // Language and gate are in it; what is left is fields, folding, rules, signature and the verdict.
    let so_far: f64 = stages_named(&stages, &["language", "gate"]);
    stages.push(Stage {
        name: "rules, signature, verdict",
        micros_per_post: (cost.cpu_seconds * 1e6 / count as f64 - so_far).max(0.0),
    });
    let mut campaigns = CampaignIndex::new(1 << 18);
    let ((), cost) = measure(|| {
        for analysis in &analyses {
            let _ = campaigns.assign(&analysis.signature);
        }
    });
    stages.push(Stage { name: "campaign", micros_per_post: cost.cpu_seconds * 1e6 / count as f64 });
    drop(analyses);

    let output = score_batch(
        &messages,
        &ScoreContext { analyser, pseudonyms: &PseudonymKey::new([7; 32]), legal: &HashMap::new(), now },
        &mut ScoreState::default(),
        &mut Workers::new(NonZeroUsize::MIN),
    );
    let mut note = |name, cpu_seconds: f64| {
        stages.push(Stage { name, micros_per_post: cpu_seconds * 1e6 / count as f64 });
    };
    let (outcomes, cost) = measure(|| {
        let read = |record: &Record| serde_json::from_slice::<ScoredRecord>(&record.value);
        output.scored.iter().map(read).collect::<Result<Vec<_>, _>>()
    });
    let outcomes = outcomes?;
    note("read the outcome", cost.cpu_seconds);
    let (written, cost) = measure(|| outcomes.iter().map(serde_json::to_vec).collect::<Vec<_>>());
    note("write the outcome", cost.cpu_seconds);
    drop(written);

    let mut batcher =
        Batcher::new(BatchLimits { rows: usize::MAX, bytes: usize::MAX, ..BatchLimits::default() });
    let ((), cost) = measure(|| {
        for (offset, outcome) in (0..).zip(&outcomes) {
            let at = LogPosition { topic: names::SCORED.to_owned(), partition: 0, offset };
            batcher.push(at, Rows::of_scored(outcome), 0, now);
        }
    });
    note("rows", cost.cpu_seconds);
    if let Some(batch) = batcher.take() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let folder = tempfile::tempdir()?;
        let (engine, store) = runtime.block_on(async {
            let engine = EngineProcess::start(folder.path(), true).await?;
            let store = Store::connect(engine.store_config())?;
            store.migrate().await?;
            anyhow::Ok((engine, store))
        })?;
        let (inserted, cost) = measure(|| runtime.block_on(store.write(&batch, "bench")));
        inserted?;
        note("insert", cost.cpu_seconds);
        runtime.block_on(engine.stop());
    }
    Ok(stages)
}

fn stages_named(stages: &[Stage], names: &[&str]) -> f64 {
    stages.iter().filter(|stage| names.contains(&stage.name)).map(|stage| stage.micros_per_post).sum()
}
