//! The dependency rules of ARCHITECTURE.md over `cargo metadata`.

use std::process::Command;

use anyhow::{Context, ensure};
use serde_json::Value;

/// Crates that only one member may depend on: (crate, member).
const ONLY: [(&str, &str); 6] = [
    ("rdkafka", "streife-log"),
    ("fjall", "streife-log"),
    ("clickhouse", "streife-store"),
    ("libloading", "streife-store"),
    ("ort", "streife-scoring"),
    ("sqlx", "streife-cases"),
];

/// Members that do no IO and must not reach for it.
const PURE: [&str; 3] = ["streife-domain", "streife-text", "streife-rules"];
const IO: [&str; 5] = ["tokio", "reqwest", "axum", "rdkafka", "clickhouse"];

/// One line for each rule broken.
pub(crate) fn check() -> anyhow::Result<Vec<String>> {
    let output = Command::new("cargo")
        .args(["metadata", "--format-version", "1", "--no-deps", "--locked"])
        .output()?;
    ensure!(output.status.success(), "cargo metadata: {}", String::from_utf8_lossy(&output.stderr));
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    // Folders above the workspace have names of their own, and no meaning here.
    let root = metadata["workspace_root"].as_str().unwrap_or_default();
    let packages = metadata["packages"].as_array().context("no packages in cargo metadata")?;
    let mut problems = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let path = package["manifest_path"].as_str().unwrap_or_default();
        let path = path.strip_prefix(root).unwrap_or(path);
        // A test may use whatever it needs; the rules are about what ships.
        let dependencies: Vec<&str> = package["dependencies"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|dependency| dependency["kind"].is_null())
            .filter_map(|dependency| dependency["name"].as_str())
            .collect();
        problems.extend(broken(name, path, &dependencies));
    }
    Ok(problems)
}

fn broken(name: &str, path: &str, dependencies: &[&str]) -> Vec<String> {
    let mut problems = Vec::new();
    let uses = |dependency: &str| dependencies.contains(&dependency);
    if uses("streife-app") {
        problems.push(format!("{name} depends on streife-app; nothing may"));
    }
    for (dependency, member) in ONLY {
        if name != member && uses(dependency) {
            problems.push(format!("{name} depends on {dependency}; only {member} may"));
        }
    }
    if PURE.contains(&name) {
        problems.extend(
            IO.iter().filter(|io| uses(io)).map(|io| format!("{name} depends on {io}; it does no IO")),
        );
    }
    if path.contains("/connectors/") {
        let allowed = ["streife-domain", "streife-sdk"];
        problems.extend(
            dependencies
                .iter()
                .filter(|dependency| dependency.starts_with("streife-") && !allowed.contains(dependency))
                .map(|dependency| {
                    format!("{name} depends on {dependency}; connectors know domain and sdk only")
                }),
        );
    }
    if path.contains("/desk/") && uses("streife-log") {
        problems.push(format!("{name} depends on streife-log; the desk never touches the log"));
    }
    problems
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_rule_can_be_broken() {
        assert_eq!(broken("streife-web", "/r/desk/web/Cargo.toml", &["streife-log"]).len(), 1);
        assert_eq!(
            broken("streife-feed", "/r/connectors/feed/Cargo.toml", &["streife-store", "clickhouse"]).len(),
            2
        );
        assert_eq!(broken("streife-text", "/r/pipeline/text/Cargo.toml", &["tokio"]).len(), 1);
        assert_eq!(broken("streife-log", "/r/pipeline/log/Cargo.toml", &["rdkafka", "tokio"]).len(), 0);
    }
}
