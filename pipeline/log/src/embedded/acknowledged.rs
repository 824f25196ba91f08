//! A small file beside the database that remembers how much was acknowledged.
//!
//! The database repairs a torn end of its journal by cutting it off, which is right for a write that nobody was
//! told of, and silent loss when the damage lies before it. So every group of writes bears a number; after it is
//! durable the number goes into this file (without a sync of its own: it may lag behind, never run ahead), and
//! at opening the database must have reached it.

use std::fs::{File, OpenOptions};
use std::os::unix::fs::FileExt;
use std::path::Path;

const FILE_NAME: &str = "acknowledged";

/// Number and its complement, 8 bytes each.
const LENGTH: usize = 16;

pub(super) struct Acknowledged(File);

impl Acknowledged {
    pub(super) fn open(folder: &Path) -> std::io::Result<Self> {
        let path = folder.join(FILE_NAME);
        OpenOptions::new().read(true).write(true).create(true).truncate(false).open(path).map(Self)
    }

    /// The last acknowledged group, 0 in a new folder; `None` when the file is damaged.
    pub(super) fn load(&self) -> std::io::Result<Option<u64>> {
        if self.0.metadata()?.len() == 0 {
            return Ok(Some(0));
        }
        let mut bytes = [0; LENGTH];
        if self.0.read_exact_at(&mut bytes, 0).is_err() {
            return Ok(None);
        }
        // Both halves at once, as one 128-bit number.
        let both = u128::from_be_bytes(bytes);
        let (number, complement) = ((both >> 64) as u64, both as u64);
        Ok((number == !complement).then_some(number))
    }

    pub(super) fn store(&self, number: u64) -> std::io::Result<()> {
        let bytes = ((u128::from(number) << 64) | u128::from(!number)).to_be_bytes();
        self.0.write_all_at(&bytes, 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn remembers_the_number_and_notices_damage() {
        let folder = tempfile::tempdir().unwrap();
        let file = Acknowledged::open(folder.path()).unwrap();
        assert_eq!(file.load().unwrap(), Some(0));
        file.store(7).unwrap();
        file.store(8).unwrap();
        assert_eq!(Acknowledged::open(folder.path()).unwrap().load().unwrap(), Some(8));
        file.0.write_all_at(&[1], 3).unwrap();
        assert_eq!(file.load().unwrap(), None);
    }
}
