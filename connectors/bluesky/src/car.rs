//! DAG-CBOR and CAR, as far as the firehose needs them.
//!
//! CBOR: RFC 8949 in the strict form of DAG-CBOR (no indefinite lengths; tag 42 for links). CAR: a header, then
//! blocks of CID and bytes. Both come from outside: every length is checked against what is there.

use std::collections::HashMap;

use serde_json::{Map, Number, Value};
use sha2::{Digest, Sha256};

/// Values may nest this deep.
const MAX_DEPTH: u32 = 64;
/// Blocks in one CAR.
const MAX_BLOCKS: usize = 100_000;

/// Why bytes could not be read.
pub(crate) type Broken = &'static str;

/// A CBOR value. Links keep their CID bytes.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Cbor<'a> {
    Integer(i64),
    Float(f64),
    Bytes(&'a [u8]),
    Text(&'a str),
    Array(Vec<Cbor<'a>>),
    Map(Vec<(&'a str, Cbor<'a>)>),
    Link(&'a [u8]),
    Bool(bool),
    Null,
}

impl<'a> Cbor<'a> {
    /// A field of a map.
    pub(crate) fn get(&self, key: &str) -> Option<&Self> {
        let Self::Map(fields) = self else { return None };
        fields.iter().find(|(k, _)| *k == key).map(|(_, v)| v)
    }

    pub(crate) const fn as_str(&self) -> Option<&'a str> {
        if let Self::Text(text) = self { Some(text) } else { None }
    }

    pub(crate) const fn as_i64(&self) -> Option<i64> {
        if let Self::Integer(number) = self { Some(*number) } else { None }
    }

    /// The JSON form; bytes and links, which posts do not speak through, become null.
    pub(crate) fn to_json(&self) -> Value {
        match self {
            Self::Integer(n) => Value::from(*n),
            Self::Float(f) => Number::from_f64(*f).map_or(Value::Null, Value::Number),
            Self::Text(text) => Value::from(*text),
            Self::Bool(b) => Value::Bool(*b),
            Self::Array(items) => items.iter().map(Self::to_json).collect(),
            Self::Map(fields) => Value::Object(
                fields.iter().map(|(k, v)| ((*k).to_owned(), v.to_json())).collect::<Map<_, _>>(),
            ),
            Self::Bytes(_) | Self::Link(_) | Self::Null => Value::Null,
        }
    }
}

/// Reads one value; returns what follows it.
pub(crate) fn cbor(bytes: &[u8]) -> Result<(Cbor<'_>, &[u8]), Broken> {
    let mut reader = Reader { rest: bytes };
    let value = reader.value(0)?;
    Ok((value, reader.rest))
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: u64) -> Result<&'a [u8], Broken> {
        let length = usize::try_from(length).map_err(|_| "a length that no memory holds")?;
        if length > self.rest.len() {
            return Err("the data end within a value");
        }
        let (head, rest) = self.rest.split_at(length);
        self.rest = rest;
        Ok(head)
    }

    fn number(&mut self, bytes: u64) -> Result<u64, Broken> {
        Ok(self.take(bytes)?.iter().fold(0, |n, b| (n << 8) | u64::from(*b)))
    }

    fn text(&mut self, length: u64) -> Result<&'a str, Broken> {
        std::str::from_utf8(self.take(length)?).map_err(|_| "a text is not UTF-8")
    }

    fn head(&mut self) -> Result<(u8, u64), Broken> {
        let first = self.take(1)?[0];
        let argument = match first & 0x1f {
            small @ 0..=23 => u64::from(small),
            24 => self.number(1)?,
            25 => self.number(2)?,
            26 => self.number(4)?,
            27 => self.number(8)?,
            _ => return Err("an indefinite length"),
        };
        Ok((first, argument))
    }

    fn value(&mut self, depth: u32) -> Result<Cbor<'a>, Broken> {
        if depth > MAX_DEPTH {
            return Err("nested too deep");
        }
        let (first, argument) = self.head()?;
        Ok(match first >> 5 {
            0 => Cbor::Integer(i64::try_from(argument).map_err(|_| "an integer over 63 bits")?),
            1 => Cbor::Integer(-1 - i64::try_from(argument).map_err(|_| "an integer over 63 bits")?),
            2 => Cbor::Bytes(self.take(argument)?),
            3 => Cbor::Text(self.text(argument)?),
            // Every item takes a byte at least: a count cannot ask for more memory than there is input.
            4 | 5 if argument > self.rest.len() as u64 => return Err("more items than bytes"),
            4 => Cbor::Array((0..argument).map(|_| self.value(depth + 1)).collect::<Result<_, _>>()?),
            5 => Cbor::Map((0..argument).map(|_| self.entry(depth + 1)).collect::<Result<_, _>>()?),
            6 => match (argument, self.value(depth + 1)?) {
                // The CID stands behind a zero byte.
                (42, Cbor::Bytes([0, cid @ ..])) => Cbor::Link(cid),
                (42, _) => return Err("a link without CID"),
                (_, value) => value,
            },
            _ => match first & 0x1f {
                20 => Cbor::Bool(false),
                21 => Cbor::Bool(true),
                22 | 23 => Cbor::Null,
                26 => Cbor::Float(f64::from(f32::from_bits(u32::try_from(argument).unwrap_or_default()))),
                27 => Cbor::Float(f64::from_bits(argument)),
                _ => return Err("a simple value that DAG-CBOR does not have"),
            },
        })
    }

    fn entry(&mut self, depth: u32) -> Result<(&'a str, Cbor<'a>), Broken> {
        let (first, argument) = self.head()?;
        if first >> 5 != 3 {
            return Err("a key is no text");
        }
        Ok((self.text(argument)?, self.value(depth)?))
    }
}

