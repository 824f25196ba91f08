//! Cuts files into lines, CSV rows and WARC records, whatever is broken in them.

use std::io::{self, BufRead, Read};

use bytes::Bytes;

/// A longer line, row or record is not kept whole.
pub(crate) const MAX_UNIT_BYTES: usize = 16 * 1024 * 1024;
/// What is kept of a unit that is too long.
const KEPT_OF_TOO_LONG: usize = 512 * 1024;
/// The longest header block of a WARC record.
const MAX_HEADER_BYTES: usize = 64 * 1024;

/// A piece of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Unit {
    /// Line, row or record, from 1.
    pub(crate) number: u64,
    /// Its bytes; the head only when `too_long`.
    pub(crate) raw: Bytes,
    /// Over [`MAX_UNIT_BYTES`].
    pub(crate) too_long: bool,
    /// For WARC and ARC: where the content begins in `raw`.
    pub(crate) content_at: usize,
}

/// How a file is cut.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Cut {
    /// By line feeds.
    Lines,
    /// By line feeds outside of quotes.
    Rows,
    /// By WARC or ARC headers.
    Records,
}

/// A file being cut.
pub(crate) struct Units {
    reader: Box<dyn BufRead + Send>,
    cut: Cut,
    number: u64,
}

impl Units {
    pub(crate) fn new(reader: Box<dyn BufRead + Send>, cut: Cut) -> Self {
        Self { reader, cut, number: 0 }
    }

    /// Units cut so far.
    pub(crate) const fn number(&self) -> u64 {
        self.number
    }

    /// The next unit that is not blank; `None` at the end.
    pub(crate) fn next(&mut self) -> io::Result<Option<Unit>> {
        loop {
            let unit = match self.cut {
                Cut::Lines => self.line()?,
                Cut::Rows => self.row()?,
                Cut::Records => self.record()?,
            };
            match unit {
                Some(unit) if unit.raw.iter().all(u8::is_ascii_whitespace) && !unit.too_long => {}
                other => return Ok(other),
            }
        }
    }

    fn unit(&mut self, mut raw: Vec<u8>, too_long: bool) -> Unit {
        self.number += 1;
        while matches!(raw.last(), Some(b'\n' | b'\r')) && self.cut != Cut::Records {
            raw.pop();
        }
        Unit { number: self.number, raw: raw.into(), too_long, content_at: 0 }
    }

    fn line(&mut self) -> io::Result<Option<Unit>> {
        let mut raw = Vec::new();
        let too_long = self.read_line(&mut raw)?;
        Ok((!raw.is_empty()).then(|| self.unit(raw, too_long)))
    }

    /// Appends a line; `true` when it was cut short (the rest of it is read over).
    fn read_line(&mut self, raw: &mut Vec<u8>) -> io::Result<bool> {
        let start = raw.len();
        let limit = MAX_UNIT_BYTES as u64;
        (&mut self.reader).take(limit).read_until(b'\n', raw)?;
        if raw.len() - start < MAX_UNIT_BYTES || raw.ends_with(b"\n") {
            return Ok(false);
        }
        raw.truncate(start + KEPT_OF_TOO_LONG);
        let mut rest = Vec::new();
        loop {
            rest.clear();
            let read = (&mut self.reader).take(limit).read_until(b'\n', &mut rest)?;
            if read == 0 || rest.ends_with(b"\n") {
                return Ok(true);
            }
        }
    }

    fn row(&mut self) -> io::Result<Option<Unit>> {
        let mut raw = Vec::new();
        let mut too_long = self.read_line(&mut raw)?;
        // A row goes on while a quote is open.
        while !too_long && raw.iter().filter(|b| **b == b'"').count() % 2 == 1 {
            let before = raw.len();
            too_long = self.read_line(&mut raw)? || raw.len() > MAX_UNIT_BYTES;
            if raw.len() == before {
                break;
            }
        }
        if too_long {
            raw.truncate(KEPT_OF_TOO_LONG);
        }
        Ok((!raw.is_empty()).then(|| self.unit(raw, too_long)))
    }

