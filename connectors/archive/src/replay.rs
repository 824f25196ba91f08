//! Files and folders as a source: `streife up --replay`, imports.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufRead, BufReader, Read};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use async_trait::async_trait;
use flate2::read::MultiGzDecoder;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};
use streife_domain::{Clock, RejectCode, Timestamp};
use streife_sdk::{
    ConfigError, Connector, Cursor, Deps, FetchError, Fetched, Kind, Observation, Pace, ParseContext, Parsed,
    SourceConfig, settings,
};

use crate::csv_rows::{self, Columns};
use crate::units::{Cut, MAX_UNIT_BYTES, Unit, Units};
use crate::{jsonl, warc};

/// The name of this kind in configuration; it reads every format.
pub const KIND: &str = "archive";
/// Units per fetch.
const MAX_BATCH: usize = 1_000;
/// Bytes per fetch.
const MAX_BATCH_BYTES: usize = 8 * 1024 * 1024;
/// A file is recognised by the hash of so many bytes at its start.
const HEAD_BYTES: u64 = 64 * 1024;
/// Files of a folder, in all its depths.
const MAX_FILES: usize = 100_000;
/// Recordings of other kinds (pages, feeds) are read whole up to this size.
const MAX_WHOLE_BYTES: u64 = 64 * 1024 * 1024;

/// Settings of a replay.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// A file, a folder, or `-` for standard input.
    pub path: PathBuf,
    /// `auto`, `jsonl`, `csv`, `warc`, `jetstream` or any other kind whose recordings are read whole.
    #[serde(default = "auto")]
    pub format: String,
    /// For CSV: field = column, such as `text = "Kommentar"`.
    #[serde(default)]
    pub columns: BTreeMap<String, String>,
}

fn auto() -> String {
    "auto".to_owned()
}

/// Reads bytes in whichever of our three formats they are.
pub fn parse(observation: &Observation, context: &ParseContext) -> Parsed {
    let name = observation.url.to_ascii_lowercase();
    let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
    if name.ends_with(".csv") || name.ends_with(".tsv") {
        csv_rows::parse(observation, context)
    } else if [".warc", ".wet", ".arc"].iter().any(|end| name.ends_with(end)) {
        warc::parse(observation, context)
    } else {
        jsonl::parse(observation, context)
    }
}

/// Builds a replay.
///
/// # Errors
/// Unknown settings or an unknown format.
pub fn connect(config: &SourceConfig, deps: &Deps) -> Result<Box<dyn Connector>, ConfigError> {
    let settings: Config = settings(config)?;
    let known = ["auto", "jsonl", "csv", "warc"];
    if !known.contains(&settings.format.as_str()) && !deps.kinds.iter().any(|k| k.name == settings.format) {
        return Err(ConfigError::new(
            &config.name,
            format!("settings.format: {:?} is no known kind", settings.format),
        ));
    }
    Ok(Box::new(Replay::new(&config.name, settings, deps.clock.clone(), deps.kinds)))
}

/// The connector.
pub struct Replay {
    context: ParseContext,
    config: Config,
    clock: Arc<dyn Clock>,
    kinds: &'static [Kind],
    open: Option<Open>,
}

/// A file in the middle of being read.
struct Open {
    path: PathBuf,
    format: Format,
    units: Units,
    columns: Option<Columns>,
}

#[derive(Clone, Copy)]
enum Format {
    Jsonl,
    Csv,
    Warc,
    /// Lines of another kind.
    Lines(Kind),
    /// A whole file of another kind.
    Whole(Kind),
}

#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Place {
    /// The file being read, or read last.
    file: Option<PathBuf>,
    /// Units of it that the log has.
    units: u64,
    /// SHA-256 of the first `head_bytes` of the file.
    head_sha256: String,
    head_bytes: u64,
    /// Nothing is left of `file`.
    finished: bool,
}

impl Replay {
    /// A replay of `config.path`.
    pub fn new(name: &str, config: Config, clock: Arc<dyn Clock>, kinds: &'static [Kind]) -> Self {
        Self { context: ParseContext::new(name), config, clock, kinds, open: None }
    }

    /// Reads one batch. Blocking.
    fn read(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        let mut place: Place = Cursor::read(cursor);
        let Some(path) = self.current_file(&place)? else {
            return Ok(Fetched {
                parsed: Parsed::default(),
                cursor: Cursor::of(&place)?,
                pace: Pace::Finished,
                newest: None,
            });
        };
        let observed_at = self.clock.now();
        if place.file.as_ref() != Some(&path) {
            place = Place { file: Some(path.clone()), ..Place::default() };
        }
        if !is_stdin(&path) && !same_file(&path, &place)? {
            tracing::warn!(file = %path.display(), "the file is another than the one read before, it is read anew");
            place = Place { file: Some(path.clone()), ..Place::default() };
        }
        let stands_here =
            self.open.as_ref().is_some_and(|open| open.path == path && open.units.number() == place.units);
        let mut open = match self.open.take().filter(|_| stands_here) {
            Some(open) => open,
            None => self.open_at(&path, place.units)?,
        };
        let mut parsed = Parsed::default();
        let is_at_end = match open.format {
            Format::Whole(kind) => {
                parsed = (kind.parse)(&whole_file(&path, observed_at)?, &self.context);
                true
            }
            _ => self.read_batch(&mut open, observed_at, &mut parsed)?,
        };
        place.units = open.units.number();
        place.finished = is_at_end;
        if !is_stdin(&path) {
            (place.head_bytes, place.head_sha256) = head_hash(&path, HEAD_BYTES)?;
        }
        if !is_at_end {
            self.open = Some(open);
        }
        Ok(Fetched { parsed, cursor: Cursor::of(&place)?, pace: Pace::Now, newest: None })
    }

