//! Canonical JSON: one byte sequence per value, so that hashes mean the same everywhere.
//!
//! Object keys sorted by their UTF-8 bytes, no white space, the shortest escapes of `serde_json`, integers only
//! where numbers are needed. It follows RFC 8785 for the values the ledgers hold (strings, integers, booleans,
//! arrays, objects with plain keys); floating point numbers are not written to ledgers.

use serde::Serialize;
use serde_json::Value;
use sha2::{Digest, Sha256};

/// The canonical bytes of `value`.
///
/// # Errors
/// When `value` has no JSON form.
pub fn canonical(value: &impl Serialize) -> Result<Vec<u8>, serde_json::Error> {
    let value = serde_json::to_value(value)?;
    let mut out = Vec::with_capacity(256);
    write(&value, &mut out)?;
    Ok(out)
}

/// SHA-256 of the canonical bytes, lower-case hexadecimal.
///
/// # Errors
/// When `value` has no JSON form.
pub fn canonical_sha256(value: &impl Serialize) -> Result<String, serde_json::Error> {
    Ok(hex::encode(Sha256::digest(canonical(value)?)))
}

fn write(value: &Value, out: &mut Vec<u8>) -> Result<(), serde_json::Error> {
    match value {
        Value::Object(map) => {
            let mut keys: Vec<&String> = map.keys().collect();
            keys.sort_unstable();
            out.push(b'{');
            for (i, key) in keys.into_iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                serde_json::to_writer(&mut *out, key)?;
                out.push(b':');
                write(map.get(key).unwrap_or(&Value::Null), out)?;
            }
            out.push(b'}');
        }
        Value::Array(items) => {
            out.push(b'[');
            for (i, item) in items.iter().enumerate() {
                if i > 0 {
                    out.push(b',');
                }
                write(item, out)?;
            }
            out.push(b']');
        }
        plain => serde_json::to_writer(&mut *out, plain)?,
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_are_sorted_at_every_depth() {
        let value: Value = serde_json::from_str(r#"{"b":[{"z":1,"a":"\u00e4"}],"a":null}"#).unwrap();
        assert_eq!(canonical(&value).unwrap(), "{\"a\":null,\"b\":[{\"a\":\"ä\",\"z\":1}]}".as_bytes());
    }
}
