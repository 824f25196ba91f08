//! The judgements: facts in, a finding out. Each names what to do.

use std::fs;
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use streife_domain::Timestamp;
use streife_log::{KafkaSecurity, Retention, Topic};
use streife_rules::State;

use super::Finding;
use crate::config::{self, Config, LogKind};
use crate::desk::evidence::{REFUSED, notices as lying_in};
use crate::open;
use crate::paths::Paths;
use crate::roles::collect;
use crate::say::tr;

/// A notice of a hand-over that lies longer reaches nobody.
const NOTICE_PATIENCE: Duration = Duration::from_secs(86_400);
/// Less free disk than this stops a site within days.
const MIN_FREE_BYTES: u64 = 10 << 30;
/// ClickHouse refuses inserts when its disk is full; a tenth is the time to act.
const MIN_FREE_SHARE: f64 = 0.1;
/// A clock before this build's year is wrong.
const EARLIEST_PLAUSIBLE: Timestamp = Timestamp::from_secs(1_767_225_600);
/// Clocks further apart make deadlines and latencies wrong.
const MAX_CLOCK_DIFFERENCE_SECS: i64 = 5;
/// A worker without and with the encoder.
const MIN_MEMORY_BYTES: u64 = 400 << 20;
const MIN_MEMORY_ENCODER_BYTES: u64 = 1_200 << 20;
/// A role holds a connection for each source, broker and browser.
const MIN_OPEN_FILES: u64 = 4_096;
/// Hex digits of the pseudonym key.
const KEY_DIGITS: usize = 64;
/// Secrets mounted by a container runtime are readable inside it; the runtime keeps others out.
const RUNTIME_SECRETS: &str = "/run/secrets";
/// Services that must stamp a seal, so that none of them has to be trusted alone.
const MIN_TIME_STAMPS: usize = 2;

pub(super) fn disk(free_bytes: Option<u64>) -> Finding {
    let result = match free_bytes {
        Some(bytes) if bytes >= MIN_FREE_BYTES => Ok(format!("{} GB {}", bytes >> 30, tr("frei", "free"))),
        Some(bytes) => Err(format!("{} MB {}", bytes >> 20, tr("frei", "free"))),
        None => Err(tr("unbekannt", "unknown").to_owned()),
    };
    Finding::of("disk", result, "free disk space, or name another folder in paths.data")
}

pub(super) fn data_folder(folder: &Path) -> Finding {
    let result = match std::fs::metadata(folder) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(format!("{} {}", folder.display(), tr("wird angelegt", "will be made")))
        }
        Err(error) => Err(format!("{}: {error}", folder.display())),
        Ok(found) if !found.is_dir() => Err(format!("{} is no folder", folder.display())),
        Ok(found) if found.permissions().mode() & 0o007 != 0 => {
            Err(format!("{} is open to all users of this machine", folder.display()))
        }
        Ok(found) if found.permissions().readonly() => Err(format!("{} is read-only", folder.display())),
        Ok(_) => Ok(folder.display().to_string()),
    };
    Finding::of("data folder", result, "chmod 0700 the folder and give it to the user that runs Streife")
}

pub(super) fn clock(now: Timestamp) -> Finding {
    let result = if now >= EARLIEST_PLAUSIBLE { Ok(now.to_string()) } else { Err(now.to_string()) };
    Finding::of("clock", result, "set the clock, start chrony or systemd-timesyncd")
}

pub(super) fn clocks_agree(here: Timestamp, server: Result<Timestamp, String>) -> Finding {
    let result = server.and_then(|server| {
        let difference = here.as_secs() - server.as_secs();
        let told = format!("{difference} s {}", tr("Abstand zur Datenbank", "between here and the database"));
        if difference.abs() <= MAX_CLOCK_DIFFERENCE_SECS { Ok(told) } else { Err(told) }
    });
    Finding::of("clocks", result, "let both machines follow the same time servers (chrony)")
}