    /// `true` at the end of the file.
    fn read_batch(
        &self,
        open: &mut Open,
        observed_at: Timestamp,
        parsed: &mut Parsed,
    ) -> Result<bool, FetchError> {
        let mut bytes = 0;
        for _ in 0..MAX_BATCH {
            let unit = match open.units.next() {
                Ok(Some(unit)) => unit,
                Ok(None) => return Ok(true),
                Err(error) => {
                    // Damaged compression: what came before stands, the rest cannot be had.
                    let at = format!("after unit {}", open.units.number());
                    parsed.problem(
                        at,
                        RejectCode::BadField,
                        format!("{}: {error}", open.path.display()),
                        Vec::new(),
                    );
                    return Ok(true);
                }
            };
            bytes += unit.raw.len();
            self.read_unit(open, &unit, observed_at, parsed);
            if bytes > MAX_BATCH_BYTES {
                break;
            }
        }
        Ok(false)
    }

    fn read_unit(&self, open: &mut Open, unit: &Unit, observed_at: Timestamp, parsed: &mut Parsed) {
        match open.format {
            Format::Jsonl => jsonl::read_line(unit, observed_at, &self.context, parsed),
            Format::Warc => warc::read_record(unit, observed_at, &self.context, parsed),
            Format::Lines(kind) | Format::Whole(kind) => {
                let name = format!("{}:{}", open.path.display(), unit.number);
                let line = Observation {
                    sha256: String::new(),
                    ..Observation::new(name, unit.raw.clone(), observed_at)
                };
                parsed.append((kind.parse)(&line, &self.context));
            }
            Format::Csv => match &open.columns {
                Some(columns) => csv_rows::read_row(columns, unit, observed_at, &self.context, parsed),
                None => match Columns::from_header(&unit.raw, &self.config.columns) {
                    Ok(columns) => open.columns = Some(columns),
                    Err(message) => {
                        parsed.problem(
                            format!("row {}", unit.number),
                            RejectCode::BadField,
                            message,
                            unit.raw.clone(),
                        );
                    }
                },
            },
        }
    }

    /// The file to read now: the one in the middle of which we are, else the next in order.
    fn current_file(&self, place: &Place) -> Result<Option<PathBuf>, FetchError> {
        let files = list_files(&self.config.path)?;
        Ok(match (&place.file, place.finished) {
            (None, _) => files.into_iter().next(),
            (Some(file), false) => files.into_iter().find(|f| f >= file),
            (Some(file), true) => files.into_iter().find(|f| f > file),
        })
    }

    fn open_at(&self, path: &Path, skip: u64) -> Result<Open, FetchError> {
        let mut reader = open_file(path)?;
        let format = self.format_of(path, reader.fill_buf().map_err(|e| io_error(path, &e))?)?;
        let cut = match format {
            Format::Jsonl | Format::Lines(_) | Format::Whole(_) => Cut::Lines,
            Format::Csv => Cut::Rows,
            Format::Warc => Cut::Records,
        };
        let mut open = Open { path: path.to_owned(), format, units: Units::new(reader, cut), columns: None };
        while open.units.number() < skip {
            match open.units.next() {
                Ok(Some(unit)) if matches!(format, Format::Csv) && open.columns.is_none() => {
                    open.columns = Columns::from_header(&unit.raw, &self.config.columns).ok();
                }
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => break,
            }
        }
        Ok(open)
    }

    fn format_of(&self, path: &Path, head: &[u8]) -> Result<Format, FetchError> {
        let kind = |name: &str| {
            self.kinds.iter().find(|k| k.name == name).copied().ok_or_else(|| {
                FetchError::BadUpstream(format!("{}: no connector reads {name}", path.display()))
            })
        };
        let name = path.file_name().unwrap_or_default().to_string_lossy().to_ascii_lowercase();
        let name = name.trim_end_matches(".gz").trim_end_matches(".zst");
        let ends = |ends: &[&str]| ends.iter().any(|end| name.ends_with(end));
        Ok(match self.config.format.as_str() {
            "csv" => Format::Csv,
            "warc" => Format::Warc,
            "jetstream" => Format::Lines(kind("jetstream")?),
            "auto" if ends(&[".csv", ".tsv"]) => Format::Csv,
            "auto" if ends(&[".warc", ".wet", ".arc"]) || head.starts_with(b"WARC/") => Format::Warc,
            "auto" if ends(&[".xml", ".rss", ".atom"]) => Format::Whole(kind("feed")?),
            "auto" if ends(&[".html", ".htm"]) => Format::Whole(kind("page")?),
            "auto" if is_jetstream(head) => Format::Lines(kind("jetstream")?),
            "auto" | "jsonl" => Format::Jsonl,
            other => Format::Whole(kind(other)?),
        })
    }
}

