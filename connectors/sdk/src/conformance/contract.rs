//! One call for every connector that is read over HTTP: its contract server, and the whole conformance test against it.

use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::sync::atomic::Ordering;
use std::sync::{Arc, OnceLock};
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::server::{BROKEN, Mood, Stage};
use super::{
    Ask, FETCH_TIMEOUT, Memory, Reply, SHUTDOWN_TIMEOUT, check, deps_with, killed_at_any_moment,
    obeys_rate_limits, options, run_until,
};
use crate::{Connector, Kind, SourceConfig, run_source};

/// Posts on the server at the start.
const POSTS: u64 = 30;
/// Posts that appear between two kills.
const GROWTH: u64 = 3;

/// A file that holds a secret, one a process.
pub fn secret_file() -> &'static Path {
    static FILE: OnceLock<PathBuf> = OnceLock::new();
    FILE.get_or_init(|| {
        let path = std::env::temp_dir().join(format!("streife-conformance-{}", std::process::id()));
        match std::fs::write(&path, "secret") {
            Ok(()) => path,
            Err(error) => panic!("{}: {error}", path.display()),
        }
    })
}

/// Settings of a contract with the server's address, its port and a file with a secret put in.
pub fn settings_for(settings: &str, address: SocketAddr) -> String {
    settings
        .replace("{address}", &address.to_string())
        .replace("{port}", &address.port().to_string())
        .replace("{secret}", &secret_file().display().to_string())
}

/// A contract server alone, with so many posts, for the length of the test.
pub async fn contract_server(
    posts: u64,
    answer: impl Fn(&Ask) -> Reply + Send + Sync + 'static,
) -> SocketAddr {
    Stage::open(posts, answer).await.address
}

/// What a kind gives to be tested.
pub struct Contract {
    kind: &'static Kind,
    settings: String,
    answer: Arc<dyn Fn(&Ask) -> Reply + Send + Sync>,
    id: fn(SocketAddr, u64) -> String,
    posts: u64,
    growth: u64,
    kinds: &'static [Kind],
}

impl Contract {
    /// A contract of `kind`: its `[settings]` as TOML (`{address}` is the server, `{secret}` a file with a secret), how the
    /// platform answers, and the native id of invented post `n`.
    pub fn new(
        kind: &'static Kind,
        settings: &str,
        answer: impl Fn(&Ask) -> Reply + Send + Sync + 'static,
        id: fn(SocketAddr, u64) -> String,
    ) -> Self {
        let settings = settings.to_owned();
        Self { kind, settings, answer: Arc::new(answer), id, posts: POSTS, growth: GROWTH, kinds: &[] }
    }

    /// So many posts at the start, so many more after each kill.
    #[must_use]
    pub const fn posts(mut self, posts: u64, growth: u64) -> Self {
        self.posts = posts;
        self.growth = growth;
        self
    }

    async fn stage(&self) -> Stage {
        let answer = self.answer.clone();
        Stage::open(self.posts, move |ask| answer(ask)).await
    }

    /// A connector with a client of its own, as after a restart.
    fn connect(&self, address: SocketAddr) -> Box<dyn Connector> {
        let settings = settings_for(&self.settings, address);
        let text = format!(
            "name='t'\nkind='{}'\nlegal_gate={{agreement='test',valid_until='2999-01-01'}}\n[settings]\n{settings}",
            self.kind.name
        );
        let config: SourceConfig = match toml::from_str(&text) {
            Ok(config) => config,
            Err(error) => panic!("{error}"),
        };
        match (self.kind.connect)(&config, &deps_with(self.kinds)) {
            Ok(connector) => connector,
            Err(error) => panic!("{error}"),
        }
    }

    fn ids(&self, address: SocketAddr, to: u64) -> Vec<String> {
        (1..=to).map(|n| (self.id)(address, n)).collect()
    }

    /// Runs everything.
    pub async fn hold(self) {
        let stage = self.stage().await;
        let ids = self.ids(stage.address, self.posts);
        let wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
        check(self.kind, || self.connect(stage.address), &wanted).await;
        self.grows_under_kills().await;
        self.is_limited().await;
        self.heals_from_broken_answers().await;
        self.stops_while_waiting().await;
    }

    /// Posts appear while the process is killed again and again.
    async fn grows_under_kills(&self) {
        let stage = self.stage().await;
        let last = self.posts + self.growth * super::KILLS as u64;
        let ids = self.ids(stage.address, last);
        let wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
        let grow = || _ = stage.newest.fetch_add(self.growth, Ordering::SeqCst);
        killed_at_any_moment(self.kind, &|| self.connect(stage.address), &wanted, grow).await;
    }

    async fn is_limited(&self) {
        let stage = self.stage().await;
        stage.be(Mood::Limited);
        obeys_rate_limits(self.connect(stage.address)).await;
        assert_eq!(stage.asked.load(Ordering::SeqCst), 1, "a host that said 429 was asked again");
    }

    /// Whatever nonsense the server says for a while, afterwards everything arrives.
    async fn heals_from_broken_answers(&self) {
        let stage = self.stage().await;
        let connect = || self.connect(stage.address);
        let broken = (0..BROKEN.len()).map(|which| Mood::Broken(which as u8));
        let memory = Memory::default();
        for mood in broken.chain([Mood::CutOff, Mood::Failing]) {
            stage.be(mood);
            let run = run_source(connect(), options(self.kind), &memory, &memory, CancellationToken::new());
            let _ = tokio::time::timeout(Duration::from_millis(15), run).await;
            stage.newest.fetch_add(self.growth, Ordering::SeqCst);
            // A moment of health between the troubles, so that they also meet a source that knows something.
            stage.be(Mood::Fine);
            let run = run_source(connect(), options(self.kind), &memory, &memory, CancellationToken::new());
            let _ = tokio::time::timeout(Duration::from_millis(15), run).await;
        }
        stage.be(Mood::Fine);
        let ids = self.ids(stage.address, stage.newest.load(Ordering::SeqCst));
        let wanted: Vec<&str> = ids.iter().map(String::as_str).collect();
        run_until(self.kind, &connect, &memory, &wanted).await;
    }

    /// A server that says nothing does not hold up a shutdown, and does not bring a fetch to an end without reason.
    async fn stops_while_waiting(&self) {
        let stage = self.stage().await;
        stage.be(Mood::Silent);
        let memory = Memory::default();
        let stop = CancellationToken::new();
        let running =
            run_source(self.connect(stage.address), options(self.kind), &memory, &memory, stop.clone());
        let stopping = async {
            tokio::time::sleep(Duration::from_millis(50)).await;
            stop.cancel();
        };
        let ended = tokio::time::timeout(SHUTDOWN_TIMEOUT.min(FETCH_TIMEOUT), async {
            tokio::join!(running, stopping).0
        });
        assert!(matches!(ended.await, Ok(Ok(()))), "a source that waits for its server did not stop");
        assert!(memory.events().is_empty());
    }
}