pub(super) fn memory(limit: Option<u64>, config: &Config) -> Finding {
    let needed = if config.scoring.encode == "none" { MIN_MEMORY_BYTES } else { MIN_MEMORY_ENCODER_BYTES };
    let result = match limit {
        Some(bytes) if bytes >= needed => Ok(format!("{} MB", bytes >> 20)),
        Some(bytes) => Err(format!("{} MB; score needs {} MB", bytes >> 20, needed >> 20)),
        None => Ok(tr("keine Grenze bekannt", "no limit known").to_owned()),
    };
    Finding::of("memory", result, "raise the container's memory limit, or set scoring.encode = \"none\"")
}

/// From `/proc/self/limits`.
pub(super) fn open_files(limits: &str) -> Finding {
    let soft = limits
        .lines()
        .find_map(|line| line.strip_prefix("Max open files"))
        .and_then(|rest| rest.split_whitespace().next())
        .map(|soft| soft.parse::<u64>().unwrap_or(u64::MAX));
    let result = match soft {
        Some(soft) if soft < MIN_OPEN_FILES => Err(format!("{soft}")),
        Some(soft) => Ok(format!("{soft}")),
        None => Ok(tr("keine Grenze bekannt", "no limit known").to_owned()),
    };
    Finding::of("open files", result, "ulimit -n 65536, LimitNOFILE=65536 in the unit, ulimits in compose")
}

pub(super) fn secrets(files: &[PathBuf]) -> Finding {
    let mut wrong = Vec::new();
    for file in files {
        match std::fs::metadata(file) {
            Err(error) => wrong.push(format!("{}: {error}", file.display())),
            Ok(found) if found.len() == 0 => wrong.push(format!("{} is empty", file.display())),
            Ok(found) if found.permissions().mode() & 0o077 != 0 && !file.starts_with(RUNTIME_SECRETS) => {
                wrong.push(format!("{} can be read by others", file.display()));
            }
            Ok(_) => {}
        }
    }
    let result = if wrong.is_empty() {
        Ok(format!("{} {}", files.len(), tr("Dateien", "files")))
    } else {
        Err(wrong.join("; "))
    };
    Finding::of(
        "secrets",
        result,
        "chmod 0600 the file and give it to the user that runs Streife (deploy/secrets/generate.sh makes new ones)",
    )
}

pub(super) fn pseudonym_key(paths: &Paths, config: &Config) -> Finding {
    let file = &paths.pseudonym_key;
    let result = if std::env::var_os("STREIFE_PSEUDONYM_KEY").is_some() {
        Ok("STREIFE_PSEUDONYM_KEY".to_owned())
    } else {
        match std::fs::read_to_string(file) {
            Ok(text) if text.trim().len() != KEY_DIGITS || hex::decode(text.trim()).is_err() => {
                Err(format!("{} does not hold {KEY_DIGITS} hex digits", file.display()))
            }
            Ok(_) => Ok(file.display().to_string()),
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                if config.log.kind == LogKind::Kafka && config.paths.pseudonym_key.is_some() {
                    Err(format!("{}: {error}", file.display()))
                } else {
                    Ok(tr("wird beim ersten Start erzeugt", "made at the first start").to_owned())
                }
            }
            Err(error) => Err(format!("{}: {error}", file.display())),
        }
    };
    Finding::of(
        "pseudonym key",
        result,
        "put the site's key there (openssl rand -hex 32 makes a first one): with another key every author gets a new pseudonym",
    )
}

