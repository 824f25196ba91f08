//! A page as a headless browser (Chromium) shows it: picture, print, document. All three are taken of one loading, so
//! that they show the same page even while it is being edited; what that did not give is tried once more on its own,
//! and said to come from a loading of its own. A page whose scripts never rest is shown without them. Every run has a
//! time and a size limit and a profile that is thrown away, so that one failure leaves the others and is named.
//!
//! The picture is kept twice: as it came, and under a strip with address, time and the hash of the plain one. The
//! strip is drawn by the browser too, from a page of ours that loads nothing but that picture.

use std::ffi::OsString;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use streife_domain::Timestamp;

use crate::input::Missing;
use crate::merkle::sha256_hex;

/// How often a running browser is looked at.
const POLL: Duration = Duration::from_millis(50);
/// Scripts of the page get this much of the browser's own time before the picture is taken, so that a script that
/// never rests does not matter.
const PAGE_TIME_MILLIS: u32 = 8_000;
/// Height of the caption strip.
const STRIP_PIXELS: u32 = 110;
/// Longest address in the strip; the whole one stands in the capture log.
const MAX_CAPTION_CHARS: usize = 260;
const MAX_VERSION_CHARS: usize = 80;
/// Saying its version takes a browser no longer than this.
const VERSION_TIME: Duration = Duration::from_secs(10);

/// Preferences of a profile in which no page may run scripts.
const WITHOUT_SCRIPTS: &str = r#"{"profile":{"default_content_setting_values":{"javascript":2}}}"#;

/// How to run the browser.
#[derive(Debug, Clone)]
pub struct BrowserOptions {
    /// The program, such as `chromium`.
    pub program: PathBuf,
    /// Arguments before ours, such as a proxy.
    pub arguments: Vec<String>,
    /// Longest time for one of the three captures.
    pub time_limit: Duration,
    /// Largest file taken, in bytes.
    pub max_bytes: u64,
    /// Width and height of the window in pixels; the height bounds what endless scrolling can add.
    pub window: (u32, u32),
}

impl Default for BrowserOptions {
    fn default() -> Self {
        Self {
            program: "chromium".into(),
            arguments: Vec::new(),
            time_limit: Duration::from_secs(30),
            max_bytes: 32 * 1024 * 1024,
            window: (1_280, 4_000),
        }
    }
}

