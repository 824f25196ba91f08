//! Whole words among many terms (`raw:word` rules), beside Hyperscan and the Aho-Corasick crates: all get the same normalised texts, and
//! all must name the terms of each text.

use std::process::Command;

use streife_rules::mix::{Breadth, Mix};
use streife_rules::{PostView, Scratch, baseline};

use super::super::Figure;
use super::peers::{self, OwnRun, mixed};
use super::{ROUNDS, SEED};
use crate::cost::measure;

const POSTS: usize = 20_000;
const TERMS: [usize; 2] = [10_000, 50_000];
const ENGINES: [&str; 3] = ["hyperscan", "daachorse", "aho-corasick"];

pub(super) fn run() -> anyhow::Result<Vec<Figure>> {
    let mut figures = Vec::new();
    let folder = peers::folder();
    for count in TERMS {
        let mut mix = Mix::new(SEED);
        let mut terms: Vec<String> = (0..count * 2).map(|_| mix.word(Breadth::Mixed)).collect();
        terms.sort_unstable();
        terms.dedup();
        terms.truncate(count);
        let mut normal = String::new();
        let texts: Vec<String> = (0..POSTS)
            .map(|_| {
                baseline::normalise(&mix.post(), &mut normal);
                normal.clone()
            })
            .collect();
        let rules = terms.iter().enumerate().map(|(id, term)| {
            format!("---\nid: w-{id:06}\npurpose: demonstration\nlegal_basis: none\nreview_by: 2027-01-31\nwhen: 'raw:{term}'\ntests: [{{text: x, expect: miss}}]\n")
        });
        let set = super::compile(&rules.collect::<String>())?;
        let (mut scratch, mut matched) = (Scratch::default(), Vec::new());
        let own = own(&texts, |text, found| {
            set.matching(&PostView { text, ..PostView::default() }, &mut scratch, &mut matched);
            matched.iter().for_each(|rule| found(*rule as usize));
        });
        let name = format!("{} whole words", terms.len());
        let Some(folder) = &folder else {
            figures.push(Figure::new(name, own.posts_per_cpu_second(), "posts/CPU-s"));
            continue;
        };
        let data = tempfile::tempdir()?;
        std::fs::write(data.path().join("terms"), terms.join("\n"))?;
        std::fs::write(data.path().join("texts"), texts.join("\n"))?;
        for engine in ENGINES {
            let run = peers::run(
                Command::new(folder.join("streife-rules-peers"))
                    .arg(engine)
                    .args([data.path().join("terms"), data.path().join("texts")])
                    .arg(ROUNDS.to_string()),
            )?;
            figures.extend(own.beside(&name, &run)?);
        }
    }
    Ok(figures)
}

/// Our engine over texts; `matches` calls back with each rule that a text matches.
pub(super) fn own(texts: &[String], mut matches: impl FnMut(&str, &mut dyn FnMut(usize))) -> OwnRun {
    let mut best = OwnRun { posts: texts.len(), hits: 0, digest: 0, cpu_s: f64::MAX };
    for _ in 0..ROUNDS {
        let ((hits, digest), cost) = measure(|| {
            let (mut hits, mut digest) = (0, 0);
            for (at, text) in texts.iter().enumerate() {
                matches(text, &mut |rule| {
                    hits += 1;
                    digest ^= mixed(at, rule);
                });
            }
            (hits, digest)
        });
        best = OwnRun { hits, digest, cpu_s: best.cpu_s.min(cost.cpu_seconds), ..best };
    }
    best
}