pub(super) fn tls(config: &Config) -> Finding {
    let mut open = Vec::new();
    if config.log.kind == LogKind::Kafka
        && matches!(config.kafka.security, KafkaSecurity::Plaintext | KafkaSecurity::SaslPlaintext)
        && config.kafka.brokers.iter().any(|broker| !is_near(broker))
    {
        open.push("kafka.security");
    }
    if config
        .clickhouse
        .url
        .as_deref()
        .is_some_and(|url| url.strip_prefix("http://").is_some_and(|rest| !is_near(rest)))
    {
        open.push("clickhouse.url");
    }
    let missing = [&config.kafka.ca_file, &config.clickhouse.ca_file, &config.kafka.certificate_file]
        .into_iter()
        .flatten()
        .find(|file| !file.is_file());
    let result = match missing {
        Some(file) => Err(format!("{} {}", file.display(), tr("fehlt", "is missing"))),
        None if open.is_empty() => {
            Ok(tr("alle Wege zu fremden Maschinen", "every way to other machines").to_owned())
        }
        None => Err(format!("{}: {}", open.join(", "), tr("unverschlüsselt", "not encrypted"))),
    };
    Finding::of(
        "TLS",
        result,
        "kafka.security = \"sasl_ssl\", an https clickhouse.url, ca_file (docs/security.md)",
    )
}

/// Loopback, or a name without a dot: a container of the same host.
fn is_near(address: &str) -> bool {
    let host = address.split(['/', '?']).next().unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(host, _)| host).trim_matches(['[', ']']);
    host == "localhost" || host.parse::<std::net::IpAddr>().map_or(!host.contains('.'), |ip| ip.is_loopback())
}

pub(super) fn listening(config: &Config) -> Finding {
    let in_container =
        Path::new("/.dockerenv").exists() || std::env::var_os("KUBERNETES_SERVICE_HOST").is_some();
    let mut wide = Vec::new();
    if !config.desk.listen.ip().is_loopback() && !config.desk.is_https() {
        wide.push(format!("desk.listen {}", config.desk.listen));
    }
    if let Some(metrics) = config.metrics.listen.filter(|listen| !listen.ip().is_loopback() && !in_container)
    {
        wide.push(format!("metrics.listen {metrics}"));
    }
    if let Some(websub) = config.websub.listen.filter(|listen| !listen.ip().is_loopback() && !in_container) {
        wide.push(format!("websub.listen {websub}"));
    }
    let result = if wide.is_empty() { Ok(config.desk.listen.to_string()) } else { Err(wide.join(", ")) };
    Finding::of(
        "listening",
        result,
        "set [desk.tls], or listen on 127.0.0.1 behind a TLS proxy and set desk.public_url to its https address; metrics on an address that only Prometheus reaches; websub on 127.0.0.1 behind a TLS proxy",
    )
}

/// Addresses that a role would take: free, or taken already by a role of this configuration.
pub(super) fn ports(config: &Config) -> Vec<Finding> {
    let mut wanted = vec![("desk.listen", config.desk.listen)];
    wanted.extend(config.metrics.listen.map(|listen| ("metrics.listen", listen)));
    wanted.extend(config.websub.listen.map(|listen| ("websub.listen", listen)));
    wanted.into_iter().map(|(key, address)| port(key, address)).collect()
}

fn port(key: &str, address: SocketAddr) -> Finding {
    let result = match TcpListener::bind(address) {
        Ok(_) => Ok(format!("{key} {address}")),
        Err(_) if answers_as_streife(address) => {
            Ok(format!("{key} {address} {}", tr("(läuft)", "(running)")))
        }
        Err(error) => Err(format!("{key} {address}: {error}")),
    };
    Finding::of("port", result, "stop what listens there (ss -ltnp), or choose another address")
}

fn answers_as_streife(address: SocketAddr) -> bool {
    use std::io::{Read, Write};
    let wait = std::time::Duration::from_secs(1);
    let Ok(mut stream) = std::net::TcpStream::connect_timeout(&address, wait) else { return false };
    let _ = stream.set_read_timeout(Some(wait));
    let mut answer = [0; 512];
    stream.write_all(b"GET /healthz HTTP/1.0\r\n\r\n").is_ok()
        && stream.read(&mut answer).is_ok_and(|read| answer[..read].starts_with(b"HTTP/1.0 200"))
}