/// Why a capture was not made.
#[derive(Debug, thiserror::Error)]
pub enum BrowserError {
    /// The address is not one of the public web.
    #[error("{0:?} is not an http or https address")]
    Address(String),
    /// The program could not be started.
    #[error("browser {program} does not start: {source}; install it or name another in the configuration")]
    Start {
        /// Which program.
        program: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// It ran too long and was ended.
    #[error("the browser was ended after {0:?}")]
    TimedOut(Duration),
    /// It wrote too much and was ended.
    #[error("the browser wrote more than {0} bytes")]
    TooLarge(u64),
    /// It ended with an error.
    #[error("the browser failed with {0}")]
    Failed(String),
    /// It ended well but left nothing, or something else than it should.
    #[error("the browser left no usable {0}")]
    Nothing(&'static str),
    /// A file could not be read or written.
    #[error("file of the capture: {0}")]
    Io(#[from] std::io::Error),
}

/// What the browser showed; whatever is `None` is named in `missing`.
#[derive(Debug, Default)]
pub struct PageCapture {
    /// The browser's own name and version.
    pub version: Option<String>,
    /// Picture of the page with a caption strip, PNG.
    pub screenshot: Option<Vec<u8>>,
    /// The picture without the strip.
    pub screenshot_plain: Option<Vec<u8>>,
    /// Print of the page.
    pub page_pdf: Option<Vec<u8>>,
    /// The document after its scripts ran.
    pub dom_html: Option<Vec<u8>>,
    /// What failed, and why.
    pub missing: Vec<Missing>,
}

/// Captures the page at `url`; blocks for at most twice the limit, and once more for the strip. `scratch` is an empty
/// folder, whose contents are this function's. `at` goes into the strip.
pub fn capture(url: &str, at: Timestamp, options: &BrowserOptions, scratch: &Path) -> PageCapture {
    let target = Target::Public(url);
    let together = run(&target, options, &scratch.join("together"), &VIEWS, Scripts::Run);
    let mut page = PageCapture { version: version(options, scratch), ..PageCapture::default() };
    let timed_out = together.iter().any(|view| matches!(view, Err(BrowserError::TimedOut(_))));
    let (target, still) = (&target, scratch.join("still"));
    let taken: Vec<(Loading, Result<Vec<u8>, BrowserError>)> = std::thread::scope(|scope| {
        // A page that never rests: what its server sent can still be shown, without what its scripts make of it.
        let still = timed_out.then(|| scope.spawn(|| run(target, options, &still, &VIEWS, Scripts::Blocked)));
        let again: Vec<_> = VIEWS
            .iter()
            .zip(together)
            .map(|(kind, outcome)| {
                outcome.map_err(|error| (error, scope.spawn(move || one(target, options, scratch, kind))))
            })
            .collect();
        let alone: Vec<_> = again
            .into_iter()
            .map(|outcome| match outcome {
                Ok(bytes) => (Loading::Together, Ok(bytes)),
                Err((first, retry)) => (Loading::Alone, retry.join().unwrap_or(Err(first))),
            })
            .collect();
        let still = still.and_then(|still| still.join().ok()).unwrap_or_default();
        let mut still = still.into_iter().map(Result::ok);
        let or_still = |(loading, outcome): (Loading, Result<_, _>)| match (outcome, still.next().flatten()) {
            (Err(_), Some(bytes)) => (Loading::WithoutScripts, Ok(bytes)),
            (outcome, _) => (loading, outcome),
        };
        alone.into_iter().map(or_still).collect()
    });
    for (loading, why) in [
        (Loading::Alone, "aus einem eigenen Aufruf der Seite"),
        (
            Loading::WithoutScripts,
            "aus einem eigenen Aufruf der Seite ohne ihre Skripte, die kein Ende nahmen",
        ),
    ] {
        let views = VIEWS.iter().zip(&taken);
        let names: Vec<&str> = views
            .filter(|(_, (by, outcome))| *by == loading && outcome.is_ok())
            .map(|(kind, _)| kind.name)
            .collect();
        if !names.is_empty() {
            let why = format!("{}: {why}", names.join(", "));
            page.missing.push(Missing { what: "Gemeinsamer Aufruf".to_owned(), why });
        }
    }
    let mut note = |what: &str, outcome: Result<Vec<u8>, BrowserError>| match outcome {
        Ok(bytes) => Some(bytes),
        Err(error) => {
            page.missing.push(Missing { what: what.to_owned(), why: error.to_string() });
            None
        }
    };
    let mut views = VIEWS.iter().zip(taken).map(|(kind, (_, outcome))| note(kind.name, outcome));
    let (plain, page_pdf, dom_html) =
        (views.next().flatten(), views.next().flatten(), views.next().flatten());
    drop(views);
    let captioned =
        plain.as_ref().and_then(|plain| note("Beschriftung", caption(url, at, plain, options, scratch)));
    PageCapture {
        // Without a strip the plain picture still is the picture.
        screenshot: captioned.clone().or_else(|| plain.clone()),
        screenshot_plain: plain.filter(|_| captioned.is_some()),
        page_pdf,
        dom_html,
        ..page
    }
}

/// `Chromium 131.0...`; nothing when it does not say. As bounded as every other run of a program we did not write.
fn version(options: &BrowserOptions, scratch: &Path) -> Option<String> {
    let file = scratch.join("version.txt");
    let child = Command::new(&options.program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::from(File::create(&file).ok()?))
        .stderr(Stdio::null())
        .spawn()
        .ok()?;
    let limits = BrowserOptions { time_limit: options.time_limit.min(VERSION_TIME), ..options.clone() };
    wait(child, &[&file], &limits).ok()?;
    let text = fs::read_to_string(&file).ok()?;
    let line: String =
        text.lines().next()?.chars().filter(|c| !c.is_control()).take(MAX_VERSION_CHARS).collect();
    Some(line.trim().to_owned()).filter(|line| !line.is_empty())
}

/// Draws address, time and hash above the picture.
fn caption(
    url: &str,
    at: Timestamp,
    plain: &[u8],
    options: &BrowserOptions,
    scratch: &Path,
) -> Result<Vec<u8>, BrowserError> {
    let picture = scratch.join("plain.png");
    fs::write(&picture, plain)?;
    let page = scratch.join("caption.html");
    let html = format!(
        "<!doctype html><meta charset=utf-8><style>body{{margin:0;background:#fff}}div{{box-sizing:border-box;height:{STRIP_PIXELS}px;\
         padding:10px 14px;background:#f3e9b0;border-bottom:2px solid #000;font:15px/1.5 monospace;overflow:hidden;\
         overflow-wrap:anywhere}}img{{display:block}}</style><div>{}<br>{at} (UTC)<br>sha256 {}</div><img src=plain.png>",
        escape(url),
        sha256_hex(plain),
    );
    fs::write(&page, html)?;
    let (width, height) = options.window;
    let options = BrowserOptions { window: (width, height + STRIP_PIXELS), ..options.clone() };
    one(&Target::Own(&page), &options, scratch, &Kind::CAPTIONED)
}

fn escape(text: &str) -> String {
    text.chars()
        .take(MAX_CAPTION_CHARS)
        .map(|c| match c {
            '<' => "&lt;".to_owned(),
            '>' => "&gt;".to_owned(),
            '&' => "&amp;".to_owned(),
            c => c.to_string(),
        })
        .collect()
}

/// What is opened.
enum Target<'a> {
    /// An address of the web.
    Public(&'a str),
    /// A page that this program wrote.
    Own(&'a Path),
}

/// Whether the scripts of a page run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scripts {
    Run,
    Blocked,
}

/// Which loading of the page a view is of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loading {
    Together,
    Alone,
    WithoutScripts,
}

/// One of the views of a page.
struct Kind {
    /// What it is called in a report.
    name: &'static str,
    file: &'static str,
    /// The argument that asks for it; the path of the file follows when `takes_path`.
    argument: &'static str,
    takes_path: bool,
    /// What the file must begin with, and have near its end: a run that was ended leaves half a file.
    magic: &'static [u8],
    trailer: &'static [u8],
}

/// All views, the picture first.
static VIEWS: [Kind; 3] = [Kind::SCREENSHOT, Kind::PRINT, Kind::DOM];
/// How far from the end of a file its trailer may lie.
const TRAILER_WITHIN_BYTES: usize = 1_024;

impl Kind {
    const SCREENSHOT: Self = Self {
        name: "Bildschirmfoto",
        file: "screenshot.png",
        argument: "--screenshot=",
        takes_path: true,
        magic: b"\x89PNG\r\n\x1a\n",
        trailer: b"IEND",
    };
    const CAPTIONED: Self = Self { file: "captioned.png", ..Self::SCREENSHOT };
    const PRINT: Self = Self {
        name: "Seitenausdruck",
        file: "page.pdf",
        argument: "--print-to-pdf=",
        takes_path: true,
        magic: b"%PDF-",
        trailer: b"%%EOF",
    };
    const DOM: Self = Self {
        name: "Dokument der Seite",
        file: "dom.html",
        argument: "--dump-dom",
        takes_path: false,
        magic: b"<",
        trailer: b">",
    };

    /// The view as the run left it, when it left it whole.
    fn read(&self, folder: &Path) -> Option<Vec<u8>> {
        let bytes = fs::read(folder.join(self.file)).ok()?;
        let end = &bytes[bytes.len().saturating_sub(TRAILER_WITHIN_BYTES)..];
        let whole = bytes.trim_ascii_start().starts_with(self.magic)
            && end.windows(self.trailer.len()).any(|window| window == self.trailer);
        whole.then_some(bytes)
    }
}

/// One view on its own.
fn one(
    target: &Target<'_>,
    options: &BrowserOptions,
    scratch: &Path,
    kind: &'static Kind,
) -> Result<Vec<u8>, BrowserError> {
    let folder = scratch.join(format!("{}.run", kind.file));
    let taken = run(target, options, &folder, std::slice::from_ref(kind), Scripts::Run);
    taken.into_iter().next().unwrap_or(Err(BrowserError::Nothing(kind.name)))
}

/// One run of the browser for the views `kinds`, in a folder of its own. One outcome for each.
fn run(
    target: &Target<'_>,
    options: &BrowserOptions,
    folder: &Path,
    kinds: &'static [Kind],
    scripts: Scripts,
) -> Vec<Result<Vec<u8>, BrowserError>> {
    let ended = launch(target, options, folder, kinds, scripts);
    let finished = ended.is_ok();
    let mut why = ended.err();
    kinds
        .iter()
        .map(|kind| {
            // A document that is cut off looks like one that is not: it counts only when the run ended by itself.
            let view = kind.read(folder).filter(|_| finished || kind.takes_path);
            if view.is_none() {
                // What is not whole is not there, also for whoever looks into the folder.
                let _ = fs::remove_file(folder.join(kind.file));
            }
            view.ok_or_else(|| why.take().unwrap_or(BrowserError::Nothing(kind.name)))
        })
        .collect()
}

fn launch(
    target: &Target<'_>,
    options: &BrowserOptions,
    folder: &Path,
    kinds: &[Kind],
    scripts: Scripts,
) -> Result<(), BrowserError> {
    let url = match target {
        Target::Public(url) => {
            let public = url.starts_with("https://") || url.starts_with("http://");
            if !public || url.chars().any(|c| c.is_control() || c.is_whitespace()) {
                return Err(BrowserError::Address(url.chars().take(100).collect()));
            }
            OsString::from(url)
        }
        Target::Own(page) => {
            let mut url = OsString::from("file://");
            url.push(fs::canonicalize(page)?);
            url
        }
    };
    let profile = folder.join("profile");
    fs::create_dir_all(profile.join("Default"))?;
    if scripts == Scripts::Blocked {
        // By the browser's own setting, as a reader would: its switch for it also stops the browser's own pages.
        fs::write(profile.join("Default/Preferences"), WITHOUT_SCRIPTS)?;
    }
    let files: Vec<PathBuf> = kinds.iter().map(|kind| folder.join(kind.file)).collect();
    let mut stdout = Stdio::null();
    let mut wanted = Vec::with_capacity(kinds.len());
    for (kind, file) in kinds.iter().zip(&files) {
        let mut argument = OsString::from(kind.argument);
        if kind.takes_path {
            argument.push(file);
        } else {
            stdout = Stdio::from(File::create(file)?);
        }
        wanted.push(argument);
    }
    let mut profile_argument = OsString::from("--user-data-dir=");
    profile_argument.push(&profile);
    let child = Command::new(&options.program)
        .args(&options.arguments)
        .args(["--headless", "--disable-gpu", "--hide-scrollbars", "--disable-extensions", "--no-first-run"])
        .args([
            "--disable-background-networking",
            "--disable-sync",
            "--no-pdf-header-footer",
            "--deny-permission-prompts",
        ])
        .arg(format!("--window-size={},{}", options.window.0, options.window.1))
        .arg(format!("--virtual-time-budget={PAGE_TIME_MILLIS}"))
        .arg(profile_argument)
        .args(wanted)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| BrowserError::Start { program: options.program.clone(), source })?;
    let watched: Vec<&Path> = files.iter().map(PathBuf::as_path).collect();
    let outcome = wait(child, &watched, options);
    let _ = fs::remove_dir_all(&profile);
    outcome
}

/// Waits until the browser ends; ends it when it takes too long or writes too much.
fn wait(mut child: Child, files: &[&Path], options: &BrowserOptions) -> Result<(), BrowserError> {
    let started = Instant::now();
    loop {
        let too_large =
            files.iter().any(|file| fs::metadata(file).is_ok_and(|meta| meta.len() > options.max_bytes));
        match child.try_wait()? {
            Some(_) if too_large => return Err(BrowserError::TooLarge(options.max_bytes)),
            Some(status) if status.success() => return Ok(()),
            Some(status) => return Err(BrowserError::Failed(status.to_string())),
            None if too_large || started.elapsed() >= options.time_limit => {
                // Whether it had just ended does not matter: only what is whole is used.
                let _ = child.kill();
                child.wait()?;
                let timed_out = BrowserError::TimedOut(options.time_limit);
                return Err(if too_large { BrowserError::TooLarge(options.max_bytes) } else { timed_out });
            }
            None => sleep(POLL),
        }
    }
}

#[cfg(test)]
#[cfg(unix)]
#[path = "browser_tests.rs"]
mod tests;
