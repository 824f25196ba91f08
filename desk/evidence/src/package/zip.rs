//! The one form of ZIP that Streife writes and accepts.
//!
//! Entries are stored uncompressed, in strictly ascending order of their names, with a fixed time and mode, no extra
//! fields, no comments, no gaps; the file ends with the end record. So the same files give the same bytes, every
//! byte has one allowed value, and the usual ambiguities (two directories, doubled names, bombs, data behind the
//! end, links) have no room. Any unzip program opens it.

use std::collections::{BTreeMap, BTreeSet};

/// Files by their path inside the archive.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Most entries of one archive.
pub const MAX_ENTRIES: usize = 20_000;
/// Largest archive in bytes: what the plain ZIP format can address with room to spare.
pub const MAX_ARCHIVE_BYTES: usize = 3 * 1024 * 1024 * 1024;
/// Longest path in bytes; leaves room for a folder on a USB stick.
pub const MAX_NAME_BYTES: usize = 200;

const LOCAL: [u8; 4] = *b"PK\x03\x04";
const CENTRAL: [u8; 4] = *b"PK\x01\x02";
const END: [u8; 4] = *b"PK\x05\x06";
/// Version 2.0, name in UTF-8, stored, 1980-01-01 00:00:00.
const FIXED: [u8; 10] = [20, 0, 0, 8, 0, 0, 0, 0, 0x21, 0];
/// Made by Unix, version 2.0.
const MADE_BY: [u8; 2] = [20, 3];
/// A regular file, rw-r--r--.
const MODE: [u8; 4] = (0o100_644u32 << 16).to_le_bytes();

/// Why files cannot be written as an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum WriteError {
    /// A path that [`check_name`] refuses.
    #[error("{0:?} cannot be a path in a package: {1}")]
    Name(String, &'static str),
    /// Two paths that differ in case alone.
    #[error("{0:?} and another path differ in case alone")]
    CaseClash(String),
    /// More than [`MAX_ENTRIES`] files or [`MAX_ARCHIVE_BYTES`] bytes.
    #[error("the package would be too large: {files} files, {bytes} bytes")]
    TooLarge {
        /// Number of files.
        files: usize,
        /// Their size.
        bytes: usize,
    },
}

/// What is wrong with an archive.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// The structure differs from the canonical form.
    #[error("byte {at} (after {after:?}): {what}")]
    Structure {
        /// Where.
        at: usize,
        /// The last name read.
        after: String,
        /// What.
        what: &'static str,
    },
    /// Content does not have the checksum in the archive.
    #[error("{0:?}: content does not match the checksum in the archive")]
    Checksum(String),
    /// A path that [`check_name`] refuses.
    #[error("{0:?} is not allowed as a path: {1}")]
    Name(String, &'static str),
    /// A path that does not follow its predecessor in order, or comes twice.
    #[error("{0:?} is out of order or there twice")]
    Order(String),
    /// Two paths that differ in case alone.
    #[error("{0:?} differs from another path in case alone")]
    CaseClash(String),
    /// More than [`MAX_ENTRIES`] files or [`MAX_ARCHIVE_BYTES`] bytes.
    #[error("the archive is larger than is allowed")]
    TooLarge,
}

/// Is `name` a plain relative path of letters, digits and `._-`?
///
/// # Errors
/// What is wrong with it.
pub fn check_name(name: &str) -> Result<(), &'static str> {
    if name.is_empty() || name.len() > MAX_NAME_BYTES {
        return Err("empty or too long");
    }
    if !name.bytes().all(|b| b.is_ascii_alphanumeric() || b"._-/".contains(&b)) {
        return Err("characters other than letters, digits, '.', '_', '-' and '/'");
    }
    if name.split('/').any(|part| part.is_empty() || part.ends_with('.')) {
        return Err("absolute, or with an empty, '.' or '..' part");
    }
    Ok(())
}

