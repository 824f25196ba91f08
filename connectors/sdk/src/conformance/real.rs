//! A source read over the life of a real server: what it saw, over restarts of both sides.

use std::process::Command;
use std::time::{Duration, Instant};

use streife_domain::{Event, EventKind};

use crate::{Connector, Cursor};

/// How long what is wanted may take, restarts of a server on a busy machine included.
const PATIENCE: Duration = Duration::from_secs(90);
/// So long nothing more may come once everything is there.
const QUIET: Duration = Duration::from_secs(2);
/// Between two visits, and after an error.
const PAUSE: Duration = Duration::from_millis(300);

/// Runs a script of `tests/servers` and gives what it printed.
pub fn server(script: &str, arguments: &[&str]) -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../tests/servers/");
    match Command::new("sh").arg(format!("{path}{script}.sh")).args(arguments).output() {
        Ok(output) if output.status.success() => String::from_utf8_lossy(&output.stdout).trim().to_owned(),
        Ok(output) => panic!("{script} {arguments:?}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => panic!("{script}: {error}"),
    }
}

/// One source in such a life.
pub struct Watched<'a> {
    connect: &'a dyn Fn() -> Box<dyn Connector>,
    connector: Box<dyn Connector>,
    /// What is saved.
    pub cursor: Option<Cursor>,
    /// Everything seen, in order.
    pub events: Vec<Event>,
}

impl<'a> Watched<'a> {
    /// A source that begins at `cursor`.
    pub fn new(connect: &'a dyn Fn() -> Box<dyn Connector>, cursor: Option<Cursor>) -> Self {
        Self { connect, connector: connect(), cursor, events: Vec::new() }
    }

    /// As after a kill: only the cursor is left.
    pub fn restart(&mut self) {
        self.connector = (self.connect)();
    }

    /// Reads until `wanted` events in all are there, and a while longer, in which nothing more may come.
    pub async fn read(&mut self, wanted: usize) {
        let begun = Instant::now();
        while self.events.len() < wanted {
            assert!(
                begun.elapsed() < PATIENCE,
                "{} of {wanted} arrived: {:?}",
                self.events.len(),
                self.said()
            );
            self.fetch(PATIENCE).await;
        }
        let begun = Instant::now();
        while begun.elapsed() < QUIET {
            self.fetch(QUIET.saturating_sub(begun.elapsed())).await;
        }
        assert_eq!(self.said().len(), wanted, "more than was wanted: {:?}", self.said());
    }

    /// One fetch, whatever it brings.
    pub async fn visit(&mut self) {
        self.fetch(PATIENCE).await;
    }

    async fn fetch(&mut self, limit: Duration) {
        match tokio::time::timeout(limit, self.connector.fetch(self.cursor.as_ref())).await {
            // A stream with nothing to say.
            Err(_) => {}
            Ok(Ok(fetched)) => {
                assert!(fetched.parsed.problems.is_empty(), "{:?}", fetched.parsed.problems);
                let has_news = !fetched.parsed.events.is_empty();
                self.events.extend(fetched.parsed.events.into_iter().map(|e| e.event));
                self.cursor = Some(fetched.cursor);
                if !has_news {
                    tokio::time::sleep(PAUSE).await;
                }
            }
            Ok(Err(error)) => {
                let class = error.class().as_str();
                assert!(matches!(class, "transient" | "rate_limited"), "{error}");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }

    /// What was said, in order, without the states of accounts.
    pub fn said(&self) -> Vec<(EventKind, &str)> {
        let posts = self.events.iter().filter(|e| e.event != EventKind::Account);
        posts.map(|e| (e.event, e.text.as_str())).collect()
    }
}
