//! Text in pictures, read by Tesseract as a child process.
//!
//! Tesseract is a large C++ program that eats what strangers made, so it is given little: no file (a plain greymap through its
//! standard input, which our own decoder made), no network (a network namespace of its own), no environment, and limits on
//! memory, processor time, wall time, files and output that stand before it sees the first byte.

use std::io::{self, Read, Write};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::process::{Pid, Resource, Rlimit, prlimit};

use crate::Luminance;

/// Words that Tesseract itself believes in less than this (percent) are left out: photographs are full of "words".
const MIN_CONFIDENCE: f32 = 60.0;
/// Text kept of one picture.
pub const MAX_TEXT_BYTES: usize = 16 * 1024;
/// What is read of its answer; a table line is about 60 bytes for one word.
const MAX_ANSWER_BYTES: u64 = 2 * 1024 * 1024;
/// What is read of its complaints.
const MAX_COMPLAINT_BYTES: u64 = 512;
/// Open files: its own data and the three pipes.
const MAX_OPEN_FILES: u64 = 64;
/// Where programs are looked for, whatever the environment says.
const PROGRAM_FOLDERS: &str = "/usr/local/bin:/usr/bin:/bin";

/// Reads the text in pictures.
pub trait Ocr: Send + Sync {
    /// The text, empty when there is none. Blocks.
    ///
    /// # Errors
    /// [`OcrError`]; the picture goes on without its text.
    fn read(&self, picture: &Luminance) -> Result<String, OcrError>;
}

/// Why a picture's text is not known.
#[derive(Debug, thiserror::Error)]
pub enum OcrError {
    /// The program cannot be started.
    #[error("{program} cannot be started; install the package tesseract-ocr and its languages")]
    Start {
        /// Its name.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
    /// The limits cannot be set, so it is not used.
    #[error("limits cannot be set for the reading program")]
    Limits(#[source] io::Error),
    /// It took too long and was ended.
    #[error("no answer within {0:?}")]
    TimedOut(Duration),
    /// It ended with an error, by itself or at a limit.
    #[error("the reading program ended with {status}: {said}")]
    Failed {
        /// How.
        status: String,
        /// Its own words; they are about files and languages, not about the picture.
        said: String,
    },
}

/// What keeps the reading program from the network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Isolation {
    /// A user and network namespace of its own (`unshare` of util-linux); where the kernel refuses that, nothing is read.
    #[default]
    Namespace,
    /// The limits alone: for containers that forbid namespaces and have no way out themselves.
    Limits,
}

/// How Tesseract is run.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TesseractConfig {
    /// The program.
    pub program: PathBuf,
    /// Its languages, such as `deu+eng`.
    pub languages: String,
    /// Longest time for a picture.
    pub timeout: Duration,
    /// Address space it may take.
    pub memory_bytes: u64,
    /// What keeps it from the network.
    pub isolation: Isolation,
}

impl Default for TesseractConfig {
    fn default() -> Self {
        Self {
            program: PathBuf::from("tesseract"),
            languages: "deu+eng".to_owned(),
            timeout: Duration::from_secs(20),
            memory_bytes: 1024 * 1024 * 1024,
            isolation: Isolation::Namespace,
        }
    }
}

/// Tesseract, started anew for each picture.
pub struct Tesseract(TesseractConfig);

impl Tesseract {
    /// With these settings; a white picture is read first, so that what is missing is known at the start.
    ///
    /// # Errors
    /// [`OcrError`] says what is missing.
    pub fn new(config: TesseractConfig) -> Result<Self, OcrError> {
        let tesseract = Self(config);
        if let Some(white) = Luminance::new(64, vec![255; 64 * 64]) {
            tesseract.read(&white)?;
        }
        Ok(tesseract)
    }

