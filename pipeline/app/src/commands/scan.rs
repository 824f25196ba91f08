//! `streife scan`: posts as JSON lines in, verdicts as JSON lines out, through exactly the stages of the pipeline.

use std::io::{self, BufRead, Read, Write};
use std::path::Path;
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use streife_domain::{PostKind, RejectCode, Timestamp, Verdict};
use streife_rules::RuleSet;
use streife_runtime::{Analyser, Encode, MAX_TEXT_BYTES, Passage, PictureFacts, Workers};

use crate::cli::{EncodeArg, ScanArgs};
use crate::failure::{CommandResult, Outcome};
use crate::open::{self, ScoringChoice};
use crate::paths::Paths;
use crate::{config, telemetry};

/// Lines scored together.
const BATCH_LINES: usize = 256;
/// A line longer than this is read to its end and reported, never held.
const MAX_LINE_BYTES: usize = 16 << 20;

#[derive(Deserialize)]
struct Input {
    id: String,
    text: String,
    #[serde(default)]
    source: Option<String>,
    #[serde(default)]
    posted_at: Option<String>,
    #[serde(default)]
    kind: PostKind,
}

#[derive(Serialize)]
struct Output<'a> {
    id: &'a str,
    #[serde(flatten)]
    verdict: &'a Verdict,
}

#[derive(Serialize)]
struct LineError<'a> {
    line: u64,
    error: ErrorBody<'a>,
}

#[derive(Serialize)]
struct ErrorBody<'a> {
    code: &'static str,
    message: &'a str,
}

struct Broken {
    code: RejectCode,
    message: String,
}

pub(crate) fn run(args: &ScanArgs) -> CommandResult {
    telemetry::start_logging("warn");
    let config = config::load(None)?;
    let paths = Paths::new(&config, None);
    let rules = match args.rules.as_deref() {
        Some(folder) if folder == Path::new("none") => Arc::new(RuleSet::empty()),
        folder => open::rules_for_role(folder.unwrap_or(&paths.rules))?,
    };
    let threads = args.threads.unwrap_or_else(open::cores);
    let models = match args.models.as_deref() {
        Some(folder) if folder == Path::new("none") => None,
        folder => Some(folder.unwrap_or(&paths.models)),
    };
    if models.is_some() {
        super::setup::ensure(&paths)?;
    }
    let choice = ScoringChoice {
        models,
        parts: &paths.parts,
        encode: encode(args.encode),
        device: "cpu",
        sessions: threads,
    };
    let analyser = open::analyser(&choice, rules)?;
    let mut workers = Workers::new(threads);
    let mut out = io::BufWriter::new(io::stdout().lock());
    scan(&mut io::stdin().lock(), &mut out, &analyser, &mut workers)?;
    Ok(Outcome::Fine)
}

pub(crate) const fn encode(arg: EncodeArg) -> Encode {
    match arg {
        EncodeArg::Gated => Encode::Gated,
        EncodeArg::All => Encode::All,
        EncodeArg::None => Encode::None,
    }
}

fn scan(
    input: &mut impl BufRead,
    out: &mut impl Write,
    analyser: &Analyser,
    workers: &mut Workers,
) -> anyhow::Result<()> {
    let mut number = 0;
    let mut buffer = Vec::new();
    loop {
        let mut lines: Vec<(u64, Result<Input, Broken>)> = Vec::with_capacity(BATCH_LINES);
        while lines.len() < BATCH_LINES && read_line(input, &mut buffer)? {
            number += 1;
            if !buffer.iter().all(u8::is_ascii_whitespace) {
                lines.push((number, parse(&buffer)));
            }
        }
        if lines.is_empty() {
            out.flush()?;
            return Ok(());
        }
        let passages: Vec<Passage<'_>> =
            lines.iter().filter_map(|(_, line)| line.as_ref().ok().map(passage)).collect();
        let mut analyses = workers.analyse(analyser, &passages).into_iter();
        for (number, line) in &lines {
            match line {
                Ok(post) => {
                    let Some(analysis) = analyses.next() else { continue };
                    serde_json::to_writer(&mut *out, &Output { id: &post.id, verdict: &analysis.verdict })?;
                }
                Err(broken) => {
                    let error = ErrorBody { code: broken.code.as_str(), message: &broken.message };
                    serde_json::to_writer(&mut *out, &LineError { line: *number, error })?;
                }
            }
            out.write_all(b"\n")?;
        }
        out.flush()?;
    }
}

