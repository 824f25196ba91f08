//! `streife site up`: a whole site on one machine, the same processes with the same configuration as docker-compose.yml
//! starts: Apache Kafka, ClickHouse (the embedded engine), PostgreSQL and Prometheus where they are installed, and each
//! role as a process of its own. For trying out, for tests, and for finding out what a site needs.

mod plan;
mod process;

use std::net::{Ipv4Addr, SocketAddr, TcpListener};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::Context;
use streife_store::Store;
use streife_store::queries::SummaryScope;
use tokio_util::sync::CancellationToken;

use self::plan::{Addresses, ROLES, role_config, targets};
use self::process::{RoleProcess, Server};
use crate::cli::{SiteCommand, SiteUpArgs};
use crate::commands::setup;
use crate::config::{self, Config};
use crate::failure::{CommandResult, Failure, Outcome};
use crate::paths::{self, Paths};
use crate::roles::engine_process::EngineProcess;
use crate::roles::up::{all_stored, print_summary};
use crate::say::{self, tr};
use crate::{open, roles, telemetry};

/// How long all roles may take until they are ready: the encoder's model is the slowest.
const READY_TIMEOUT: Duration = Duration::from_secs(180);
/// How often health and progress are looked at.
const LOOK_INTERVAL: Duration = Duration::from_millis(200);
/// How long one health request may take.
const HEALTH_TIMEOUT: Duration = Duration::from_secs(2);

pub(crate) fn run(command: &SiteCommand, json: bool) -> CommandResult {
    match command {
        SiteCommand::Up(args) => up(args, json),
        SiteCommand::Health { address } => health(*address),
        SiteCommand::Metrics => metrics(json),
    }
}

fn health(address: SocketAddr) -> CommandResult {
    roles::block_on(async move {
        let client = reqwest::Client::builder().timeout(HEALTH_TIMEOUT).no_proxy().build()?;
        let answer = client.get(format!("http://{address}/readyz")).send().await;
        match answer {
            Ok(answer) if answer.status().is_success() => Ok(Outcome::Fine),
            Ok(answer) => Err(Failure::upstream(format!("{address}: {}", answer.status()))),
            Err(error) => Err(Failure::upstream(format!("{address}: {error}"))),
        }
    })
}

fn metrics(json: bool) -> CommandResult {
    for metric in telemetry::catalogue() {
        if json {
            say::json(&metric)?;
        } else {
            say::line(&format!("{}{{{}}}  {}", metric.name, metric.labels.join(","), metric.help));
        }
    }
    Ok(Outcome::Fine)
}

fn up(args: &SiteUpArgs, json: bool) -> CommandResult {
    telemetry::start_logging(if args.once.is_some() { "warn" } else { telemetry::DEFAULT_FILTER });
    let temporary = args.data.is_none() && args.once.is_some();
    let data = match &args.data {
        Some(data) => data.clone(),
        None if temporary => std::env::temp_dir().join(format!("streife-site-{}", std::process::id())),
        None => PathBuf::from("data/site"),
    };
    paths::create_private(&data).with_context(|| format!("creating {}", data.display()))?;
    let data = data.canonicalize()?;
    let result = roles::block_on(async {
        let stop = CancellationToken::new();
        roles::stop_on_signal(stop.clone());
        let mut site = Site {
            home: paths::home(),
            data: data.clone(),
            servers: Vec::new(),
            engine: None,
            roles: Vec::new(),
        };
        let started = Instant::now();
        let outcome = tokio::select! {
            outcome = site.run(args, json, started, &stop) => outcome,
            () = stop.cancelled() => Ok(Outcome::Fine),
        };
        site.end().await;
        outcome
    });
    if temporary {
        let _ = std::fs::remove_dir_all(&data);
    }
    result
}

/// What runs. Taken down in the reverse order of its coming up, whatever happened.
struct Site {
    home: PathBuf,
    data: PathBuf,
    servers: Vec<Server>,
    engine: Option<EngineProcess>,
    roles: Vec<RoleProcess>,
}

