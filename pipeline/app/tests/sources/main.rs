//! `streife sources test` and `sources add` as a person runs them: the binary, against the servers of the conformance tests.
#![expect(clippy::unwrap_used, clippy::panic, reason = "a panic is how a test fails")]

mod add_command;
mod contracts;
mod test_command;

use std::path::{Path, PathBuf};
use std::process::Output;

use serde_json::Value;
use tempfile::TempDir;

/// A folder of its own, with a configuration file.
pub(crate) struct Place {
    folder: TempDir,
}

/// What a command said.
pub(crate) struct Said {
    pub(crate) code: i32,
    /// Lines of stdout.
    pub(crate) lines: Vec<String>,
    pub(crate) errors: String,
}

impl Said {
    fn of(output: Output) -> Self {
        Self {
            code: output.status.code().unwrap(),
            lines: String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect(),
            errors: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// The last line, which is JSON.
    pub(crate) fn summary(&self) -> Value {
        let last = self.lines.last().unwrap_or_else(|| panic!("nothing was said: {}", self.errors));
        serde_json::from_str(last).unwrap_or_else(|e| panic!("{e}: {last}"))
    }
}

impl Place {
    pub(crate) fn new(config: &str) -> Self {
        let place = Self { folder: tempfile::tempdir().unwrap() };
        std::fs::write(place.config(), config).unwrap();
        place
    }

    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    pub(crate) fn config(&self) -> PathBuf {
        self.path("streife.toml")
    }

    /// Runs the binary here with arguments, an environment and an input.
    pub(crate) async fn run(&self, arguments: &[&str], environment: &[(&str, &str)], input: &str) -> Said {
        use tokio::io::AsyncWriteExt;
        let home = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
        let mut child = tokio::process::Command::new(env!("CARGO_BIN_EXE_streife"))
            .args(["--lang", "en"])
            .args(arguments)
            .current_dir(self.folder.path())
            .env("STREIFE_HOME", home)
            .envs(environment.iter().copied())
            .stdin(std::process::Stdio::piped())
            .stdout(std::process::Stdio::piped())
            .stderr(std::process::Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        // A command that reads nothing closes its end.
        let _ = stdin.write_all(input.as_bytes()).await;
        drop(stdin);
        Said::of(child.wait_with_output().await.unwrap())
    }

    /// `streife sources test NAME --json` with the configuration of this place.
    pub(crate) async fn test(&self, name: &str) -> Said {
        let config = self.config().display().to_string();
        self.run(&["--json", "sources", "test", name, "--config", &config, "--data", "data"], &[], "").await
    }
}
