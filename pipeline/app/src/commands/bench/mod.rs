//! `streife bench [NAME]`: the benchmarks, each figure beside its peer's where there is one.
//!
//! A benchmark is one file here and one line in [`BENCHES`]. It returns figures and prints nothing itself. Costs are CPU
//! seconds of the process, not wall time: machines are shared. A ratio is given only where both sides gave equal results.

mod backtest;
mod corpus;
mod desk;
mod encoder;
pub(crate) mod evidence;
mod figure;
mod gated;
mod latency;
mod media;
mod parse;
mod pipeline;
mod python;
mod replay;
mod rules;
mod soak;
mod stages;
mod store;
mod whole_path;

pub(crate) use figure::Figure;

use std::num::NonZeroUsize;
use std::sync::Arc;

use streife_rules::RuleSet;
use streife_runtime::{Analyser, Encode};

use crate::cli::BenchArgs;
use crate::config::Config;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::open::{self, ScoringChoice};
use crate::paths::Paths;
use crate::say;

/// A benchmark: its name, what it measures, and the function that measures.
struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn(&BenchArgs) -> Result<Vec<Figure>, Failure>,
}

const BENCHES: &[Bench] = &[
    Bench {
        name: "pipeline",
        about: "the whole path without the encoder, beside its stages and the Python baseline",
        run: pipeline::run,
    },
    Bench {
        name: "latency",
        about: "from an accepted post to one that the desk shows, at half of what the machine carries",
        run: latency::run,
    },
    Bench {
        name: "parse",
        about: "connectors: Jetstream events, feeds, forum pages, articles; HTML to text beside scraper",
        run: parse::run,
    },
    Bench {
        name: "replay",
        about: "a Jetstream on loopback into the log on disk: 5,000 events a second for two and a half minutes, then all it can",
        run: replay::run,
    },
    Bench {
        name: "rules",
        about: "the rule engine alone at 1,000 to 250,000 rules, beside Lucene Monitor, Hyperscan, Aho-Corasick and Python",
        run: rules::run,
    },
    Bench {
        name: "backtest",
        about: "rules over ten million stored posts in the embedded engine, hits equal to ClickHouse's own count",
        run: backtest::run,
    },
    Bench {
        name: "encoder",
        about: "encoder, gate, language and tokeniser, beside a bare ONNX Runtime loop, whatlang and (with --features peers) tokenizers",
        run: encoder::run,
    },
    Bench {
        name: "gated",
        about: "the whole path with 5 and 20 % of the posts encoded, beside the Python baseline with the same model",
        run: gated::run,
    },
    Bench {
        name: "store",
        about: "writing into the embedded engine beside plain inserts of the same rows, and erasing from it",
        run: store::run,
    },
    Bench {
        name: "media",
        about: "perceptual hashes: pictures hashed, look-ups in a bank of ten million beside comparing with every hash",
        run: media::run,
    },
    Bench {
        name: "desk",
        about: "two hundred reviewers on one queue of a million flagged posts: nothing twice, no claim lost, and how long it takes",
        run: desk::run,
    },
    Bench {
        name: "evidence",
        about: "from a reviewer's suspicion to the sealed case at 500 an hour, with Chromium and two time-stamp services of openssl",
        run: evidence::run,
    },
    Bench {
        name: "soak",
        about: "500 posts a second with bursts of 15,000 through log, workers and engine of one machine: nothing lost, memory flat",
        run: soak::run,
    },
];

pub(crate) fn run(args: &BenchArgs, json: bool) -> CommandResult {
    let chosen: Vec<&Bench> = match &args.name {
        None => BENCHES.iter().collect(),
        Some(name) => BENCHES.iter().filter(|bench| bench.name == name).collect(),
    };
    if chosen.is_empty() {
        let known: Vec<_> = BENCHES.iter().map(|bench| bench.name).collect();
        let name = args.name.as_deref().unwrap_or_default();
        return Err(Failure::usage(format!(
            "there is no benchmark {name:?}; there are {}",
            known.join(", ")
        )));
    }
    if !json {
        say::line(&crate::cost::machine());
    }
    for bench in chosen {
        if !json {
            say::line(&format!("{}: {}", bench.name, bench.about));
        }
        for figure in (bench.run)(args)? {
            figure.print(bench.name, json)?;
        }
    }
    Ok(Outcome::Fine)
}

/// Language, gate and rules of this installation, the encoder left out.
pub(crate) fn analyser_without_encoder(rules: Arc<RuleSet>) -> Result<Arc<Analyser>, Failure> {
    let paths = Paths::new(&Config::default(), None);
    let choice = ScoringChoice {
        models: Some(&paths.models),
        parts: &paths.parts,
        encode: Encode::None,
        device: "cpu",
        sessions: NonZeroUsize::MIN,
    };
    open::analyser(&choice, rules).map(Arc::new)
}
