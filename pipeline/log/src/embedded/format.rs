//! The bytes on disk. Version 1; all numbers big endian, so that keys sort by partition and offset.
//!
//! * key of a record: partition `u32`, offset `u64`
//! * record: version `u8`, time in milliseconds `i64`, number of headers `u16`, then for each header the length
//!   of its name `u16`, name, length of its value `u32`, value; then length of the key `u32`, key, and the rest
//!   is the value.

use bytes::{Buf, BufMut, Bytes};

use crate::local::record_bytes;
use crate::{Headers, LogError, Record};

const VERSION: u8 = 1;

/// Fixed parts of a record, for sizing the buffer.
const OVERHEAD: usize = 1 + 8 + 2 + 4;
const HEADER_OVERHEAD: usize = 2 + 4;

pub(super) fn record_key(partition: i32, offset: i64) -> [u8; 12] {
    let mut key = [0; 12];
    key[..4].copy_from_slice(&partition.to_be_bytes());
    key[4..].copy_from_slice(&offset.to_be_bytes());
    key
}

pub(super) fn offset_of(key: &[u8]) -> Option<i64> {
    let bytes: [u8; 8] = key.get(4..)?.try_into().ok()?;
    Some(i64::from_be_bytes(bytes))
}

pub(super) fn encode_record(timestamp_ms: i64, record: &Record) -> Result<Vec<u8>, LogError> {
    let refused = || LogError::Refused("a record has too many headers or too long a header name".to_owned());
    let size = OVERHEAD + record.headers.len() * HEADER_OVERHEAD + record_bytes(record);
    let mut out = Vec::with_capacity(size);
    out.put_u8(VERSION);
    out.put_i64(timestamp_ms);
    out.put_u16(u16::try_from(record.headers.len()).map_err(|_| refused())?);
    for (name, value) in &record.headers {
        out.put_u16(u16::try_from(name.len()).map_err(|_| refused())?);
        out.put_slice(name.as_bytes());
        out.put_u32(u32::try_from(value.len()).map_err(|_| refused())?);
        out.put_slice(value);
    }
    out.put_u32(u32::try_from(record.key.len()).map_err(|_| refused())?);
    out.put_slice(&record.key);
    out.put_slice(&record.value);
    Ok(out)
}

/// Time and record, without copying; `None` when these bytes are no record.
pub(super) fn decode_record(mut bytes: Bytes) -> Option<(i64, Record)> {
    if bytes.try_get_u8().ok()? != VERSION {
        return None;
    }
    let timestamp_ms = bytes.try_get_i64().ok()?;
    let count = bytes.try_get_u16().ok()?;
    let mut headers = Headers::with_capacity(usize::from(count).min(bytes.len() / HEADER_OVERHEAD));
    for _ in 0..count {
        let name_length = usize::from(bytes.try_get_u16().ok()?);
        let name = String::from_utf8(take(&mut bytes, name_length)?.into()).ok()?;
        let value_length = usize::try_from(bytes.try_get_u32().ok()?).ok()?;
        headers.push((name, take(&mut bytes, value_length)?));
    }
    let key_length = usize::try_from(bytes.try_get_u32().ok()?).ok()?;
    let key = take(&mut bytes, key_length)?;
    Some((timestamp_ms, Record { key, value: bytes, headers }))
}

fn take(bytes: &mut Bytes, count: usize) -> Option<Bytes> {
    (count <= bytes.len()).then(|| bytes.split_to(count))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::collection::vec;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_record_reads_back(
            at in any::<i64>(), key in vec(any::<u8>(), 0..40), value in vec(any::<u8>(), 0..200),
            headers in vec((".{0,12}", vec(any::<u8>(), 0..30)), 0..5),
        ) {
            let headers = headers.into_iter().map(|(name, value)| (name, value.into())).collect();
            let record = Record { key: key.into(), value: value.into(), headers };
            let bytes = encode_record(at, &record).unwrap();
            prop_assert_eq!(decode_record(bytes.into()), Some((at, record)));
        }

        #[test]
        fn any_bytes_are_a_record_or_none(bytes in vec(any::<u8>(), 0..200)) {
            let mut versioned = vec![VERSION];
            versioned.extend(&bytes);
            decode_record(bytes.into());
            decode_record(versioned.into());
        }

        #[test]
        fn keys_sort_by_partition_and_offset(a in (0i32.., 0i64..), b in (0i32.., 0i64..)) {
            prop_assert_eq!(record_key(a.0, a.1).cmp(&record_key(b.0, b.1)), a.cmp(&b));
            prop_assert_eq!(offset_of(&record_key(a.0, a.1)), Some(a.1));
        }
    }
}