#[async_trait]
impl Connector for Replay {
    async fn fetch(&mut self, cursor: Option<&Cursor>) -> Result<Fetched, FetchError> {
        // Reading blocks; the reader goes to a thread for blocking work and comes back. If this future is dropped
        // the reader is lost, and the next call opens the file anew at the cursor.
        let mut replay = Self {
            context: self.context.clone(),
            config: self.config.clone(),
            clock: self.clock.clone(),
            kinds: self.kinds,
            open: self.open.take(),
        };
        let cursor = cursor.cloned();
        let (replay, fetched) = tokio::task::spawn_blocking(move || {
            let fetched = replay.read(cursor.as_ref());
            (replay, fetched)
        })
        .await
        .map_err(|e| FetchError::Transient(format!("reading was broken off: {e}")))?;
        self.open = replay.open;
        fetched
    }
}

/// The first line looks like a Jetstream event.
fn is_jetstream(head: &[u8]) -> bool {
    let line = head.split(|b| *b == b'\n').next().unwrap_or_default();
    let has = |needle: &[u8]| line.windows(needle.len()).any(|w| w == needle);
    (has(b"\"did\"") && has(b"\"time_us\"")) || has(b"network.bsky.jetstream")
}

fn is_stdin(path: &Path) -> bool {
    path == Path::new("-")
}

fn list_files(path: &Path) -> Result<Vec<PathBuf>, FetchError> {
    if is_stdin(path) || !path.is_dir() {
        return Ok(vec![path.to_owned()]);
    }
    let (mut files, mut folders) = (Vec::new(), vec![path.to_owned()]);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(&folder).map_err(|e| io_error(&folder, &e))? {
            let entry = entry.map_err(|e| io_error(&folder, &e))?;
            let is_hidden = entry.file_name().to_string_lossy().starts_with('.');
            match entry.file_type() {
                Ok(kind) if kind.is_dir() && !is_hidden => folders.push(entry.path()),
                Ok(kind) if kind.is_file() && !is_hidden => files.push(entry.path()),
                _ => {}
            }
            if files.len() + folders.len() > MAX_FILES {
                return Err(FetchError::BadUpstream(format!(
                    "{}: more than {MAX_FILES} files",
                    path.display()
                )));
            }
        }
    }
    files.sort();
    Ok(files)
}

fn open_file(path: &Path) -> Result<Box<dyn BufRead + Send>, FetchError> {
    let mut plain: Box<dyn BufRead + Send> = if is_stdin(path) {
        Box::new(BufReader::new(io::stdin()))
    } else {
        Box::new(BufReader::with_capacity(256 * 1024, File::open(path).map_err(|e| io_error(path, &e))?))
    };
    let head = plain.fill_buf().map_err(|e| io_error(path, &e))?;
    if head.starts_with(&[0x1f, 0x8b]) {
        return Ok(Box::new(BufReader::new(MultiGzDecoder::new(plain))));
    }
    if head.starts_with(&[0x28, 0xb5, 0x2f, 0xfd]) {
        let decoder = zstd::Decoder::with_buffer(plain).map_err(|e| io_error(path, &e))?;
        return Ok(Box::new(BufReader::new(decoder)));
    }
    Ok(plain)
}

fn whole_file(path: &Path, observed_at: Timestamp) -> Result<Observation, FetchError> {
    let mut bytes = Vec::new();
    open_file(path)?.take(MAX_WHOLE_BYTES).read_to_end(&mut bytes).map_err(|e| io_error(path, &e))?;
    Ok(Observation::new(path.display().to_string(), bytes, observed_at))
}

fn same_file(path: &Path, place: &Place) -> Result<bool, FetchError> {
    if place.head_bytes == 0 {
        return Ok(true);
    }
    Ok(head_hash(path, place.head_bytes)? == (place.head_bytes, place.head_sha256.clone()))
}

/// How many bytes there were, at most `limit`, and their hash.
fn head_hash(path: &Path, limit: u64) -> Result<(u64, String), FetchError> {
    let mut head = Vec::new();
    File::open(path)
        .and_then(|file| file.take(limit.min(MAX_UNIT_BYTES as u64)).read_to_end(&mut head))
        .map_err(|e| io_error(path, &e))?;
    Ok((head.len() as u64, hex::encode(Sha256::digest(&head))))
}

fn io_error(path: &Path, error: &io::Error) -> FetchError {
    let message = format!("{}: {error}", path.display());
    match error.kind() {
        io::ErrorKind::NotFound => FetchError::Gone(message),
        io::ErrorKind::PermissionDenied => FetchError::Refused(message),
        _ => FetchError::Transient(message),
    }
}
