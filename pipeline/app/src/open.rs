//! Opens what the roles are composed of, from configuration and folders.

use std::fs;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::Context;
use streife_domain::{Clock, PseudonymKey, SystemClock, Timestamp};
use streife_log::{EmbeddedLog, EventLog, KafkaLog, LogError, Topic};
use streife_rules::{Compiled, Problem, RuleSet, SourceFile};
use streife_runtime::{Analyser, Encode, TopicsError, parse_topics};
use streife_scoring::{Device, Models, OpenOptions};
use streife_store::{Store, StoreConfig};
use streife_text::language::Identifier;

use crate::config::{Config, LogKind};
use crate::failure::Failure;
use crate::paths::{self, Paths};
use crate::telemetry;

const TOPICS: &str = include_str!("../../../schemas/topics.toml");
/// A rule folder deeper than this is a mistake or a loop.
const MAX_FOLDER_DEPTH: usize = 8;

/// The wall clock.
pub(crate) fn clock() -> Arc<dyn Clock> {
    Arc::new(SystemClock)
}

/// Today, `YYYY-MM-DD`, UTC.
pub(crate) fn today() -> String {
    day(SystemClock.now())
}

/// The day of a time, `YYYY-MM-DD`, UTC.
pub(crate) fn day(time: Timestamp) -> String {
    time.to_string().chars().take(10).collect()
}

/// Cores of this machine.
pub(crate) fn cores() -> NonZeroUsize {
    std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN)
}

/// The text files of a folder of rules, sorted by path.
pub(crate) fn rule_files(folder: &Path) -> anyhow::Result<Vec<(String, String)>> {
    let mut found = Vec::new();
    collect_yaml(folder, 0, &mut found)?;
    found.sort();
    found
        .into_iter()
        .map(|path| {
            let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))?;
            Ok((path.display().to_string(), text))
        })
        .collect()
}

fn collect_yaml(folder: &Path, depth: usize, found: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    anyhow::ensure!(
        depth <= MAX_FOLDER_DEPTH,
        "{}: folders nest deeper than {MAX_FOLDER_DEPTH}",
        folder.display()
    );
    if folder.is_file() {
        found.push(folder.to_owned());
        return Ok(());
    }
    for entry in fs::read_dir(folder).with_context(|| format!("reading the rules in {}", folder.display()))? {
        let path = entry?.path();
        if path.is_dir() {
            collect_yaml(&path, depth + 1, found)?;
        } else if path.extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
            found.push(path);
        }
    }
    Ok(())
}

/// Compiles a folder of rules; problems are for the caller to tell.
pub(crate) fn compile_rules(folder: &Path) -> anyhow::Result<Compiled> {
    Ok(compile_files(&rule_files(folder)?))
}

fn compile_files(files: &[(String, String)]) -> Compiled {
    let sources: Vec<SourceFile<'_>> = files.iter().map(|(path, text)| SourceFile { path, text }).collect();
    RuleSet::compile(&sources, &today())
}

/// Compiles rules for a role: broken ones are named in the log, the others run.
pub(crate) fn rules_for_role(folder: &Path) -> anyhow::Result<Arc<RuleSet>> {
    Ok(rules_of(&rule_files(folder)?))
}

/// The same of files that were read already.
pub(crate) fn rules_of(files: &[(String, String)]) -> Arc<RuleSet> {
    let compiled = compile_files(files);
    for problem in &compiled.problems {
        tracing::warn!("{}", describe(problem));
    }
    let errors = compiled.problems.iter().filter(|problem| problem.is_error()).count();
    telemetry::RULES_LIVE.set(i64::try_from(compiled.set.rules().len()).unwrap_or(i64::MAX));
    telemetry::RULES_BROKEN.set(i64::try_from(errors).unwrap_or(i64::MAX));
    tracing::info!(rules = compiled.set.rules().len(), version = compiled.set.version(), "rules compiled");
    Arc::new(compiled.set)
}

/// `file:line:column: message (hint)`.
pub(crate) fn describe(problem: &Problem) -> String {
    let rule = problem.rule.as_deref().map(|rule| format!("{rule}: ")).unwrap_or_default();
    format!(
        "{}:{}:{}: {rule}{}. {}",
        problem.file, problem.line, problem.column, problem.message, problem.hint
    )
}

/// Opens language identification: with the linear model and fastText where they lie, else by rules.
pub(crate) fn identifier(models: &Path, parts: &Path) -> anyhow::Result<Arc<Identifier>> {
    let linear = models.join("lid");
    if !linear.join("manifest.toml").is_file() {
        return Ok(Arc::new(Identifier::rules_only()));
    }
    let fasttext =
        crate::parts::pinned()?.into_iter().find(|part| part.name == "lid").map(|part| part.path(parts));
    let fasttext = fasttext.filter(|path| path.is_file());
    Ok(Arc::new(Identifier::open(&linear, fasttext.as_deref())?))
}

/// What scores a text.
pub(crate) struct ScoringChoice<'a> {
    pub(crate) models: Option<&'a Path>,
    pub(crate) parts: &'a Path,
    pub(crate) encode: Encode,
    pub(crate) device: &'a str,
    pub(crate) sessions: NonZeroUsize,
}