    fn command(&self) -> Command {
        let config = &self.0;
        let mut command = match config.isolation {
            Isolation::Limits => Command::new(&config.program),
            Isolation::Namespace => {
                let mut command = Command::new("unshare");
                command.args(["--user", "--net", "--"]).arg(&config.program);
                command
            }
        };
        command
            .args(["stdin", "stdout", "-l", &config.languages, "--psm", "3", "-c", "tessedit_create_tsv=1"])
            .env_clear()
            .env("PATH", PROGRAM_FOLDERS)
            .env("OMP_THREAD_LIMIT", "1")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Before it is given a single byte of the picture.
    fn limit(&self, child: &Child) -> Result<(), OcrError> {
        let pid = Pid::from_child(child);
        let seconds = self.0.timeout.as_secs().max(1);
        for (resource, limit) in [
            (Resource::As, self.0.memory_bytes),
            (Resource::Cpu, seconds),
            (Resource::Fsize, 0),
            (Resource::Core, 0),
            (Resource::Nofile, MAX_OPEN_FILES),
        ] {
            let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
            prlimit(Some(pid), resource, limit).map_err(|error| OcrError::Limits(error.into()))?;
        }
        Ok(())
    }

    fn answer(&self, child: &mut Child, greymap: Vec<u8>) -> Result<Vec<u8>, OcrError> {
        self.limit(child)?;
        let (stdin, stdout) = (child.stdin.take(), child.stdout.take());
        // A child that reads nothing or answers for ever must not hold this thread.
        thread::spawn(move || {
            // A child that ended early closes the pipe; its status says why.
            let _ = stdin.map(|mut stdin| stdin.write_all(&greymap));
        });
        let (sender, receiver) = mpsc::sync_channel(1);
        thread::spawn(move || {
            let mut answer = Vec::new();
            let read = stdout.map(|stdout| stdout.take(MAX_ANSWER_BYTES).read_to_end(&mut answer));
            let _ = sender.send(read.map_or(Vec::new(), |_| answer));
        });
        receiver.recv_timeout(self.0.timeout).map_err(|_| OcrError::TimedOut(self.0.timeout))
    }
}

impl Ocr for Tesseract {
    fn read(&self, picture: &Luminance) -> Result<String, OcrError> {
        let program = self.0.program.display().to_string();
        let mut child = self.command().spawn().map_err(|source| OcrError::Start { program, source })?;
        let answer = self.answer(&mut child, picture.to_greymap());
        if answer.is_err() {
            // It may have ended by itself meanwhile.
            let _ = child.kill();
        }
        let mut said = String::new();
        let stderr = child.stderr.take();
        let status = child.wait().map_err(OcrError::Limits)?;
        let answer = answer?;
        if !status.success() {
            let _ = stderr.map(|stderr| stderr.take(MAX_COMPLAINT_BYTES).read_to_string(&mut said));
            let said = said.split_whitespace().collect::<Vec<_>>().join(" ");
            return Err(OcrError::Failed { status: status.to_string(), said });
        }
        Ok(words_of_table(&String::from_utf8_lossy(&answer)))
    }
}

/// The words of Tesseract's table (level, page, block, paragraph, line, word, left, top, width, height, confidence, text),
/// line by line.
fn words_of_table(table: &str) -> String {
    const WORD_LEVEL: &str = "5";
    let mut text = String::new();
    let mut line_before = None;
    for row in table.lines() {
        let columns: Vec<&str> = row.splitn(12, '\t').collect();
        let [WORD_LEVEL, page, block, paragraph, line, .., confidence, word] = columns[..] else { continue };
        let word = word.trim();
        if word.is_empty() || confidence.parse::<f32>().is_ok_and(|percent| percent < MIN_CONFIDENCE) {
            continue;
        }
        if text.len() + word.len() + 1 > MAX_TEXT_BYTES {
            break;
        }
        let line = Some((page, block, paragraph, line));
        if line_before.is_some() {
            text.push(if line_before == line { ' ' } else { '\n' });
        }
        line_before = line;
        text.push_str(word);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_make_lines_and_doubtful_ones_are_left_out() {
        let row = |line: u32, confidence: &str, word: &str| {
            format!("5\t1\t1\t1\t{line}\t1\t0\t0\t9\t9\t{confidence}\t{word}\n")
        };
        let table = [
            "level\tpage_num\tblock_num\tpar_num\tline_num\tword_num\tleft\ttop\twidth\theight\tconf\ttext\n",
            "4\t1\t1\t1\t1\t0\t0\t0\t9\t9\t-1\t\n",
            &row(1, "96.1", "Guten"),
            &row(1, "91", "Tag"),
            &row(1, "31", "|'~"),
            &row(2, "88", "Welt"),
            &row(2, "95", " "),
            "5\t1\tbroken",
        ]
        .concat();
        assert_eq!(words_of_table(&table), "Guten Tag\nWelt");
        let endless = row(1, "99", "Wort").repeat(MAX_TEXT_BYTES);
        assert!(words_of_table(&endless).len() <= MAX_TEXT_BYTES);
    }
}
