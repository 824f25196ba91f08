//! One engine for all tests of a program (a process can open one data folder), a database for each test.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "tests")]
#![allow(
    dead_code,
    unreachable_pub,
    clippy::allow_attributes,
    reason = "each test program uses its own part"
)]

use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdout, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

use bytes::Bytes;
use streife_domain::*;
use streife_store::engine::{Engine, EngineConfig, EngineUser};
use streife_store::{Store, StoreConfig};

pub const PASSWORD: &str = "test-secret";

/// The engine's library, or `None` with a line that says why.
pub fn library() -> Option<PathBuf> {
    let parts = std::env::var_os("STREIFE_PARTS")
        .map(PathBuf::from)
        .or_else(|| Some(PathBuf::from(std::env::var_os("HOME")?).join(".cache/streife/parts")))?;
    let library = parts.join("chdb-26.7.3/libchdb.so");
    if library.exists() {
        return Some(library);
    }
    println!("skipped: {} not there", library.display());
    None
}

pub fn user() -> EngineUser {
    EngineUser { name: "streife".to_owned(), password: PASSWORD.to_owned() }
}

/// An engine in a process of its own: one process can open one folder, and a test can kill it.
pub struct EngineProcess {
    pub url: String,
    pub child: Child,
    /// Kept open: the process writes a last line at its end.
    _out: BufReader<ChildStdout>,
}

/// Where the engine of a test writes its audit.
pub const AUDIT: &str = "audit.txt";
const FOLDER: &str = "STREIFE_TEST_ENGINE_FOLDER";

impl EngineProcess {
    /// Starts this test program again as an engine on `folder` (or on one that it removes at its end).
    pub fn start(folder: Option<&Path>) -> Option<Self> {
        library()?;
        let mut child = Command::new(std::env::current_exe().unwrap())
            .args(["common::engine_process", "--exact", "--ignored", "--nocapture"])
            .env(FOLDER, folder.unwrap_or(Path::new("")))
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap());
        let mut line = String::new();
        let url = loop {
            line.clear();
            assert!(out.read_line(&mut line).unwrap() > 0, "the engine did not start");
            if let Some((_, url)) = line.split_once("engine at ") {
                break url.trim().to_owned();
            }
        };
        Some(Self { url, child, _out: out })
    }
}

impl Drop for EngineProcess {
    fn drop(&mut self) {
        drop(self.child.stdin.take());
        let _ = self.child.wait();
    }
}

/// Not a test: the engine's process. Ends when its standard input does, that is with the test program.
#[test]
#[ignore = "started by the other tests as a process of its own"]
fn engine_process() {
    let Some(folder) = std::env::var_os(FOLDER) else { return };
    let own = folder.is_empty().then(|| tempfile::tempdir().unwrap());
    let folder = own.as_ref().map_or_else(|| PathBuf::from(&folder), |own| own.path().to_owned());
    let mut config = EngineConfig::new(library().unwrap(), folder, user());
    config.connections = 4;
    let audit = std::sync::Mutex::new(std::fs::File::create(config.data_dir.join(AUDIT)).unwrap());
    config.audit = Some(std::sync::Arc::new(move |done| {
        use std::io::Write;
        writeln!(audit.lock().unwrap(), "{} {} {:?}", done.kind.as_str(), done.user, done.error).unwrap();
    }));
    let runtime = tokio::runtime::Runtime::new().unwrap();
    runtime.block_on(async {
        let engine = Engine::open(config).await.unwrap();
        println!("engine at {}", engine.url());
        let parent_gone = async {
            let wait = || std::io::copy(&mut std::io::stdin(), &mut std::io::sink());
            let _ = tokio::task::spawn_blocking(wait).await;
        };
        engine.run(parent_gone).await.unwrap();
    });
    drop(own);
    // Before the test harness reports to a parent that is gone.
    std::process::exit(0);
}

/// The engine of this test program.
pub fn engine() -> Option<&'static EngineProcess> {
    static ENGINE: OnceLock<Option<EngineProcess>> = OnceLock::new();
    ENGINE.get_or_init(|| EngineProcess::start(None)).as_ref()
}

