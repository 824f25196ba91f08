//! `streife doctor`: what is wrong with this machine or configuration, one line each with a fix.

use std::process::Command;

use serde::Serialize;
use streife_domain::Timestamp;

use crate::cli::ConfigArg;
use crate::config::{self, Config, LogKind};
use crate::failure::{CommandResult, Outcome};
use crate::paths::Paths;
use crate::say::{self, tr};
use crate::{open, parts, roles};

/// Less free disk than this stops a site within days.
const MIN_FREE_BYTES: u64 = 10 << 30;
/// A clock before this build's year is wrong.
const EARLIEST_PLAUSIBLE: Timestamp = Timestamp::from_secs(1_767_225_600);

#[derive(Serialize)]
struct Finding {
    check: &'static str,
    ok: bool,
    detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn of(check: &'static str, result: Result<String, String>, fix: &str) -> Self {
        match result {
            Ok(detail) => Self { check, ok: true, detail, fix: None },
            Err(detail) => Self { check, ok: false, detail, fix: Some(fix.to_owned()) },
        }
    }
}

pub(crate) fn run(args: &ConfigArg, json: bool) -> CommandResult {
    let config = config::load(args.config.as_deref())?;
    let paths = Paths::new(&config, None);
    let mut findings = local(&paths);
    roles::block_on(async {
        findings.extend(remote(&config, &paths).await);
        Ok(())
    })?;
    for finding in &findings {
        if json {
            say::json(finding)?;
        } else {
            let mark = if finding.ok { "ok  " } else { tr("FEHLT", "WRONG") };
            let fix = finding.fix.as_ref().map(|fix| format!(" -> {fix}")).unwrap_or_default();
            say::line(&format!("{mark} {}: {}{fix}", finding.check, finding.detail));
        }
    }
    Ok(Outcome::fine_if(findings.iter().all(|finding| finding.ok)))
}

fn local(paths: &Paths) -> Vec<Finding> {
    let mut findings = vec![
        Finding::of("disk", free_disk(paths), "free disk space, or name another folder in paths.data"),
        Finding::of("clock", clock(), "set the clock, start chrony or systemd-timesyncd"),
        Finding::of("rules", rules(paths), "run `streife rules check` and mend the rules named there"),
        Finding::of(
            "models",
            models(paths),
            "take the folder models/ of the release, see `streife models verify`",
        ),
    ];
    match parts::pinned() {
        Ok(pinned) => findings.extend(pinned.iter().map(|part| {
            let result = part
                .verify(&paths.parts)
                .map(|()| format!("{} {}", part.name, part.version))
                .map_err(|e| format!("{e:#}"));
            Finding::of("native part", result, "run `streife setup`")
        })),
        Err(error) => {
            findings.push(Finding::of("native part", Err(format!("{error:#}")), "reinstall Streife"));
        }
    }
    findings
}

fn free_disk(paths: &Paths) -> Result<String, String> {
    let folder = if paths.data.exists() { paths.data.clone() } else { std::path::PathBuf::from(".") };
    let output = Command::new("df").args(["-Pk"]).arg(&folder).output().map_err(|e| e.to_string())?;
    let text = String::from_utf8_lossy(&output.stdout);
    let free = text
        .lines()
        .nth(1)
        .and_then(|line| line.split_whitespace().nth(3))
        .and_then(|kb| kb.parse::<u64>().ok());
    match free.map(|kb| kb * 1024) {
        Some(bytes) if bytes >= MIN_FREE_BYTES => Ok(format!("{} GB {}", bytes >> 30, tr("frei", "free"))),
        Some(bytes) => Err(format!("{} MB {}", bytes >> 20, tr("frei", "free"))),
        None => Err(format!("df {}", folder.display())),
    }
}

fn clock() -> Result<String, String> {
    let now = open::clock().now();
    if now >= EARLIEST_PLAUSIBLE { Ok(now.to_string()) } else { Err(now.to_string()) }
}

fn rules(paths: &Paths) -> Result<String, String> {
    let compiled = open::compile_rules(&paths.rules).map_err(|e| format!("{e:#}"))?;
    match compiled.problems.iter().find(|problem| problem.is_error()) {
        Some(problem) => Err(open::describe(problem)),
        None => Ok(format!("{} {}", compiled.set.rules().len(), tr("Regeln", "rules"))),
    }
}

fn models(paths: &Paths) -> Result<String, String> {
    let listed = streife_scoring::list(&paths.models).map_err(|e| e.to_string())?;
    let names: Result<Vec<String>, _> =
        listed.into_iter().map(|model| model.map(|model| model.name)).collect();
    names.map(|names| names.join(", ")).map_err(|e| e.to_string())
}

async fn remote(config: &Config, paths: &Paths) -> Vec<Finding> {
    let mut findings = Vec::new();
    if config.log.kind == LogKind::Kafka {
        let result = open::log(config, paths)
            .await
            .map(|_| config.kafka.brokers.join(","))
            .map_err(|f| format!("{:#}", f.error));
        findings.push(Finding::of(
            "broker",
            result,
            "check kafka.brokers, the network and the broker's own log",
        ));
    }
    if let Some(url) = &config.clickhouse.url {
        let result = match open::store(config) {
            Ok(store) => store.ping().await.map(|()| url.clone()).map_err(|e| e.to_string()),
            Err(failure) => Err(format!("{:#}", failure.error)),
        };
        findings.push(Finding::of("database", result, "check clickhouse.url, user and password"));
    }
    findings
}