fn passage(post: &Input) -> Passage<'_> {
    Passage {
        text: &post.text,
        tags: &[],
        links: &[],
        platform: post.source.as_deref().unwrap_or("scan"),
        source: post.source.as_deref().unwrap_or("scan"),
        kind: post.kind,
        pictures: PictureFacts::NONE,
    }
}

/// Reads one line without its end. A longer one than allowed is cut, which its parse then reports.
fn read_line(input: &mut impl BufRead, buffer: &mut Vec<u8>) -> io::Result<bool> {
    buffer.clear();
    let limit = MAX_LINE_BYTES as u64 + 1;
    if input.by_ref().take(limit).read_until(b'\n', buffer)? == 0 {
        return Ok(false);
    }
    if buffer.last() == Some(&b'\n') {
        buffer.pop();
    } else if buffer.len() > MAX_LINE_BYTES {
        let mut rest = Vec::new();
        while input.by_ref().take(limit).read_until(b'\n', &mut rest)? > 0 && rest.last() != Some(&b'\n') {
            rest.clear();
        }
    }
    Ok(true)
}

fn parse(line: &[u8]) -> Result<Input, Broken> {
    let broken = |code: RejectCode, message: String| Broken { code, message };
    if line.len() > MAX_LINE_BYTES {
        return Err(broken(RejectCode::TooLarge, format!("the line is longer than {MAX_LINE_BYTES} bytes")));
    }
    let text = std::str::from_utf8(line)
        .map_err(|e| broken(RejectCode::BadUtf8, format!("not UTF-8 from byte {}", e.valid_up_to())))?;
    let post: Input = serde_json::from_str(text).map_err(|e| {
        let what = match e.classify() {
            serde_json::error::Category::Data => "not of the form {\"id\": \"...\", \"text\": \"...\"}",
            _ => "not JSON",
        };
        broken(RejectCode::BadJson, format!("{what} (column {})", e.column()))
    })?;
    if post.text.len() > MAX_TEXT_BYTES {
        return Err(broken(RejectCode::TooLarge, format!("the text is longer than {MAX_TEXT_BYTES} bytes")));
    }
    if post.text.trim().is_empty() {
        return Err(broken(RejectCode::EmptyText, "the text is empty".to_owned()));
    }
    if let Some(time) = &post.posted_at {
        Timestamp::parse(time).map_err(|e| broken(RejectCode::BadField, format!("posted_at: {e}")))?;
    }
    Ok(post)
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroUsize;

    use streife_scoring::Models;
    use streife_text::language::Identifier;

    use super::*;

    fn scanned(input: &[u8]) -> Vec<serde_json::Value> {
        let analyser = Analyser::new(
            Arc::new(Identifier::rules_only()),
            Arc::new(Models::off()),
            Arc::new(RuleSet::empty()),
            Encode::None,
        );
        let mut out = Vec::new();
        scan(&mut &input[..], &mut out, &analyser, &mut Workers::new(NonZeroUsize::MIN)).unwrap();
        out.split(|b| *b == b'\n')
            .filter(|l| !l.is_empty())
            .map(|l| serde_json::from_slice(l).unwrap())
            .collect()
    }

    #[test]
    fn every_line_has_its_answer_in_order() {
        let lines = scanned(b"{\"id\":\"a\",\"text\":\"Guten Morgen\"}\nnonsense\n\xff\n{\"id\":\"b\",\"text\":\" \"}\n{\"id\":\"c\",\"text\":\"Moin\"}");
        assert_eq!(lines.len(), 5);
        assert_eq!(lines[0]["id"], "a");
        assert_eq!(
            (lines[1]["line"].as_u64(), lines[1]["error"]["code"].as_str()),
            (Some(2), Some("bad_json"))
        );
        assert_eq!(lines[2]["error"]["code"], "bad_utf8");
        assert_eq!(lines[3]["error"]["code"], "empty_text");
        assert_eq!(lines[4]["id"], "c");
    }

    #[test]
    fn a_line_without_end_is_bounded() {
        let mut long = vec![b'x'; MAX_LINE_BYTES + 100];
        long.extend_from_slice(b"\n{\"id\":\"z\",\"text\":\"ok\"}\n");
        let lines = scanned(&long);
        assert_eq!(
            (lines[0]["error"]["code"].as_str(), lines[1]["id"].as_str()),
            (Some("too_large"), Some("z"))
        );
    }
}