/// Nothing where no listener for hubs is configured.
pub(super) fn websub(config: &Config) -> Option<Finding> {
    let result = config::websub(config)
        .map(|on| on.map(|(listen, told)| format!("{} -> {listen}", told.public_address)));
    let fix = "[websub] listen = \"127.0.0.1:8430\", public_address = \"https://...\" (docs/sources.md), or leave the section out";
    result.transpose().map(|result| Finding::of("websub", result, fix))
}

pub(super) fn retention(config: &Config, topics: &[Topic]) -> Finding {
    let kept = &config.retention;
    let log_hours = topics
        .iter()
        .filter_map(|topic| match topic.retention {
            Retention::Hours(hours) => Some((topic.name.as_str(), u64::from(hours))),
            Retention::Compact => None,
        })
        .find(|(name, _)| *name == streife_runtime::names::RAW);
    let result = if kept.recent_hours == 0 || kept.dismissed_days == 0 {
        Err(tr("0 löscht, bevor jemand hinsieht", "0 erases before anybody looks").to_owned())
    } else if kept.recent_hours > 24 * 14 {
        Err(format!(
            "recent_hours {}: {}",
            kept.recent_hours,
            tr("nicht gemeldete Beiträge sollen verschwinden", "posts not flagged shall vanish")
        ))
    } else if let Some((name, hours)) = log_hours.filter(|(_, hours)| *hours < 24) {
        Err(format!("{name} {hours} h: {}", tr("kürzer als ein Ausfall", "shorter than an outage")))
    } else {
        Ok(format!("{} h, {} d", kept.recent_hours, kept.dismissed_days))
    };
    Finding::of(
        "retention",
        result,
        "set retention.recent_hours between 1 and 336, dismissed_days to the grace you grant; see docs/operations.md",
    )
}

pub(super) fn sources(config: &Config) -> Finding {
    let problems = collect::problems(&config.source);
    let result = match problems.first() {
        Some(first) if problems.len() > 1 => Err(format!("{first} (+{})", problems.len() - 1)),
        Some(first) => Err(first.clone()),
        None => Ok(format!("{} {}", config.source.len(), tr("Quellen", "sources"))),
    };
    Finding::of(
        "sources",
        result,
        "give every source purpose, legal basis and a date of review (config/sources); `streife sources check` lists all",
    )
}

pub(super) fn contact(config: &Config) -> Finding {
    let live = config.source.iter().any(|source| source.enabled && source.legal.is_some());
    let result = if live && config.collect.contact.contains("example.org") {
        Err(config.collect.contact.clone())
    } else {
        Ok(config.collect.contact.clone())
    };
    Finding::of(
        "contact",
        result,
        "set collect.contact to a page or address by which operators of servers reach you",
    )
}

pub(super) fn time_stamps(config: &Config) -> Finding {
    let services = &config.evidence.time_stamp;
    let missing = services.iter().find(|service| !service.root.is_file());
    let result = match missing {
        Some(service) => {
            Err(format!("{}: {} {}", service.name, service.root.display(), tr("fehlt", "is missing")))
        }
        None if services.is_empty() => Ok(tr(
            "keine eingerichtet: Siegel tragen nur den eigenen Schlüssel",
            "none configured: seals rest on the own key alone",
        )
        .to_owned()),
        None if services.len() < MIN_TIME_STAMPS => {
            Err(format!("{} {}", services.len(), tr("Dienst", "service")))
        }
        None => Ok(services.iter().map(|service| service.name.clone()).collect::<Vec<_>>().join(", ")),
    };
    Finding::of(
        "time stamps",
        result,
        "name two services in [[evidence.time_stamp]] with url and root certificate",
    )
}

