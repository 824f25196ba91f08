//! `streife doctor`: what is wrong with this machine or configuration, one line each with a fix.
//!
//! Facts are gathered here, with IO; [`checks`] judges them, purely. What cannot be looked at (no broker is configured) is
//! not mentioned.

mod checks;
mod pictures;
mod services;

use std::fs;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use serde::Serialize;
use streife_domain::Timestamp;

use crate::cli::ConfigArg;
use crate::config::{self, Config};
use crate::desk::evidence::OUTBOX;
use crate::failure::{CommandResult, Outcome};
use crate::paths::Paths;
use crate::say::{self, tr};
use crate::{open, parts, roles};

/// One line of the report.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
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
    let mut findings = local(&config, &paths);
    roles::block_on(async {
        findings.extend(services::check(&config, &paths).await);
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

fn local(config: &Config, paths: &Paths) -> Vec<Finding> {
    let mut findings = vec![
        checks::disk(free_bytes(&existing(&paths.data))),
        checks::data_folder(&paths.data),
        checks::clock(open::clock().now()),
        checks::memory(memory_limit(), config),
        checks::open_files(&fs::read_to_string("/proc/self/limits").unwrap_or_default()),
        checks::secrets(&secret_files(config)),
        checks::pseudonym_key(paths, config),
        checks::tls(config),
        checks::listening(config),
        checks::retention(config, &open::topics(config.log.replication).unwrap_or_default()),
        checks::sources(config),
        checks::contact(config),
        checks::time_stamps(config),
    ];
    findings.extend(checks::notices(config, &paths.data.join(OUTBOX), system_time(open::clock().now())));
    findings.extend(pictures::check(config));
    findings.extend(checks::ports(config));
    findings.extend(checks::websub(config));
    findings.extend(checks::rules(&paths.rules));
    findings.push(Finding::of(
        "models",
        models(paths),
        "take the folder models/ of the release, see `streife models verify`",
    ));
    match parts::pinned() {
        Ok(pinned) => findings.extend(pinned.iter().filter(|part| !part.optional).map(|part| {
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
    findings.push(golden(config, paths));
    findings
}

fn system_time(at: Timestamp) -> SystemTime {
    SystemTime::UNIX_EPOCH + Duration::from_micros(at.as_micros().unsigned_abs())
}

/// The folder, or the nearest one above it that exists.
fn existing(folder: &Path) -> PathBuf {
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    absolute.ancestors().find(|path| path.exists()).map_or_else(|| PathBuf::from("/"), Path::to_owned)
}

/// Free bytes for this user, by `df`.
fn free_bytes(folder: &Path) -> Option<u64> {
    let output = std::process::Command::new("df").args(["-Pk"]).arg(folder).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    let kilobytes = text.lines().nth(1)?.split_whitespace().nth(3)?.parse::<u64>().ok()?;
    Some(kilobytes * 1024)
}

/// What this process may use: the limit of its control group, else the machine's memory.
fn memory_limit() -> Option<u64> {
    let of_group =
        fs::read_to_string("/sys/fs/cgroup/memory.max").ok().and_then(|text| text.trim().parse().ok());
    let of_machine = fs::read_to_string("/proc/meminfo").ok().and_then(|text| {
        let line = text.lines().find_map(|line| line.strip_prefix("MemTotal:"))?;
        Some(line.split_whitespace().next()?.parse::<u64>().ok()? * 1024)
    });
    [of_group, of_machine].into_iter().flatten().min()
}

/// Files of the configuration that hold secrets.
fn secret_files(config: &Config) -> Vec<PathBuf> {
    use streife_sdk::SecretSource;
    let of = |secret: &Option<SecretSource>| match secret {
        Some(SecretSource::File(path)) => Some(path.clone()),
        _ => None,
    };
    let kafka = &config.kafka;
    [
        of(&config.clickhouse.password),
        of(&config.desk.database_url),
        of(&config.evidence.mail_server),
        kafka.password_file.clone(),
        kafka.key_file.clone(),
        kafka.key_password_file.clone(),
    ]
    .into_iter()
    .flatten()
    .chain(config.evidence.time_stamp.iter().filter_map(|service| of(&service.authorization)))
    .collect()
}

fn models(paths: &Paths) -> Result<String, String> {
    let listed = streife_scoring::list(&paths.models).map_err(|e| e.to_string())?;
    let names: Result<Vec<String>, _> =
        listed.into_iter().map(|model| model.map(|model| model.name)).collect();
    names.map(|names| names.join(", ")).map_err(|e| e.to_string())
}

/// Do the models still give the scores they were released with, on this machine?
fn golden(config: &Config, paths: &Paths) -> Finding {
    let options = streife_scoring::OpenOptions {
        models: &paths.models,
        parts: &paths.parts,
        encoder: config.scoring.encode != "none",
        device: config.scoring.device.parse().unwrap_or(streife_scoring::Device::Cpu),
        sessions: 1,
    };
    let result = match streife_scoring::verify(&options) {
        Ok(checks) => match checks.iter().find(|check| !check.ok) {
            None => Ok(format!("{} {}", checks.len(), tr("Prüfungen", "checks"))),
            Some(check) => Err(format!("{} {}: {}", check.model, check.step, check.detail)),
        },
        Err(error) => Err(error.to_string()),
    };
    Finding::of(
        "golden scores",
        result,
        "the model's files or the runtime differ from the release: take them again (`streife setup`, models/), or another device",
    )
}