/// The blocks of a CAR, by CID.
pub(crate) fn car(bytes: &[u8]) -> Result<HashMap<&[u8], &[u8]>, Broken> {
    let mut rest = bytes;
    let header = section(&mut rest)?;
    cbor(header)?;
    let mut blocks = HashMap::new();
    while !rest.is_empty() {
        let block = section(&mut rest)?;
        let cid = cid_length(block)?;
        blocks.insert(&block[..cid], &block[cid..]);
        if blocks.len() > MAX_BLOCKS {
            return Err("too many blocks");
        }
    }
    Ok(blocks)
}

/// Do these bytes hash to the CID? Only SHA-256 is told; other hashes are believed.
pub(crate) fn is_intact(cid: &[u8], block: &[u8]) -> bool {
    match cid {
        // CIDv1, any codec of one byte, sha2-256, 32 bytes.
        [1, _, 0x12, 0x20, digest @ ..] => Sha256::digest(block).as_slice() == digest,
        _ => true,
    }
}

fn section<'a>(rest: &mut &'a [u8]) -> Result<&'a [u8], Broken> {
    let length = usize::try_from(varint(rest)?).map_err(|_| "a length that no memory holds")?;
    if length > rest.len() {
        return Err("the CAR ends within a block");
    }
    let (head, tail) = rest.split_at(length);
    *rest = tail;
    Ok(head)
}

fn cid_length(block: &[u8]) -> Result<usize, Broken> {
    let mut rest = block;
    if block.starts_with(&[0x12, 0x20]) {
        return if block.len() < 34 { Err("a CID is cut off") } else { Ok(34) };
    }
    let (_version, _codec, _hash) = (varint(&mut rest)?, varint(&mut rest)?, varint(&mut rest)?);
    let digest = usize::try_from(varint(&mut rest)?).map_err(|_| "a CID is cut off")?;
    if digest > rest.len() {
        return Err("a CID is cut off");
    }
    Ok(block.len() - rest.len() + digest)
}

fn varint(rest: &mut &[u8]) -> Result<u64, Broken> {
    let mut value = 0u64;
    for shift in (0..63).step_by(7) {
        let Some((byte, tail)) = rest.split_first() else { return Err("a length is cut off") };
        *rest = tail;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Ok(value);
        }
    }
    Err("a length over 63 bits")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_of_every_kind() {
        // {"a": [1, -2, "x", h'00', true, null, 42(h'0001')]}
        let bytes =
            [0xa1, 0x61, b'a', 0x87, 1, 0x21, 0x61, b'x', 0x41, 0, 0xf5, 0xf6, 0xd8, 42, 0x42, 0, 1, 0xff];
        let (value, rest) = cbor(&bytes).unwrap();
        assert_eq!(rest, [0xff]);
        let Some(Cbor::Array(items)) = value.get("a") else { panic!("no array") };
        assert_eq!(items[1], Cbor::Integer(-2));
        assert_eq!(items[6], Cbor::Link(&[1]));
    }

    #[test]
    fn lengths_that_lie_are_refused() {
        assert!(cbor(&[0x9b, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
        assert!(cbor(&[0x81; 200]).is_err());
        assert!(car(&[0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff]).is_err());
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_read_without_panic(bytes: Vec<u8>) {
            let _ = cbor(&bytes);
            let _ = car(&bytes);
        }
    }
}
