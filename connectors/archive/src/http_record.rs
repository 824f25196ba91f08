//! An HTTP answer inside an archive record: status, type, body with chunking and compression undone.

use std::io::Read;

use flate2::read::{MultiGzDecoder, ZlibDecoder};

use crate::units::{MAX_UNIT_BYTES, header};

/// A recorded answer.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct HttpRecord {
    pub(crate) status: u16,
    pub(crate) content_type: String,
    pub(crate) body: Vec<u8>,
}

/// Reads an answer; `None` when there is no status line.
pub(crate) fn read(bytes: &[u8]) -> Option<HttpRecord> {
    let split = find(bytes, b"\r\n\r\n")
        .map(|at| (at, at + 4))
        .or_else(|| find(bytes, b"\n\n").map(|at| (at, at + 2)));
    let (head, body) = split.map_or((bytes, &[][..]), |(end, start)| (&bytes[..end], &bytes[start..]));
    let status_line = head.split(|b| *b == b'\n').next()?;
    let status_line = std::str::from_utf8(status_line).ok()?;
    if !status_line.starts_with("HTTP/") {
        return None;
    }
    let status = status_line.split_whitespace().nth(1)?.parse().ok()?;
    let is_chunked = header(head, "transfer-encoding").is_some_and(|v| v.eq_ignore_ascii_case("chunked"));
    // Archives of some tools name chunking that is not there any more.
    let body = if is_chunked { dechunk(body).unwrap_or_else(|| body.to_vec()) } else { body.to_vec() };
    let body = match header(head, "content-encoding").as_deref() {
        Some("gzip" | "x-gzip") => unpack(MultiGzDecoder::new(&body[..])).unwrap_or(body),
        Some("deflate") => unpack(ZlibDecoder::new(&body[..])).unwrap_or(body),
        _ => body,
    };
    Some(HttpRecord { status, content_type: header(head, "content-type").unwrap_or_default(), body })
}

fn unpack(decoder: impl Read) -> Option<Vec<u8>> {
    let mut out = Vec::new();
    decoder.take(MAX_UNIT_BYTES as u64).read_to_end(&mut out).ok()?;
    Some(out)
}

fn dechunk(mut bytes: &[u8]) -> Option<Vec<u8>> {
    let mut out = Vec::with_capacity(bytes.len());
    loop {
        let end = find(bytes, b"\r\n")?;
        let size = std::str::from_utf8(&bytes[..end]).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(out);
        }
        bytes = bytes.get(end + 2..)?;
        let take = size.min(bytes.len());
        out.extend_from_slice(&bytes[..take]);
        // A truncated last chunk still tells something.
        let Some(rest) = bytes.get(take + 2..) else { return Some(out) };
        bytes = rest;
    }
}

fn find(bytes: &[u8], needle: &[u8]) -> Option<usize> {
    bytes.windows(needle.len()).position(|window| window == needle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chunked_and_wrongly_chunked() {
        let good = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n";
        assert_eq!(read(good).unwrap().body, b"abc");
        let wrong = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nplain text\r\n";
        assert_eq!(read(wrong).unwrap().body, b"plain text\r\n");
        assert_eq!(read(b"no http"), None);
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read(bytes: Vec<u8>) {
            read(&bytes);
            dechunk(&bytes);
        }
    }
}