/// Writes `files` as an archive.
///
/// # Errors
/// [`WriteError`] for a path or size that the form does not allow.
pub fn write(files: &Files) -> Result<Vec<u8>, WriteError> {
    let bytes = files.iter().map(|(name, content)| content.len() + 2 * name.len() + 76).sum::<usize>() + 22;
    if files.len() > MAX_ENTRIES || bytes > MAX_ARCHIVE_BYTES {
        return Err(WriteError::TooLarge { files: files.len(), bytes });
    }
    let mut folded = BTreeSet::new();
    let mut archive = Vec::with_capacity(bytes);
    let mut central = Vec::new();
    for (name, content) in files {
        check_name(name).map_err(|why| WriteError::Name(name.clone(), why))?;
        if !folded.insert(name.to_ascii_lowercase()) {
            return Err(WriteError::CaseClash(name.clone()));
        }
        let offset = small(archive.len());
        let sizes = sizes(name, content);
        for part in [&LOCAL[..], &FIXED, &sizes, &[0, 0], name.as_bytes(), content] {
            archive.extend_from_slice(part);
        }
        for part in [&CENTRAL[..], &MADE_BY, &FIXED, &sizes, &[0; 8], &MODE, &offset, name.as_bytes()] {
            central.extend_from_slice(part);
        }
    }
    let end = end_record(files.len(), central.len(), archive.len());
    archive.extend_from_slice(&central);
    archive.extend_from_slice(&end);
    Ok(archive)
}

/// Sizes were checked against [`MAX_ARCHIVE_BYTES`], so they fit.
fn small(value: usize) -> [u8; 4] {
    u32::try_from(value).unwrap_or(u32::MAX).to_le_bytes()
}

/// Checksum, both sizes, length of the name.
fn sizes(name: &str, content: &[u8]) -> [u8; 14] {
    let mut crc = flate2::Crc::new();
    crc.update(content);
    let mut out = [0; 14];
    out[..4].copy_from_slice(&crc.sum().to_le_bytes());
    out[4..8].copy_from_slice(&small(content.len()));
    out[8..12].copy_from_slice(&small(content.len()));
    out[12..].copy_from_slice(&u16::try_from(name.len()).unwrap_or(u16::MAX).to_le_bytes());
    out
}

fn end_record(entries: usize, central: usize, offset: usize) -> Vec<u8> {
    let count = u16::try_from(entries).unwrap_or(u16::MAX).to_le_bytes();
    [&END[..], &[0; 4], &count, &count, &small(central), &small(offset), &[0, 0]].concat()
}

/// What was read, and everything that is wrong with it. Files are there as far as they could be read, so that the
/// manifests can say more.
#[derive(Debug, Default)]
pub struct Archive {
    /// The files.
    pub files: Files,
    /// What is wrong; empty for a sound archive.
    pub problems: Vec<ReadError>,
}

/// Reads an archive strictly.
pub fn read(archive: &[u8]) -> Archive {
    let mut out = Archive::default();
    if archive.len() > MAX_ARCHIVE_BYTES {
        out.problems.push(ReadError::TooLarge);
        return out;
    }
    if let Err(problem) = read_into(archive, &mut out) {
        out.problems.push(problem);
    }
    out
}

struct Cursor<'a> {
    bytes: &'a [u8],
    at: usize,
    after: String,
}

impl<'a> Cursor<'a> {
    fn wrong(&self, what: &'static str) -> ReadError {
        ReadError::Structure { at: self.at, after: self.after.clone(), what }
    }
    fn take(&mut self, len: usize) -> Result<&'a [u8], ReadError> {
        let end = self.at.checked_add(len).filter(|end| *end <= self.bytes.len());
        let end = end.ok_or_else(|| self.wrong("the archive ends too early"))?;
        let slice = &self.bytes[self.at..end];
        self.at = end;
        Ok(slice)
    }
    fn expect(&mut self, expected: &[u8], what: &'static str) -> Result<(), ReadError> {
        let start = self.at;
        if self.take(expected.len())? != expected {
            self.at = start;
            return Err(self.wrong(what));
        }
        Ok(())
    }
    fn starts_with(&self, what: &[u8]) -> bool {
        self.bytes[self.at..].starts_with(what)
    }
}

fn number(bytes: &[u8]) -> usize {
    bytes.iter().rev().fold(0, |value, byte| (value << 8) | usize::from(*byte))
}