/// Notices of hand-overs that a mail server refused, or that nobody takes. `None` where no notice is written.
pub(super) fn notices(config: &Config, outbox: &Path, now: SystemTime) -> Option<Finding> {
    config.evidence.handover.iter().find(|way| way.notify.is_some())?;
    let old = |path: &PathBuf| {
        let written = fs::metadata(path).and_then(|about| about.modified()).ok();
        written.and_then(|at| now.duration_since(at).ok()).is_some_and(|age| age > NOTICE_PATIENCE)
    };
    let in_folder = |folder: &Path| lying_in(folder).unwrap_or_default();
    let refused = in_folder(&outbox.join(REFUSED)).len();
    let waiting = in_folder(outbox).iter().filter(|path| old(path)).count();
    let result = match (refused, waiting) {
        (0, 0) => Ok(outbox.display().to_string()),
        (0, waiting) => Err(format!(
            "{waiting} {}",
            tr("seit über einem Tag nicht abgeholt", "waiting for more than a day")
        )),
        (refused, _) => {
            Err(format!("{refused} {}", tr("vom Mailserver abgewiesen", "refused by the mail server")))
        }
    };
    Some(Finding::of(
        "notices",
        result,
        "set evidence.mail_server or let the site's mail system empty the folder outbox; look at outbox/refused and tell its recipients by hand",
    ))
}

pub(super) fn rules(folder: &Path) -> Vec<Finding> {
    let compiled = match open::compile_rules(folder) {
        Ok(compiled) => compiled,
        Err(error) => {
            return vec![Finding::of(
                "rules",
                Err(format!("{error:#}")),
                "name the folder of rules in paths.rules",
            )];
        }
    };
    let broken = compiled.problems.iter().find(|problem| problem.is_error()).map(open::describe);
    let rules = compiled.set.rules();
    let live = rules.iter().filter(|rule| rule.state == State::Live).count();
    let told = format!("{live} {} {}", tr("scharf von", "live of"), rules.len());
    vec![
        Finding::of(
            "rules",
            broken.map_or_else(|| Ok(format!("{} {}", rules.len(), tr("Regeln", "rules"))), Err),
            "run `streife rules check` and mend the rules named there",
        ),
        Finding::of(
            "live rules",
            if live > 0 { Ok(told) } else { Err(told) },
            "no rule files a post: let a second person switch rules live, or set state: live",
        ),
    ]
}

pub(super) fn topics(wanted: &[Topic], found: &[usize]) -> Finding {
    let wrong: Vec<String> = wanted
        .iter()
        .zip(found)
        .filter(|(topic, partitions)| **partitions < topic.partitions as usize)
        .map(|(topic, partitions)| format!("{} {partitions} < {}", topic.name, topic.partitions))
        .collect();
    let result = if wrong.is_empty() {
        Ok(format!("{} {}", wanted.len(), tr("Themen", "topics")))
    } else {
        Err(wrong.join(", "))
    };
    Finding::of(
        "topics",
        result,
        "a topic was made by hand or a broker does not answer for it: let all lag run out, delete the topic, and let Streife make it (keys move when partitions are added)",
    )
}

pub(super) fn migrations(pending: Result<Vec<&'static str>, String>) -> Finding {
    let result = match pending {
        Ok(pending) if pending.is_empty() => Ok(tr("Stand dieser Version", "at this version").to_owned()),
        Ok(pending) => Err(pending.join(", ")),
        Err(error) => Err(error),
    };
    Finding::of("migrations", result, "run `streife migrate --config ...` as a user who may change tables")
}

pub(super) fn database_disk(free_bytes: u64, total_bytes: u64) -> Finding {
    let told = format!("{} GB {}", free_bytes >> 30, tr("frei", "free"));
    let enough = total_bytes == 0 || free_bytes as f64 >= total_bytes as f64 * MIN_FREE_SHARE;
    Finding::of(
        "database disk",
        if enough { Ok(told) } else { Err(told) },
        "enlarge ClickHouse's disk or shorten retention",
    )
}

#[cfg(test)]
#[path = "checks_tests.rs"]
mod tests;
