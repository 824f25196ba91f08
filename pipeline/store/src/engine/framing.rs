//! ClickHouse's compressed frames, as clients send them with `decompress=1`.
//!
//! A frame is 16 bytes checksum (CityHash 1.0.2 of the rest, halves swapped), one byte method, four bytes
//! size of the frame without checksum, four bytes size after decompression (both little-endian), data.
//! Source of the format: ClickHouse `src/Compression/CompressedReadBufferBase.cpp`.

use bytes::{Buf, BytesMut};

use super::error::{DbError, code};

const CHECKSUM_BYTES: usize = 16;
const HEADER_BYTES: usize = 9;
/// Clients send frames of about 1 MiB; more than this is refused before any memory is taken for it.
pub(super) const MAX_FRAME_BYTES: usize = 64 * 1024 * 1024;

const METHOD_NONE: u8 = 0x02;
const METHOD_LZ4: u8 = 0x82;
const METHOD_ZSTD: u8 = 0x90;

/// Takes the next whole frame out of `buffer` and unpacks it; `None` when it is not complete yet.
pub(super) fn next_frame(buffer: &mut BytesMut) -> Result<Option<Vec<u8>>, DbError> {
    let Some(header) = buffer.get(CHECKSUM_BYTES..CHECKSUM_BYTES + HEADER_BYTES) else { return Ok(None) };
    let [method, c0, c1, c2, c3, u0, u1, u2, u3] = *header else { return Ok(None) };
    let packed = u32::from_le_bytes([c0, c1, c2, c3]) as usize;
    let unpacked = u32::from_le_bytes([u0, u1, u2, u3]) as usize;
    if !(HEADER_BYTES..=MAX_FRAME_BYTES).contains(&packed) || unpacked > MAX_FRAME_BYTES {
        return Err(DbError::new(
            code::TOO_LARGE_SIZE_COMPRESSED,
            format_args!("compressed frame of {packed} bytes for {unpacked}; allowed are {MAX_FRAME_BYTES}"),
        ));
    }
    if buffer.len() < CHECKSUM_BYTES + packed {
        buffer.reserve(CHECKSUM_BYTES + packed - buffer.len());
        return Ok(None);
    }
    let checksum = buffer.split_to(CHECKSUM_BYTES);
    let frame = buffer.split_to(packed);
    if checksum_of(&frame) != checksum[..] {
        return Err(DbError::new(
            code::CHECKSUM_DOESNT_MATCH,
            "checksum of a compressed frame does not match",
        ));
    }
    let data = &frame[HEADER_BYTES..];
    let bytes = match method {
        METHOD_NONE => data.to_vec(),
        METHOD_LZ4 => lz4_flex::block::decompress(data, unpacked).map_err(|e| broken(&e))?,
        METHOD_ZSTD => zstd::bulk::decompress(data, unpacked).map_err(|e| broken(&e))?,
        other => return Err(broken(&format_args!("unknown method {other:#04x}"))),
    };
    if bytes.len() != unpacked {
        return Err(broken(&format_args!("{} bytes unpacked where {unpacked} were announced", bytes.len())));
    }
    Ok(Some(bytes))
}

fn checksum_of(frame: &[u8]) -> [u8; CHECKSUM_BYTES] {
    cityhash_rs::cityhash_102_128(frame).rotate_right(64).to_le_bytes()
}

fn broken(why: &dyn std::fmt::Display) -> DbError {
    DbError::new(code::CANNOT_DECOMPRESS, format_args!("cannot decompress a frame: {why}"))
}

/// Bytes of the column header at the start of `RowBinaryWithNamesAndTypes`: a count, then so many names, then
/// so many types, each a variable-length size and bytes. The engine repeats it in every streamed chunk.
/// `None` when `chunk` does not hold a whole header.
pub(super) fn column_header_length(chunk: &[u8]) -> Option<usize> {
    let mut rest = chunk;
    let columns = read_varint(&mut rest)?;
    for _ in 0..columns.checked_mul(2)? {
        let length = usize::try_from(read_varint(&mut rest)?).ok()?;
        if rest.len() < length {
            return None;
        }
        rest.advance(length);
    }
    Some(chunk.len() - rest.len())
}

fn read_varint(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0;
    for shift in (0..64).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn frame(method: u8, data: &[u8], unpacked: usize) -> Vec<u8> {
        let mut frame = vec![method];
        frame.extend(u32::try_from(data.len() + HEADER_BYTES).unwrap().to_le_bytes());
        frame.extend(u32::try_from(unpacked).unwrap().to_le_bytes());
        frame.extend(data);
        let mut whole = checksum_of(&frame).to_vec();
        whole.extend(frame);
        whole
    }

    proptest! {
        #[test]
        fn frames_unpack_however_they_are_cut(text in "[a-c ]{0,2000}", cut in 0usize..200) {
            let plain = text.as_bytes();
            let packings = [
                (METHOD_NONE, plain.to_vec()),
                (METHOD_LZ4, lz4_flex::block::compress(plain)),
                (METHOD_ZSTD, zstd::bulk::compress(plain, 1).unwrap()),
            ];
            for (method, data) in packings {
                let whole = frame(method, &data, plain.len());
                let cut = cut.min(whole.len() - 1);
                let mut buffer = BytesMut::from(&whole[..cut]);
                prop_assert_eq!(next_frame(&mut buffer).unwrap(), None);
                buffer.extend_from_slice(&whole[cut..]);
                prop_assert_eq!(next_frame(&mut buffer).unwrap().unwrap(), plain);
                prop_assert!(buffer.is_empty());
            }
        }

        #[test]
        fn any_bytes_are_refused_or_wait(bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            let _ = next_frame(&mut BytesMut::from(&bytes[..]));
            let _ = column_header_length(&bytes);
        }
    }

    #[test]
    fn a_changed_byte_is_found_and_a_bomb_is_refused() {
        let mut whole = frame(METHOD_NONE, b"hello", 5);
        *whole.last_mut().unwrap() ^= 1;
        assert_eq!(
            next_frame(&mut BytesMut::from(&whole[..])).unwrap_err().code,
            code::CHECKSUM_DOESNT_MATCH
        );
        let bomb = frame(METHOD_LZ4, b"x", MAX_FRAME_BYTES + 1);
        assert_eq!(
            next_frame(&mut BytesMut::from(&bomb[..])).unwrap_err().code,
            code::TOO_LARGE_SIZE_COMPRESSED
        );
    }

    #[test]
    fn the_column_header_is_measured() {
        let chunk = b"\x02\x01a\x02bb\x05UInt8\x06Stringrows";
        assert_eq!(column_header_length(chunk), Some(chunk.len() - 4));
        assert_eq!(column_header_length(&chunk[..5]), None);
    }
}
