//! Reading, strictly: what we did not expect is an error that says where.

use std::io::Read;

use flate2::bufread::GzDecoder;

use crate::merkle::sha256_hex;

/// Largest record unpacked.
pub(super) const MAX_RECORD_BYTES: u64 = 512 * 1024 * 1024;

/// A record.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadRecord {
    /// `warcinfo`, `response`, `request`, `resource` ...
    pub kind: String,
    /// Fields in order.
    pub fields: Vec<(String, String)>,
    /// The payload: the body behind the HTTP head, or the block itself.
    pub payload: Vec<u8>,
    /// First byte of its gzip member.
    pub offset: usize,
    /// Length of its gzip member.
    pub length: usize,
}

impl ReadRecord {
    /// The first field of that name.
    pub fn field(&self, name: &str) -> Option<&str> {
        self.fields.iter().find(|(n, _)| n.eq_ignore_ascii_case(name)).map(|(_, v)| v.as_str())
    }
}

/// Why a WARC file is not accepted.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WarcError {
    /// Compressed data are damaged.
    #[error("record at byte {0}: damaged gzip data ({1})")]
    Gzip(usize, String),
    /// A record is larger than [`MAX_RECORD_BYTES`].
    #[error("record at byte {0} unpacks to more than {MAX_RECORD_BYTES} bytes")]
    TooLarge(usize),
    /// The head of a record does not read.
    #[error("record at byte {0}: {1}")]
    Head(usize, &'static str),
    /// A digest does not match.
    #[error("record at byte {offset}: {field} says {said}, the bytes give {is}")]
    Digest {
        /// Where.
        offset: usize,
        /// Which field.
        field: &'static str,
        /// What it says.
        said: String,
        /// What the bytes give.
        is: String,
    },
}

/// Reads and checks every record: one gzip member each, exact lengths, block and payload digests.
///
/// # Errors
/// [`WarcError`] for the first record that is not as it should be.
pub fn read(file: &[u8]) -> Result<Vec<ReadRecord>, WarcError> {
    let mut records = Vec::new();
    let mut offset = 0;
    while offset < file.len() {
        let mut rest = &file[offset..];
        let mut plain = Vec::new();
        GzDecoder::new(&mut rest)
            .take(MAX_RECORD_BYTES + 1)
            .read_to_end(&mut plain)
            .map_err(|error| WarcError::Gzip(offset, error.to_string()))?;
        if plain.len() as u64 > MAX_RECORD_BYTES {
            return Err(WarcError::TooLarge(offset));
        }
        let length = file.len() - offset - rest.len();
        records.push(record(&plain, offset, length)?);
        offset += length;
    }
    Ok(records)
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

fn record(plain: &[u8], offset: usize, length: usize) -> Result<ReadRecord, WarcError> {
    let head_end = find(plain, b"\r\n\r\n").ok_or(WarcError::Head(offset, "the head has no end"))?;
    let head = std::str::from_utf8(&plain[..head_end])
        .map_err(|_| WarcError::Head(offset, "the head is not UTF-8"))?;
    let mut lines = head.split("\r\n");
    if lines.next() != Some("WARC/1.1") {
        return Err(WarcError::Head(offset, "the first line is not WARC/1.1"));
    }
    let mut fields = Vec::new();
    for line in lines {
        let (name, value) = line.split_once(':').ok_or(WarcError::Head(offset, "a field without a colon"))?;
        fields.push((name.to_owned(), value.trim().to_owned()));
    }
    let block = plain
        .get(head_end + 4..plain.len().saturating_sub(4))
        .ok_or(WarcError::Head(offset, "the record ends too early"))?;
    if !plain.ends_with(b"\r\n\r\n") {
        return Err(WarcError::Head(offset, "the record does not end with two line ends"));
    }
    let mut record = ReadRecord { kind: String::new(), fields, payload: block.to_vec(), offset, length };
    for needed in ["WARC-Type", "WARC-Record-ID", "WARC-Date", "Content-Length", "WARC-Block-Digest"] {
        if record.field(needed).is_none() {
            return Err(WarcError::Head(offset, "a required field is missing"));
        }
    }
    if record.field("Content-Length").and_then(|n| n.parse::<usize>().ok()) != Some(block.len()) {
        return Err(WarcError::Head(offset, "Content-Length is not the length of the block"));
    }
    record.kind = record.field("WARC-Type").unwrap_or_default().to_owned();
    if record.field("Content-Type").is_some_and(|t| t.starts_with("application/http")) {
        let end = find(block, b"\r\n\r\n").ok_or(WarcError::Head(offset, "the HTTP head has no end"))?;
        record.payload = block[end + 4..].to_vec();
    }
    check(&record, "WARC-Block-Digest", block)?;
    if matches!(record.kind.as_str(), "response" | "resource")
        && record.field("WARC-Payload-Digest").is_none()
    {
        return Err(WarcError::Head(offset, "WARC-Payload-Digest is missing"));
    }
    check(&record, "WARC-Payload-Digest", &record.payload)?;
    Ok(record)
}

fn check(record: &ReadRecord, field: &'static str, bytes: &[u8]) -> Result<(), WarcError> {
    let Some(said) = record.field(field) else { return Ok(()) };
    let is = format!("sha256:{}", sha256_hex(bytes));
    if said == is {
        return Ok(());
    }
    Err(WarcError::Digest { offset: record.offset, field, said: said.to_owned(), is })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn any_bytes_are_answered_without_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..200)) {
            let _ = read(&bytes);
            let _ = record(&bytes, 0, bytes.len());
        }
    }

    #[test]
    fn a_record_with_a_wrong_digest_is_named() {
        let plain = b"WARC/1.1\r\nWARC-Type: resource\r\nWARC-Record-ID: <urn:x>\r\nWARC-Date: 2026-01-01T00:00:00Z\r\n\
            Content-Length: 1\r\nWARC-Block-Digest: sha256:00\r\n\r\nx\r\n\r\n";
        assert!(matches!(record(plain, 7, 1), Err(WarcError::Digest { offset: 7, .. })));
    }
}
