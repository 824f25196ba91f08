//! `streife bench [NAME]`: the benchmarks, each figure beside its peer's where there is one.
//!
//! A benchmark is one file here and one line in [`BENCHES`]. It returns figures and prints nothing itself. Costs are CPU
//! seconds of the process, not wall time: machines are shared. A ratio is given only where both sides gave equal results.

mod figure;

pub(crate) use figure::Figure;

use crate::cli::BenchArgs;
use crate::failure::{CommandResult, Failure, Outcome};
use crate::say;

/// A benchmark: its name, what it measures, and the function that measures.
struct Bench {
    name: &'static str,
    about: &'static str,
    run: fn(&BenchArgs) -> Result<Vec<Figure>, Failure>,
}

const BENCHES: &[Bench] = &[];

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