fn read_into(archive: &[u8], out: &mut Archive) -> Result<(), ReadError> {
    let mut cursor = Cursor { bytes: archive, at: 0, after: String::new() };
    let mut entries: Vec<(String, [u8; 14], usize)> = Vec::new();
    let mut folded = BTreeSet::new();
    while cursor.starts_with(&LOCAL) {
        if entries.len() == MAX_ENTRIES {
            return Err(ReadError::TooLarge);
        }
        let offset = cursor.at;
        cursor.take(4)?;
        cursor.expect(&FIXED, "an entry with another version, flag, method or time than is allowed")?;
        let mut sizes_read = [0; 14];
        sizes_read.copy_from_slice(cursor.take(14)?);
        cursor.expect(&[0, 0], "an entry with an extra field")?;
        let name = cursor.take(number(&sizes_read[12..]))?;
        let name = String::from_utf8_lossy(name).into_owned();
        if sizes_read[4..8] != sizes_read[8..12] {
            return Err(cursor.wrong("an entry whose two sizes differ"));
        }
        let content = cursor.take(number(&sizes_read[8..12]))?;
        check_name(&name).map_err(|why| ReadError::Name(name.clone(), why))?;
        if sizes(&name, content) != sizes_read {
            out.problems.push(ReadError::Checksum(name.clone()));
        }
        if entries.last().is_some_and(|(last, ..)| *last >= name) {
            out.problems.push(ReadError::Order(name.clone()));
        }
        if !folded.insert(name.to_ascii_lowercase()) && !out.files.contains_key(&name) {
            out.problems.push(ReadError::CaseClash(name.clone()));
        }
        cursor.after.clone_from(&name);
        entries.push((name.clone(), sizes_read, offset));
        out.files.insert(name, content.to_vec());
    }
    // Without this a broken head of an entry would be told as a fault of the directory's first entry.
    if !entries.is_empty() && !cursor.starts_with(&CENTRAL) {
        return Err(cursor.wrong("neither another entry nor the directory begins here"));
    }
    let central = cursor.at;
    for (name, sizes, offset) in &entries {
        cursor.after.clone_from(name);
        let entry = [&CENTRAL[..], &MADE_BY, &FIXED, sizes, &[0; 8], &MODE, &small(*offset), name.as_bytes()]
            .concat();
        cursor.expect(&entry, "the directory does not repeat this entry exactly")?;
    }
    let end = end_record(entries.len(), cursor.at - central, central);
    cursor.expect(&end, "the end record does not match the entries")?;
    if cursor.at != archive.len() {
        return Err(cursor.wrong("data behind the end of the archive"));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files() -> Files {
        [("a/b.txt", "one"), ("a/c.txt", ""), ("d", "three")]
            .map(|(name, content)| (name.to_owned(), content.as_bytes().to_vec()))
            .into()
    }

    #[test]
    fn what_is_written_reads_back() {
        let read = read(&write(&files()).unwrap());
        assert_eq!(read.problems, []);
        assert_eq!(read.files, files());
    }

    #[test]
    fn every_single_flipped_bit_is_found() {
        let archive = write(&files()).unwrap();
        for at in 0..archive.len() {
            for bit in 0..8 {
                let mut changed = archive.clone();
                changed[at] ^= 1 << bit;
                assert_ne!(read(&changed).problems, [], "bit {bit} of byte {at}");
            }
        }
    }

    #[test]
    fn a_head_that_is_broken_is_told_at_its_place() {
        let archive = write(&files()).unwrap();
        let second = archive.windows(4).enumerate().filter(|(_, window)| *window == LOCAL).nth(1).unwrap().0;
        for at in second..second + LOCAL.len() {
            let mut changed = archive.clone();
            changed[at] ^= 1;
            let problems = read(&changed).problems;
            assert!(
                matches!(&problems[..], [ReadError::Structure { at, after, .. }] if *at == second && after == "a/b.txt"),
                "{problems:?}"
            );
        }
    }

    #[test]
    fn tricks_have_no_room() {
        let archive = write(&files()).unwrap();
        let mut behind = archive.clone();
        behind.push(0);
        assert!(matches!(read(&behind).problems[..], [ReadError::Structure { .. }]));
        assert_ne!(read(&[b"x", &archive[..]].concat()).problems, []);
        assert_ne!(read(&[]).problems, []);
        for name in ["/etc/x", "../x", "a/../b", "a//b", "C:x", "a\\b", "x.", "a b", "\u{e4}", ""] {
            let one: Files = [(name.to_owned(), Vec::new())].into();
            assert!(matches!(write(&one), Err(WriteError::Name(..))), "{name}");
        }
        let clash: Files = [("A".to_owned(), Vec::new()), ("a".to_owned(), Vec::new())].into();
        assert!(matches!(write(&clash), Err(WriteError::CaseClash(_))));
    }

    proptest::proptest! {
        #[test]
        fn any_bytes_are_answered_without_a_panic(bytes in proptest::collection::vec(proptest::num::u8::ANY, 0..300)) {
            proptest::prop_assert!(!read(&bytes).problems.is_empty());
            let _ = read(&[&LOCAL[..], &FIXED, &bytes].concat());
        }
    }
}
