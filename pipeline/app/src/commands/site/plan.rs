//! What a site on one machine consists of: the configuration of each role, made from `deploy/site/streife.toml` by putting
//! this machine's addresses in. Pure.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};

use toml::{Table, Value};

/// The roles in the order in which they start; they end in the reverse order.
pub(super) const ROLES: [&str; 4] = ["store", "score", "desk", "collect"];

/// Where the parts of this site are.
#[derive(Debug, Clone)]
pub(super) struct Addresses {
    /// The broker.
    pub(super) kafka: SocketAddr,
    /// The engine.
    pub(super) clickhouse_url: String,
    /// File with the engine's password.
    pub(super) clickhouse_password: PathBuf,
    /// File with PostgreSQL's address; without it the desk keeps its cases in SQLite.
    pub(super) case_database: Option<PathBuf>,
    /// The desk.
    pub(super) desk: SocketAddr,
    /// Folder that the roles share.
    pub(super) data: PathBuf,
}

/// The configuration of one role. Relative paths of sources are taken from `home`; `replay` takes the place of the sources.
pub(super) fn role_config(
    template: &Table,
    addresses: &Addresses,
    metrics: SocketAddr,
    replay: Option<&Path>,
    home: &Path,
) -> Table {
    let mut config = template.clone();
    set(&mut config, "paths", "data", text(&addresses.data));
    remove(&mut config, "paths", "pseudonym_key");
    set(&mut config, "kafka", "brokers", Value::Array(vec![Value::String(addresses.kafka.to_string())]));
    set(&mut config, "clickhouse", "url", Value::String(addresses.clickhouse_url.clone()));
    set(&mut config, "clickhouse", "password", secret(&addresses.clickhouse_password));
    match &addresses.case_database {
        Some(file) => set(&mut config, "desk", "database_url", secret(file)),
        None => remove(&mut config, "desk", "database_url"),
    }
    set(&mut config, "desk", "listen", Value::String(addresses.desk.to_string()));
    set(&mut config, "metrics", "listen", Value::String(metrics.to_string()));
    if let Some(replay) = replay {
        config.insert("source".to_owned(), Value::Array(vec![Value::Table(replay_source(replay))]));
    } else if let Some(Value::Array(sources)) = config.get_mut("source") {
        sources.iter_mut().for_each(|source| make_absolute(source, home));
    }
    config
}

fn replay_source(path: &Path) -> Table {
    let mut settings = Table::new();
    settings.insert("path".to_owned(), text(path));
    let mut source = Table::new();
    source.insert("name".to_owned(), Value::String("replay".to_owned()));
    source.insert("kind".to_owned(), Value::String("archive".to_owned()));
    source.insert("settings".to_owned(), Value::Table(settings));
    source
}

fn make_absolute(source: &mut Value, home: &Path) {
    let path = source.get_mut("settings").and_then(|settings| settings.get_mut("path"));
    if let Some(Value::String(path)) = path {
        *path = home.join(path.as_str()).display().to_string();
    }
}

fn set(config: &mut Table, section: &str, key: &str, value: Value) {
    let section = config.entry(section.to_owned()).or_insert_with(|| Value::Table(Table::new()));
    if let Value::Table(section) = section {
        section.insert(key.to_owned(), value);
    }
}

fn remove(config: &mut Table, section: &str, key: &str) {
    if let Some(Value::Table(section)) = config.get_mut(section) {
        section.remove(key);
    }
}

fn text(path: &Path) -> Value {
    Value::String(path.display().to_string())
}

fn secret(file: &Path) -> Value {
    let mut secret = Table::new();
    secret.insert("file".to_owned(), text(file));
    Value::Table(secret)
}

/// Prometheus' list of targets.
pub(super) fn targets(metrics: &[(&str, SocketAddr)]) -> String {
    metrics
        .iter()
        .map(|(role, address)| format!("- targets: [\"{address}\"]\n  labels: {{ role: {role} }}\n"))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config;

    const TEMPLATE: &str = include_str!("../../../../../deploy/site/streife.toml");

    fn addresses(case_database: Option<&str>) -> Addresses {
        Addresses {
            kafka: "127.0.0.1:9092".parse().unwrap(),
            clickhouse_url: "http://127.0.0.1:8123".to_owned(),
            clickhouse_password: PathBuf::from("/tmp/password"),
            case_database: case_database.map(PathBuf::from),
            desk: "127.0.0.1:8420".parse().unwrap(),
            data: PathBuf::from("/tmp/data"),
        }
    }

    fn made(case_database: Option<&str>, replay: Option<&str>) -> config::Config {
        let table = role_config(
            &TEMPLATE.parse().unwrap(),
            &addresses(case_database),
            "127.0.0.1:9464".parse().unwrap(),
            replay.map(Path::new),
            Path::new("/home"),
        );
        config::read(&toml::to_string(&table).unwrap(), &[]).unwrap()
    }

    #[test]
    fn the_shipped_configuration_is_accepted_as_it_is() {
        let config = config::read(TEMPLATE, &[]).unwrap();
        assert!(crate::roles::collect::problems(&config.source).is_empty());
    }

    #[test]
    fn every_address_of_the_site_is_replaced() {
        let config = made(Some("/tmp/url"), None);
        let written = format!("{config:?}");
        for foreign in ["kafka:9092", "clickhouse:8123", "0.0.0.0", "/run/secrets", "/var/lib/streife"] {
            assert!(!written.contains(foreign), "{foreign} is left in {written}");
        }
        assert!(written.contains("/home/config/sample"));
    }

    #[test]
    fn without_postgresql_the_cases_are_in_the_data_folder() {
        assert_eq!(made(None, None).desk.database_url, None);
        assert!(made(Some("/tmp/url"), None).desk.database_url.is_some());
    }

    #[test]
    fn a_replay_takes_the_place_of_the_sources() {
        let config = made(None, Some("/tmp/posts.jsonl"));
        assert_eq!(config.source.iter().map(|s| s.name.as_str()).collect::<Vec<_>>(), ["replay"]);
    }
}