pub fn store_at(url: &str, database: &str) -> Store {
    let mut config = StoreConfig::new(url, "streife", PASSWORD);
    config.database = database.to_owned();
    Store::connect(config).unwrap()
}

pub fn client_at(url: &str, database: &str) -> clickhouse::Client {
    clickhouse::Client::default()
        .with_url(url)
        .with_database(database)
        .with_user("streife")
        .with_password(PASSWORD)
}

/// A migrated database of its own, with a plain client to look behind the store.
pub async fn fresh_store() -> Option<(Store, clickhouse::Client)> {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    let engine = engine()?;
    let name = format!("test_{}", NEXT.fetch_add(1, Ordering::SeqCst));
    let store = store_at(&engine.url, &name);
    store.migrate().await.unwrap();
    Some((store, client_at(&engine.url, &name)))
}

pub fn time(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

pub fn post(native_id: &str, text: &str, observed_at: Timestamp) -> PseudonymousPost {
    PseudonymousPost {
        post_id: PostId::of("testnet", native_id),
        source: "test-source".to_owned(),
        platform: "testnet".to_owned(),
        author: Some(Pseudonym(7)),
        kind: PostKind::Post,
        text: text.to_owned(),
        tags: vec!["tag".to_owned()],
        links: vec!["https://example.org/".to_owned()],
        posted_at: Some(observed_at.plus_secs(-60)),
        edited_at: None,
        observed_at,
        campaign: CampaignKey(0xabc),
    }
}

pub fn verdict(priority: Priority) -> Verdict {
    let flagged = priority != Priority::None;
    let hit = Hit { rule: "rule-a".to_owned(), version: 3, spans: vec![Span(0, 4)], because: Vec::new() };
    Verdict {
        language: Language { code: "de".to_owned(), confidence: 0.98, script: Script::LATIN },
        gate: Some(0.41),
        encoded: true,
        scores: [(Head::Offensive, 0.75), (Head::Violence, 0.125)].into_iter().collect(),
        labels: if flagged { vec![Head::Offensive] } else { Vec::new() },
        hits: if flagged { vec![hit] } else { Vec::new() },
        priority,
        models: ModelVersions {
            lid: "lid@1".to_owned(),
            gate: "gate@1".to_owned(),
            encoder: "encoder@1".to_owned(),
            rules: "rules@1".to_owned(),
        },
    }
}

pub fn scored(offset: i64, post: &PseudonymousPost, verdict: &Verdict) -> ScoredRecord {
    ScoredRecord {
        schema: RECORD_SCHEMA,
        position: Position { partition: 0, offset },
        outcome: Outcome::Stored,
        source: post.source.clone(),
        observed_at: post.observed_at,
        post: Some(post.clone()),
        verdict: Some(verdict.clone()),
        words: Some(FoldedWords { normaliser: 1, words: post.text.to_lowercase() }),
        shadow_rules: Vec::new(),
        change: None,
    }
}

pub fn flagged(offset: i64, post: &PseudonymousPost, verdict: &Verdict) -> FlaggedRecord {
    FlaggedRecord {
        schema: RECORD_SCHEMA,
        position: Position { partition: 0, offset },
        post: post.clone(),
        identity: Identity {
            native_id: format!("native-{offset}"),
            url: Some("https://example.org/post".to_owned()),
            author: Some(Author { id: "author-1".to_owned(), handle: Some("handle".to_owned()), name: None }),
        },
        verdict: verdict.clone(),
        reply_to: Some("native-0".to_owned()),
        quote_of: None,
        media: vec![Media {
            media_type: "image".to_owned(),
            url: None,
            alt: Some("a picture".to_owned()),
            ..Media::default()
        }],
        reach: Some(Reach { likes: Some(4), ..Reach::default() }),
        legal: Some(LegalLabel {
            purpose: Purpose::Demonstration,
            legal_basis: "order 1/2026".to_owned(),
            review_by: "2026-12-31".to_owned(),
        }),
        raw_sha256: Some("00".repeat(32)),
    }
}

pub fn raw() -> Bytes {
    Bytes::from_static(b"{\"raw\":\"\xff\x00 bytes\"}")
}
