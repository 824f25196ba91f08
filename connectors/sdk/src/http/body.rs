//! Reads answers within limits: bytes received, bytes after decompression, and the ratio between them.

use std::io::Read;

use bytes::{Bytes, BytesMut};
use flate2::read::{MultiGzDecoder, ZlibDecoder};

use crate::FetchError;

/// Text rarely shrinks by more than 20; a bomb shrinks by 1000.
const MAX_RATIO: usize = 200;
/// Below this size the ratio says nothing.
const RATIO_APPLIES_FROM: usize = 1024 * 1024;
/// Decompression step.
const STEP: usize = 64 * 1024;

/// Reads a whole answer.
pub(super) async fn read_all(
    response: &mut reqwest::Response,
    encoding: Option<&str>,
    max_bytes: usize,
) -> Result<Bytes, FetchError> {
    let mut received = BytesMut::new();
    while let Some(chunk) = response.chunk().await.map_err(|e| cut_off(&e))? {
        if received.len() + chunk.len() > max_bytes {
            return Err(too_large(max_bytes));
        }
        received.extend_from_slice(&chunk);
    }
    let received = received.freeze();
    match encoding.map(str::trim).map(str::to_ascii_lowercase).as_deref() {
        None | Some("" | "identity") => Ok(received),
        Some("gzip" | "x-gzip") => inflate(MultiGzDecoder::new(&received[..]), received.len(), max_bytes),
        Some("deflate") => inflate(ZlibDecoder::new(&received[..]), received.len(), max_bytes),
        Some(other) => Err(FetchError::BadUpstream(format!("content encoding {other:?} was not asked for"))),
    }
}

fn inflate(mut decoder: impl Read, received: usize, max_bytes: usize) -> Result<Bytes, FetchError> {
    let mut out = Vec::new();
    let mut step = vec![0; STEP];
    loop {
        let read = decoder
            .read(&mut step)
            .map_err(|e| FetchError::BadUpstream(format!("the compressed body is broken: {e}")))?;
        if read == 0 {
            return Ok(out.into());
        }
        out.extend_from_slice(&step[..read]);
        if out.len() > max_bytes {
            return Err(too_large(max_bytes));
        }
        if out.len() > RATIO_APPLIES_FROM && out.len() / received.max(1) > MAX_RATIO {
            return Err(FetchError::BadUpstream(format!("compressed more than {MAX_RATIO} times: a bomb")));
        }
    }
}

fn too_large(max_bytes: usize) -> FetchError {
    FetchError::BadUpstream(format!("larger than {max_bytes} bytes"))
}

fn cut_off(error: &reqwest::Error) -> FetchError {
    FetchError::Transient(format!(
        "the answer broke off: {}",
        if error.is_timeout() { "time-out" } else { "connection" }
    ))
}

/// An answer without end.
#[derive(Debug)]
pub struct BodyStream(reqwest::Response);

impl BodyStream {
    pub(super) const fn new(response: reqwest::Response) -> Self {
        Self(response)
    }

    /// The next piece; `None` when the server has closed. Safe to drop.
    ///
    /// # Errors
    /// [`FetchError::Transient`] when the connection broke.
    pub async fn next(&mut self) -> Result<Option<Bytes>, FetchError> {
        self.0.chunk().await.map_err(|e| cut_off(&e))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gz(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    #[test]
    fn a_bomb_is_refused_and_text_is_not() {
        let bomb = gz(&vec![b'a'; 4 << 20]);
        let error = inflate(MultiGzDecoder::new(&bomb[..]), bomb.len(), 64 << 20).unwrap_err();
        assert!(error.to_string().contains("bomb"));
        let text = gz(b"hello");
        assert_eq!(inflate(MultiGzDecoder::new(&text[..]), text.len(), 100).unwrap(), &b"hello"[..]);
        assert!(inflate(MultiGzDecoder::new(&text[..]), text.len(), 3).is_err());
    }
}
