//! Rules of the simple format beside Lucene Monitor (kinds that both have) and the Python baseline (all kinds).

use std::fmt::Write as _;
use std::process::Command;

use serde_json::{Value, json};
use streife_rules::baseline;
use streife_rules::mix::{Breadth, Mix};

use super::super::Figure;
use super::super::corpus::Corpus;
use super::super::python::{Baseline, Variant};
use super::{SEED, literals, peers};
use crate::cost::measure;

const RULES: usize = 10_000;
const POSTS: usize = 10_000;
/// Posts that Lucene Monitor matches at once; it is measured with each.
const LUCENE_BATCHES: [usize; 2] = [1, 100];

pub(super) fn run() -> anyhow::Result<Vec<Figure>> {
    let mut figures = beside_lucene()?;
    figures.extend(beside_python()?);
    Ok(figures)
}

fn beside_lucene() -> anyhow::Result<Vec<Figure>> {
    let mut mix = Mix::new(SEED);
    let rules: Vec<String> = (0..RULES).map(|id| mix.simple_rule(id, Breadth::Mixed, false)).collect();
    // Both sides get words with single spaces, so that what is a word is no question.
    let words = |text: &str| {
        let mut normal = String::new();
        baseline::normalise(text, &mut normal);
        let words = normal.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty());
        words.collect::<Vec<_>>().join(" ")
    };
    let texts: Vec<String> = (0..POSTS).map(|_| words(&mix.post())).collect();
    let compiled = baseline::compile(&rules.join("\n"))?;
    let mut scratch = baseline::BaselineScratch::default();
    let own = literals::own(&texts, |text, found| {
        compiled.matches_normal(text, &mut scratch).iter().for_each(|rule| found(*rule as usize));
    });
    let name = format!("{RULES} rules of four kinds");
    let Some(folder) = peers::folder().filter(|folder| folder.join("lucene/classes").is_dir()) else {
        return Ok(vec![Figure::new(name, own.posts_per_cpu_second(), "posts/CPU-s")]);
    };
    let data = tempfile::tempdir()?;
    let lines: anyhow::Result<Vec<String>> = rules.iter().map(|rule| tabbed(rule)).collect();
    std::fs::write(data.path().join("rules"), lines?.join("\n"))?;
    std::fs::write(data.path().join("texts"), texts.join("\n"))?;
    let classes = format!("{0}/lucene/classes:{0}/lucene/lib/*", folder.display());
    let mut figures = Vec::new();
    for batch in LUCENE_BATCHES {
        let run = peers::run(
            Command::new("java")
                .args(["-cp", &classes, "MonitorBench"])
                .args([data.path().join("rules"), data.path().join("texts")])
                .arg(batch.to_string()),
        )?;
        figures.extend(own.beside(&format!("{name}, batch {batch}"), &run)?);
    }
    Ok(figures)
}

/// A rule as the Java program reads it.
fn tabbed(rule: &str) -> anyhow::Result<String> {
    let rule: Value = serde_json::from_str(rule)?;
    let words = |key: &str, between: &str| {
        let all = rule[key].as_array().map(Vec::as_slice).unwrap_or_default();
        all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(between)
    };
    let kind = rule["kind"].as_str().unwrap_or_default();
    let mut line = format!("{}\t{kind}", rule["id"]);
    let _ = match kind {
        "bool" => write!(line, "\t{}\t{}\t{}", words("all", " "), words("any", " "), words("none", " ")),
        "near" => write!(line, "\t{}\t{}", rule["k"], words("terms", "\t")),
        _ => write!(line, "\t{}", words("terms", "\t")),
    };
    Ok(line)
}

/// Of the Python run only the stages count that do what is measured here.
fn beside_python() -> anyhow::Result<Vec<Figure>> {
    let mut mix = Mix::new(SEED);
    let rules: Vec<String> = (0..RULES).map(|id| mix.simple_rule(id, Breadth::Mixed, true)).collect();
    let posts: Vec<String> = (0..POSTS).map(|_| mix.post()).collect();
    let events = posts.iter().enumerate().map(|(at, text)| {
        json!({"did": "did:plc:mix", "time_us": 1, "commit": {"rkey": format!("{at:08}"), "record": {"text": text}}})
            .to_string()
    });
    let corpus = Corpus { events: events.collect(), rules: rules.join("\n") };
    let compiled = baseline::compile(&corpus.rules)?;
    let (mut hits, mut digest, mut best) = (0, 0, f64::MAX);
    for _ in 0..super::ROUNDS {
        let mut scratch = baseline::BaselineScratch::default();
        let mut seen = std::collections::HashSet::new();
        let mut normal = String::new();
        (hits, digest) = (0, 0);
        let mut found: Vec<(usize, u64)> = Vec::new();
        let ((), cost) = measure(|| {
            for (at, text) in posts.iter().enumerate() {
                baseline::normalise(text, &mut normal);
                if seen.insert(baseline::text_key(&normal)) {
                    found.extend(
                        compiled.matches_normal(&normal, &mut scratch).iter().map(|rule| (at, *rule)),
                    );
                }
            }
        });
        best = best.min(cost.cpu_seconds);
        for (at, rule) in found {
            hits += 1;
            digest ^= baseline::digest_of(&format!("did:plc:mix/{at:08}"), rule);
        }
    }
    let name = format!("{RULES} rules of six kinds, with normalising and exact repetitions");
    let figure = Figure::new(name, POSTS as f64 / best, "posts/CPU-s");
    let Some(python) = Baseline::open(&corpus)? else { return Ok(vec![figure]) };
    let run = python.run(Variant::Tuned, POSTS)?;
    let digest = format!("{digest:016x}");
    anyhow::ensure!(
        (hits, &digest) == (run.hits, &run.digest),
        "the Python baseline found {} ({}), we {hits} ({digest})",
        run.hits,
        run.digest
    );
    let engine_share = run.engine_micros_per_post();
    Ok(vec![figure.against("tuned Python, its stages normalise, dedupe and rules", 1e6 / engine_share)])
}