impl Site {
    async fn run(
        &mut self,
        args: &SiteUpArgs,
        json: bool,
        started: Instant,
        stop: &CancellationToken,
    ) -> Result<Outcome, Failure> {
        let template = self.template(args.config.config.as_deref())?;
        let addresses = self.start_servers(args).await?;
        let config = self.start_roles(&template, &addresses, args.once.as_deref()).await?;
        self.await_ready().await?;
        let prometheus = self.start_prometheus().await?;
        if args.once.is_some() {
            return self.replay(&config, json, started).await;
        }
        self.tell(&addresses, prometheus, started);
        while !stop.is_cancelled() {
            for role in &mut self.roles {
                role.keep_running()?;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        Ok(Outcome::Fine)
    }

    fn template(&self, given: Option<&Path>) -> Result<toml::Table, Failure> {
        let path = given.map_or_else(|| self.home.join("deploy/site/streife.toml"), Path::to_owned);
        // Read as a configuration first: all errors at once, with their lines.
        let config = config::load(Some(&path))?;
        let told = roles::collect::problems(&config.source);
        if !told.is_empty() {
            return Err(Failure::configuration(told.join("\n")));
        }
        setup::ensure(&Paths::new(&config, Some(&self.data)))?;
        Ok(std::fs::read_to_string(&path)?.parse::<toml::Table>().context("reading the configuration")?)
    }

    async fn start_servers(&mut self, args: &SiteUpArgs) -> Result<Addresses, Failure> {
        say_progress("Apache Kafka");
        let kafka = free_ports(2)?;
        let broker = Server::start(&self.home, "kafka", kafka.port(), &self.data.join("kafka")).await?;
        self.servers.push(broker);
        say_progress("ClickHouse");
        let engine = EngineProcess::start(&self.data.join("clickhouse"), true).await?;
        let (clickhouse_url, password) = engine.reached_by();
        let clickhouse_password = self.data.join("clickhouse_password");
        let _ = std::fs::remove_file(&clickhouse_password);
        open::write_secret(&clickhouse_password, password)?;
        let clickhouse_url = clickhouse_url.to_owned();
        self.engine = Some(engine);
        let case_database = if is_installed("initdb", "/usr/lib/postgresql") {
            say_progress("PostgreSQL");
            let folder = self.data.join("postgres");
            let server = Server::start(&self.home, "postgres", free_ports(1)?.port(), &folder).await?;
            self.servers.push(server);
            Some(folder.join("url"))
        } else {
            say_missing("postgresql", tr("die Vorgänge liegen in SQLite", "cases are kept in SQLite"));
            None
        };
        Ok(Addresses {
            kafka,
            clickhouse_url,
            clickhouse_password,
            case_database,
            desk: match args.listen {
                Some(listen) => listen,
                None => free_ports(1)?,
            },
            data: self.data.join("streife"),
        })
    }

    /// Writes each role's configuration, migrates, starts the roles; the configuration of one of them is returned.
    async fn start_roles(
        &mut self,
        template: &toml::Table,
        addresses: &Addresses,
        replay: Option<&Path>,
    ) -> Result<Config, Failure> {
        let replay = replay.map(Path::canonicalize).transpose().context("the replay")?;
        let logs = self.data.join("logs");
        std::fs::create_dir_all(&logs)?;
        let mut files = Vec::new();
        for role in ROLES {
            let metrics = free_ports(1)?;
            let table = role_config(template, addresses, metrics, replay.as_deref(), &self.home);
            let file = self.data.join(format!("{role}.toml"));
            std::fs::write(&file, toml::to_string(&table).context("writing a configuration")?)?;
            files.push((role, file, metrics));
        }
        let Some((_, first, _)) = files.first() else {
            return Err(Failure::configuration("no roles".to_owned()));
        };
        let config = config::load(Some(first))?;
        say_progress(tr("Datenbanken und Themen", "databases and topics"));
        let paths = Paths::new(&config, None);
        roles::store::prepare(&*open::store(&config)?, &config).await?;
        let cases = roles::desk::open_cases(&config, &paths).await?;
        cases.migrate().await.map_err(|e| Failure::upstream(e.to_string()))?;
        open::log(&config, &paths).await?;
        // Made here, so that no two roles make one each.
        open::pseudonym_key(&paths)?;
        roles::desk::signing_key(&paths)?;
        for (role, file, metrics) in files {
            say_progress(role);
            // A site that goes on keeps its collector; a replay waits for the collector's end.
            let arguments: &'static [&'static str] =
                if role == "collect" && replay.is_none() { &["--stay"] } else { &[] };
            let log = logs.join(format!("{role}.log"));
            let process = RoleProcess::start(role, arguments, file, log, metrics)?;
            self.roles.push(process);
        }
        Ok(config)
    }

    async fn await_ready(&mut self) -> Result<(), Failure> {
        let client = reqwest::Client::builder().timeout(HEALTH_TIMEOUT).no_proxy().build()?;
        let deadline = Instant::now() + READY_TIMEOUT;
        for role in &mut self.roles {
            let address = format!("http://{}/readyz", role.metrics);
            loop {
                let answer = client.get(&address).send().await;
                if answer.is_ok_and(|answer| answer.status().is_success()) {
                    break;
                }
                if let Some(status) = role.ended()? {
                    // A collector may have read its files to the end by now.
                    if role.name == "collect" && status.success() {
                        break;
                    }
                    return Err(Failure::upstream(format!(
                        "{} ended ({status}):\n{}",
                        role.name,
                        role.last_words()
                    )));
                }
                if Instant::now() > deadline {
                    return Err(Failure::upstream(format!(
                        "{} is not ready:\n{}",
                        role.name,
                        role.last_words()
                    )));
                }
                tokio::time::sleep(LOOK_INTERVAL).await;
            }
        }
        Ok(())
    }

    async fn start_prometheus(&mut self) -> Result<Option<SocketAddr>, Failure> {
        if !is_installed("prometheus", "") {
            say_missing("prometheus", tr("keine Zeitreihen", "no time series"));
            return Ok(None);
        }
        say_progress("Prometheus");
        let folder = self.data.join("prometheus");
        std::fs::create_dir_all(folder.join("targets"))?;
        let metrics: Vec<(&str, SocketAddr)> =
            self.roles.iter().map(|role| (role.name, role.metrics)).collect();
        std::fs::write(folder.join("targets/site.yml"), targets(&metrics))?;
        let address = free_ports(1)?;
        self.servers.push(Server::start(&self.home, "prometheus", address.port(), &folder).await?);
        Ok(Some(address))
    }

    /// Waits until the replay is read and stored, and prints the summary.
    async fn replay(&mut self, config: &Config, json: bool, started: Instant) -> Result<Outcome, Failure> {
        let log = open::log(config, &Paths::new(config, None)).await?;
        let store: std::sync::Arc<Store> = open::store(config)?;
        loop {
            let mut collected = false;
            for role in &mut self.roles {
                match role.ended()? {
                    Some(status) if role.name == "collect" && status.success() => collected = true,
                    Some(status) => {
                        return Err(Failure::upstream(format!(
                            "{} ended ({status}):\n{}",
                            role.name,
                            role.last_words()
                        )));
                    }
                    None => {}
                }
            }
            if collected && all_stored(&*log).await? {
                break;
            }
            tokio::time::sleep(LOOK_INTERVAL).await;
        }
        let summary =
            store.summary(&SummaryScope::All).await.map_err(|e| Failure::upstream(e.to_string()))?;
        print_summary(&summary, started.elapsed(), json)?;
        let balanced = summary.accepted
            == summary.stored + summary.dropped.values().sum::<u64>() + summary.dead.values().sum::<u64>();
        Ok(Outcome::fine_if(balanced))
    }

    fn tell(&self, addresses: &Addresses, prometheus: Option<SocketAddr>, started: Instant) {
        let line = |what: &str, value: &str| say::line(&format!("  {what:<14} {value}"));
        say::line(&format!(
            "{} {} s:",
            tr("Der Standort läuft nach", "the site is up after"),
            started.elapsed().as_secs()
        ));
        line(tr("Arbeitsplatz", "desk"), &format!("http://{}", addresses.desk));
        if let Some(prometheus) = prometheus {
            line("Prometheus", &format!("http://{prometheus}"));
        }
        line(
            "ClickHouse",
            &format!("{} ({})", addresses.clickhouse_url, addresses.clickhouse_password.display()),
        );
        line("Kafka", &addresses.kafka.to_string());
        line(
            tr("Vorgänge", "cases"),
            &addresses
                .case_database
                .as_ref()
                .map_or_else(|| "SQLite".to_owned(), |file| format!("PostgreSQL ({})", file.display())),
        );
        for role in &self.roles {
            line(role.name, &format!("http://{}/metrics", role.metrics));
        }
        line(tr("Protokolle", "logs"), &self.data.join("logs").display().to_string());
        say::line(tr("Strg-C beendet alles.", "Ctrl-C stops everything."));
    }

    async fn end(mut self) {
        for role in self.roles.iter_mut().rev() {
            role.stop().await;
        }
        if let Some(engine) = self.engine.take() {
            engine.stop().await;
        }
        for server in self.servers.iter().rev() {
            server.stop().await;
        }
    }
}

fn say_progress(what: &str) {
    eprintln!("streife: {} {what}", tr("starte", "starting"));
}

fn say_missing(package: &str, then: &str) {
    eprintln!("streife: {package} {}; {then}", tr("ist nicht installiert", "is not installed"));
}

/// Is a program in PATH, or in the `bin` of a folder below `versions`?
fn is_installed(program: &str, versions: &str) -> bool {
    let in_path = std::env::var_os("PATH")
        .is_some_and(|path| std::env::split_paths(&path).any(|folder| folder.join(program).is_file()));
    in_path
        || std::fs::read_dir(versions).is_ok_and(|entries| {
            entries.flatten().any(|entry| entry.path().join("bin").join(program).is_file())
        })
}

/// An address on loopback whose port, and the `count - 1` ports after it, are free now.
fn free_ports(count: u16) -> Result<SocketAddr, Failure> {
    const TRIES: usize = 50;
    for _ in 0..TRIES {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = listener.local_addr()?;
        let following = (1..count).map(|i| address.port().checked_add(i));
        let free = following
            .into_iter()
            .all(|port| port.is_some_and(|port| TcpListener::bind((Ipv4Addr::LOCALHOST, port)).is_ok()));
        if free {
            return Ok(address);
        }
    }
    Err(Failure::upstream("no free ports on the loopback address".to_owned()))
}