/// Opens language identification and models, and joins them with the rules.
pub(crate) fn analyser(choice: &ScoringChoice<'_>, rules: Arc<RuleSet>) -> Result<Analyser, Failure> {
    let Some(models_folder) = choice.models else {
        // Language, normalisation and rules still run; the language model is part of the text layer.
        let identifier = Arc::new(Identifier::rules_only());
        return Ok(Analyser::new(identifier, Arc::new(Models::off()), rules, Encode::None));
    };
    let models = models(choice, models_folder)?;
    let identifier = identifier(models_folder, choice.parts)?;
    Ok(Analyser::new(identifier, Arc::new(models), rules, choice.encode))
}

/// Opens gate and encoder of a folder; golden scores are checked.
pub(crate) fn models(choice: &ScoringChoice<'_>, folder: &Path) -> Result<Models, Failure> {
    let device: Device = choice
        .device
        .parse()
        .map_err(|e: streife_scoring::UnknownDevice| Failure::configuration(e.to_string()))?;
    Models::open(&OpenOptions {
        models: folder,
        parts: choice.parts,
        encoder: choice.encode != Encode::None,
        device,
        sessions: choice.sessions.get(),
    })
    .map_err(|e| Failure::configuration(format!("{:#}", anyhow::Error::from(e))))
}

/// Reads `gated`, `all` or `none`.
pub(crate) fn encode_of(name: &str) -> Result<Encode, Failure> {
    match name {
        "gated" => Ok(Encode::Gated),
        "all" => Ok(Encode::All),
        "none" => Ok(Encode::None),
        other => {
            Err(Failure::configuration(format!("scoring.encode: {other:?} is none of gated, all, none")))
        }
    }
}

/// Opens the log and creates its topics.
pub(crate) async fn log(config: &Config, paths: &Paths) -> Result<Arc<dyn EventLog>, Failure> {
    let log: Arc<dyn EventLog> = match config.log.kind {
        LogKind::Embedded => Arc::new(embedded_log(paths)?),
        LogKind::Kafka => Arc::new(KafkaLog::connect(config.kafka.clone()).map_err(failure)?),
    };
    ensure_topics(&*log, config).await?;
    Ok(log)
}

/// The log in the data folder; its caller also keeps its retention.
pub(crate) fn embedded_log(paths: &Paths) -> Result<EmbeddedLog, Failure> {
    let folder = paths.data.join("log");
    paths::create_private(&folder)
        .map_err(|e| Failure::configuration(format!("creating {}: {e}", folder.display())))?;
    EmbeddedLog::open(&folder, clock()).map_err(|e| Failure::configuration(e.to_string()))
}

/// The topics of `schemas/topics.toml`.
pub(crate) fn topics(replication: u16) -> Result<Vec<Topic>, TopicsError> {
    parse_topics(TOPICS, replication)
}

/// Creates the topics that are missing.
pub(crate) async fn ensure_topics(log: &dyn EventLog, config: &Config) -> Result<(), Failure> {
    log.ensure_topics(&topics(config.log.replication)?).await.map_err(failure)
}

/// Out of reach is for later; a refusal is for a person.
fn failure(error: LogError) -> Failure {
    Failure::of_server(error.is_transient(), error)
}

/// Connects to the ClickHouse server of the configuration.
pub(crate) fn store(config: &Config) -> Result<Arc<Store>, Failure> {
    let section = &config.clickhouse;
    let Some(url) = &section.url else {
        return Err(Failure::configuration(
            "clickhouse.url: missing; name a ClickHouse server, or start one with `streife engine`"
                .to_owned(),
        ));
    };
    let password = match &section.password {
        Some(secret) => {
            secret.read("clickhouse").map_err(|e| Failure::configuration(e.to_string()))?.expose().to_owned()
        }
        None => String::new(),
    };
    let mut store = StoreConfig::new(url, &section.user, password);
    store.database.clone_from(&section.database);
    store.ca_file.clone_from(&section.ca_file);
    Ok(Arc::new(Store::connect(store).map_err(|e| Failure::upstream(e.to_string()))?))
}

/// The installation's pseudonym key: `STREIFE_PSEUDONYM_KEY` (64 hex digits), or the file `paths.pseudonym_key`, else
/// one in the data folder; made on first use.
pub(crate) fn pseudonym_key(paths: &Paths) -> anyhow::Result<PseudonymKey> {
    if let Ok(text) = std::env::var("STREIFE_PSEUDONYM_KEY") {
        return key_from_hex(text.trim()).context("STREIFE_PSEUDONYM_KEY");
    }
    let path = &paths.pseudonym_key;
    if !path.exists() {
        if let Some(folder) = path.parent() {
            paths::create_private(folder).with_context(|| format!("creating {}", folder.display()))?;
        }
        write_secret(path, &hex::encode(rand::random::<[u8; 32]>()))?;
    }
    let text = fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
    key_from_hex(text.trim()).with_context(|| path.display().to_string())
}

fn key_from_hex(text: &str) -> anyhow::Result<PseudonymKey> {
    let bytes: [u8; 32] = hex::decode(text)?.try_into().map_err(|_| anyhow::anyhow!("not 64 hex digits"))?;
    Ok(PseudonymKey::new(bytes))
}

/// Writes a file that only its owner may read.
pub(crate) fn write_secret(path: &Path, text: &str) -> anyhow::Result<()> {
    use std::io::Write;
    use std::os::unix::fs::OpenOptionsExt;
    let mut file = fs::OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(path)
        .with_context(|| format!("creating {}", path.display()))?;
    file.write_all(text.as_bytes())?;
    Ok(file.sync_all()?)
}