    fn record(&mut self) -> io::Result<Option<Unit>> {
        let mut raw = Vec::new();
        let mut first = Vec::new();
        loop {
            first.clear();
            let too_long = self.read_line(&mut first)?;
            if first.is_empty() {
                return Ok(None);
            }
            if !first.iter().all(u8::is_ascii_whitespace) {
                if too_long {
                    return Ok(Some(self.unit(first, true)));
                }
                break;
            }
        }
        raw.append(&mut first);
        let length = if raw.starts_with(b"WARC/") {
            loop {
                let at = raw.len();
                self.read_line(&mut raw)?;
                if raw.len() == at
                    || raw[at..].iter().all(u8::is_ascii_whitespace)
                    || raw.len() > MAX_HEADER_BYTES
                {
                    break;
                }
            }
            header(&raw, "content-length").and_then(|v| v.parse::<usize>().ok())
        } else {
            arc_length(&raw)
        };
        let content_at = raw.len();
        let Some(length) = length else {
            // Not a header: say so once, and go on at the next line that is one.
            let number = self.number + 1;
            self.skip_to_header(&mut raw)?;
            self.number = number;
            return Ok(Some(Unit { number, raw: raw.into(), too_long: false, content_at: 0 }));
        };
        let too_long = length > MAX_UNIT_BYTES;
        let kept = if too_long { KEPT_OF_TOO_LONG } else { length };
        (&mut self.reader).take(kept as u64).read_to_end(&mut raw)?;
        if too_long {
            io::copy(&mut (&mut self.reader).take((length - kept) as u64), &mut io::sink())?;
        }
        let mut unit = self.unit(raw, too_long);
        unit.content_at = content_at;
        Ok(Some(unit))
    }

    /// Collects the lines that belong to no record, up to a bound.
    fn skip_to_header(&mut self, raw: &mut Vec<u8>) -> io::Result<()> {
        loop {
            let head = self.reader.fill_buf()?;
            if head.is_empty() || head.starts_with(b"WARC/") {
                return Ok(());
            }
            let before = raw.len();
            self.read_line(raw)?;
            if raw.len() == before {
                return Ok(());
            }
            raw.truncate(KEPT_OF_TOO_LONG.max(before));
        }
    }
}

/// The value of a header line.
pub(crate) fn header(head: &[u8], name: &str) -> Option<String> {
    String::from_utf8_lossy(head).lines().find_map(|line| {
        let (key, value) = line.split_once(':')?;
        key.trim().eq_ignore_ascii_case(name).then(|| value.trim().to_owned())
    })
}

/// The length at the end of an ARC header line: `URL IP date type length`; addresses may hold spaces.
fn arc_length(line: &[u8]) -> Option<usize> {
    let line = std::str::from_utf8(line).ok()?;
    let fields: Vec<&str> = line.trim_end().rsplitn(5, ' ').collect();
    match fields[..] {
        [length, _, date, _, address] if date.len() == 14 && address.contains(':') => length.parse().ok(),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(bytes: &'static [u8], cut: Cut) -> Vec<String> {
        let mut units = Units::new(Box::new(bytes), cut);
        let mut out = Vec::new();
        while let Some(unit) = units.next().unwrap() {
            out.push(String::from_utf8_lossy(&unit.raw[unit.content_at..]).into_owned());
        }
        out
    }

    #[test]
    fn lines_rows_and_records() {
        assert_eq!(cut(b"a\n\nb\r\nc", Cut::Lines), ["a", "b", "c"]);
        assert_eq!(cut(b"a,\"x\ny\"\nb", Cut::Rows), ["a,\"x\ny\"", "b"]);
        let warc = b"WARC/1.0\r\nContent-Length: 3\r\n\r\nabc\r\n\r\ngarbage\nWARC/1.0\r\nContent-Length: 1\r\n\r\nx";
        assert_eq!(cut(warc, Cut::Records), ["abc", "garbage\n", "x"]);
    }

    proptest::proptest! {
        #[test]
        fn no_line_is_lost(lines in proptest::collection::vec("[a-z]{1,9}", 0..20)) {
            let text: &'static [u8] = Box::leak(lines.join("\n").into_bytes().into_boxed_slice());
            proptest::prop_assert_eq!(cut(text, Cut::Lines), lines);
        }
    }
}
