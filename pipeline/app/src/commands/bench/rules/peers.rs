//! Other engines as programs of their own, built by `pipeline/rules/benches/side-by-side`; nothing of them is in this
//! binary.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context, ensure};
use serde::Deserialize;

use super::super::Figure;
use crate::say;

/// What a peer says of a run.
#[derive(Debug, Deserialize)]
pub(super) struct PeerRun {
    engine: String,
    hits: u64,
    digest: String,
    cpu_s: f64,
    build_s: f64,
    megabytes: f64,
}

/// Our own run over the same.
pub(super) struct OwnRun {
    pub(super) posts: usize,
    pub(super) hits: u64,
    pub(super) digest: u64,
    pub(super) cpu_s: f64,
}

impl OwnRun {
    pub(super) fn posts_per_cpu_second(&self) -> f64 {
        self.posts as f64 / self.cpu_s.max(f64::EPSILON)
    }

    /// Our figure beside the peer's, which must have found the same.
    pub(super) fn beside(&self, name: &str, peer: &PeerRun) -> anyhow::Result<Vec<Figure>> {
        let digest = format!("{:016x}", self.digest);
        ensure!(
            (self.hits, &digest) == (peer.hits, &peer.digest),
            "{name}: {} found {} ({}), we {} ({digest})",
            peer.engine,
            peer.hits,
            peer.digest,
            self.hits
        );
        let engine = &peer.engine;
        Ok(vec![
            Figure::new(name, self.posts_per_cpu_second(), "posts/CPU-s")
                .against(engine.clone(), self.posts as f64 / peer.cpu_s.max(f64::EPSILON)),
            Figure::new(format!("{name}: {engine} builds in"), peer.build_s, "CPU-s"),
            Figure::new(format!("{name}: {engine} holds"), peer.megabytes, "MB"),
        ])
    }
}

/// Where the peers were built; `None`, and a word of it, when they were not.
pub(super) fn folder() -> Option<PathBuf> {
    let folder = std::env::var_os("STREIFE_BENCH_PEERS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/streife/bench-rules")))?;
    if folder.join("streife-rules-peers").is_file() {
        return Some(folder);
    }
    say::note("other engines are not built (pipeline/rules/benches/side-by-side): figures without a peer");
    None
}

/// Runs a program and reads its one line.
pub(super) fn run(command: &mut Command) -> anyhow::Result<PeerRun> {
    let output = command.output().with_context(|| format!("{command:?}"))?;
    ensure!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    serde_json::from_slice(&output.stdout).with_context(|| format!("the report of {command:?}"))
}

/// What one hit adds to the digest that all peers share.
pub(super) fn mixed(text: usize, rule: usize) -> u64 {
    let key = (text as u64) << 32 ^ rule as u64 ^ 0xa076_1d64_78bd_642f;
    let product = u128::from(key) * 0xe703_7ed1_a0b4_28db_u128;
    product as u64 ^ (product >> 64) as u64
}
