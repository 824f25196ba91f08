//! Compacted topics: only the newest record of each key stays.

use std::collections::{BTreeMap, HashMap};

use bytes::Bytes;

/// Where the newest record of each key lies, for one partition of a compacted topic. It grows with the number
/// of keys, which on these topics is the number of sources and rules.
#[derive(Debug, Default)]
pub(crate) struct LatestKeys {
    newest: HashMap<Bytes, i64>,
    /// Offset and time (milliseconds) of deletions that are still readable.
    deletions: BTreeMap<i64, (Bytes, i64)>,
}

impl LatestKeys {
    /// A record was appended at `offset`: the offset of the record that it replaces.
    pub(crate) fn replace(
        &mut self,
        key: &Bytes,
        deleted: bool,
        offset: i64,
        timestamp_ms: i64,
    ) -> Option<i64> {
        // A key may share a large buffer with its value; the table keeps its own small copy.
        let key = Bytes::copy_from_slice(key);
        let old = self.newest.insert(key.clone(), offset);
        if let Some(old) = old {
            self.deletions.remove(&old);
        }
        if deleted {
            self.deletions.insert(offset, (key, timestamp_ms));
        }
        old
    }

    /// Forgets deletions older than `cutoff_ms` and says where they lie.
    pub(crate) fn expire_deletions(&mut self, cutoff_ms: i64) -> Vec<i64> {
        let expired: Vec<i64> =
            self.deletions.iter().filter(|(_, (_, at))| *at < cutoff_ms).map(|(offset, _)| *offset).collect();
        for offset in &expired {
            if let Some((key, _)) = self.deletions.remove(offset) {
                self.newest.remove(&key);
            }
        }
        expired
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_key_keeps_its_newest_and_old_deletions_go() {
        let mut keys = LatestKeys::default();
        let (a, b) = (Bytes::from_static(b"a"), Bytes::from_static(b"b"));
        assert_eq!(keys.replace(&a, false, 0, 10), None);
        assert_eq!(keys.replace(&b, false, 1, 11), None);
        assert_eq!(keys.replace(&a, true, 2, 12), Some(0));
        assert_eq!(keys.expire_deletions(12), Vec::<i64>::new());
        assert_eq!(keys.expire_deletions(13), vec![2]);
        assert_eq!(keys.replace(&a, false, 3, 14), None, "the deleted key starts anew");
        assert_eq!(keys.replace(&b, false, 4, 15), Some(1));
    }
}
